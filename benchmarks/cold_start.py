"""`lifeworth run --help` answers within 1.5 seconds; there is no peer."""

import sys
from pathlib import Path

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.measure import Run, measured

NAME = "cold_start"
AIM_SECONDS = 1.5


def main(words: list[str] | None = None) -> None:
    """Measure."""
    given = parser(str(__doc__), repeats=10).parse_args(words)
    answer()  # unmeasured: the first start after an installation compiles and reads from the disk
    sides = take_turns([Side("lifeworth", lambda _: answer(), 3 if given.small else given.repeats)])
    wall = sides["lifeworth"]["wall_seconds"]
    checks = {"aim_wall_seconds": AIM_SECONDS, "aim_met": wall < AIM_SECONDS}
    record(NAME, [Case({}, sides, checks)], given.results)


def answer() -> Run:
    """Start `lifeworth run --help` once."""
    return measured([Path(sys.executable).with_name("lifeworth"), "run", "--help"])
