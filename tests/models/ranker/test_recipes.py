"""Rankers against plain loops and cases made by hand."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from lifeworth.asof.baskets import Trails, trails
from lifeworth.models.linear import linear_map, weights_of
from lifeworth.models.ranker import Ease, Popularity, Repeat, SequentialRules, VsKnn


def walks(*sessions: str) -> Trails:
    """Return a visit for each word, a product for each letter a to f."""
    rows = [
        (f"v{n:03d}", place, letter, "view")
        for n, word in enumerate(sessions)
        for place, letter in enumerate(word)
    ]
    frame = pd.DataFrame(rows, columns=["visit_id", "place", "product_id", "kind"])
    return trails(frame, np.array(list("abcdef")))


def random_words(seed: int, count: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("abcdef"), rng.integers(1, 9))) for _ in range(count)]


def said(model, word: str) -> np.ndarray:
    return model.scores(walks(word), 6).toarray()[0]


def knn_by_loops(r: VsKnn, learnt: list[str], word: str) -> np.ndarray:
    count = len(learnt)
    idf = {p: np.log(count / max(sum(p in s for s in learnt), 1)) for p in "abcdef"}
    back = {p: len(word) - 1 - word.rindex(p) for p in word}
    near = []
    for number, other in enumerate(learnt):
        shared = [
            p
            for p in back
            if p in other
            and number in [n for n, s in enumerate(learnt) if p in s][::-1][: r.recent]
        ]
        if shared:
            like = sum(r.decay ** back[p] * idf[p] ** r.rarity for p in shared)
            like /= np.sqrt(len(other)) * np.exp(r.ageing * (count - 1 - number) / count)
            near.append((-like, -number, min(shared, key=back.__getitem__)))
    total = np.zeros(6)
    for like, number, latest in sorted(near)[: r.neighbours]:
        other = learnt[-number]
        for place, letter in enumerate(other):
            apart = abs(place - other.rindex(latest))
            total["abcdef".index(letter)] -= like * np.exp(-r.nearness * apart)
    return total


@pytest.mark.parametrize("recent", [3, 50])
def test_vsknn_is_what_loops_find(recent: int) -> None:
    recipe = VsKnn(neighbours=4, recent=recent, decay=0.7, rarity=1.5, ageing=0.8, nearness=0.4)
    learnt = random_words(1, 25)
    model = recipe.fit(walks(*learnt), 0)
    for word in random_words(2, 30):
        np.testing.assert_allclose(said(model, word), knn_by_loops(recipe, learnt, word))


def test_rules_are_what_loops_find() -> None:
    recipe = SequentialRules(steps=3, decay=0.6, reach=2, certain=0.5)
    learnt = random_words(3, 25)
    worth = np.zeros((6, 6))
    for s in learnt:
        for i, one in enumerate(s):
            for t in range(1, 4):
                if i + t < len(s):
                    worth["abcdef".index(one), "abcdef".index(s[i + t])] += 1 / t
    worth /= np.sqrt(worth.sum(axis=1, keepdims=True))
    model = recipe.fit(walks(*learnt), 0)
    for word in random_words(4, 20):
        told = [worth["abcdef".index(p)] * 0.6**b for b, p in enumerate(word[::-1][:2])]
        np.testing.assert_allclose(said(model, word), np.sum(told, axis=0))


def test_ease_solves_its_ridge_regressions() -> None:
    """Each column is the ridge regression of a product on all others (Steck 2019)."""
    x = (np.random.default_rng(5).random((60, 7)) < 0.3).astype(float)
    weights = weights_of(x.T @ x, 2.0)
    assert (np.diag(weights) == 0).all()
    for j in range(7):
        rest = [i for i in range(7) if i != j]
        a = x[:, rest]
        alone = np.linalg.solve(a.T @ a + 2.0 * np.eye(6), a.T @ x[:, j])
        np.testing.assert_allclose(weights[rest, j], alone, atol=1e-10)


def test_ease_scores_with_the_most_touched_products_alone() -> None:
    learnt = walks("ab", "ab", "ab", "cd", "cd", "ef")
    model = Ease(penalty=0.5, products=4, keep=3, decay=0.5).fit(learnt, 0)
    np.testing.assert_array_equal(said(model, "ef"), np.zeros(6))
    full = weights_of(np.array([[3.0, 3.0], [3.0, 3.0]]), 0.5)
    np.testing.assert_allclose(said(model, "a")[1], full[0, 1], atol=1e-12)
    np.testing.assert_allclose(said(model, "ac")[1], full[0, 1] / 2, atol=1e-12)


def test_popularity_counts_visits_once_and_late_ones_alone() -> None:
    learnt = walks("aaaa", "b", "bc", "c")
    np.testing.assert_array_equal(said(Popularity(recent=1.0).fit(learnt, 0), "f")[:3], [1, 2, 2])
    np.testing.assert_array_equal(said(Popularity(recent=0.5).fit(learnt, 0), "f")[:3], [0, 1, 2])


def test_repeats_are_shares_of_what_went_before() -> None:
    """After a first touch of a, 2 of 4 visits touch it again; with two, 1 of 2 once more."""
    learnt = walks("aab", "aaa", "ab", "ac")
    model = Repeat(back=3, times=2, longest=30, prior=1e-9).fit(learnt, 0)
    np.testing.assert_allclose(model.chance[0], [2 / 4, 1 / 2], atol=1e-6)
    np.testing.assert_allclose(said(model, "ba")[:2], [0.5, model.chance[1, 0]], atol=1e-6)
    assert model.parameters()[0].estimate == pytest.approx(0.5, abs=1e-6)


def test_ease_keeps_the_weights_farthest_from_0() -> None:
    """With two kept of each product, those are the two of greatest size, with their signs."""
    x = (np.random.default_rng(6).random((80, 8)) < 0.4).astype(float)
    x[:, 1] = 1 - x[:, 0]  # one or the other
    whole = weights_of(x.T @ x, 2.0)
    found = linear_map(sp.csr_array(x), 2.0, 8, 2).toarray()
    for own, kept in zip(whole, found, strict=True):
        largest = np.argsort(-abs(own))[:2]
        np.testing.assert_allclose(kept[largest], own[largest], atol=1e-12)
        assert (np.delete(kept, largest) == 0).all()
    assert (found < 0).any()
