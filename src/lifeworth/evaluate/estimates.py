"""Estimates with standard errors, clustered by customer, and paired differences of them.

A measure of an experiment is a number and an influence: how far each row moves the number, times
the number of rows, to first order. The rows of one customer move together, so their influences are
summed before they are squared; two measures of the same rows are compared by the difference of
their influences, which is what pairing is.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from scipy import special

from lifeworth.evaluate.bootstrap import Interval
from lifeworth.evaluate.errors import Customers
from lifeworth.tables.errors import InputError

LEVEL = 0.90
"""Coverage of the intervals, as everywhere in the scorecard: 5 % outside on each side."""


def half_width(level: float = LEVEL) -> float:
    """Return half the width of a normal interval, in standard errors."""
    return float(special.ndtri((1 + level) / 2))


class Estimate(NamedTuple):
    """A number and its standard error, in the same unit."""

    value: float
    error: float

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the normal interval that covers the truth with probability `level`."""
        half = half_width(level) * self.error
        return Interval(self.value - half, self.value + half)


@dataclass(frozen=True, eq=False)
class Measured:
    """A measure of rows.

    Attributes
    ----------
    value
        The measure.
    influence
        Of each row; their mean is 0.
    """

    value: float
    influence: Customers

    def __sub__(self, other: "Measured") -> "Measured":
        """Return the paired difference of two measures of the same rows in the same order."""
        if len(self.influence) != len(other.influence):
            raise InputError(
                f"difference: measures of {len(self.influence):,} and {len(other.influence):,} rows"
                " cannot be paired; measure both on the same rows"
            )
        return Measured(self.value - other.value, self.influence - other.influence)

    def estimate(self, customer: npt.ArrayLike | None = None) -> Estimate:
        """Return the measure and its standard error.

        Parameters
        ----------
        customer
            Who each row is about, any values that can be compared; every row is a customer of its
            own if None. Rows of one customer may depend on each other in any way.

        Raises
        ------
        InputError
            If there are fewer than two customers, or not one entry per row.
        """
        sums = self.influence if customer is None else _sums(self.influence, np.asarray(customer))
        G, n = len(sums), len(self.influence)
        if G < 2:
            raise InputError(
                f"standard error: {n:,} rows of {G} customers; it needs two customers or more"
            )
        return Estimate(self.value, float(np.sqrt((sums**2).sum() * G / (G - 1)) / n))


def mean_of(values: Customers) -> Measured:
    """Return the mean of `values`.

    Raises
    ------
    InputError
        If there is no value, or one is not finite.
    """
    if not len(values) or not np.isfinite(values).all():
        raise InputError(
            f"mean: {len(values):,} values, {int((~np.isfinite(values)).sum()):,} of them not"
            " finite; give at least one, and leave out or fill in what is missing"
        )
    value = float(values.mean())
    return Measured(value, values - value)


def _sums(influence: Customers, customer: np.ndarray) -> Float[np.ndarray, " clusters"]:
    if customer.shape != influence.shape:
        raise InputError(
            f"standard error: customers of shape {customer.shape} for {len(influence):,} rows;"
            " name the customer of each row"
        )
    _, code = np.unique(customer, return_inverse=True)
    return np.bincount(code, weights=influence)
