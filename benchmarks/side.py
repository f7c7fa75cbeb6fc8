"""A side of a benchmark, in a process of its own.

`python -m benchmarks.side MODULE FUNCTION FOLDER SIZES ANSWER` calls FUNCTION of MODULE and writes
what it returns, with the costs of its stages, to the file ANSWER.
"""

import importlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.claim import Side, take_turns
from benchmarks.measure import Run, Stages, measured

Sizes = dict[str, int]


class Task(NamedTuple):
    """What a side is given: the folder with the data, the sizes, and where to time its stages."""

    folder: Path
    sizes: Sizes
    stage: Stages


Work = Callable[[Task], dict[str, Any]]
"""A function of a claim's module; it imports what it needs itself, for that is part of the cost."""


def in_process(
    work: Work, folder: Path, sizes: Sizes, cache: Path, python: str = sys.executable
) -> Run:
    """Run `work` in a new process of `python` that keeps compiled code in `cache`."""
    answer = folder / f"{work.__name__}.answer.json"
    words = [work.__module__, work.__name__, folder, json.dumps(sizes), answer]
    command = [python, "-m", "benchmarks.side", *words]
    env = {"XDG_CACHE_HOME": str(cache), "PYTENSOR_FLAGS": f"base_compiledir={cache}/pytensor"}
    run = measured(command, env=env)
    return run._replace(**json.loads(answer.read_text(encoding="utf-8")))


@contextmanager
def apart(sizes: Sizes) -> Iterator[Callable[..., Run]]:
    """Give what runs works of these sizes, each in a process of its own, all in one new folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield partial(in_process, folder=folder, sizes=sizes, cache=folder / "cache")


def told_by(work: Work, folder: Path) -> dict[str, Any]:
    """Return what `work` returned when it last ran in `folder`."""
    text = (folder / f"{work.__name__}.answer.json").read_text(encoding="utf-8")
    return json.loads(text)["told"]


def each_once(works: Mapping[str, Work], sizes: Sizes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run works by label, each once, in processes of their own; return their costs and answers."""
    with apart(sizes) as run:
        sides = take_turns([
            Side(f"lifeworth, {label}", lambda _, w=work: run(w), 1)
            for label, work in works.items()
        ])  # fmt: skip
    return sides, {label: sides[f"lifeworth, {label}"]["told"] for label in works}


def main() -> None:
    """Do what the command line says."""
    module, function, folder, sizes, answer = sys.argv[1:]
    work = getattr(importlib.import_module(module), function)
    stages = Stages()
    told = work(Task(Path(folder), json.loads(sizes), stages))
    said = json.dumps({"stages": stages.costs, "told": told})
    Path(answer).write_text(said, encoding="utf-8")


if __name__ == "__main__":
    main()
