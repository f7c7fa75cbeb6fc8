"""Gamma-Gamma spend: one population, or segments that share in part."""

import math
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from lifeworth.engines.likelihood import FitError, Positive, maximise, padded
from lifeworth.engines.pooled import Groups, Pooled
from lifeworth.models.btyd.estimate import (
    Estimate,
    Inference,
    Seen,
    at_maximum,
    estimate,
    interval,
)
from lifeworth.models.btyd.math import (
    GammaGammaParams,
    gamma_gamma_constants,
    gamma_gamma_kernel,
    gamma_gamma_mean,
    gamma_gamma_mean_swapped,
)
from lifeworth.models.btyd.pool import Grouped
from lifeworth.models.btyd.process import Coordinate
from lifeworth.models.btyd.statistics import Statistics, distinct
from lifeworth.models.core import Parameter, fitted

Kind = Literal["gamma_gamma", "gamma_gamma_swapped"]

CENTS = 100
"""Cents in one unit of the currency."""

FEWEST = 10
"""Repeat customers without whom there is no fit."""

MOST_LOSSES = 0.02
"""Share of repeat customers worth nothing or less above which the model is refused."""

SLOPE = 0.5
"""Standard deviation of the prior of how spend follows the rate: elasticities of -1 to 1."""

REMEDY = "look at the repeat customers' mean values for outliers, or try model.spend=credibility"


COORDINATES = (
    Coordinate(
        name="mean_spend",
        link="log",
        meaning="value of a purchase of the mean customer",
    ),
    Coordinate(name="spend_shape", link="log", meaning="how alike one customer's purchases are"),
    Coordinate(name="spend_likeness", link="log", meaning="how alike customers' mean values are"),
)
"""Of p gamma / (q - 1), p and q - 1."""

DEPENDENCE = Coordinate(
    name="spend_follows_rate",
    link="log",
    meaning="factor of mean spend for customers e times as frequent",
)


@fitted
class FittedGammaGamma:
    """Gamma-Gamma: spend is never negative, and independent of the number of purchases.

    Unless `follows` is there, the mean of log((x + 1) / (T + mean T)) over customers: then mean
    spend grows with e to the power of a fourth coordinate for each unit above that mean.

    Attributes
    ----------
    age
        Mean T, in days, of the customers it was fitted to.
    """

    kind: Kind
    estimate: Estimate
    left_out: int
    repeat_customers: int
    age: float
    follows: float | None
    covariates: tuple[str, ...]

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Return the coordinates of the fit."""
        return COORDINATES if self.follows is None else (*COORDINATES, DEPENDENCE)

    def mean(self, stats: Statistics, seen: Seen) -> Float[np.ndarray, " customers"]:
        """Return the posterior mean; of the named alternative where `kind` says so."""
        formula = gamma_gamma_mean if self.kind == "gamma_gamma" else gamma_gamma_mean_swapped
        often, m = self._often(stats), np.maximum(stats.m, 0.0)
        total = np.zeros_like(m)
        for draw in range(seen.draws):
            total += formula(_letters(seen.single(draw, slice(None)), often), stats.x, m)
        return total / seen.draws

    def totals(
        self,
        stats: Statistics,
        eta: Float[np.ndarray, "_ draws coordinates"],
        purchases: Float[np.ndarray, "customers draws"],
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "customers draws"]:
        """Draw nu given the customer's past, then the sum of n spends, which is Gamma(p n, nu).

        Scaled to the alternative's mean where `kind` says so.
        """
        often, m = self._often(stats), np.maximum(stats.m, 0.0)
        th = _letters(eta, None if often is None else often[:, None])
        some = np.flatnonzero(purchases)
        who = some // purchases.shape[1]
        p, q, gamma = (np.broadcast_to(v, purchases.shape).ravel()[some] for v in th)
        nu = rng.standard_gamma(p * stats.x[who] + q) / (gamma + (stats.x * m)[who])
        totals = np.zeros(purchases.shape)
        totals.flat[some] = rng.standard_gamma(p * purchases.flat[some]) / nu
        if self.kind == "gamma_gamma":
            return totals
        x, m = stats.x[:, None], m[:, None]
        return totals * (gamma_gamma_mean_swapped(th, x, m) / gamma_gamma_mean(th, x, m))

    def _often(self, stats: Statistics) -> Float[np.ndarray, " customers"] | None:
        return None if self.follows is None else frequency_scale(stats, self.age) - self.follows

    def parameters(self) -> list[Parameter]:
        """Return p, q and gamma, gamma in units of the currency as papers print it."""
        p, q, gamma = self.estimate.letters(gamma_gamma_params)
        in_units = (gamma.value / CENTS, gamma.se / CENTS, gamma.low / CENTS, gamma.high / CENTS)
        told = [
            Parameter("p", p.value, p.se, p.low, p.high, "shape of the spend of one customer"),
            Parameter("q", q.value, q.se, q.low, q.high, "shape of the customers' rates nu"),
            Parameter("gamma", *in_units, "rate of the customers' rates nu, units of the currency"),
        ]
        if self.follows is not None:
            e = interval(np.exp(self.estimate.posterior.draws["population"][:, 3]))
            told.append(
                Parameter(DEPENDENCE.name, e.value, e.se, e.low, e.high, DEPENDENCE.meaning)
            )
        return told + self.estimate.differences(self.coordinates, self.covariates)

    def log_likelihood(self) -> dict[str, float]:
        """Return the log-likelihood of the mean spends in units of the currency, as papers do."""
        used = self.repeat_customers - self.left_out
        in_cents = self.estimate.posterior.log_likelihood
        return {"gamma_gamma": in_cents + used * math.log(CENTS)}

    def notes(self) -> tuple[str, ...]:
        """Say who was left out, and what is not as it should be."""
        notes = [f"Gamma-Gamma: {n}" for n in self.estimate.notes()]
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


def _letters(eta: Any, often: Any) -> GammaGammaParams:
    th = gamma_gamma_params(eta)
    return th if often is None else th._replace(gamma=th.gamma * np.exp(eta[..., 3] * often))


def gamma_gamma_params(eta: Any) -> GammaGammaParams:
    """Return p, q, gamma from coordinates, which are the last axis of `eta`."""
    xp = eta.__array_namespace__()
    mean, p, likeness = (xp.exp(eta[..., i]) for i in range(3))
    return GammaGammaParams(p, likeness + 1.0, mean * likeness / p)


def frequency_scale(stats: Statistics, age: float) -> Float[np.ndarray, " customers"]:
    """Return log((x + 1) / (T + age)): how often each customer buys, shrunk to the shop."""
    return np.log((stats.x + 1.0) / (stats.T + age))


def fit_gamma_gamma(
    stats: Statistics, grouped: Grouped, how: Inference, kind: Kind = "gamma_gamma"
) -> FittedGammaGamma:
    """Fit the Gamma-Gamma to the customers with a repeat purchase.

    Raises
    ------
    FitError
        If there are fewer than 10 repeat customers, or more than 2 % of them have a mean value of
        nothing or less, or no maximum or peak is found.
    """
    used = _usable(stats.x, stats.m)
    repeat_customers = int((stats.x > 0).sum())
    age = float(stats.T.mean())
    scale = frequency_scale(stats, age)
    centre = float(scale[used].mean()) if how.spend_follows_rate else None
    often = scale - centre if centre is not None else np.zeros_like(scale)
    x, m = stats.x[used], stats.m[used]
    if how.method == "mle":
        found = maximise(
            _log_likelihood, _sufficient(x, m), _parameters(float(m.mean())), remedy=REMEDY
        )
        fit = at_maximum(found, _eta(*found.values()))
    else:
        pooled = _pooled(Customers(x, m, often[used], grouped.which[used]), grouped.groups, how)
        fit = estimate(pooled, how, how.seed + 1)
    return FittedGammaGamma(
        kind=kind,
        estimate=fit,
        left_out=repeat_customers - int(used.sum()),
        repeat_customers=repeat_customers,
        age=age,
        follows=centre,
        covariates=grouped.groups.covariates,
    )


def _eta(p: float, q: float, gamma: float) -> Float[np.ndarray, " coordinates"]:
    return np.log(np.array([p * gamma / (q - 1.0), p, q - 1.0]))


class Customers(NamedTuple):
    """Repeat customers: x, m (cents), how often they buy, and the group of each."""

    x: Float[np.ndarray, " n"]
    m: Float[np.ndarray, " n"]
    often: Float[np.ndarray, " n"]
    group: Int[np.ndarray, " n"]


def _pooled(customers: Customers, groups: Groups, how: Inference) -> Pooled:
    """Return the likelihood of spend as the engine takes it."""
    spend = float(customers.m.mean())
    coordinates, priors = COORDINATES, how.priors(COORDINATES)
    mean, sd = priors.mean.copy(), priors.sd
    mean[0] += math.log(spend)
    if how.spend_follows_rate:
        coordinates = (*COORDINATES, DEPENDENCE)
        mean, sd = np.append(mean, 0.0), np.append(sd, SLOPE)
    data = _rows(customers)
    return Pooled(
        names=tuple(c.name for c in coordinates),
        priors=replace(priors, mean=mean, sd=sd),
        groups=groups,
        whole=_whole,
        some=_some,
        data=data,
        times=data["times"],
    )


def _rows(customers: Customers) -> dict[str, np.ndarray]:
    x, m, often, group = customers
    counted = distinct(x, group + 0.0)
    return {
        "x": padded(x, 1.0),
        "m": padded(m, 1.0),
        "often": padded(often, 0.0),
        "group": padded(group + 0.0, 0.0).astype(np.int64),
        "times": padded(np.ones_like(x), 0.0),
        "counted": padded(counted.which + 0.0, 0.0).astype(np.int64),
        "count_x": padded(x[counted.first], 1.0),
        "count_group": padded(group[counted.first] + 0.0, 0.0).astype(np.int64),
        "count_times": padded(counted.times.astype(np.float64), 0.0),
    }


def _each(eta: Any, data: Any, rows: Any) -> Any:
    """Return the likelihood of these rows, less what depends on x alone."""
    group = data["group"][rows]
    th = gamma_gamma_params(eta)
    p, q, gamma = (v[group] for v in th)
    if eta.shape[1] > len(COORDINATES):
        gamma = gamma * jnp.exp(eta[:, 3][group] * data["often"][rows])
    return gamma_gamma_kernel(GammaGammaParams(p, q, gamma), data["x"][rows], data["m"][rows])


def _counting(eta: Any, data: Any) -> Any:
    th = GammaGammaParams(*(v[data["count_group"]] for v in gamma_gamma_params(eta)))
    return gamma_gamma_constants(th, data["count_x"])


def _whole(eta: Any, data: Any) -> Any:
    each = _each(eta, data, slice(None))
    return (data["times"] * each).sum() + (data["count_times"] * _counting(eta, data)).sum()


def _some(eta: Any, data: Any, rows: Any) -> Any:
    return _each(eta, data, rows) + _counting(eta, data)[data["counted"][rows]]


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
