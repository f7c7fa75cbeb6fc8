"""The summary in the terminal."""

import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.console import Console

from lifeworth.report.evidence import Evidence
from lifeworth.report.grids import Cell, Grid
from lifeworth.report.terminal import print_grid, print_summary


def said(evidence: Evidence, report: Path | None = None, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        print_summary(evidence, console, report)
    return capture.get()


def test_summary_has_headline_table_and_path(whole: Evidence, tmp_path: Path) -> None:
    text = said(whole, tmp_path / "report.html")
    assert "612,000 USD against 684,000 USD" in text
    assert "BG/NBD" in text
    assert "29.11 to 31.90" in text
    assert f"Report: {tmp_path / 'report.html'}\n" in text


def test_a_path_is_never_broken_over_lines(whole: Evidence, tmp_path: Path) -> None:
    path = tmp_path / ("long" * 30) / "report.html"
    assert str(path) in said(whole, path, width=60)


def test_intervals_are_left_out_where_there_is_no_room(whole: Evidence) -> None:
    assert "29.11 to 31.90" not in said(whole, width=80)


def test_models_that_do_not_fit_side_by_side_come_in_further_tables(whole: Evidence) -> None:
    """Seven models, each of whose numbers is told once, names of measures never broken."""
    assert whole.holdout is not None
    own = whole.holdout[whole.holdout["model"] == whole.holdout["model"].iloc[0]]
    names = [f"model_{i}" for i in range(7)]
    many = pd.concat([own.assign(model=name) for name in names])
    text = said(replace(whole, holdout=many), width=80)
    assert max(map(len, text.splitlines()[3:])) <= 80
    tables = text.count("Mean absolute error")
    assert tables == 3 * said(replace(whole, holdout=own), width=80).count("Mean absolute error")
    assert [text.count(name) for name in names] == [1] * 7
    assert text.count("money in USD") == 1


def test_names_are_not_read_as_markup(whole: Evidence) -> None:
    assert whole.holdout is not None
    named = whole.holdout.assign(model=["[bold]x[/bold]", "[red]"])
    text = said(replace(whole, holdout=named, title="[link]t"))
    assert "[bold]x[/bold]" in text
    assert "[red]" in text
    assert "[link]t" in text


def test_missing_parts_are_left_out(bare: Evidence) -> None:
    assert said(bare).split() == ["A", "small", "shop"]


def table(grid: Grid, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        print_grid(grid, console)
    return capture.get().splitlines()


def wide() -> Grid:
    """Ten columns of numbers beside names, one of them with an interval, one with sentences."""
    why = "p_alive .0123 < .3 and days_since_last 61 > 60"
    heads = ["Rule", *(f"Number {i} of it" for i in range(9)), "Why"]
    rows = [
        [
            Cell(text=f"good customer {name}"),
            *(Cell(text=f"{i},{i * 111:03d}") for i in range(8)),
            Cell(text="29.2 %", small="20.9 % to 39.2 %"),
            Cell(text=why),
        ]
        for name in ("late", "slows")
    ]
    return Grid(head=heads, groups={"": rows}, words={0, 10})


def test_columns_that_do_not_fit_follow_below_beside_the_names_of_their_rows() -> None:
    for width in (60, 80, 100, 300):
        lines = table(wide(), width)
        assert max(map(len, lines)) <= width
        text = "\n".join(lines)
        assert text.count("good customer slows") == text.count("┏")
        for number in range(8):
            assert text.count(f"{number},{number * 111:03d}") == 2
        assert text.count("20.9 % to 39.2 %") == 2
    assert "".join(table(wide(), 300)).count("┏") == 1


def test_a_table_that_fits_is_left_as_it_is() -> None:
    few = Grid(
        head=["Rule", "Break-even uplift"], groups={"": [[Cell(text="a"), Cell(text="1 %")]]}
    )
    assert table(few, 80)[1] == "┃ Rule ┃ Break-even uplift ┃"
