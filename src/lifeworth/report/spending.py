"""Figures of policies that spend a budget: dots with intervals, and what a budget brings."""

import pandas as pd
import plotly.graph_objects as go

from lifeworth.report.style import ACTUAL, EXPECTED, INK, NUMBERS, SERIES, WARM, styled

NAMES = {
    "chosen": "chosen by forecast",
    "monetary": "spent most so far",
    "frequency": "bought most often",
    "random": "at random",
}
"""Policies in words."""

MEASURES = {"forecast": (EXPECTED, 0.14), "realised": (ACTUAL, -0.14)}
"""Colour of a measure, and how far its dots lie above the line of their policy."""


def policy_name(policy: str) -> str:
    """Return what a reader calls a policy."""
    return NAMES.get(policy, policy)


def dots(policies: pd.DataFrame, columns: tuple[str, str, str]) -> go.Figure:
    """Return a dot with its interval for each policy and measure.

    Parameters
    ----------
    policies
        policy, measure, and the three columns (cents); the first policy is drawn at the top.
    columns
        The number and the ends of its interval.
    """
    names = list(policies["policy"].unique())
    lines = {name: len(names) - 1 - i for i, name in enumerate(names)}
    figure = go.Figure()
    for measure, own in policies.groupby("measure", sort=False):
        figure.add_trace(_dots(own, columns, lines, str(measure)))
    figure.add_vline(x=0, line={"color": INK, "width": 1, "dash": "dot"})
    figure.update_xaxes(tickformat=NUMBERS)
    figure.update_yaxes(
        tickvals=list(lines.values()),
        ticktext=[policy_name(name) for name in lines],
        range=[-0.5, len(names) - 0.5],
        zeroline=False,
        tickfont_size=13,
    )
    return styled(figure, 130 + 50 * len(names)).update_layout(showlegend=True)


def _dots(
    own: pd.DataFrame, columns: tuple[str, str, str], lines: dict[str, int], measure: str
) -> go.Scatter:
    middle, low, high = (own[name].astype(float) / 100.0 for name in columns)
    colour, above = MEASURES[measure]
    return go.Scatter(
        x=middle,
        y=[lines[name] + above for name in own["policy"]],
        name=measure,
        mode="markers",
        marker={"color": colour, "size": 9},
        error_x={
            "array": high - middle,
            "arrayminus": middle - low,
            "symmetric": False,
            "thickness": 1.5,
            "width": 4,
        },
        customdata=list(zip(low, high, strict=True)),
        hovertemplate="%{x:,.0f}, %{customdata[0]:,.0f} to %{customdata[1]:,.0f}",
    )


def budgets(curve: pd.DataFrame, budget: float, currency: str) -> go.Figure:
    """Return net value against money spent, a line for each policy, the budget marked.

    Parameters
    ----------
    curve
        policy, spend, customers, net (cents) of one measure.
    budget
        Cents.
    """
    figure = go.Figure()
    for colour, (name, own) in zip(SERIES, curve.groupby("policy", sort=False), strict=False):
        figure.add_trace(
            go.Scatter(
                x=own["spend"] / 100.0,
                y=own["net"] / 100.0,
                name=policy_name(str(name)),
                mode="lines",
                line={"color": colour, "width": 2.5 if name == "chosen" else 1.5},
                customdata=own["customers"],
                hovertemplate="%{y:,.0f} with %{customdata:,.0f} customers",
            )
        )
    figure.add_vline(x=budget / 100.0, line={"color": WARM, "width": 1.5, "dash": "dot"})
    words = {"showarrow": False, "font": {"color": WARM, "size": 12}, "yanchor": "bottom"}
    figure.add_annotation(
        words, x=budget / 100.0, y=0, yref="paper", xanchor="left", text=" budget"
    )
    figure.update_xaxes(title_text=f"spend, {currency}", tickformat=NUMBERS, rangemode="tozero")
    figure.update_yaxes(tickformat=NUMBERS)
    return styled(figure, 400).update_layout(hovermode="x unified", legend_font_size=11)
