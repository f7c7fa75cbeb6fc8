"""Are clusters there: validity, stability under resampling, and two ways of being fooled."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from hdbscan.validity import validity_index
from jaxtyping import Float, Int
from scipy.stats import rankdata
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from sklearn.tree import DecisionTreeClassifier

from lifeworth.models.personas.clusters import NOISE, SAMPLE, Clusters, silhouette
from lifeworth.models.personas.fit import Find

Labels = Int[np.ndarray, " customers"]
Columns = Float[np.ndarray, "customers columns"]


@dataclass(frozen=True, kw_only=True)
class Structure:
    """What clusters look like, each measure under its own name; NaN where undefined.

    Attributes
    ----------
    silhouette
        Rousseeuw (1987), of customers who are not noise.
    dbcv
        Density-based validity of Moulavi et al. (2014), by `hdbscan.validity_index`: -1 to 1, noise
        counts against it.
    relative_validity
        What HDBSCAN calls so: a fast stand-in that compares fits to one set of customers and is no
        DBCV, though it is often quoted as one.
    persistence_sum
        How long HDBSCAN's clusters live, summed over clusters: more clusters, larger sum. It is
        sometimes called stability, and says nothing of another sample.
    """

    personas: int
    noise_share: float
    silhouette: float
    dbcv: float
    relative_validity: float
    persistence_sum: float


def structure(z: Columns, clusters: Clusters) -> Structure:
    """Return the measures of one fit; silhouette and DBCV of SAMPLE customers at most."""
    return Structure(
        personas=clusters.count,
        noise_share=clusters.noise,
        silhouette=silhouette(z, clusters.labels),
        dbcv=dbcv(z, clusters.labels),
        relative_validity=clusters.relative_validity,
        persistence_sum=clusters.persistence,
    )


def dbcv(z: Columns, labels: Labels) -> float:
    """Return the density-based cluster validity; NaN of fewer than two clusters."""
    if len(z) > SAMPLE:
        rows = np.random.default_rng(0).choice(len(z), SAMPLE, replace=False)
        z, labels = z[rows], labels[rows]
    names, sizes = np.unique(labels[labels != NOISE], return_counts=True)
    labels = np.where(np.isin(labels, names[sizes > 1]), labels, NOISE)
    if (sizes > 1).sum() < 2:
        return float("nan")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # customers in one place, whose density is infinite
        found: Any = validity_index(z, _numbered(labels))
        return float(found)


def jaccard_stability(
    z: Columns, clusters: Clusters, resamples: int, seed: int
) -> Float[np.ndarray, " personas"]:
    """Return by cluster how well it is found again in bootstrap samples (Hennig 2007).

    The mean over samples of the largest Jaccard similarity with any cluster of the sample, among
    the customers that the sample has. Below .5 a cluster dissolves, above .75 it is stable.
    """
    rng = np.random.default_rng(seed)
    found = np.empty((resamples, clusters.count))
    for row in found:
        drawn = rng.integers(len(z), size=len(z))
        again = clusters.again(z[drawn], seed).labels
        once, place = np.unique(drawn, return_index=True)
        row[:] = overlaps(clusters.labels[once], again[place], clusters.count).max(axis=1)
    return found.mean(axis=0)


def overlaps(old: Labels, new: Labels, count: int) -> Float[np.ndarray, "old new"]:
    """Return Jaccard similarities of clusters 0 to count - 1 of `old` with those of `new`."""
    others = max(int(new.max()) + 1, 1)
    both = np.zeros((count, others))
    kept = (old != NOISE) & (new != NOISE)
    np.add.at(both, (old[kept], new[kept]), 1.0)
    of_old = np.bincount(old[old != NOISE], minlength=count)
    of_new = np.bincount(new[new != NOISE], minlength=others)
    return both / np.maximum(of_old[:, None] + of_new[None, :] - both, 1.0)


class Artefact(NamedTuple):
    """The single column, cut into pieces, that the clusters agree with most."""

    column: str
    cut: str
    adjusted_rand: float
    adjusted_mutual_information: float


def artefact(columns: pd.DataFrame, labels: Labels) -> Artefact:
    """Return which one column, cut into as many pieces as there are clusters, tells most of them.

    Cut in three ways: whole numbers as they are, up to the number of clusters; equal parts; and
    where a tree would cut it to tell the clusters apart. Customers who are noise are left out.

    Parameters
    ----------
    columns
        What the clusters are said to be made of, before it was scaled.
    """
    kept = labels != NOISE
    own, count = labels[kept], len(np.unique(labels[kept]))
    tried = []
    for name in columns:
        for cut, pieces in _pieces(columns[name].to_numpy(dtype=float)[kept], own, count).items():
            rand = float(adjusted_rand_score(own, pieces))
            tried.append((rand, str(name), cut, pieces))
    rand, name, cut, pieces = max(tried, key=lambda row: row[:3])
    return Artefact(name, cut, rand, float(adjusted_mutual_info_score(own, pieces)))


def _pieces(value: np.ndarray, labels: Labels, count: int) -> Mapping[str, np.ndarray]:
    ranks = (rankdata(value) - 0.5) / len(value)
    tree: Any = DecisionTreeClassifier(max_leaf_nodes=max(count, 2), random_state=0)
    found = {
        "equal parts": (ranks * count).astype(np.int64),
        "cut by a tree": tree.fit(value[:, None], labels).apply(value[:, None]),
    }
    if (value == np.rint(value)).all():
        found[f"whole numbers up to {count}"] = np.minimum(value, count)
    return found


class Null(NamedTuple):
    """Silhouettes times share of customers in a cluster: found, and of columns permuted."""

    found: float
    permuted: Float[np.ndarray, " times"]

    @property
    def p_value(self) -> float:
        """Return how often customers without structure do as well, the ones found among them."""
        return float((1 + (self.permuted >= self.found).sum()) / (1 + len(self.permuted)))


def null(z: Columns, clusters: Clusters, find: Find, times: int, seed: int) -> Null:
    """Return how well clusters do among customers whose columns are permuted independently.

    Every column keeps its values, so that its steps and tails are the same; what customers have in
    common between columns is gone. Clusters are found by `find` in all of them, with every choice
    made anew: what was chosen for the customers at hand would flatter these.
    """
    rng = np.random.default_rng(seed)
    permuted = np.array([_height(_shuffled(z, rng), find, seed) for _ in range(times)])
    return Null(_silhouette_of_all(z, clusters.labels), permuted)


def _height(z: Columns, find: Find, seed: int) -> float:
    return _silhouette_of_all(z, find(z, seed).labels)


def _shuffled(z: Columns, rng: np.random.Generator) -> Columns:
    return np.column_stack([rng.permutation(column) for column in z.T])


def _silhouette_of_all(z: Columns, labels: Labels) -> float:
    """Return the silhouette with 0 for noise, and for a single cluster."""
    height = silhouette(z, labels)
    return 0.0 if np.isnan(height) else height * float((labels != NOISE).mean())


def _numbered(labels: Labels) -> Labels:
    """Return labels 0, 1, ... without gaps; noise stays noise."""
    names = np.unique(labels[labels != NOISE])
    return np.where(labels == NOISE, NOISE, np.searchsorted(names, labels)).astype(np.int64)
