"""Boosted trees of heads: kept to the bit, plain where there is little, judged on what is new."""

import numpy as np
import pytest
from skops.io import dumps

from lifeworth.models.boosting import Growth
from lifeworth.models.deep.trees import Outcomes, grow, heads, judged, kept, say, unkept
from lifeworth.tables.errors import InputError

GROWTH = Growth(trees=10, leaves=4, learning_rate=0.1, fewest=20)
SCALE = 0.5


def shop(customers, seed=0):
    """Draw customers whose log value is twice their first column, give or take SCALE."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((customers, 3))
    bought = rng.random(customers) < 1 / (1 + np.exp(-x[:, 1]))
    n = np.where(bought, 1.0 + rng.poisson(1.0, customers), 0.0)
    value = np.where(bought, np.exp(2 * x[:, 0] + SCALE * rng.standard_normal(customers)), 0.0)
    return x, Outcomes(n, value)


def test_kept_trees_say_the_same_to_the_bit():
    x, done = shop(500)
    trees = grow(x, done, GROWTH, 0)
    again = unkept(kept(trees))
    for one, other in zip(say(trees, x), say(again, x), strict=True):
        assert np.array_equal(one, other)


def test_types_of_others_are_refused():
    content = np.frombuffer(dumps({"buys": np.ones(1), "extra": Growth}), dtype=np.uint8)
    with pytest.raises(InputError, match=r"1 types that are not scikit-learn's, such as lifeworth"):
        unkept(content)


@pytest.mark.parametrize("buyers", [0, 3, 60])
def test_too_few_to_tell_apart_are_all_alike(buyers):
    x = np.random.default_rng(1).standard_normal((60, 3))
    n = (np.arange(60) < buyers).astype(np.float64)
    head = say(grow(x, Outcomes(n, 2.0 * n), GROWTH, 0), x)
    p = 1 / (1 + np.exp(-head.logit))
    assert p == pytest.approx(np.full(60, np.clip(buyers / 60, 1e-6, 1 - 1e-6)))
    assert np.ptp(head.loc) == np.ptp(head.extra) == 0.0
    if buyers:
        assert head.loc == pytest.approx(np.log(2.0))


def test_what_is_left_over_is_learnt_from_outcomes_not_seen():
    """Of a perfect tree SCALE would be left; of this one more, and less than of none."""
    growth = Growth(trees=200, leaves=16, learning_rate=0.1, fewest=20)
    trees = grow(*shop(4_000), growth, 0)
    x, done = shop(2_000, seed=1)
    scale = judged(trees, x, done).scale
    assert SCALE * (1 - 5 / np.sqrt(2 * 900)) < scale < 1.5 * SCALE


def test_heads_have_an_axis_of_members_and_one_of_intervals():
    x, done = shop(300)
    grown = [[grow(x, done, GROWTH, member)] * 2 for member in range(3)]
    assert heads(grown, x).loc.shape == (3, 300, 2)
