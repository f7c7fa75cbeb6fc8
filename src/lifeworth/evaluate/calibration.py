"""Is a forecast right in groups: deciles of customers, weeks, intervals and the PIT."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy import special

from lifeworth.evaluate.errors import Customers, Ties, UndefinedError, mape, mean, ones
from lifeworth.tables.errors import InputError

DECILES = 10
BINS = 10
"""Bins of a PIT histogram."""

Histogram = Float[np.ndarray, " bins"]


class Deciles(NamedTuple):
    """Means of ten groups of customers, the lowest expectation first."""

    customers: Float[np.ndarray, "10"]
    expected: Float[np.ndarray, "10"]
    actual: Float[np.ndarray, "10"]
    actual_squared: Float[np.ndarray, "10"]


def decile_table(actual: Customers, expected: Customers) -> pd.DataFrame:
    """Return forecast and outcome by decile of the forecast.

    Columns: decile (1, the lowest expectation, to 10), customers (int; sizes differ by at most
    one), expected_mean, actual_mean, and low, high: the 90 % t-interval of actual_mean (of zero
    width where no outcome of the decile differs). Customers with equal expectations who straddle an
    edge are shared out evenly, each side getting their average outcome, so row order does not
    matter.

    Raises
    ------
    UndefinedError
        If there are fewer than 20 customers.
    """
    means = decile_means(actual, Ties.of(expected), expected, ones(actual))
    count = means.customers
    variance = np.maximum(means.actual_squared - means.actual**2, 0) * count / (count - 1)
    half = special.stdtrit(count - 1, 0.95) * np.sqrt(variance / count)
    return pd.DataFrame({
        "decile": np.arange(1, DECILES + 1),
        "customers": count.astype(int),
        "expected_mean": means.expected,
        "actual_mean": means.actual,
        "low": means.actual - half,
        "high": means.actual + half,
    })  # fmt: skip


def decile_mape(actual: Customers, expected: Customers) -> float:
    """Return the mean over deciles of |expected mean - actual mean| / |actual mean|.

    Wang, Liu and Miao 2019, "A deep probabilistic model for customer lifetime value prediction".

    Raises
    ------
    UndefinedError
        If there are fewer than 20 customers, or the outcomes of a decile sum to 0.
    """
    means = decile_means(actual, Ties.of(expected), expected, ones(actual))
    return mape(means.actual, means.expected)


def decile_means(actual: Customers, ties: Ties, expected: Customers, weights: Customers) -> Deciles:
    """Return the means of `decile_table` under frequency weights; `ties` is `Ties.of(expected)`.

    Each column is read off its running sum, a straight line within each group of ties, at the edges
    of the deciles.
    """
    position = ties.running(weights)
    if not position[-1] >= 2 * DECILES:
        raise UndefinedError(
            f"deciles: {position[-1]:,.0f} customers; ten groups need at least {2 * DECILES}"
        )
    edges = position[-1] * np.arange(DECILES + 1) // DECILES
    places = np.concatenate(([0.0], position))

    def share(values: Customers) -> Float[np.ndarray, "10"]:
        running = np.concatenate(([0.0], ties.running(weights * values)))
        return np.diff(np.interp(edges, places, running)) / np.diff(edges)

    return Deciles(np.diff(edges), share(expected), share(actual), share(actual**2))


def inside(actual: Customers, low: Customers, high: Customers) -> Bool[np.ndarray, " customers"]:
    """Return whether each outcome lies in its interval, ends included."""
    return (actual >= low) & (actual <= high)


def coverage(
    actual: Customers, low: Customers, high: Customers, weights: Customers | None = None
) -> float:
    """Return the share of outcomes inside their intervals, ends included.

    For counts the ends carry probability of their own, so a right forecast covers at least, and
    often more than, its nominal level.
    """
    return mean(inside(actual, low, high).astype(float), weights)


def pit_masses(
    below: Customers, upto: Customers, bins: int = BINS
) -> Float[np.ndarray, "customers bins"]:
    """Return how each customer's PIT spreads over equal bins of [0, 1]; every row sums to 1.

    `below` is P(Y < y) and `upto` is P(Y <= y) under the customer's forecast. The PIT of a discrete
    outcome is taken as uniform between the two rather than drawn from there (Czado, Gneiting and
    Held 2009, equation 2), so the result is deterministic. Where the two are equal it is a point.
    """
    edges = np.arange(bins + 1) / bins
    width = np.maximum(upto - below, np.finfo(float).tiny)
    reached = np.clip((edges - below[:, None]) / width[:, None], 0, 1)
    reached[:, -1] = 1  # a point at 1 belongs to the last bin
    return np.diff(reached, axis=1)


def pit_histogram(
    masses: Float[np.ndarray, "customers bins"], weights: Customers | None = None
) -> Histogram:
    """Return the mean of `pit_masses` (shares, sum 1).

    Flat for a calibrated forecast, U-shaped for one too narrow, leaning right for one too low.
    """
    weights = ones(masses[:, 0]) if weights is None else weights
    return np.einsum("c,cb->b", weights, masses) / weights.sum()


def pit_distance(histogram: Histogram) -> float:
    """Return the share of customers in excess of a flat histogram: from 0 to 1 - 1/bins."""
    return float(np.abs(histogram - 1 / len(histogram)).sum() / 2)


def tracking_table(actual_weekly: pd.DataFrame, expected_weekly: pd.DataFrame) -> pd.DataFrame:
    """Return purchases by week, actual beside expected, in order of time.

    Parameters
    ----------
    actual_weekly
        week_start, purchases: one row per week to be judged.
    expected_weekly
        week_start, expected_purchases: those weeks and possibly others (`Forecast.tracking`).

    Returns
    -------
    pandas.DataFrame
        week_start, actual, expected, actual_cumulative, expected_cumulative (float but for
        week_start).

    Raises
    ------
    InputError
        If a week of `actual_weekly` is not in `expected_weekly`.
    """
    actual = _by_week(actual_weekly, "purchases").sort_index()
    expected = _by_week(expected_weekly, "expected_purchases")
    absent = actual.index.difference(expected.index)
    if len(absent):
        raise InputError(
            f"tracking: {len(absent)} of {len(actual)} weeks have no forecast, first "
            f"{absent[0].date()}; a forecast must track every week of its horizon"
        )
    table = pd.DataFrame({"actual": actual, "expected": expected.loc[actual.index]})
    running = table.cumsum().add_suffix("_cumulative")
    return pd.concat([table, running], axis=1).reset_index()


def _by_week(frame: pd.DataFrame, column: str) -> pd.Series:
    index = pd.DatetimeIndex(pd.to_datetime(frame["week_start"]), name="week_start")
    return pd.Series(frame[column].to_numpy(dtype=float), index=index)
