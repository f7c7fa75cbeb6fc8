"""Backtests: how the metrics of one model move from one cut-off to the next."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lifeworth.report.metrics import Metric, metric, scaled, titled, without_ends
from lifeworth.report.style import EXPECTED, INK, NUMBERS, WARM, styled

FIRST = (
    "value_bias",
    "purchases_bias",
    "value_mae",
    "purchases_mae",
    "value_gini",
    "value_coverage_90",
)
"""Metrics that are drawn, where they were measured; without any of them the first six are."""


def by_cutoff(frame: pd.DataFrame) -> pd.DataFrame:
    """Return cutoff, metric, value: the mean over seeds, without the ends of intervals."""
    kept = frame[frame["metric"].isin(without_ends(list(frame["metric"].unique())))]
    return kept.groupby(["metric", "cutoff"], sort=False, as_index=False)["value"].mean()


def backtest(frame: pd.DataFrame, currency: str) -> go.Figure:
    """Return one panel per metric of `by_cutoff`: its value at each cut-off, and its best."""
    measured = frame["metric"].unique()
    names = [n for n in FIRST if n in measured] or list(measured[:6])
    figure = make_subplots(len(names), 1, shared_xaxes=True, vertical_spacing=0.35 / len(names))
    figure.update_yaxes(nticks=4, tickformat=NUMBERS, rangemode="tozero")
    figure.update_xaxes(tickformat="%Y-%m-%d", nticks=6)
    for row, name in enumerate(names, start=1):
        of = metric(name)
        _draw(figure, row, of, frame[frame["metric"] == name].sort_values("cutoff"))
        figure.add_annotation(_title(titled(of, currency), row))
    return styled(figure, 60 + 115 * len(names)).update_layout(showlegend=False)


def _draw(figure: go.Figure, row: int, of: Metric, values: pd.DataFrame) -> None:
    drawn = scaled(of, values["value"])
    line = go.Scatter(x=pd.to_datetime(values["cutoff"]), y=drawn, mode="lines+markers")
    line.update(line={"color": EXPECTED, "width": 1.5}, marker_size=8)
    line.update(hovertemplate="%{x|%Y-%m-%d}: %{y:,.3~f}<extra></extra>")
    figure.add_trace(line, row=row, col=1)
    if of.kind.unit in {"change", "share"}:
        aim = 100 * of.kind.target
        figure.add_hline(y=aim, line={"color": WARM, "width": 1, "dash": "dot"}, row=row, col=1)
        figure.update_yaxes(range=_around(aim, drawn), row=row, col=1)


def _around(aim: float, drawn: pd.Series) -> list[float]:
    """Return the ends of an axis that shows the aim and every value with room beside them."""
    low, high = min(aim, drawn.min()), max(aim, drawn.max())
    room = 0.15 * (high - low) or 1.0
    return [low - room, high + room]


def _title(text: str, row: int) -> dict[str, object]:
    place = {"x": 0, "xref": "paper", "xanchor": "left", "yanchor": "bottom", "y": 1.02}
    font = {"size": 12, "color": INK}
    axis = f"y{row if row > 1 else ''} domain"
    return place | {"text": text, "yref": axis, "showarrow": False, "font": font}
