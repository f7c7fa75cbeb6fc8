"""Budgeted assignment: the seed's example, HiGHS as the oracle, certificates, limits, errors."""

import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse

from lifeworth.decide.assign import assign, greedy
from lifeworth.decide.classes import Room, classes_of
from lifeworth.decide.evidence import lower_bound, shrunken
from lifeworth.decide.offers import Limits, Offers
from lifeworth.decide.plan import plan
from lifeworth.decide.prices import upper_bound
from lifeworth.decide.quiet import without_chatter
from lifeworth.decide.repair import Sizes
from lifeworth.tables.errors import InputError

TAU = np.array([
    [10, 15, 12], [5, 9, 7], [2, 5, 3], [8, 12, 10], [6, 10, 8], [1, 3, 2],
    [0, 2, 1], [4, 6, 5], [9, 13, 11], [3, 5, 4], [7, 10, 8], [2, 4, 3],
]) / 1000  # fmt: skip
COST = TAU * np.array([1000, 2000, 500])
VALUE = TAU * np.array([2700, 2400, 2500]) - COST
SEED = Offers(value=VALUE, cost=COST)
CAPS = (5, 3, 5)
TINY = Sizes(core=4, kernel=2)


def optimum(offers, limits):
    """Return the value of the best assignment by an integer program of all pairs, or None."""
    customers, arms = offers.value.shape
    one = sparse.kron(sparse.eye_array(customers), np.ones((1, arms)))
    each = sparse.kron(np.ones((1, customers)), sparse.eye_array(arms))
    rows = sparse.vstack((one, each, offers.cost.reshape(1, -1))).tocsc()
    budget = np.inf if limits.budget is None else limits.budget
    most = [np.inf if cap is None else cap for cap in limits.cap_of_each(arms)]
    least = limits.minimums or [0] * arms
    found = optimize.milp(
        -offers.value.ravel(),
        integrality=np.ones(offers.value.size),
        bounds=optimize.Bounds(0, offers.possible().ravel().astype(float)),
        constraints=optimize.LinearConstraint(
            rows, [*[0] * customers, *least, -np.inf], [*[1] * customers, *most, budget]
        ),
        options={"mip_rel_gap": 0},
    )
    return None if found.x is None else -found.fun


def total(pairs, arm):
    some = np.flatnonzero(arm >= 0)
    return pairs[some, arm[some]].sum()


def check(offers, limits, found):
    """Assert that an assignment keeps every limit and that its certificate tells the truth."""
    arms, certificate = offers.value.shape[1], found.certificate
    counts = np.bincount(found.arm[found.arm >= 0], minlength=arms)
    assert np.all(offers.possible()[found.arm >= 0, found.arm[found.arm >= 0]])
    np.testing.assert_array_equal(counts, certificate.customers)
    caps = [len(offers.value) if k is None else k for k in limits.cap_of_each(arms)]
    assert np.all(counts <= caps)
    assert np.all(counts >= (limits.minimums or 0))
    spent = total(offers.cost, found.arm)
    room = np.inf if limits.budget is None else limits.budget
    assert spent <= room + 1e-11 * (abs(room) + np.abs(offers.cost).sum())
    assert spent == pytest.approx(certificate.spend, rel=1e-9, abs=1e-9)
    assert total(offers.value, found.arm) == pytest.approx(certificate.value, rel=1e-9)
    assert certificate.value <= certificate.upper_bound + 1e-9
    assert 0 <= certificate.gap <= 1
    assert certificate.budget_price >= 0
    assert np.all(np.minimum(certificate.cap_prices, certificate.minimum_prices) == 0)
    assert certificate.upper_bound == pytest.approx(dual(offers, limits, certificate), abs=1e-6)


def dual(offers, limits, certificate):
    """Return the Lagrangian dual at the prices of a certificate, customer by customer."""
    lam, mu, nu = certificate.budget_price, certificate.cap_prices, certificate.minimum_prices
    scores = np.where(offers.possible(), offers.value - lam * offers.cost - mu + nu, 0.0)
    there = offers.possible().sum(axis=0)
    least = np.array(limits.minimums or np.zeros(len(there)))
    caps = [n if k is None else min(k, max(n, m)) for k, n, m in
            zip(limits.cap_of_each(len(there)), there, least, strict=True)]  # fmt: skip
    everything = np.abs(np.where(offers.possible(), offers.cost, 0)).max(axis=1).sum()
    room = everything if limits.budget is None else min(limits.budget, everything)
    return lam * room + mu @ caps - nu @ least + np.maximum(scores.max(axis=1), 0).sum()


# ---- the seed's example


def test_the_first_customer_of_the_seed():
    np.testing.assert_allclose(VALUE[0], [17, 6, 24])
    np.testing.assert_allclose(COST[0], [10, 30, 6])
    alone = Offers(value=VALUE[:1], cost=COST[:1])
    assert assign(alone, Limits(budget=2500, caps=CAPS)).arm.tolist() == [2]


@pytest.mark.parametrize(("budget", "value", "spend"), [(2500, 128.6, 52.0), (30, 106.5, 29.5)])
def test_the_example_of_the_seed(budget, value, spend):
    limits = Limits(budget=budget, caps=CAPS)
    found = assign(SEED, limits)
    check(SEED, limits, found)
    assert optimum(SEED, limits) == pytest.approx(value)
    assert found.certificate.value == pytest.approx(value)
    assert found.certificate.spend == pytest.approx(spend)


def test_prices_of_the_seed():
    free = assign(SEED, Limits(budget=2500, caps=CAPS)).certificate
    assert free.budget_price == 0
    assert free.gap == pytest.approx(0, abs=1e-9)
    # one more place for free shipping is worth its price, as HiGHS says too
    more = optimum(SEED, Limits(budget=2500, caps=(5, 3, 6)))
    assert more - free.value <= free.cap_prices[2] + 1e-9
    tight = assign(SEED, Limits(budget=30, caps=CAPS)).certificate
    assert tight.budget_price > 0
    assert optimum(SEED, Limits(budget=31, caps=CAPS)) <= tight.upper_bound + tight.budget_price


# ---- against HiGHS


def problem(seed):
    """Return a random problem of a few customers; half have whole numbers, and so ties."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 15)), int(rng.integers(1, 5)))
    value, cost = rng.normal(1, 2, shape), rng.normal(0.7, 1, shape)
    if rng.random() < 0.5:
        value, cost = np.round(value), np.round(cost)
    evidence = rng.normal(1, 1, shape) if rng.random() < 0.5 else None
    caps = [int(k) for k in rng.integers(0, shape[0] + 1, shape[1])]
    minimums = [int(rng.integers(0, k + 1)) // 3 for k in caps] if rng.random() < 0.5 else None
    spent = np.abs(cost).sum() / shape[1]
    budget = [None, 0.0, -0.1 * spent, 0.1 * spent, 0.5 * spent][int(rng.integers(5))]
    limits = Limits(budget=budget, caps=caps, minimums=minimums)
    return Offers(value=value, cost=cost, evidence=evidence), limits


seeds = st.integers(0, 1_000_000)


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from([Sizes(), TINY, Sizes(core=0, kernel=0)]))
def test_small_problems_against_highs(seed, sizes):
    offers, limits = problem(seed)
    best = optimum(offers, limits)
    if best is None:
        with pytest.raises(InputError, match=r"could be kept|give at least that"):
            assign(offers, limits, sizes)
        return
    found = assign(offers, limits, sizes)
    check(offers, limits, found)
    assert found.certificate.value <= best + 1e-6
    assert found.certificate.upper_bound >= best - 1e-9
    if sizes == Sizes():
        assert found.certificate.value == pytest.approx(best, rel=1e-6, abs=1e-6)


def store(customers, arms=4, seed=0):
    rng = np.random.default_rng(seed)
    worth = rng.lognormal(0, 1, (customers, 1))
    value = worth * rng.lognormal(0, 0.4, (customers, arms)) * np.linspace(1, 2, arms) - 0.5
    cost = rng.gamma(2, 0.5, (customers, arms)) * np.linspace(1, 4, arms)
    return Offers(value=value, cost=cost)


@pytest.mark.parametrize("seed", range(3))
def test_hundreds_of_customers_against_highs(seed):
    offers = store(400, seed=seed)
    limits = Limits(budget=100.0, caps=(60, 40, 20, 10), minimums=(0, 0, 15, 0))
    found = assign(offers, limits, Sizes(core=60, kernel=30))
    check(offers, limits, found)
    best = optimum(offers, limits)
    assert best * (1 - 2e-3) <= found.certificate.value <= best + 1e-6
    assert found.certificate.upper_bound >= best - 1e-6
    assert found.certificate.gap < 5e-3


def test_a_store_is_solved_to_a_hundred_thousandth():
    offers = store(20_000)
    limits = Limits(budget=4000.0, caps=(3000, 2000, 1000, 500))
    found = assign(offers, limits)
    check(offers, limits, found)
    assert found.certificate.gap < 1e-5
    assert found.certificate.budget_price > 0


def test_customers_of_a_segment_are_equal():
    some, segment = store(12), np.random.default_rng(1).integers(0, 12, 5000)
    offers = Offers(value=some.value[segment], cost=some.cost[segment])
    limits = Limits(budget=2000.0, caps=(800, 500, 300, 200), minimums=(0, 100, 0, 0))
    found = assign(offers, limits)
    check(offers, limits, found)
    assert found.certificate.gap < 1e-3


def test_equal_values_with_costs_of_their_own():
    some, segment = store(12), np.random.default_rng(1).integers(0, 12, 5000)
    offers = Offers(value=np.abs(some.value[segment]), cost=store(5000).cost)
    limits = Limits(budget=4000.0, caps=(800, 500, 300, 200))
    found = assign(offers, limits, Sizes(core=400, kernel=100))
    check(offers, limits, found)
    assert found.certificate.gap < 1e-3


@pytest.mark.parametrize("theta", [[0, 0, 0], [1, 0.5, -0.5], [0.3, -1, 2.0]])
def test_any_prices_bound_the_optimum(theta):
    offers = store(30, arms=2)
    limits = Limits(budget=6.0, caps=(4, 5), minimums=(1, 0))
    classes = classes_of(offers.value, offers.cost, offers.possible())
    room = Room(6.0, np.array([4.0, 5.0]), np.array([1.0, 0.0]))
    assert upper_bound(classes, room, np.array(theta, float)) >= optimum(offers, limits) - 1e-9


# ---- what does not matter


@settings(max_examples=25, deadline=None)
@given(seeds, st.randoms(use_true_random=False))
def test_the_order_of_customers_does_not_matter(seed, random):
    offers, limits = problem(seed)
    if optimum(offers, limits) is None:
        return
    ids = np.arange(len(offers.value))
    order = list(ids)
    random.shuffle(order)
    first = assign(offers, limits)
    evidence = None if offers.evidence is None else offers.evidence[order]
    moved = Offers(
        value=offers.value[order],
        cost=offers.cost[order],
        evidence=evidence,
        ids=pd.Index(ids[order]),
    )
    second = assign(moved, limits)
    np.testing.assert_array_equal(second.arm, first.arm[order])
    assert second.certificate.value == first.certificate.value
    assert second.certificate.upper_bound == first.certificate.upper_bound


def test_the_units_of_money_do_not_matter():
    offers, limits = store(300), Limits(budget=80.0, caps=(50, 40, 20, 10))
    euros = assign(offers, limits)
    cents = assign(
        Offers(value=128 * offers.value, cost=64 * offers.cost),
        Limits(budget=64 * 80.0, caps=limits.caps),
    )
    np.testing.assert_array_equal(cents.arm, euros.arm)
    assert cents.certificate.gap == euros.certificate.gap
    assert cents.certificate.budget_price == 2 * euros.certificate.budget_price


def test_of_equal_customers_the_lowest_id_gets_the_first_arm():
    offers = Offers(
        value=np.array([[2.0, 3.0]] * 4),
        cost=np.ones((4, 2)),
        ids=pd.Index(["d", "b", "a", "c"]),
    )
    assert assign(offers, Limits(caps=(1, 2))).arm.tolist() == [-1, 1, 0, 1]


# ---- what is not assigned


def test_nothing_is_assigned_that_brings_nothing_or_is_not_known_to():
    value = np.array([[-1.0, 0.0], [5.0, 4.0], [5.0, 4.0]])
    low = np.array([[1.0, 1.0], [-0.1, 0.1], [0.0, -2.0]])
    offers = Offers(value=value, cost=-np.ones((3, 2)), evidence=low)
    assert assign(offers, Limits()).arm.tolist() == [-1, 1, -1]


def test_nobody_and_nothing():
    none = assign(Offers(value=np.zeros((0, 2)), cost=np.zeros((0, 2))), Limits(budget=1.0))
    assert len(none.arm) == 0
    assert none.certificate.gap == 0
    closed = assign(SEED, Limits(budget=0.0, caps=CAPS))
    # the pair of no cost and no value is not assigned
    assert np.all(closed.arm == -1)
    assert closed.certificate.gap == 0
    assert np.all(assign(SEED, Limits(caps=(0, 0, 0))).arm == -1)


def test_savings_pay_for_others():
    offers = Offers(value=np.array([[1.0], [9.0]]), cost=np.array([[-2.0], [2.0]]))
    found = assign(offers, Limits(budget=0.0))
    assert found.arm.tolist() == [0, 0]
    assert found.certificate.spend == 0
    assert assign(offers, Limits(budget=-1.5)).arm.tolist() == [0, -1]


# ---- greedy


def test_greedy_keeps_limits_and_is_never_better():
    for seed in range(5):
        offers, limits = store(200, seed=seed), Limits(budget=60.0, caps=(30, 20, 20, 10))
        arm = greedy(offers, limits)
        counts = np.bincount(arm[arm >= 0], minlength=4)
        assert np.all(counts <= limits.caps)
        assert total(offers.cost, arm) <= 60.0
        assert total(offers.value, arm) <= assign(offers, limits).certificate.upper_bound


def test_greedy_goes_by_value_per_cost():
    offers = Offers(value=np.array([[2.0], [9.0], [1.0]]), cost=np.array([[1.0], [9.0], [-1.0]]))
    assert greedy(offers, Limits(budget=1.0)).tolist() == [0, -1, 0]
    assert greedy(SEED, Limits(budget=2500, caps=CAPS))[0] == 2
    with pytest.raises(InputError, match="greedy keeps no minimums"):
        greedy(SEED, Limits(minimums=(1, 0, 0)))


# ---- wrong input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": np.nan}, r"1 of 36 entries of value are not finite, first at row 4, column 1"),
        ({"cost": np.inf}, r"1 of 36 entries of cost are not finite, first at row 4, column 1"),
        ({"evidence": np.nan}, r"1 of 36 entries of evidence are not known, first at row 4"),
    ],
)
def test_numbers_that_are_none_are_refused(change, message):
    arrays = {"value": VALUE.copy(), "cost": COST.copy(), "evidence": VALUE.copy()}
    ((name, number),) = change.items()
    arrays[name][4, 1] = number
    with pytest.raises(InputError, match=message):
        assign(Offers(**arrays), Limits())


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"budget": np.nan}, "the budget is nan; give a finite number"),
        ({"caps": (1, 2)}, "3 arms but 2 caps"),
        ({"caps": (1, 2, -1)}, "caps of arm 2 is -1; give a whole number"),
        ({"caps": (1, 2, 3), "minimums": (0, 3, 0)}, "arm 1 has a cap of 2 and a minimum of 3"),
        ({"minimums": (12, 0, 0)}, "12 customers of arm 0, and 11 have a value"),
        ({"minimums": (5, 5, 3)}, "13 customers of arms 0, 1, 2 together, and 12 have"),
        ({"minimums": (0, 3, 0), "budget": 10}, r"the budget is 10, and the cheapest .* costs 18;"),
        ({"budget": -1}, r"the budget is -1, and the cheapest assignment that keeps the caps cost"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(limits, message):
    with pytest.raises(InputError, match=message):
        assign(SEED, Limits(**limits))


def test_what_the_refusal_says_is_feasible_is():
    limits = Limits(budget=18.0, minimums=(0, 3, 0))
    found = assign(SEED, limits)
    check(SEED, limits, found)
    assert found.certificate.spend == pytest.approx(18)


def test_shapes_and_ids_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="value has 12 customers and 3 arms, cost has 11 and 3"):
        assign(Offers(value=VALUE, cost=COST[:11]), Limits())
    with pytest.raises(InputError, match="there are no arms"):
        assign(Offers(value=VALUE[:, :0], cost=COST[:, :0]), Limits())
    with pytest.raises(InputError, match="12 customers but 3 ids"):
        assign(Offers(value=VALUE, cost=COST, ids=pd.Index([1, 2, 3])), Limits())
    with pytest.raises(InputError, match=r"1 of 12 ids are there before, first at row 11 \(0\)"):
        assign(Offers(value=VALUE, cost=COST, ids=pd.Index([*range(11), 0])), Limits())


# ---- frames


def seed_frame():
    names, ids = ["PCT10", "PCT20", "SHIP"], [f"U{i + 1}" for i in range(12)]
    return pd.DataFrame({
        "customer_id": np.repeat(ids, 3),
        "arm": np.tile(names, 12),
        "value": VALUE.ravel(),
        "cost": COST.ravel(),
    })  # fmt: skip


def test_the_seed_as_a_frame():
    frame, caps = seed_frame(), {"PCT10": 5, "PCT20": 3, "SHIP": 5}
    found = plan(frame, 30, caps)
    assert found.customers.columns.tolist() == ["customer_id", "arm", "value", "cost", "reason"]
    assert found.customers["value"].sum() == pytest.approx(106.5)
    assert found.customers["cost"].sum() == pytest.approx(29.5)
    assert found.customers.set_index("customer_id").loc["U1", "arm"] == "SHIP"
    assert found.arms["cap"].tolist() == [5, 3, 5]
    assert found.arms["customers"].sum() == (found.customers["arm"] != "").sum()
    moved = plan(frame.sample(frac=1, random_state=1), 30, caps)
    pd.testing.assert_frame_equal(moved.customers, found.customers)
    pd.testing.assert_frame_equal(moved.arms, found.arms)


def test_a_frame_says_why():
    rows = [
        ("a", "x", 9.0, 1.0, 1.0), ("a", "y", 8.0, 1.0, 1.0),
        ("b", "x", 8.0, 1.0, 1.0), ("b", "y", 4.0, 1.0, 1.0),
        ("c", "x", 1.0, 1.0, 1.0), ("d", "y", 5.0, 1.0, -1.0), ("e", "y", -5.0, 1.0, 1.0),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["customer_id", "arm", "value", "cost", "low"])
    found = plan(frame, caps={"x": 1}).customers
    assert found["arm"].tolist() == ["y", "x", "", "", ""]
    assert found["reason"].tolist() == [
        "other arm", "best arm", "limits", "not certain", "no value"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="cost"), "the offers have no column 'cost'"),
        (lambda f: f.assign(arm=f["arm"].where(f.index != 2)), "1 of 36 offers have no arm, first"),
        (lambda f: pd.concat((f, f[4:5])), r"1 of 37 offers are there before, first at row 36 \(c"),
        (lambda f: f.assign(value=np.where(f.index == 5, np.nan, f["value"])),
         r"a value that is not finite, first at row 5 \(customer 'U2', arm 'SHIP'\)"),
        (lambda f: f.assign(cost="1,5"), "36 of 36 rows have a 'cost' that is not a n"),
    ],
)  # fmt: skip
def test_frames_that_cannot_be_used_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        plan(change(seed_frame()))


def test_limits_of_unknown_arms_are_refused():
    with pytest.raises(InputError, match="caps name 'PCT30', and the arms are PCT10, PCT20, SHIP"):
        plan(seed_frame(), caps={"PCT30": 5})


# ---- evidence


def test_lower_bounds():
    found = lower_bound(np.array([[1.0]]), np.array([[2.0]]), 0.975)
    assert found[0, 0] == pytest.approx(1 - 2 * 1.959963984540054)
    with pytest.raises(InputError, match="the confidence is 1"):
        lower_bound(np.array([[1.0]]), np.array([[2.0]]), 1.0)
    with pytest.raises(InputError, match="1 of 1 effects"):
        lower_bound(np.array([[1.0]]), np.array([[-2.0]]))


def test_shrunken_effects_are_nearer_to_the_truth():
    rng = np.random.default_rng(0)
    truth = 1 + 0.5 * rng.normal(size=(20_000, 2))
    error = np.full(truth.shape, 1.0)
    effect = truth + error * rng.normal(size=truth.shape)
    found = shrunken(effect, error)
    # the best linear predictor keeps 0.25 / 1.25 and leaves a mean square of 0.2
    assert np.mean((found - truth) ** 2) == pytest.approx(0.2, rel=0.03)
    assert shrunken(effect[:0], error[:0]).shape == (0, 2)
    np.testing.assert_allclose(shrunken(np.ones((3, 1)), np.zeros((3, 1))), 1.0)


# ---- standard output


def test_only_the_line_of_highs_is_kept_back(capfd):
    with without_chatter():
        os.write(1, b"HighsMipSolverData::transformNewIntegerFeasibleSolution\nours\n")
    assert capfd.readouterr().out == "ours\n"


@pytest.mark.parametrize(("costs", "budget"), [(0.0, 500.0), (1.0, 500.0), (1.0, 4.0)])
def test_a_budget_that_nobody_could_overdraw_has_no_price(costs, budget):
    offers = Offers(value=np.full((4, 1), 3.0), cost=np.full((4, 1), costs))
    told = assign(offers, Limits(budget=budget)).certificate
    assert told.value == 12.0
    assert told.budget_price == 0.0
    assert assign(offers, Limits(budget=2.0)).certificate.budget_price == (3.0 if costs else 0.0)
