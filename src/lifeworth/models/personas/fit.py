"""From a History to fitted personas, by whatever way of finding clusters a recipe has."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.stats import rankdata

from lifeworth.asof.persona_features import RFM
from lifeworth.asof.split import History
from lifeworth.models.personas.clusters import NOISE, Clusters, Labels, cell_of, means
from lifeworth.models.personas.fitted import Personas
from lifeworth.models.personas.math import Columns
from lifeworth.models.personas.names import names_of
from lifeworth.models.personas.space import Look, Raw, Space, fit_space, read
from lifeworth.tables.errors import InputError

POINTS = 40
"""Means that stand for a cluster of odd shape."""

EACH = 5
"""Customers of a cluster for one of its points."""

MOST = 0.99
"""Share of a persona's customers within the distance that its cap is a multiple of."""

Find = Callable[[Columns, int], Clusters]
"""Finds clusters among customers in scaled features, from a seed."""


class Plan(NamedTuple):
    """What a recipe says: the space, and how clusters are found in it."""

    look: Look
    find: Find


class Found(NamedTuple):
    """A fit with all it was made of, for those who judge it."""

    personas: Personas
    raw: Raw
    z: Columns
    clusters: Clusters


def found(plan: Plan, history: History, seed: int, space: Space | None = None) -> Found:
    """Fit to `history`, in a new space or in one that was frozen before.

    Raises
    ------
    InputError
        If there is not even one cluster, or as `space.read`.
    """
    raw = read(history, plan.look)
    space = fit_space(raw, plan.look) if space is None else space
    z = space.place(raw)
    clusters = plan.find(z, seed)
    if clusters.count < 1:
        raise InputError(
            f"personas: no cluster among {len(z):,} customers; name other features, a smaller "
            "min_cluster_size, or model=personas_default, which knows what to do then"
        )
    return Found(_personas(plan.look, space, (raw, z), clusters, seed), raw, z, clusters)


def ranks_of(raw: Raw, labels: Labels) -> Float[np.ndarray, "personas 3"]:
    """Return mean ranks of recency (the latest highest), frequency and money of each cluster."""
    rfm = raw.frame[list(RFM)].to_numpy(dtype=np.float64) * [-1.0, 1.0, 1.0]
    ranks = (rankdata(rfm, axis=0) - 0.5) / len(rfm)
    return np.stack([ranks[labels == k].mean(axis=0) for k in range(int(labels.max()) + 1)])


def _personas(
    look: Look, space: Space, customers: tuple[Raw, Columns], clusters: Clusters, seed: int
) -> Personas:
    raw, z = customers
    points, owner = _points(z, clusters, seed)
    value = raw.frame["monetary_cents"].to_numpy(dtype=np.float64)
    ranks = ranks_of(raw, clusters.labels)
    uncapped = Personas(
        kind=clusters.kind,
        space=space,
        ids=np.arange(clusters.count),
        names=_names(ranks, clusters),
        last_id=clusters.count - 1,
        ranks=ranks,
        points=points,
        owner=owner,
        spread=_spread(z, clusters.labels),
        caps=np.full(clusters.count, np.inf),
        covariances=clusters.shape.covariances,
        weights=clusters.shape.weights,
        edges=clusters.shape.edges,
        cells=_cells(z, clusters),
        high_value_cents=float(np.quantile(value, look.outliers.high_value)),
        outlier_value_share=0.0,
        noise_share=clusters.noise,
        recognised=1.0,
        persistence=clusters.persistence,
        relative_validity=clusters.relative_validity,
        why=clusters.why,
        customers=len(z),
    )
    capped = _capped(uncapped, z, clusters.labels, look.outliers.distance)
    return _counted(capped, z, clusters.labels, value)


def _capped(personas: Personas, z: Columns, labels: Labels, times: float) -> Personas:
    """Give every persona its cap; a grid has none."""
    placed = personas.place(z)
    caps = personas.caps.copy()
    for k in range(len(caps) if personas.kind != "grid" else 0):
        own = placed.distance[(labels == k) & (placed.nearest == k)]
        caps[k] = times * float(np.quantile(own, MOST)) if len(own) else 0.0
    return replace(personas, caps=caps)


def _counted(
    personas: Personas, z: Columns, labels: Labels, value: Float[np.ndarray, " customers"]
) -> Personas:
    """Count outliers, what they are worth, and who gets back the persona that was found."""
    told = personas.labels(z)
    rich = (told == NOISE) & (value >= personas.high_value_cents)
    return replace(
        personas,
        outlier_value_share=float(value[rich].sum() / max(float(value.sum()), 1.0)),
        noise_share=float((told == NOISE).mean()),
        recognised=float((told == labels).mean()),
    )


def _points(
    z: Columns, clusters: Clusters, seed: int
) -> tuple[Float[np.ndarray, "points columns"], Int[np.ndarray, " points"]]:
    """Return means that stand for the clusters, and whose they are; several of HDBSCAN's."""
    points, owner = [], []
    for k in range(clusters.count):
        own = z[clusters.labels == k]
        many = min(POINTS, len(np.unique(own, axis=0)) // EACH) if clusters.kind == "hdbscan" else 1
        few = (
            means(own, many, seed, n_init=1).cluster_centers_
            if many > 1
            else own.mean(axis=0, keepdims=True)
        )
        points.append(few)
        owner.append(np.full(len(few), k))
    return np.concatenate(points), np.concatenate(owner)


def _spread(z: Columns, labels: Labels) -> float:
    """Return the sd of customers around the mean of their cluster, in one direction."""
    own = pd.DataFrame(z[labels != NOISE])
    rest = own - own.groupby(labels[labels != NOISE]).transform("mean")
    return max(float(np.sqrt((rest.to_numpy() ** 2).mean())), 1e-9)


def _cells(z: Columns, clusters: Clusters) -> Int[np.ndarray, " personas"]:
    """Return the cell of each persona of a grid."""
    none = np.zeros(0, dtype=np.int64)
    return np.unique(cell_of(z, clusters.shape.edges)) if clusters.kind == "grid" else none


def _names(ranks: Float[np.ndarray, "personas 3"], clusters: Clusters) -> tuple[str, ...]:
    """Return names by profile; those of a grid say the cell."""
    if clusters.kind != "grid":
        return names_of(ranks)
    return tuple(f"Cell {k + 1}" for k in range(clusters.count))
