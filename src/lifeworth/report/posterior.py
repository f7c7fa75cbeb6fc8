"""Figures of what was believed before the data and of what is believed after them."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lifeworth.report.density import axis_of, histogram, kernel_density, needs_log
from lifeworth.report.levels import Rows, arranged, rows_of
from lifeworth.report.style import ACTUAL, EXPECTED, INK, QUIET, WARM, styled
from lifeworth.report.wording import significant

PARTS = {
    "prior": (QUIET, "rgba(154, 165, 177, 0.15)", 1.5),
    "posterior": (EXPECTED, "rgba(0, 114, 178, 0.35)", 2.0),
}
"""Line, area and width of the densities, in the order they are drawn."""


def learned(draws: pd.DataFrame) -> go.Figure:
    """Return the density of one quantity before and after the data, each scaled to its peak."""
    log = needs_log(draws["value"].to_numpy(dtype=float))
    figure = go.Figure()
    for part in PARTS:
        own = draws.loc[draws["part"] == part, "value"].to_numpy(dtype=float)
        if len(own):
            figure.add_trace(_density(own, part, log=log))
    figure.update_xaxes(_axis(figure, log=log), showgrid=False)
    return _without_heights(styled(figure, 210)).update_layout(showlegend=True, margin_t=30)


def _density(draws: np.ndarray, part: str, *, log: bool) -> go.Scatter:
    line, area, width = PARTS[part]
    x, y = kernel_density(draws, log=log)
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
    said = f"{significant(middle)}, 90 % in {significant(low)} to {significant(high)}"
    curve = go.Scatter(x=x, y=y, name=part, mode="lines", fill="tozeroy", fillcolor=area)
    curve.update(line={"color": line, "width": width})
    return curve.update(hovertemplate=f"{part}: {said}<extra></extra>")


def _axis(figure: go.Figure, *, log: bool) -> dict[str, object]:
    drawn = [np.asarray(trace.x, dtype=float) for trace in figure.data]
    return axis_of(np.concatenate(drawn), log=log)


def _without_heights(figure: go.Figure) -> go.Figure:
    return figure.update_yaxes(range=[0, 1.22], showticklabels=False, showgrid=False)


def foreseen(draws: pd.DataFrame) -> go.Figure:
    """Return a histogram of one quantity under the prior, and what was observed as a line."""
    values = draws["value"].to_numpy(dtype=float)
    observed = float(draws["observed"].iloc[0])
    known = np.isfinite(observed)
    log = needs_log(np.append(values, observed) if known else values)
    x, y = histogram(values, log=log)
    area = go.Scatter(x=x, y=y, line_shape="hv", fill="tozeroy", mode="lines", hoverinfo="skip")
    area.update(line={"color": QUIET, "width": 1.5}, fillcolor="rgba(154, 165, 177, 0.25)")
    figure = go.Figure(area)
    if known:
        left = observed < (np.sqrt(x[0] * x[-1]) if log else (x[0] + x[-1]) / 2)
        figure.add_trace(_observed(observed, float(np.mean(values < observed)), left=bool(left)))
    figure.update_xaxes(_axis(figure, log=log), showgrid=False)
    return _without_heights(styled(figure, 210)).update_layout(showlegend=False, margin_t=12)


def _observed(value: float, below: float, *, left: bool) -> go.Scatter:
    line = go.Scatter(x=[value, value], y=[0, 1.06], mode="lines+text", cliponaxis=False)
    line.update(text=["", f"observed {significant(value, 3)}"], textfont={"color": WARM})
    line.update(textposition="top right" if left else "top left")
    line.update(line={"color": WARM, "width": 2})
    return line.update(hovertemplate=f"{below:.0%} of the draws lie below<extra></extra>")


def forest(frame: pd.DataFrame) -> go.Figure | None:
    """Return means and 90 % intervals of one quantity by level, the population's as a band.

    None where there is no level. Levels are sorted by mean, the highest above.
    """
    levels = frame[frame["column"] != ""].sort_values("mean", ascending=False, kind="stable")
    order = frame.loc[frame["column"] != "", "column"].unique()
    if levels.empty:
        return None
    rows = rows_of(levels, [str(column) for column in order])
    figure = go.Figure(_intervals(rows))
    ends = frame[["low", "high"]].to_numpy(dtype=float).ravel()
    figure.update_xaxes(axis_of(ends, log=needs_log(ends)))
    _mark_population(figure, frame[frame["column"] == ""])
    return arranged(figure, rows).update_layout(showlegend=False, margin_t=12)


def _intervals(rows: Rows) -> go.Scatter:
    frame = rows.frame
    mean, low, high = (frame[c].astype(float) for c in ("mean", "low", "high"))
    ends = {"array": high - mean, "arrayminus": mean - low, "symmetric": False}
    dots = go.Scatter(x=mean, y=frame["y"], mode="markers", marker={"color": ACTUAL, "size": 7})
    dots.update(error_x=ends | {"thickness": 1.5, "width": 0, "color": INK})
    dots.update(customdata=np.column_stack([frame["label"], frame["customers"], low, high]))
    said = "%{x:,.4~g}, %{customdata[2]:,.4~g} to %{customdata[3]:,.4~g}"
    return dots.update(
        hovertemplate="%{customdata[0]}: " + said + "; %{customdata[1]:,} customers<extra></extra>"
    )


def _mark_population(figure: go.Figure, population: pd.DataFrame) -> None:
    if population.empty:
        return
    row = population.iloc[0]
    figure.add_vrect(
        x0=float(row["low"]),
        x1=float(row["high"]),
        fillcolor="rgba(0, 114, 178, 0.18)",
        line_width=0,
        layer="below",
    )
    mean = float(row["mean"])
    figure.add_vline(x=mean, line={"color": EXPECTED, "width": 1, "dash": "dot"}, layer="below")
