"""The path of purchases: optimal for any budget, and measured by an experiment."""

import numpy as np
import pytest
from scipy import optimize

from lifeworth.evaluate.policies import Logged
from lifeworth.evaluate.roi import path, plan, roi_curve
from lifeworth.tables.errors import InputError


def offers(seed, customers, arms):
    rng = np.random.default_rng(seed)
    value = rng.normal(1, 2, size=(customers, arms))
    cost = rng.exponential(size=(customers, arms))
    value[:, 0] = cost[:, 0] = 0
    return value, cost


def relaxed(value, cost, budget):
    """Return the best value of chances of arms, by linear programming."""
    n, arms = value.shape
    found = optimize.linprog(
        -value.ravel(),
        A_ub=cost.ravel()[None],
        b_ub=[budget],
        A_eq=np.kron(np.eye(n), np.ones(arms)),
        b_eq=np.ones(n),
        method="highs",
    )
    return -found.fun, -found.ineqlin.marginals[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_no_plan_earns_more_within_what_this_one_spends(seed, share):
    value, cost = offers(seed, 30, 4)
    steps = path(value, cost)
    found = plan(steps, share * steps.spend[-1], value.shape)
    earned, spent = ((found.policy * money).sum() for money in (value, cost))
    assert spent <= share * steps.spend[-1]
    best, _ = relaxed(value, cost, spent)
    assert earned == pytest.approx(best, rel=1e-9)
    _, price = relaxed(value, cost, spent - 1e-6)
    assert found.price == pytest.approx(price, rel=1e-9)


def test_prices_fall_and_all_that_is_worth_it_is_bought_in_the_end():
    value, cost = offers(5, 200, 5)
    steps = path(value, cost)
    assert (np.diff(steps.price) <= 0).all()
    everything = plan(steps, np.inf, value.shape).policy
    assert (everything * value).sum() == pytest.approx(value.max(axis=1).sum())
    nothing = plan(steps, -1.0, value.shape)
    assert nothing.policy[:, 0].all()
    assert nothing.price == np.inf


def test_steps_that_cost_nothing_come_first():
    value = np.array([[0.0, 1, 3], [0, 2, 1]])
    cost = np.array([[0.0, 0, 4], [0, 1, -1]])
    steps = path(value, cost)
    assert steps.customer.tolist() == [0, 1, 0, 1]
    assert steps.arm.tolist() == [1, 2, 2, 1]
    assert steps.price.tolist() == [np.inf, np.inf, 0.5, 0.5]
    assert steps.spend.tolist() == [0, -1, 3, 5]


def test_curve_measures_what_the_path_promises():
    value, cost = offers(6, 4_000, 3)
    rng = np.random.default_rng(6)
    arm = rng.choice(3, size=4_000)
    logged = Logged(arm=arm, propensity=np.full(4_000, 1 / 3), arms=3)
    rows = np.arange(4_000)
    seen = [money[rows, arm] for money in (value + rng.normal(size=(4_000, 1)), cost)]
    steps = path(value, cost)
    curve = roi_curve(steps, logged.scores(seen[0], value), logged.scores(seen[1], cost), 10)
    assert len(curve) == 10
    assert curve.spend.to_numpy() == pytest.approx(curve.budget, rel=0.01)
    for _, row in curve.iterrows():
        chosen = plan(steps, row.budget * 4_000 * (1 + 1e-12), value.shape).policy
        promised = (chosen * value).sum() / 4_000
        assert abs(row.gain - promised) < 5 * row.gain_error
    assert (np.diff(curve.price) <= 0).all()
    assert curve.roi.to_numpy() == pytest.approx(curve.gain / curve.spend)
    assert curve.marginal_return[0] == pytest.approx(curve.roi[0])
    assert curve.marginal_return[5] == pytest.approx(
        (curve.gain[5] - curve.gain[4]) / (curve.spend[5] - curve.spend[4])
    )


def test_a_path_of_nothing_has_a_curve_of_nothing():
    nothing = np.zeros((5, 2))
    curve = roi_curve(path(nothing, nothing), nothing, nothing, 2)
    assert curve.gain.tolist() == [0, 0]
    assert curve.roi.isna().all()


def test_a_control_that_costs_is_refused():
    value, cost = offers(7, 5, 3)
    with pytest.raises(InputError, match="cost of the control other than 0, first row 1"):
        path(value, cost + 1)
    with pytest.raises(InputError, match="1 of 15 of value are not finite"):
        path(np.where(np.arange(15).reshape(5, 3) == 4, np.nan, value), cost)
