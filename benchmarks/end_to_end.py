"""`lifeworth run experiment=clv_cdnow`, from the file to the report; there is no peer.

It reads, fits, scores and judges the model and two heuristics, and writes report.html, the scores
and a run in MLflow. "cold" is the first run on a machine, which compiles the model and makes
MLflow's store; "warm" finds both. The data are those inside the package lifetimes.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.measure import Run, measured
from benchmarks.side import Task, in_process

NAME = "end_to_end"
WORDS = ["run", "experiment=clv_cdnow", "data.folder=null"]
SMALL = [*WORDS, "debug=fast"]


def main(words: list[str] | None = None) -> None:
    """Measure."""
    given = parser(str(__doc__), repeats=3).parse_args(words)
    repeats, run = (1, SMALL) if given.small else (given.repeats, WORDS)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        sides = take_turns([
            Side("lifeworth, cold", lambda _: once(home, run), 1),
            Side("lifeworth, warm", lambda _: once(home, run), repeats),
        ])  # fmt: skip
        stages = in_process(staged, home, {"small": int(given.small)}, cache=home / "cache").told
    record(NAME, [Case({}, sides, {"stages_wall_seconds": stages})], given.results)


def once(folder: Path, words: Sequence[str]) -> Run:
    """Run once; outputs, MLflow's store and compiled code are kept in `folder`."""
    own = {"XDG_CACHE_HOME": str(folder / "cache"), "MLFLOW_TRACKING_URI": ""}
    return measured([Path(sys.executable).with_name("lifeworth"), *words], folder=folder, env=own)


def staged(task: Task) -> dict[str, float]:
    """Run once more, warm, and return the wall seconds of what the progress bar names."""
    os.chdir(task.folder)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    begun = {"importing and composing": time.perf_counter()}

    from lifeworth.run import main as pipeline
    from lifeworth.run.cli import main as lifeworth

    @contextmanager
    def steps(*shown: object) -> Iterator[object]:
        del shown
        yield lambda does: begun.setdefault(does, time.perf_counter())

    with mock.patch.object(pipeline, "steps", steps):
        lifeworth(SMALL if task.sizes["small"] else WORDS)
    ends = [*list(begun.values())[1:], time.perf_counter()]
    pairs = zip(begun.items(), ends, strict=True)
    return {does: round(end - began, 2) for (does, began), end in pairs}
