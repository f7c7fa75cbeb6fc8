"""One self-contained HTML page: it asks the network for nothing, and its policy forbids it."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

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
class Document:
    """What stands on a page.

    Attributes
    ----------
    title, subtitle
        The line above the headline.
    headline
        One sentence; the title if empty.
    tiles
        The few numbers at the top: title and cell.
    notes
        Warnings in words.
    facts
        How this was made: name to text, in this order.
    """

    title: str
    subtitle: str = ""
    headline: str = ""
    tiles: list[tuple[str, Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


@runtime_checkable
class Paged(Protocol):
    """Evidence that says itself what stands on its page."""

    title: str
    subtitle: str
    notes: list[str]
    facts: dict[str, str]

    @property
    def headline(self) -> str:
        """Return one sentence."""
        ...

    def tiles(self) -> list[tuple[str, Cell]]:
        """Return the few numbers at the top."""
        ...

    def sections(self) -> list[Section]:
        """Return the sections, in order."""
        ...


def _document(shown: Paged) -> Document:
    """Return the page of such evidence."""
    return Document(
        title=shown.title,
        subtitle=shown.subtitle,
        headline=shown.headline,
        tiles=shown.tiles(),
        notes=shown.notes,
        sections=shown.sections(),
        facts=shown.facts,
    )


def rendered(document: Document) -> str:
    """Return a page as HTML; the script of its figures is inside."""
    environment = Environment(
        loader=PackageLoader("lifeworth", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        document=document, figure_json=figure_json, plotlyjs=Markup(get_plotlyjs())
    )


def document_of(evidence: Evidence) -> Document:
    """Return what the report of a run shows."""
    totals = evidence.totals
    return Document(
        title=evidence.title,
        subtitle=evidence.subtitle,
        headline=headline(totals, evidence.currency) if totals else "",
        tiles=tiles(totals, evidence.currency) if totals else [],
        notes=evidence.notes,
        sections=sections(evidence),
        facts=evidence.facts,
    )


def page(evidence: Evidence) -> str:
    """Return the report of a run as HTML."""
    return rendered(document_of(evidence))


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


def write(shown: Evidence | Document | Paged, path: Path) -> Path:
    """Write the page and return its path; a reader finds the old file or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(rendered(_page_of(shown)), encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _page_of(shown: Evidence | Document | Paged) -> Document:
    match shown:
        case Document():
            return shown
        case Evidence():
            return document_of(shown)
        case _:
            return _document(shown)
