"""The economics of an offer as pure functions: what a customer and an arm bring, and cost.

p      chance of a purchase in each arm
p_0    chance of a purchase without an offer
m      margin of a purchase before the discount, cents
r      chance that a purchase redeems the discount
k      cost of the contact, cents per customer approached
d      discount of a redemption, cents
f      share of the discount that a supplier pays back

Arms are offers: having no offer is no arm, it has value 0 and cost 0. Expected money is a float, in
cents per customer approached. The discount is part of the cost alone, so m must not contain it.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

ByArm = Float[np.ndarray, "customers arms"]
Shared = Float[np.ndarray, "#customers #arms"]
"""By customer and arm, or one row for all customers, or one column for all arms."""


class Terms(NamedTuple):
    """What each arm costs: k and d in cents, f in [0, 1]."""

    k: Float[np.ndarray, " arms"]
    d: Float[np.ndarray, " arms"]
    f: Float[np.ndarray, " arms"]


def true_cost(th: Terms, p: ByArm, r: Shared) -> ByArm:
    """Return C = k + (1 - f) d r p, the expected cost of an offer.

    Everyone who redeems costs the discount, also those who would have bought without it.
    """
    return th.k + (1.0 - th.f) * th.d * r * p


def incremental_redemptions_cost(
    th: Terms, p: ByArm, p_0: Float[np.ndarray, " customers"], r: Shared
) -> ByArm:
    """Return k + (1 - f) d r (p - p_0), which charges the discount to incremental buyers alone.

    A cost in circulation that lets those who would have bought anyway redeem for nothing, and is
    below 0 where an offer deters. With k = f = 0 and r = 1 it is (p - p_0) d. Kept so that plans
    made with it can be reproduced; never the default.
    """
    return th.k + (1.0 - th.f) * th.d * r * (p - p_0[:, None])


def net_value(m: Shared, p: ByArm, p_0: Float[np.ndarray, " customers"], cost: ByArm) -> ByArm:
    """Return m (p - p_0) - cost, the expected margin that an offer adds, net of its cost."""
    return m * (p - p_0[:, None]) - cost


def doubly_robust(
    y: Float[np.ndarray, " customers"],
    a: Int[np.ndarray, " customers"],
    e: Float[np.ndarray, " customers"],
    m: ByArm,
) -> ByArm:
    """Return m_b + 1{a = b} (y - m_b) / e for every arm b (Robins, Rotnitzky and Zhao 1994).

    y is the outcome, a the arm that was drawn (0 the control), e its chance, m what is expected of
    each arm, the control among them; m must not know y.
    """
    rows = np.arange(len(y))
    scores = m.copy()
    scores[rows, a] += (y - m[rows, a]) / e
    return scores
