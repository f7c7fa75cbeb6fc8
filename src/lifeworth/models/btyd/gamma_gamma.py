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

CENTS = 100
"""Cents in one unit of the currency."""

MOST_LOSSES = 0.01
"""Share of repeat customers with a mean value of nothing or less above which the model is refused."""

REMEDY = "look at the repeat customers' mean values for outliers, or try model.spend=credibility"


@fitted
class FittedGammaGamma:
    """Gamma-Gamma: spend independent of the number of purchases, and never negative."""

    kind: Literal["gamma_gamma", "gamma_gamma_swapped"]
    maximum: Maximum
    left_out: int
    repeat_customers: int

    def theta(self) -> GammaGammaParams:
        """Return p, q, gamma (cents)."""
        return GammaGammaParams(*self.maximum.values())

    def mean(self, stats: Statistics) -> Float[np.ndarray, " customers"]:
        """Return the posterior mean; of the named alternative where `kind` says so."""
        formula = gamma_gamma_mean if self.kind == "gamma_gamma" else gamma_gamma_mean_swapped
        return formula(self.theta(), stats.x, np.maximum(stats.m, 0.0))

    def totals(
        self,
        stats: Statistics,
        purchases: Float[np.ndarray, "customers draws"],
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "customers draws"]:
        """Draw nu given the customer's past, then Gamma(p n, nu); scaled to the alternative's mean where `kind` says so."""
        th, m = self.theta(), np.maximum(stats.m, 0.0)
        who, which = np.nonzero(purchases)
        nu = rng.standard_gamma((th.p * stats.x + th.q)[who]) / (th.gamma + stats.x * m)[who]
        totals = np.zeros_like(purchases)
        totals[who, which] = rng.standard_gamma(th.p * purchases[who, which]) / nu
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
        """Return the log-likelihood of the mean spends, a density per unit of the currency as papers print it."""
        used = self.repeat_customers - self.left_out
        return {"gamma_gamma": self.maximum.log_likelihood + used * math.log(CENTS)}

    def notes(self) -> tuple[str, ...]:
        """Say who was left out, and what is not as it should be."""
        notes = list(self.maximum.notes)
        if self.left_out:
            notes.append(
                f"Gamma-Gamma: {self.left_out:,} of {self.repeat_customers:,} repeat customers have a mean value of nothing or less; "
                "they are left out of the fit and scored as if it were nothing"
            )
        if self.kind == "gamma_gamma_swapped":
            notes.append(
                "spend is (q + x)(gamma + x m) / ((q - 1)(p + x)), which is not the Gamma-Gamma posterior mean"
            )
        return tuple(notes)


def fit_gamma_gamma(
    x: Float[np.ndarray, " customers"],
    m: Float[np.ndarray, " customers"],
    kind: Literal["gamma_gamma", "gamma_gamma_swapped"] = "gamma_gamma",
) -> FittedGammaGamma:
    """Fit the Gamma-Gamma by maximum likelihood to the customers with a repeat purchase.

    Raises
    ------
    FitError
        If there are fewer than 10 repeat customers, or more than 1 % of them have a mean value of
        nothing or less.
    """
    repeat, used = x > 0, (x > 0) & (m > 0)
    left_out = int(repeat.sum() - used.sum())
    if used.sum() < 10:
        raise FitError(f"Gamma-Gamma: {int(used.sum())} customers with a repeat purchase of some value, at least 10 are needed; "
                       "take a longer History (split.cutoff, split.window_days)")  # fmt: skip
    if left_out > MOST_LOSSES * repeat.sum():
        first = np.flatnonzero(repeat & ~used)[0]
        raise FitError(f"Gamma-Gamma: {left_out:,} of {int(repeat.sum()):,} repeat customers have a mean value of nothing or less, "
                       f"the first {m[first]:,.0f} cents over {x[first]:.0f} purchases, and the model knows only positive values; "
                       "use model.spend=credibility")  # fmt: skip
    scale = float(m[used].mean())
    found = maximise(
        _gamma_gamma, _sufficient(x[used], m[used]),
        {
            "p": Positive(start=2.0, low=1e-3, high=1e4, ran_high="customers spend the same every time"),
            "q": Positive(start=3.0, low=1.01, high=1e4, ran_low="the customers' mean spend has no finite expectation",
                          ran_high="all customers spend alike"),
            "gamma": Positive(start=scale, low=1e-6 * scale, high=1e6 * scale, ran_high="all customers spend alike"),
        },
        remedy=REMEDY,
    )  # fmt: skip
    return FittedGammaGamma(
        kind=kind, maximum=found, left_out=left_out, repeat_customers=int(repeat.sum())
    )


def _sufficient(x: np.ndarray, m: np.ndarray) -> dict[str, Array]:
    frequencies = distinct(x)
    return {
        "frequency": padded(x[frequencies.first], 1.0),
        "frequency_count": padded(frequencies.count.astype(np.float64), 0.0),
        "x": padded(x, 1.0),
        "m": padded(m, 1.0),
        "count": padded(np.ones_like(x), 0.0),
    }


def _gamma_gamma(theta: Float[Array, " 3"], data: dict[str, Array]) -> Float[Array, ""]:
    th = GammaGammaParams(*theta)
    constants = data["frequency_count"] @ gamma_gamma_constants(th, data["frequency"])
    return constants + data["count"] @ gamma_gamma_kernel(th, data["x"], data["m"])
