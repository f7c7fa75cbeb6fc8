"""`lifeworth run experiment=clv_cdnow`, from the file to the report; there is no peer.

It reads, fits, scores and judges the model and two heuristics, and writes report.html, the scores
and a run in MLflow. "cold" is the first run on a machine, which compiles the model and makes
MLflow's store; "warm" finds both. The data are those inside the package lifetimes.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.measure import Run, measured
from benchmarks.side import Task, in_process

NAME = "end_to_end"
WORDS = ("run", "experiment=clv_cdnow", "data.folder=null")


def main(words: list[str] | None = None) -> None:
    """Measure."""
    given = parser(str(__doc__), repeats=3).parse_args(words)
    repeats = 1 if given.small else given.repeats
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        sides = take_turns([
            Side("lifeworth, cold", lambda i: once(home / str(i)), repeats),
            Side("lifeworth, warm", lambda i: once(home / str(i)), repeats),
        ])  # fmt: skip
        warm = home / "0"
        stages = in_process(staged, warm, {}, cache=warm / "cache").told
    record(NAME, [Case({}, sides, {"stages_wall_seconds": stages})], given.results)


def once(folder: Path) -> Run:
    """Run once; outputs, MLflow's store and compiled code are kept in `folder`."""
    folder.mkdir(exist_ok=True)
    own = {"XDG_CACHE_HOME": str(folder / "cache"), "MLFLOW_TRACKING_URI": ""}
    return measured([Path(sys.executable).with_name("lifeworth"), *WORDS], folder=folder, env=own)


def staged(task: Task) -> dict[str, float]:
    """Run once more, warm, and return the wall seconds of what the progress bar names."""
    from lifeworth.run import main as pipeline
    from lifeworth.run.cli import main as lifeworth

    os.chdir(task.folder)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    begun: dict[str, float] = {}

    @contextmanager
    def steps(*shown: object) -> Iterator[object]:
        del shown
        yield lambda does: begun.setdefault(does, time.perf_counter())

    with mock.patch.object(pipeline, "steps", steps):
        lifeworth(list(WORDS))
    ends = [*list(begun.values())[1:], time.perf_counter()]
    pairs = zip(begun.items(), ends, strict=True)
    return {does: round(end - began, 2) for (does, began), end in pairs}
