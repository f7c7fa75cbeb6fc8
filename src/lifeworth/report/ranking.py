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
from lifeworth.report.reliability import reliability_figure, reliability_grid
from lifeworth.report.sections import Picture, Section
from lifeworth.report.style import SERIES, SYMBOLS, styled
from lifeworth.report.wording import NOTHING, money, number, share

MEASURES = {
    "hit": "Hit rate",
    "recall": "Recall",
    "mrr": "MRR",
    "ndcg": "NDCG",
}
VALUE = "value"
"""The measure that is there where money is known, in cents."""

CHANCES = {
    "calibration_error": ("Calibration error", False),
    "calibration_error_raw": ("before calibration", False),
    "value_by_worth": ("Value, by chance x money", True),
    "value_by_calibration": ("of it by calibration", True),
}
"""Titles of the measures of chances, and whether they are money."""

TIED = "Hit rate, ties averaged"
SECONDS = ("Seconds to fit", "to score")
PAGE_ALONE = (TIED, "NDCG", "Gini", *SECONDS)
"""Titles of columns that a terminal has no room for."""

SPREAD = {"coverage": "Coverage", "gini": "Gini"}


@dataclass(frozen=True, kw_only=True)
class RankingEvidence:
    """What the report of a ranking shows.

    Attributes
    ----------
    at
        List length of the tables.
    measures
        model, length, measure, value, low, high, expected: as measures.parquet.
    models
        model, coverage, gini, seconds_fit, seconds_score.
    differences
        other, measure, difference, low, high: the model less each other one, same visits.
    chances
        model, measure, value, low, high, of the models that give chances: as chances.parquet.
    reliability
        Of the chances that the model's lists show, and of the raw ones (`evaluate.chances`).
    reliability_by
        Of the chances, by category and by price of what is shown, as far as these are known.
    currency
        Of the measure "value"; "none" where no money is known.
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
    chances: pd.DataFrame = field(default_factory=pd.DataFrame)
    reliability: dict[str, pd.DataFrame] = field(default_factory=dict)
    reliability_by: dict[str, pd.DataFrame] = field(default_factory=dict)
    currency: str = "none"
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
        said = (
            f"{share(float(hit))} of lists of {self.at} hold what came next; MRR "
            f"{number(float(mrr), 3)}"
        )
        if not self.has_value:
            return said
        found = float(self.one(self.model, VALUE)["value"])
        return f"{said}; worth {money(found, self.currency, decimals=2)} a visit"

    @property
    def has_value(self) -> bool:
        """Say whether it is known what was found was worth."""
        return VALUE in set(self.measures["measure"])

    def tiles(self) -> list[tuple[str, Cell]]:
        """Return the few numbers at the top."""
        measured = [
            (f"{t} at {self.at}", _cell(self.one(self.model, n))) for n, t in MEASURES.items()
        ]
        return [("Visits", Cell(text=number(self.visits))), *measured]

    def sections(self) -> list[Section]:
        """Return the sections of the page."""
        made = [
            *(_models(self), _differences(self), _chances(self), _lengths(self)),
            _examples(self),
        ]
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
    shown = [place for place, name in enumerate(grid.head) if name not in PAGE_ALONE]
    for place in shown:
        table.add_column(grid.head[place], justify="left" if place == 0 else "right")
    for row in grid.groups[""]:
        cells = [row[place] for place in shown]
        table.add_row(*(Text(c.text, style="bold" if c.strong else "") for c in cells))
    console.print(table)
    link = f"link {report.resolve().as_uri()}"
    console.print(Text("Report: ").append(str(report), style=link), soft_wrap=True)


def _cell(row: pd.Series, *, strong: bool = False) -> Cell:
    ends = f"{number(row['low'], 4)} to {number(row['high'], 4)}"
    return Cell(text=number(row["value"], 4), small=ends, strong=strong)


def _money(row: pd.Series, *, strong: bool = False) -> Cell:
    value, low, high = (money(row[name], decimals=2) for name in ("value", "low", "high"))
    return Cell(text=value, small=f"{low} to {high}", strong=strong)


def _grid(evidence: RankingEvidence) -> Grid:
    frame = evidence.models
    worth = [VALUE] if evidence.has_value else []
    titles = [f"Value, {evidence.currency}" for _ in worth]
    head = ["Model", *MEASURES.values(), *titles, TIED, *SPREAD.values(), *SECONDS]
    best = {
        name: max(float(evidence.one(m, name)["value"]) for m in frame["model"])
        for name in [*MEASURES, *worth]
    }
    rows: list[Row] = []
    for row in frame.to_dict("records"):
        model = str(row["model"])
        told = {name: evidence.one(model, name) for name in best}
        cells = [
            (_money if n == VALUE else _cell)(v, strong=float(v["value"]) == best[n])
            for n, v in told.items()
        ]
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
        "sum of 1 / log2(1 + place), as a share of that of an ideal list. Value, where money is "
        "known: what the products found were worth, of a visit. Equal scores stand in the"
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
        if evidence.has_value:
            rows[-1].append(_less(by.loc[VALUE, ENDS] / 100, decimals=2))
    worth = [f"Value, {evidence.currency}"] if evidence.has_value else []
    grid = Grid(head=["", *MEASURES.values(), *worth], groups={"": rows})
    return Section(anchor="differences", words=words, tables={"": grid})


ENDS = ["difference", "low", "high"]


def _less(row: pd.Series, decimals: int = 4) -> Cell:
    low, high = float(row["low"]), float(row["high"])
    text = f"{float(row['difference']):+.{decimals}f}"
    return Cell(text=text, small=f"{low:+.{decimals}f} to {high:+.{decimals}f}", strong=low > 0)


def _chances(evidence: RankingEvidence) -> Section | None:
    if evidence.chances.empty:
        return None
    words = Caption(
        "Chances against what came",
        f"Of the products that lists of {evidence.at} show. Calibration error: how far chances lie "
        "from how often they came, on average over ten groups of like chance. Value by chance x "
        "money: found by lists in that order; of it by calibration: how much less lists by the raw "
        "scores x money find. Money is a visit's. The figure: dots on the line are right.",
        "Dots off the line: what is shown is worth less, or more, than is thought, and what costs "
        "money or attention is shown too often, or too seldom. A category or a price whose share "
        "stands out: right on the whole, wrong where it matters.",
    )
    rows: list[Row] = []
    for model, own in evidence.chances.groupby("model", sort=False):
        by = own.set_index("measure")
        cells = [
            (_money if cash else _cell)(by.loc[n]) if n in by.index else Cell(text=NOTHING)
            for n, (_, cash) in CHANCES.items()
        ]
        rows.append([Cell(text=str(model)), *cells])
    grid = Grid(head=["Model", *(title for title, _ in CHANCES.values())], groups={"": rows})
    folded = {f"Reliability: {n}": reliability_grid(t) for n, t in evidence.reliability.items()}
    folded |= {
        f"Reliability by {n}": reliability_grid(t) for n, t in evidence.reliability_by.items()
    }
    pictures = [Picture(title="Reliability", figure=reliability_figure(evidence.reliability))]
    return Section(
        anchor="chances",
        words=words,
        pictures=pictures if evidence.reliability else [],
        tables={"": grid, **folded},
    )


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
