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
    """Print a table of the page; columns that have no cell are left out."""
    table = Table()
    lines = [row for rows in grid.groups.values() for row in rows]
    kept = [i for i in range(len(grid.head)) if i == 0 or any(row[i].text for row in lines)]
    for i in kept:
        justify = "left" if i in grid.words else "right"
        table.add_column(Text(grid.head[i]), justify=justify, overflow="fold")
    for title, rows in grid.groups.items():
        table.add_section()
        if title:
            table.add_row(Text(title, style="bold"))
        for row in rows:
            table.add_row(*(_cell(row[i], interval=True) for i in kept))
    console.print(table)


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
