"""What personas tell of the Future that they have not seen."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata

from lifeworth.evaluate.bootstrap import Interval, Resampling, intervals
from lifeworth.tables.errors import InputError

Customers = Float[np.ndarray, " customers"]
Groups = Int[np.ndarray, " customers"]

FOLDS = 10
"""Parts of the customers left out in turn."""

QUINTILES = 5


@dataclass(frozen=True, kw_only=True)
class Usefulness:
    """How much of the Future personas tell; `eta_squared` and `auc` with 90 % intervals.

    Attributes
    ----------
    eta_squared
        Share of the variance of log spend (log1p of currency units) that lies between personas,
        which were made before the Future began.
    auc
        That a buyer's persona has the higher share of buyers, of a buyer and one who did not buy.
    eta_squared_unseen, auc_unseen
        The same with means and shares of personas taken from other customers: many small groups
        gain nothing here by fitting noise.
    score_eta_squared
        eta_squared_unseen of the sum of the ranks of R, F and M, cut into as many equal parts.
    rfm_eta_squared
        Of a regression on quintiles of R, F and M, unseen.
    over_rfm
        eta_squared_unseen less rfm_eta_squared: a few personas may well tell less than 15 fifths.
    incremental
        What that regression gains, unseen, when it is told the personas as well.
    """

    eta_squared: float
    eta_squared_interval: Interval
    auc: float
    auc_interval: Interval
    eta_squared_unseen: float
    auc_unseen: float
    score_eta_squared: float
    rfm_eta_squared: float
    over_rfm: float
    over_rfm_interval: Interval
    incremental: float
    incremental_interval: Interval


def usefulness(
    group: Groups, rfm: Float[np.ndarray, "customers 3"], spend: Customers, resampling: Resampling
) -> Usefulness:
    """Return what groups of customers tell of what they spent afterwards.

    Parameters
    ----------
    group
        Any whole number by customer; customers in no persona are groups as well.
    rfm
        Recency, frequency and money at the cut-off.
    spend
        In the Future, cents; 0 of those who did not buy.

    Raises
    ------
    InputError
        If nobody, or everybody, bought.
    """
    bought = spend > 0
    if bought.all() or not bought.any():
        raise InputError(
            f"personas: {int(bought.sum()):,} of {len(bought):,} customers bought in the horizon; "
            "whether personas tell who does needs both kinds; choose another split.horizon_days"
        )
    y = np.log1p(np.maximum(spend, 0.0) / 100.0)
    fold = np.random.default_rng(resampling.seed).integers(FOLDS, size=len(y))
    number = np.unique(group, return_inverse=True)[1].astype(np.int64)
    plain, both = _regressions(number, rfm, y, fold)
    unseen = unseen_means(number, y, fold)
    ends = _intervals(number, (y, bought), (unseen, plain, both), resampling)
    return Usefulness(
        eta_squared=explained(y, means(number, y)),
        eta_squared_interval=ends["eta_squared"],
        auc=auc(means(number, bought.astype(float)), bought),
        auc_interval=ends["auc"],
        eta_squared_unseen=explained(y, unseen),
        auc_unseen=auc(unseen_means(number, bought.astype(float), fold), bought),
        score_eta_squared=explained(
            y, unseen_means(score_groups(rfm, int(number.max()) + 1), y, fold)
        ),
        rfm_eta_squared=explained(y, plain),
        over_rfm=explained(y, unseen) - explained(y, plain),
        over_rfm_interval=ends["over_rfm"],
        incremental=explained(y, both) - explained(y, plain),
        incremental_interval=ends["incremental"],
    )


def explained(y: Customers, said: Customers, weight: Customers | None = None) -> float:
    """Return 1 - the squared errors of `said` over those of the mean; 0 of a constant."""
    w = np.ones_like(y) if weight is None else weight
    total = (w * (y - np.average(y, weights=w)) ** 2).sum()
    return float(1.0 - (w * (y - said) ** 2).sum() / total) if total > 0 else 0.0


def auc(
    score: Customers, bought: Bool[np.ndarray, " customers"], weight: Customers | None = None
) -> float:
    """Return the chance that a buyer's score is higher, ties counting half (Mann and Whitney)."""
    w = np.ones_like(score) if weight is None else weight
    place = np.unique(score, return_inverse=True)[1]
    yes, no = (np.bincount(place, weights=w * side) for side in (bought, ~bought))
    below = np.cumsum(no) - no
    return float((yes * (below + no / 2.0)).sum() / max(yes.sum() * no.sum(), 1e-300))


def means(group: Groups, y: Customers, weight: Customers | None = None) -> Customers:
    """Return for every customer the mean of their group; 0 where it has no weight."""
    w = np.ones_like(y) if weight is None else weight
    sums, sizes = np.bincount(group, weights=w * y), np.bincount(group, weights=w)
    return np.where(sizes > 0, sums / np.maximum(sizes, 1e-300), 0.0)[group]


def unseen_means(group: Groups, y: Customers, fold: Groups) -> Customers:
    """Return for every customer the mean of their group among the customers of other folds."""
    count = int(group.max()) + 1
    said = np.empty_like(y)
    for part in np.unique(fold):
        own, others = fold == part, fold != part
        sums = np.bincount(group[others], weights=y[others], minlength=count)
        sizes = np.bincount(group[others], minlength=count)
        of_group = np.where(sizes > 0, sums / np.maximum(sizes, 1), y[others].mean())
        said[own] = of_group[group[own]]
    return said


def score_groups(rfm: Float[np.ndarray, "customers 3"], parts: int) -> Groups:
    """Return equal parts of the sum of the ranks of recency, frequency and money."""
    ranks = rankdata(rfm * [-1.0, 1.0, 1.0], axis=0).sum(axis=1)
    return np.minimum((rankdata(ranks) - 0.5) * parts // len(rfm), parts - 1).astype(np.int64)


def _regressions(
    group: Groups, rfm: Float[np.ndarray, "customers 3"], y: Customers, fold: Groups
) -> tuple[Customers, Customers]:
    """Return what quintiles of R, F and M say of unseen customers, without personas and with."""
    ranks = (rankdata(rfm, axis=0) - 0.5) / len(rfm)
    fifths = np.minimum((ranks * QUINTILES).astype(int), QUINTILES - 1)
    plain = pd.get_dummies(pd.DataFrame(fifths), columns=[0, 1, 2]).to_numpy(dtype=float)
    both = np.hstack([plain, np.eye(int(group.max()) + 1)[group]])
    return _unseen(plain, y, fold), _unseen(both, y, fold)


def _unseen(x: np.ndarray, y: Customers, fold: Groups) -> Customers:
    said = np.empty_like(y)
    for part in np.unique(fold):
        own, others = fold == part, fold != part
        said[own] = x[own] @ np.linalg.lstsq(x[others], y[others], rcond=None)[0]
    return said


def _intervals(
    group: Groups,
    outcome: tuple[Customers, Bool[np.ndarray, " customers"]],
    regressed: tuple[Customers, Customers, Customers],
    resampling: Resampling,
) -> dict[str, Interval]:
    (y, bought), (unseen, plain, both) = outcome, regressed

    def measures(weight: Customers) -> dict[str, float]:
        said, chances = (means(group, v, weight) for v in (y, bought.astype(float)))
        base = explained(y, plain, weight)
        return {
            "eta_squared": explained(y, said, weight),
            "auc": auc(chances, bought, weight),
            "over_rfm": explained(y, unseen, weight) - base,
            "incremental": explained(y, both, weight) - base,
        }

    return intervals(measures, len(y), resampling)
