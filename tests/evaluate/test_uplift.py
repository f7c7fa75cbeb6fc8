"""Measures of targeting: other packages' figures, the tie rule, standard errors, coverage."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeworth.evaluate.errors import UndefinedError
from lifeworth.evaluate.estimates import Measured, mean_of
from lifeworth.evaluate.qini import qini_curve, uplift_curve
from lifeworth.evaluate.uplift import (
    autoc,
    auuc,
    average_effect,
    calibration_slope,
    calibration_table,
    qini,
    targeting_table,
    uplift_at,
)
from lifeworth.tables.errors import InputError

I = np.arange(40)
EFFECT = ((I * I * 11 + 5 * I) % 23 - 9.0) * 1.5
SCORE = (I * 19) % 41 / 41
MEASURES = [autoc, auuc, qini, lambda e, s: uplift_at(e, s, 0.3)]


def trial(seed, customers, tied=False):
    """Return effects by inverse propensity and a score; the effect of a score s is 2 s - .5."""
    rng = np.random.default_rng(seed)
    score = rng.integers(5, size=customers) / 4 if tied else rng.uniform(size=customers)
    treated = rng.uniform(size=customers) < 0.5
    outcome = rng.normal(size=customers) + treated * (2 * score - 0.5)
    return np.where(treated, outcome, -outcome) / 0.5, score


# ---- figures of other packages


def test_rate_as_in_causalml():
    # causalml 0.18.0, metrics.rate.get_toc of the same effects: mean of TOC(i/n), and of i/n TOC.
    assert autoc(EFFECT, SCORE).value == pytest.approx(-0.5640800313546548, abs=1e-9)
    assert qini(EFFECT, SCORE).value == pytest.approx(-0.10734375, abs=1e-9)


def test_targeting_operator_characteristic_as_in_econml():
    # econml 0.17.0, validate.utils.calc_uplift(..., metric='toc'), at the same customers.
    average = average_effect(EFFECT).value
    found = [uplift_at(EFFECT, SCORE, share).value - average for share in (0.25, 0.5, 0.75, 1.0)]
    assert found == pytest.approx([1.3875, -1.0875, -0.2125, 0], abs=1e-9)


def test_radcliffes_curves_as_in_scikit_uplift():
    # scikit-uplift 0.5.1, metrics.qini_curve and uplift_curve; areas by sklearn.metrics.auc.
    treated, outcome = I * 7 % 5 < 2, ((I * I + 3 * I) % 7 < 3).astype(float)
    score = (I * 13) % 17 / 17
    q, u = (curve(outcome, treated, score) for curve in (qini_curve, uplift_curve))
    ends = [0, 2, 4, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34, 37, 40]
    assert q.customers.tolist() == u.customers.tolist() == ends
    assert q.value == pytest.approx([
        0.0, 0.0, 0.0, -0.75, 1.0, 0.5714285714285714, 0.5, 0.4444444444444444,
        0.8333333333333333, 0.15384615384615374, 0.4285714285714284, 0.1875, -0.23529411764705888,
        -0.33333333333333304, 0.0, 0.5, -0.7727272727272725, 0.3333333333333339,
    ], abs=1e-9)  # fmt: skip
    assert u.value == pytest.approx([
        0.0, 0.0, 0.0, -1.75, 2.0, 1.3714285714285719, 1.1666666666666665, 1.0158730158730158,
        2.261904761904762, 0.4038461538461536, 1.0952380952380951, 0.5208333333333328,
        -0.5989304812834233, -0.8333333333333337, 0.0, 1.2142857142857137, -1.906060606060606,
        0.8333333333333326,
    ], abs=1e-9)  # fmt: skip
    assert q.area() == pytest.approx(-1.2688636934960567, abs=1e-9)
    assert u.area() == pytest.approx(-3.9422403168726596, abs=1e-9)


def test_radcliffes_curves_need_both_groups():
    with pytest.raises(UndefinedError, match="3 of 3 customers are treated"):
        qini_curve(np.ones(3), np.ones(3, dtype=bool), np.arange(3.0))
    with pytest.raises(InputError, match="1 of 2 outcomes are not finite"):
        uplift_curve(np.array([1, np.nan]), np.array([True, False]), np.arange(2.0))


# ---- definitions


@pytest.mark.parametrize("measure", MEASURES)
def test_ties_share_the_average_over_all_their_orders(measure):
    effect, score = np.array([5.0, -1, 4, 0.5, 2, -3]), np.array([2.0, 1, 2, 1, 1, 0])
    orders = [o for o in permutations(range(6)) if all(np.diff(score[list(o)]) <= 0)]
    untied = [measure(effect[list(o)], -np.arange(6.0)).value for o in orders]
    assert len(orders) == 12
    assert measure(effect, score).value == pytest.approx(np.mean(untied), abs=1e-12)


@pytest.mark.parametrize("tied", [False, True])
def test_areas_by_their_sums(tied):
    effect, score = trial(1, 60, tied)
    gain = np.array([n / 60 * uplift_at(effect, score, n / 60).value for n in range(1, 61)])
    u = np.arange(1, 61) / 60
    assert autoc(effect, score).value == pytest.approx(np.mean(gain / u - gain[-1]))
    assert auuc(effect, score).value == pytest.approx(np.trapezoid([0, *gain], [0, *u]))
    assert qini(effect, score).value == pytest.approx(auuc(effect, score).value - gain[-1] / 2)


@pytest.mark.parametrize("measure", [autoc, qini])
def test_a_constant_score_finds_nobody(measure):
    found = measure(EFFECT, np.ones(40))
    assert found.value == pytest.approx(0, abs=1e-12)
    assert found.influence == pytest.approx(np.zeros(40), abs=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
@given(seed=st.integers(0, 10_000), tied=st.booleans())
def test_order_of_rows_and_scale_of_scores_do_not_matter(measure, seed, tied):
    effect, score = trial(seed, 50, tied)
    order = np.random.default_rng(seed).permutation(50)
    once, again = measure(effect, score), measure(3 * effect[order], np.exp(score)[order])
    assert again.value == pytest.approx(3 * once.value)
    assert again.influence == pytest.approx(3 * once.influence[order])
    assert once.influence.mean() == pytest.approx(0, abs=1e-9)


def test_uplift_of_all_is_the_average_and_senseless_shares_are_refused():
    assert uplift_at(EFFECT, SCORE, 1.0).value == pytest.approx(EFFECT.mean())
    assert uplift_at(EFFECT, SCORE, 1.0).estimate() == pytest.approx(mean_of(EFFECT).estimate())
    for share in (0.0, 1.2, np.nan):
        with pytest.raises(InputError, match="must be above 0 and at most 1"):
            uplift_at(EFFECT, SCORE, share)
    with pytest.raises(InputError, match="not finite"):
        autoc(EFFECT, np.where(I == 3, np.nan, SCORE))


# ---- standard errors


@pytest.mark.parametrize(
    ("measure", "tied"), [*((m, False) for m in MEASURES[:3]), *((m, True) for m in MEASURES)]
)
def test_standard_error_is_that_of_the_jackknife(measure, tied):
    effect, score = trial(2, 300, tied)
    kept = ~np.eye(300, dtype=bool)
    left = np.array([measure(effect[k], score[k]).value for k in kept])
    jackknife = np.sqrt(((left - left.mean()) ** 2).sum() * 299 / 300)
    # Not uplift at an edge between untied customers: there leaving one out shows one noisy effect.
    assert measure(effect, score).estimate().error == pytest.approx(jackknife, rel=0.05)


@pytest.mark.parametrize(("measure", "truth"), [
    (autoc, 0.5), (qini, 1 / 6), (auuc, 1 / 6 + 0.25), (lambda e, s: uplift_at(e, s, 0.3), 1.2),
])  # fmt: skip
def test_intervals_cover_the_truth(measure, truth):
    # Effects 2 s - .5 of a uniform score: G(u) = 1.5 u - u^2, so AUTOC is the mean of 1.5 - u less
    # .5, AUUC 3/4 - 1/3.
    found = [measure(*trial(seed, 400)).estimate() for seed in range(300)]
    hits = np.mean([low <= truth <= high for low, high in (f.interval(0.9) for f in found)])
    assert abs(hits - 0.9) < 5 * np.sqrt(0.9 * 0.1 / 300)
    spread = np.std([f.value for f in found])
    assert np.mean([f.error for f in found]) == pytest.approx(spread, rel=5 / np.sqrt(600))


def test_rows_of_one_customer_count_once():
    effect, score = trial(3, 200)
    twice, who = np.tile(effect, 2), np.tile(np.arange(200), 2)
    once = autoc(effect, score).estimate().error
    found = autoc(twice, np.tile(score, 2))
    assert found.estimate(who).error == pytest.approx(once, rel=0.01)
    assert found.estimate().error == pytest.approx(once / np.sqrt(2), rel=0.01)
    names = np.array([f"c{i}" for i in who])
    assert found.estimate(names) == pytest.approx(found.estimate(who))


def test_scores_are_compared_in_pairs():
    effect, score = trial(4, 500)
    better, worse = autoc(effect, score), autoc(effect, score + 0.001 * (I[0] + score))
    assert (better - worse).estimate() == pytest.approx((0, 0), abs=1e-9)
    with pytest.raises(InputError, match="500 and 40 rows cannot be paired"):
        better - autoc(EFFECT, SCORE)


def test_one_customer_has_no_standard_error():
    with pytest.raises(InputError, match="3 rows of 1 customers"):
        mean_of(np.arange(3.0)).estimate(["a", "a", "a"])
    with pytest.raises(InputError, match="name the customer of each row"):
        mean_of(np.arange(3.0)).estimate(["a"])
    with pytest.raises(InputError, match="0 values"):
        mean_of(np.array([]))
    assert Measured(1.0, np.array([1.0, -1.0])).estimate().error == pytest.approx(1)


# ---- tables


def test_targeting_table():
    effect, score = trial(5, 1_000)
    table = targeting_table(effect, score)
    assert table.share.tolist() == pytest.approx([n / 10 for n in range(1, 11)])
    assert table.gain.to_numpy() == pytest.approx(table.uplift * table.share)
    assert table.over_random.to_numpy() == pytest.approx(table.gain - table.random)
    last = table.iloc[-1]
    assert (last.over_random, last.over_random_error) == pytest.approx((0, 0), abs=1e-9)
    assert last.uplift_error == pytest.approx(average_effect(effect).estimate().error)


def test_calibration_by_decile():
    effect, score = trial(6, 5_000)
    table = calibration_table(effect, 2 * score - 0.5)
    assert table.customers.tolist() == pytest.approx([500] * 10)
    assert table.expected_mean.is_monotonic_increasing
    assert (table.customers * table.actual_mean).sum() == pytest.approx(effect.sum())
    z = (table.actual_mean - table.expected_mean) / table.error
    assert (z**2).sum() < 30  # chi-square of 10: 1 in 1,000
    first = np.sort(score)[499] >= score
    assert table.error[0] == pytest.approx(effect[first].std() / np.sqrt(500), rel=0.01)
    with pytest.raises(UndefinedError, match="19 rows"):
        calibration_table(effect[:19], score[:19])


def test_calibration_by_decile_of_ties():
    effect, score = trial(7, 55, tied=True)
    order = np.random.default_rng(0).permutation(55)
    once, again = calibration_table(effect, score), calibration_table(effect[order], score[order])
    assert once.to_numpy() == pytest.approx(again.to_numpy())
    assert once.customers.to_numpy() == pytest.approx(np.full(10, 5.5))


def test_calibration_slope():
    effect, score = trial(8, 20_000)
    right = calibration_slope(effect, 2 * score - 0.5).estimate()
    assert abs(right.value - 1) < 5 * right.error
    wide = calibration_slope(effect, 4 * (2 * score - 0.5)).estimate()
    assert wide == pytest.approx((right.value / 4, right.error / 4))
    design = np.column_stack([np.ones(20_000), score])
    fitted = np.linalg.lstsq(design, effect, rcond=None)[0]
    bread = np.linalg.inv(design.T @ design)
    meat = design.T @ (design * ((effect - design @ fitted) ** 2)[:, None])
    robust = np.sqrt((bread @ meat @ bread)[1, 1])
    assert right.value == pytest.approx(fitted[1] / 2)
    assert right.error == pytest.approx(robust / 2, rel=1e-3)
    with pytest.raises(UndefinedError, match="there is no slope"):
        calibration_slope(effect, np.ones(20_000))
