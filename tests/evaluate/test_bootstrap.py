"""The bootstrap: its law for a mean, its coverage, its seed."""

import numpy as np
import pytest

from lifeworth.evaluate import errors
from lifeworth.evaluate.bootstrap import Resampling, intervals
from lifeworth.tables.errors import InputError


def mean_of(values):
    return lambda weights: {"mean": errors.mean(values, weights)}


def test_interval_of_a_mean_is_the_normal_one():
    values = np.random.default_rng(1).exponential(size=2_000)
    found = intervals(mean_of(values), 2_000, Resampling(resamples=2_000))["mean"]
    error = values.std() / np.sqrt(2_000)
    # The standard error of a 5 % quantile of 2,000 normal draws is sqrt(.05 * .95 / 2000) / .103 =
    # .047 of their sd; 5 of those, and .01 for the skewness that is left in a mean of 2,000.
    assert found.low == pytest.approx(values.mean() - 1.6449 * error, abs=0.25 * error)
    assert found.high == pytest.approx(values.mean() + 1.6449 * error, abs=0.25 * error)


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(2)
    hits = 0
    for seed in range(150):
        often = Resampling(resamples=100, seed=seed)
        found = intervals(mean_of(rng.normal(size=100)), 100, often)["mean"]
        hits += found.low <= 0 <= found.high
    # The percentile interval of 100 customers and 100 resamples covers about 88 %: 5 sd of 150.
    assert abs(hits / 150 - 0.88) < 5 * np.sqrt(0.88 * 0.12 / 150)


def test_same_seed_same_interval():
    values = np.random.default_rng(3).normal(size=50)
    first, again = (intervals(mean_of(values), 50, Resampling(seed=7)) for _ in range(2))
    other = intervals(mean_of(values), 50, Resampling(seed=8))
    assert first == again
    assert first != other


def test_every_resample_draws_as_many_customers_as_there_are():
    seen = []
    intervals(lambda w: seen.append(w) or {}, 30, Resampling(resamples=9))
    assert len(seen) == 9
    assert all(w.sum() == 30 and np.all(w == np.round(w)) for w in seen)


def test_a_measure_that_is_often_undefined_has_no_interval():
    def measures(weights):
        return {"always": 1.0} | ({"rarely": 1.0} if weights[0] == 0 else {})

    assert set(intervals(measures, 20, Resampling())) == {"always"}


@pytest.mark.parametrize("wrong", [{"resamples": 0}, {"level": 1.0}, {"level": 0.0}])
def test_senseless_resampling_is_refused(wrong):
    with pytest.raises(InputError, match="resamples must be at least 1"):
        Resampling(**wrong)
