"""Split-conformal intervals of value (Romano, Patterson and Candès 2019), on a window of time."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from lifeworth.models.core import QUANTILES, Forecast

MEDIAN = 2
"""Place of the median, which no interval leaves."""

PAIRS = ((0, 4, 0.90), (1, 3, 0.50))
"""Places of the ends of an interval among QUANTILES, and what it should hold."""


def widths(
    found: Float[np.ndarray, "levels customers"], value: Float[np.ndarray, " customers"]
) -> Float[np.ndarray, " pairs"]:
    """Return what to add to both ends of each interval, on the scale of log1p; below 0 narrows.

    Parameters
    ----------
    found, value
        Quantiles that were forecast for a window that was not learnt from, and what happened in it;
        in units of money.
    """
    ends, y = np.log1p(np.maximum(found, 0.0)), np.log1p(np.maximum(value, 0.0))
    return np.array([_width(ends[low], ends[high], y, level) for low, high, level in PAIRS])


def _width(low: np.ndarray, high: np.ndarray, y: np.ndarray, level: float) -> float:
    off = np.sort(np.maximum(low - y, y - high))
    rank = min(int(np.ceil((len(off) + 1) * level)), len(off))
    return float(off[rank - 1])


def widened(forecast: Forecast, added: Float[np.ndarray, " pairs"], unit: float) -> Forecast:
    """Return the forecast with its quantiles of value widened; draws stay as they are."""
    if not len(added):
        return forecast
    names = list(QUANTILES)
    levels = np.log1p(np.maximum(forecast.frame[names].to_numpy().T, 0.0) / unit)
    for (low, high, _), width in zip(PAIRS, added, strict=True):
        levels[low] = np.minimum(levels[low] - width, levels[MEDIAN])
        levels[high] = np.maximum(levels[high] + width, levels[MEDIAN])
    levels = np.maximum.accumulate(np.maximum(levels, 0.0), axis=0)
    money = np.expm1(levels) * unit
    return replace(forecast, frame=forecast.frame.assign(**dict(zip(names, money, strict=True))))
