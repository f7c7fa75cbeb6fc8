"""Measures of rankings: by hand, and the expected ones against all orders of equal scores."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.evaluate.ranking import (
    NEVER,
    expected,
    joined,
    listed,
    mean_intervals,
    means,
    places,
    spread_of,
)


def one(scores: list[float], wanted: list[int]):
    """Return the places of wanted products of one visit; a score of 0 is no candidate."""
    visit = np.zeros(len(wanted), dtype=np.int64)
    return places(sp.csr_array(np.array([scores])), visit, np.array(wanted))


def test_by_hand() -> None:
    """Wanted stand 2nd and 4th; ideal gains at 1 and 2."""
    of = one([0.9, 0.8, 0.7, 0.6, 0.0], [1, 3])
    row = listed(of, 3).iloc[0]
    ideal = 1 + 1 / np.log2(3)
    np.testing.assert_allclose(row, [1, 0.5, 0.5, 1 / np.log2(3) / ideal])
    np.testing.assert_allclose(listed(of, 4).iloc[0]["recall"], 1)
    np.testing.assert_allclose(
        listed(of, 4).iloc[0]["ndcg"], (1 / np.log2(3) + 1 / np.log2(5)) / ideal
    )
    np.testing.assert_allclose(listed(of, 1).iloc[0], 0)
    # a list of one place holds one of two wanted at best
    np.testing.assert_allclose(listed(one([3.0, 2.0], [0, 1]), 1).iloc[0]["ndcg"], 1)


def test_no_candidate_and_no_product_are_misses() -> None:
    of = one([0.9, 0.8, 0.0], [2, -1])
    assert (of.place == NEVER).all()
    assert (listed(of, 3).to_numpy() == 0).all()
    assert (expected(of, 3).to_numpy() == 0).all()


def test_ties_go_by_id_or_are_averaged() -> None:
    of = one([0.5, 0.5, 0.5, 0.5], [2])
    assert listed(of, 2).iloc[0]["hit"] == 0
    assert listed(of, 3).iloc[0]["mrr"] == pytest.approx(1 / 3)
    assert expected(of, 2).iloc[0]["hit"] == pytest.approx(0.5)
    assert expected(of, 2).iloc[0]["mrr"] == pytest.approx((1 + 1 / 2) / 4)


def test_the_expectation_is_over_all_orders() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        scores = rng.integers(1, 4, 5).astype(float)
        wanted = np.sort(rng.choice(5, rng.integers(1, 4), replace=False))
        k = int(rng.integers(1, 6))
        found = []
        for order in itertools.permutations(range(5)):
            shaken = scores + 1e-3 * np.array(order)
            found.append(listed(one(list(shaken), list(wanted)), k).iloc[0])
        np.testing.assert_allclose(
            expected(one(list(scores), list(wanted)), k).iloc[0], np.mean(found, axis=0)
        )


def test_parts_join_to_the_whole() -> None:
    rng = np.random.default_rng(4)
    scores = sp.csr_array(rng.integers(0, 4, (6, 8)).astype(float))
    visit, product = np.repeat(np.arange(6), 2), rng.integers(-1, 8, 12)
    whole = places(scores, visit, product)
    halves = [
        places(scores[:3], visit[:6], product[:6]),
        places(scores[3:], visit[:6], product[6:]),
    ]
    both = joined(halves)
    for name in ("visit", "place", "above", "tied"):
        np.testing.assert_array_equal(getattr(both, name), getattr(whole, name))


def test_coverage_and_gini() -> None:
    """The Gini index is half the mean difference of all pairs over the mean."""
    shown = np.array([[0, 1], [0, -1], [0, 2]])
    found = spread_of(shown, 4)
    assert found.coverage == 0.75
    count = np.array([3, 1, 1, 0])
    pairs = np.abs(count[:, None] - count[None, :]).mean()
    assert found.gini == pytest.approx(pairs / (2 * count.mean()))
    assert spread_of(np.arange(4)[None, :], 4).gini == pytest.approx(0)
    assert spread_of(np.full((2, 2), -1), 4).coverage == 0


def test_visits_of_one_cluster_are_drawn_together() -> None:
    """Twice the same visits in the same clusters: the interval does not shrink."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"hit": (rng.random(400) < 0.3).astype(float)})
    twice = pd.concat([frame, frame], ignore_index=True)
    cluster = np.arange(400)
    resampling = Resampling(resamples=300, seed=1)
    once = mean_intervals(frame, cluster, resampling)["hit"]
    both = mean_intervals(twice, np.tile(cluster, 2), resampling)["hit"]
    np.testing.assert_allclose(once, both)
    assert once.low < means(frame)["hit"] < once.high
    # 1.645 standard errors each way, and 5 % for 300 resamples
    error = np.sqrt(0.3 * 0.7 / 400)
    assert once.high - once.low == pytest.approx(2 * 1.645 * error, rel=0.2)


def test_value_is_what_was_found_is_worth() -> None:
    """Wanted stand 2nd and 4th, worth 300 and 50; a third, unknown one 999."""
    of = one([0.9, 0.8, 0.7, 0.6, 0.0], [-1, 1, 3])
    value = np.array([999.0, 300.0, 50.0])
    assert [listed(of, k, value).iloc[0]["value"] for k in (1, 2, 3, 4)] == [0, 300, 300, 350]
    assert "value" not in listed(of, 2)


def test_the_expected_value_is_over_all_orders() -> None:
    rng = np.random.default_rng(6)
    for _ in range(30):
        scores = rng.integers(1, 3, 5).astype(float)
        wanted = np.sort(rng.choice(5, 2, replace=False))
        value, k = rng.integers(1, 100, 2).astype(float), int(rng.integers(1, 6))
        found = []
        for order in itertools.permutations(range(5)):
            shaken = scores + 1e-3 * np.array(order)
            inside = [
                v for v, w in zip(value, wanted, strict=True) if (shaken > shaken[w]).sum() < k
            ]
            found.append(sum(inside))
        said = expected(one(list(scores), list(wanted)), k, value).iloc[0]["value"]
        assert said == pytest.approx(np.mean(found))
