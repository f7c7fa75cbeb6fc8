"""Experiments of one control and one arm or several: what they need, and what they can see.

Each arm is compared with the control; among several each comparison gets its part of the false
alarms (Bonferroni), so that all together are wrong no more often than one may be.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from scipy import optimize

from lifeworth.decide.power import (
    Plan,
    customers_needed,
    minimum_effect,
    power,
    shares_of_buyers,
)
from lifeworth.tables.errors import InputError

NEAR = 1e-9
"""How near to 0 or 1 a share of buyers may come."""


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The arms of an experiment.

    Attributes
    ----------
    shares
        Of all customers, by arm, the control among them; need not sum to 1.
    control
        Name of the control.
    level
        Of all intervals together.

    Raises
    ------
    InputError
        If the control or all others have no share, or the level is not inside (0, 1).
    """

    shares: Mapping[str, int | float]
    control: str = "control"
    level: float = 0.95

    def __post_init__(self) -> None:
        if not self.shares.get(self.control) or not self.arms:
            raise InputError(
                f"experiment: the shares are of {', '.join(self.shares) or 'nobody'}; give one "
                f"above 0 to the control, {self.control!r}, and to another arm, as in "
                f"{self.control}:1,treated:1"
            )
        if not 0 < self.level < 1:
            raise InputError(f"experiment: level = {self.level}; give one inside (0, 1)")

    @property
    def arms(self) -> list[str]:
        """Arms that are compared with the control."""
        return [name for name, share in self.shares.items() if name != self.control and share > 0]

    @property
    def alpha(self) -> float:
        """Probability of a false alarm in one comparison."""
        return (1 - self.level) / len(self.arms)

    def part(self, arm: str) -> float:
        """Return the share of all customers in an arm and the control together."""
        return (self.shares[arm] + self.shares[self.control]) / sum(self.shares.values())


@dataclass(frozen=True, kw_only=True)
class Designed:
    """What an experiment is to be.

    Attributes
    ----------
    groups
        Its arms.
    rate
        Share of the control that buys, if the outcome is a share; None: it is a mean.
    sd
        Standard deviation of the outcome of a customer, if it is a mean.
    power
        Wanted probability of seeing an effect.
    variance_removed
        Share of the variance that an adjustment takes away.

    Raises
    ------
    InputError
        If a number is outside its range, or there is not exactly one of rate and sd.
    """

    groups: Groups
    rate: float | None = None
    sd: float | None = None
    power: float = 0.80
    variance_removed: float = 0.0

    def __post_init__(self) -> None:
        if (self.rate is None) == (self.sd is None):
            raise InputError(
                "experiment: give either rate, the share of the control that buys, or mean and sd "
                "of the outcome of a customer"
            )
        if not 0 <= self.variance_removed < 1:
            raise InputError(
                f"experiment: variance_removed = {self.variance_removed}; at least 0 and below 1"
            )
        self.plan(self.groups.arms[0], 0.0)  # refuses the other numbers

    def plan(self, arm: str, effect: int | float) -> Plan:
        """Return the comparison of an arm with the control, were this the effect."""
        shares = self.groups.shares
        split = shares[arm] / (shares[arm] + shares[self.groups.control])
        kept = math.sqrt(1 - self.variance_removed)
        if self.rate is None:
            made = Plan(sd_control=self.sd or 0.0, treated_share=split)
        else:
            made = shares_of_buyers(self.rate, effect, split)
        return replace(
            made,
            sd_control=kept * made.sd_control,
            sd_treated=kept * made.sds[0],
            alpha=self.groups.alpha,
            power=self.power,
        )


def needed(designed: Designed, effect: int | float) -> int:
    """Return how many customers, all arms together, see the effect in each arm.

    Raises
    ------
    InputError
        As `power.customers_needed`.
    """
    groups = designed.groups
    each = [
        customers_needed(designed.plan(a, effect), effect) / groups.part(a) for a in groups.arms
    ]
    return math.ceil(max(each) - 1e-9)


def chance(designed: Designed, effect: float, customers: int | float) -> float:
    """Return the power of the weakest comparison with so many customers, all arms together.

    Raises
    ------
    InputError
        As `power.power`.
    """
    groups = designed.groups
    return min(
        power(designed.plan(a, effect), effect, customers * groups.part(a)) for a in groups.arms
    )


def detectable(designed: Designed, customers: int | float) -> float:
    """Return the smallest positive effect that so many customers see in each arm.

    Raises
    ------
    InputError
        If they are too few for any group, or for any effect on a share.
    """
    groups = designed.groups
    return max(_detectable(designed, arm, customers * groups.part(arm)) for arm in groups.arms)


def _detectable(designed: Designed, arm: str, customers: int | float) -> float:
    if designed.rate is None:
        return minimum_effect(designed.plan(arm, 0.0), customers)

    def lacking(effect: int | float) -> float:
        return power(designed.plan(arm, effect), effect, customers) - designed.power

    most = (1 - designed.rate) * (1 - NEAR)
    if lacking(most) < 0:
        raise InputError(
            f"experiment: {customers:,.0f} customers see no rise of a share of {designed.rate}, "
            "however large; plan with more"
        )
    found = optimize.root_scalar(lacking, bracket=(most * NEAR, most), method="brentq", xtol=1e-12)
    return float(found.root)
