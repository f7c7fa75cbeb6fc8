"""How outcomes fall into the predictive draws of a forecast, a chunk of customers at a time."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from lifeworth.evaluate.calibration import inside, pit_masses
from lifeworth.evaluate.errors import Customers
from lifeworth.models.core import BLOCK, Draws
from lifeworth.tables.errors import InputError

Sample = Float[np.ndarray, "customers draws"]


class Predictive(NamedTuple):
    """How each outcome fell into its draws, customer by customer."""

    crps: Float[np.ndarray, " customers"]
    pit: Float[np.ndarray, "customers bins"]
    inside_50: Bool[np.ndarray, " customers"]
    inside_90: Bool[np.ndarray, " customers"]


def judge_draws(
    draws: Callable[[slice], Draws],
    purchases: Customers,
    value: Customers,
    *,
    chunk: int = BLOCK,
) -> tuple[Predictive, Predictive]:
    """Judge the draws of purchases and those of value, a chunk of customers at a time.

    Parameters
    ----------
    draws
        `Forecast.draws`.
    chunk
        Customers whose draws are in memory at once. Multiples of BLOCK draw nobody twice.
    purchases, value
        Outcomes in the rows of the forecast: counts, cents.
    """
    counts, money = [], []
    for start in range(0, len(purchases), chunk):
        rows = slice(start, min(start + chunk, len(purchases)))
        drawn = draws(rows)
        counts.append(judge(purchases[rows], np.sort(drawn.purchases, axis=1)))
        money.append(judge(value[rows], np.sort(drawn.value, axis=1)))
    return _joined(counts), _joined(money)


def judge(actual: Customers, ascending: Sample) -> Predictive:
    """Judge outcomes against draws that ascend along each row.

    Raises
    ------
    InputError
        If there are fewer than two draws.
    """
    return Predictive(
        crps=crps(actual, ascending),
        pit=pit(actual, ascending),
        inside_50=inside(actual, quantile(ascending, 0.25), quantile(ascending, 0.75)),
        inside_90=inside(actual, quantile(ascending, 0.05), quantile(ascending, 0.95)),
    )


def crps(actual: Customers, ascending: Sample) -> Customers:
    """Return the fair continuous ranked probability score of each customer; smaller is better.

    In the unit of `actual`: mean |X - y| - (mean |X - X'| over pairs of different draws) / 2: its
    expectation is the score of the distribution itself, however few the draws (Ferro 2014), so
    models with different numbers of draws compare; one customer's may be slightly negative. The
    mean over pairs comes from the sorted draws, O(draws log draws).

    Raises
    ------
    InputError
        If there are fewer than two draws.
    """
    draws = ascending.shape[1]
    if draws < 2:
        raise InputError(f"crps: {draws} draws per customer; it needs at least 2")
    # The j-th smallest of m draws is the larger one in j - 1 pairs and the smaller one in m - j.
    signs = 2 * np.arange(draws) - (draws - 1.0)
    spread = np.einsum("cd,d->c", ascending, signs) / (draws * (draws - 1))
    return np.abs(ascending - actual[:, None]).mean(axis=1) - spread


def pit(actual: Customers, ascending: Sample) -> Float[np.ndarray, "customers bins"]:
    """Return the PIT masses (`calibration.pit_masses`) of outcomes among draws.

    The outcome is ranked together with its m draws: P(Y < y) is the count of smaller draws over m +
    1, P(Y <= y) that of smaller and equal ones, itself included, over m + 1. So the histogram of a
    calibrated forecast is flat in expectation for any m.
    """
    size = ascending.shape[1] + 1
    below = (ascending < actual[:, None]).sum(axis=1) / size
    upto = ((ascending <= actual[:, None]).sum(axis=1) + 1) / size
    return pit_masses(below, upto)


def quantile(ascending: Sample, level: float) -> Customers:
    """Return the smallest draw that a share `level` of the draws does not exceed.

    For counts a whole number.
    """
    draws = ascending.shape[1]
    return ascending[:, max(int(np.ceil(level * draws - 1e-9)) - 1, 0)]


def _joined(parts: Iterable[Predictive]) -> Predictive:
    return Predictive(*map(np.concatenate, zip(*parts, strict=True)))
