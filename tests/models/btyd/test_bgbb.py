"""BG/BB against the paper, its formulas in mpmath, and its mechanism."""

import itertools

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lifeworth.engines.likelihood import maximise
from lifeworth.models.btyd.math import log_rising
from lifeworth.models.btyd.processes.bgbb import BgBb, BgBbParams

MODEL = BgBb()
DONORS = BgBbParams(1.204, 0.750, 0.657, 2.783)


def log_likelihood(th, x, t_x, T):
    x, t_x, T = (jnp.asarray(v) for v in (x, t_x, T))
    return MODEL.counting(th, x) + MODEL.timing(th, x, t_x, T)


def total(u, data):
    each = log_likelihood(BgBbParams(*u), data["x"], data["t_x"], data["T"])
    return (data["times"] * each).sum()


slope = jax.jit(jax.value_and_grad(total))


@pytest.fixture(scope="module")
def donations(data_folder):
    """Return the 11,104 donors of 1995 by their gifts in 1996 to 2001."""
    frame = pd.read_parquet(data_folder / "donations_bgbb" / "donations_rf_calibration.parquet")
    columns = {"x": "x", "t_x": "t.x", "T": "n.cal", "times": "custs"}
    return {name: frame[column].to_numpy(np.float64) for name, column in columns.items()}


# ---- published values


def test_the_fit_of_the_donations_is_that_of_the_paper(donations):
    fit = maximise(total, donations, MODEL.positives(6.0), remedy="take more data")
    assert fit.values() == pytest.approx([1.204, 0.750, 0.657, 2.783], abs=1e-3)
    assert fit.log_likelihood == pytest.approx(-33225.58, abs=5e-3)
    assert fit.notes == ()


def test_the_expected_gifts_of_five_years_are_those_of_the_paper(donations):
    """A donor of every year may be expected to give 3.75 times, one of only the first .07 times."""
    x, t_x, T = (donations[name] for name in ("x", "t_x", "T"))
    expected = MODEL.alive(DONORS, x, t_x, T)[0] * MODEL.purchases(DONORS, x, T, 5.0, 0)
    assert expected[(x == 6) & (t_x == 6)] == pytest.approx(3.75, abs=5e-3)
    assert expected[x == 0] == pytest.approx(0.07, abs=5e-3)


# ---- the formulas of the paper, in 40 digits


def twin(th, x, t_x, n):
    """Return the log-likelihood (equation 5) and P(alive at n)."""
    with mp.workdps(40):
        al, be, ga, de = map(mp.mpf, th)
        x, t_x, n = int(x), int(t_x), int(n)

        def share(periods, left):
            bought = mp.beta(al + x, be + periods - x) / mp.beta(al, be)
            return bought * mp.beta(ga + left, de + periods) / mp.beta(ga, de)

        stayed = share(n, 0)
        whole = stayed + sum(share(i, 1) for i in range(t_x, n))
        return float(mp.log(whole)), float(stayed / whole)


def twin_purchases(th, x, n, H):
    """Return equation 13 over P(alive); gamma is moved by 1e-25, off the pole."""
    with mp.workdps(60):
        al, be, ga, de = map(mp.mpf, th)
        ga = ga + mp.mpf(10) ** -25
        x, n, H = int(x), int(n), int(H)

        def part(k):
            return mp.gammaprod([1 + de + n + k], [ga + de + n + k])

        chance = (al + x) / (al + be + n)
        there = mp.gammaprod([ga + de + n], [de + n])
        return float(chance * there / (ga - 1) * (part(0) - part(H)))


def logs(low, high):
    return st.floats(np.log(low), np.log(high)).map(np.exp)


PARAMS = st.builds(BgBbParams, *[logs(0.03, 50)] * 4)


@st.composite
def pasts(draw, longest=40):
    n = draw(st.integers(0, longest))
    t_x = draw(st.integers(0, n))
    return float(draw(st.integers(1, t_x)) if t_x else 0), float(t_x), float(n)


@given(PARAMS, pasts())
@settings(max_examples=40)
@example(DONORS, (5.0, 20.0, 700.0))
@example(DONORS, (300.0, 600.0, 700.0))
@example(BgBbParams(2_000.0, 8_000.0, 30.0, 9_000.0), (150.0, 690.0, 700.0))
def test_likelihood_and_alive_are_those_of_the_paper(th, past):
    one = [np.array([v]) for v in past]
    true, alive = twin(th, *past)
    assert float(log_likelihood(th, *one)[0]) == pytest.approx(true, rel=1e-11, abs=1e-11)
    assert MODEL.alive(th, *one)[0, 0] == pytest.approx(alive, rel=1e-11)


@given(PARAMS, pasts(), st.integers(1, 60))
@settings(max_examples=40)
@example(DONORS._replace(gamma=1.0), (2.0, 5.0, 6.0), 5)
def test_purchases_are_those_of_the_paper(th, past, H):
    x, _, n = (np.array([v]) for v in past)
    found = MODEL.purchases(th, x, n, float(H), 0)[0]
    assert found == pytest.approx(twin_purchases(th, past[0], past[2], H), rel=1e-11)


@given(logs(1e-4, 1e8), logs(0.1, 1e5))
def test_log_rising_keeps_its_digits(a, k):
    with mp.workdps(40):
        true = float(mp.loggamma(mp.mpf(a) + k) - mp.loggamma(a))
    assert float(log_rising(a, jnp.asarray(k))) == pytest.approx(true, rel=1e-13, abs=1e-13)


# ---- rows, draws, gradients


def population(size=60, longest=40):
    rng = np.random.default_rng(2)
    T = rng.integers(0, longest, size).astype(np.float64)
    t_x = np.floor(rng.random(size) * (T + 1))
    return np.ceil(rng.random(size) * t_x), t_x, T


def test_gradient_and_curvature_are_those_of_central_differences():
    x, t_x, T = population()
    data = {"x": x, "t_x": t_x, "T": T, "times": np.ones_like(x)}
    u = np.array(DONORS)
    found, curvature = slope(u, data)[1], jax.hessian(total)(jnp.array(u), data)
    both = [[slope(u + d, data), slope(u - d, data)] for d in 1e-5 * np.eye(4)]
    true = np.array([float(a[0] - b[0]) / 2e-5 for a, b in both])
    assert np.asarray(found) == pytest.approx(true, rel=1e-4)
    bent = np.array([np.asarray(a[1] - b[1]) / 2e-5 for a, b in both])
    assert np.asarray(curvature) == pytest.approx(bent, rel=1e-4, abs=1e-4)


def test_value_and_gradient_are_finite_at_the_edges():
    data = {
        "x": np.array([0.0, 0.0, 1.0, 700.0, 1.0]),
        "t_x": np.array([0.0, 0.0, 1.0, 700.0, 1.0]),
        "T": np.array([0.0, 700.0, 1.0, 700.0, 700.0]),
        "times": np.ones(5),
    }
    for th in itertools.product((1e-4, 1e4), (1e-5, 1e7), (1e-4, 1e4), (1e-5, 1e7)):
        value, gradient = slope(np.array(th), data)
        assert np.isfinite(float(value)), th
        assert np.isfinite(np.asarray(gradient)).all(), th


def test_parameters_may_differ_by_row_and_by_draw():
    x, t_x, T = (v[:9] for v in population())
    many = BgBbParams(*(np.array(DONORS)[:, None] * np.linspace(0.5, 2, 9)))
    each = [BgBbParams(*(v[i] for v in many)) for i in range(9)]
    one = [float(log_likelihood(th, x[i], t_x[i], T[i])) for i, th in enumerate(each)]
    assert np.asarray(log_likelihood(many, x, t_x, T)) == pytest.approx(np.array(one), rel=1e-12)
    by_draw = BgBbParams(*(v[None] for v in many))
    wide = MODEL.alive(by_draw, x[:, None], t_x[:, None], T[:, None])
    narrow = np.stack([MODEL.alive(th, x, t_x, T)[0] for th in each], axis=1)
    assert wide[0] == pytest.approx(narrow, rel=1e-13)
    H = np.arange(9.0)
    steps = np.array(list(itertools.islice(MODEL.counts(many, x, T, H, 0), 12)))
    assert steps.sum(axis=0) == pytest.approx(1.0, abs=1e-12)
    mean = MODEL.purchases(many, x, T, H, 0)
    assert (np.arange(12)[:, None] * steps).sum(axis=0) == pytest.approx(mean, rel=1e-11)
    drawn = MODEL.draw(by_draw, x[:, None], T[:, None], 8.0, 0, np.random.default_rng(0))
    assert drawn.shape == (9, 9)
    assert drawn.max() <= 8


@given(PARAMS)
def test_coordinates_are_there_and_back(th):
    eta = MODEL.eta(th)
    assert np.array(MODEL.params(eta)) == pytest.approx(np.array(th), rel=1e-12)
    assert len(MODEL.coordinates) == len(eta)


# ---- the distribution of the count, and the mechanism


@given(PARAMS, pasts(), st.integers(0, 60))
@settings(max_examples=40)
@example(BgBbParams(700.0, 0.5, 0.1, 50.0), (20.0, 30.0, 40.0), 700)
def test_counts_have_the_mean_that_is_expected(th, past, H):
    x, _, T = (np.array([v]) for v in past)
    p = np.concatenate(list(itertools.islice(MODEL.counts(th, x, T, float(H), 0), H + 3)))
    assert (p >= 0).all()
    assert (p[H + 1 :] == 0).all()
    assert p.sum() == pytest.approx(1.0, abs=1e-11)
    mean = MODEL.purchases(th, x, T, float(H), 0)[0]
    assert (np.arange(len(p)) * p).sum() == pytest.approx(mean, rel=1e-10)
    assert p[0] == pytest.approx(1 - MODEL.p_active(th, x, T, 0.0, float(H), 0)[0], abs=1e-12)


@pytest.mark.parametrize(("x", "T"), [(0.0, 1.0), (2.0, 6.0), (6.0, 6.0)])
def test_all_doors_are_those_of_the_mechanism(x, T):
    """Before each opportunity customers leave or not, at each they buy or not."""
    rng, n, H = np.random.default_rng(3), 200_000, 8
    buys = rng.beta(DONORS.alpha + x, DONORS.beta + T - x, n)[:, None]
    leaves = rng.beta(DONORS.gamma, DONORS.delta + T, n)[:, None]
    there = np.cumprod(rng.random((n, H)) >= leaves, axis=1)
    bought = there * (rng.random((n, H)) < buys)
    one = np.array([x]), np.array([T])
    p = np.concatenate(list(itertools.islice(MODEL.counts(DONORS, *one, 8.0, 0), H + 1)))
    mean = MODEL.purchases(DONORS, *one, 8.0, 0)[0]
    drawn = MODEL.draw(DONORS, np.full(n, x), np.full(n, T), 8.0, 0, rng)
    for count in (bought.sum(axis=1), drawn.astype(np.int64)):
        seen = np.bincount(count, minlength=H + 1) / n
        assert (np.abs(seen - p) < 5 * np.sqrt(p * (1 - p) / n)).all()
        assert abs(count.mean() - mean) < 5 * count.std() / np.sqrt(n)
    active = MODEL.p_active(DONORS, *one, 3.0, 8.0, 0)[0]
    found = bought[:, 3:].any(axis=1).mean()
    assert abs(found - active) < 5 * np.sqrt(active * (1 - active) / n)


def test_simulated_truth_is_found():
    rng, n, th = np.random.default_rng(4), 5_000, BgBbParams(1.5, 3.0, 0.8, 9.0)
    T = rng.integers(6, 25, n).astype(np.float64)
    number = np.arange(1.0, 25.0)
    there = np.cumprod(rng.random((n, 24)) >= rng.beta(th.gamma, th.delta, n)[:, None], axis=1)
    bought = there * (rng.random((n, 24)) < rng.beta(th.alpha, th.beta, n)[:, None])
    bought = bought * (number <= T[:, None])
    data = {
        "x": bought.sum(axis=1),
        "t_x": (number * bought).max(axis=1),
        "T": T,
        "times": np.ones(n),
    }
    fit = maximise(total, data, MODEL.positives(float(T.mean())), remedy="take more data")
    for true, e in zip(th, fit.estimates.values(), strict=True):
        assert abs(np.log(e.value / true)) < 2.576 * e.se / e.value
