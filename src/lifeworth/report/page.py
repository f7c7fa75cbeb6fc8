"""One self-contained HTML page: it asks the network for nothing, and its policy forbids it."""

import os
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


@runtime_checkable
class Page(Protocol):
    """What else than the Evidence of a forecast a page can show."""

    @property
    def title(self) -> str:
        """What stands at the top."""
        ...

    @property
    def subtitle(self) -> str:
        """What stands beside it."""
        ...

    @property
    def notes(self) -> list[str]:
        """Warnings in words."""
        ...

    @property
    def facts(self) -> dict[str, str]:
        """Name to text, at the end."""
        ...

    @property
    def headline(self) -> str:
        """The one sentence a reader takes away."""
        ...

    def tiles(self) -> list[tuple[str, Cell]]:
        """Return the few numbers at the top."""
        ...

    def sections(self) -> list[Section]:
        """Return the sections in order."""
        ...


def page(evidence: Evidence | Page) -> str:
    """Return the report as HTML; the script of its figures is inside."""
    environment = Environment(
        loader=PackageLoader("lifeworth", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    if isinstance(evidence, Evidence):
        totals = evidence.totals
        said = headline(totals, evidence.currency) if totals else ""
        top = tiles(totals, evidence.currency) if totals else []
        made = sections(evidence)
    else:
        said, top, made = evidence.headline, evidence.tiles(), evidence.sections()
    return environment.get_template("page.html.j2").render(
        evidence=evidence,
        headline=said,
        tiles=top,
        sections=made,
        figure_json=figure_json,
        plotlyjs=Markup(get_plotlyjs()),
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


def write(evidence: Evidence | Page, path: Path) -> Path:
    """Write the page and return its path; a reader finds the old file or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(page(evidence), encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
