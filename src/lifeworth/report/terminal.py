"""The end of a run in the terminal: the headline, the holdout table and where the report is."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lifeworth.report.evidence import Evidence
from lifeworth.report.grids import Cell, Grid, holdout
from lifeworth.report.wording import headline

WIDE = 110
"""Columns of a terminal that has room for intervals below the numbers."""

MODEL, PADDING = 14, 3
"""Columns of a model, and what a table puts around a column."""


WHOLE = 24
"""Characters of a cell up to which it stays on one line."""


def print_summary(evidence: Evidence, console: Console, report: Path | None = None) -> None:
    """Print the headline, notes, the holdout table and the path of the report, as given."""
    console.print()
    console.print(Text(evidence.title, style="bold"))
    if evidence.totals is not None:
        console.print(Text(headline(evidence.totals, evidence.currency)))
    for note in evidence.notes:
        console.print(Text(f"Note: {note}", style="yellow"))
    frame = evidence.frame("holdout")
    if frame is not None:
        for table in _tables(holdout(frame), evidence.currency, console.width):
            console.print(table)
    if report is not None:
        print_path("Report", report, console)


def print_path(what: str, path: Path, console: Console) -> None:
    """Print where something is, as given, with a link to it."""
    link = f"link {path.resolve().as_uri()}"
    console.print(Text(f"{what}: ").append(str(path), style=link), soft_wrap=True)


def print_tiles(tiles: list[tuple[str, Cell]], console: Console) -> None:
    """Print the few numbers at the top of a page, one a line."""
    for title, cell in tiles:
        line = Text(f"{title}: ").append(cell.text, style="bold")
        console.print(line.append(f"  {cell.small}", style="dim") if cell.small else line)


def print_grid(grid: Grid, console: Console) -> None:
    """Print a table of the page; columns that have no cell are left out.

    Where the terminal is too narrow for all columns the others follow in a table below, beside the
    names of their rows.
    """
    lines = [row for rows in grid.groups.values() for row in rows]
    kept = [i for i in range(len(grid.head)) if i == 0 or any(row[i].text for row in lines)]
    widths = {i: _widths(grid.head[i], [row[i] for row in lines]) for i in kept}
    for some in _fitting(widths, console.width):
        table = Table()
        for i, width in some.items():
            justify = "left" if i in grid.words else "right"
            table.add_column(Text(grid.head[i]), justify=justify, overflow="fold", width=width)
        for title, rows in grid.groups.items():
            table.add_section()
            if title:
                table.add_row(Text(title, style="bold"))
            for row in rows:
                table.add_row(*(_cell(row[i], interval=True) for i in some))
        console.print(table)


def _widths(head: str, cells: list[Cell]) -> tuple[int, int]:
    """Return the width at which no word of the title breaks and nothing short, and that of all."""
    texts = [text for cell in cells for text in (cell.text, cell.small)]
    words = [len(word) for word in head.split()]
    least = max([1, *words, *(min(len(text), WHOLE) for text in texts)])
    return least, max([1, len(head), *map(len, texts)])


def _fitting(widths: dict[int, tuple[int, int]], room: int) -> Iterator[dict[int, int]]:
    """Yield the columns of each table and their widths; the first column is in all of them."""
    first, *rest = widths
    some = [first]
    for i in rest:
        if len(some) > 1 and _taken([widths[k][0] for k in (*some, i)]) > room:
            yield _spread({k: widths[k] for k in some}, room)
            some = [first]
        some.append(i)
    yield _spread({k: widths[k] for k in some}, room)


def _taken(widths: list[int]) -> int:
    return sum(widths) + PADDING * len(widths) + 1


def _spread(widths: dict[int, tuple[int, int]], room: int) -> dict[int, int]:
    """Return widths of columns: the least ones, and of what is left each in turn."""
    spare = max(0, room - _taken([least for least, _ in widths.values()]))
    given = {}
    for i, (least, most) in widths.items():
        more = min(most - least, spare)
        given[i], spare = least + more, spare - more
    return given


def _tables(grid: Grid, currency: str, width: int) -> Iterator[Table]:
    """Yield the models side by side, in as many tables as it takes to fit into `width` columns."""
    titles = [*grid.groups, *(f" {row[0].text}" for rows in grid.groups.values() for row in rows)]
    room = width - max(map(len, titles)) - PADDING - 1
    fit = max(1, room // (MODEL + PADDING))
    models = range(1, len(grid.head))
    for first in models[::fit]:
        table = Table()
        table.add_column("", no_wrap=True)
        some = models[first - 1 : first - 1 + fit]
        for i in some:
            table.add_column(Text(grid.head[i]), justify="right", overflow="fold", min_width=MODEL)
        for group, rows in grid.groups.items():
            table.add_section()
            table.add_row(Text(group, style="bold"))
            for row in rows:
                cells = [_cell(row[i], width >= WIDE) for i in some]
                table.add_row(Text(f" {row[0].text}"), *cells)
        if some[-1] == models[-1]:
            table.caption, table.caption_justify = f"money in {currency}; best in bold", "left"
        yield table


def _cell(cell: Cell, interval: bool) -> Text:
    text = Text(cell.text, style="bold" if cell.strong else "")
    return text.append(f"\n{cell.small}", style="dim") if cell.small and interval else text
