"""CRPS, PIT and coverage of draws against closed forms and simulated truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lifeworth.evaluate import predictive
from lifeworth.evaluate.calibration import pit_distance, pit_histogram
from lifeworth.models.core import Draws
from lifeworth.tables.errors import InputError


def normal_crps(y, mu, sigma):
    """Gneiting and Raftery (2007), equation 21, with the sign of a loss."""
    z = (y - mu) / sigma
    return sigma * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))


def poisson_crps(y, rate):
    """Sum over k of (F(k) - 1{k >= y})^2."""
    k = np.arange(200)
    return ((stats.poisson.cdf(k, rate) - (k >= y)) ** 2).sum()


def ascending(draws):
    return np.sort(draws, axis=1)


@given(
    st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=30),
    st.floats(-1e4, 1e4),
)
def test_crps_is_its_definition_over_pairs(draws, y):
    x = np.array(draws)
    m = len(x)
    pairs = np.abs(x[:, None] - x[None, :]).sum() / (m * (m - 1))
    direct = np.abs(x - y).mean() - pairs / 2
    found = predictive.crps(np.array([y]), ascending(x[None, :]))[0]
    assert found == pytest.approx(direct, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("draws", [2, 5, 50])
def test_crps_is_unbiased_for_any_number_of_draws(draws):
    rng = np.random.default_rng(draws)
    repeats = 200_000 // draws
    laws = [
        (rng.normal(1.0, 2.0, (repeats, draws)), 2.5, normal_crps(2.5, 1.0, 2.0)),
        (rng.poisson(1.7, (repeats, draws)).astype(float), 3.0, poisson_crps(3, 1.7)),
        (rng.poisson(1.7, (repeats, draws)).astype(float), 0.0, poisson_crps(0, 1.7)),
    ]
    for sample, y, truth in laws:
        found = predictive.crps(np.full(repeats, y), ascending(sample))
        assert abs(found.mean() - truth) < 5 * found.std() / np.sqrt(repeats)


def test_the_right_distribution_beats_wrong_ones():
    rng = np.random.default_rng(8)
    n, m = 4_000, 100
    rate = rng.gamma(0.6, 2.0, n)
    actual = rng.poisson(rate).astype(float)
    right = predictive.crps(actual, ascending(rng.poisson(rate[:, None], (n, m)).astype(float)))
    for wrong_rate in (1.6 * rate, 0.5 * rate, np.full(n, rate.mean())):
        wrong = rng.poisson(wrong_rate[:, None], (n, m)).astype(float)
        excess = predictive.crps(actual, ascending(wrong)) - right
        assert excess.mean() > 3 * excess.std() / np.sqrt(n)


def zero_inflated(rng, shape):
    return np.where(rng.random(shape) < 0.7, 0.0, rng.lognormal(3.0, 1.0, shape))


@pytest.mark.parametrize("draws", [7, 99])
def test_calibrated_draws_have_a_flat_pit_for_any_number_of_draws(draws):
    rng = np.random.default_rng(9)
    n = 20_000
    for law in (zero_inflated, lambda r, s: r.poisson(0.8, s).astype(float)):
        masses = predictive.pit(law(rng, n), ascending(law(rng, (n, draws))))
        assert masses.sum(axis=1) == pytest.approx(np.ones(n))
        error = masses.std(axis=0) / np.sqrt(n)
        assert np.all(np.abs(pit_histogram(masses) - 0.1) < 5 * error)


def test_pit_tells_too_narrow_from_too_low():
    rng = np.random.default_rng(10)
    n = 5_000
    actual = rng.normal(size=n)
    narrow = pit_histogram(predictive.pit(actual, ascending(0.4 * rng.normal(size=(n, 99)))))
    low = pit_histogram(predictive.pit(actual, ascending(rng.normal(size=(n, 99)) - 1)))
    assert min(narrow[0], narrow[-1]) > 0.2 > 0.1 > narrow[4]
    assert low[-1] > 0.25
    assert np.all(np.diff(low) > 0)
    assert min(pit_distance(narrow), pit_distance(low)) > 0.2


def test_quantiles_of_draws_are_draws():
    sample = np.arange(1.0, 101.0)[None, :]
    for level in (0.05, 0.25, 0.5, 0.75, 0.95):
        twin = np.quantile(sample, level, axis=1, method="inverted_cdf")
        assert predictive.quantile(sample, level) == pytest.approx(twin)
    assert predictive.quantile(sample[:, :3], 0.05) == [1.0]


def test_coverage_of_the_true_law():
    rng = np.random.default_rng(11)
    n = 20_000
    judged = predictive.judge(rng.normal(size=n), ascending(rng.normal(size=(n, 400))))
    counts = predictive.judge(
        rng.poisson(1.5, n).astype(float), ascending(rng.poisson(1.5, (n, 400)).astype(float))
    )
    for level, inside, discrete in (
        (0.5, judged.inside_50, counts.inside_50),
        (0.9, judged.inside_90, counts.inside_90),
    ):
        noise = np.sqrt(level * (1 - level) / n)
        # Ends read off 400 draws lie within 1/400 of their level.
        assert abs(inside.mean() - level) < 5 * noise + 1 / 400
        assert discrete.mean() > level - 5 * noise - 1 / 400


def test_chunks_change_nothing_and_bound_the_rows_drawn():
    rng = np.random.default_rng(12)
    purchases, value = rng.poisson(1.0, (50, 20)).astype(float), rng.gamma(2.0, 9.0, (50, 20))
    asked = []

    def draws(rows):
        asked.append(rows)
        return Draws(purchases[rows], value[rows])

    whole = predictive.judge_draws(draws, purchases[:, 0], value[:, 1])
    parts = predictive.judge_draws(draws, purchases[:, 0], value[:, 1], chunk=16)
    assert asked == [slice(0, 50), slice(0, 16), slice(16, 32), slice(32, 48), slice(48, 50)]
    for kind in (0, 1):
        for left, right in zip(whole[kind], parts[kind], strict=True):
            np.testing.assert_array_equal(left, right)


def test_one_draw_is_refused():
    with pytest.raises(InputError, match="1 draws per customer"):
        predictive.crps(np.zeros(3), np.zeros((3, 1)))
