"""What a policy would have earned and spent: estimates from an experiment with known chances.

A policy gives each customer a chance of each arm (a row that sums to 1). Its value is the mean,
over customers, of the scores of the arms it picks; a score is an estimate of what the arm would
have brought this customer, right on average:

    inverse propensity   1{arm drawn = a} y / e
    doubly robust        mu_a + 1{arm drawn = a} (y - mu_a) / e

with outcome y, chance e of the arm that was drawn, and expected outcomes mu from models that have
not seen the row. The doubly robust ones have the smaller errors where mu is good, and are right
whatever mu is because e is known (Dudik, Langford and Li 2011; Robins, Rotnitzky and Zhao 1994).
The same scores of money paid give the spend. Arm 0 is the control.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Int
from scipy import special

from lifeworth.evaluate.errors import Customers
from lifeworth.evaluate.estimates import Measured, mean_of
from lifeworth.tables.errors import InputError

ByArm = Float[np.ndarray, "customers arms"]

ROUNDING = 1e-9
"""By how much the chances of a policy may miss 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Logged:
    """Which arm each row drew, and with what chance.

    Attributes
    ----------
    arm
        0 for the control, to arms - 1.
    propensity
        Chance of the arm that was drawn, as designed; above 0, at most 1.
    arms
        How many there are, the control among them.

    Raises
    ------
    InputError
        If a propensity is missing or out of bounds, an arm is out of bounds, or nobody drew it.
    """

    arm: Int[np.ndarray, " customers"]
    propensity: Customers
    arms: int

    def __post_init__(self) -> None:
        wrong = np.flatnonzero(~((self.propensity > 0) & (self.propensity <= 1)))
        if len(wrong):
            raise InputError(
                f"propensity: {len(wrong):,} of {len(self.arm):,} rows have none in (0, 1], first"
                f" at row {wrong[0] + 1:,} ({self.propensity[wrong[0]]}); it is the chance"
                " with which the arm was drawn, as designed"
            )
        foreign = np.flatnonzero((self.arm < 0) | (self.arm >= self.arms))
        if len(foreign):
            raise InputError(
                f"arm: {len(foreign):,} of {len(self.arm):,} rows have none of 0 to"
                f" {self.arms - 1}, first at row {foreign[0] + 1:,} ({self.arm[foreign[0]]})"
            )
        empty = np.flatnonzero(np.bincount(self.arm, minlength=self.arms) == 0)
        if len(empty):
            raise InputError(
                f"arm: nobody drew arm {empty[0]} of {self.arms}; leave it out, nothing is known"
                " about it"
            )

    def scores(self, outcome: Customers, expected: ByArm | None = None) -> ByArm:
        """Return the score of each customer and arm, in the unit of the outcome.

        Parameters
        ----------
        outcome
            What happened; finite.
        expected
            mu, the expected outcome of each arm: scores are doubly robust. Inverse propensity
            scores if None.
        """
        _refuse_broken("outcome", outcome)
        mu = np.zeros((len(outcome), self.arms)) if expected is None else expected
        _refuse_broken("expected outcome", mu)
        rows = np.arange(len(outcome))
        scores = mu.copy()
        scores[rows, self.arm] += (outcome - mu[rows, self.arm]) / self.propensity
        return scores

    def means(self, outcome: Customers) -> ByArm:
        """Return the weighted mean outcome of each arm, for every customer: the plainest mu.

        Scores with it have none of the noise by which inverse propensity weights miss 1.
        """
        weight = 1 / self.propensity
        sums = np.bincount(self.arm, weights=weight * outcome, minlength=self.arms)
        return np.tile(sums / np.bincount(self.arm, weights=weight), (len(outcome), 1))

    def effects(self, outcome: Customers, arm: int, expected: ByArm | None = None) -> Customers:
        """Return the scores of `arm` less those of the control, for the measures of `uplift`."""
        scores = self.scores(outcome, expected)
        return scores[:, arm] - scores[:, 0]


def policy_mean(policy: ByArm, scores: ByArm) -> Measured:
    """Return the mean outcome per customer under a policy: its value, or its spend.

    Two of them subtract to a paired difference; `.estimate(customer)` gives errors clustered by
    customer.

    Raises
    ------
    InputError
        If a row of `policy` has a chance below 0 or does not sum to 1.
    """
    _refuse_policy(policy)
    return mean_of((policy * scores).sum(axis=1))


def single_arm(customers: int, arm: int, arms: int) -> ByArm:
    """Return the policy that gives everyone `arm`."""
    return np.tile(np.eye(arms)[arm], (customers, 1))


def at_random(customers: int, share: float, arm: int, arms: int) -> ByArm:
    """Return the policy that gives `arm` to a random `share` of customers, the control to others.

    Raises
    ------
    InputError
        If `share` is not in [0, 1].
    """
    _refuse_share(share)
    return _mixed(np.full(customers, share), arm, arms)


def highest(score: Customers, share: float, arm: int, arms: int) -> ByArm:
    """Return the policy that gives `arm` to the `share` with the highest scores.

    With spend so far as the score it is the monetary rule, with orders so far the frequency rule.
    Of customers tied at the edge each gets the arm with the same chance.

    Raises
    ------
    InputError
        If `share` is not in [0, 1], or a score is not finite.
    """
    _refuse_broken("score", score)
    _, group, size = np.unique(-score, return_inverse=True, return_counts=True)
    before = np.cumsum(size) - size
    reached = np.clip((share * len(score) - before) / size, 0, 1)
    _refuse_share(share)
    return _mixed(reached[group], arm, arms)


def best_single_arm(scores: ByArm) -> int:
    """Return the arm of the highest mean score, the first of equals.

    It is chosen and measured on the same rows, which flatters it: who beats it has beaten more than
    the best single arm.
    """
    return int(scores.mean(axis=0).argmax())


def chance_over_budget(
    policy: ByArm, cost: Customers, logged: Logged, budget: float, customer: npt.ArrayLike | None
) -> float:
    """Return P(total cost > budget) if as many customers as there are rows get the policy.

    Normal, with both what the experiment leaves open about the mean cost (inverse propensity,
    clustered by customer) and what the luck of these customers adds (their costs independent).

    Parameters
    ----------
    policy
        Chances of each arm, by row.
    cost
        What each row cost in the experiment.
    logged
        Which arms were drawn.
    budget
        In the unit of `cost`, for all rows.
    customer
        Who each row is about; None if each is a customer of its own.
    """
    n = len(cost)
    spend = policy_mean(policy, logged.scores(cost)).estimate(customer)
    square = policy_mean(policy, logged.scores(cost**2)).value
    luck = max(square - spend.value**2, 0.0) / n
    deviation = n * float(np.sqrt(spend.error**2 + luck))
    over = n * spend.value - budget
    return float(special.ndtr(over / deviation)) if deviation > 0 else float(over > 0)


def _mixed(chance: Customers, arm: int, arms: int) -> ByArm:
    given, kept = np.eye(arms)[arm], np.eye(arms)[0]
    return chance[:, None] * given + (1 - chance[:, None]) * kept


def _refuse_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise InputError(f"policy: share = {share}; it must be from 0 to 1")


def _refuse_broken(what: str, values: np.ndarray) -> None:
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        raise InputError(
            f"{what}: {len(wrong):,} of {values.size:,} are not finite, first at row"
            f" {wrong[0][0] + 1:,}; leave those rows out or fill them in"
        )


def _refuse_policy(policy: ByArm) -> None:
    total = policy.sum(axis=1)
    wrong = np.flatnonzero(~((policy >= 0).all(axis=1) & (np.abs(total - 1) <= ROUNDING)))
    if len(wrong):
        raise InputError(
            f"policy: {len(wrong):,} of {len(policy):,} rows are no chances that sum to 1, first"
            f" row {wrong[0] + 1:,} ({policy[wrong[0]].tolist()}); who gets nothing has the"
            " control"
        )
