"""Deciles, coverage, the PIT and weekly tracking."""

import datetime as dt
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lifeworth.evaluate import calibration, errors
from lifeworth.evaluate.errors import Ties, UndefinedError
from lifeworth.tables.errors import InputError


def test_deciles_without_ties_equal_a_sort_and_split():
    rng = np.random.default_rng(3)
    expected = rng.permutation(253).astype(float)
    actual = rng.poisson(expected / 50).astype(float)
    table = calibration.decile_table(actual, expected)
    order = np.argsort(expected)
    edges = 253 * np.arange(11) // 10
    parts = [order[a:b] for a, b in pairwise(edges)]
    assert table["customers"].tolist() == [len(p) for p in parts]
    assert table["decile"].tolist() == list(range(1, 11))
    for row, part in zip(table.itertuples(), parts, strict=True):
        assert row.expected_mean == pytest.approx(expected[part].mean(), rel=1e-12)
        assert row.actual_mean == pytest.approx(actual[part].mean(), rel=1e-12, abs=1e-12)
        spread = actual[part].std(ddof=1) / np.sqrt(len(part))
        low, high = stats.t.interval(
            0.9, len(part) - 1, loc=row.actual_mean, scale=spread or 1e-300
        )
        # The variance from a mean of squares loses about 1e-15 * mean^2: 1e-9 is ample.
        assert (row.low, row.high) == pytest.approx((low, high), abs=1e-9)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=20, max_size=60),
    st.randoms(use_true_random=False),
)
def test_deciles_ignore_the_order_of_customers_and_lose_nobody(pairs, random):
    moved = list(pairs)
    random.shuffle(moved)
    (actual, expected), (actual2, expected2) = (np.array(p, float).T.copy() for p in (pairs, moved))
    table = calibration.decile_table(actual, expected)
    pd.testing.assert_frame_equal(table, calibration.decile_table(actual2, expected2))
    assert table["customers"].sum() == len(pairs)
    assert np.ptp(table["customers"]) <= 1
    assert np.all(np.diff(table["expected_mean"]) >= -1e-12)
    for mean, total in (("actual_mean", actual.sum()), ("expected_mean", expected.sum())):
        assert table[mean] @ table["customers"] == pytest.approx(total, abs=1e-9)


def test_equal_expectations_give_equal_deciles():
    actual = np.arange(40.0)
    table = calibration.decile_table(actual, np.full(40, 2.0))
    assert table["actual_mean"].to_numpy() == pytest.approx(np.full(10, 19.5))


def test_decile_weights_are_repetitions():
    rng = np.random.default_rng(4)
    actual, expected = rng.poisson(1.0, 80).astype(float), rng.integers(0, 12, 80).astype(float)
    times = rng.integers(0, 4, 80)
    weighted = calibration.decile_means(actual, Ties.of(expected), expected, times.astype(float))
    again = np.repeat(expected, times)
    alone = calibration.decile_means(
        np.repeat(actual, times), Ties.of(again), again, np.ones(times.sum())
    )
    for left, right in zip(weighted, alone, strict=True):
        assert left == pytest.approx(right, abs=1e-12)


def test_decile_mape_by_hand():
    actual = np.repeat(np.arange(1.0, 11.0), 2)
    assert calibration.decile_mape(actual, actual) == 0.0
    assert calibration.decile_mape(actual, 1.5 * actual) == pytest.approx(0.5)


def test_deciles_that_cannot_be_made():
    few = np.arange(19.0)
    with pytest.raises(UndefinedError, match="19 customers"):
        calibration.decile_table(few, few)
    with pytest.raises(UndefinedError, match="1 of 10 actual figures are 0"):
        calibration.decile_mape(np.repeat(np.arange(10.0), 2), np.arange(20.0))


def test_coverage_counts_both_ends():
    actual, low, high = np.array([0.0, 1.0, 2.0, 3.0]), np.zeros(4), np.full(4, 2.0)
    assert calibration.coverage(actual, low, high) == 0.75
    assert calibration.coverage(actual, low, high, np.array([0.0, 0.0, 1.0, 3.0])) == 0.25


def czado(actual, cdf, u):
    """Mean PIT at u as equation 2 of Czado, Gneiting and Held (2009) is written."""
    values = []
    for x in actual:
        before, at = cdf(x - 1), cdf(x)
        values.append(0.0 if u <= before else 1.0 if u >= at else (u - before) / (at - before))
    return np.mean(values)


def test_pit_of_counts_is_that_of_czado_gneiting_and_held():
    law = stats.poisson(1.3)
    actual = law.rvs(200, random_state=5).astype(float)
    masses = calibration.pit_masses(law.cdf(actual - 1), law.cdf(actual))
    reached = [czado(actual, law.cdf, u) for u in np.arange(11) / 10]
    assert calibration.pit_histogram(masses) == pytest.approx(np.diff(reached), abs=1e-12)
    assert masses.sum(axis=1) == pytest.approx(np.ones(200))
    weights = np.arange(200.0)
    repeated = np.repeat(actual, 1 + np.arange(200) % 3)
    assert calibration.pit_histogram(masses, 1 + weights % 3) == pytest.approx(
        calibration.pit_histogram(calibration.pit_masses(law.cdf(repeated - 1), law.cdf(repeated)))
    )


def test_pit_of_the_true_law_is_flat_and_of_wrong_laws_is_not():
    # Averaged over the law itself every bin has exactly mass 1/10.
    law, low, support = stats.poisson(1.3), stats.poisson(0.4), np.arange(60.0)
    masses = calibration.pit_masses(law.cdf(support - 1), law.cdf(support))
    flat = calibration.pit_histogram(masses, law.pmf(support))
    assert flat == pytest.approx(np.full(10, 0.1), abs=1e-12)
    masses = calibration.pit_masses(low.cdf(support - 1), low.cdf(support))
    leaning = calibration.pit_histogram(masses, law.pmf(support))
    assert leaning[-1] > 0.3
    assert calibration.pit_distance(leaning) > 0.2


def test_pit_of_a_point_is_in_one_bin():
    point = np.array([0.0, 0.25, 0.3, 1.0])
    masses = calibration.pit_masses(point, point)
    assert masses.argmax(axis=1).tolist() == [0, 2, 3, 9]
    assert masses.sum(axis=1).tolist() == [1, 1, 1, 1]


def test_pit_distance_from_best_to_worst():
    assert calibration.pit_distance(np.full(10, 0.1)) == pytest.approx(0.0, abs=1e-15)
    assert calibration.pit_distance(np.eye(10)[3]) == pytest.approx(0.9)


def weeks(first, column, values):
    starts = [first + dt.timedelta(days=7 * i) for i in range(len(values))]
    return pd.DataFrame({"week_start": starts, column: values})


def test_tracking_by_hand():
    day = dt.date(2024, 1, 1)
    actual = weeks(day, "purchases", [4, 2, 6]).iloc[[2, 0, 1]]
    before = weeks(
        day - dt.timedelta(days=14), "expected_purchases", [9.0, 9.0, 5.0, 3.0, 3.0, 1.0]
    )
    table = calibration.tracking_table(actual, before)
    assert table["week_start"].dt.date.tolist() == weeks(day, "n", [0] * 3)["week_start"].tolist()
    assert table["actual"].tolist() == [4, 2, 6]
    assert table["expected"].tolist() == [5, 3, 3]
    assert table["actual_cumulative"].tolist() == [4, 6, 12]
    assert table["expected_cumulative"].tolist() == [5, 8, 11]
    weekly = errors.mape(table["actual"].to_numpy(), table["expected"].to_numpy())
    assert weekly == pytest.approx((1 / 4 + 1 / 2 + 1 / 2) / 3)


def test_a_week_without_a_forecast_is_refused():
    day = dt.date(2024, 1, 1)
    with pytest.raises(InputError, match="1 of 3 weeks have no forecast, first 2024-01-15"):
        calibration.tracking_table(
            weeks(day, "purchases", [1, 1, 1]), weeks(day, "expected_purchases", [1.0, 1.0])
        )
