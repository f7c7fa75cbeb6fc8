"""Figures of a forecast's measures by level of customers."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lifeworth.report.levels import Rows, arranged, rows_of
from lifeworth.report.style import ACTUAL, EXPECTED, NUMBERS, QUIET, SERIES, WARM

NOMINAL = 0.9
"""The share that 90 % intervals should hold."""

SIDES = {"purchases": (EXPECTED, "circle", -0.17), "value": (SERIES[2], "diamond", 0.17)}
"""Colour, symbol and how far below its line each side is drawn."""


def coverage(segments: pd.DataFrame) -> go.Figure | None:
    """Return by level the share of customers inside their 90 % interval; None if unknown."""
    known = segments[[f"{side}_coverage_90" for side in SIDES]].notna()
    if not known.to_numpy().any():
        return None
    rows = _rows(segments)
    figure = go.Figure([_held(rows, side) for side in SIDES if known[f"{side}_coverage_90"].any()])
    figure.add_vline(x=NOMINAL, line={"color": WARM, "width": 1.5, "dash": "dot"})
    lows = rows.frame[[f"{side}_coverage_90_low" for side in SIDES]].to_numpy(dtype=float)
    lowest = np.nanmin(lows, initial=NOMINAL - 0.05)
    figure.update_xaxes(range=[lowest - 0.02, 1.01], tickformat=".0%", nticks=6)
    figure.update_xaxes(title_text="inside their 90 % interval")
    return arranged(figure, rows).update_layout(showlegend=True)


def _rows(segments: pd.DataFrame) -> Rows:
    return rows_of(segments, [str(column) for column in segments["column"].unique()])


def _held(rows: Rows, side: str) -> go.Scatter:
    colour, symbol, below = SIDES[side]
    frame = rows.frame
    share = frame[f"{side}_coverage_90"].astype(float)
    ends = {
        "array": frame[f"{side}_coverage_90_high"] - share,
        "arrayminus": share - frame[f"{side}_coverage_90_low"],
    }
    dots = go.Scatter(x=share, y=frame["y"] + below, mode="markers", name=side)
    dots.update(marker={"color": colour, "symbol": symbol, "size": 7})
    dots.update(error_x=ends | {"symmetric": False, "thickness": 1.5, "width": 0})
    dots.update(customdata=np.column_stack([frame["label"], frame["customers"]]))
    words = "%{customdata[0]}: %{x:.1%} of %{customdata[1]:,} customers"
    return dots.update(hovertemplate=f"{words}<extra>{side}</extra>")


def means(segments: pd.DataFrame, currency: str) -> go.Figure:
    """Return by level the actual and the expected value of a customer, in currency units."""
    rows = _rows(segments)
    actual, expected = (
        rows.frame[f"value_{c}"].astype(float) / 100 for c in ("actual", "expected")
    )
    figure = go.Figure(_joins(rows, actual, expected))
    figure.add_trace(_dots(rows, expected, "expected", EXPECTED))
    figure.add_trace(_dots(rows, actual, "actual", ACTUAL))
    figure.update_xaxes(title_text=f"{currency} per customer", tickformat=NUMBERS)
    figure.update_xaxes(rangemode="tozero", nticks=6)
    return arranged(figure, rows).update_layout(showlegend=True)


def _joins(rows: Rows, actual: pd.Series, expected: pd.Series) -> go.Scatter:
    """Return a line from the one to the other; a missing third point ends each."""
    gap = np.full(len(actual), np.nan)
    x = np.column_stack([actual, expected, gap]).ravel()
    y = np.column_stack([rows.frame["y"], rows.frame["y"], gap]).ravel()
    line = go.Scatter(x=x, y=y, mode="lines", line={"color": QUIET, "width": 2})
    return line.update(showlegend=False, hoverinfo="skip")


def _dots(rows: Rows, values: pd.Series, name: str, colour: str) -> go.Scatter:
    dots = go.Scatter(x=values, y=rows.frame["y"], mode="markers", name=name)
    dots.update(marker={"color": colour, "size": 8}, customdata=rows.frame["label"])
    return dots.update(hovertemplate="%{customdata}: %{x:,.2f}<extra>" + name + "</extra>")
