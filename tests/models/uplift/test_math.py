"""Value and cost of offers: a worked example, and buyers who need no offer."""

import numpy as np
import pytest
from scipy import optimize

from lifeworth.models.uplift.math import (
    Terms,
    incremental_redemptions_cost,
    net_value,
    true_cost,
)

# A published example: effects on the chance to buy of 12 customers by 10 % off, 20 % off and free
# shipping, margins after the discount, costs per redemption that contain the contact, caps per arm.
TAU = np.array([
    [10, 15, 12], [5, 9, 7], [2, 5, 3], [8, 12, 10], [6, 10, 8], [1, 3, 2],
    [0, 2, 1], [4, 6, 5], [9, 13, 11], [3, 5, 4], [7, 10, 8], [2, 4, 3],
]) / 1000  # fmt: skip
MARGIN = np.array([[2700.0, 2400.0, 2500.0]])
CAPS = np.array([5, 3, 5])
ALL = np.ones((1, 1))
NOBODY = np.zeros(12)


def terms(discount, contact=0.0, funded=0.0):
    d = np.asarray(discount, dtype=float)
    return Terms(k=np.full_like(d, contact), d=d, f=np.full_like(d, funded))


def example():
    cost = incremental_redemptions_cost(terms([1000, 2000, 500]), TAU, NOBODY, ALL)
    return net_value(MARGIN, TAU, NOBODY, cost), cost


def optimum(value, cost, budget):
    """Solve the assignment exactly: at most one arm each, caps, a budget."""
    customers, arms = value.shape
    each = np.kron(np.eye(customers), np.ones(arms))
    caps = np.kron(np.ones(customers), np.eye(arms))
    limits = [
        optimize.LinearConstraint(each, ub=np.ones(customers)),
        optimize.LinearConstraint(caps, ub=CAPS),
        optimize.LinearConstraint(cost.ravel()[None], ub=[budget]),
    ]
    found = optimize.milp(
        -value.ravel(), constraints=limits, integrality=np.ones(value.size), bounds=(0, 1)
    )
    chosen = np.round(found.x)
    return chosen @ value.ravel(), chosen @ cost.ravel()


def test_worked_example_of_the_first_customer():
    value, cost = example()
    assert value[0] == pytest.approx([17, 6, 24], abs=1e-9)
    assert cost[0] == pytest.approx([10, 30, 6], abs=1e-9)


@pytest.mark.parametrize(("budget", "value", "spend"), [(2500, 128.6, 52), (30, 106.5, 29.5)])
def test_worked_example_of_all_customers(budget, value, spend):
    assert optimum(*example(), budget) == pytest.approx((value, spend), abs=1e-9)


def test_everyone_would_have_bought_anyway():
    th, p = terms([500, 500], contact=3, funded=0.4), np.full((4, 2), 0.25)
    p_0, r = np.full(4, 0.25), np.array([[1.0, 0.5]])
    lost = np.tile([[3 + 0.6 * 500 * 0.25, 3 + 0.6 * 500 * 0.125]], (4, 1))
    cost = true_cost(th, p, r)
    assert cost == pytest.approx(lost)
    assert net_value(ALL * 3000, p, p_0, cost) == pytest.approx(-lost)
    # Charged to incremental redemptions alone, the same offer seems to cost the contact only.
    assert incremental_redemptions_cost(th, p, p_0, r) == pytest.approx(np.full((4, 2), 3))


def test_net_value_is_what_selling_to_all_earns_less_what_selling_anyway_did():
    rng = np.random.default_rng(0)
    p, p_0, r = rng.uniform(size=(50, 2)), rng.uniform(size=50), rng.uniform(size=(50, 2))
    m, th = rng.uniform(1000, 3000, size=(50, 1)), terms([300, 900], contact=7, funded=0.25)
    with_offer = p * (m - 0.75 * th.d * r) - 7
    found = net_value(m, p, p_0, true_cost(th, p, r))
    assert found == pytest.approx(with_offer - m * p_0[:, None])


def test_costs_agree_where_nobody_buys_without_an_offer():
    th, p = terms([1000, 2000, 500], contact=2), TAU
    assert true_cost(th, p, ALL) == pytest.approx(
        incremental_redemptions_cost(th, p, NOBODY, ALL), abs=0
    )


def test_a_supplier_who_pays_all_leaves_the_contact():
    assert (true_cost(terms([1000] * 3, 4, 1), TAU, ALL) == 4).all()
