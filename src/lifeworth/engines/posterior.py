"""One Posterior, however it was found: at a point, by Laplace, by variation or by sampling."""

from dataclasses import replace
from typing import Literal

import jax
import numpy as np
from jaxtyping import Float
from pydantic import ConfigDict, PositiveInt
from pydantic.dataclasses import dataclass

from lifeworth.engines.laplace import Peak, draw_around, find_peak, point
from lifeworth.engines.pooled import Draws, Pooled, eta_of
from lifeworth.engines.sampling import nuts, svi

InferenceName = Literal["mle", "map", "laplace", "svi", "nuts"]

CHECKED = 100
"""Draws whose density is compared with the exact one."""

MOST_ROWS = 100_000
"""Rows of data up to which that is done."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Sampling:
    """How much work an inference may do.

    Attributes
    ----------
    draws
        Draws of the posterior that are kept, over all chains.
    warmup, chains
        Of NUTS: iterations of each chain that are thrown away, and how many chains there are.
    steps, batch
        Of SVI: steps, and customers a step.
    """

    draws: PositiveInt
    warmup: PositiveInt
    chains: PositiveInt
    steps: PositiveInt
    batch: PositiveInt


@dataclass(
    frozen=True, kw_only=True, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True)
)
class Posterior:
    """What is known of the coordinates after the data.

    Attributes
    ----------
    draws
        By site, as `engines.pooled.Draws`; a single draw for a point estimate.
    chains
        The draws are so many chains, one after another.
    log_likelihood
        At the mean of the draws.
    elbo
        Last step and mean ELBO of equal stretches, of SVI; no rows for the others.
    """

    method: InferenceName
    draws: dict[str, np.ndarray]
    chains: int
    log_likelihood: float
    diagnostics: dict[str, float]
    elbo: np.ndarray

    def __len__(self) -> int:
        return len(self.draws["population"])

    def thinned(self, most: int) -> "Posterior":
        """Return at most so many of the draws, evenly spaced."""
        kept = np.unique(np.linspace(0, len(self) - 1, min(most, len(self))).round().astype(int))
        return replace(self, draws={name: draw[kept] for name, draw in self.draws.items()})

    def verdicts(self) -> dict[str, tuple[str, str]]:
        """Return of every diagnostic what is good, and a remedy where it is not."""
        return {
            name: (rule.good, rule.remedy if rule.bad(value) else "")
            for name, value in self.diagnostics.items()
            if (rule := RULES.get(name)) is not None
        }

    def notes(self) -> tuple[str, ...]:
        """Return a sentence for every diagnostic that is not good."""
        return tuple(
            f"{RULES[name].title} is {self.diagnostics[name]:.3g}, good is {good}: {remedy}"
            for name, (good, remedy) in self.verdicts().items()
            if remedy
        )


@dataclass(frozen=True)
class Rule:
    """What a diagnostic should be, and what to do where it is not."""

    title: str
    good: str
    low: float
    high: float
    remedy: str

    def bad(self, value: float) -> bool:
        """Say whether the value is outside, or not a number."""
        return not self.low <= value <= self.high


RULES = {
    "r_hat": Rule(
        "the largest R-hat",
        "below 1.01",
        0.0,
        1.01,
        "the chains disagree; double sampling.warmup and sampling.draws, or narrow the priors",
    ),
    "ess": Rule(
        "the smallest effective sample size",
        "above 400",
        400.0,
        np.inf,
        "too few independent draws; double sampling.draws",
    ),
    "divergences": Rule(
        "the number of divergent draws",
        "0",
        0.0,
        0.0,
        "the sampler missed a narrow region; narrow priors.segments_differ_by, pool fewer columns, "
        "or double sampling.warmup",
    ),
    "e_bfmi": Rule(
        "the smallest E-BFMI",
        "above 0.3",
        0.3,
        np.inf,
        "the sampler explores heavy tails slowly; narrow the priors or double sampling.warmup",
    ),
    "elbo_still_gains": Rule(
        "the gain of the ELBO in its last fifth, in standard errors,",
        "below 3",
        -np.inf,
        3.0,
        "it has not settled; double sampling.steps",
    ),
    "importance_ess": Rule(
        "the effective share of draws after weighting by the exact posterior",
        "above 0.1",
        0.1,
        1.0,
        "the posterior is far from normal; use inference=nuts",
    ),
}


def infer(pooled: Pooled, method: InferenceName, sampling: Sampling, seed: int) -> Posterior:
    """Find the posterior of a pooled model; the same seed gives the same draws.

    "mle" and "map" are points: with flat priors, which a hierarchy cannot have, and with priors.

    Raises
    ------
    FitError
        If no peak of the posterior is found.
    ValueError
        If "mle" is asked for: `engines.likelihood.maximise` does that.
    """
    if method == "nuts":
        each = -(-sampling.draws // sampling.chains)
        run = nuts(pooled, warmup=sampling.warmup, draws=each, chains=sampling.chains, seed=seed)
        return _made(pooled, method, run.draws, run.diagnostics, chains=sampling.chains)
    if method == "svi":
        run = svi(
            pooled, steps=sampling.steps, batch=sampling.batch, draws=sampling.draws, seed=seed
        )
        return replace(_made(pooled, method, run.draws, run.diagnostics), elbo=run.elbo)
    if method == "mle":
        raise ValueError("infer: a maximum of the likelihood has no posterior")
    peak = find_peak(pooled)
    if method == "map":
        return _made(pooled, method, point(peak, pooled), {})
    draws = draw_around(peak, pooled, sampling.draws, seed)
    return _made(pooled, method, draws, _importance(pooled, peak, draws))


def log_likelihood_at(pooled: Pooled, draws: Draws) -> float:
    """Return the log-likelihood at the mean of the draws."""
    mean = {name: draw.mean(axis=0, keepdims=True) for name, draw in draws.items()}
    return float(_whole(pooled, mean)[0])


def _made(
    pooled: Pooled,
    method: InferenceName,
    draws: Draws,
    diagnostics: dict[str, float],
    chains: int = 1,
) -> Posterior:
    return Posterior(
        method=method,
        draws=draws,
        chains=chains,
        log_likelihood=log_likelihood_at(pooled, draws),
        diagnostics=diagnostics,
        elbo=np.empty((0, 2)),
    )


def _whole(pooled: Pooled, draws: Draws) -> Float[np.ndarray, " draws"]:
    """Return the log-likelihood of each draw; of one at a time, as groups can be customers."""
    with jax.enable_x64(True):
        data, one = jax.device_put(pooled.data), jax.jit(pooled.whole)
        each = (
            {k: v[i : i + 1] for k, v in draws.items()} for i in range(len(draws["population"]))
        )
        return np.array([float(one(eta_of(draw, pooled.groups)[0], data)) for draw in each])


def _importance(pooled: Pooled, peak: Peak, draws: Draws) -> dict[str, float]:
    """Return the effective share of draws weighted by exact over approximate density.

    Of a population without segments: with many dimensions it says nothing of the margins.
    """
    if pooled.groups.columns or len(pooled.times) > MOST_ROWS:
        return {}
    some = {name: draw[:CHECKED] for name, draw in draws.items()}
    flat = [some["population"][:, None, :]]
    if pooled.groups.covariates:
        flat.append(some["effects"].transpose(0, 2, 1))
    off = (np.concatenate(flat, axis=1) - peak.at).reshape(len(flat[0]), -1)
    held = np.concatenate(
        [
            pooled.priors.sd**-2.0,
            np.full(off.shape[1] - len(pooled.names), pooled.priors.effect**-2.0),
        ]
    )
    normal = -np.einsum("di,ij,dj->d", off, peak.curvature + np.diag(held), off) / 2
    at = off + peak.at.ravel()
    centre = np.concatenate([pooled.priors.mean, np.zeros(len(held) - len(pooled.names))])
    exact = _whole(pooled, some) - (held * (at - centre) ** 2).sum(axis=1) / 2
    weight = np.exp((exact - normal) - (exact - normal).max())
    return {"importance_ess": float(weight.sum() ** 2 / (weight**2).sum() / len(weight))}
