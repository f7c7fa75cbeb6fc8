"""Qini and uplift curves by counts of the treated and the control, as Radcliffe drew them.

For comparison with figures made by other packages. They take the share of treated customers from
each stretch of the sample instead of the design, so they are noisier than `uplift.qini`, know
neither more than two arms nor varying propensities, and have no standard errors here. For money as
for yes or no; the area is of the outcome itself, and not divided by that of a perfect order.

Radcliffe (2007), Using control groups to target on predicted lift, Direct Marketing Analytics.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from lifeworth.evaluate.errors import Customers, Ties, UndefinedError
from lifeworth.tables.errors import InputError

Points = Float[np.ndarray, " points"]


class Curve(NamedTuple):
    """A curve from (0, 0), one more point after each group of customers with equal scores."""

    customers: Points
    value: Points

    def area(self) -> float:
        """Return the area between the curve and the straight line to its end."""
        whole = np.trapezoid(self.value, self.customers)
        return float(whole - self.customers[-1] * self.value[-1] / 2)


class _Counts(NamedTuple):
    treated: Points
    control: Points
    treated_outcome: Points
    control_outcome: Points


def qini_curve(
    outcome: Customers, treated: Bool[np.ndarray, " customers"], score: Customers
) -> Curve:
    """Return Y_t - Y_c N_t / N_c among the customers so far, by falling score.

    Y sums the outcomes and N counts the customers of the treated and the control; a stretch with no
    control counts as if its outcome were 0.
    """
    c = _counts(outcome, treated, score)
    return _curve(c, c.treated_outcome - c.control_outcome * _ratio(c.treated, c.control))


def uplift_curve(
    outcome: Customers, treated: Bool[np.ndarray, " customers"], score: Customers
) -> Curve:
    """Return (Y_t / N_t - Y_c / N_c)(N_t + N_c) among the customers so far, by falling score."""
    c = _counts(outcome, treated, score)
    rates = _ratio(c.treated_outcome, c.treated) - _ratio(c.control_outcome, c.control)
    return _curve(c, rates * (c.treated + c.control))


def _counts(
    outcome: Customers, treated: Bool[np.ndarray, " customers"], score: Customers
) -> _Counts:
    if treated.all() or not treated.any():
        raise UndefinedError(
            f"curve: {int(treated.sum()):,} of {len(treated):,} customers are treated; it compares"
            " the treated with a control, and needs both"
        )
    if not np.isfinite(outcome).all():
        raise InputError(
            f"curve: {int((~np.isfinite(outcome)).sum()):,} of {len(outcome):,} outcomes are not"
            " finite; leave those customers out or fill them in"
        )
    running = Ties.of(-score).running
    w = treated.astype(float)
    return _Counts(
        running(w), running(1 - w), running(w * outcome), running((1 - w) * outcome)
    )  # fmt: skip


def _ratio(part: Points, whole: Points) -> Points:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)


def _curve(c: _Counts, value: Points) -> Curve:
    customers = c.treated + c.control
    return Curve(np.concatenate(([0.0], customers)), np.concatenate(([0.0], value)))
