"""Coordinates of a likelihood that segments share in part, and their priors, as a NumPyro model.

Customers of one segment and one set of covariates are a group. The coordinates of group g are

    eta[g] = population + sum of what each of its segments differs by + covariates[g] @ effects

with population ~ Normal(mean, sd), differences of a column ~ Normal(0, spread of that column and
coordinate), spread ~ HalfNormal(between), effects ~ Normal(0, effect).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jaxtyping import Float, Int
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as pydantic_dataclass
from scipy.sparse import csr_array, hstack

Eta = Float[jax.Array, "groups coordinates"]
Draws = dict[str, np.ndarray]
"""Draws by site: population (draws, coordinates), effects (draws, coordinates, covariates), and for
every column <column> (draws, coordinates, levels) and <column>_spread (draws, coordinates)."""


def is_taken(column: str) -> bool:
    """Say whether Draws would take a column of this name for another site."""
    return column in ("population", "effects") or column.endswith("_spread")


@pydantic_dataclass(frozen=True, kw_only=True, config=ConfigDict(arbitrary_types_allowed=True))
class Priors:
    """Priors of the coordinates; see the module.

    Attributes
    ----------
    mean, sd
        By coordinate.
    spread
        The spread itself, of all coordinates, where it is not to be learnt.
    """

    mean: np.ndarray
    sd: np.ndarray
    between: float
    effect: float
    spread: float | None = None


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Distinct combinations of segments and covariates.

    Attributes
    ----------
    columns
        How many levels each column has.
    covariates
        Names, in the order of `values`.
    codes
        The level of each group in every column; -1 for one that was never seen.
    """

    columns: dict[str, int] = field(default_factory=dict)
    covariates: tuple[str, ...] = ()
    codes: Int[np.ndarray, "groups columns"]
    values: Float[np.ndarray, "groups covariates"]

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pooled:
    """A likelihood in the coordinates of groups, with priors.

    Attributes
    ----------
    whole
        (eta, data) -> log-likelihood of all. Pass the same function object for every fit, so that
        it is compiled once.
    some
        (eta, data, rows) -> log-likelihood of each of these rows of `data`.
    times
        How many customers each row stands for.
    """

    names: tuple[str, ...]
    priors: Priors
    groups: Groups
    whole: Callable[[Eta, Any], Float[jax.Array, ""]]
    some: Callable[[Eta, Any, Int[jax.Array, " rows"]], Float[jax.Array, " rows"]]
    data: Any
    times: Float[np.ndarray, " rows"]

    def features(self) -> csr_array:
        """Return the design of a coordinate: groups by 1, covariates, levels column by column."""
        n, g = len(self.groups), self.groups
        blocks = [np.ones((n, 1)), g.values]
        rows = np.arange(n)
        for i, levels in enumerate(g.columns.values()):
            ones = (np.ones(n), (rows, g.codes[:, i]))
            blocks.append(csr_array(ones, shape=(n, levels)))
        return csr_array(hstack([csr_array(b) for b in blocks]))


def eta_of(draws: Draws, groups: Groups) -> Float[np.ndarray, "draws groups coordinates"]:
    """Return the coordinates of groups; a level with the code -1 is taken from the end.

    That is where `unseen` puts what is drawn for levels that the fit has not met.
    """
    eta = np.repeat(draws["population"][:, None, :], len(groups), axis=1)
    for i, column in enumerate(groups.columns):
        eta += draws[column][:, :, groups.codes[:, i]].transpose(0, 2, 1)
    if groups.covariates:
        eta += np.einsum("gk,dck->dgc", groups.values, draws["effects"])
    return eta


def unseen(draws: Draws, groups: Groups, seed: int, *, learnt: bool = True) -> Draws:
    """Add to every column one level that was never met: a draw from the population of levels.

    Of a single draw, or where the spread of levels was given and not `learnt`, the mean of the
    levels met: one deviate stands for nothing, and a spread wide enough to leave levels alone does
    not say how much they differ.
    """
    rng = np.random.default_rng([seed, 0])
    more = dict(draws)
    for column in groups.columns:
        spread = draws[f"{column}_spread"]
        new = spread * rng.standard_normal(spread.shape)
        if len(spread) == 1 or not learnt:
            new = draws[column].mean(axis=2)
        more[column] = np.concatenate([draws[column], new[:, :, None]], axis=2)
    return more


def traced(pooled: Pooled) -> dict[str, Any]:
    """Return every array of a model, to be handed to compiled code as an argument.

    What is an argument is no constant of the code: other data of the same shapes share it.
    """
    return _believed(pooled.priors, pooled.groups) | jax.device_put(
        {"customers": np.float64(pooled.times.sum()), "data": pooled.data}
    )


def _believed(priors: Priors, groups: Groups) -> dict[str, Any]:
    arrays = {"mean": priors.mean, "sd": priors.sd, "codes": groups.codes, "values": groups.values}
    return jax.device_put(arrays)


def model(pooled: Pooled, arrays: dict[str, Any], rows: Any = None) -> None:
    """Say the whole in NumPyro, non-centred; with `rows` a random share stands for all.

    Sites: population, effects, <column>_spread, <column>_z.

    Parameters
    ----------
    arrays
        As `traced`; of `pooled` nothing but names, sizes and functions is used.
    """
    eta = _coordinates(pooled.priors, pooled.groups, arrays)
    if rows is None:
        numpyro.factor("likelihood", pooled.whole(eta, arrays["data"]))
    else:
        each = pooled.some(eta, arrays["data"], rows)
        numpyro.factor("likelihood", arrays["customers"] * each.mean())


def differences(sites: dict[str, Any], groups: Groups) -> Draws:
    """Return Draws from draws of the sites of `model`."""
    draws = {"population": np.asarray(sites["population"])}
    if groups.covariates:
        draws["effects"] = np.asarray(sites["effects"])
    for column in groups.columns:
        spread, z = (np.asarray(sites[f"{column}_{end}"]) for end in ("spread", "z"))
        draws |= {column: spread[..., None] * z, f"{column}_spread": spread}
    return draws


def prior_draws(priors: Priors, groups: Groups, draws: int, seed: int) -> Draws:
    """Draw from the prior of these groups, whatever the likelihood."""
    with jax.enable_x64(True):
        drawn = numpyro.infer.Predictive(_sites, num_samples=draws)(
            jax.random.key(seed), priors, groups
        )
    if priors.spread is not None:
        shape = (draws, len(priors.mean))
        drawn |= {f"{c}_spread": np.full(shape, priors.spread) for c in groups.columns}
    return differences(drawn, groups)


def _sites(priors: Priors, groups: Groups) -> None:
    _coordinates(priors, groups, _believed(priors, groups))


def _coordinates(priors: Priors, groups: Groups, arrays: dict[str, Any]) -> Eta:
    size = len(priors.mean)
    flat = dist.Normal(arrays["mean"], arrays["sd"])
    population = jnp.asarray(numpyro.sample("population", flat.to_event(1)))
    eta = jnp.broadcast_to(population, (len(groups), size))
    if groups.covariates:
        flat = dist.Normal(0.0, priors.effect).expand([size, len(groups.covariates)])
        effects = jnp.asarray(numpyro.sample("effects", flat.to_event(2)))
        eta = eta + arrays["values"] @ effects.T
    for i, (column, levels) in enumerate(groups.columns.items()):
        z = numpyro.sample(f"{column}_z", dist.Normal(0, 1).expand([size, levels]).to_event(2))
        apart = _spread(priors, column, size)[:, None] * z
        eta = eta + apart[:, arrays["codes"][:, i]].T
    return eta


def _spread(priors: Priors, column: str, size: int) -> Float[jax.Array, " coordinates"]:
    if priors.spread is not None:
        return jnp.full(size, priors.spread)
    scale = dist.HalfNormal(priors.between).expand([size])
    return jnp.asarray(numpyro.sample(f"{column}_spread", scale.to_event(1)))
