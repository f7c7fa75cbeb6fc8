"""Blends: means and futures of two forecasts, in the shares they were given."""

import dataclasses

import numpy as np
import pytest
from pydantic import ValidationError

from lifeworth.models.btyd.plain import plain
from lifeworth.models.deep.blend import blended
from tests.models.deep.test_reasons import LSTM, WIDE


@pytest.fixture(scope="module")
def pair(history):
    lender = plain(history)
    one = dataclasses.replace(lender, draws=40)
    other = dataclasses.replace(lender, draws=40, seed=9)
    return one.score(history, 30), other.score(history, 60)


def test_means_are_weighted(pair):
    own, other = pair
    mixed = blended(own, other, 0.25).frame
    for column in ("expected_purchases", "p_active", "expected_value"):
        wanted = 0.75 * own.frame[column] + 0.25 * other.frame[column]
        assert mixed[column].to_numpy() == pytest.approx(wanted.to_numpy())


def test_a_share_of_the_futures_is_of_the_other(pair):
    own, other = pair
    rows = slice(3, 50)
    drawn = blended(own, other, 0.25).draws(rows)
    every = np.arange(30) * 40 // 30  # of all members alike
    assert (drawn.value[:, :30] == own.draws(rows).value[:, every]).all()
    assert (drawn.purchases[:, 30:] == other.draws(rows).purchases[:, 30:]).all()


def test_nothing_is_mixed_without_a_share_or_another(pair):
    own, other = pair
    assert blended(own, other, 0.0) is own
    assert blended(own, None, 0.5) is own


def test_spread_is_of_the_mixture(pair):
    own, other = pair
    mixed = blended(own, other, 0.5)
    drawn = mixed.draws(slice(0, len(mixed.frame))).value
    assert mixed.frame["value_sd"].to_numpy() == pytest.approx(drawn.std(axis=1))
    wanted = np.quantile(drawn, 0.95, axis=1)
    assert mixed.frame["value_q95"].to_numpy() == pytest.approx(wanted)


@pytest.mark.parametrize("recipe", [WIDE, LSTM], ids=["wide_and_deep", "lstm"])
def test_a_blend_needs_what_is_borrowed(recipe):
    with pytest.raises(ValidationError, match="borrow=false leaves out; set 0"):
        dataclasses.replace(recipe, borrow=False, blend=0.5)


def test_events_in_an_order_of_chance_are_the_same_events(history):
    kept = LSTM.fit(history, 1).encoder
    mixed = dataclasses.replace(kept, shuffled=True)
    one, other = (next(encoder.read(history))[1] for encoder in (kept, mixed))
    assert (one.length == other.length).all()
    differ = 0
    for start, length in zip(one.start, one.length, strict=True):
        a, b = (x.numbers[start : start + length] for x in (one, other))
        assert sorted(map(tuple, a)) == sorted(map(tuple, b))
        differ += not (a == b).all()
    assert differ > 10
