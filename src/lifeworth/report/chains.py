"""Figures of a sampler at work: traces and ranks of chains, and the climb of an ELBO."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float
from scipy.stats import rankdata

from lifeworth.report.density import axis_of, needs_log
from lifeworth.report.style import EXPECTED, INK, QUIET, SERIES, WARM, styled

DRAWS = 500
"""Draws of a chain that are drawn, at most."""

STEPS = 1000
"""Stretches of an ELBO that are drawn, at most."""

BINS = 20
"""Bins of a rank histogram."""

START = 0.2
"""First share of an ELBO's stretches, which the axis leaves out: they start far below the rest."""


def thinned(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most so many rows, evenly spaced, the first and the last among them."""
    kept = np.linspace(0, len(frame) - 1, min(most, len(frame))).round().astype(int)
    return frame.iloc[np.unique(kept)]


def trace(draws: pd.DataFrame) -> go.Figure:
    """Return the draws of one quantity in their order, a line per chain."""
    figure = go.Figure()
    for colour, (chain, own) in zip(_colours(draws), draws.groupby("chain"), strict=True):
        kept = thinned(own.sort_values("draw"), DRAWS)
        line = go.Scatter(x=kept["draw"].to_numpy(), y=kept["value"].to_numpy(dtype=np.float32))
        line.update(mode="lines", name=f"chain {chain}", line={"color": colour, "width": 1})
        figure.add_trace(line.update(opacity=0.75, hovertemplate="%{y:.4~g}"))
    values = draws["value"].to_numpy(dtype=float)
    figure.update_yaxes(axis_of(values, log=needs_log(values)))
    figure.update_xaxes(title_text="draw", showgrid=False)
    return styled(figure, 230).update_layout(showlegend=True, margin_t=30)


def _colours(draws: pd.DataFrame) -> list[str]:
    return [SERIES[i % len(SERIES)] for i in range(draws["chain"].nunique())]


def ranks(draws: pd.DataFrame) -> go.Figure:
    """Return by chain how often its draws fall in each twentieth of all draws; 1 is even."""
    figure = go.Figure()
    edges = np.linspace(0, 1, BINS + 1)
    for colour, (chain, heights) in zip(_colours(draws), shares(draws).items(), strict=True):
        line = go.Scatter(x=edges, y=np.append(heights, heights[-1]), line_shape="hv")
        line.update(mode="lines", name=f"chain {chain}", line={"color": colour, "width": 1.5})
        figure.add_trace(line.update(hovertemplate="%{y:.2f}"))
    figure.add_hline(y=1, line={"color": WARM, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(title_text="rank among all draws", tickformat=".0%", showgrid=False)
    figure.update_yaxes(title_text="against even", rangemode="tozero", nticks=5)
    return styled(figure, 230).update_layout(showlegend=False, margin_t=30)


def shares(draws: pd.DataFrame) -> dict[int, Float[np.ndarray, " bins"]]:
    """Return by chain the share of its draws in each of 20 bins of the pooled ranks, times 20."""
    rank = rankdata(draws["value"].to_numpy(dtype=float))
    bins = ((rank - 0.5) / len(rank) * BINS).astype(int)
    chains = draws["chain"].to_numpy()
    return {int(c): _share(bins[chains == c]) for c in np.unique(chains)}


def _share(bins: np.ndarray) -> Float[np.ndarray, " bins"]:
    return np.bincount(bins, minlength=BINS) * BINS / len(bins)


def elbo(steps: pd.DataFrame) -> go.Figure:
    """Return the means of the ELBO over stretches, and their running mean over a fiftieth of all.

    A row of `steps` is a stretch, told by its last step.
    """
    frame = steps.sort_values("step").astype({"elbo": float})
    frame = frame[np.isfinite(frame["elbo"])]
    window = max(len(frame) // 50, 1)
    smooth = frame.assign(elbo=frame["elbo"].rolling(window, min_periods=1).mean())
    lines = [
        _climb(frame, "mean of a stretch", QUIET, 1.0),
        _climb(smooth, "running mean", EXPECTED, 2.0),
    ]
    figure = go.Figure(lines)
    figure.update_xaxes(title_text="step", separatethousands=True, showgrid=False)
    figure.update_yaxes(title_text="ELBO", separatethousands=True, exponentformat="none")
    figure.update_yaxes(range=_late(frame["elbo"].to_numpy()))
    return styled(figure, 300).update_layout(hovermode="x unified", font_color=INK)


def _climb(frame: pd.DataFrame, name: str, colour: str, width: float) -> go.Scatter:
    kept = thinned(frame, STEPS)
    line = go.Scatter(x=kept["step"].to_numpy(), y=kept["elbo"].to_numpy(), mode="lines")
    return line.update(name=name, line={"color": colour, "width": width}, hovertemplate="%{y:,.1f}")


def _late(values: Float[np.ndarray, " steps"]) -> list[float]:
    """Return the ends of an axis for all but the first fifth of the steps."""
    late = values[int(START * len(values)) :]
    room = 0.08 * float(np.ptp(late)) or 1.0
    return [float(late.min()) - room, float(late.max()) + room]
