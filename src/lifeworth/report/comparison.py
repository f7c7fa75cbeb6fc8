"""The table and figures that compare runs; each takes the tidy frame of `lifeworth.runs()`."""

import pandas as pd
import plotly.graph_objects as go

from lifeworth.report.metrics import metric, scaled, titled
from lifeworth.report.style import INK, NUMBERS, SERIES, SYMBOLS, empty, styled

ABOUT_A_RUN = ("name", "data", "model", "cutoff", "horizon_days", "seed", "status")

SHOWN = (
    "purchases_mae",
    "purchases_bias",
    "value_mae",
    "value_rmse",
    "value_bias",
    "value_gini",
    "value_spearman",
    "value_coverage_90",
    "seconds_fit",
)
"""Metrics of the table, where they were measured."""

NO_RUNS = "No runs yet. Make one in a terminal: lifeworth run experiment=clv_cdnow"


def table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run and the columns to compare first; money stays in cents.

    Without runs: one row that says how to make one.
    """
    if runs.empty:
        return pd.DataFrame({"runs": [NO_RUNS]})
    columns = [c for c in (*ABOUT_A_RUN, *SHOWN) if c in runs.columns]
    keys = [c for c in ("data", "model", "cutoff") if c in columns]
    return runs.sort_values(keys)[columns].reset_index(drop=True)


def errors(runs: pd.DataFrame, name: str) -> go.Figure:
    """Return a dot plot of one metric: a line per data set and model, a dot per run.

    A dot has its interval where the columns `<name>_low` and `<name>_high` are there.
    """
    frame = _measured(runs, name)
    if frame.empty:
        return empty(NO_RUNS if runs.empty else f"No run has {name}.")
    of = metric(name)
    traces = [_dots(frame[frame["model"] == m], name, c) for m, c in _colours(frame).items()]
    figure = styled(go.Figure(traces), 110 + 34 * len(frame[["data", "model"]].drop_duplicates()))
    figure.update_xaxes(title_text=titled(of))
    figure.update_xaxes(tickformat=NUMBERS, rangemode="tozero" if of.kind.target == 0 else "normal")
    figure.update_yaxes(type="multicategory", autorange="reversed", dividercolor="white")
    return figure.update_layout(margin_t=16, showlegend=False)


def _dots(own: pd.DataFrame, name: str, colour: str) -> go.Scatter:
    drawn = scaled(metric(name), own[name])
    return go.Scatter(
        x=drawn,
        y=[own["data"], own["model"]],
        mode="markers",
        marker={"color": colour, "size": 10, "opacity": 0.85},
        error_x=_interval(own, name, drawn),
        customdata=own["name"],
        hovertemplate="%{customdata}: %{x:,.3~f}<extra></extra>",
    )


def _interval(own: pd.DataFrame, name: str, drawn: pd.Series) -> dict[str, object]:
    low, high = f"{name}_low", f"{name}_high"
    if not {low, high} <= set(own.columns):
        return {}
    above = scaled(metric(name), own[high]) - drawn
    below = drawn - scaled(metric(name), own[low])
    look = {"symmetric": False, "thickness": 1.5, "width": 4}
    return look | {"array": above, "arrayminus": below}


def bias_against_gini(runs: pd.DataFrame) -> go.Figure:
    """Return value bias (best 0) against normalised Gini (best 1), a dot per run.

    A colour is a model, a symbol a data set.
    """
    frame = _measured(runs, "value_bias", "value_gini")
    if frame.empty:
        return empty(NO_RUNS if runs.empty else "No run has value_bias and value_gini.")
    colours, symbols = _colours(frame), _cycled(frame["data"], SYMBOLS)
    figure = styled(go.Figure(), 460)
    for (data, model), own in frame.groupby(["data", "model"]):
        look = {"color": colours[model], "symbol": symbols[data], "size": 12}
        figure.add_trace(_points(own, f"{data}, {model}").update(marker=look))
    figure.add_hline(y=0, line={"color": INK, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="value: normalised Gini (1: perfect order)")
    figure.update_yaxes(title_text="value: bias of the total (0: right)", tickformat="+.0%")
    side = {"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top"}
    return figure.update_layout(legend=side, showlegend=True, margin_t=16)


def _points(own: pd.DataFrame, name: str) -> go.Scatter:
    return go.Scatter(
        x=own["value_gini"],
        y=own["value_bias"],
        name=name,
        mode="markers",
        customdata=own["name"],
        hovertemplate="%{customdata}: Gini %{x:.3f}, bias %{y:+.1%}<extra></extra>",
    )


def seconds(runs: pd.DataFrame) -> go.Figure:
    """Return the seconds each run took to fit, a line per data set and model."""
    figure = errors(runs, "seconds_fit")
    return figure.update_xaxes(title_text="seconds to fit", rangemode="tozero")


def _measured(runs: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Return the runs that have every named metric, with data, model and run name as text."""
    words = ["data", "model", "name"]
    if runs.empty or not {*words, *names} <= set(runs.columns):
        return pd.DataFrame(columns=[*words, *names])
    frame = runs.dropna(subset=list(names))
    return frame.astype(dict.fromkeys(words, str)).sort_values(["data", "model"])


def _cycled(values: pd.Series, choices: tuple[str, ...]) -> dict[str, str]:
    return {value: choices[i % len(choices)] for i, value in enumerate(sorted(values.unique()))}


def _colours(frame: pd.DataFrame) -> dict[str, str]:
    return _cycled(frame["model"], SERIES)
