"""Likelihoods keep their digits where shapes are large: a sampler that gets there must get back.

Of customers ever more alike the likelihood tends to that of one rate and one chance. Lost digits
would make it rise instead, to a mode that no data has.
"""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from lifeworth.models.btyd.gamma_gamma import gamma_gamma_params
from lifeworth.models.btyd.math import gamma_gamma_constants, gamma_gamma_kernel
from lifeworth.models.btyd.processes.beta_geometric import BetaGeometric
from lifeworth.models.btyd.processes.bgbb import BgBb
from lifeworth.models.btyd.processes.pareto_nbd import ParetoNbd

LOGS = [0.0, 30.0, 36.0, 60.0, 100.0]
PAST = (np.array([0.0, 1.0, 5.0, 40.0]), np.array([0.0, 9.0, 100.0, 140.0]), np.full(4, 150.0))
"""x, t_x, T."""
DIGITS = 200
shapes = pytest.mark.parametrize(
    ("first", "second"), [(0.0, 36.0), (36.0, 0.0), (60.0, 36.0), (100.0, 100.0)]
)
FAMILY = [BetaGeometric(k=k, modified=m) for k in (1, 3) for m in (False, True)]


def log_likelihood(model, eta):
    th, past = model.params(jnp.asarray(eta)), [jnp.asarray(v) for v in PAST]
    return model.counting(th, past[0]) + model.timing(th, *past)


def rising(a, k):
    return mp.loggamma(a + k) - mp.loggamma(a)


def log_beta(a, b, of_a, of_b):
    """Return log B(a + of_a, b + of_b) / B(a, b)."""
    return rising(a, of_a) + rising(b, of_b) - rising(a + b, of_a + of_b)


def beta_geometric(model, th, x, t_x, T):
    r, alpha, a, b = th
    s, n = r + model.k * x, x + model.modified
    stays = sum(
        mp.exp(rising(s, j) - mp.loggamma(j + 1) - (s + j) * mp.log(alpha + T)) * (T - t_x) ** j
        for j in range(model.k)
    )
    whole = mp.exp(log_beta(a, b, 0, n)) * stays
    if n:
        whole += mp.exp(log_beta(a, b, 1, n - 1) - s * mp.log(alpha + t_x))
    return rising(r, model.k * x) + r * mp.log(alpha) + mp.log(whole)


def pareto_nbd(_, th, x, t_x, T):
    r, alpha, s, beta = th

    def lasting(u):
        return mp.exp(-(r + x) * mp.log(alpha + u) + s * mp.log(beta / (beta + u)))

    left = mp.quad(lambda u: s / (beta + u) * lasting(u), mp.linspace(t_x, T, 6))
    return rising(r, x) + r * mp.log(alpha) + mp.log(lasting(T) + left)


def bgbb(_, th, x, t_x, n):
    al, be, ga, de = th
    whole = mp.exp(log_beta(al, be, x, n - x) + log_beta(ga, de, 0, n))
    for i in range(int(n - t_x)):
        bought = log_beta(al, be, x, t_x - x + i)
        whole += mp.exp(bought + log_beta(ga, de, 1, t_x + i))
    return mp.log(whole)


def exact(twin, model, eta):
    with mp.workdps(DIGITS):
        th = [mp.mpf(float(v)) for v in model.params(np.asarray(eta))]
        return [
            float(twin(model, th, *(mp.mpf(float(v)) for v in one))) for one in np.transpose(PAST)
        ]


@pytest.mark.parametrize("first", LOGS)
@pytest.mark.parametrize("second", LOGS)
@pytest.mark.parametrize("model", FAMILY, ids=lambda model: model.title)
def test_beta_geometric(model, first, second):
    eta = [-3.0, first, -1.0, second]
    true = exact(beta_geometric, model, eta)
    assert np.asarray(log_likelihood(model, eta)) == pytest.approx(true, rel=1e-10)


@pytest.mark.parametrize(
    ("first", "second"), [(0.0, 36.0), (36.0, 0.0), (60.0, 36.0), (100.0,) * 2]
)
def test_pareto_nbd(first, second):
    eta = [-3.0, first, -5.0, second]
    true = exact(pareto_nbd, ParetoNbd(), eta)
    assert np.asarray(log_likelihood(ParetoNbd(), eta)) == pytest.approx(true, rel=1e-10)


@pytest.mark.parametrize(
    ("first", "second"), [(0.0, 36.0), (36.0, 0.0), (60.0, 36.0), (100.0,) * 2]
)
def test_bgbb(first, second):
    eta = [-1.0, first, -4.0, second]
    true = exact(bgbb, BgBb(), eta)
    assert np.asarray(log_likelihood(BgBb(), eta)) == pytest.approx(true, rel=1e-10)


@pytest.mark.parametrize("p", [-30.0, *LOGS])
@pytest.mark.parametrize("likeness", [-30.0, *LOGS])
def test_gamma_gamma(p, likeness):
    x, m = np.array([1.0, 3.0, 40.0]), np.array([3_500.0, 120.0, 9_000.0])
    eta = np.array([8.0, p, likeness])
    th, (counts, means) = gamma_gamma_params(jnp.asarray(eta)), map(jnp.asarray, (x, m))
    found = gamma_gamma_constants(th, counts) + gamma_gamma_kernel(th, counts, means)
    with mp.workdps(DIGITS):
        p, q, gamma = (mp.mpf(float(v)) for v in gamma_gamma_params(eta))
        true = [
            float(
                rising(p * n, q)
                - mp.loggamma(q)
                + q * mp.log(gamma)
                + (p * n - 1) * mp.log(value)
                + p * n * mp.log(n)
                - (p * n + q) * mp.log(gamma + value * n)
            )
            for n, value in zip(map(mp.mpf, x), map(mp.mpf, m), strict=True)
        ]
    assert np.asarray(found) == pytest.approx(true, rel=1e-10)


@pytest.mark.parametrize("model", [*FAMILY, BgBb()], ids=lambda model: model.title)
@pytest.mark.parametrize("logit", [-60.0, 60.0])
def test_a_chance_near_one_leaves_what_is_left_of_it(model, logit):
    """1 - 1 / (1 + e^-60) is 0, whose log is no number."""
    found = model.params(np.array([-3.0, 0.5, logit, 0.5]))[2:]
    likely, unlikely = np.exp(0.5), np.exp(0.5 - 60.0)
    true = (likely, unlikely) if logit > 0 else (unlikely, likely)
    assert found == pytest.approx(true, rel=1e-12)


@pytest.mark.parametrize("model", [*FAMILY, BgBb(), ParetoNbd()], ids=lambda model: model.title)
@pytest.mark.parametrize("log", LOGS)
def test_gradients_are_finite_and_vanish_in_a_shape_that_no_longer_matters(model, log):
    at = jnp.array([-3.0, log, -4.0, log])
    slope = np.asarray(jax.grad(lambda eta: log_likelihood(model, eta).sum())(at))
    assert np.isfinite(slope).all()
    if log >= 30.0:  # of a count over T the next term is of the order of T^2 over the shape
        assert np.abs(slope[[1, 3]]).max() < 150.0**2 * np.exp(-log) + 1e-12
