"""The difference between treated customers and controls, with an interval that can be trusted.

Each estimate is a mean of one contribution per row, so that its variance is a sum of squares over
customers: rows of one customer are added up first, for customers were randomised, not rows. The
interval is Welch's: a t with Satterthwaite's degrees of freedom.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from lifeworth.tables.errors import InputError, agreed

Rows = Float[np.ndarray, " rows"]
Treated = np.ndarray
"""True for the treated: a bool for each row."""
Covariates = Float[np.ndarray, "rows covariates"]
Customers = np.ndarray | None
"""The customer of each row, of any kind that can be sorted; None: rows are customers."""

Group = tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"]]
"""Rows of a group, and whose they are, numbered from 0."""


class Difference(NamedTuple):
    """Treated minus control.

    Attributes
    ----------
    effect, standard_error, low, high, p_value
        Two-sided, in the unit of the outcome.
    treated, control
        What each group has; after an adjustment, what it would have at the covariates of all.
    relative, relative_low, relative_high
        The effect as a share of the control, by the delta method; NaN where the control has 0.
    customers_treated, customers_control
        How many independent customers are behind it.
    variance_removed
        1 - variance / variance without the adjustment, of these very customers: 0 without one,
        negative where it did harm.
    """

    effect: float
    standard_error: float
    low: float
    high: float
    p_value: float
    treated: float
    control: float
    relative: float
    relative_low: float
    relative_high: float
    customers_treated: int
    customers_control: int
    variance_removed: float


class Arm(NamedTuple):
    """One group: what it has, contributions of its customers (sum 0), coefficients estimated."""

    level: float
    contributions: Float[np.ndarray, " customers"]
    estimated: int = 1

    @property
    def variance(self) -> float:
        """Variance of the level: of independent customers, whose number pays for what was fitted.

        With one level and rows that are customers this is s^2 / n.
        """
        n = len(self.contributions)
        return float(n / (n - self.estimated) * np.sum(self.contributions**2))


def difference(
    outcome: Rows, treated: Treated, customers: Customers = None, level: float = 0.95
) -> Difference:
    """Return the difference in means (of rows: with `customers`, see `ratio_difference`).

    Raises
    ------
    InputError
        If lengths differ, an outcome is not finite, a group has under two customers, or a customer
        is in both groups.
    """
    return ratio_difference(outcome, np.ones(len(outcome)), treated, customers, level)


def ratio_difference(
    numerator: Rows,
    denominator: Rows,
    treated: Treated,
    customers: Customers = None,
    level: float = 0.95,
) -> Difference:
    """Return the difference in sum of numerators / sum of denominators, by the delta method.

    For metrics whose denominator is counted, too: margin per order, orders per session. A
    contribution is (y - R x) / sum x (Deng, Knoblich & Lu 2018).

    Raises
    ------
    InputError
        As `difference` does, or if the denominators of a group do not sum to more than 0.
    """
    groups = _groups(treated, customers, {"numerator": numerator, "denominator": denominator})
    _check_level(level)
    arms = [_ratio_arm(numerator, denominator, who, group) for group, who in groups]
    return _compared(arms[0], arms[1], level, removed=0.0)


def adjusted_difference(
    outcome: Rows,
    treated: Treated,
    covariates: Covariates,
    customers: Customers = None,
    level: float = 0.95,
) -> Difference:
    """Return the difference in means, adjusted for what was known before the treatment.

    A regression within each group, read off at the covariates of all rows (Lin 2013: regression
    with all interactions). With one covariate, the outcome of an earlier period, this is CUPED
    (Deng et al. 2013) with a slope for each group, which for groups of unequal size or spread is
    never less exact in the limit. The variance has the part that the covariates' own mean brings,
    so that it holds for the population the customers were drawn from, not only for them.

    Parameters
    ----------
    covariates
        A column each, known before the treatment: what it can change takes away its own effect.

    Raises
    ------
    InputError
        As `difference` does, or if a group has no more customers than coefficients.
    """
    named = {f"covariates[{j}]": column for j, column in enumerate(covariates.T)}
    groups = _groups(treated, customers, {"outcome": outcome} | named)
    _check_level(level)
    centred = covariates - covariates.mean(axis=0)
    scale = centred.std(axis=0)
    design = np.column_stack([np.ones(len(outcome)), centred / np.where(scale > 0, scale, 1)])
    fits = [_fit(design[group], outcome[group], who) for group, who in groups]
    slopes = fits[0][1] - fits[1][1]
    everybody = np.arange(len(outcome)) if customers is None else _codes(customers)
    moved = np.bincount(everybody, design[:, 1:] @ slopes[1:] / len(outcome))
    arms = [arm for arm, _ in fits]
    plain = [_ratio_arm(outcome, np.ones(len(outcome)), who, group) for group, who in groups]
    extra = float(np.sum(moved**2))
    removed = 1 - (arms[0].variance + arms[1].variance + extra) / (
        (plain[0].variance + plain[1].variance) or np.nan
    )
    return _compared(arms[0], arms[1], level, removed, extra)


def _fit(
    design: Float[np.ndarray, "rows coefficients"], outcome: Rows, who: Int[np.ndarray, " rows"]
) -> tuple[Arm, Float[np.ndarray, " coefficients"]]:
    """Return a group's level at covariates 0 with its customers' contributions, and the slopes."""
    slopes, _, rank, _ = np.linalg.lstsq(design, outcome, rcond=None)
    customers = int(who.max()) + 1
    if customers <= rank:
        raise InputError(
            f"comparison: a group has {customers:,} customers for {rank} coefficients; "
            "wait for more customers, or give fewer covariates"
        )
    weights = np.linalg.pinv(design)[0]  # of the rows, in the level at covariates 0
    contributions = np.bincount(who, weights * (outcome - design @ slopes))
    return Arm(float(slopes[0]), contributions, int(rank)), slopes


def _ratio_arm(numerator: Rows, denominator: Rows, who: np.ndarray, group: np.ndarray) -> Arm:
    y, x = numerator[group], denominator[group]
    total = x.sum()
    if not total > 0:
        raise InputError(
            f"comparison: the denominators of a group sum to {total:g}, and a ratio needs more "
            "than 0; look whether the column counts what it should (orders, say), or compare means "
            "without a denominator"
        )
    level = float(y.sum() / total)
    return Arm(level, np.bincount(who, (y - level * x) / total))


def _compared(
    treated: Arm, control: Arm, level: float, removed: float, extra: float = 0.0
) -> Difference:
    parts = np.array([treated.variance, control.variance])
    sizes = np.array([len(treated.contributions), len(control.contributions)])
    free = sizes - [treated.estimated, control.estimated]
    variance = parts.sum() + extra
    df = parts.sum() ** 2 / np.sum(parts**2 / free) if parts.sum() > 0 else float(free.sum())
    quantile = float(stats.t.isf((1 - level) / 2, df))
    effect, se = treated.level - control.level, float(np.sqrt(variance))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.divide(abs(effect), se)
        relative = np.divide(effect, control.level) if control.level else np.nan
        # of T / C - 1, T and C independent: (var T + (T / C)^2 var C) / C^2
        both = parts[0] + (1 + relative) ** 2 * parts[1] + extra
        spread = np.sqrt(both) / abs(control.level or np.nan)
    return Difference(
        effect,
        se,
        effect - quantile * se,
        effect + quantile * se,
        float(2 * stats.t.sf(t, df)) if se > 0 else float(effect == 0),
        treated.level,
        control.level,
        float(relative),
        float(relative - quantile * spread),
        float(relative + quantile * spread),
        int(sizes[0]),
        int(sizes[1]),
        float(removed),
    )


def _groups(treated: Treated, customers: Customers, columns: dict[str, np.ndarray]) -> list[Group]:
    """Return rows of treated and of control, and whose they are, numbered from 0 in each."""
    for name, column in columns.items():
        _check_column(name, column, len(treated))
    check_treated(treated)
    who = np.arange(len(treated)) if customers is None else _codes(customers)
    if len(who) != len(treated):
        raise InputError(f"comparison: {len(who):,} customers for {len(treated):,} rows")
    found = [
        (rows, _codes(who[rows])) for rows in (np.flatnonzero(treated), np.flatnonzero(~treated))
    ]
    counts = [int(codes.max()) + 1 if len(codes) else 0 for _, codes in found]
    if min(counts) < 2:
        raise InputError(
            f"comparison: {counts[0]:,} customers treated and {counts[1]:,} not; each group needs "
            "at least 2"
        )
    both = np.intersect1d(who[treated], who[~treated])
    if len(both):
        first = both[0] if customers is None else np.unique(customers)[both[0]].item()
        raise InputError(
            f"comparison: {agreed(len(both), 'customer', 'are')} in both groups, first {first!r}; "
            "a customer has one arm in a campaign: look at how they were assigned"
        )
    return found


def check_treated(treated: np.ndarray) -> None:
    """Refuse what is not true or false: of 0 and 1 numpy's "not" is -1 and -2, both of them true.

    Raises
    ------
    InputError
        If so.
    """
    if treated.dtype != bool:
        raise InputError(
            f"comparison: treated is of {treated.dtype}; give true or false for each row, "
            "such as arm == 'mail'"
        )


def _codes(values: np.ndarray) -> Int[np.ndarray, " rows"]:
    return np.unique(values, return_inverse=True)[1]


def _check_column(name: str, column: np.ndarray, rows: int) -> None:
    if len(column) != rows:
        raise InputError(f"comparison: {name} has {len(column):,} rows, treated has {rows:,}")
    bad = np.flatnonzero(~np.isfinite(column))
    if len(bad):
        raise InputError(
            f"comparison: {len(bad):,} of {rows:,} rows of {name} are not finite, first at row "
            f"{bad[0]} ({column[bad[0]]}); a customer without an outcome has 0, not nothing"
        )


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"comparison: level = {level}; give one inside (0, 1), such as 0.95")
