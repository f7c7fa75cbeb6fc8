"""How many customers a comparison of two groups needs, what it can see, and how long it takes.

Welch's t: the power is that of a noncentral t with Satterthwaite's degrees of freedom. Groups are
customers; where a customer has several rows, plan with the standard deviation of customers' sums.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from lifeworth.tables.errors import InputError

MOST = 10**12
"""Customers beyond which no plan is looked for."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a comparison is to be.

    Attributes
    ----------
    sd_control, sd_treated
        Standard deviations of the outcome of a customer, in its unit; treated None: as control.
        After an adjustment that removes a share R of the variance they are sqrt(1 - R) as large.
    treated_share
        Share of the customers that is treated.
    alpha
        Two-sided probability of a false alarm.
    power
        Wanted probability of seeing the effect.

    Raises
    ------
    InputError
        If a standard deviation is not positive, or a probability not inside (0, 1).
    """

    sd_control: float
    sd_treated: float | None = None
    treated_share: float = 0.5
    alpha: float = 0.05
    power: float = 0.80

    def __post_init__(self) -> None:
        for name in ("treated_share", "alpha", "power"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"plan: {name} = {getattr(self, name)}; give one inside (0, 1)")
        if not all(0 < sd < math.inf for sd in self.sds):
            raise InputError(
                f"plan: standard deviations are {self.sds}; give positive ones, of a past period"
            )
        if self.power <= self.alpha:
            raise InputError(
                f"plan: power = {self.power} is no more than alpha = {self.alpha}, "
                "which is had for nothing; ask for more"
            )

    @property
    def sds(self) -> tuple[float, float]:
        """Standard deviations of treated and control."""
        return (
            self.sd_control if self.sd_treated is None else self.sd_treated,
            self.sd_control,
        )


def shares_of_buyers(control: float, effect: float, treated_share: float = 0.5) -> Plan:
    """Return the plan, alpha and power by default, for a share: conversion, retention.

    Raises
    ------
    InputError
        If one of the shares is not inside (0, 1).
    """
    if not (0 < control < 1 and 0 < control + effect < 1):
        raise InputError(
            f"plan: shares of {control} and {control + effect}; both are to be inside (0, 1)"
        )
    sds = [math.sqrt(p * (1 - p)) for p in (control, control + effect)]
    return Plan(sd_control=sds[0], sd_treated=sds[1], treated_share=treated_share)


def power(plan: Plan, effect: float, customers: int | float) -> float:
    """Return the probability that a two-sided test at `plan.alpha` finds the effect.

    `customers` is both groups together. A significant difference of the wrong sign counts, too.

    Raises
    ------
    InputError
        If a group would have fewer than two customers.
    """
    sizes = np.array([plan.treated_share, 1 - plan.treated_share]) * customers
    if sizes.min() < 2:
        raise InputError(
            f"power: {customers:g} customers are groups of {sizes[0]:.4g} and {sizes[1]:.4g}; "
            "each needs at least 2"
        )
    parts = np.square(plan.sds) / sizes
    df = parts.sum() ** 2 / (parts**2 / (sizes - 1)).sum()
    shift = effect / math.sqrt(parts.sum())
    critical = float(stats.t.isf(plan.alpha / 2, df))
    return _beyond(critical, df, shift) + _beyond(critical, df, -shift)


def customers_needed(plan: Plan, effect: float) -> int:
    """Return how many customers, both groups together, see the effect with `plan.power`.

    Raises
    ------
    InputError
        If the effect is 0, or so small that 10^12 customers do not see it.
    """
    fewest = 2 / min(plan.treated_share, 1 - plan.treated_share)
    if effect == 0 or power(plan, effect, MOST) < plan.power:
        raise InputError(
            f"plan: an effect of {effect:g} takes more than {MOST:.0e} customers; "
            "give a larger one, which it would pay to see"
        )
    if power(plan, effect, fewest) >= plan.power:
        return math.ceil(fewest)
    log = _root(
        lambda log: power(plan, effect, math.exp(log)) - plan.power,
        (math.log(fewest), math.log(MOST)),
    )
    return math.ceil(math.exp(log) - 1e-6)


def minimum_effect(plan: Plan, customers: int | float) -> float:
    """Return the smallest effect that so many customers, both groups together, see.

    Positive, in the outcome's unit; "see": with `plan.power`. Of a share the standard deviation of
    the treated depends on the effect, and the plan's is used.
    """
    unit = math.sqrt(sum(sd**2 for sd in plan.sds))
    high = unit
    while power(plan, high, customers) < plan.power:
        high *= 2
    low = high
    while power(plan, low, customers) >= plan.power:
        low /= 2
    return _root(lambda e: power(plan, e, customers) - plan.power, (low, high))


def duration_days(
    customers: int, new_per_day: int | float, outcome_days: int = 0, *, whole_weeks: bool = True
) -> int:
    """Return days from the first customer to the last outcome.

    Parameters
    ----------
    customers
        As `customers_needed` gives them.
    new_per_day
        Customers who enter for the first time, both groups together; who comes again is no news.
    outcome_days
        How long each one's outcome takes.
    whole_weeks
        Round the time of entering up to weeks, so that every day of the week counts alike.

    Raises
    ------
    InputError
        If nobody enters, or the days are negative.
    """
    if customers < 1 or not 0 < new_per_day < math.inf or outcome_days < 0:
        raise InputError(
            f"duration: customers = {customers}, new_per_day = {new_per_day}, "
            f"outcome_days = {outcome_days}; the first two are above 0, the last is not below"
        )
    entering = math.ceil(customers / new_per_day)
    return outcome_days + (math.ceil(entering / 7) * 7 if whole_weeks else entering)


def _root(function: Callable[[float], float], between: tuple[float, float]) -> float:
    found = optimize.root_scalar(
        function, bracket=between, method="brentq", xtol=1e-300, rtol=1e-14
    )
    return float(found.root)


def _beyond(critical: float, df: float, shift: float) -> float:
    if df < 1e5 and abs(shift) < 30:  # scipy's series of the noncentral t loses its way beyond
        return float(stats.nct.sf(critical, df, shift))
    return float(stats.norm.sf(critical - shift))
