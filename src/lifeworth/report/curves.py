"""The figure of a training: the loss by epoch."""

import pandas as pd
import plotly.graph_objects as go

from lifeworth.report.style import ACTUAL, EXPECTED, QUIET, styled

SHOWN = {"training": (EXPECTED, 2.0), "validation": (ACTUAL, 2.0)}
"""Colour and width of the parts that choose the epochs; all others are quiet."""

HIGHEST = 0.9
"""Quantile of the losses above which the axis ends: the first epochs lie far above the rest."""


def losses(frame: pd.DataFrame) -> go.Figure:
    """Return a line for each part of `curves` (`report.evidence`); those that choose on top."""
    order = sorted(frame["part"].unique(), key=lambda part: part in SHOWN)
    lines = [_line(str(part), frame[frame["part"] == part]) for part in order]
    figure = go.Figure(lines)
    figure.update_xaxes(title_text="epoch", showgrid=False)
    low, high = frame["loss"].min(), frame["loss"].quantile(HIGHEST)
    room = 0.08 * (high - low) or 1.0
    figure.update_yaxes(title_text="loss", range=[low - room, high + room])
    return styled(figure, 300).update_layout(hovermode="x unified")


def _line(part: str, rows: pd.DataFrame) -> go.Scatter:
    colour, width = SHOWN.get(part, (QUIET, 1.0))
    kept = rows.sort_values("epoch")
    line = go.Scatter(x=kept["epoch"].to_numpy(), y=kept["loss"].to_numpy(), mode="lines")
    return line.update(name=part, line={"color": colour, "width": width}, hovertemplate="%{y:.4f}")
