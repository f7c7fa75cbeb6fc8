"""What a fit has learnt of coordinates, and how its draws apply to customers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lifeworth.engines.likelihood import Estimate as Interval
from lifeworth.engines.likelihood import Maximum
from lifeworth.engines.pooled import Draws, Groups, Pooled, Priors, eta_of, unseen
from lifeworth.engines.posterior import InferenceName, Posterior, Sampling, infer
from lifeworth.models.btyd.pool import Grouped
from lifeworth.models.btyd.priors import priors_of
from lifeworth.models.btyd.process import Coordinate
from lifeworth.models.core import Parameter, fitted

Rows = slice | Int[np.ndarray, " rows"]
"""Which customers."""

MOST_GROUPS = 500
"""Groups whose newcomers are told apart."""

SCORED = 200
"""Draws of a posterior that scores are means over, at most."""


@dataclass(frozen=True, kw_only=True)
class Inference:
    """How to fit.

    Attributes
    ----------
    said
        The priors in words (`priors`).
    spread
        How much segments differ, where that is not to be learnt.
    """

    method: InferenceName
    sampling: Sampling
    seed: int
    said: Any
    spread: float | None = None
    spend_follows_rate: bool = False

    def priors(self, coordinates: tuple[Coordinate, ...]) -> Priors:
        """Return the priors of these coordinates."""
        return priors_of(self.said, coordinates, self.spread)


@fitted
class Estimate:
    """Coordinates of a model after the data.

    Attributes
    ----------
    priors
        None of a fit by maximum likelihood.
    maximum
        In the paper's letters, of a fit by maximum likelihood alone.
    """

    posterior: Posterior
    priors: Priors | None
    maximum: Maximum | None

    def letters(self, params: Callable[[Any], Any]) -> list[Interval]:
        """Return the population's parameters: estimate, error and 95 % interval."""
        if self.maximum is not None:
            return list(self.maximum.estimates.values())
        return [interval(draws) for draws in params(self.posterior.draws["population"])]

    def differences(
        self, coordinates: tuple[Coordinate, ...], covariates: tuple[str, ...]
    ) -> list[Parameter]:
        """Return how much segments differ, and what covariates change, as factors."""
        told = []
        for site, draws in self.posterior.draws.items():
            if site.endswith("_spread"):
                column = site.removesuffix("_spread")
                meaning = f"factor (of odds, for chances) by which a typical {column} differs"
                told += [
                    _factor(f"{c.name}.{column}", draws[:, i], meaning)
                    for i, c in enumerate(coordinates)
                ]
            elif site == "effects":
                meaning = "factor (of odds, for chances) of one standard deviation more"
                told += [
                    _factor(f"{c.name}.{name}", draws[:, i, k], meaning)
                    for i, c in enumerate(coordinates)
                    for k, name in enumerate(covariates)
                ]
        return told

    def seen(self, grouped: Grouped, seed: int) -> "Seen":
        """Return the draws as they apply to customers of these groups."""
        given = self.priors is not None and self.priors.spread is not None
        return Seen(self.posterior, grouped, seed, learnt=not given)

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know."""
        return self.posterior.notes() + (self.maximum.notes if self.maximum else ())


def _factor(name: str, draws: Float[np.ndarray, " draws"], meaning: str) -> Parameter:
    e = interval(np.exp(draws))
    return Parameter(name, e.value, e.se, e.low, e.high, meaning)


def interval(draws: Float[np.ndarray, " draws"]) -> Interval:
    """Return mean, sd and the middle 95 % of draws; of a single draw itself and no interval."""
    if len(draws) < 2:
        none = float("nan")
        return Interval(value=float(draws[0]), se=none, low=none, high=none)
    low, high = np.quantile(draws, [0.025, 0.975])
    # a mean outside the middle 95 % is that of a tail: the median tells more
    mean = float(draws.mean())
    value = mean if low <= mean <= high else float(np.median(draws))
    return Interval(value=value, se=float(draws.std()), low=float(low), high=float(high))


def estimate(pooled: Pooled, how: Inference, seed: int) -> Estimate:
    """Find the posterior by any method but maximum likelihood."""
    posterior = infer(pooled, how.method, how.sampling, seed)
    return Estimate(posterior=posterior, priors=pooled.priors, maximum=None)


def at_maximum(maximum: Maximum, eta: Float[np.ndarray, " coordinates"]) -> Estimate:
    """Return a maximum of the likelihood as a posterior of a single draw."""
    posterior = Posterior(
        method="mle",
        draws={"population": eta[None, :]},
        chains=1,
        log_likelihood=maximum.log_likelihood,
        diagnostics={},
        elbo=np.empty((0, 2)),
    )
    return Estimate(posterior=posterior, priors=None, maximum=maximum)


def nothing() -> Estimate:
    """Return an estimate without coordinates, of what has no distribution."""
    posterior = Posterior(
        method="mle",
        draws={"population": np.empty((1, 0))},
        chains=1,
        log_likelihood=0.0,
        diagnostics={},
        elbo=np.empty((0, 2)),
    )
    return Estimate(posterior=posterior, priors=None, maximum=None)


class Seen:
    """Draws of a posterior as they apply to some customers.

    A level that the fit has not met is drawn from the population of levels: the same for all its
    customers, and for a seed. It is as the mean level where nothing was `learnt` of how levels
    differ, or there is one draw.
    """

    def __init__(
        self, posterior: Posterior, grouped: Grouped, seed: int, *, learnt: bool = True
    ) -> None:
        if not posterior.draws["population"].size:  # no coordinates: nor do segments differ in any
            codes, values = np.zeros((1, 0), dtype=np.int64), np.zeros((1, 0))
            grouped = Grouped(Groups(codes=codes, values=values), np.zeros_like(grouped.which))
        self.draws = min(len(posterior), SCORED)
        self.grouped = grouped
        kept = posterior.thinned(SCORED).draws
        self._kept = unseen(kept, grouped.groups, seed, learnt=learnt)

    @property
    def shared(self) -> bool:
        """Say whether all customers have the same coordinates."""
        return len(self.grouped.groups) == 1

    def single(self, draw: int, customers: Rows) -> Float[np.ndarray, "*customers coordinates"]:
        """Return the coordinates of customers in one draw; without rows where all share."""
        return self._of({name: v[draw : draw + 1] for name, v in self._kept.items()}, customers)

    def middle(self, customers: Rows) -> Float[np.ndarray, "*customers coordinates"]:
        """Return the posterior mean of the coordinates, in the form of `single`."""
        return self._of(
            {n: v.mean(axis=0, keepdims=True) for n, v in self._kept.items()}, customers
        )

    def block(self, customers: Rows, draws: int) -> Float[np.ndarray, "_ draws coordinates"]:
        """Return the coordinates of customers in so many draws; one row where all share.

        Each draw of the posterior as often as any other, or evenly spaced ones.
        """
        kept = {n: v[np.arange(draws) * self.draws // draws] for n, v in self._kept.items()}
        if self.shared:
            return eta_of(kept, self.grouped.groups).transpose(1, 0, 2)
        there, back = np.unique(self.grouped.which[customers], return_inverse=True)
        return eta_of(kept, self._some(there)).transpose(1, 0, 2)[back]

    def tracked(
        self,
    ) -> tuple[Int[np.ndarray, " customers"], Float[np.ndarray, "groups coordinates"]]:
        """Return the group of each customer, and the posterior mean of the groups' coordinates.

        More groups than MOST_GROUPS count as one of their mean coordinates.
        """
        mean = {n: v.mean(axis=0, keepdims=True) for n, v in self._kept.items()}
        which, eta = self.grouped.which, eta_of(mean, self.grouped.groups)[0]
        if len(eta) > MOST_GROUPS:
            return np.zeros_like(which), eta[which].mean(axis=0, keepdims=True)
        return which, eta

    def _of(self, draw: Draws, customers: Rows) -> Any:
        if self.shared:
            return eta_of(draw, self.grouped.groups)[0, 0]
        there, back = np.unique(self.grouped.which[customers], return_inverse=True)
        return eta_of(draw, self._some(there))[0][back]

    def _some(self, there: Int[np.ndarray, " some"]) -> Groups:
        groups = self.grouped.groups
        return replace(groups, codes=groups.codes[there], values=groups.values[there])
