"""Gamma-Gamma spend by maximum likelihood."""

import math
from typing import Literal

import numpy as np
from jax import Array
from jaxtyping import Float

from lifeworth.engines.likelihood import FitError, Maximum, Positive, maximise, padded
from lifeworth.models.btyd.math import (
    GammaGammaParams,
    gamma_gamma_constants,
    gamma_gamma_kernel,
    gamma_gamma_mean,
    gamma_gamma_mean_swapped,
)
from lifeworth.models.btyd.statistics import Statistics, distinct
from lifeworth.models.core import Parameter, fitted

Kind = Literal["gamma_gamma", "gamma_gamma_swapped"]

CENTS = 100
"""Cents in one unit of the currency."""

FEWEST = 10
"""Repeat customers without whom there is no fit."""

MOST_LOSSES = 0.02
"""Share of repeat customers worth nothing or less above which the model is refused."""

REMEDY = "look at the repeat customers' mean values for outliers, or try model.spend=credibility"


@fitted
class FittedGammaGamma:
    """Gamma-Gamma: spend independent of the number of purchases, and never negative."""

    kind: Kind
    maximum: Maximum
    left_out: int
    repeat_customers: int

    @property
    def theta(self) -> GammaGammaParams:
        """Return p, q, gamma (cents)."""
        return GammaGammaParams(*self.maximum.values())

    def mean(self, stats: Statistics) -> Float[np.ndarray, " customers"]:
        """Return the posterior mean; of the named alternative where `kind` says so."""
        formula = gamma_gamma_mean if self.kind == "gamma_gamma" else gamma_gamma_mean_swapped
        return formula(self.theta, stats.x, np.maximum(stats.m, 0.0))

    def totals(
        self,
        stats: Statistics,
        purchases: Float[np.ndarray, "customers draws"],
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "customers draws"]:
        """Draw nu given the customer's past, then the sum of n spends, which is Gamma(p n, nu).

        Scaled to the alternative's mean where `kind` says so.
        """
        th, m = self.theta, np.maximum(stats.m, 0.0)
        some = np.flatnonzero(purchases)
        who = some // purchases.shape[1]
        nu = rng.standard_gamma((th.p * stats.x + th.q)[who]) / (th.gamma + stats.x * m)[who]
        totals = np.zeros(purchases.shape)
        totals.flat[some] = rng.standard_gamma(th.p * purchases.flat[some]) / nu
        if self.kind == "gamma_gamma":
            return totals
        return totals * (self.mean(stats) / gamma_gamma_mean(th, stats.x, m))[:, None]

    def parameters(self) -> list[Parameter]:
        """Return p, q and gamma, gamma in units of the currency as papers print it."""
        p, q, gamma = self.maximum.estimates.values()
        in_units = (gamma.value / CENTS, gamma.se / CENTS, gamma.low / CENTS, gamma.high / CENTS)
        return [
            Parameter("p", p.value, p.se, p.low, p.high, "shape of the spend of one customer"),
            Parameter("q", q.value, q.se, q.low, q.high, "shape of the customers' rates nu"),
            Parameter("gamma", *in_units, "rate of the customers' rates nu, units of the currency"),
        ]

    def log_likelihood(self) -> dict[str, float]:
        """Return the log-likelihood of the mean spends in units of the currency, as papers do."""
        used = self.repeat_customers - self.left_out
        return {"gamma_gamma": self.maximum.log_likelihood + used * math.log(CENTS)}

    def notes(self) -> tuple[str, ...]:
        """Say who was left out, and what is not as it should be."""
        notes = [f"Gamma-Gamma: {n}" for n in self.maximum.notes]
        if self.left_out:
            notes.append(
                f"Gamma-Gamma: {self.left_out:,} of {self.repeat_customers:,} repeat customers "
                "have a mean value of nothing or less; "
                "they are left out of the fit and scored as if it were nothing"
            )
        if self.kind == "gamma_gamma_swapped":
            notes.append(
                "spend is (q + x)(gamma + x m) / ((q - 1)(p + x)), "
                "which is not the Gamma-Gamma posterior mean"
            )
        return tuple(notes)


def fit_gamma_gamma(
    x: Float[np.ndarray, " customers"],
    m: Float[np.ndarray, " customers"],
    kind: Kind = "gamma_gamma",
) -> FittedGammaGamma:
    """Fit the Gamma-Gamma by maximum likelihood to the customers with a repeat purchase.

    Raises
    ------
    FitError
        If there are fewer than 10 repeat customers, or more than 2 % of them have a mean value of
        nothing or less.
    """
    used = _usable(x, m)
    repeat_customers = int((x > 0).sum())
    return FittedGammaGamma(
        kind=kind,
        maximum=maximise(
            _log_likelihood,
            _sufficient(x[used], m[used]),
            _parameters(float(m[used].mean())),
            remedy=REMEDY,
        ),
        left_out=repeat_customers - int(used.sum()),
        repeat_customers=repeat_customers,
    )


def _usable(x: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Return which customers the model can be fitted to, if they are enough."""
    repeat, used = x > 0, (x > 0) & (m > 0)
    left_out = repeat & ~used
    if left_out.sum() > MOST_LOSSES * repeat.sum():
        first = np.flatnonzero(left_out)[0]
        raise FitError(
            f"Gamma-Gamma: {left_out.sum():,} of {repeat.sum():,} repeat customers "
            f"have a mean value of nothing or less, the first {m[first]:,.0f} cents over "
            f"{x[first]:.0f} purchases, and the model knows only positive values; "
            "use model.spend=credibility"
        )
    if used.sum() < FEWEST:
        raise FitError(
            f"Gamma-Gamma: {used.sum()} customers with a repeat purchase of some value, at least "
            f"{FEWEST} are needed; take a longer History (split.cutoff, split.window_days)"
        )
    return used


def _parameters(spend: float) -> dict[str, Positive]:
    """Start near a shop whose customers spend `spend` cents."""
    return {
        "p": Positive(start=2.0, low=1e-3, high=1e4, ran_high="customers spend the same each time"),
        "q": Positive(
            start=3.0,
            low=1.01,
            high=1e4,
            ran_low="the customers' mean spend has no finite expectation",
            ran_high="all customers spend alike",
        ),
        "gamma": Positive(start=spend / 3, low=1e-6 * spend, high=1e6 * spend, per="q"),
    }


def _sufficient(x: np.ndarray, m: np.ndarray) -> dict[str, np.ndarray]:
    frequencies = distinct(x)
    return {
        "frequency": padded(x[frequencies.first], 1.0),
        "times": padded(frequencies.times.astype(np.float64), 0.0),
        "x": padded(x, 1.0),
        "m": padded(m, 1.0),
        "used": padded(np.ones_like(x), 0.0),
    }


def _log_likelihood(theta: Float[Array, " 3"], data: dict[str, Array]) -> Float[Array, ""]:
    th = GammaGammaParams(*theta)
    constants = (data["times"] * gamma_gamma_constants(th, data["frequency"])).sum()
    return constants + (data["used"] * gamma_gamma_kernel(th, data["x"], data["m"])).sum()
