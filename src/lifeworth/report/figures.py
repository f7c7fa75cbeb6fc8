"""The figures of a report: frames of an Evidence in, Plotly figures out."""

from datetime import date

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lifeworth.report.style import (
    ACTUAL,
    BAND,
    EXPECTED,
    EXPECTED_AREA,
    INK,
    NUMBERS,
    QUIET,
    WARM,
    styled,
)
from lifeworth.report.wording import number

LINES = {"actual": (ACTUAL, 1.5), "expected": (EXPECTED, 2.5)}
"""Colour and width of the lines of a tracking plot."""

ENDS = ("low", "high", "low_cumulative", "high_cumulative")
"""Columns of the predictive intervals of a tracking plot."""

FUTURES = "90 % of futures"

SHARES = {
    "share_of_customers": ("of customers", QUIET),
    "share_of_expected": ("of expected value", EXPECTED),
    "share_of_realised": ("of realised value", ACTUAL),
}


def tracking(weekly: pd.DataFrame, cutoff: date) -> go.Figure:
    """Return weekly and cumulative repeat purchases, actual and expected, around the cut-off.

    Where the frame has them, the intervals low, high and low_cumulative, high_cumulative are bands;
    the cumulative one starts from the actual total at the cut-off.
    """
    frame = weekly.sort_values("week_start")
    weeks = pd.to_datetime(frame["week_start"])
    counts = frame[list(LINES)].astype(float)
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.12)
    for row, band in enumerate(_bands(frame), start=1):
        figure.add_traces(_band(weeks, band, first=row == 1), rows=row, cols=1)
    for name in LINES:
        figure.add_trace(_line(weeks, counts[name]), row=1, col=1)
        cumulative = _line(weeks, counts[name].cumsum()).update(showlegend=False)
        figure.add_trace(cumulative, row=2, col=1)
    figure.update_yaxes(rangemode="tozero", tickformat=NUMBERS)
    figure.update_yaxes(title_text="per week", row=1, col=1)
    figure.update_yaxes(title_text="in total", row=2, col=1)
    _mark_cutoff(figure, pd.Timestamp(cutoff), weeks.max() + pd.Timedelta(days=7))
    layout = {"hovermode": "x unified", "margin_t": 64, "legend_y": 1.06}
    return styled(figure, 520).update_layout(layout)


def has_bands(weekly: pd.DataFrame) -> bool:
    """Return whether there is a predictive interval of any week."""
    return set(ENDS) <= set(weekly.columns) and bool(weekly[list(ENDS)].notna().to_numpy().any())


def _bands(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the ends low, high of the weeks and of the running total from the beginning."""
    if not has_bands(frame):
        return []
    ends = frame[list(ENDS)].astype(float)
    before = frame.loc[frame["part"] == "calibration", "actual"].astype(float).sum()
    totals = (ends[["low_cumulative", "high_cumulative"]] + before).set_axis(
        ["low", "high"], axis=1
    )
    return [ends[["low", "high"]], totals]


def _band(weeks: pd.Series, ends: pd.DataFrame, *, first: bool) -> list[go.Scatter]:
    known = ends.notna().all(axis=1)
    x, low, high = weeks[known], ends.loc[known, "low"], ends.loc[known, "high"]
    top = go.Scatter(x=x, y=high, mode="lines", line_width=0, hoverinfo="skip", showlegend=False)
    area = go.Scatter(x=x, y=low, mode="lines", line_width=0, fill="tonexty", name=FUTURES)
    area.update(fillcolor="rgba(0, 114, 178, 0.22)", showlegend=first, customdata=high)
    return [top, area.update(hovertemplate="%{y:,.0f} to %{customdata:,.0f}")]


def _line(weeks: pd.Series, counts: pd.Series) -> go.Scatter:
    colour, width = LINES[str(counts.name)]
    return go.Scatter(
        x=weeks,
        y=counts,
        name=str(counts.name),
        mode="lines+markers" if len(weeks) < 3 else "lines",
        line={"color": colour, "width": width},
        hovertemplate="%{y:,.0f}",
    )


def _mark_cutoff(figure: go.Figure, at: pd.Timestamp, end: pd.Timestamp) -> None:
    if end > at:
        figure.add_vrect(x0=at, x1=end, fillcolor=BAND, line_width=0, layer="below")
    figure.add_vline(x=at, line={"color": WARM, "width": 1.5, "dash": "dot"})
    words = {"showarrow": False, "font": {"color": WARM, "size": 12}, "yanchor": "bottom"}
    for text, side in (("fitted ", "right"), (" forecast", "left")):
        place = {"x": at, "y": 1, "yref": "paper", "xanchor": side}
        figure.add_annotation(words | place, text=text)


def calibration(deciles: pd.DataFrame, unit: str, scale: float = 1.0) -> go.Figure:
    """Return expected against actual means by decile, with how many customers each has.

    The error bar is the interval of the actual mean; means are multiplied by `scale` (0.01: cents
    to currency units).
    """
    frame = deciles.sort_values("decile")
    means = frame[["expected_mean", "actual_mean", "low", "high"]].astype(float) * scale
    means = means.set_index(frame["decile"].astype(str))
    bars = go.Bar(x=means.index, y=means["expected_mean"], name="expected")
    bars.update(marker_color=EXPECTED_AREA, hovertemplate="%{y:,.2f}")
    figure = go.Figure([bars, _actual_dots(means, frame["customers"])])
    figure.update_yaxes(rangemode="tozero", tickformat=NUMBERS, title_text=unit)
    figure.update_xaxes(title_text=f"decile of the forecast, {_sizes(frame['customers'])}")
    figure.update_xaxes(type="category", showgrid=False)
    return styled(figure, 380).update_layout(bargap=0.35, hovermode="x unified")


def _actual_dots(means: pd.DataFrame, customers: pd.Series) -> go.Scatter:
    actual = means["actual_mean"]
    interval = {"array": means["high"] - actual, "arrayminus": actual - means["low"]}
    return go.Scatter(
        x=means.index,
        y=actual,
        name="actual, with its interval",
        mode="markers",
        marker={"color": ACTUAL, "size": 8},
        error_y=interval | {"symmetric": False, "thickness": 1.5, "width": 4},
        customdata=customers,
        hovertemplate="%{y:,.2f} of %{customdata:,} customers",
    )


def _sizes(customers: pd.Series) -> str:
    low, high = number(customers.min()), number(customers.max())
    return f"{low if low == high else f'{low} to {high}'} customers each"


def alive(grid: pd.DataFrame) -> go.Figure:
    """Return P(alive) as a heat map: repeat purchases up, days from first to last to the right."""
    table = grid.pivot_table(index="frequency", columns="recency_days", values="p_alive")
    table = table.astype(float)
    figure = go.Figure(_heat(table))
    repeaters = table[table.index > 0]
    if min(repeaters.shape) > 1:
        figure.add_trace(_even_line(repeaters))
    figure.update_xaxes(title_text="days from first to last purchase")
    figure.update_yaxes(title_text="repeat purchases")
    figure.update_xaxes(showgrid=False, zeroline=False, tickformat=NUMBERS)
    figure.update_yaxes(showgrid=False, zeroline=False, tickformat=NUMBERS)
    return styled(figure, 480).update_layout(margin_t=84)


def _heat(table: pd.DataFrame) -> go.Heatmap:
    where = {
        "orientation": "h",
        "len": 0.5,
        "x": 0,
        "xanchor": "left",
        "y": 1.02,
        "yanchor": "bottom",
    }
    ticks = {"tickvals": [0, 0.25, 0.5, 0.75, 1], "tickformat": ".0%", "outlinewidth": 0}
    title = {"text": "P(alive)", "side": "top", "font": {"size": 12}}
    return go.Heatmap(
        x=table.columns,
        y=table.index,
        z=table,
        zmin=0.0,
        zmax=1.0,
        colorscale="Cividis",
        hoverongaps=False,
        colorbar=where | ticks | {"thickness": 10, "title": title, "ypad": 4},
        hovertemplate="%{y} repeat purchases, the last on day %{x}: %{z:.1%}<extra></extra>",
    )


def _even_line(table: pd.DataFrame) -> go.Contour:
    """Return the line on which a customer is as likely alive as gone."""
    return go.Contour(
        x=table.columns,
        y=table.index,
        z=table,
        contours={"start": 0.5, "end": 0.5, "size": 1, "coloring": "lines"},
        colorscale=[[0, "white"], [1, "white"]],
        line_width=2,
        showscale=False,
        hoverinfo="skip",
    )


def tiers(frame: pd.DataFrame) -> go.Figure:
    """Return the shares of customers, expected value and realised value that each tier holds."""
    measured = [column for column in SHARES if column in frame.columns]
    names = frame["tier"].astype(str)
    figure = go.Figure([_share_bars(names, frame[column].astype(float)) for column in measured])
    figure.update_xaxes(type="category", showgrid=False, tickfont_size=13)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero", title_text="share")
    return styled(figure, 340).update_layout(barmode="group", bargap=0.3, bargroupgap=0.06)


def _share_bars(names: pd.Series, shares: pd.Series) -> go.Bar:
    label, colour = SHARES[str(shares.name)]
    text = {"texttemplate": "%{y:.0%}", "textposition": "outside", "textangle": 0}
    bars = go.Bar(x=names, y=shares, name=label, hovertemplate="%{y:.1%} " + label)
    return bars.update(text | {"marker_color": colour, "textfont_size": 11, "cliponaxis": False})


def reasons(frame: pd.DataFrame, currency: str) -> go.Figure:
    """Return how much each kind of input moves the value of a customer, up or down, on average."""
    kinds = frame[frame["kind"] != "base"]
    weighed = kinds["mean_absolute"] * kinds["customers"]
    sums = weighed.groupby(kinds["kind"], sort=False).sum()
    moved = sums.sort_values() / max(frame.groupby("tier")["customers"].first().sum(), 1) / 100.0
    bars = go.Bar(x=moved.to_numpy(), y=list(moved.index), orientation="h")
    bars.update(marker_color=EXPECTED_AREA, hovertemplate="%{x:,.2f}<extra></extra>")
    figure = go.Figure(bars)
    figure.update_xaxes(title_text=f"moves the value of a customer by, {currency}, on average")
    figure.update_yaxes(showgrid=False, automargin=True)
    return styled(figure, 120 + 34 * len(moved)).update_layout(bargap=0.35)


def pit(histogram: pd.DataFrame, column: str) -> go.Figure:
    """Return the PIT histogram of one column; a right forecast has the height 1 in every bin."""
    low, high, mass = (histogram[c].astype(float) for c in ("bin_low", "bin_high", column))
    height = mass / (high - low) / (mass.sum() or 1.0)
    bars = go.Bar(x=(low + high) / 2, y=height, width=(high - low) * 0.94)
    bars.update(marker_color=EXPECTED_AREA, hovertemplate="%{y:.2f}<extra></extra>")
    figure = go.Figure(bars).add_hline(y=1, line={"color": WARM, "width": 1.5, "dash": "dot"})
    places = {"tickvals": [0, 0.25, 0.5, 0.75, 1], "tickformat": ".0%", "range": [-0.01, 1.01]}
    figure.update_xaxes(places, title_text="place of the outcome in its forecast", showgrid=False)
    figure.update_yaxes(title_text="density", range=[0, 1.1 * max(1.4, height.max())])
    return styled(figure, 300).update_layout(margin_t=16, font_color=INK)
