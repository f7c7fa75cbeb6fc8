"""What a BG/NBD says of customers: features of a network, and where it begins."""

import itertools

import numpy as np
import pandas as pd
from jaxtyping import Float

from lifeworth.asof.split import History
from lifeworth.asof.summary import summary
from lifeworth.engines.likelihood import FitError
from lifeworth.models.btyd.fitted import FittedBtyd
from lifeworth.models.btyd.plain import plain

BORROWED = ("bgnbd_purchases", "bgnbd_alive", "bgnbd_active", "bgnbd_value_cents")

DIGITS = 6
"""Decimals of a base, so that the currency leaves no trace in it."""


def lent(history: History) -> FittedBtyd | None:
    """Fit a BG/NBD to `history`; None where there is nothing to fit it to."""
    try:
        return plain(history)
    except FitError:
        return None


def borrowed(fit: FittedBtyd | None, history: History, days: int) -> pd.DataFrame:
    """Return expected purchases, P(alive), P(active) and expected value (cents) over `days`.

    Customers are sorted by customer_id; without a fit all are 0.
    """
    names = list(BORROWED)
    if fit is None:
        empty = np.zeros((_customers(history), len(names)))
        return pd.DataFrame(empty, columns=pd.Index(names))
    ahead = fit.outlook(history, 0.0, float(days))
    kept = ahead[["expected_purchases", "p_alive", "p_active"]]
    value = fit.value(history, [float(days)], 0.0).drop(columns="customer_id")
    return pd.concat([kept, value], axis=1).set_axis(names, axis=1)


def base_of(
    fit: FittedBtyd | None, history: History, horizons: tuple[int, ...], unit: float
) -> Float[np.ndarray, "customers intervals 5"]:
    """Return raw heads (`math.head_of`) that say what the BG/NBD expects of each interval.

    Log odds of a purchase, log of purchases beyond the first, and log of the mean value (in units)
    of those who buy; 0 for what it does not know: shape and scale. Without a fit all are 0.
    """
    base = np.zeros((_customers(history), len(horizons), 5))
    if fit is None:
        return base
    value = fit.value(history, [float(h) for h in horizons], 0.0).drop(columns="customer_id")
    upto = np.concatenate([np.zeros((len(base), 1)), value.to_numpy(np.float64)], axis=1)
    for i, (start, end) in enumerate(itertools.pairwise((0, *horizons))):
        ahead = fit.outlook(history, float(start), float(end))
        p = np.clip(ahead["p_active"].to_numpy(np.float64), 1e-6, 1.0 - 1e-6)
        extra = np.maximum(ahead["expected_purchases"].to_numpy(np.float64) / p - 1.0, 1e-3)
        worth = np.maximum((upto[:, i + 1] - upto[:, i]) / unit / p, 1e-3)
        base[:, i, 0], base[:, i, 1], base[:, i, 3] = (
            np.log(p / (1 - p)),
            np.log(extra),
            np.log(worth),
        )
    return np.round(base, DIGITS)


def _customers(history: History) -> int:
    return int(summary(history).count().to_pyarrow().as_py())
