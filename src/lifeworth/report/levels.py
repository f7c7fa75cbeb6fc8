"""Figures with a row per level of customers: which levels are shown, where, and under what."""

from html import escape
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lifeworth.report.style import INK, styled

MOST = 24
"""Levels of a column that are shown, at most: those with most customers."""

LONGEST = 20
"""Characters of a level that are shown beside its row; hovering shows all."""

PIXELS = 21
"""Height of a row."""


class Rows(NamedTuple):
    """Levels with their place `y` and their `label`, and the headings with theirs."""

    frame: pd.DataFrame
    headings: dict[str, float]


def plain(text: object) -> str:
    """Return text that Plotly, which reads a little HTML, shows as it is.

    Examples
    --------
    >>> plain("<b>R&D</b>")
    '&lt;b&gt;R&amp;D&lt;/b&gt;'
    """
    return escape(str(text), quote=False)


def rows_of(levels: pd.DataFrame, columns: list[str]) -> Rows:
    """Return the levels grouped by column in the order given, each group below its heading.

    Of more than 24 levels the largest by customers are kept, and the heading says so. Within a
    group the levels keep their order.
    """
    parts: list[pd.DataFrame] = []
    headings: dict[str, float] = {}
    at = 0.0
    for column in columns:
        own = levels[levels["column"] == column]
        kept = own[own["customers"].rank(method="first", ascending=False) <= MOST]
        headings[_heading(column, len(kept), len(own))] = at
        parts.append(kept.assign(y=at + 1 + np.arange(len(kept)), label=kept["level"].map(plain)))
        at += len(kept) + 1.4
    return Rows(frame=pd.concat(parts, ignore_index=True), headings=headings)


def _heading(column: str, kept: int, of: int) -> str:
    cut = f" <span style='font-size:11px'>the {kept} largest of {of} levels</span>"
    return f"<b>{plain(column.replace('_', ' '))}</b>{cut if kept < of else ''}"


def arranged(figure: go.Figure, rows: Rows) -> go.Figure:
    """Return the same figure with a named line for each level, as high as they need."""
    last = float(rows.frame["y"].max()) + 0.7
    names = [plain(_short(str(level))) for level in rows.frame["level"]]
    figure.update_yaxes(tickvals=rows.frame["y"].tolist(), ticktext=names, zeroline=False)
    figure.update_yaxes(range=[last, -0.6], tickfont_size=11)
    place = {"x": 0, "xref": "paper", "xanchor": "left", "yanchor": "middle", "showarrow": False}
    for text, y in rows.headings.items():
        figure.add_annotation(place, text=text, y=y, font={"size": 12, "color": INK})
    return styled(figure, int(90 + PIXELS * (last + 0.6)))


def _short(level: str) -> str:
    return level if len(level) <= LONGEST else f"{level[: LONGEST - 1]}…"
