"""Pareto/NBD against published values, closed forms and integrals in mpmath, and its mechanism."""

import itertools

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lifeworth.engines.likelihood import maximise
from lifeworth.models.btyd.processes.pareto_nbd import ParetoNbd, ParetoNbdParams
from lifeworth.models.btyd.statistics import distinct

MODEL = ParetoNbd()
CDNOW = ParetoNbdParams(0.553, 10.578, 0.606, 11.669)
COUNTED = np.array([2.0, 0.0, 1.0, 7.0, 26.0, 29.0, 200.0, 500.0, 0.0])
LAST = np.array([30.43, 0.0, 1.71, 29.43, 30.86, 37.71, 38.0, 499.0, 0.0])
AGE = np.array([38.86, 38.86, 38.86, 38.86, 31.0, 38.0, 40.0, 501.0, 0.14])
PAST = COUNTED, LAST, AGE
GOLDEN = {
    "log_likelihood": [
        -9.554283245150407, -0.5210462940808903, -4.4501943338810115, -21.59464321811261,
        -39.131671540302776, -45.05606148685509, 76.30260921429958, -515.1024817092549,
        -0.007244684331405163,
    ],
    "alive": [
        0.8691675591530111, 0.29528660461689415, 0.1680023267243449, 0.7495014076670343,
        0.9979187310551583, 0.9961260449723085, 0.09211184487801943, 0.992667969980133,
        0.9927726970015047,
    ],
    "purchases": [
        1.4551231932576025, 0.10708146821530884, 0.17109298055378316, 3.712251380470544,
        20.117026077370504, 19.595770174100203, 11.880278607881843, 37.040485880590566,
        1.1928941427884034,
    ],
}  # fmt: skip
"""In 40 digits with CDNOW's parameters, over 39 weeks."""


def log_likelihood(th, x, t_x, T):
    x, t_x, T = (jnp.asarray(v) for v in (x, t_x, T))
    return MODEL.counting(th, x) + MODEL.timing(th, x, t_x, T)


def total(u, data):
    each = MODEL.timing(ParetoNbdParams(*u), data["x"], data["t_x"], data["T"])
    return (data["times"] * (each + MODEL.counting(ParetoNbdParams(*u), data["x"]))).sum()


slope = jax.jit(jax.value_and_grad(total))


def data_of(x, t_x, T):
    same = distinct(x, t_x, T)
    times = same.times.astype(np.float64)
    return {"x": x[same.first], "t_x": t_x[same.first], "T": T[same.first], "times": times}


# ---- published values


def test_golden_values():
    alive = MODEL.alive(CDNOW, *PAST)
    assert alive.shape == (1, 9)
    expected = alive[0] * MODEL.purchases(CDNOW, COUNTED, AGE, 39.0, 0)
    found = np.asarray(log_likelihood(CDNOW, *PAST))
    assert found == pytest.approx(np.array(GOLDEN["log_likelihood"]), rel=1e-12)
    assert alive[0] == pytest.approx(np.array(GOLDEN["alive"]), rel=1e-12)
    assert expected == pytest.approx(np.array(GOLDEN["purchases"]), rel=1e-12)
    assert alive[0, 0] == pytest.approx(0.86916756, abs=5e-9)
    assert expected[0] == pytest.approx(1.45512319, abs=5e-9)


def test_the_fit_of_the_sample_of_cdnow_is_that_of_the_paper(cdnow):
    data = data_of(cdnow.x, cdnow.t_x, cdnow.T)
    parameters = MODEL.positives(float(cdnow.T.mean()))
    fit = maximise(total, data, parameters, remedy="take more data")
    assert fit.values() == pytest.approx([0.553, 10.578, 0.606, 11.669], rel=2e-3)
    assert fit.log_likelihood == pytest.approx(-9594.976, abs=5e-3)
    errors = [e.se for e in fit.estimates.values()]
    assert errors == pytest.approx([0.048, 0.843, 0.187, 6.21], rel=0.05)
    assert fit.notes == ()


# ---- the closed forms and integrals of the note, in 18 digits


def twin(th, x, t_x, T):
    """Return the log-likelihood and P(alive), the integral over the moment of leaving as it is."""
    with mp.workdps(18):
        r, alpha, s, beta, x, t_x, T = map(mp.mpf, (*th, x, t_x, T))
        stayed = (beta / (beta + T)) ** s * (alpha + T) ** -(r + x)

        def leaving(v):  # in the log of time, where it is smooth
            u = t_x + mp.exp(v)
            return s * beta**s * (beta + u) ** -(s + 1) * (alpha + u) ** -(r + x) * mp.exp(v)

        top = mp.log(T - t_x)
        left = mp.quad(leaving, mp.linspace(top - 45, top, 46)) if t_x < T else mp.mpf(0)
        counting = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha)
        return float(counting + mp.log(stayed + left)), float(stayed / (stayed + left))


def logs(low, high):
    return st.floats(np.log(low), np.log(high)).map(np.exp)


PARAMS = st.builds(
    ParetoNbdParams, logs(0.03, 20), logs(0.1, 100), logs(0.03, 20), logs(0.1, 1_000)
)
FREQUENCY = st.sampled_from([0.0, 1.0, 2.0, 7.0, 60.0, 1_000.0])


@given(PARAMS, FREQUENCY, logs(0.1, 1_000), st.floats(0, 1))
@settings(max_examples=15)
@example(CDNOW, 1_000.0, 1_000.0, 0.1)
@example(ParetoNbdParams(0.5, 100.0, 0.5, 0.1), 0.0, 1_000.0, 0.0)
@example(ParetoNbdParams(0.5, 0.1, 20.0, 1_000.0), 2.0, 1_000.0, 0.01)
def test_likelihood_and_alive_are_their_integrals(th, x, T, share):
    t_x = T * share if x > 0 else 0.0
    one = [np.array([v]) for v in (x, t_x, T)]
    true, alive = twin(th, x, t_x, T)
    assert float(log_likelihood(th, *one)[0]) == pytest.approx(true, rel=1e-10, abs=1e-10)
    assert MODEL.alive(th, *one)[0, 0] == pytest.approx(alive, rel=1e-9, abs=1e-250)


@given(PARAMS, FREQUENCY, logs(0.1, 1_000), logs(0.1, 1_000), st.floats(0, 0.95))
@settings(max_examples=15)
def test_purchases_and_activity_are_their_integrals(th, x, T, H, share):
    start = share * H
    with mp.workdps(18):
        p, A, s, B = (mp.mpf(v) for v in (th.r + x, th.alpha + T, th.s, th.beta + T))
        span = mp.linspace(mp.log(A), mp.log(A + H), 9)
        count = mp.quad(lambda v: p / A * (B / (B + mp.exp(v) - A)) ** s * mp.exp(v), span)

        def first(v):  # no purchase since `start`, one now, there still
            u = mp.exp(v) - A
            return p * mp.exp(-p * (v - mp.log(A))) * (B / (B + start + u)) ** s

        active = mp.quad(first, mp.linspace(mp.log(A), mp.log(A + H - start), 21))
    one = [np.array([v]) for v in (x, T, H)]
    assert MODEL.purchases(th, *one, 0)[0] == pytest.approx(float(count), rel=1e-10)
    found = MODEL.p_active(th, *one[:2], start, H, 0)[0]
    assert found == pytest.approx(float(active), rel=1e-9)


@pytest.mark.parametrize("off", [0.0, 1e-15, -1e-12, 1e-9, -1e-6])
def test_purchases_have_no_pole_at_s_of_1(off):
    near = CDNOW._replace(s=1.0 + off)
    grown = (near.r + 2.0) / (near.alpha + 39.0) * (near.beta + 39.0)
    found = MODEL.purchases(near, np.array([2.0]), np.array([39.0]), 39.0, 0)
    log = np.log1p(39.0 / (near.beta + 39.0))
    assert found[0] == pytest.approx(grown * log * (1 - off * log / 2), rel=1e-12)


# ---- rows, draws, gradients


STRESS = (
    np.array([221.0, 254.0, 161.0, 204.0]),
    np.array([103.42857, 97.14286, 94.71429, 98.57143]),
    np.array([103.57143, 97.28571, 98.0, 99.42857]),
)


@pytest.mark.parametrize(
    "past",
    [PAST, STRESS, (np.array([0.0, 0.0, 3.0]), np.array([0.0, 0.0, 5.0]), np.array([0.0, 9, 5]))],
)
def test_gradient_is_that_of_central_differences(past):
    data = data_of(*past)
    for th in (CDNOW, ParetoNbdParams(0.5143, 2.8845, 0.2856, 14.1087)):
        u = np.array(th)
        value, found = slope(u, data)
        assert np.isfinite(float(value))
        steps = 1e-5 * np.diag(u)
        true = [float(slope(u + d, data)[0] - slope(u - d, data)[0]) / (2 * d.sum()) for d in steps]
        assert np.asarray(found) == pytest.approx(np.array(true), rel=1e-4, abs=1e-5)


def test_value_and_gradient_are_finite_at_the_edges():
    data = data_of(
        np.array([0.0, 0.0, 1.0, 1_000.0, 1_000.0]),
        np.array([0.0, 0.0, 0.0, 39.0, 1.0]),
        np.array([0.0, 39.0, 0.0, 39.0, 1_000.0]),
    )
    edges = itertools.product((1e-4, 1e4), (1e-5, 1e7), (1e-4, 1e4), (1e-5, 1e7))
    for th in edges:
        value, gradient = slope(np.array(th), data)
        assert np.isfinite(float(value)), th
        assert np.isfinite(np.asarray(gradient)).all(), th


def test_parameters_may_differ_by_row_and_by_draw():
    rng = np.random.default_rng(1)
    many = ParetoNbdParams(*(np.array(CDNOW)[:, None] * rng.uniform(0.5, 2, (4, 9))))
    each = [ParetoNbdParams(*(v[i] for v in many)) for i in range(9)]
    one = [float(log_likelihood(th, *(v[i] for v in PAST))) for i, th in enumerate(each)]
    assert np.asarray(log_likelihood(many, *PAST)) == pytest.approx(np.array(one), rel=1e-13)
    wide = MODEL.alive(ParetoNbdParams(*(v[None] for v in many)), *(v[:, None] for v in PAST))[0]
    assert wide.shape == (9, 9)
    narrow = np.stack([MODEL.alive(th, *PAST)[0] for th in each], axis=1)
    assert wide == pytest.approx(narrow, rel=1e-13)
    rows = COUNTED, AGE
    counts = next(MODEL.counts(many, *rows, 39.0, 0))
    active = MODEL.p_active(many, *rows, 0.0, 39.0, 0)
    assert counts == pytest.approx(1 - active, rel=1e-9, abs=1e-12)


@given(PARAMS)
def test_coordinates_are_there_and_back(th):
    eta = MODEL.eta(th)
    assert np.array(MODEL.params(eta)) == pytest.approx(np.array(th), rel=1e-12)
    assert len(MODEL.coordinates) == len(eta)
    unit = MODEL.coordinates[0].unit
    assert unit * np.exp(eta[0]) == pytest.approx(365.25 * th.r / th.alpha)


# ---- the distribution of the count, and the mechanism


@given(
    st.builds(ParetoNbdParams, logs(0.1, 20), logs(1, 100), logs(0.1, 20), logs(1, 100)),
    st.sampled_from([0.0, 1.0, 10.0, 200.0]),
    st.floats(1, 300),
    st.floats(0.05, 2),
)
@settings(max_examples=30)
def test_counts_have_the_mean_that_is_expected(th, x, T, c):
    one = [np.array([v]) for v in (x, T, c * (th.alpha + T))]
    p = np.concatenate(list(itertools.islice(MODEL.counts(th, *one, 0), 2_500)))
    assert (p >= 0).all()
    assert p.sum() == pytest.approx(1.0, abs=1e-9)
    mean = MODEL.purchases(th, *one, 0)[0]
    assert (np.arange(len(p)) * p).sum() == pytest.approx(mean, rel=1e-8)
    assert p[0] == pytest.approx(1 - MODEL.p_active(th, *one[:2], 0.0, one[2], 0)[0], abs=1e-11)


@pytest.mark.parametrize(("x", "T"), [(0.0, 5.0), (2.0, 38.0), (26.0, 31.0)])
def test_all_doors_are_those_of_the_mechanism(x, T):
    """Customers have a lifetime and, in each part of the horizon, purchases at their own rate."""
    rng, n, H = np.random.default_rng(3), 200_000, 39.0
    rate = rng.gamma(CDNOW.r + x, 1 / (CDNOW.alpha + T), n)
    life = rng.exponential(1 / rng.gamma(CDNOW.s, 1 / (CDNOW.beta + T), n))
    early = rng.poisson(rate * np.minimum(life, 13.0))
    late = rng.poisson(rate * (np.clip(life, 13.0, H) - 13.0))
    one = np.array([x]), np.array([T])
    p = np.concatenate(list(itertools.islice(MODEL.counts(CDNOW, *one, H, 0), 300)))
    drawn = MODEL.draw(CDNOW, np.full(n, x), np.full(n, T), H, 0, rng)
    often = p > 1e-4
    for count in (early + late, drawn.astype(np.int64)):
        seen = np.bincount(count, minlength=300)[:300] / n
        assert (np.abs(seen - p)[often] < 5 * np.sqrt(p * (1 - p) / n)[often]).all()
        mean = MODEL.purchases(CDNOW, *one, H, 0)[0]
        assert abs(count.mean() - mean) < 5 * count.std() / np.sqrt(n)
    active = MODEL.p_active(CDNOW, *one, 13.0, H, 0)[0]
    assert abs((late > 0).mean() - active) < 5 * np.sqrt(active * (1 - active) / n)


def test_draws_have_the_shape_of_what_they_are_of():
    rng = np.random.default_rng(0)
    th = ParetoNbdParams(*(np.full((1, 4), v) for v in CDNOW))
    drawn = MODEL.draw(th, COUNTED[:, None], AGE[:, None], 39.0, 0, rng)
    assert drawn.shape == (9, 4)
    assert drawn.dtype == np.float64


def test_simulated_truth_is_found():
    rng, n, th = np.random.default_rng(8), 5_000, ParetoNbdParams(0.8, 40.0, 0.7, 90.0)
    T = rng.integers(50, 400, n).astype(np.float64)
    rate = rng.gamma(th.r, 1 / th.alpha, n)
    life = np.minimum(T, rng.exponential(1 / rng.gamma(th.s, 1 / th.beta, n)))
    x = rng.poisson(rate * life).astype(np.float64)
    t_x = np.where(x > 0, life * rng.random(n) ** (1 / np.maximum(x, 1)), 0.0)
    data = data_of(x, t_x, T)
    fit = maximise(total, data, MODEL.positives(float(T.mean())), remedy="take more data")
    for true, e in zip(th, fit.estimates.values(), strict=True):
        assert abs(np.log(e.value / true)) < 2.576 * e.se / e.value
