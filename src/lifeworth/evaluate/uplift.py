"""Does a score find the customers whom an offer changes: Qini, AUUC, AUTOC, uplift at k.

Every measure takes an *effect* of each row: any number whose mean, among rows of equal scores, is
the effect of the offer there (`policies.Logged.effects`: inverse propensity or doubly robust). So
outcomes may be yes or no, or money, and arms may have any chances. The unit is that of the outcome.

With the customers in order of falling score, G(u) is the sum of the effects of the first share u
over the number of all customers: the gain, per customer, of making the offer to that share.

    uplift at k   G(k) / k, the mean effect among those to whom the offer is made
    AUUC          integral of G(u) du from 0 to 1
    Qini          integral of (G(u) - u G(1)) du, so AUUC less that of a random order
    AUTOC         mean of (G(u) / u - G(1)) over u = 1/n, 2/n, ..., 1

None is divided by that of a perfect order: nobody knows it, and quotients of such guesses exceed 1.
Qini and AUTOC are the RATE of Yadlowsky, Fleming, Shah, Brunskill and Wager (2021), arXiv
2111.07966, with weights u and 1.

**Ties.** Customers with equal scores share the average over all their orders, so the order of rows
does not matter, and a constant score has Qini and AUTOC 0.

**Standard errors** are of first order, of ranks as well as of effects: that ranks come from the
sample counts. Scores must come from models that have not seen these outcomes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from jaxtyping import Float, Int

from lifeworth.evaluate.calibration import DECILES
from lifeworth.evaluate.errors import Customers, Ties, UndefinedError, mean
from lifeworth.evaluate.estimates import LEVEL, Measured, mean_of
from lifeworth.tables.errors import InputError

Positions = Float[np.ndarray, " customers"]

SHARES = tuple(n / 10 for n in range(1, 11))

WINDOW = 0.05
"""Share of customers on either side of an edge who tell the effect at the edge."""


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """Customers by falling score, effects averaged over ties.

    Attributes
    ----------
    group
        Of each customer among the distinct scores, the highest first.
    size
        Customers of each group.
    effect
        Mean effect of the group at each position, from the highest score down.
    """

    group: Int[np.ndarray, " customers"]
    size: Int[np.ndarray, " groups"]
    effect: Positions

    @classmethod
    def of(cls, effect: Customers, score: Customers) -> "Ordered":
        """Sort by `score`."""
        mean(effect)  # refuses what is not finite
        ties = Ties.of(-score)
        size = np.bincount(ties.group, minlength=ties.groups)
        sums = np.bincount(ties.group, weights=effect, minlength=ties.groups)
        return cls(group=ties.group, size=size, effect=np.repeat(sums / size, size))

    @property
    def position(self) -> Positions:
        """1 to n."""
        return np.arange(1.0, len(self.group) + 1)

    def by_row(self, at_position: Positions) -> Customers:
        """Return, for each row, the mean of `at_position` over the positions of its group."""
        starts = np.concatenate(([0], np.cumsum(self.size)[:-1]))
        return (np.add.reduceat(at_position, starts) / self.size)[self.group]

    def gain(self, share: float) -> float:
        """Return G(share)."""
        n = len(self.group)
        running = np.concatenate(([0.0], np.cumsum(self.effect)))
        return float(np.interp(share * n, np.arange(n + 1.0), running)) / n

    def included(self, share: float) -> Customers:
        """Return how much of each row is among the first `share`: 0, 1, or its part of a tie."""
        reached = np.clip(share * len(self.group) - (self.position - 1), 0, 1)
        return self.by_row(reached)


def average_effect(effect: Customers) -> Measured:
    """Return the mean effect, G(1)."""
    return mean_of(effect)


def autoc(effect: Customers, score: Customers) -> Measured:
    """Return the area under the targeting operator characteristic; 0 for a score that says nothing.

    It weighs the first customers most, so it sees effects that only a few have.
    """
    order = Ordered.of(effect, score)
    toc = np.cumsum(order.effect) / order.position
    average = float(effect.mean())
    tail, below = _from_here(1 / order.position), _from_here(toc / order.position)
    influence = (
        order.by_row(toc - below) - toc.mean() + effect * order.by_row(tail) - (effect - average)
    )
    return Measured(float(toc.mean()) - average, influence - influence.mean())


def auuc(effect: Customers, score: Customers) -> Measured:
    """Return the area under the gain curve G, by straight lines between distinct scores."""
    order = Ordered.of(effect, score)
    n = len(effect)
    running = np.cumsum(order.effect)
    area = float(running.sum() - running[-1] / 2) / n**2
    after = (n + 0.5 - order.position) / n
    influence = order.by_row(running) / n + effect * order.by_row(after)
    return Measured(area, influence - influence.mean())


def qini(effect: Customers, score: Customers) -> Measured:
    """Return the area between the gain curve and the straight line of a random order."""
    area, line = auuc(effect, score), average_effect(effect)
    return Measured(area.value - line.value / 2, area.influence - line.influence / 2)


def uplift_at(effect: Customers, score: Customers, share: float) -> Measured:
    """Return the mean effect among the `share` of customers with the highest scores.

    Of customers tied at the edge each counts in part. The influence of the edge takes the effect
    there from the 5 % of customers on either side.

    Raises
    ------
    InputError
        If `share` is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise InputError(f"uplift: share = {share}; it must be above 0 and at most 1, as 0.3")
    order = Ordered.of(effect, score)
    value = order.gain(share) / share
    inside = order.included(share)
    width = min(WINDOW, share, 1 - share)
    edge = value if width <= 0 else _slope(order, share, width)
    influence = inside * (effect - edge) / share
    return Measured(value, influence - influence.mean())


def targeting_table(
    effect: Customers,
    score: Customers,
    shares: Sequence[float] = SHARES,
    customer: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Return what targeting by `score` brings, by share of customers reached.

    Columns: share; uplift, the mean effect among them, with uplift_error; gain, that over all
    customers (uplift x share), with gain_error; random, the gain of as many customers at random;
    over_random, gain - random, with over_random_error.
    """
    average = average_effect(effect)
    rows = [
        _share_row(uplift_at(effect, score, share), average, share, customer) for share in shares
    ]
    return pd.DataFrame(rows)


def calibration_table(
    effect: Customers,
    expected: Customers,
    customer: npt.ArrayLike | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Return expected and measured effects by decile of the expected effect.

    Columns: decile (1, the lowest expectation, to 10), customers, expected_mean, actual_mean,
    error, and low, high: the interval of actual_mean. Customers of equal expectation who straddle
    an edge are shared out.

    Raises
    ------
    UndefinedError
        If there are fewer than 20 rows.
    """
    if len(effect) < 2 * DECILES:
        raise UndefinedError(
            f"deciles: {len(effect):,} rows; ten groups need at least {2 * DECILES}"
        )
    order = Ordered.of(effect, -expected)
    edges = [order.included(n / DECILES) for n in range(DECILES + 1)]
    rows = []
    for n, (before, upto) in enumerate(pairwise(edges), start=1):
        part = upto - before
        size = float(part.sum())
        actual = float((part * effect).sum()) / size
        influence = part * (effect - actual) * len(effect) / size
        found = Measured(actual, influence).estimate(customer)
        low, high = found.interval(level)
        rows.append(
            (n, size, float((part * expected).sum()) / size, actual, found.error, low, high)
        )
    names = ["decile", "customers", "expected_mean", "actual_mean", "error", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def calibration_slope(effect: Customers, expected: Customers) -> Measured:
    """Return the slope of measured on expected effects: 1 if right, below 1 if too far apart.

    The best linear predictor of Chernozhukov, Demirer, Duflo and Fernandez-Val (2018), by least
    squares with an intercept.

    Raises
    ------
    UndefinedError
        If all expectations are equal.
    """
    for values in (effect, expected):
        mean(values)  # refuses what is not finite
    x, y = expected - expected.mean(), effect - effect.mean()
    spread = float((x**2).mean())
    if spread == 0 or np.ptp(expected) == 0:
        raise UndefinedError(
            f"calibration slope: all {len(x):,} expected effects are equal; there is no slope"
        )
    slope = float((x * y).mean()) / spread
    return Measured(slope, x * (y - slope * x) / spread)


def _from_here(at_position: Positions) -> Positions:
    return np.cumsum(at_position[::-1])[::-1]


def _slope(order: Ordered, share: float, width: float) -> float:
    return (order.gain(share + width) - order.gain(share - width)) / (2 * width)


def _share_row(
    at: Measured, average: Measured, share: float, customer: npt.ArrayLike | None
) -> dict[str, float]:
    gain = Measured(share * at.value, share * at.influence)
    random = Measured(share * average.value, share * average.influence)
    over = (gain - random).estimate(customer)
    return {
        "share": share,
        "uplift": at.value,
        "uplift_error": at.estimate(customer).error,
        "gain": gain.value,
        "gain_error": gain.estimate(customer).error,
        "random": random.value,
        "over_random": over.value,
        "over_random_error": over.error,
    }
