"""What an uplift model learns from: customers as they were, the arm each drew, what came of it."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from lifeworth.tables.errors import InputError

Row = Float[np.ndarray, " customers"]
ByArm = Float[np.ndarray, "customers arms"]

FEWEST = 50
"""Customers of an arm without whom nothing is learnt of it."""

CONSTANT = 1e-9
"""By how much the designed chances of an arm may differ and still be one number."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """A randomised campaign, one row per customer.

    Attributes
    ----------
    customer_id
        Identifiers.
    features
        Numbers, truths and text as they were before the arm was drawn; numbers may be missing.
    arm
        0 for the control.
    arms
        Names, the control first.
    propensity
        Chance with which the arm was drawn, as designed.
    outcome
        What came of it: net margin in cents, or 1 and 0.
    cost
        What the customer in fact cost, cents.

    Raises
    ------
    InputError
        If columns differ in length, or an arm has fewer than 50 customers.
    """

    customer_id: np.ndarray
    features: pd.DataFrame
    arm: Int[np.ndarray, " customers"]
    arms: tuple[str, ...]
    propensity: Row
    outcome: Row
    cost: Row

    def __post_init__(self) -> None:
        sizes = np.bincount(self.arm, minlength=len(self.arms))
        few = int(sizes.argmin())
        if sizes[few] < FEWEST:
            raise InputError(
                f"uplift: arm '{self.arms[few]}' has {sizes[few]:,} customers; a model of what it "
                f"changes needs {FEWEST} or more, so leave the arm out or wait for more customers"
            )

    def rows(self, kept: np.ndarray) -> "Trial":
        """Return the customers in the rows `kept`."""
        return replace(
            self,
            customer_id=self.customer_id[kept],
            features=self.features.iloc[kept].reset_index(drop=True),
            arm=self.arm[kept],
            propensity=self.propensity[kept],
            outcome=self.outcome[kept],
            cost=self.cost[kept],
        )

    def of_arm(self, arm: int) -> np.ndarray:
        """Return the rows that drew an arm."""
        return np.flatnonzero(self.arm == arm)

    def shares(self) -> Float[np.ndarray, " arms"]:
        """Return the chance of each arm: its mean over customers, weighted back to all of them."""
        weight = 1.0 / self.propensity
        mean = [1.0 / weight[self.of_arm(a)].mean() for a in range(len(self.arms))]
        return np.array(mean) / sum(mean)

    def is_constant(self) -> bool:
        """Say whether each arm was drawn with one chance for everybody."""
        ranges = [np.ptp(self.propensity[self.of_arm(a)]) for a in range(len(self.arms))]
        return bool(max(ranges) <= CONSTANT)


def split(trial: Trial, folds: int, seed: int) -> Int[np.ndarray, " customers"]:
    """Return the fold of each customer: every fold has its part of every arm."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(trial.arm), dtype=np.int64)
    for arm in range(len(trial.arms)):
        rows = trial.of_arm(arm)
        fold[rng.permutation(rows)] = np.arange(len(rows)) % folds
    return fold
