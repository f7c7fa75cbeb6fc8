"""Gamma-Gamma: the likelihood against integrals, the posterior mean against simulated truth."""

import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from lifeworth.engines.likelihood import FitError
from lifeworth.engines.pooled import Groups
from lifeworth.engines.posterior import Sampling
from lifeworth.models.btyd import gamma_gamma
from lifeworth.models.btyd.estimate import Inference, Seen
from lifeworth.models.btyd.gamma_gamma import gamma_gamma_params
from lifeworth.models.btyd.math import (
    GammaGammaParams,
    gamma_gamma_constants,
    gamma_gamma_kernel,
    gamma_gamma_mean,
    gamma_gamma_mean_swapped,
)
from lifeworth.models.btyd.pool import Grouped
from lifeworth.models.btyd.statistics import Statistics

WORK = Sampling(draws=400, warmup=1, chains=1, steps=1, batch=1)
MLE = Inference(method="mle", sampling=WORK, seed=3, said=None)

TRUE = GammaGammaParams(6.25, 3.74, 1_544.0)


def some(x, m):
    zero = np.zeros_like(x)
    return Statistics(np.arange(len(x)).astype(str).astype(object), x, zero, zero + 9.0, m, zero)


def alone(n):
    """Return the one group of all."""
    one = Groups(codes=np.zeros((1, 0), dtype=np.int64), values=np.zeros((1, 0)))
    return Grouped(one, np.zeros(n, dtype=np.int64))


def fit_gamma_gamma(x, m, kind="gamma_gamma"):
    return gamma_gamma.fit_gamma_gamma(some(x, m), alone(len(x)), MLE, kind)


def mean(fitted, stats):
    return fitted.mean(stats, Seen(fitted.estimate.posterior, alone(len(stats.x)), 3))


def letters(fitted):
    return gamma_gamma_params(fitted.estimate.posterior.draws["population"][0])


def simulated(n, seed):
    """Draw x, m and the true mean spend of `n` customers; as many repeats as one likes."""
    rng = np.random.default_rng(seed)
    x = 1.0 + rng.poisson(1.5, n)
    nu = rng.gamma(TRUE.q, 1 / TRUE.gamma, n)
    return x, rng.gamma(TRUE.p * x, 1 / nu) / x, TRUE.p / nu


@pytest.mark.parametrize("th", [TRUE, GammaGammaParams(0.4, 1.3, 20.0)])
@pytest.mark.parametrize(("x", "m"), [(1, 3_500.0), (3, 120.0), (40, 9_000.0)])
def test_log_likelihood_is_the_integral_over_nu(th, x, m):
    """The mean of x spends is Gamma(p x, rate nu x); nu is Gamma(q, rate gamma)."""

    def density(log_nu):
        nu = mp.exp(log_nu)
        of_mean = (nu * x) ** (p * x) * mp.mpf(m) ** (p * x - 1) * mp.exp(-nu * x * m)
        of_nu = gamma**q * nu ** (q - 1) * mp.exp(-gamma * nu)
        return of_mean / mp.gamma(p * x) * of_nu / mp.gamma(q) * nu

    with mp.workdps(30):
        p, q, gamma = map(mp.mpf, th)
        peak = mp.log((p * x + q) / (gamma + x * mp.mpf(m)))
        true = mp.log(mp.quad(density, [peak + d for d in (-40, -16, -8, -4, -2, 0, 2, 4, 8)]))
    past = jnp.array([float(x)]), jnp.array([m])
    found = gamma_gamma_constants(th, past[0]) + gamma_gamma_kernel(th, *past)
    assert float(found[0]) == pytest.approx(float(true), rel=1e-11)


def test_the_posterior_mean_is_unbiased_and_the_swapped_formula_is_not():
    """By moments: the error must not correlate with anything known, here x and m."""
    x, m, truth = simulated(400_000, seed=6)
    for known in (np.ones_like(x), x, 1 / x, m / 2_000, m < 1_500, (m > 5_000) & (x == 1)):
        error = (gamma_gamma_mean(TRUE, x, m) - truth) * known
        assert abs(error.mean()) < 5 * error.std() / np.sqrt(len(x))
        wrong = (gamma_gamma_mean_swapped(TRUE, x, m) - truth) * known
        assert abs(wrong.mean()) > 20 * wrong.std() / np.sqrt(len(x))


def test_the_posterior_mean_tends_to_the_mean_and_to_the_prior():
    x = np.array([0.0, 1e9])
    assert gamma_gamma_mean(TRUE, x, np.array([0.0, 777.0])) == pytest.approx(
        [TRUE.p * TRUE.gamma / (TRUE.q - 1), 777.0]
    )
    assert gamma_gamma_mean_swapped(TRUE, x, np.array([0.0, 777.0]))[1] > 1.2 * 777.0


def test_cdnow_gives_the_published_figures(cdnow):
    """946 repeat customers; half of the last printed digit."""
    fitted = fit_gamma_gamma(cdnow.x, cdnow.m)
    p, q, gamma = fitted.parameters()
    assert fitted.repeat_customers == 946
    assert fitted.left_out == 0
    assert p.estimate == pytest.approx(6.25, abs=5e-3)
    assert q.estimate == pytest.approx(3.74, abs=5e-3)
    assert gamma.estimate == pytest.approx(15.44, abs=5e-3)
    assert fitted.log_likelihood()["gamma_gamma"] == pytest.approx(-4055.92, abs=5e-3)
    assert fitted.notes() == ()


def test_the_truth_lies_inside_99_percent_intervals():
    x, m, _ = simulated(20_000, seed=7)
    estimates = fit_gamma_gamma(x, m).estimate.maximum.estimates
    for true, e in zip(TRUE, estimates.values(), strict=True):
        assert abs(np.log(e.value / true)) < 2.576 * e.se / e.value
        assert e.low < e.value < e.high


def test_the_unit_of_money_does_not_matter():
    x, m, _ = simulated(500, seed=8)
    cents, euros = fit_gamma_gamma(x, m), fit_gamma_gamma(x, m / 100)
    assert letters(euros).gamma * 100 == pytest.approx(letters(cents).gamma, rel=1e-6)
    found, true = mean(euros, some(x, m / 100)), mean(cents, some(x, m))
    assert found * 100 == pytest.approx(true, rel=1e-6)


@pytest.mark.parametrize("kind", ["gamma_gamma", "gamma_gamma_swapped"])
def test_draws_have_the_mean_and_variance_of_the_model(kind, cdnow):
    """n spends given nu have mean n p / nu and variance n p / nu^2; nu is Gamma given the past."""
    fitted = fit_gamma_gamma(cdnow.x, cdnow.m, kind)
    stats = some(np.array([0.0, 2.0, 10.0]), np.array([0.0, 900.0, 5_000.0]))
    th, n, draws = letters(fitted), 3.0, 400_000
    purchases = np.full((3, draws), n)
    purchases[:, ::2] = 0.0
    eta = Seen(fitted.estimate.posterior, alone(3), 3).block(slice(None), draws)
    totals = fitted.totals(stats, eta, purchases, np.random.default_rng(9))
    assert (totals[:, ::2] == 0).all()
    totals = totals[:, 1::2]
    shape, rate = th.p * stats.x + th.q, th.gamma + stats.x * stats.m
    inverse, square = rate / (shape - 1), rate**2 / (shape - 1) / (shape - 2)
    variance = n * th.p * square + (n * th.p) ** 2 * (square - inverse**2)
    own = mean(fitted, stats)
    scale = own / gamma_gamma_mean(th, stats.x, stats.m)
    noise = totals.std(axis=1) / np.sqrt(draws / 2)
    assert (np.abs(totals.mean(axis=1) - n * own) < 5 * noise).all()
    # heavy tails: the variance of the one-time buyers' draws has hardly a variance of its own
    assert totals.var(axis=1)[1:] == pytest.approx((variance * scale**2)[1:], rel=0.05)


# ---- what cannot be fitted


def test_losses_are_refused_with_the_remedy():
    x, m, _ = simulated(1_000, seed=10)
    m[::40] = -120.0
    with pytest.raises(FitError) as error:
        fit_gamma_gamma(x, m)
    said = str(error.value)
    assert "25 of 1,000 repeat customers have a mean value of nothing or less" in said
    assert f"the first -120 cents over {x[0]:.0f} purchases" in said
    assert said.endswith("use model.spend=credibility")


def test_a_few_losses_are_left_out_and_said():
    x, m, _ = simulated(1_000, seed=10)
    kept = fit_gamma_gamma(x[5:], m[5:])
    m[:5] = [0.0, -1.0, -100.0, 0.0, -3.0]
    fitted = fit_gamma_gamma(x, m)
    ours, theirs = (f.estimate.maximum.values() for f in (fitted, kept))
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert fitted.left_out == 5
    (note,) = fitted.notes()
    assert note.startswith("Gamma-Gamma: 5 of 1,000 repeat customers have a mean value of nothing")
    scored = mean(fitted, some(x, m))
    assert (scored > 0).all()
    assert scored[2] == pytest.approx(gamma_gamma_mean(letters(fitted), x[2], 0.0))


def test_too_few_are_refused():
    x, m, _ = simulated(9, seed=11)
    with pytest.raises(
        FitError, match="9 customers with a repeat purchase of some value, at least 10"
    ):
        fit_gamma_gamma(np.append(x, 0.0), np.append(m, 0.0))


def test_everybody_alike_is_said():
    rng = np.random.default_rng(12)
    x = 2.0 + rng.poisson(2.0, 400)
    m = rng.gamma(5.0 * x, 1.0) / x * 400.0  # the same nu for all
    (note,) = fit_gamma_gamma(x, m).notes()
    assert note.startswith("Gamma-Gamma: q ran to its upper bound 10000: all customers spend alike")
    assert note.endswith("or try model.spend=credibility")


def test_the_swapped_formula_says_what_it_is(cdnow):
    (note,) = fit_gamma_gamma(cdnow.x, cdnow.m, "gamma_gamma_swapped").notes()
    assert "is not the Gamma-Gamma posterior mean" in note
