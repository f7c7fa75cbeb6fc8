"""How far a forecast is off and how well it ranks: functions of outcomes, forecasts and weights.

A weight is a frequency: every measure of (a, e, w) with whole w equals the unweighted one with row
i repeated w_i times. That is what the bootstrap relies on. All measures ignore the order of the
customers. Nothing returns NaN: where a measure has no value it raises UndefinedError, or its
docstring names the value it takes; input that is not finite raises InputError.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from lifeworth.tables.errors import InputError

Customers = Float[np.ndarray, " customers"]
Series = Float[np.ndarray, " periods"]


class UndefinedError(InputError):
    """These outcomes give the measure no value (a ratio to a sum of 0, an ordering of equals)."""


def mae(actual: Customers, expected: Customers, weights: Customers | None = None) -> float:
    """Return the mean absolute error, in the unit of `actual`."""
    return mean(np.abs(expected - actual), weights)


def rmse(actual: Customers, expected: Customers, weights: Customers | None = None) -> float:
    """Return the root of the mean squared error, in the unit of `actual`."""
    return float(np.sqrt(mean((expected - actual) ** 2, weights)))


def brier(happened: Customers, probability: Customers, weights: Customers | None = None) -> float:
    """Return the mean squared error of a probability against what happened (1.0 or 0.0)."""
    return mean((probability - happened) ** 2, weights)


def bias(actual: Customers, expected: Customers, weights: Customers | None = None) -> float:
    """Return (sum expected - sum actual) / |sum actual|: above 0 the forecast promises too much.

    Raises
    ------
    UndefinedError
        If the outcomes sum to 0.
    """
    truth = mean(actual, weights)
    if truth == 0:
        raise UndefinedError(
            f"bias: the outcomes of {len(actual):,} customers sum to 0; "
            "judge a longer horizon, or the sums themselves"
        )
    return (mean(expected, weights) - truth) / abs(truth)


def mean(values: Customers, weights: Customers | None = None) -> float:
    """Return the weighted mean.

    Raises
    ------
    InputError
        If there is no value, one is not finite, or the weights do not sum to a positive number.
    """
    _refuse_broken(values)
    if weights is None:
        return float(values.mean())
    total = weights.sum()
    if not total > 0:
        raise InputError(
            f"measure: {len(weights):,} weights sum to {total}; they must sum to a positive number"
        )
    # Not weights @ values: a threaded BLAS waits for cores, and sums in an order of its own.
    return float((weights * values).sum() / total)


@dataclass(frozen=True, kw_only=True)
class Ties:
    """Customers sorted by a score once: ranks under any weights then cost one pass, not a sort.

    Attributes
    ----------
    group
        Position of each customer's score among the distinct scores, lowest first.
    groups
        How many distinct scores there are.
    """

    group: Int[np.ndarray, " customers"]
    groups: int

    @classmethod
    def of(cls, score: Customers) -> "Ties":
        """Sort customers by score; equal scores are one group.

        Raises
        ------
        InputError
            If there is no score, or one is not finite.
        """
        _refuse_broken(score)
        distinct, group = np.unique(score, return_inverse=True)
        return cls(group=group, groups=len(distinct))

    def running(self, amounts: Customers) -> Float[np.ndarray, " groups"]:
        """Return, for each group, the sum of `amounts` over it and all groups below it."""
        return np.cumsum(np.bincount(self.group, weights=amounts, minlength=self.groups))

    def ranks(self, weights: Customers) -> Customers:
        """Return average ranks less their mean, so that one group alone has exactly 0."""
        ends = self.running(weights)
        starts = np.concatenate(([0.0], ends[:-1]))
        return ((starts + ends - ends[-1]) / 2)[self.group]


def spearman(actual: Customers, expected: Customers, weights: Customers | None = None) -> float:
    """Return Spearman's correlation of average ranks; 0 if a side is constant and ranks nobody."""
    weights = ones(actual) if weights is None else weights
    left, right = Ties.of(actual).ranks(weights), Ties.of(expected).ranks(weights)
    return rank_correlation(left, right, weights)


def rank_correlation(left: Customers, right: Customers, weights: Customers) -> float:
    """Return the correlation of two centred ranks (`Ties.ranks`); 0 if either is constant."""
    spread = mean(left**2, weights) * mean(right**2, weights)
    return mean(left * right, weights) / float(np.sqrt(spread)) if spread > 0 else 0.0


def gini(actual: Customers, expected: Customers, weights: Customers | None = None) -> float:
    """Return the normalised Gini coefficient of `expected` as an ordering of `actual`.

    The Gini of the model's ordering over the Gini of the perfect one: 1 for the perfect ordering, 0
    for a constant score, negative for a reversed one. Customers with equal scores share the average
    of all their orderings, so row order does not matter.

    Raises
    ------
    UndefinedError
        If all outcomes are equal: there is nothing to order.
    """
    weights = ones(actual) if weights is None else weights
    best, model = Ties.of(actual).ranks(weights), Ties.of(expected).ranks(weights)
    return gini_of_ranks(actual, best, model, weights)


def gini_of_ranks(
    actual: Customers, best: Customers, model: Customers, weights: Customers
) -> float:
    """Return the normalised Gini from the centred ranks of outcomes (`best`) and scores (`model`).

    The area between a Lorenz curve and the diagonal is proportional to cov(actual, rank) (Lerman
    and Yitzhaki 1984), and the factor cancels in the ratio.
    """
    if not np.any(best[weights > 0]):
        raise UndefinedError(
            f"gini: the outcomes of {len(actual):,} customers are all equal, nothing to order; "
            "judge a longer horizon"
        )
    return mean(actual * model, weights) / mean(actual * best, weights)


def auc(happened: Customers, score: Customers, weights: Customers | None = None) -> float:
    """Return the area under the ROC curve.

    How often one to whom it happened outscores one to whom it did not, a tie being half.

    Raises
    ------
    UndefinedError
        If it happened to everybody or to nobody.
    """
    weights = ones(happened) if weights is None else weights
    return auc_of_ranks(happened, Ties.of(score).ranks(weights), weights)


def auc_of_ranks(happened: Customers, model: Customers, weights: Customers) -> float:
    """Return the area under the ROC curve from centred ranks of the scores (Mann and Whitney)."""
    share = mean(happened, weights)
    if share in (0.0, 1.0):
        raise UndefinedError(
            f"auc: it happened to {share:.0%} of {len(happened):,} customers; "
            "judge a horizon in which it happens to some"
        )
    return 0.5 + mean(happened * model, weights) / (float(weights.sum()) * share * (1 - share))


def mape(actual: Series, expected: Series) -> float:
    """Return the mean of |expected - actual| / |actual| over the periods of an aggregated series.

    Raises
    ------
    UndefinedError
        If there is no period, or an actual figure is 0.
    """
    zeros = np.flatnonzero(actual == 0)
    if len(zeros) or not len(actual):
        example = f", first at position {zeros[0]}" if len(zeros) else ""
        raise UndefinedError(
            f"mape: {len(zeros)} of {len(actual)} actual figures are 0{example}; aggregate further"
        )
    return mean(np.abs(expected - actual) / np.abs(actual))


def ones(like: Customers) -> Customers:
    """Return a weight of 1 for every customer."""
    return np.ones(len(like))


def _refuse_broken(values: Customers) -> None:
    if not len(values):
        raise InputError("measure: 0 values; it needs at least one")
    finite = np.isfinite(values)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise InputError(
            f"measure: {len(bad):,} of {len(values):,} values are not finite, first at row "
            f"{bad[0]} ({values[bad[0]]}); outcomes and forecasts must be numbers"
        )
