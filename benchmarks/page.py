"""docs/benchmarks.md, written from the results: `python -m benchmarks.page`."""

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from benchmarks.claim import COSTS
from benchmarks.measure import ROOT

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"

OPENING = """# Benchmarks

    python -m benchmarks            measure all and write this page (two hours on two cores)
    python -m benchmarks fit        one claim
    python -m benchmarks --small    a quick check that everything runs; its figures say nothing

A claim is a file in `benchmarks/`; its figures, with machine, versions and commit, are in
`benchmarks/results/`. `python -m benchmarks fit --help` says what a claim takes: sizes, seeds,
repeats. All of them need `scripts/setup cdnow deep dev personas ranker uplift`.

Every side runs in a process of its own, on the same files, in turns with the others; figures are
medians of the runs. CPU-s is user and system time of all threads. "process" is all of it:
interpreter, imports, reading, compiling, work. MiB is the peak of resident memory. A ratio above 1
means that the peer takes more. Wall time depends on what else the machine does; the load before
the start is in the results."""

ORDER = (
    "summary", "fit", "score", "pareto", "posterior", "posterior_scores", "pooling",
    "coverage", "calibration", "networks", "networks_truth", "uplift_truth", "offpolicy_truth",
    "assign", "board", "personas", "personas_truth", "ledger", "index", "cold_start", "end_to_end",
)  # fmt: skip


def main() -> None:
    """Write the page."""
    found = [RESULTS / f"{name}.json" for name in ORDER]
    results = [json.loads(path.read_text(encoding="utf-8")) for path in found if path.exists()]
    sections = [line for result in results for line in section(result)]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join([OPENING, *sections]) + "\n", encoding="utf-8")


def section(result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines about one claim."""
    machine, commit = result["machine"], result["commit"][:7]
    changed = " with changes" if result["uncommitted_changes"] else ""
    yield f"\n## {result['name']}\n\n{textwrap.fill(result['claim'], 100)}\n"
    yield f"    python -m benchmarks {result['name']}\n"
    yield (
        f"{result['date'][:10]}, commit {commit}{changed}, {machine['cores']} cores of"
        f" {machine['cpu']}, {machine['memory_gib']:.0f} GiB."
    )
    for case in result["cases"]:
        yield from table(case, result["stage"])
        for pair, ratio in case["ratios"].items():
            told = ", ".join(f"{n.replace('_', ' ')} {r:.1f}" for n, r in ratio.items())
            yield f"- {pair}: {told}"
        yield from (f"- {what.replace('_', ' ')}: {_said(v)}" for what, v in case["checks"].items())


def table(case: dict[str, Any], stage: str | None) -> Iterator[str]:
    """Yield the lines of a table with a row per side."""
    sizes = ", ".join(f"{what} {n:,}" for what, n in case["sizes"].items())
    parts = [f"{stage} CPU-s", "wall s"] if stage else []
    heads = ["side", "runs", *parts, "process CPU-s", "wall s", "MiB"]
    yield f"\n{sizes}\n" if sizes else ""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join(['---'] + ['--:'] * (len(heads) - 1))}|"
    for label, side in case["sides"].items():
        own = [side["stages"][stage][c] for c in COSTS[:2]] if stage else []
        costs = [f"{cost:,.2f}" for cost in [*own, *(side[c] for c in COSTS[:2])]]
        cells = [label, str(side["runs"]), *costs, f"{side['peak_mib']:,.0f}"]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(inner)}" for name, inner in value.items())
    if isinstance(value, float):
        return f"{value:.2g}" if abs(value) < 0.01 else f"{value:,.2f}"
    return str(value)


if __name__ == "__main__":
    main()
