"""Draws as curves: which axis they need, their kernel density and their histogram."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import gaussian_kde

POINTS = 200
"""Points of a density."""

BINS = 30
"""Bins of a histogram."""

WIDE = 20.0
"""Positive draws whose largest is more than this many times their smallest get a log axis."""

FEW_DECADES = 2.2
"""Decades of a log axis that has ticks at 2 and 5 too, at most."""

CENTRE = (0.005, 0.995)
"""Draws beyond these quantiles are not drawn: one stray draw would flatten all the others."""

LINEAR_AXIS = {"type": "linear", "separatethousands": True, "nticks": 6}

Curve = tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]
"""The x and the y of a line; x in the unit of the draws whatever the axis."""


def by_quantity(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each quantity whose value is finite, quantities in order of appearance."""
    values = pd.to_numeric(frame["value"]).astype(float)
    kept = frame.assign(value=values)[np.isfinite(values)]
    return {str(name): rows for name, rows in kept.groupby("quantity", sort=False)}


def needs_log(values: Float[np.ndarray, " draws"]) -> bool:
    """Return whether all values are positive and more than a factor 20 apart."""
    return bool(values.min() > 0 and values.max() > WIDE * values.min())


def axis_of(values: Float[np.ndarray, " draws"], *, log: bool) -> dict[str, object]:
    """Return the properties of an axis that shows these values.

    A log axis has ticks at 1, 2 and 5 over up to two decades, else at few powers of ten.
    """
    if not log:
        return dict(LINEAR_AXIS)
    low, high = (float(np.log10(end)) for end in (values.min(), values.max()))
    step = max(int(np.ceil((high - low) / 5)), 1)
    powers = np.arange(np.floor(low), np.ceil(high) + 1)
    digits = [1.0, 2.0, 5.0] if high - low <= FEW_DECADES else [1.0]
    ticks = [d * 10.0**p for p in powers[powers % step == 0] for d in digits]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{t:,.10g}" for t in ticks]}


def kernel_density(draws: Float[np.ndarray, " draws"], *, log: bool) -> Curve:
    """Return the density at 200 points, its peak scaled to 1; on a log axis per unit of log10.

    Draws that are all the same give a vertical line.
    """
    centre = _central(np.log10(draws) if log else draws)
    if _all_same(centre):
        return np.full(2, draws[0]), np.array([0.0, 1.0])
    kernel = gaussian_kde(centre)
    low, high = _ends(centre, 3 * float(np.sqrt(kernel.covariance[0, 0])), log=log)
    x = np.linspace(low, high, POINTS)
    y = kernel(x)
    return (10.0**x if log else x), y / y.max()


def _central(values: Float[np.ndarray, " draws"]) -> Float[np.ndarray, " kept"]:
    low, high = np.quantile(values, CENTRE)
    kept = values[(values >= low) & (values <= high)]
    return kept if len(kept) else values


def _all_same(values: Float[np.ndarray, " draws"]) -> bool:
    return bool(np.ptp(values) <= 1e-9 * np.abs(values).max())


def _ends(values: Float[np.ndarray, " draws"], room: float, *, log: bool) -> tuple[float, float]:
    """Return where the curve starts and ends: not below 0, or above 1, where no draw is."""
    low, high = float(values.min()), float(values.max())
    one = 0.0 if log else 1.0
    top = min(high + room, one) if high <= one else high + room
    if log:
        return low - room, top
    return (max(low - room, 0.0), top) if low >= 0 else (low - room, high + room)


def histogram(draws: Float[np.ndarray, " draws"], *, log: bool) -> Curve:
    """Return the outline of a histogram of 30 equal bins, the highest scaled to 1.

    It starts and ends at 0 and is drawn with `line_shape="hv"`.
    """
    centre = _central(np.log10(draws) if log else draws)
    counts, edges = np.histogram(centre, bins=BINS)
    heights = counts / counts.max()
    x = np.concatenate([edges[:1], edges])
    y = np.concatenate([[0.0], heights, [0.0]])
    return (10.0**x if log else x), y
