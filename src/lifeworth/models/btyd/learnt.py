"""What the data taught a model, as frames for a report."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import ndtri

from lifeworth.engines.pooled import Priors, eta_of, prior_draws
from lifeworth.models.btyd.estimate import Estimate
from lifeworth.models.btyd.known import Known
from lifeworth.models.btyd.newcomers import newborn_repeats
from lifeworth.models.btyd.pool import Grouped
from lifeworth.models.btyd.priors import unlinked
from lifeworth.models.btyd.process import Coordinate
from lifeworth.models.core import Learnt

if TYPE_CHECKING:
    from lifeworth.models.btyd.fitted import FittedBtyd

SHOWN = 400
"""Draws that are shown, of the prior and of the posterior."""

SHOPPERS = 5
"""Customers that stand for all of a shop drawn from the priors."""

CENTS = 100


def learnt(fit: "FittedBtyd", who: Known, currency: str) -> Learnt | None:
    """Return prior and posterior, segments, chains and checks; None of a point."""
    parts = [(fit.purchases, fit.model.coordinates)]
    parts.append((fit.spend.estimate, fit.spend.coordinates))
    parts = [(e, tuple(_told(c, currency) for c in cs)) for e, cs in parts if len(e.posterior) > 1]
    if not parts:
        return None
    return Learnt(
        posterior=pd.concat([_posterior(*part) for part in parts]),
        prior_predictive=_prior_predictive(fit, who, currency),
        forest=_forest(fit, who, parts),
        chains=_joined([_chains(*part) for part in parts]),
        elbo=_joined([_elbo(e, w) for (e, _), w in zip(parts, _WHAT, strict=False)]),
        diagnostics=_joined([_diagnostics(e, w) for (e, _), w in zip(parts, _WHAT, strict=False)]),
    )


_WHAT = ("purchases", "spend")


def _told(coordinate: Coordinate, currency: str) -> Coordinate:
    """Return the coordinate in words; money in units of the currency."""
    words = coordinate.name.replace("_", " ")
    if coordinate.name != "mean_spend":
        return replace(coordinate, name=words)
    return replace(coordinate, name=f"{words}, {currency}", unit=1 / CENTS)


def _joined(frames: list[pd.DataFrame | None]) -> pd.DataFrame | None:
    there = [frame for frame in frames if frame is not None and len(frame)]
    return pd.concat(there, ignore_index=True) if there else None


def _levels(draws: int) -> Float[np.ndarray, " draws"]:
    """Return evenly spaced quantiles of a normal: a prior without noise."""
    return ndtri((np.arange(draws) + 0.5) / draws)


def _posterior(estimate: Estimate, coordinates: tuple[Coordinate, ...]) -> pd.DataFrame:
    priors, draws = estimate.priors, estimate.posterior.thinned(SHOWN).draws["population"]
    assert priors is not None  # a posterior of several draws had priors
    parts = []
    for i, c in enumerate(coordinates):
        prior = priors.mean[i] + priors.sd[i] * _levels(SHOWN)
        for part, eta in (("prior", prior), ("posterior", draws[:, i])):
            parts.append(
                pd.DataFrame({"quantity": c.name, "part": part, "value": unlinked(c, eta)})
            )
    return pd.concat(parts, ignore_index=True)


def _forest(
    fit: "FittedBtyd", who: Known, parts: list[tuple[Estimate, tuple[Coordinate, ...]]]
) -> pd.DataFrame | None:
    """Return the segments' quantities, each with all other columns at the population's."""
    if not fit.pool.levels:
        return None
    rows = []
    sizes = _sizes(fit, who)
    for estimate, coordinates in parts:
        draws = estimate.posterior.draws
        for i, c in enumerate(coordinates):
            base = draws["population"][:, i]
            rows.append((c.name, "", "all", len(who.past.x), *_middle(unlinked(c, base))))
            for column, levels in fit.pool.levels.items():
                for j, level in enumerate(levels):
                    own = unlinked(c, base + draws[column][:, i, j])
                    rows.append((c.name, column, level, sizes[column][j], *_middle(own)))
    names = ["quantity", "column", "level", "customers", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=pd.Index(names))


def _sizes(fit: "FittedBtyd", who: Known) -> dict[str, list[int]]:
    codes = who.seen.grouped.groups.codes[who.seen.grouped.which]
    return {
        column: np.bincount(codes[:, i][codes[:, i] >= 0], minlength=len(levels)).tolist()
        for i, (column, levels) in enumerate(fit.pool.levels.items())
    }


def _middle(draws: Float[np.ndarray, " draws"]) -> tuple[float, float, float]:
    low, high = np.quantile(draws, [0.05, 0.95])
    return float(draws.mean()), float(low), float(high)


def _chains(estimate: Estimate, coordinates: tuple[Coordinate, ...]) -> pd.DataFrame | None:
    posterior = estimate.posterior
    if posterior.method != "nuts":
        return None
    draws = posterior.draws["population"]
    each = len(draws) // posterior.chains
    step = max(each // 500, 1)
    parts = [
        pd.DataFrame(
            {
                "quantity": c.name,
                "chain": k + 1,
                "draw": np.arange(0, each, step),
                "value": unlinked(c, draws[k * each : (k + 1) * each : step, i]),
            }
        )
        for i, c in enumerate(coordinates)
        for k in range(posterior.chains)
    ]
    return pd.concat(parts, ignore_index=True)


def _elbo(estimate: Estimate, what: str) -> pd.DataFrame:
    frame = pd.DataFrame(estimate.posterior.elbo, columns=pd.Index(["step", "elbo"]))
    return frame.assign(quantity=what)


def _diagnostics(estimate: Estimate, what: str) -> pd.DataFrame:
    posterior = estimate.posterior
    verdicts = posterior.verdicts()
    rows = [
        (f"{name.replace('_', ' ')}, {what}", value, *verdicts.get(name, ("", "")))
        for name, value in posterior.diagnostics.items()
    ]
    return pd.DataFrame(rows, columns=pd.Index(["measure", "value", "good", "verdict"]))


def _prior_predictive(fit: "FittedBtyd", who: Known, currency: str) -> pd.DataFrame:
    """Return what shops drawn from the priors expect of customers of mean age, and what there is.

    Their customers have the segments and covariates of SHOPPERS of ours.
    """
    priors = fit.purchases.priors
    assert priors is not None
    shop = _shoppers(who.seen.grouped)
    age = np.floor(np.array([who.past.T.mean()]))
    repeats = _foreseen(priors, shop, fit.seed, lambda eta: newborn_repeats(fit.model, eta, age))
    frames = {"repeat purchases per customer": (repeats, float(who.past.x.mean()))}
    own = fit.spend.estimate.priors
    if own is not None:
        spend = _foreseen(own, shop, fit.seed + 1, lambda eta: np.exp(eta[:, 0])) / CENTS
        seen = who.stats.m[who.stats.x > 0].mean() / CENTS
        frames[f"value of a purchase, {currency}"] = (spend, float(seen))
    return pd.concat(
        [
            pd.DataFrame({"quantity": name, "value": values, "observed": observed})
            for name, (values, observed) in frames.items()
        ],
        ignore_index=True,
    )


def _shoppers(grouped: Grouped) -> Grouped:
    """Return SHOPPERS customers, as many of each group as it has of all."""
    groups, all_ = grouped.groups, np.sort(grouped.which)
    chosen = all_[((np.arange(SHOPPERS) + 0.5) * len(all_) / SHOPPERS).astype(np.int64)]
    there, which = np.unique(chosen, return_inverse=True)
    some = replace(groups, codes=groups.codes[there], values=groups.values[there])
    return Grouped(some, which)


def _foreseen(
    priors: Priors, shop: Grouped, seed: int, expected: Callable[[np.ndarray], np.ndarray]
) -> Float[np.ndarray, " draws"]:
    """Return the mean over the shop's customers of what is expected of each, by draw."""
    eta = eta_of(prior_draws(priors, shop.groups, SHOWN, seed), shop.groups)
    each = expected(eta.reshape(-1, eta.shape[-1])).reshape(SHOWN, len(shop.groups))
    return each[:, shop.which].mean(axis=1)
