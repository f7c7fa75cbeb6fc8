"""Boosted trees for the next basket: features against loops, chances against simulated truth."""

import numpy as np
import pandas as pd
import pytest

from lifeworth.asof.baskets import Trails, trails
from lifeworth.models.basket import TifuKnn
from lifeworth.models.basket.learnt import FEATURES, Learnt
from lifeworth.tables.errors import InputError

LETTERS = np.array(list("abcdefgh"))

RECIPE = Learnt(
    frequencies=TifuKnn(neighbours=3, own=0.7, within=0.9, across=0.7, group=2),
    candidates=4,
    prior=2.0,
    least=1,
    keep=8,
    customers=500,
    trees=40,
    leaves=7,
    learning_rate=0.1,
    fewest=20,
)


def customers(baskets: list[list[str]]) -> Trails:
    """Return a customer for each list, a basket for each word, a product for each letter."""
    rows = [
        (f"c{n:04d}", place, letter, "buy")
        for n, words in enumerate(baskets)
        for place, word in enumerate(words)
        for letter in word
    ]
    return trails(pd.DataFrame(rows, columns=["visit_id", "place", "product_id", "kind"]), LETTERS)


def some(rng: np.random.Generator, count: int, most: int = 6) -> list[list[str]]:
    return [
        ["".join(rng.choice(LETTERS, rng.integers(1, 4), replace=False)) for _ in range(n)]
        for n in rng.integers(2, most, count)
    ]


def test_features_are_what_loops_count() -> None:
    rng = np.random.default_rng(3)
    known, asked = some(rng, 60), some(rng, 9)
    fitted = RECIPE.fit(customers(known), 0)
    found = fitted.sources.of(customers(asked))
    told = pd.DataFrame(found.x, columns=list(FEATURES)).assign(row=found.row, at=found.product)
    every = [basket for words in known for basket in words]
    for line in told.to_dict("records"):
        words, letter = asked[int(line["row"])], LETTERS[int(line["at"])]
        held = [place for place, basket in enumerate(words) if letter in basket]
        later = [b for w in known for n, b in enumerate(w) if any(letter in a for a in w[:n])]
        pairs = []
        for other in words[-1]:
            if other != letter:
                n = sum(other in b for b in every)
                both = sum(other in b and letter in b for b in every)
                share = sum(letter in b for b in every) / len(every)
                lifted = (both + 2.0 * share) / (n + 2.0) - 2.0 * share / (n + 2.0)
                pairs.append(lifted if both else 0.0)
        expected = {
            "times": len(held),
            "share": len(held) / len(words),
            "recent": 1 / (len(words) - held[-1]) if held else 0.0,
            "since": len(words) - held[0] if held else 0.0,
            "popular": sum(letter in basket for basket in every) / len(every),
            "lately": sum(letter in w[-1] for w in known) / len(known),
            "again": (sum(letter in b for b in later) + 1.0) / (len(later) + 20),
            "baskets": len(words),
            "size": np.log1p(sum(map(len, words)) / len(words)),
            "beside": sum(pairs) / len(words[-1]),
        }
        for name, value in expected.items():
            assert line[name] == pytest.approx(value), (name, words, letter)


def test_frequencies_are_those_of_tifuknn() -> None:
    rng = np.random.default_rng(4)
    known, asked = customers(some(rng, 60)), customers(some(rng, 5))
    found = RECIPE.fit(known, 0).sources.of(asked)
    whole = RECIPE.frequencies.fit(known, 0).scores(asked, 8).toarray()
    own, alike = (found.x[:, list(FEATURES).index(name)] for name in ("faded", "alike"))
    np.testing.assert_allclose(0.7 * own + 0.3 * alike, whole[found.row, found.product])


def test_what_was_bought_is_always_a_candidate_and_nothing_is_twice() -> None:
    rng = np.random.default_rng(5)
    fitted, asked = RECIPE.fit(customers(some(rng, 80)), 0), customers(some(rng, 20))
    scores = fitted.scores(asked, 3)
    touched = asked.matrix().toarray() > 0
    assert (scores.toarray()[touched] > 0).all()
    assert scores.nnz == len(set(zip(*scores.nonzero(), strict=True)))
    assert ((scores.data > 0) & (scores.data < 1)).all()


def test_chances_are_those_of_a_simulated_shop() -> None:
    """Customers have two favourites, in each basket with .7 and .3; of the rest one at random."""
    rng = np.random.default_rng(6)

    def shop(count: int) -> list[list[str]]:
        pairs = np.array([rng.choice(LETTERS, 2, replace=False) for _ in range(count)])
        known = []
        for one, two in pairs:
            words = []
            for _ in range(8):
                likes = [one] * (rng.random() < 0.7) + [two] * (rng.random() < 0.3)
                other = rng.choice(LETTERS)
                words.append("".join(dict.fromkeys([*likes, other])))
            known.append(words)
        return known

    known, asked = shop(1_500), shop(600)
    found = RECIPE.fit(customers(known), 0).scores(customers([w[:-1] for w in asked]), 8).tocoo()
    scores = found.data
    came = np.array([LETTERS[j] in asked[i][-1] for i, j in zip(found.row, found.col, strict=True)])
    for part in np.array_split(np.argsort(scores, kind="stable"), 6):
        said, truth = scores[part].mean(), came[part].mean()
        # the share that came of 800, and that of about as many who taught the trees
        error = np.sqrt(2 * truth * (1 - truth) / len(part))
        assert said == pytest.approx(truth, abs=4 * error)
    assert scores[came].mean() > 2 * scores[~came].mean()


@pytest.mark.parametrize("once", [0.0, 0.8])
def test_chances_are_right_however_many_customers_bought_once(once: float) -> None:
    """The next basket comes by the same process; who bought once counts, and teaches nothing."""
    rng = np.random.default_rng(8)
    popular = 1 / np.arange(1, len(LETTERS) + 1)
    popular /= popular.sum()

    def basket(likes: np.ndarray) -> str:
        own = likes[rng.random(2) < 0.5]
        return "".join(dict.fromkeys([*own, *rng.choice(LETTERS, 2, p=popular)]))

    known, after = [], []
    for _ in range(3_000):
        likes = rng.choice(LETTERS, 2, replace=False, p=popular)
        number = 1 if rng.random() < once else int(rng.integers(2, 7))
        known.append([basket(likes) for _ in range(number)])
        after.append(basket(likes))
    scores = RECIPE.fit(customers(known), 0).scores(customers(known), 8).tocoo()
    came = np.array([LETTERS[j] in after[i] for i, j in zip(scores.row, scores.col, strict=True)])
    several = np.array([len(words) > 1 for words in known])[scores.row]
    for who in (several, ~several) if once else (several,):
        said, truth = scores.data[who].mean(), came[who].mean()
        # baskets of at least 600 customers, 8 products each, taught the trees
        assert said == pytest.approx(truth, abs=4 * np.sqrt(truth * (1 - truth) / 600))


def test_what_all_or_nobody_buys_teaches_nothing() -> None:
    with pytest.raises(InputError, match="last baskets hold all candidates"):
        RECIPE.fit(customers([["a", "a", "a"]] * 60), 0)


def test_too_few_customers_with_two_baskets_are_refused() -> None:
    few = customers([["ab", "c"]] * 49 + [["a"]] * 100)
    with pytest.raises(InputError, match="49 of 149 customers have two baskets or more"):
        RECIPE.fit(few, 0)
