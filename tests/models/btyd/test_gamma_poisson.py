"""Purchase rates: the negative binomial of SciPy as a twin, recovery of what was simulated."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.stats import nbinom

from lifeworth.engines.likelihood import FitError
from lifeworth.models.btyd import gamma_poisson
from lifeworth.models.btyd.gamma_poisson import GammaPoisson, fit_gamma_poisson, log_likelihood


def simulated(seed: int, customers: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    T = rng.integers(0, 700, customers).astype(float)
    return rng.poisson(rng.gamma(0.6, 1 / 80.0, customers) * T).astype(float), T


def test_the_likelihood_is_the_negative_binomial() -> None:
    x, T = np.arange(6.0), np.array([3.0, 10.0, 1.0, 500.0, 40.0, 2.0])
    twin = nbinom.logpmf(x, 0.6, 80 / (80 + T))
    np.testing.assert_allclose(log_likelihood(GammaPoisson(0.6, 80.0), x, T), twin, rtol=1e-10)


def test_parameters_are_recovered_and_the_gradient_is_right() -> None:
    """Within 4 standard errors: about .012 of log r, .02 of log alpha with 20,000 customers."""
    x, T = simulated(1)
    found = fit_gamma_poisson(x, T)
    np.testing.assert_allclose(np.log(found), np.log([0.6, 80.0]), atol=0.08)
    loss = gamma_poisson._loss
    given = x[:50], T[:50], np.ones(50)
    apart = check_grad(lambda at: loss(at, *given)[0], lambda at: loss(at, *given)[1], [0.3, 3.0])
    assert apart < 1e-5


def test_the_rate_lies_between_the_customer_and_all() -> None:
    """(.6 + 3) / (80 + 100) = .02, between .6 / 80 and 3 / 100."""
    rate = GammaPoisson(0.6, 80.0).posterior_mean(np.array([3.0, 0.0]), np.array([100.0, 0.0]))
    np.testing.assert_allclose(rate, [0.02, 0.0075], rtol=1e-12)


def test_nobody_who_bought_twice_is_refused() -> None:
    with pytest.raises(FitError, match="none of 4 customers bought twice"):
        fit_gamma_poisson(np.zeros(4), np.arange(4.0))
