"""Where and when a benchmark ran: machine, versions, commit, date."""

import datetime as dt
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT

PACKAGES = (
    "lifeworth", "lifetimes", "autograd", "duckdb", "ibis-framework", "jax", "jaxlib", "numpy",
    "pandas", "pyarrow", "scipy", "sqlalchemy",
)  # fmt: skip

LOAD_BEFORE = os.getloadavg()[0]
"""Of the last minute before anything was measured: above about 0.5, distrust wall times."""


def circumstances() -> dict[str, Any]:
    """Return machine, load before the start, versions, commit, and the date in UTC."""
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--", "src", "benchmarks/*.py")),
        "machine": {
            "cpu": _cpu_model(),
            "cores": _cores(),
            "memory_gib": round(_memory_bytes() / 2**30, 1),
            "os": platform.platform(),
            "load_before": round(LOAD_BEFORE, 2),
        },
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _git(*words: str) -> str:
    run = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout.strip()


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _cores() -> int:
    """Count the cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in PACKAGES}
