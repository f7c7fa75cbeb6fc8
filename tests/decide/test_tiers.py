"""Tiers: the store's quantiles, ties, guardrails and the table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeworth.decide.tiers import (
    QUANTILES,
    TIERS,
    assign_tiers,
    guardrails,
    tier_floors,
    tier_table,
    tiers_above,
)
from lifeworth.tables.errors import InputError

values = st.lists(st.integers(-5, 12), min_size=1, max_size=60)


def array(numbers):
    return np.array(numbers, float)


@given(st.lists(st.integers(-10_000, 10_000), min_size=2, max_size=80, unique=True))
def test_without_ties_a_tier_begins_at_its_quantile(numbers):
    store = array(numbers)
    tiers = assign_tiers(store)
    # Beside the cut by a rounding error a customer may fall to either side of numpy's quantile.
    for tier, q in zip(TIERS, QUANTILES, strict=False):
        cut = np.quantile(store, q)
        clear = np.abs(store - cut) > 1e-6
        np.testing.assert_array_equal((tiers >= tier)[clear], (store >= cut)[clear])
        on_rank = np.isclose(q * (len(store) - 1), np.round(q * (len(store) - 1)))
        assert not on_rank or np.all((tiers >= tier)[~clear])


def test_ten_customers():
    found = assign_tiers(array([30, 10, 100, 20, 50, 40, 70, 60, 90, 80]))
    assert list(found) == ["Low", "Low", "VIP", "Low", "Med", "Low", "Med", "Med", "High", "High"]


def test_cuts_survive_rounding():
    # 0.55 * 100 = 55.00000000000001: customer 55 has exactly 55 % of the other 100 below.
    found = assign_tiers(np.arange(101.0), (0.9, 0.55, 0.4))
    assert found[55] == "High"
    assert found[54] == "Med"


@given(values, st.randoms(use_true_random=False))
def test_equal_customers_share_a_tier_and_order_does_not_matter(numbers, random):
    store = array(numbers)
    tiers = assign_tiers(store)
    order = list(range(len(store)))
    random.shuffle(order)
    assert list(assign_tiers(store[order])) == list(tiers[order])
    for value in set(numbers):
        assert len(set(tiers[store == value])) == 1


@given(values)
def test_tiers_are_monotone_and_scale_free(numbers):
    store = array(numbers)
    tiers = assign_tiers(store)
    assert np.all(np.diff(tiers.codes[np.argsort(store)]) >= 0)
    assert list(assign_tiers(0.01 * store)) == list(tiers)
    for tier, q in zip(TIERS, QUANTILES, strict=False):
        assert (tiers >= tier).sum() <= (1 - q) * (len(store) - 1) + 1 + 1e-6


def test_stores_that_are_mostly_ties():
    assert set(assign_tiers(np.full(50, 3.0))) == {"Low"}
    assert list(assign_tiers(array([7.0]))) == ["Low"]
    assert len(assign_tiers(array([]))) == 0
    mostly_nothing = assign_tiers(np.concatenate((np.zeros(96), array([1, 2, 3, 4]))))
    assert list(mostly_nothing[:96]) == ["Low"] * 96
    assert list(mostly_nothing[96:]) == ["VIP"] * 4


@given(values, st.integers(-6, 13))
def test_floors_give_everybody_the_tier_they_had_and_newcomers_that_of_their_likes(numbers, new):
    store = array(numbers)
    tiers = assign_tiers(store)
    floors = tier_floors(store, tiers)
    assert list(tiers_above(store, floors)) == list(tiers)
    (found,) = tiers_above(array([new]), floors)
    below = [tiers.codes[i] for i in range(len(store)) if store[i] < new]
    if new in numbers:
        assert found == tiers[numbers.index(new)]
    elif below:
        assert TIERS[::-1].index(found) >= max(below)


def test_a_customer_worth_more_than_all_is_a_vip_even_where_there_was_none():
    floors = tier_floors(np.full(5, 3.0), assign_tiers(np.full(5, 3.0)))
    assert floors == (3.0, 3.0, 3.0)
    assert list(tiers_above(array([2.0, 3.0, 3.1]), floors)) == ["Low", "Low", "VIP"]


@pytest.mark.parametrize(
    "quantiles",
    [
        (0.4, 0.7, 0.9),
        (0.9, 0.9, 0.4),
        (1.0, 0.7, 0.4),
        (0.9, 0.7, 0.0),
        (0.9, 0.7),
        (0.9, np.nan, 0.4),
    ],
)
def test_senseless_quantiles_are_refused(quantiles):
    with pytest.raises(InputError, match=r"give 3, for VIP, High, Med, decreasing and inside"):
        assign_tiers(np.arange(10.0), quantiles)


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(InputError, match="1 of 3 expected values are not finite, first at row 1"):
        assign_tiers(array([1.0, np.nan, 2.0]))


def test_vips_are_kept_from_deep_promotions_unless_they_are_known_to_pay():
    tiers = pd.Categorical(["VIP", "VIP", "VIP", "VIP", "High", "Low"], TIERS)
    uplift = array([5.0, 0.0, -1.0, np.nan, np.nan, -3.0])
    column = "exclude_from_deep_blanket_promotions"
    flags = guardrails(tiers, uplift)
    assert flags["tier"].tolist() == list(tiers)
    assert flags[column].tolist() == [False, True, True, True, False, False]
    assert guardrails(tiers)[column].tolist() == [True] * 4 + [False] * 2
    read_back = pd.Series(list(tiers), index=range(10, 16))
    assert guardrails(read_back, uplift)[column].tolist() == flags[column].tolist()


def test_labels_that_are_no_tier_are_refused():
    with pytest.raises(InputError, match=r"1 of 2 labels are no tier, first at row 1 \('Gold'\)"):
        guardrails(pd.Series(["VIP", "Gold"]))
    with pytest.raises(InputError, match=r"1 of 2 labels are no tier, first at row 0 \(nan\)"):
        guardrails(pd.Series([None, "Low"]))
    with pytest.raises(InputError, match="2 tiers but 3 values of uplift"):
        guardrails(pd.Series(["VIP", "Low"]), np.zeros(3))


def test_tier_table_by_hand():
    tiers = pd.Series(["Low", "VIP", "Low", "Med", "Low"])
    table = tier_table(tiers, array([1, 60, 2, 30, 7]), array([0, 8, 0, 1, 1]))
    assert list(table.columns) == [
        "tier", "customers", "share_of_customers", "expected_value", "share_of_expected",
        "realised_value", "share_of_realised",
    ]  # fmt: skip
    assert table["tier"].tolist() == list(TIERS)
    assert table["customers"].tolist() == [1, 0, 1, 3]
    assert table["share_of_customers"].tolist() == [0.2, 0.0, 0.2, 0.6]
    assert table["expected_value"].tolist() == [60, 0, 30, 10]
    assert table["share_of_expected"].tolist() == [0.6, 0.0, 0.3, 0.1]
    assert table["realised_value"].tolist() == [8, 0, 1, 1]
    assert table["share_of_realised"].tolist() == [0.8, 0.0, 0.1, 0.1]


def test_tier_table_without_outcomes_or_value():
    table = tier_table(assign_tiers(np.zeros(4)), np.zeros(4))
    assert "realised_value" not in table
    assert table["share_of_expected"].tolist() == [0, 0, 0, 0]
    with pytest.raises(InputError, match="4 tiers but 3 values of expected"):
        tier_table(assign_tiers(np.zeros(4)), np.zeros(3), np.zeros(3))


@given(values)
def test_tier_table_adds_up(numbers):
    store = array(numbers)
    table = tier_table(assign_tiers(store), store, 2 * store)
    assert table["customers"].sum() == len(store)
    assert table["expected_value"].sum() == store.sum()
    assert table["realised_value"].sum() == 2 * store.sum()
    assert table["share_of_customers"].sum() == pytest.approx(1)
