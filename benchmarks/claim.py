"""A claim: sides that take turns, medians of what they cost, a table, and a JSON file."""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.machine import circumstances
from benchmarks.measure import ROOT, Run

if TYPE_CHECKING:
    from rich.table import Table

COSTS = ("cpu_seconds", "wall_seconds", "peak_mib")


class Side(NamedTuple):
    """One side of a claim: how to run it once (given the number of the round), and how often."""

    label: str
    run: Callable[[int], Run]
    rounds: int


class Case(NamedTuple):
    """What was measured at one size.

    Attributes
    ----------
    sides
        {label: medians of what a run costs, the medians of its stages, and what its last run told}.
    checks
        What was compared between the results of the sides.
    alike
        Whether the sides did the same work, so that the ratio of their costs says something.
    """

    sizes: dict[str, int]
    sides: dict[str, dict[str, Any]]
    checks: dict[str, Any]
    alike: bool = True


def parser(about: str, repeats: int) -> argparse.ArgumentParser:
    """Return a parser of what every claim takes: --small, --repeats, --results."""
    words = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("--small", action="store_true", help="a quick check, no figures to quote")
    words.add_argument("--repeats", type=int, default=repeats, help="runs behind each median")
    words.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    return words


def take_turns(sides: Sequence[Side]) -> dict[str, dict[str, Any]]:
    """Run the sides in turn, so that a change of the machine meets all of them; return medians."""
    runs: dict[str, list[Run]] = {side.label: [] for side in sides}
    for number in range(max(side.rounds for side in sides)):
        for side in sides:
            if number < side.rounds:
                runs[side.label].append(side.run(number))
                _say(side, number, runs[side.label][-1])
    return {label: medians(some) for label, some in runs.items()}


def medians(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the median of every cost of `runs`, and of their stages."""
    costs = {c: _middle([getattr(run, c) for run in runs]) for c in COSTS}
    stages = {
        name: {c: _middle([run.stages[name][c] for run in runs]) for c in cost}
        for name, cost in runs[-1].stages.items()
    }
    return {"runs": len(runs), **costs, "stages": stages, "told": runs[-1].told}


def ratios(sides: dict[str, dict[str, Any]], stage: str | None) -> dict[str, dict[str, float]]:
    """Return how many times as much each peer takes as each side of ours, by "peer / ours".

    process_cpu, process_wall, process_peak, and stage_cpu and stage_wall where there is a stage.
    """
    ours = {label: side for label, side in sides.items() if label.startswith("lifeworth")}
    peers = {label: side for label, side in sides.items() if label not in ours}
    return {f"{p} / {o}": _ratio(peers[p], ours[o], stage) for p in peers for o in ours}


def record(name: str, cases: Sequence[Case], results: Path, stage: str | None = None) -> None:
    """Write `results`/`name`.json and print it; `stage` is the one that the claim is about."""
    claim = " ".join((sys.modules[f"benchmarks.{name}"].__doc__ or "").split())
    told = [{**case._asdict(), "ratios": _ratios(case, stage)} for case in cases]
    whole = {"name": name, "claim": claim, **circumstances(), "stage": stage, "cases": told}
    results.mkdir(parents=True, exist_ok=True)
    text = json.dumps(whole, indent=2, allow_nan=False) + "\n"
    (results / f"{name}.json").write_text(text, encoding="utf-8")
    for case in cases:
        show(name, case, stage)


def show(name: str, case: Case, stage: str | None) -> None:
    """Print a case: a row per side, the ratios, what was checked."""
    from rich.console import Console  # here, for the process that measures has to stay small

    console = Console(soft_wrap=True)
    console.print(_table(name, case, stage))
    for pair, ratio in _ratios(case, stage).items():
        told = ", ".join(f"{what} {times:.2f}" for what, times in ratio.items())
        console.print(f"  {pair}: {told}")
    for what, found in case.checks.items():
        console.print(f"  {what}: {found}")


def _table(name: str, case: Case, stage: str | None) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    sizes = ", ".join(f"{what} {n:,}" for what, n in case.sizes.items())
    parts = [f"{stage} CPU-s", "wall s"] if stage else []
    heads = ["side", "runs", *parts, "process CPU-s", "wall s", "MiB"]
    table = Table(title=f"{name}: {sizes}" if sizes else name, box=SIMPLE, title_justify="left")
    for head in heads:
        table.add_column(head, justify="left" if head == "side" else "right")
    for label, side in case.sides.items():
        part = [side["stages"][stage][c] for c in COSTS[:2]] if stage else []
        costs = [f"{cost:,.2f}" for cost in [*part, *(side[c] for c in COSTS)]]
        table.add_row(label, str(side["runs"]), *costs)
    return table


def _ratios(case: Case, stage: str | None) -> dict[str, dict[str, float]]:
    return ratios(case.sides, stage) if case.alike else {}


def _ratio(peer: dict[str, Any], our: dict[str, Any], stage: str | None) -> dict[str, float]:
    names = {cost: cost.split("_")[0] for cost in COSTS}
    whole = {f"process_{names[c]}": peer[c] / our[c] for c in COSTS}
    if stage is None:
        return whole
    part, own = peer["stages"][stage], our["stages"][stage]
    return {f"stage_{names[c]}": part[c] / own[c] for c in COSTS[:2]} | whole


def _middle(values: Sequence[float]) -> float:
    return round(statistics.median(values), 4)


def _say(side: Side, number: int, run: Run) -> None:
    done = f"{number + 1} of {side.rounds}: {run.cpu_seconds:.1f} CPU-s, {run.wall_seconds:.1f} s"
    sys.stderr.write(f"  {side.label}, {done}\n")
