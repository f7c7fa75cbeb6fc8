"""Ways of finding clusters among customers in scaled features, and the policy that chooses."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple

import hdbscan
import numpy as np
from jaxtyping import Float, Int
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture

from lifeworth.models.personas.math import Columns
from lifeworth.tables.errors import InputError, agreed

Labels = Int[np.ndarray, " customers"]

Kind = Literal["hdbscan", "kmeans", "gmm", "grid"]

NOISE = -1
"""The label of those in no cluster."""

STARTS = 10
"""How often K-Means and mixtures begin anew."""

SAMPLE = 5_000
"""Customers between whom silhouettes are taken: all distances of more would fill the memory."""


class Shape(NamedTuple):
    """Covariances and weights of a mixture, or the inner edges of a grid."""

    covariances: Float[np.ndarray, "personas columns columns"]
    weights: Float[np.ndarray, " personas"]
    edges: Float[np.ndarray, "axes inner"]


PLAIN = Shape(np.zeros((0, 0, 0)), np.zeros(0), np.zeros((0, 0)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Clusters:
    """What was found.

    Attributes
    ----------
    labels
        0, 1, ... by size, the largest first; NOISE.
    again
        Finds clusters among other customers in the same way, with the same choices.
    persistence
        Of each cluster of HDBSCAN, summed: how long they live as the density rises; NaN of others.
    relative_validity
        HDBSCAN's fast stand-in for DBCV, by its spanning tree; NaN of others.
    why
        How it was chosen, in a sentence; "" where there was no choice.
    """

    kind: Kind
    labels: Labels
    again: Callable[[Columns, int], "Clusters"]
    shape: Shape = PLAIN
    persistence: float = float("nan")
    relative_validity: float = float("nan")
    why: str = ""

    @property
    def count(self) -> int:
        """Return how many clusters there are."""
        return int(self.labels.max()) + 1

    @property
    def noise(self) -> float:
        """Return the share of customers in no cluster."""
        return float((self.labels == NOISE).mean())


class Density(NamedTuple):
    """Settings of HDBSCAN."""

    min_cluster_size: int
    min_samples: int


def by_density(z: Columns, seed: int, density: Density) -> Clusters:
    """Return the clusters of HDBSCAN."""
    del seed  # no chance is involved
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own use of what scikit-learn and NumPy retire
        found = hdbscan.HDBSCAN(**density._asdict(), gen_min_span_tree=True).fit(z)
        validity = found.relative_validity_ if found.labels_.max() > 0 else float("nan")
    return Clusters(
        kind="hdbscan",
        labels=by_size(found.labels_),
        again=partial(by_density, density=density),
        persistence=float(np.sum(found.cluster_persistence_)),
        relative_validity=float(validity),
    )


def by_means(z: Columns, seed: int, k: int) -> Clusters:
    """Return the clusters of K-Means."""
    _refuse_few(z, k)
    found = means(z, k, seed)
    return Clusters(kind="kmeans", labels=by_size(found.labels_), again=partial(by_means, k=k))


def means(z: Columns, k: int, seed: int, **given: Any) -> Any:
    """Return scikit-learn's K-Means, fitted; `given` are its other settings."""
    settings: dict[str, Any] = {"n_init": STARTS, "random_state": seed} | given
    return KMeans(k, **settings).fit(z)


def from_centres(z: Columns, seed: int, centres: Float[np.ndarray, "personas columns"]) -> Clusters:
    """Return the clusters of K-Means that begins at `centres`, in their order."""
    _refuse_few(z, len(centres))
    found = means(z, len(centres), seed, n_init=1, init=centres)
    again = partial(by_means, k=len(centres))
    return Clusters(kind="kmeans", labels=_compact(found.labels_), again=again)


def by_mixture(z: Columns, seed: int, k: int) -> Clusters:
    """Return the most likely components of a Gaussian mixture."""
    _refuse_few(z, k)
    found = _mixture(z, seed, k)
    raw = found.predict(z)
    order = _order(raw, k)
    shape = Shape(found.covariances_[order], found.weights_[order], PLAIN.edges)
    labels = np.argsort(order)[raw]
    used, compact = np.unique(labels, return_inverse=True)
    shape = Shape(shape.covariances[used], shape.weights[used], shape.edges)
    return Clusters(
        kind="gmm",
        labels=compact.astype(np.int64),
        again=partial(by_mixture, k=k),
        shape=shape,
    )


def by_grid(z: Columns, seed: int, cells: int) -> Clusters:
    """Return the cells of quantiles of recency (column 0) by frequency and money (1 and 2)."""
    del seed  # no chance is involved
    inner = np.linspace(0, 1, cells + 1)[1:-1]
    edges = np.stack([np.quantile(axis, inner) for axis in grid_axes(z).T])
    return Clusters(
        kind="grid",
        labels=_compact(cell_of(z, edges)),
        again=partial(by_grid, cells=cells),
        shape=Shape(PLAIN.covariances, PLAIN.weights, edges),
    )


def grid_axes(z: Columns) -> Float[np.ndarray, "customers 2"]:
    """Return how recent, and how much, each the larger the better."""
    return np.column_stack([-z[:, 0], z[:, 1] + z[:, 2]])


def cell_of(z: Columns, edges: Float[np.ndarray, "2 inner"]) -> Labels:
    """Return the cell of each customer: row of recency times cells, plus column."""
    axes, cells = grid_axes(z), edges.shape[1] + 1
    placed = [np.searchsorted(e, a, side="right") for e, a in zip(edges, axes.T, strict=True)]
    return (placed[0] * cells + placed[1]).astype(np.int64)


class Rule(NamedTuple):
    """When HDBSCAN's clusters are taken, and how many others are tried where they are not."""

    fewest: int
    most_noise: float
    numbers: tuple[int, ...]


def by_policy(z: Columns, seed: int, density: Density, rule: Rule) -> Clusters:
    """Return HDBSCAN's clusters, or where they are too few or too noisy those of `fallback`."""
    first = by_density(z, seed, density)
    found = f"HDBSCAN found {first.count} clusters and {first.noise:.1%} noise"
    if first.count >= rule.fewest and first.noise <= rule.most_noise:
        return replace(first, why=f"{found}: they are taken.")
    second = fallback(z, seed, rule.numbers)
    limit = f"at least {rule.fewest} and at most {rule.most_noise:.0%} are asked for"
    return replace(second, why=f"{found}; {limit}. {second.why}")


def fallback(z: Columns, seed: int, numbers: tuple[int, ...]) -> Clusters:
    """Return K-Means or a mixture: how many by BIC of the mixture, which by silhouette."""
    bic = {k: float(_mixture(z, seed, k).bic(z)) for k in numbers}
    k = min(bic, key=lambda number: bic[number])
    tried = {c.kind: c for c in (by_means(z, seed, k), by_mixture(z, seed, k))}
    heights = {kind: silhouette(z, c.labels) for kind, c in tried.items()}
    kind = max(heights, key=lambda name: heights[name])
    words = ", ".join(f"{name} {height:.3f}" for name, height in heights.items())
    why = f"Of {numbers} the BIC of a mixture chooses {k}; silhouettes ({words}) choose {kind}."
    return replace(tried[kind], why=why)


def silhouette(z: Columns, labels: Labels) -> float:
    """Return the mean silhouette without noise, of SAMPLE customers at most; NaN of one cluster."""
    kept = labels != NOISE
    z, labels = z[kept], labels[kept]
    if len(np.unique(labels)) < 2:
        return float("nan")
    if len(z) > SAMPLE:
        rows = np.random.default_rng(0).choice(len(z), SAMPLE, replace=False)
        z, labels = z[rows], labels[rows]
    several = len(np.unique(labels)) > 1  # the sample may miss a small cluster
    return float(silhouette_score(z, labels)) if several else float("nan")


def by_size(labels: np.ndarray) -> Labels:
    """Return labels renumbered: the largest cluster is 0, noise stays noise."""
    clusters = int(labels.max()) + 1
    new = np.append(np.argsort(_order(labels[labels >= 0], clusters)), NOISE)
    return new[labels].astype(np.int64)


def _order(labels: np.ndarray, clusters: int) -> np.ndarray:
    return np.argsort(-np.bincount(labels, minlength=clusters), kind="stable")


def _compact(labels: np.ndarray) -> Labels:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _mixture(z: Columns, seed: int, k: int) -> Any:
    mixture = GaussianMixture(k, n_init=1, reg_covar=1e-4, max_iter=500, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged: its silhouette tells
        return mixture.fit(z)


def _refuse_few(z: Columns, k: int) -> None:
    if len(z) < 2 * k:
        raise InputError(
            f"personas: {agreed(len(z), 'customer', 'are')} too few for {k} personas; take a "
            "longer History, or fewer personas"
        )
