"""What processes cost, seen from outside; what their stages cost, seen from inside."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]

MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""The unit of ru_maxrss."""


class Run(NamedTuple):
    """What one process cost, with its children, and what it said about itself.

    Attributes
    ----------
    cpu_seconds
        User and system time.
    peak_mib
        The largest resident set of the process or one of its children.
    stages
        {stage: {"cpu_seconds", "wall_seconds"}}, as `Stages` keeps it.
    told
        What else the process reported.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_mib: float
    stages: dict[str, dict[str, float]]
    told: dict[str, Any]


class Stages:
    """Costs of the stages of this process, by name, in the order they ended."""

    def __init__(self) -> None:
        self.costs: dict[str, dict[str, float]] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Take what happens inside for stage `name`."""
        cpu, wall = cpu_seconds(), time.perf_counter()
        try:
            yield
        finally:  # a fit that does not converge has cost what it cost
            spent = {"cpu_seconds": cpu_seconds() - cpu, "wall_seconds": time.perf_counter() - wall}
            self.costs[name] = spent


def cpu_seconds() -> float:
    """Return user and system time of this process and the children it has waited for."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def measured(
    command: Sequence[str | Path], *, folder: Path = ROOT, env: Mapping[str, str] | None = None
) -> Run:
    """Run `command` in `folder` with `env` on top of the environment, and say what it cost.

    Raises
    ------
    RuntimeError
        If it fails; the message ends in what it printed last.
    """
    with tempfile.TemporaryFile() as printed:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(env or {})}, stdout=printed, stderr=printed
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            printed.seek(0)
            tail = printed.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(map(str, command))}: exit {process.returncode}\n{tail}")
    peak = usage.ru_maxrss * MAXRSS_BYTES / 2**20
    return Run(usage.ru_utime + usage.ru_stime, wall, peak, {}, {})
