"""Looking at a running experiment as often as one likes: a confidence sequence, and A/A tests.

A 95 % interval read every day is wrong on some day far more often than 5 %. A confidence sequence
holds on all days together. This one is asymptotic (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas
2024, Annals of Statistics 52:2613, theorem 2.2): with z = t rho^2 after t customers it is

    effect +- standard error sqrt(2 (z + 1) / z log(sqrt(z + 1) / alpha))

for any estimate that is a mean of independent contributions: differences, ratios, adjusted ones.
"Asymptotic" means that the first look has to wait until the standard error can be believed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy import special, stats

from lifeworth.decide.comparison import Difference, Treated, check_treated
from lifeworth.tables.errors import InputError

Customers = Float[np.ndarray, " customers"]
Looks = Float[np.ndarray, " looks"]


@dataclass(frozen=True, kw_only=True)
class Peeking:
    """A confidence sequence, fixed before the first look.

    Attributes
    ----------
    best_at
        Customers, both groups together, at which it is to be narrowest: the planned end. There it
        is 1.55 times as wide as an interval read once (level .95).
    level
        Probability that the truth is inside at all looks.
    first
        Customers of each group before which nothing is shown.

    Raises
    ------
    InputError
        If a number makes no sense.
    """

    best_at: int
    level: float = 0.95
    first: int = 100

    def __post_init__(self) -> None:
        if self.best_at < 1 or not 0 < self.level < 1 or self.first < 2:
            raise InputError(
                f"peeking: best_at = {self.best_at}, level = {self.level}, first = {self.first}; "
                "at least 1, inside (0, 1), at least 2"
            )

    @property
    def rho_squared(self) -> float:
        """The mixture's rho^2: minimises the width at `best_at` (z + 1 = -W_{-1}(-alpha^2 / e))."""
        alpha = 1 - self.level
        return float(-special.lambertw(-(alpha**2) / math.e, -1).real - 1) / self.best_at

    def multiplier(self, customers: int | float | np.ndarray) -> Looks:
        """Return half the width in standard errors after so many customers."""
        z = np.asarray(customers, float).reshape(-1) * self.rho_squared
        return np.sqrt(2 * (z + 1) / z * (np.log1p(z) / 2 - math.log(1 - self.level)))

    def p_values(self, t: Looks, customers: Looks) -> Looks:
        """Return 1 - the level at which the sequence just touches 0; t is effect over its error."""
        z = customers * self.rho_squared
        return np.minimum(np.exp(np.log1p(z) / 2 - t**2 * z / (2 * (z + 1))), 1.0)


class Peek(NamedTuple):
    """A look: the interval and p-value that hold at this and all other looks."""

    low: float
    high: float
    p_value: float


def peek(now: Difference, plan: Peeking) -> Peek:
    """Return the confidence sequence at a look.

    `now` is of all customers so far whose outcome is complete, in the order they came: leaving out
    who has not bought yet makes every look wrong.

    Raises
    ------
    InputError
        If a group has fewer than `plan.first` customers.
    """
    fewest = min(now.customers_treated, now.customers_control)
    if fewest < plan.first:
        raise InputError(
            f"peeking: a group has {fewest:,} customers, the first look is at {plan.first:,}; wait"
        )
    customers = float(now.customers_treated + now.customers_control)
    half = float(plan.multiplier(customers)[0]) * now.standard_error
    t = now.effect / now.standard_error if now.standard_error > 0 else 0.0
    p = plan.p_values(np.array([t]), np.array([customers]))
    return Peek(now.effect - half, now.effect + half, float(p[0]))


def watch(
    outcome: Customers,
    treated: Treated,
    looks: Sequence[int],
    plan: Peeking,
) -> pd.DataFrame:
    """Return what each look shows: rows are customers, in the order they came.

    Columns: customers, effect, standard_error, low, high, p_value (the sequence), fixed_low,
    fixed_high (the interval that holds if read once, by Welch's t). Looks before a group has
    `plan.first` customers are left out.

    Raises
    ------
    InputError
        If lengths differ, an outcome is not finite, or a look is outside the customers.
    """
    check_treated(treated)
    at = np.unique(np.asarray(looks, int))
    if len(outcome) != len(treated) or not np.isfinite(outcome).all():
        raise InputError(
            f"watch: {len(outcome):,} outcomes, {np.sum(~np.isfinite(outcome)):,} of them not "
            f"finite, for {len(treated):,} customers; give one number for each"
        )
    if len(at) and not (at[0] >= 1 and at[-1] <= len(outcome)):
        raise InputError(f"watch: looks from {at[0]} to {at[-1]} at {len(outcome):,} customers")
    seen = _running(outcome, treated, at)
    ready = np.minimum(seen.treated, seen.control) >= plan.first
    return _shown(seen, at, plan).loc[ready].reset_index(drop=True)


class FalseAlarms(NamedTuple):
    """Shares of A/A tests that found a difference where there is none.

    Attributes
    ----------
    once
        A fixed interval read at the last look: 1 - level if outcomes are fit for it.
    any_look
        The same interval, stopped at the first look that leaves 0 out.
    sequence
        The confidence sequence at any look: at most 1 - level.
    repeats
        A/A tests; a share p has a standard error of sqrt(p (1 - p) / repeats).
    """

    once: float
    any_look: float
    sequence: float
    repeats: int


def false_alarms(
    outcome: Customers,
    looks: Sequence[int],
    plan: Peeking,
    *,
    repeats: int = 1000,
    treated_share: float = 0.5,
    seed: int = 0,
) -> FalseAlarms:
    """Split customers at random who were all treated alike, again and again, and count alarms.

    `outcome` is the store's own, of a past period: it shows whether intervals hold with its
    outliers and its many zeros, at its size.

    Raises
    ------
    InputError
        As `watch` does, or if no look is late enough.
    """
    rng = np.random.default_rng(seed)
    alarms = np.zeros(3)
    for _ in range(repeats):
        order = rng.permutation(len(outcome))
        seen = watch(outcome[order], rng.random(len(outcome)) < treated_share, looks, plan)
        if seen.empty:
            raise InputError(f"A/A: no look has {plan.first} customers in each group; look later")
        fixed = (seen["fixed_low"] > 0) | (seen["fixed_high"] < 0)
        sequence = (seen["low"] > 0) | (seen["high"] < 0)
        alarms += [fixed.iloc[-1], fixed.any(), sequence.any()]
    once, any_look, always = (alarms / repeats).tolist()
    return FalseAlarms(once, any_look, always, repeats)


class _Running(NamedTuple):
    """Sizes, means and variances of both groups at each look."""

    treated: Int[np.ndarray, " looks"]
    control: Int[np.ndarray, " looks"]
    effect: Looks
    parts: Float[np.ndarray, "2 looks"]


def _running(outcome: Customers, treated: np.ndarray, at: np.ndarray) -> _Running:
    centred = outcome - (outcome.mean() if len(outcome) else 0)  # squares of large numbers cancel
    sizes, means, parts = [], [], []
    for group in (treated, ~treated):
        n, one, two = (
            np.cumsum(np.where(group, column, 0))[at - 1]
            for column in (np.ones(len(outcome)), centred, centred**2)
        )
        sizes.append(n.astype(int))
        means.append(one / np.maximum(n, 1))
        parts.append((two / np.maximum(n, 1) - means[-1] ** 2).clip(0) / np.maximum(n - 1, 1))
    return _Running(sizes[0], sizes[1], means[0] - means[1], np.array(parts))


def _shown(seen: _Running, at: np.ndarray, plan: Peeking) -> pd.DataFrame:
    variance = seen.parts.sum(axis=0)
    se = np.sqrt(variance)
    sizes = np.array([seen.treated, seen.control])
    below = (seen.parts**2 / np.maximum(sizes - 1, 1)).sum(axis=0)
    df = np.divide(variance**2, below, out=np.ones(len(at)), where=below > 0)
    half = plan.multiplier(at) * se
    fixed = stats.t.isf((1 - plan.level) / 2, df) * se
    t = np.divide(seen.effect, se, out=np.zeros(len(at)), where=se > 0)
    return pd.DataFrame(
        {
            "customers": at,
            "effect": seen.effect,
            "standard_error": se,
            "low": seen.effect - half,
            "high": seen.effect + half,
            "p_value": plan.p_values(t, at.astype(float)),
            "fixed_low": seen.effect - fixed,
            "fixed_high": seen.effect + fixed,
        }
    )
