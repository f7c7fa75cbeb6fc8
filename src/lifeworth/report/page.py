"""One self-contained HTML page: it asks the network for nothing, and its policy forbids it."""

import os
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.io import to_json
from plotly.offline import get_plotlyjs

from lifeworth.report.evidence import Evidence, Totals
from lifeworth.report.grids import Cell
from lifeworth.report.sections import Section, sections
from lifeworth.report.wording import change, counted, headline, money, number, relative


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """Everything on a page.

    Attributes
    ----------
    headline
        One sentence; the title in its place if "".
    tiles
        The few numbers at the top, by title.
    notes
        Warnings in words.
    facts
        Name to text: how the page was made.
    """

    title: str
    subtitle: str
    headline: str
    tiles: list[tuple[str, Cell]]
    sections: list[Section]
    notes: list[str]
    facts: dict[str, str]


def page(evidence: Evidence) -> str:
    """Return the report of a run as HTML; the script of its figures is inside."""
    totals = evidence.totals
    return rendered(
        Leaf(
            title=evidence.title,
            subtitle=evidence.subtitle,
            headline=headline(totals, evidence.currency) if totals else "",
            tiles=tiles(totals, evidence.currency) if totals else [],
            sections=sections(evidence),
            notes=evidence.notes,
            facts=evidence.facts,
        )
    )


def rendered(leaf: Leaf) -> str:
    """Return any page as HTML."""
    environment = Environment(
        loader=PackageLoader("lifeworth", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        leaf=leaf, figure_json=figure_json, plotlyjs=Markup(get_plotlyjs())
    )


def tiles(totals: Totals, currency: str) -> list[tuple[str, Cell]]:
    """Return the few numbers at the top: title, and forecast with what was realised below."""
    return [
        (
            "Customers",
            Cell(
                text=number(totals.customers),
                small=f"horizon {counted(totals.horizon_days, 'day')}",
            ),
        ),
        ("Forecast value", _beside(totals.forecast_value, totals.realised_value, currency)),
        ("Forecast purchases", _beside(totals.forecast_purchases, totals.realised_purchases, None)),
        ("Forecast per customer", _each(totals, currency)),
    ]


def _beside(forecast: float, realised: float | None, currency: str | None) -> Cell:
    def say(amount: float) -> str:
        return number(amount) if currency is None else money(amount, currency)

    if realised is None:
        return Cell(text=say(forecast))
    error = relative(forecast, realised)
    ending = "" if error is None else f"\nerror {change(error)}"
    return Cell(text=say(forecast), small=f"realised {say(realised)}{ending}")


def _each(totals: Totals, currency: str) -> Cell:
    count = max(totals.customers, 1)
    realised = None if totals.realised_value is None else totals.realised_value / count
    return _beside(totals.forecast_value / count, realised, currency)


def figure_json(figure: go.Figure) -> Markup:
    """Return a figure as JSON that cannot end the script element it stands in."""
    text = to_json(figure)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)  # every < > & is escaped above


def write(evidence: Evidence, path: Path) -> Path:
    """Write the report of a run as `put` does."""
    return put(page(evidence), path)


def put(html: str, path: Path) -> Path:
    """Write a page and return its path; a reader finds the old file or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(html, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
