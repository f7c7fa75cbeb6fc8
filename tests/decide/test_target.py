"""Whom to target: by hand, against every possible choice, and against simulated truth."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from lifeworth.decide.caution import Caution, cautious_gain, lower, winsorised
from lifeworth.decide.rivals import CHOSEN, compared, curve, rules
from lifeworth.decide.target import Action, target
from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.tables.errors import InputError

PLAIN = Caution(winsorise=None)


def shop(values, **columns) -> pd.DataFrame:
    ids = [f"c{i:05d}" for i in range(len(values))]
    return pd.DataFrame(
        {"customer_id": ids, "expected_value": np.asarray(values, dtype=float), **columns}
    )


def test_three_customers_by_hand():
    # 15 % of 1,000, 700 and 600 are 150, 105 and 90: at a cost of 100 the third loses money.
    found = target(shop([600, 1000, 700]), Action(budget=100, cost=100, uplift=0.15), PLAIN)
    assert found.customers["reason"].tolist() == ["loses money", "chosen", "budget"]
    assert found.customers["gain"].tolist() == pytest.approx([90, 150, 105])
    totals = found.totals()
    assert totals["customers"] == 1
    assert totals["net"] == pytest.approx(50)
    assert totals["return"] == pytest.approx(0.5)
    assert (totals["paying"], totals["paying_cost"]) == (2, 200)
    # One more customer of 100 would bring 5 over its cost: the price of the budget is at least that
    # and at most what the last one brought.
    assert 0.05 - 1e-9 <= found.certificate.budget_price <= 0.5 + 1e-9


def test_budget_left_over_is_not_spent_on_customers_who_lose_money():
    found = target(shop([600, 1000, 700]), Action(budget=10_000, cost=100, uplift=0.15), PLAIN)
    assert found.chosen.tolist() == [False, True, True]
    assert found.certificate.budget_price == pytest.approx(0, abs=1e-9)


def test_a_gain_that_only_pays_its_cost_is_left_alone():
    found = target(shop([1000.0]), Action(budget=500, cost=100, uplift=0.1), PLAIN)
    assert found.customers["reason"].tolist() == ["loses money"]


def test_an_action_that_harms_is_given_to_nobody():
    harm = shop([1000.0, 1000.0], uplift=[-0.5, 0.5])
    found = target(harm, Action(budget=500, cost=0), PLAIN)
    assert found.chosen.tolist() == [False, True]


@pytest.mark.parametrize("seed", range(25))
def test_unequal_costs_are_solved_as_well_as_by_trying_every_choice(seed: int):
    rng = np.random.default_rng(seed)
    n = 12
    value = rng.lognormal(6, 1, n).round()
    cost, uplift = rng.integers(20, 200, n).astype(float), rng.uniform(0, 0.4, n)
    budget = float(rng.integers(100, 900))
    frame = shop(value, cost=cost, uplift=uplift)
    choices = np.array(list(product([0.0, 1.0], repeat=n)))
    best = (choices @ (uplift * value - cost))[choices @ cost <= budget].max()
    found = target(frame, Action(budget=budget), PLAIN)
    assert found.totals()["spend"] <= budget + 1e-9
    assert found.totals()["net"] == pytest.approx(best, abs=1e-9)
    shuffled = target(frame.sample(frac=1, random_state=seed), Action(budget=budget), PLAIN)
    pd.testing.assert_frame_equal(shuffled.customers, found.customers)


def test_winsorising_is_that_of_numpy_and_leaves_gains_as_they_are():
    value = np.random.default_rng(0).lognormal(8, 2, 501)
    found = target(shop(value), Action(budget=1e5, cost=10.0, uplift=0.2))
    cap = np.quantile(0.2 * value, 0.95)
    assert found.cap == pytest.approx(cap)
    np.testing.assert_allclose(found.column("score"), np.clip(0.2 * value, None, cap))
    np.testing.assert_allclose(found.column("gain"), 0.2 * value)
    assert winsorised(value, None) == (pytest.approx(value), None)


@pytest.mark.parametrize("places", [10, 25, 100, 250])
def test_with_equal_costs_winsorising_changes_nobodys_place(places: int):
    value = np.random.default_rng(1).lognormal(8, 2, 500)
    action = Action(budget=100.0 * places, cost=100.0, uplift=0.5)
    capped, plain = target(shop(value), action), target(shop(value), action, PLAIN)
    assert (capped.chosen == plain.chosen).all()
    assert set(np.flatnonzero(capped.chosen)) == set(np.argsort(-value)[:places])


def test_with_unequal_costs_winsorising_keeps_a_giant_from_taking_the_budget():
    value, cost = np.array([1e6, *np.full(40, 1000.0)]), np.array([90.0, *np.full(40, 10.0)])
    frame = shop(value, cost=cost)
    action = Action(budget=100.0, uplift=0.1)
    assert target(frame, action, PLAIN).chosen[0]
    careful = target(frame, action)
    assert not careful.chosen[0]
    assert careful.chosen.sum() == 10


def test_ties_go_to_the_larger_gain_before_winsorising_then_to_the_lower_id():
    frame = shop([500.0, 900.0, 500.0, 800.0, 100.0])
    action = Action(budget=30.0, cost=10.0, uplift=1.0)
    found = target(frame, action, Caution(winsorise=0.25))
    assert found.cap == 500.0
    assert found.chosen.tolist() == [True, True, False, True, False]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.33, 0.999])
def test_cvar_is_the_mean_of_the_worst_draws(share: float):
    draws = np.random.default_rng(2).gamma(0.5, 1000, (7, 40))
    whole, worst = int(share * 40), share * 40
    by_hand = []
    for row in draws:
        ordered = sorted(row)
        by_hand.append((sum(ordered[:whole]) + (worst - whole) * ordered[whole]) / worst)
    found = lower(draws, Caution(risk="cvar", share=share))
    np.testing.assert_allclose(found, by_hand)
    # The same by its other definition, max over z of z - E[(z - X)+] / share, reached at a draw.
    dual = (draws - np.maximum(draws[:, :, None] - draws[:, None, :], 0).mean(2) / share).max(1)
    np.testing.assert_allclose(found, dual)


def test_quantile_and_mean_of_draws_are_those_of_numpy():
    draws = np.random.default_rng(3).gamma(0.5, 1000, (9, 33))
    quantile = lower(draws, Caution(risk="quantile", share=0.2))
    np.testing.assert_allclose(quantile, np.quantile(draws, 0.2, axis=1))
    np.testing.assert_allclose(lower(draws, Caution()), draws.mean(axis=1))


def test_the_bad_end_of_a_harmful_action_is_that_of_high_values():
    draws = np.array([[0.0, 100.0, 200.0, 300.0, 400.0]] * 2)
    caution = Caution(risk="quantile", share=0.25)
    gains = cautious_gain(draws.__getitem__, np.array([0.5, -0.5]), caution)
    np.testing.assert_allclose(gains, [50.0, -150.0])


def test_blocks_of_draws_are_put_together_in_order():
    draws = np.random.default_rng(4).gamma(1, 10, (5000, 8))
    caution = Caution(risk="cvar", share=0.3)
    whole = cautious_gain(draws.__getitem__, np.ones(5000), caution)
    np.testing.assert_allclose(whole, lower(draws, caution))


def test_the_risk_averse_leave_a_lottery_for_a_sure_thing():
    draws = np.array([[0.0] * 9 + [20_000.0], [1_500.0] * 10])
    frame = shop(draws.mean(axis=1))
    action = Action(budget=100, cost=100, uplift=0.1)
    assert target(frame, action, PLAIN).chosen.tolist() == [True, False]
    careful = Caution(winsorise=None, risk="cvar", share=0.5)
    found = target(frame, action, careful, draws.__getitem__)
    assert found.chosen.tolist() == [False, True]
    assert found.customers["reason"].tolist() == ["not certain", "chosen"]


# ---- rivals


def test_rules_by_hand_with_ties_and_a_part_of_the_last_group():
    frame = shop([1000.0, 3000.0, 2000.0, 400.0], cost=[100.0, 100.0, 50.0, 50.0])
    found = target(frame, Action(budget=175, uplift=0.1), PLAIN)
    keys = {"frequency": np.array([2.0, 0.0, 2.0, 5.0])}
    by = rules(found, keys)
    # 50 go to the fourth; 125 of the 150 that the two with 2 purchases ask for.
    np.testing.assert_allclose(by["frequency"].chances(175), [5 / 6, 0, 5 / 6, 1])
    np.testing.assert_allclose(by["random"].chances(175), np.full(4, 175 / 300))
    np.testing.assert_allclose(by[CHOSEN].chances(175), [0, 1, 1, 0])  # nobody else pays
    np.testing.assert_allclose(by["random"].chances(1000), np.ones(4))


def test_random_is_its_exact_expectation():
    rng = np.random.default_rng(5)
    value = rng.lognormal(7, 1, 40)
    found = target(shop(value), Action(budget=1000, cost=100, uplift=0.2), PLAIN)
    table = compared(found, {}, {"forecast": value}, Resampling(resamples=2))
    exact = table.set_index("policy").loc["random"]
    drawn = [(0.2 * rng.choice(value, 10, replace=False) - 100).sum() for _ in range(20_000)]
    assert exact["customers"] == pytest.approx(10)
    assert exact["net"] == pytest.approx(10 * (0.2 * value.mean() - 100))
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert abs(np.mean(drawn) - exact["net"]) < 5 * error


def test_every_policy_is_judged_by_the_uncapped_gain():
    value = np.array([100.0, 200.0, 300.0, 400.0, 50_000.0])
    spent = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    later = np.array([90.0, 0.0, 600.0, 500.0, 7.0])
    found = target(shop(value), Action(budget=20, cost=10, uplift=0.5), Caution(winsorise=0.5))
    values = {"forecast": value, "realised": later}
    table = compared(found, {"monetary": spent}, values, Resampling(resamples=20))
    table = table.set_index(["policy", "measure"])
    assert table.loc[(CHOSEN, "forecast"), "gain"] == pytest.approx(0.5 * 50_400)
    assert table.loc[(CHOSEN, "forecast"), "score"] == pytest.approx(0.5 * 600)  # capped at 300
    assert table.loc[(CHOSEN, "realised"), "net"] == pytest.approx(0.5 * 507 - 20)
    assert table.loc[("monetary", "realised"), "net"] == pytest.approx(0.5 * 90 - 20)
    assert table.loc[("monetary", "realised"), "less"] == pytest.approx(0.5 * 417)
    assert np.isnan(table.loc[(CHOSEN, "realised"), "less"])


def test_a_copied_customer_counts_as_two():
    # Rules applied to copies are rules applied to a shop in which the customers are there twice.
    rng = np.random.default_rng(6)
    value, key = rng.lognormal(7, 1, 30), rng.integers(0, 4, 30).astype(float)
    copies = rng.integers(0, 3, 30).astype(float)
    twice = np.repeat(np.arange(30), copies.astype(int))
    action = Action(budget=1150, cost=100, uplift=0.3)
    small = target(shop(value), action, PLAIN)
    large = target(shop(value[twice]), action, PLAIN)
    for name, rule in rules(small, {"key": key}).items():
        net = 0.3 * value - 100
        other = rules(large, {"key": key[twice]})[name]
        together = float((copies * rule.chances(1150, copies)) @ net)
        assert together == pytest.approx(float(other.chances(1150) @ net[twice]))


def simulated(rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    """Return forecast, spend so far and later value of n customers, who share a hidden rate."""
    rate = rng.gamma(0.7, 2_000, n)
    return (
        rate * rng.lognormal(-0.08, 0.4, n),
        rate * rng.lognormal(-0.5, 1.0, n),
        rate * rng.gamma(2, 0.5, n),
    )


def played(rng: np.random.Generator, n: int, resamples: int) -> pd.DataFrame:
    forecast, spent, later = simulated(rng, n)
    found = target(shop(forecast), Action(budget=10_000, cost=100, uplift=0.15))
    resampling = Resampling(resamples=resamples, seed=int(rng.integers(1 << 30)))
    table = compared(found, {"monetary": spent}, {"realised": later}, resampling)
    return table.set_index("policy")


@pytest.mark.slow
def test_paired_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(7)
    n, shops = 400, 120
    truth = pd.concat([played(rng, n, 1) for _ in range(400)])
    means = truth.groupby(level=0)[["net", "less"]].mean()
    tables = [played(rng, n, 80) for _ in range(shops)]
    for name, column, low, high in (
        (CHOSEN, "net", "low", "high"),
        ("monetary", "less", "less_low", "less_high"),
        ("random", "less", "less_low", "less_high"),
    ):
        true = means.loc[name, column]
        held = np.mean([t.loc[name, low] <= true <= t.loc[name, high] for t in tables])
        # 5 standard errors of a share of 120 shops at 90 %, and 1 % for the truth being simulated.
        assert abs(held - 0.9) < 5 * np.sqrt(0.09 / shops) + 0.01, (name, held)


def test_the_curve_ends_where_all_are_bought_and_passes_the_chosen():
    rng = np.random.default_rng(8)
    value, spent = rng.lognormal(7, 1, 150), rng.lognormal(7, 1, 150)
    found = target(shop(value), Action(budget=5000, cost=100, uplift=0.1), PLAIN)
    drawn = curve(found, {"monetary": spent}, {"forecast": value})
    for _, own in drawn.groupby("policy"):
        assert own[["spend", "customers", "net"]].iloc[0].tolist() == [0, 0, 0]
        assert own["spend"].iloc[-1] == pytest.approx(15_000)
        assert own["net"].iloc[-1] == pytest.approx((0.1 * value - 100).sum())
    own = drawn[drawn["policy"] == CHOSEN].set_index("spend")["net"]
    assert own.loc[found.totals()["spend"]] == pytest.approx(found.totals()["net"])
    assert own.max() == pytest.approx(np.maximum(0.1 * value - 100, 0).sum())


# ---- what is refused


@pytest.mark.parametrize(
    ("frame", "action", "words"),
    [
        (shop([1.0]).drop(columns="expected_value"), {"cost": 1.0, "uplift": 1.0}, "no column"),
        (shop([1.0]), {"cost": 1.0}, "no column 'uplift'"),
        (shop([]), {"cost": 1.0, "uplift": 1.0}, "no rows"),
        (shop([1.0, np.nan]), {"cost": 1.0, "uplift": 1.0}, "wrong expected_value, first 'c00001'"),
        (shop([1.0], cost=[-3.0]), {"uplift": 1.0}, "wrong cost, first 'c00000'"),
        (shop([1.0]).iloc[[0, 0]], {"cost": 1.0, "uplift": 1.0}, "there before, first row 1"),
    ],
)
def test_customers_that_cannot_be_used_are_named(frame, action, words: str):
    with pytest.raises(InputError, match=words):
        target(frame, Action(budget=10, **action))


def test_numbers_that_cannot_be_used_are_named():
    with pytest.raises(InputError, match="budget is -1"):
        Action(budget=-1)
    with pytest.raises(InputError, match=r"winsorise is 1\.5"):
        Caution(winsorise=1.5)
    with pytest.raises(InputError, match="share of cvar is 0"):
        Caution(risk="cvar", share=0)
    action, careful = Action(budget=10, cost=1, uplift=1), Caution(risk="cvar")
    with pytest.raises(InputError, match="needs draws"):
        target(shop([1.0]), action, careful)
    with pytest.raises(InputError, match="1 customers with 3 draws"):
        target(shop([1.0, 2.0]), action, careful, np.ones((1, 3)).__getitem__)
    with pytest.raises(InputError, match="a draw of value that is not finite"):
        target(shop([1.0]), action, careful, np.full((1, 3), np.nan).__getitem__)
    found = target(shop([1.0]), action, PLAIN)
    with pytest.raises(InputError, match="monetary has 2 numbers"):
        rules(found, {"monetary": np.ones(2)})
