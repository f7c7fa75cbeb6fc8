"""The figure of a backtest: how the metrics of one model move from one cut-off to the next."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lifeworth.report.metrics import Metric, metric, scaled, unit_of
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


def backtest(frame: pd.DataFrame, currency: str) -> go.Figure:
    """Return one panel per metric: its value at each cut-off, and its best value if known."""
    measured = frame["metric"].unique()
    names = [n for n in FIRST if n in measured] or list(measured[:6])
    figure = make_subplots(len(names), 1, shared_xaxes=True, vertical_spacing=0.35 / len(names))
    for row, name in enumerate(names, start=1):
        of = metric(name)
        _draw(figure, row, of, frame[frame["metric"] == name].sort_values("cutoff"))
        figure.add_annotation(_title(of, currency, row))
    figure.update_yaxes(nticks=4, tickformat=NUMBERS, rangemode="tozero")
    figure.update_xaxes(tickformat="%Y-%m-%d", nticks=6)
    return styled(figure, 60 + 140 * len(names)).update_layout(showlegend=False)


def _draw(figure: go.Figure, row: int, of: Metric, values: pd.DataFrame) -> None:
    line = go.Scatter(
        x=pd.to_datetime(values["cutoff"]),
        y=scaled(of, values["value"]),
        mode="lines+markers",
        line={"color": EXPECTED, "width": 1.5},
        marker_size=8,
        hovertemplate="%{x|%Y-%m-%d}: %{y:,.3~f}<extra></extra>",
    )
    figure.add_trace(line, row=row, col=1)
    if of.target is not None and of.unit in {"change", "share"}:
        aim = float(scaled(of, pd.Series([of.target])).iloc[0])
        figure.add_hline(y=aim, line={"color": WARM, "width": 1, "dash": "dot"}, row=row, col=1)


def _title(of: Metric, currency: str, row: int) -> dict[str, object]:
    unit = unit_of(of, currency)
    place = {"x": 0, "xref": "paper", "xanchor": "left", "yanchor": "bottom", "y": 1.02}
    return place | {
        "text": f"{of.about}: {of.label}{f' ({unit})' if unit else ''}",
        "yref": f"y{row if row > 1 else ''} domain",
        "showarrow": False,
        "font": {"size": 12, "color": INK},
    }
