"""Off-policy estimates: errors by customer, effective sizes, refusals."""

import numpy as np
import pytest

from lifeworth.evaluate.cascade import Described, guess
from lifeworth.evaluate.offpolicy import (
    NAMES,
    Guess,
    Lists,
    Target,
    effective,
    effective_of,
    judge,
    measured,
    table,
)
from lifeworth.tables.errors import InputError


def drawn(seed, visits=400, places=3):
    """Return lists of coins: at each place one of two products, the second 0.3 times."""
    rng = np.random.default_rng(seed)
    second = rng.random((visits, places)) < 0.3
    reward = 1.0 + second + rng.normal(size=(visits, places))
    lists = Lists(propensity=np.where(second, 0.3, 0.7), reward=reward)
    return lists, target(np.where(second, 0.4, 0.6)), second


def target(chance, lost=0.0):
    nothing = np.zeros(chance.shape)
    return Target(chance=chance, lost=nothing + lost, ends=nothing > 0)


def test_effective_customers_by_hand() -> None:
    assert effective(np.ones(7)) == pytest.approx(7)
    assert effective(np.array([3.0, 1.0])) == pytest.approx(16 / 10)
    assert effective(np.array([3.0, 1.0, 2.0, 2.0]), ["a", "a", "b", "b"]) == pytest.approx(2)
    assert effective(np.zeros(3)) == 0


def test_those_of_a_cascade_count_places_by_what_they_earn() -> None:
    lists, aim, _ = drawn(0)
    first = Lists(propensity=lists.propensity, reward=lists.reward * [1.0, 0.0, 0.0])
    w = (aim.chance / lists.propensity).cumprod(axis=1)
    assert effective_of("cascade_ips", first, aim) == pytest.approx(effective(w[:, 0]))
    ips, cascade = (effective_of(name, lists, aim) for name in ("ips", "cascade_ips"))
    assert ips == pytest.approx(effective(w[:, 2]))
    assert ips < cascade < effective(w[:, 0])


@pytest.mark.parametrize("name", NAMES)
def test_errors_are_those_of_repeated_logs(name) -> None:
    """The truth is 3 (1 + 0.4); over 400 logs 90 % intervals hold it, within 5 standard errors."""
    hits = []
    for seed in range(400):
        lists, aim, _ = drawn(seed, visits=200)
        own = Guess(np.full((200, 3), [4.2, 2.8, 1.4]), np.full((200, 3), [4.2, 2.8, 1.4]))
        one = judge(name, lists, aim, guess=own, least=50.0)
        low, high = one.estimate.interval(0.9)
        hits.append(low <= 4.2 <= high)
    assert abs(np.mean(hits) - 0.9) < 5 * np.sqrt(0.9 * 0.1 / 400)


def test_visits_of_a_customer_are_one_draw() -> None:
    lists, aim, _ = drawn(1, visits=100)
    twice = Lists(
        propensity=np.repeat(lists.propensity, 2, axis=0), reward=np.repeat(lists.reward, 2, axis=0)
    )
    both = target(np.repeat(aim.chance, 2, axis=0))
    who = np.repeat(np.arange(100), 2)
    for name in ("ips", "snips", "cascade_ips"):
        once = judge(name, lists, aim, least=1.0)
        again = judge(name, twice, both, customer=who, least=1.0)
        assert again.estimate == pytest.approx(once.estimate)
        assert again.effective == pytest.approx(once.effective)


def test_targets_on_the_same_log_are_compared_in_pairs() -> None:
    lists, aim, second = drawn(2)
    same = measured("ips", lists, aim) - measured("ips", lists, aim)
    assert same.estimate() == (0.0, 0.0)
    near = target(np.where(second, 0.41, 0.59))
    pair = (measured("ips", lists, near) - measured("ips", lists, aim)).estimate()
    assert pair.error < 0.2 * measured("ips", lists, aim).estimate().error


def test_self_normalised_means_do_not_move_with_a_constant() -> None:
    lists, aim, _ = drawn(3)
    more = Lists(propensity=lists.propensity, reward=lists.reward + 100.0)
    one, two = (measured("snips", own, aim) for own in (lists, more))
    assert two.value - one.value == pytest.approx(300)
    assert two.estimate().error == pytest.approx(one.estimate().error)


def test_a_table_says_it_all() -> None:
    lists, aim, _ = drawn(4)
    found = table([judge(name, lists, aim) for name in NAMES[:3]])
    assert found["estimator"].tolist() == list(NAMES[:3])
    assert (found["low"] < found["value"]).all()
    assert (found["largest_share"] < 0.02).all()
    assert found["mean_weight"].nunique() == 1


def test_a_reward_model_finds_what_is_linear() -> None:
    """Rewards 2 + 3 x + the sum of x above; the target takes x = 1 at every place."""
    rng = np.random.default_rng(5)
    x = rng.integers(0, 2, size=(2_000, 3)).astype(float)
    above = np.cumsum(x, axis=1) - x
    lists = Lists(propensity=np.full((2_000, 3), 0.5), reward=2 + 3 * x + above)
    ones = np.ones((2_000, 3))
    found = guess(lists, Described(np.stack([ones, x], axis=2), np.stack([ones, ones], axis=2)),
                  penalty=1e-6)  # fmt: skip
    here = 2 + 3 * x + above
    # what the target earns below place k, given the sum above it: places k + 1 .. 3 with x = 1
    below = np.stack([10 + 2 * (above + x)[:, 0] + 1, 5 + (above + x)[:, 1], np.zeros(2_000)], 1)
    assert found.placed == pytest.approx(here + below, abs=1e-6)
    assert found.mean[:, 0] == pytest.approx(5 + 10 + 2 + 1, abs=1e-6)


# ---- refusals


def test_too_little_behind_an_estimate_is_refused() -> None:
    lists, _, second = drawn(6)
    far = target(np.where(second, 1.0, 0.0))
    with pytest.raises(InputError, match=r"ips: 400 visits say as much .* it takes 100: show more"):
        judge("ips", lists, far)
    nobody = target(np.zeros((400, 3)))
    with pytest.raises(InputError, match="no list that was shown could be the target's"):
        measured("snips", lists, nobody)


def test_a_target_without_support_is_refused() -> None:
    lists, aim, _ = drawn(7)
    with pytest.raises(InputError, match=r"in 400 of 400 lists .* place 1 with a chance of 0.2"):
        judge("cascade_ips", lists, target(aim.chance, lost=0.2))
    with pytest.raises(InputError, match="there is no guess of rewards"):
        measured("cascade_dr", lists, aim)


@pytest.mark.parametrize("wrong", [np.nan, 0.0, 1.2])
def test_broken_propensities_are_refused(wrong) -> None:
    chance = np.full((5, 2), 0.5)
    chance[3, 1] = wrong
    with pytest.raises(InputError, match=r"propensity: 1 of 10 places .* list 4 at place 2"):
        Lists(propensity=chance, reward=np.zeros((5, 2)))


def test_broken_targets_and_models_are_refused() -> None:
    with pytest.raises(InputError, match=r"target: 4 of 4 places have none in \[0, 1\]"):
        target(np.full((2, 2), 1.1))
    lists, _, _ = drawn(8, visits=10)
    x = np.ones((10, 3, 1))
    with pytest.raises(InputError, match="2 folds of 1 customers"):
        guess(lists, Described(x, x), customer=np.zeros(10))
    with pytest.raises(InputError, match="30 of 30 features are not finite"):
        guess(lists, Described(x, x * np.inf))
