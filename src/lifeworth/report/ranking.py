"""The report of a ranking: how often what came next was in the list, by model and list length."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lifeworth.report.captions import Caption
from lifeworth.report.grids import Cell, Grid, Row
from lifeworth.report.sections import Picture, Section
from lifeworth.report.style import SERIES, SYMBOLS, styled
from lifeworth.report.wording import number, share

MEASURES = {
    "hit": "Hit rate",
    "recall": "Recall",
    "mrr": "MRR",
    "ndcg": "NDCG",
}
SPREAD = {"coverage": "Coverage", "gini": "Gini"}


@dataclass(frozen=True, kw_only=True)
class RankingEvidence:
    """What the report of a ranking shows.

    Attributes
    ----------
    at
        List length of the tables.
    measures
        model, length, measure, value, low, high, expected: as measures.parquet; low and high only
        at the length `at`.
    models
        model, coverage, gini, seconds_fit, seconds_score.
    differences
        other, measure, difference, low, high: the model less each other one, same visits.
    examples
        visit_id, touched (text), list and wanted (lists of product ids).
    """

    title: str
    subtitle: str
    model: str
    at: int
    visits: int
    measures: pd.DataFrame
    models: pd.DataFrame
    differences: pd.DataFrame
    examples: pd.DataFrame
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def one(self, model: str, measure: str) -> pd.Series:
        """Return the row of a measure at the length of the tables."""
        rows = self.measures[self.measures["length"] == self.at]
        return rows.set_index(["model", "measure"]).loc[(model, measure)]

    @property
    def headline(self) -> str:
        """Return how often a list had what came next."""
        hit, mrr = (self.one(self.model, name)["value"] for name in ("hit", "mrr"))
        return (
            f"{share(float(hit))} of lists of {self.at} hold what came next; MRR "
            f"{number(float(mrr), 3)}"
        )

    def tiles(self) -> list[tuple[str, Cell]]:
        """Return the few numbers at the top."""
        measured = [
            (f"{t} at {self.at}", _cell(self.one(self.model, n))) for n, t in MEASURES.items()
        ]
        return [("Visits", Cell(text=number(self.visits))), *measured]

    def sections(self) -> list[Section]:
        """Return the sections of the page."""
        made = [_models(self), _differences(self), _lengths(self), _examples(self)]
        return [section for section in made if section is not None]


def print_ranking(evidence: RankingEvidence, console: Console, report: Path) -> None:
    """Print the headline, notes, the models and the path of the report."""
    console.print()
    console.print(Text(evidence.title, style="bold"))
    console.print(Text(f"{evidence.headline}."))
    for note in evidence.notes:
        console.print(Text(f"Note: {note}", style="yellow"))
    grid = _grid(evidence)
    table = Table(caption=f"lists of {evidence.at}; all products ranked", caption_justify="left")
    for place, name in enumerate(grid.head):
        table.add_column(name, justify="left" if place == 0 else "right")
    for row in grid.groups[""]:
        table.add_row(*(Text(c.text, style="bold" if c.strong else "") for c in row))
    console.print(table)
    link = f"link {report.resolve().as_uri()}"
    console.print(Text("Report: ").append(str(report), style=link), soft_wrap=True)


def _cell(row: pd.Series, *, strong: bool = False) -> Cell:
    ends = f"{number(row['low'], 4)} to {number(row['high'], 4)}"
    return Cell(text=number(row["value"], 4), small=ends, strong=strong)


def _grid(evidence: RankingEvidence) -> Grid:
    frame = evidence.models
    tied = "Hit rate, ties averaged"
    head = ["Model", *MEASURES.values(), tied, *SPREAD.values(), "Seconds to fit", "to score"]
    best = {
        name: max(float(evidence.one(m, name)["value"]) for m in frame["model"])
        for name in MEASURES
    }
    rows: list[Row] = []
    for row in frame.to_dict("records"):
        model = str(row["model"])
        told = {name: evidence.one(model, name) for name in MEASURES}
        cells = [_cell(v, strong=float(v["value"]) == best[n]) for n, v in told.items()]
        cells.append(Cell(text=number(float(told["hit"]["expected"]), 4)))
        cells += [Cell(text=share(row["coverage"])), Cell(text=number(row["gini"], 3))]
        cells += [Cell(text=number(row[f"seconds_{does}"], 1)) for does in ("fit", "score")]
        rows.append([Cell(text=model), *cells])
    return Grid(head=head, groups={"": rows})


def _models(evidence: RankingEvidence) -> Section:
    words = Caption(
        "Models compared",
        f"Lists of {evidence.at} out of all products, against what came next. Hit rate: any of it "
        "is in the list. Recall: the share of it that is. MRR: 1 / the place of the first. NDCG: "
        "sum of 1 / log2(1 + place), as a share of that of an ideal list. Equal scores stand in the"
        " order of product ids, or are averaged over all orders. Coverage: products that any list "
        "shows; Gini: how unequally they are shown, 0 equally, 1 one alone. Small figures are 90 % "
        "intervals from resampling sessions or customers.",
        "A model no better than popularity; hit rates that differ by how ties are broken: the "
        "scores tell too few products apart.",
    )
    return Section(anchor="models", words=words, tables={"": _grid(evidence)})


def _differences(evidence: RankingEvidence) -> Section | None:
    if evidence.differences.empty:
        return None
    words = Caption(
        "How much better than the others",
        f"What {evidence.model} has more than each other model on the same visits. Bold: the 90 % "
        "interval lies above zero.",
        "Intervals that hold zero: the simpler model serves as well.",
    )
    rows: list[Row] = []
    for other, own in evidence.differences.groupby("other", sort=False):
        by = own.set_index("measure")
        rows.append([Cell(text=f"less {other}"), *(_less(by.loc[name]) for name in MEASURES)])
    grid = Grid(head=["", *MEASURES.values()], groups={"": rows})
    return Section(anchor="differences", words=words, tables={"": grid})


def _less(row: pd.Series) -> Cell:
    low, high = float(row["low"]), float(row["high"])
    text = f"{float(row['difference']):+.4f}"
    return Cell(text=text, small=f"{low:+.4f} to {high:+.4f}", strong=low > 0)


def _lengths(evidence: RankingEvidence) -> Section:
    words = Caption(
        "Recall against list length",
        "The share of what came next that lists of each length hold. What a later step may choose "
        "from can be no better than the line at its length.",
        "A line that stops rising: the model has no more candidates.",
    )
    figure = go.Figure()
    own = evidence.measures[evidence.measures["measure"] == "recall"]
    for place, (model, line) in enumerate(own.groupby("model", sort=False)):
        figure.add_trace(
            go.Scatter(
                x=line["length"],
                y=line["value"],
                name=str(model),
                mode="lines+markers",
                line={"color": SERIES[place % len(SERIES)]},
                marker={"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 7},
            )
        )
    figure = styled(figure, 400).update_xaxes(type="log", title_text="products in the list")
    figure.update_yaxes(rangemode="tozero", tickformat=".0%")
    picture = Picture(title="Recall", figure=figure)
    return Section(anchor="lengths", words=words, pictures=[picture])


def _examples(evidence: RankingEvidence) -> Section | None:
    if evidence.examples.empty:
        return None
    words = Caption(
        "Example lists",
        "Visits taken at even steps: what was touched last, what the model would show first, and "
        "what came next; it is bold where the list of the table's length holds it.",
        "Lists that are the same for everybody: the model does not listen.",
    )
    rows = [_example(row) for row in evidence.examples.to_dict("records")]
    head = ["Visit", "Touched", "Would be shown", "Came next"]
    grid = Grid(head=head, groups={"": rows}, words={0, 1, 2, 3})
    return Section(anchor="examples", words=words, tables={"": grid})


def _example(row: dict[Any, Any]) -> Row:
    hit = bool(set(row["wanted"]) & set(row["list"]))
    words = [row["visit_id"], row["touched"], _said(row["list"])]
    return [*(Cell(text=text) for text in words), Cell(text=_said(row["wanted"]), strong=hit)]


def _said(products: Sequence[str], most: int = 8) -> str:
    more = f" and {len(products) - most} more" if len(products) > most else ""
    return ", ".join(products[:most]) + more
