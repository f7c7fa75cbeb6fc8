"""Basket models against plain loops and cases made by hand."""

import numpy as np
import pandas as pd
import pytest

from lifeworth.asof.baskets import Trails, trails
from lifeworth.models.basket import Attach, GpTopFreq, TifuKnn
from lifeworth.models.basket.attach import baskets_of, last_basket
from lifeworth.models.basket.curve import Later
from lifeworth.models.basket.tifuknn import weights_of_nearest
from lifeworth.models.ranker import Repeat
from lifeworth.models.ranking import rank

LATER = Later(held_out=0.3, hide=1, candidates=6)
LETTERS = np.array(list("abcdef"))


def customers(*baskets: list[str]) -> Trails:
    """Return a customer for each list, a basket for each word, a product for each letter."""
    rows = [
        (f"c{n:03d}", place, letter, "buy")
        for n, words in enumerate(baskets)
        for place, word in enumerate(words)
        for letter in word
    ]
    return trails(pd.DataFrame(rows, columns=["visit_id", "place", "product_id", "kind"]), LETTERS)


def listed(model, asked: Trails, k: int = 6) -> str:
    return "".join(rank(model, asked, k).frame["product_id"])


@pytest.mark.parametrize(
    ("ties", "says"), [("popular", "cabdef"), ("first", "cbadef"), ("recent", "cabdef")]
)
def test_own_frequency_then_the_rule_then_everybody(ties, says) -> None:
    """Of b and a, a is the more popular, b was bought first; both in baskets as late."""
    learnt = customers(["a", "a", "d"], ["ade"], ["de", "d"])
    model = GpTopFreq(ties=ties).fit(learnt, 0)
    said = listed(model, customers(["c", "bac"]), 5)
    assert said == says[:5]
    assert len(said) == 5


def test_recent_ones_come_first_where_the_rule_says_so() -> None:
    learnt = customers(["a", "a", "a"])
    asked = customers(["a", "b", "c"])
    assert listed(GpTopFreq(ties="recent").fit(learnt, 0), asked, 3) == "cba"
    assert listed(GpTopFreq(ties="popular").fit(learnt, 0), asked, 3) == "abc"


def test_later_baskets_come_before_popular_products() -> None:
    """In the last basket but one is a rare product, in the one before it the most popular."""
    learnt = customers(["a", "a", "a", "a", "b", "c"])
    asked = customers(["a", "b", "c"])
    model = GpTopFreq(ties="recent").fit(learnt, 0)
    assert listed(model, asked, 3) == "cba"
    many = customers(["d", "e", "f", "a", "b", "c"])
    assert listed(model, many, 6) == "cbafed"


def test_chances_of_repeats_are_of_the_next_basket() -> None:
    """Everybody buys the same three products in each of four baskets."""
    told = Repeat(back=3, times=4, longest=99, prior=1e-6).fit(
        customers(*[["abc"] * 4 for _ in range(30)]), 0
    )
    found = told.scores(customers(["abc", "abc"]), 6).toarray()[0]
    assert found[:3] == pytest.approx(1.0)
    assert (found[3:] == 0).all()
    half = customers(*[["ab", "a" if n % 2 else "b"] for n in range(40)])
    some = Repeat(back=3, times=4, longest=99, prior=1e-6).fit(half, 0)
    assert some.scores(customers(["ab"]), 6).toarray()[0][:2] == pytest.approx(0.5)


def test_touches_before_are_those_of_earlier_baskets() -> None:
    assert customers(["ab", "c", "de"], ["f"]).before().tolist() == [0, 0, 2, 3, 3, 0]


def faded(words: list[str], r: TifuKnn) -> np.ndarray:
    """Return the frequencies as Hu et al. (2020) take them: groups, the earliest the short one."""
    rest = len(words) % r.group
    groups = [words[:rest]] if rest else []
    groups += [words[i : i + r.group] for i in range(rest, len(words), r.group)]
    total = np.zeros(6)
    for number, group in enumerate(groups):
        own = np.zeros(6)
        for place, word in enumerate(group):
            one = np.isin(LETTERS, list(word)).astype(float)
            own += r.within ** (len(group) - 1 - place) * one
        total += r.across ** (len(groups) - 1 - number) * own / len(group)
    return total / len(groups)


def test_tifuknn_is_what_loops_find() -> None:
    rng = np.random.default_rng(1)
    recipe = TifuKnn(neighbours=3, own=0.7, within=0.9, across=0.7, group=2)

    def some(count: int) -> list[list[str]]:
        return [
            ["".join(rng.choice(LETTERS, rng.integers(1, 4), replace=False)) for _ in range(n)]
            for n in rng.integers(1, 8, count)
        ]

    known, asked = some(12), some(5)
    vectors = np.array([faded(words, recipe) for words in known])
    said = recipe.fit(customers(*known), 0).scores(customers(*asked), 6).toarray()
    for row, words in zip(said, asked, strict=True):
        own = faded(words, recipe)
        near = np.argsort(((vectors - own) ** 2).sum(axis=1), kind="stable")[:3]
        np.testing.assert_allclose(row, 0.7 * own + 0.3 * vectors[near].mean(axis=0), atol=1e-12)


def test_those_equally_far_share_the_last_places() -> None:
    weights = weights_of_nearest(np.array([[0.0, 2.0, 1.0, 1.0, 1.0]]), 3)
    np.testing.assert_allclose(weights, [[1 / 3, 0, 2 / 9, 2 / 9, 2 / 9]])


def test_the_chance_to_attach_is_the_shrunken_share_of_baskets() -> None:
    learnt = customers(["ab", "ab"], ["ac", "b"], ["abd"])
    pairs = Attach(prior=2.0, least=1, keep=6, later=LATER)._pairs(baskets_of(learnt))
    share = np.array([4, 4, 1, 1]) / 5
    said = pairs.scored(last_basket(customers(["f", "a"])), 6).scores.toarray()[0]
    np.testing.assert_allclose(said[1:4], (np.array([3, 1, 1]) + 2 * share[1:]) / (4 + 2))
    assert said[0] == 0  # in the cart
    both = pairs.scored(last_basket(customers(["ab"])), 6).scores.toarray()[0]
    np.testing.assert_allclose(both[3], ((1 + 0.4) / 6 + (1 + 0.4) / 6) / 2)
    np.testing.assert_allclose(both[2], ((1 + 0.4) / 6 + 0.4 / 6) / 2)


def test_a_pair_that_is_too_rare_says_nothing() -> None:
    learnt = customers(["ab", "ab"], ["ac", "b"], ["abd"])
    pairs = Attach(prior=2.0, least=2, keep=6, later=LATER)._pairs(baskets_of(learnt))
    said = pairs.scored(last_basket(customers(["a"])), 6).scores.toarray()[0]
    np.testing.assert_allclose(said[2], 2 * 0.2 / 6)
