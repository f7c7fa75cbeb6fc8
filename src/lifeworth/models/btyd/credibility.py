"""Bühlmann credibility: spend without a distribution, for values that may be negative."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from lifeworth.asof.split import History
from lifeworth.asof.summary import repeat_values
from lifeworth.engines.likelihood import FitError
from lifeworth.models.btyd.estimate import Estimate, Seen, nothing
from lifeworth.models.btyd.process import Coordinate
from lifeworth.models.btyd.statistics import Statistics, distinct
from lifeworth.models.core import Parameter, fitted

QUANTILES = 2_048
"""Deviations that stand for all."""


@fitted
class FittedCredibility:
    """Z m + (1 - Z) mu with Z = x / (x + sigma2 / tau2); values may be negative.

    The posterior mean of the Gamma-Gamma is of the same form with Z = p x / (p x + q - 1).

    Attributes
    ----------
    mu, sigma2, tau2
        Mean value of a purchase (cents), variance within a customer and between customers (cents
        squared).
    residuals
        Quantiles of purchases' deviations from their customer's mean, scaled to variance sigma2:
        what further purchases are drawn from.
    not_told
        Columns of the hierarchy, which spend knows nothing of.
    """

    kind: Literal["credibility"]
    mu: float
    sigma2: float
    tau2: float
    residuals: np.ndarray
    not_told: tuple[str, ...] = ()

    @property
    def estimate(self) -> Estimate:
        """Return no coordinates: these are moments, without a distribution."""
        return nothing()

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Return none."""
        return ()

    def mean(self, stats: Statistics, seen: Seen) -> Float[np.ndarray, " customers"]:
        """Return the credibility premium of each customer."""
        del seen  # a mean without draws
        return self._premium(stats)

    def _premium(self, stats: Statistics) -> Float[np.ndarray, " customers"]:
        z = credibility(stats.x, self.sigma2, self.tau2)
        return z * stats.m + (1.0 - z) * self.mu

    def totals(
        self,
        stats: Statistics,
        eta: Float[np.ndarray, "_ draws coordinates"],
        purchases: Float[np.ndarray, "customers draws"],
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "customers draws"]:
        """Draw the customer's own mean (normal), then each purchase around it from residuals."""
        del eta
        sd = np.sqrt(self.tau2 * (1.0 - credibility(stats.x, self.sigma2, self.tau2)))
        own = self._premium(stats)[:, None] + sd[:, None] * rng.standard_normal(purchases.shape)
        flat = purchases.ravel().astype(np.int64)
        noise = self.residuals[rng.integers(len(self.residuals), size=int(flat.sum()))]
        each = np.repeat(np.arange(len(flat)), flat)
        sums = np.bincount(each, weights=noise, minlength=len(flat))
        return purchases * own + sums.reshape(purchases.shape)

    def parameters(self) -> list[Parameter]:
        """Return mu, sigma, tau (cents); the moment estimates have no standard errors here."""
        none = math.nan
        sigma, tau = self.sigma2**0.5, self.tau2**0.5
        return [
            Parameter("mu", self.mu, none, none, none, "mean value of a purchase, cents"),
            Parameter(
                "sigma", sigma, none, none, none, "spread of one customer's purchases, cents"
            ),
            Parameter("tau", tau, none, none, none, "spread between customers' means, cents"),
        ]

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing: the method is distribution-free."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Say what customers could not be told apart by."""
        alike = (
            "credibility: customers' mean values differ no more than chance would have it; "
            "everybody gets the store's mean"
        )
        apart = (
            f"credibility: spend does not know of {', '.join(self.not_told)}; "
            "only purchases differ by it"
        )
        return ((alike,) if self.tau2 == 0 else ()) + ((apart,) if self.not_told else ())


def credibility(
    x: Float[np.ndarray, " customers"], sigma2: float, tau2: float
) -> Float[np.ndarray, " customers"]:
    """Return Z in [0, 1], 0 for everybody where customers do not differ."""
    between = x * tau2
    return np.divide(between, between + sigma2, out=np.zeros_like(x), where=between > 0)


def fit_credibility(history: History, columns: tuple[str, ...] = ()) -> FittedCredibility:
    """Fit to the repeat purchases of `history` (see `credibility_of`), whatever the `columns`."""
    frame = repeat_values(history).to_pandas().sort_values(["customer_id", "value"])
    customer, value = frame["customer_id"].factorize()[0], frame["value"]
    fit = credibility_of(customer.astype(np.float64), value.to_numpy(dtype=np.float64))
    return replace(fit, not_told=columns)


def credibility_of(
    customer: Float[np.ndarray, " purchases"], value: Float[np.ndarray, " purchases"]
) -> FittedCredibility:
    """Estimate mu, sigma2, tau2 from purchases (Bühlmann and Straub 1970; weights are counts).

    sigma2 and tau2 are without bias, but a negative tau2 is taken for 0.

    Raises
    ------
    FitError
        If no customer has two repeat purchases, so that nothing is known of the spread within a
        customer.
    """
    whose = distinct(customer)
    n = whose.times.astype(np.float64)
    if not (n > 1).any():
        raise FitError(
            "credibility: no customer has two repeat purchases; "
            "take a longer History (split.cutoff), or use model.spend=gamma_gamma"
        )
    mean = np.bincount(whose.which, weights=value) / n
    residual = value - mean[whose.which]
    sigma2 = float((residual**2).sum() / (n - 1).sum())
    tau2 = _between(n, mean, sigma2)
    weight = credibility(n, sigma2, tau2) if tau2 > 0 else n
    return FittedCredibility(
        kind="credibility",
        mu=float((weight * mean).sum() / weight.sum()),
        sigma2=sigma2,
        tau2=tau2,
        residuals=_scaled(_thinned(residual[n[whose.which] > 1]), sigma2),
    )


def _between(
    n: Float[np.ndarray, " customers"], mean: Float[np.ndarray, " customers"], sigma2: float
) -> float:
    """Return the variance between customers; 0 for a single one, who differs from nobody."""
    total = n.sum()
    spread = total - (n**2).sum() / total
    grand = (n * mean).sum() / total
    excess = (n * (mean - grand) ** 2).sum() - (len(n) - 1) * sigma2
    return max(0.0, float(excess / spread)) if len(n) > 1 else 0.0


def _thinned(residuals: Float[np.ndarray, " n"]) -> Float[np.ndarray, " fewer"]:
    """Sort, and keep QUANTILES at most: nobody's purchases are told by a fitted model."""
    kept = min(QUANTILES, len(residuals))
    quantiles = np.quantile(residuals, (np.arange(kept) + 0.5) / kept)
    return quantiles - quantiles.mean()


def _scaled(residuals: Float[np.ndarray, " n"], variance: float) -> Float[np.ndarray, " n"]:
    """Scale residuals to their variance: they shrank with the means they were taken from."""
    spread = float((residuals**2).mean())
    return residuals * np.sqrt(variance / spread) if spread > 0 else residuals
