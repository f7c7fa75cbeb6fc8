"""Expectations of heads against draws of them, over parts of intervals, all, and beyond."""

import numpy as np
import pytest

from lifeworth.models.deep.heads import Heads, Span, draw, means, span, variance

HORIZONS = (90, 180, 360)
DRAWS = 20_000
SPANS = [30.0, 90.0, 135.0, 180.0, 361.0, 540.0, 800.0]
"""A part of the first interval, all of it, a part of the second, ..., 2.44 times the last."""


def heads_of(members, customers, seed=0, **changed):
    rng, shape = np.random.default_rng(seed), (members, customers, len(HORIZONS))
    made = {
        "logit": rng.normal(-0.5, 1.5, shape),
        "extra": np.exp(rng.normal(0.0, 1.0, shape)),
        "shape": np.exp(rng.normal(0.5, 1.0, shape)),
        "loc": rng.normal(0.0, 1.0, shape),
        "scale": rng.uniform(0.1, 0.9, shape),
    }
    return Heads(**(made | changed))


@pytest.fixture(scope="module")
def heads():
    """Return the heads of one member and four customers."""
    return heads_of(1, 4)


@pytest.fixture(scope="module")
def drawn(heads):
    return {
        days: draw(heads, span(HORIZONS, days), DRAWS, np.random.default_rng(2)) for days in SPANS
    }


def assert_mean(draws, true):
    """Agree within five standard errors."""
    se = draws.std(axis=1, ddof=1) / np.sqrt(draws.shape[1])
    assert (abs(draws.mean(axis=1) - true) < 5 * se).all()


@pytest.mark.parametrize("days", SPANS)
def test_expectations_are_means_of_draws(heads, drawn, days):
    found, (purchases, value) = means(heads, span(HORIZONS, days)), drawn[days]
    assert_mean(purchases, found.purchases[0])
    assert_mean(value, found.value[0])
    assert_mean((purchases > 0).astype(float), found.active[0])


@pytest.mark.parametrize("days", [90.0, 180.0, 360.0, 720.0])
def test_variance_of_whole_intervals_is_that_of_draws(heads, drawn, days):
    """The spread of a sample variance is of the fourth moment, which the draws themselves tell."""
    over = span(HORIZONS, days)
    value = drawn[days].value if days in drawn else draw(
        heads, over, DRAWS, np.random.default_rng(3)
    ).value  # fmt: skip
    assert_mean((value - value.mean(axis=1, keepdims=True)) ** 2, variance(heads, over)[0])


@pytest.mark.parametrize("days", SPANS)
def test_draws_are_counts_and_no_purchase_is_worth_nothing(drawn, days):
    purchases, value = drawn[days]
    assert (purchases == np.floor(purchases)).all()
    assert (purchases >= 0).all()
    assert ((value > 0) == (purchases > 0)).all()


def test_no_quantity_decreases_with_the_horizon():
    heads = heads_of(2, 50, seed=4)
    found = [means(heads, span(HORIZONS, days)) for days in np.arange(1.0, 1_500.0, 13.0)]
    for part in zip(*found, strict=True):
        assert (np.diff(np.array(part), axis=0) >= -1e-12).all()
    active = np.array([m.active for m in found])
    assert (active <= 1).all()
    assert (active <= np.array([m.purchases for m in found]) + 1e-12).all()


def test_a_horizon_is_shared_out_to_intervals_by_days():
    """In a loop over days: each day is a part of the interval it falls into, the last goes on."""
    for horizon in (1, 45, 90, 91, 200, 360, 1_000):
        parts = np.zeros(3)
        for day in range(horizon):
            place = min(np.searchsorted(HORIZONS, day, side="right"), 2)
            parts[place] += 1 / (90, 90, 180)[place]
        np.testing.assert_allclose(span(HORIZONS, float(horizon)).parts, parts, rtol=1e-12)


def test_pieces_are_at_most_whole_intervals_and_add_up():
    over = Span(np.array([1.0, 0.0, 2.25]))
    assert list(over.pieces()) == [(0, 1.0), (2, 1.0), (2, 1.0), (2, 0.25)]


def test_futures_are_shared_out_evenly_among_members():
    """Of three members one alone buys, one alone is rich."""
    logit = np.full((3, 1, 3), -15.0)
    logit[1:] = 15.0
    loc = np.zeros((3, 1, 3))
    loc[2] = 20.0
    heads = heads_of(3, 1, logit=logit, loc=loc)
    drawn = draw(heads, span(HORIZONS, 90.0), 10, np.random.default_rng(0))
    assert (drawn.purchases[0] > 0).tolist() == [False] * 4 + [True] * 6
    assert (drawn.value[0] > 1e6).tolist() == [False] * 7 + [True] * 3


def test_rows_are_of_customers_and_in_double_precision():
    heads = Heads(*(part.astype(np.float32) for part in heads_of(2, 9)))
    some = heads.rows(slice(3, 5))
    for part, whole in zip(some, heads, strict=True):
        assert part.dtype == np.float64
        assert np.array_equal(part, whole[:, 3:5])
