"""Bühlmann credibility: spend without a distribution, for values that may be negative."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from lifeworth.asof.split import History
from lifeworth.asof.summary import repeat_values
from lifeworth.engines.likelihood import FitError
from lifeworth.models.btyd.statistics import Statistics
from lifeworth.models.core import Parameter, fitted


@fitted
class FittedCredibility:
    """Bühlmann credibility: Z m + (1 - Z) mu with Z = x / (x + sigma2 / tau2); distribution-free, so values may be negative.

    The posterior mean of the Gamma-Gamma is of the same form with Z = p x / (p x + q - 1).

    Attributes
    ----------
    mu, sigma2, tau2
        Mean value of a purchase (cents), variance within a customer and between customers (cents
        squared).
    residuals
        Purchases' deviations from their customer's mean, scaled to variance sigma2: what further
        purchases are drawn from.
    """

    kind: Literal["credibility"]
    mu: float
    sigma2: float
    tau2: float
    residuals: np.ndarray

    def mean(self, stats: Statistics) -> Float[np.ndarray, " customers"]:
        """Return the credibility premium of each customer."""
        z = self._z(stats)
        return z * stats.m + (1.0 - z) * self.mu

    def totals(
        self,
        stats: Statistics,
        purchases: Float[np.ndarray, "customers draws"],
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "customers draws"]:
        """Draw each customer's own mean (normal), then every further purchase around it from the residuals."""
        sd = np.sqrt(self.tau2 * (1.0 - self._z(stats)))
        own = self.mean(stats)[:, None] + sd[:, None] * rng.standard_normal(purchases.shape)
        flat = purchases.ravel().astype(np.int64)
        noise = self.residuals[rng.integers(len(self.residuals), size=int(flat.sum()))]
        sums = np.bincount(
            np.repeat(np.arange(len(flat)), flat), weights=noise, minlength=len(flat)
        )
        return purchases * own + sums.reshape(purchases.shape)

    def parameters(self) -> list[Parameter]:
        """Return mu, sigma, tau (cents); the moment estimates have no standard errors here."""
        nan = float("nan")
        return [
            Parameter("mu", self.mu, nan, nan, nan, "mean value of a purchase, cents"),
            Parameter(
                "sigma",
                self.sigma2**0.5,
                nan,
                nan,
                nan,
                "spread of one customer's purchases, cents",
            ),
            Parameter(
                "tau", self.tau2**0.5, nan, nan, nan, "spread between customers' means, cents"
            ),
        ]

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing: the method is distribution-free."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Say so where customers could not be told apart."""
        if self.tau2 > 0:
            return ()
        return (
            "credibility: customers' mean values differ no more than chance would have it; everybody gets the store's mean",
        )

    def _z(self, stats: Statistics) -> Float[np.ndarray, " customers"]:
        return stats.x * self.tau2 / (stats.x * self.tau2 + self.sigma2)


def fit_credibility(history: History) -> FittedCredibility:
    """Estimate mu, sigma2, tau2 without bias (Bühlmann and Straub 1970, with purchases as weights).

    Raises
    ------
    FitError
        If no customer has two repeat purchases, so that nothing is known of the spread within a
        customer.
    """
    frame = repeat_values(history).to_pandas().sort_values(["customer_id", "value"])
    value = frame["value"].to_numpy(dtype=np.float64)
    groups = frame.groupby("customer_id", sort=False)["value"]
    n, mean = groups.size().to_numpy(dtype=np.float64), groups.mean().to_numpy(dtype=np.float64)
    if not (n > 1).any():
        raise FitError(
            "credibility: no customer has two repeat purchases; take a longer History, or model.spend=gamma_gamma"
        )
    residual = value - np.repeat(mean, n.astype(np.int64))
    sigma2 = float((residual**2).sum() / (n - 1).sum())
    grand = float((n * mean).sum() / n.sum())
    spread = n.sum() - (n**2).sum() / n.sum()
    tau2 = (
        max(0.0, float(((n * (mean - grand) ** 2).sum() - (len(n) - 1) * sigma2) / spread))
        if spread > 0
        else 0.0
    )
    weight = n * tau2 / (n * tau2 + sigma2)
    mu = float((weight * mean).sum() / weight.sum()) if tau2 > 0 else grand
    own = residual[np.repeat(n > 1, n.astype(np.int64))]
    return FittedCredibility(
        kind="credibility", mu=mu, sigma2=sigma2, tau2=tau2, residuals=_scaled(own, sigma2)
    )


def _scaled(residuals: np.ndarray, variance: float) -> np.ndarray:
    """Scale residuals, which shrink with the means they were taken from, to the variance they should have."""
    spread = float((residuals**2).mean())
    return residuals * np.sqrt(variance / spread) if spread > 0 else residuals
