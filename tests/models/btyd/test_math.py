"""The BG/NBD against 40-digit values, closed forms in mpmath, and its own invariances."""

import itertools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lifeworth.models.btyd.math import (
    BgNbdParams,
    GammaGammaParams,
    bgnbd_purchases_if_alive,
    gamma_gamma_mean,
    gamma_gamma_mean_swapped,
)
from lifeworth.models.btyd.processes.beta_geometric import BetaGeometric
from lifeworth.models.btyd.purchases import Past, _in_letters, _sufficient
from lifeworth.models.btyd.quadrature import beta_rules

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())["bgnbd"]
MODEL = BetaGeometric()
CDNOW = BgNbdParams(0.243, 4.414, 0.793, 2.426)


# ---- the closed forms of the paper, to 40 digits and more


def twin_log_likelihood(th, x, t_x, T):
    with mp.workdps(50):
        r, alpha, a, b, x, t_x, T = map(mp.mpf, (*th, x, t_x, T))
        counting = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha)
        staying = mp.log(mp.beta(a, b + x)) - mp.log(mp.beta(a, b))
        leaving = mp.log(mp.beta(a + 1, b + x - 1)) - mp.log(mp.beta(a, b)) if x > 0 else -mp.inf
        dead = mp.exp(leaving - (r + x) * mp.log(alpha + t_x)) if x > 0 else mp.mpf(0)
        return float(counting + mp.log(mp.exp(staying - (r + x) * mp.log(alpha + T)) + dead))


def twin_p_alive(th, x, t_x, T):
    with mp.workdps(50):
        r, alpha, a, b, x, t_x, T = map(mp.mpf, (*th, x, t_x, T))
        if x == 0:
            return 1.0
        return float(1 / (1 + a / (b + x - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x)))


def twin_purchases_if_alive(th, x, T, H):
    """Equation 10 without its denominator; a and b are moved by 1e-30, off the poles."""
    with mp.workdps(100):
        r, alpha, a, b, x, T, H = map(mp.mpf, (*th, x, T, H))
        a, b = a + mp.mpf(10) ** -30, b + mp.mpf(10) ** -30
        hyper = mp.hyp2f1(r + x, b + x, a + b + x - 1, H / (alpha + T + H))
        shrunk = ((alpha + T) / (alpha + T + H)) ** (r + x)
        return float((a + b + x - 1) / (a - 1) * (1 - shrunk * hyper))


def ours_if_alive(th, x, T, H):
    return float(MODEL.purchases(th, *(np.array([float(v)]) for v in (x, T, H)), 0)[0])


def ours_log_likelihood(th, x, t_x, T):
    x, t_x, T = (jnp.array([float(v)]) for v in (x, t_x, T))
    return float((MODEL.counting(th, x) + MODEL.timing(th, x, t_x, T))[0])


def ours_p_alive(th, x, t_x, T):
    return float(MODEL.alive(th, *(np.array([float(v)]) for v in (x, t_x, T)))[0, 0])


def active(th, x, T, H):
    return MODEL.p_active(th, x, T, 0.0, H, 0)


@pytest.mark.parametrize("row", GOLDEN["rows"], ids=lambda row: f"x={row['x']},T={row['T']}")
def test_golden_values(row):
    th, past = BgNbdParams(**GOLDEN["params"]), (row["x"], row["t_x"], row["T"])
    alive = ours_p_alive(th, *past)
    expected = alive * ours_if_alive(th, row["x"], row["T"], row["H"])
    assert ours_log_likelihood(th, *past) == pytest.approx(row["log_likelihood"], rel=1e-12)
    assert alive == pytest.approx(row["p_alive"], rel=1e-12)
    assert expected == pytest.approx(row["expected_purchases"], rel=1e-12)


def test_worked_example_of_value_over_180_days():
    th, spend = BgNbdParams(0.8, 30.0, 1.5, 3.0), GammaGammaParams(6.0, 4.5, 2_000.0)
    purchases = ours_p_alive(th, 5, 307, 323) * ours_if_alive(th, 5, 323, 180)
    true, swapped = (f(spend, 5.0, 11_591.0) for f in (gamma_gamma_mean, gamma_gamma_mean_swapped))
    assert purchases == pytest.approx(1.8268131761, abs=5e-11)
    assert true == pytest.approx(10_738.21, abs=5e-3)
    assert purchases * true == pytest.approx(19_616.70, abs=5e-3)
    assert swapped == pytest.approx(14_794.09, abs=5e-3)
    assert purchases * swapped == pytest.approx(27_026.04, abs=5e-3)


def logs(low, high):
    return st.floats(np.log(low), np.log(high)).map(np.exp)


PARAMS = st.builds(BgNbdParams, logs(0.03, 20), logs(0.1, 100), logs(0.02, 20), logs(0.05, 20))
FREQUENCY = st.sampled_from([0, 1, 2, 3, 7, 20, 60, 200, 1_000])


@given(PARAMS, FREQUENCY, logs(0.01, 1_000), st.floats(0, 1))
@settings(max_examples=80)
@example(BgNbdParams(0.2, 4.4, 1.0, 2.4), 1_000, 39.0, 0.99)
def test_log_likelihood_and_p_alive_are_their_closed_forms(th, x, T, share):
    t_x = T * share if x > 0 else 0.0
    found, true = ours_log_likelihood(th, x, t_x, T), twin_log_likelihood(th, x, t_x, T)
    assert found == pytest.approx(true, rel=1e-10, abs=1e-10)
    alive = ours_p_alive(th, x, t_x, T)
    assert alive == pytest.approx(twin_p_alive(th, x, t_x, T), rel=1e-10, abs=1e-290)


@given(PARAMS, FREQUENCY, logs(0.01, 1_000), logs(0.01, 1_000))
@settings(max_examples=80)
@example(BgNbdParams(0.3, 5.0, 0.8, 2.5), 0, 0.0, 1_000.0)  # first seen just now, 1,000 alphas on
@example(BgNbdParams(0.3, 5.0, 0.8, 2.5), 5, 10.0, 1_000.0)
@example(BgNbdParams(0.3, 5.0, 0.8, 2.5), 1_000, 1_000.0, 5.0)
def test_purchases_are_their_closed_form(th, x, T, c):
    c = min(c, 20_000 / (th.r + x))
    H = c * (th.alpha + T)
    true = twin_purchases_if_alive(th, x, T, H)
    assert ours_if_alive(th, x, T, H) == pytest.approx(true, rel=1e-10)


@pytest.mark.parametrize("x", [0, 1, 5, 1_000])
@pytest.mark.parametrize("off", [0.0, 1e-15, -1e-12, 1e-9, -1e-6, 1e-3])
def test_purchases_have_no_pole_at_a_of_1(x, off):
    th, T = BgNbdParams(0.24, 4.4, 1.0 + off, 2.4), 39.0
    for H in (0.1, 39.0, 5 * T):
        true = twin_purchases_if_alive(th, x, T, H)
        assert ours_if_alive(th, x, T, H) == pytest.approx(true, rel=1e-10)


@pytest.mark.parametrize("off", [0.0, 1e-15, -1e-12, 1e-9, -1e-6, 1e-3])
@pytest.mark.parametrize("a", [0.2, 0.5, 0.9])
def test_purchases_have_no_pole_at_a_plus_b_plus_x_of_1(a, off):
    th = BgNbdParams(0.24, 4.4, a, 1.0 - a + off)
    for H in (0.1, 39.0, 195.0):
        true = twin_purchases_if_alive(th, 0, 39.0, H)
        assert ours_if_alive(th, 0, 39.0, H) == pytest.approx(true, rel=1e-10)


def population(size=200, most=300):
    rng = np.random.default_rng(5)
    x = np.floor(most ** rng.random(size)) - 1.0
    T = rng.uniform(0.1, 100.0, size)
    return x, np.where(x > 0, T * rng.random(size) ** (1 / (1 + x)), 0.0), T


def test_float32_stays_float32():
    x, t_x, T = population()
    single = [column.astype(np.float32) for column in (x, t_x, T)]
    H = np.full_like(T, 39.0)
    nodes, weights = beta_rules(CDNOW.a, CDNOW.b + x, 48)
    narrow = (single[0], single[2], H.astype(np.float32))
    pairs = [
        (MODEL.alive(CDNOW, *single)[0], MODEL.alive(CDNOW, x, t_x, T)[0]),
        (active(CDNOW, *narrow), active(CDNOW, x, T, H)),
        (
            bgnbd_purchases_if_alive(
                CDNOW, *narrow, nodes.astype(np.float32), weights.astype(np.float32)
            ),
            MODEL.purchases(CDNOW, x, T, H, 0),
        ),
    ]
    for found, true in pairs:
        assert found.dtype == np.float32
        assert found == pytest.approx(true, rel=1e-4, abs=1e-30)


# ---- gradients


@jax.jit
def slope(u, data):
    return jax.value_and_grad(lambda v: _in_letters(MODEL)(jnp.exp(v), data))(u)


def sufficient(x, t_x, T):
    return _sufficient(Past(x, t_x, T), np.zeros(len(x), dtype=np.int64))


@pytest.mark.parametrize("only_once", [False, True])
def test_gradient_is_that_of_central_differences(only_once):
    x, t_x, T = population(most=1.001 if only_once else 300)
    data, u = sufficient(x, t_x, T), jnp.log(jnp.array(CDNOW))
    assert (x > 0).any() != only_once
    steps = 1e-5 * np.eye(4)
    true = [float(slope(u + s, data)[0] - slope(u - s, data)[0]) / 2e-5 for s in steps]
    assert np.asarray(slope(u, data)[1]) == pytest.approx(np.array(true), rel=1e-4, abs=1e-4)


def test_gradient_is_finite_at_the_edges():
    x = np.array([0.0, 0.0, 1.0, 1_000.0])
    t_x, T = np.array([0.0, 0.0, 0.0, 39.0]), np.array([0.0, 39.0, 0.0, 39.0])
    data = sufficient(x, t_x, T)
    for th in itertools.product((1e-4, 1e4), (1e-5, 1e7), (1e-4, 1e4), (1e-4, 1e5)):
        assert np.isfinite(np.asarray(slope(jnp.log(jnp.array(th)), data)[1])).all(), th


def test_sufficient_statistics_give_the_sum_over_customers():
    x, t_x, T = (np.tile(column, 3) for column in population())
    past = [jnp.asarray(column) for column in (x, t_x, T)]
    each = MODEL.counting(CDNOW, past[0]) + MODEL.timing(CDNOW, *past)
    found = float(_in_letters(MODEL)(jnp.array(CDNOW), jax.device_put(sufficient(x, t_x, T))))
    assert found == pytest.approx(float(each.sum()), rel=1e-12)


# ---- invariances

CUSTOMER = st.tuples(st.integers(0, 100), st.floats(0, 1), st.floats(0.5, 500))


@given(PARAMS, CUSTOMER, logs(0.01, 400))
@settings(max_examples=60)
def test_the_unit_of_time_does_not_matter(th, customer, k):
    x, share, T = customer
    t_x, H = T * share * (x > 0), 0.7 * T
    scaled = th._replace(alpha=k * th.alpha)
    assert ours_p_alive(scaled, x, k * t_x, k * T) == pytest.approx(
        ours_p_alive(th, x, t_x, T), rel=1e-9, abs=1e-290
    )
    assert ours_if_alive(scaled, x, k * T, k * H) == pytest.approx(
        ours_if_alive(th, x, T, H), rel=1e-9
    )
    density = ours_log_likelihood(scaled, x, k * t_x, k * T) + x * np.log(k)
    assert density == pytest.approx(ours_log_likelihood(th, x, t_x, T), rel=1e-9, abs=1e-9)


@given(PARAMS, st.integers(0, 100), st.floats(0.5, 500))
def test_p_alive_is_a_probability_that_grows_with_recency(th, x, T):
    t_x = np.linspace(0, T, 20)
    alive = MODEL.alive(th, np.full_like(t_x, x), t_x, np.full_like(t_x, T))[0]
    assert ((alive >= 0) & (alive <= 1)).all()
    assert (np.diff(alive) >= 0).all()


@given(PARAMS, CUSTOMER)
def test_expectations_grow_with_the_horizon(th, customer):
    x, _, T = customer
    H = np.linspace(0.1, 4, 12) * T
    columns = np.full_like(H, x), np.full_like(H, T), H
    purchases, some = MODEL.purchases(th, *columns, 0), active(th, *columns)
    assert (np.diff(purchases) > 0).all()
    assert (np.diff(some) >= 0).all()
    assert (purchases >= some).all()


# ---- the distribution of the count


def chances(th, x, T, H, most=1_500):
    """Return P(n purchases | alive) for n = 0 .. most - 1, customers in columns."""
    steps = MODEL.counts(th, *map(np.atleast_1d, (x, T, H)), 0)
    return np.array(list(itertools.islice(steps, most)))


@given(
    st.builds(BgNbdParams, logs(0.05, 20), logs(1, 100), logs(0.05, 20), logs(0.1, 20)),
    st.integers(0, 100),
    st.floats(1, 500),
    st.floats(0.05, 3),
)
@settings(max_examples=40)
def test_counts_have_the_mean_that_is_expected(th, x, T, c):
    H = c * (th.alpha + T)
    p = chances(th, float(x), T, H)[:, 0]
    assert (p >= 0).all()
    assert p.sum() == pytest.approx(1.0, abs=1e-11)
    assert (np.arange(len(p)) * p).sum() == pytest.approx(ours_if_alive(th, x, T, H), rel=1e-9)
    some = active(th, np.array([float(x)]), np.array([T]), H)
    assert 1 - p[0] == pytest.approx(float(some[0]), rel=1e-9)


@pytest.mark.parametrize(("x", "T"), [(0.0, 5.0), (2.0, 38.0), (26.0, 31.0)])
def test_counts_are_those_of_the_mechanism(x, T):
    """Customers buy at intervals of their own rate and leave after each purchase at random."""
    rng, n, H, most = np.random.default_rng(3), 200_000, 39.0, 400
    rate, leaves = (
        rng.gamma(CDNOW.r + x, 1 / (CDNOW.alpha + T), n),
        rng.beta(CDNOW.a, CDNOW.b + x, n),
    )
    count, clock, there = np.zeros(n, dtype=int), np.zeros(n), np.arange(n)
    while len(there):
        clock[there] += rng.exponential(1 / rate[there])
        there = there[clock[there] <= H]
        count[there] += 1
        there = there[rng.random(len(there)) >= leaves[there]]
    p = chances(CDNOW, x, T, H, most)[:, 0]
    seen = np.bincount(count, minlength=most)[:most] / n
    often = p > 1e-4
    assert (np.abs(seen - p)[often] < 5 * np.sqrt(p * (1 - p) / n)[often]).all()
    assert abs(count.mean() - ours_if_alive(CDNOW, x, T, H)) < 5 * count.std() / np.sqrt(n)
