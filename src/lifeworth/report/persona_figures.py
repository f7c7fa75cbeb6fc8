"""Figures of personas: treemap, snake plot, heat map, scatter, shares over time."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lifeworth.report.style import GRID, NUMBERS, QUIET, SERIES, SYMBOLS, styled

DOTS = 2_000
"""Customers of a scatter."""

FIFTHS = 5

SHORT = 14
"""Letters of a name in a cell."""


def colours(names: pd.Series) -> dict[str, str]:
    """Return a colour of each persona, in the order of the profiles; the ninth has the first."""
    return {str(name): SERIES[place % len(SERIES)] for place, name in enumerate(names)}


def treemap(profiles: pd.DataFrame) -> go.Figure:
    """Return personas as areas in proportion to the value they hold."""
    names = profiles["persona_name"].astype(str)
    words = [
        f"{value:.1%} of value<br>{share:.1%} of customers"
        for value, share in zip(profiles["value_share"], profiles["share"], strict=True)
    ]
    trace = go.Treemap(
        labels=names,
        parents=[""] * len(names),
        values=profiles["value_share"].clip(lower=0),
        text=words,
        textinfo="label+text",
        marker={"colors": list(colours(names).values())},
        hovertemplate="%{label}<br>%{text}<extra></extra>",
    )
    return styled(go.Figure(trace), 320).update_layout(margin={"l": 4, "r": 4, "t": 8, "b": 4})


def snake_plot(ranks: pd.DataFrame, profiles: pd.DataFrame) -> go.Figure:
    """Return a line per persona over the columns."""
    shade = colours(profiles["persona_name"])
    figure = go.Figure()
    for place, name in enumerate(shade):
        own = ranks[ranks["persona_name"] == name]
        line = go.Scatter(
            x=own["column"].str.removesuffix("_cents").str.replace("_", " "),
            y=own["rank"],
            mode="lines+markers",
            name=name,
            line={"color": shade[name]},
            marker={"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 8},
            hovertemplate="%{x}: %{y:.2f}<extra>" + name + "</extra>",
        )
        figure.add_trace(line)
    return styled(figure, 400).update_yaxes(range=[0, 1]).update_layout(margin_t=80)


def heat_map(customers: pd.DataFrame) -> go.Figure:
    """Return mean value by fifths of recency and frequency, with the persona of most customers."""
    frame = customers.assign(
        recent=_fifth(-customers["recency_days"]), often=_fifth(customers["frequency"])
    )
    cells = frame.groupby(["recent", "often"])
    value = (cells["monetary_cents"].mean() / 100).unstack().reindex(
        index=range(1, FIFTHS + 1), columns=range(1, FIFTHS + 1)
    )  # fmt: skip
    most = cells["persona_name"].agg(lambda names: names.mode().iloc[0][:SHORT]).unstack()
    most = most.reindex(index=value.index, columns=value.columns).astype(object).fillna("")
    trace = go.Heatmap(
        x=list(value.columns),
        y=list(value.index),
        z=np.log10(np.maximum(value.to_numpy(dtype=float), 1.0)),
        text=most.to_numpy(),
        customdata=value.to_numpy(dtype=float),
        texttemplate="%{text}",
        textfont={"size": 10},
        colorscale=[[0, GRID], [1, SERIES[0]]],
        showscale=False,
        hovertemplate="recency %{y}, frequency %{x}: %{customdata:,.0f}<extra></extra>",
    )
    figure = styled(go.Figure(trace), 380).update_xaxes(title_text="frequency, fifths", dtick=1)
    return figure.update_yaxes(title_text="recency, fifths (5 the latest)", dtick=1)


def scatter(customers: pd.DataFrame, profiles: pd.DataFrame, currency: str) -> go.Figure:
    """Return a sample of customers by recency and value."""
    few = customers.sample(min(DOTS, len(customers)), random_state=0)
    few = few[few["monetary_cents"] > 0]
    figure = go.Figure()
    for name, colour in colours(profiles["persona_name"]).items():
        own = few[few["persona_name"] == name]
        dots = go.Scatter(
            x=own["recency_days"],
            y=own["monetary_cents"] / 100,
            mode="markers",
            name=name,
            marker={"color": colour, "size": 4, "opacity": 0.6},
            hovertemplate="%{x:.0f} days, %{y:,.0f}<extra>" + name + "</extra>",
        )
        figure.add_trace(dots)
    figure = styled(figure, 380).update_xaxes(title_text="days since the last purchase")
    return figure.update_yaxes(title_text=currency, type="log", tickformat=NUMBERS)


def stacked(shares: pd.DataFrame) -> go.Figure:
    """Return shares of customers by persona over the cut-offs, stacked."""
    wide = shares.pivot_table(index="cutoff", columns="persona_name", values="share", fill_value=0)
    figure = go.Figure()
    for place, name in enumerate(wide.columns):
        area = go.Scatter(
            x=[str(day) for day in wide.index],
            y=wide[name],
            name=str(name),
            stackgroup="all",
            mode="lines",
            line={"width": 0.5, "color": (*SERIES, QUIET)[place % (len(SERIES) + 1)]},
            hovertemplate="%{x}: %{y:.1%}<extra>" + str(name) + "</extra>",
        )
        figure.add_trace(area)
    return (
        styled(figure, 340).update_yaxes(range=[0, 1], tickformat=".0%").update_layout(margin_t=80)
    )


def _fifth(value: pd.Series) -> pd.Series:
    ranks = (value.rank(method="average") - 0.5) / len(value)
    return np.minimum((ranks * FIFTHS).astype(int) + 1, FIFTHS)
