"""Error and ranking measures against scipy, scikit-learn and brute force, and their invariants."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from lifeworth.evaluate import errors
from lifeworth.evaluate.errors import UndefinedError
from lifeworth.tables.errors import InputError

EXACT = 1e-12
"""Sums of a few hundred float64 numbers of order 1e4 agree to about 1e-14 relative."""

RANKED = (errors.spearman, errors.gini)
SIZED = (errors.mae, errors.rmse)
ALL = (*RANKED, *SIZED, errors.bias)


@st.composite
def stores(draw, most=30):
    """Outcomes (cents, many zeros) and forecasts with many ties."""
    n = draw(st.integers(2, most))
    cents = st.one_of(st.just(0), st.integers(1, 5_000))
    actual = draw(st.lists(cents, min_size=n, max_size=n))
    expected = draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))
    assume(len(set(actual)) > 1)
    return np.array(actual, float), np.array(expected, float)


@pytest.fixture
def shop():
    rng = np.random.default_rng(1)
    rate = rng.gamma(0.5, 2.0, 400)
    return rng.poisson(rate).astype(float), np.round(rate, 1)


def test_twins_of_scipy_and_sklearn(shop):
    actual, expected = shop
    happened, weights = (actual > 0).astype(float), np.arange(400.0) % 5
    twins = [
        (errors.mae, metrics.mean_absolute_error, actual),
        (errors.rmse, metrics.root_mean_squared_error, actual),
        (errors.auc, metrics.roc_auc_score, happened),
    ]
    for ours, theirs, truth in twins:
        for w in (None, weights):
            assert ours(truth, expected, w) == pytest.approx(
                theirs(truth, expected, sample_weight=w), rel=EXACT
            )
    chance = expected / 20
    assert errors.brier(happened, chance) == pytest.approx(
        metrics.brier_score_loss(happened, chance), rel=EXACT
    )
    assert errors.spearman(actual, expected) == pytest.approx(
        stats.spearmanr(actual, expected).statistic, rel=EXACT
    )
    assert errors.mape(actual + 1, expected) == pytest.approx(
        metrics.mean_absolute_percentage_error(actual + 1, expected), rel=EXACT
    )


def test_bias_by_hand():
    actual, expected = np.array([1.0, 3.0]), np.array([2.0, 1.0])
    assert errors.bias(actual, expected) == -0.25
    # A loss of 4 forecast as a loss of 3 promises too much.
    assert errors.bias(-actual, -expected) == 0.25


def lorenz_area(outcomes):
    """Twice the area between the diagonal and the Lorenz curve of outcomes, best customer first."""
    curve = np.concatenate(([0.0], np.cumsum(outcomes))) / outcomes.sum()
    return 2 * np.trapezoid(curve - np.linspace(0, 1, len(curve)), dx=1 / len(outcomes))


def test_gini_is_the_average_over_all_orderings_of_ties():
    actual = np.array([5.0, 0.0, 2.0, 2.0, 0.0, 9.0])
    expected = np.array([1.0, 1.0, 3.0, 2.0, 1.0, 3.0])
    areas = [
        lorenz_area(actual[list(order)])
        for order in permutations(range(6))
        if np.all(np.diff(expected[list(order)]) <= 0)
    ]
    assert len(areas) == 12
    perfect = lorenz_area(np.sort(actual)[::-1])
    assert errors.gini(actual, expected) == pytest.approx(np.mean(areas) / perfect, rel=EXACT)


def test_gini_of_perfect_constant_and_reversed_scores(shop):
    actual, _ = shop
    assert errors.gini(actual, actual) == 1.0
    assert errors.gini(actual, np.exp(actual)) == 1.0
    assert errors.gini(actual, np.full(400, 3.7)) == 0.0
    assert errors.gini(actual, -actual) == pytest.approx(-1.0, rel=EXACT)


def test_gini_of_a_random_score_is_near_zero():
    rng = np.random.default_rng(2)
    actual = rng.exponential(size=2_000)
    found = [errors.gini(actual, rng.normal(size=2_000)) for _ in range(50)]
    assert abs(np.mean(found)) < 5 * np.std(found) / np.sqrt(50)
    assert np.std(found) < 0.05


@given(stores(), st.randoms(use_true_random=False))
def test_order_of_customers_does_not_matter(store, random):
    actual, expected = store
    order = list(range(len(actual)))
    random.shuffle(order)
    for measure in ALL:
        moved = measure(actual[order], expected[order])
        assert moved == pytest.approx(measure(actual, expected), rel=EXACT, abs=EXACT)


@given(stores(), st.sampled_from([0.01, 0.25, 7.0, 1e4]))
def test_scale_of_money(store, scale):
    actual, expected = store
    for measure in (*RANKED, errors.bias):
        scaled = measure(scale * actual, scale * expected)
        assert scaled == pytest.approx(measure(actual, expected), rel=1e-9, abs=1e-9)
    for measure in SIZED:
        scaled = measure(scale * actual, scale * expected)
        assert scaled == pytest.approx(scale * measure(actual, expected), rel=1e-9)


@given(stores(), st.data())
def test_a_weight_is_a_repetition(store, data):
    actual, expected = store
    n = len(actual)
    times = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    repeated = np.repeat(actual, times)
    assume(len(set(repeated)) > 1)
    for measure in ALL:
        weighted = measure(actual, expected, times.astype(float))
        alone = measure(repeated, np.repeat(expected, times))
        assert weighted == pytest.approx(alone, rel=1e-9, abs=1e-9)


def test_constant_scores_rank_nobody():
    actual, flat = np.array([1.0, 0.0, 4.0]), np.full(3, 0.1)
    assert errors.spearman(actual, flat) == 0.0
    assert errors.spearman(flat, actual) == 0.0
    assert errors.auc(np.array([1.0, 0.0, 1.0]), flat) == 0.5


@pytest.mark.parametrize(
    ("measure", "actual", "says"),
    [
        (errors.bias, [1.0, -1.0], "sum to 0"),
        (errors.gini, [2.0, 2.0], "all equal"),
        (errors.auc, [1.0, 1.0], "100% of 2 customers"),
        (errors.auc, [0.0, 0.0], "0% of 2 customers"),
        (errors.mape, [1.0, 0.0], "1 of 2 actual figures are 0, first at position 1"),
    ],
)
def test_what_has_no_value_says_so(measure, actual, says):
    with pytest.raises(UndefinedError, match=says):
        measure(np.array(actual), np.array([1.0, 2.0]))


@pytest.mark.parametrize("measure", [*ALL, errors.auc, errors.brier])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_broken_forecasts_are_refused(measure, bad):
    with pytest.raises(InputError, match=r"1 of 3 values are not finite, first at row 1") as caught:
        measure(np.array([1.0, 0.0, 0.0]), np.array([0.5, bad, 0.1]))
    assert not isinstance(caught.value, UndefinedError)


def test_nobody_and_no_weight_are_refused():
    with pytest.raises(InputError, match="0 values"):
        errors.mae(np.zeros(0), np.zeros(0))
    with pytest.raises(InputError, match="weights sum to 0"):
        errors.mae(np.ones(2), np.ones(2), np.zeros(2))
