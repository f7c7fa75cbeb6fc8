"""Policies judged by an experiment: right on average, with true errors, paired, clustered."""

import numpy as np
import pytest
from scipy import optimize

from lifeworth.evaluate.policies import (
    Logged,
    at_random,
    best_single_arm,
    chance_over_budget,
    highest,
    policy_mean,
    single_arm,
)
from lifeworth.tables.errors import InputError

CHANCES = np.array([0.5, 0.3, 0.2])


def experiment(seed, customers):
    """Return arms, outcomes and a feature x; arm a brings 1 + a x (2 - a) to begin with."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=customers)
    truth = 1 + np.column_stack([0 * x, x, 0.2 + 0 * x])
    arm = rng.choice(3, size=customers, p=CHANCES)
    outcome = truth[np.arange(customers), arm] + rng.normal(size=customers)
    return Logged(arm=arm, propensity=CHANCES[arm], arms=3), outcome, truth, x


def by_sign(x):
    return np.eye(3)[np.where(x > 0, 1, 0)]


@pytest.mark.parametrize("kind", ["inverse propensity", "means", "doubly robust", "wrong"])
def test_values_are_covered_whatever_is_expected(kind):
    hits, widths = 0, []
    for seed in range(200):
        logged, outcome, truth, x = experiment(seed, 300)
        expected = {
            "inverse propensity": None,
            "means": logged.means(outcome),
            "doubly robust": truth,
            "wrong": truth[:, ::-1].copy() - 3,
        }[kind]
        scores = logged.scores(outcome, expected)
        found = policy_mean(by_sign(x), scores).estimate()
        low, high = found.interval(0.9)
        hits += low <= 1.25 <= high  # 1 + E[max(x, 0)]
        widths.append(found.error)
    assert abs(hits / 200 - 0.9) < 5 * np.sqrt(0.9 * 0.1 / 200)
    # Means that each policy has: noise 1 at 1/e, and for inverse propensity the outcome on top.
    largest = {"inverse propensity": 0.20, "means": 0.12, "doubly robust": 0.10, "wrong": 0.40}
    assert np.mean(widths) < largest[kind]


def test_scores_by_hand():
    logged = Logged(arm=np.array([0, 1]), propensity=np.array([0.5, 0.25]), arms=2)
    y = np.array([3.0, 8.0])
    assert logged.scores(y).tolist() == [[6, 0], [0, 32]]
    mu = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert logged.scores(y, mu).tolist() == [[1 + 2 / 0.5, 2], [3, 4 + 4 / 0.25]]
    assert logged.effects(y, 1).tolist() == [-6, 32]
    assert mu.tolist() == [[1, 2], [3, 4]]


def test_means_weigh_by_propensity():
    arm, e = np.array([0, 0, 1]), np.array([0.5, 0.25, 0.5])
    found = Logged(arm=arm, propensity=e, arms=2).means(np.array([1.0, 4.0, 7.0]))
    assert found == pytest.approx(np.tile([(2 * 1 + 4 * 4) / 6, 7], (3, 1)))


def test_scores_with_means_give_each_arm_its_mean():
    logged, outcome, *_ = experiment(0, 1_000)
    scores = logged.scores(outcome, logged.means(outcome))
    arms = [outcome[logged.arm == a].mean() for a in range(3)]
    values = [policy_mean(single_arm(1_000, a, 3), scores).value for a in range(3)]
    assert values == pytest.approx(arms)
    assert best_single_arm(scores) == int(np.argmax(arms))


def test_paired_differences_know_what_both_share():
    logged, outcome, truth, x = experiment(1, 2_000)
    scores = logged.scores(outcome, truth)
    mine, other = policy_mean(by_sign(x), scores), policy_mean(single_arm(2_000, 0, 3), scores)
    paired = (mine - other).estimate()
    contrast = ((by_sign(x) - single_arm(2_000, 0, 3)) * scores).sum(axis=1)
    assert paired.value == pytest.approx(contrast.mean())
    assert paired.error == pytest.approx(contrast.std(ddof=1) / np.sqrt(2_000))
    assert paired.error < np.hypot(mine.estimate().error, other.estimate().error)


def test_errors_are_clustered_by_customer():
    # Each customer has an outcome of their own in all of four campaigns.
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        who = np.repeat(np.arange(60), 4)
        own = np.repeat(rng.normal(size=60), 4)
        arm = rng.choice(2, size=240)
        logged = Logged(arm=arm, propensity=np.full(240, 0.5), arms=2)
        scores = logged.scores(own + 0.1 * rng.normal(size=240), np.repeat(own[:, None], 2, axis=1))
        low, high = policy_mean(single_arm(240, 1, 2), scores).estimate(who).interval(0.9)
        hits += low <= 0 <= high
    assert abs(hits / 200 - 0.9) < 5 * np.sqrt(0.9 * 0.1 / 200)


# ---- simple rules


def test_highest_shares_ties_at_the_edge():
    policy = highest(np.array([5.0, 1, 3, 3, 0]), 0.4, 1, 2)
    assert policy[:, 1].tolist() == [1, 0, 0.5, 0.5, 0]
    assert policy.sum(axis=1).tolist() == [1] * 5
    assert highest(np.ones(4), 0.5, 2, 3).tolist() == at_random(4, 0.5, 2, 3).tolist()
    assert highest(np.arange(3.0), 1.0, 1, 2)[:, 1].tolist() == [1, 1, 1]
    assert highest(np.arange(3.0), 0.0, 1, 2)[:, 1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("share", [-0.1, 1.1, np.nan])
def test_senseless_shares_are_refused(share):
    for rule in (lambda: at_random(3, share, 1, 2), lambda: highest(np.arange(3.0), share, 1, 2)):
        with pytest.raises(InputError, match="must be from 0 to 1"):
            rule()


# ---- budget


def test_chance_over_budget_is_how_often_it_happens():
    """Offers cost 2 when redeemed, by 30 %: replay the experiment, then the campaign."""
    rng = np.random.default_rng(3)
    n, policy, over = 400, single_arm(400, 1, 2), []
    for _ in range(300):
        arm = rng.choice(2, size=n)
        cost = 2.0 * (rng.uniform(size=n) < 0.3) * arm
        logged = Logged(arm=arm, propensity=np.full(n, 0.5), arms=2)

        def told(budget, cost=cost, logged=logged):
            return chance_over_budget(policy, cost, logged, budget, None) - 0.2

        over.append(2.0 * rng.binomial(n, 0.3) > optimize.brentq(told, 0, 2 * n))
    assert abs(np.mean(over) - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 300)


def test_chance_over_budget_at_its_ends():
    arm = np.array([0, 1, 0, 1])
    logged = Logged(arm=arm, propensity=np.full(4, 0.5), arms=2)
    policy, cost = single_arm(4, 1, 2), np.array([0, 3.0, 0, 3.0])
    assert chance_over_budget(policy, cost, logged, 1e6, None) == pytest.approx(0, abs=1e-12)
    assert chance_over_budget(policy, cost, logged, 12.0, None) == pytest.approx(0.5)
    assert chance_over_budget(single_arm(4, 0, 2), np.zeros(4), logged, 0.0, None) == 0.0
    assert chance_over_budget(single_arm(4, 0, 2), np.zeros(4), logged, -1.0, None) == 1.0


# ---- refusals


@pytest.mark.parametrize(("arm", "propensity", "says"), [
    ([0, 1], [0.5, np.nan], r"1 of 2 rows have none in \(0, 1\], first at row 2 \(nan\)"),
    ([0, 1], [0.0, 0.5], r"first at row 1 \(0.0\)"),
    ([0, 2], [0.5, 0.5], r"1 of 2 rows have none of 0 to 1, first at row 2 \(2\)"),
    ([0, 0], [0.5, 0.5], "nobody drew arm 1 of 2"),
])  # fmt: skip
def test_broken_logs_are_refused(arm, propensity, says):
    with pytest.raises(InputError, match=says):
        Logged(arm=np.array(arm), propensity=np.array(propensity), arms=2)


def test_broken_outcomes_and_policies_are_refused():
    logged, outcome, truth, _ = experiment(4, 10)
    outcome[3] = np.nan
    with pytest.raises(InputError, match="outcome: 1 of 10 are not finite, first at row 4"):
        logged.scores(outcome)
    with pytest.raises(InputError, match="expected outcome: 30 of 30"):
        logged.scores(np.ones(10), truth * np.inf)
    with pytest.raises(InputError, match="10 of 10 rows are no chances that sum to 1"):
        policy_mean(truth, truth)
