"""How often customers buy, as a number without steps: the gamma-Poisson, nobody ever leaving.

A customer's repeat purchases are Poisson of rate lambda a day, and lambda is Gamma(r, rate alpha).
Counts are whole numbers, and whole numbers are clusters to any method that looks for density; the
posterior mean (r + x) / (alpha + T) tells the same of customers seen for different times.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from lifeworth.engines.likelihood import FitError
from lifeworth.models.btyd.statistics import distinct

Customers = Float[np.ndarray, " customers"]

RUNAWAY = 20.0
"""Log of r or alpha beyond which customers are taken for alike."""


class GammaPoisson(NamedTuple):
    """Shape and rate (days) of the Gamma of daily purchase rates."""

    r: float
    alpha: float

    def posterior_mean(self, x: Customers, T: Customers) -> Customers:
        """Return E[lambda | x repeat purchases in T days], purchases a day."""
        return (self.r + x) / (self.alpha + T)


def log_likelihood(th: GammaPoisson, x: Customers, T: Customers) -> Customers:
    """Return log P(x | T) of each customer: the negative binomial distribution."""
    left = th.r * np.log(th.alpha / (th.alpha + T)) - gammaln(x + 1.0)
    bought = np.where(x > 0, x * np.log(np.maximum(T, 1e-300) / (th.alpha + T)), 0.0)
    return gammaln(th.r + x) - gammaln(th.r) + left + bought


def fit_gamma_poisson(x: Customers, T: Customers) -> GammaPoisson:
    """Return r and alpha at the maximum of the likelihood.

    Raises
    ------
    FitError
        If nobody bought twice.
    """
    if not (x > 0).any():
        raise FitError(
            f"purchase rate: none of {len(x):,} customers bought twice; take a longer "
            "History (split.window_days, split.cutoff), or leave purchase_rate out of the features"
        )
    rows = distinct(x, T)
    x, T, times = x[rows.first], T[rows.first], rows.times.astype(np.float64)
    start = [0.0, math.log(max(float((times * T).sum() / (times * x).sum()), 1.0))]
    bounds = [(-RUNAWAY, RUNAWAY)] * 2
    given = (x, T, times)
    found = minimize(_loss, start, args=given, jac=True, method="L-BFGS-B", bounds=bounds)
    r, alpha = np.exp(found.x)
    return GammaPoisson(float(r), float(alpha))


def _loss(at: np.ndarray, x: Customers, T: Customers, times: Customers) -> tuple[float, np.ndarray]:
    """Return minus the mean log-likelihood and its gradient in (log r, log alpha)."""
    th = GammaPoisson(*map(float, np.exp(at)))
    of_r = digamma(th.r + x) - digamma(th.r) + np.log(th.alpha / (th.alpha + T))
    of_alpha = th.r / th.alpha - (th.r + x) / (th.alpha + T)
    total = times.sum()
    slope = np.array([(times * of_r).sum() * th.r, (times * of_alpha).sum() * th.alpha])
    return -float((times * log_likelihood(th, x, T)).sum() / total), -slope / total
