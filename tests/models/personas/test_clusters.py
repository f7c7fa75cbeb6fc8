"""Clusters against their libraries, and the policy on customers whose groups are known."""

import math

import hdbscan
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

from lifeworth.models.personas.clusters import (
    NOISE,
    SAMPLE,
    Density,
    Rule,
    by_density,
    by_grid,
    by_means,
    by_mixture,
    by_policy,
    by_size,
    silhouette,
)
from lifeworth.tables.errors import InputError

RULE = Rule(fewest=3, most_noise=0.2, numbers=(4, 5, 6))
DENSITY = Density(min_cluster_size=30, min_samples=5)


def blobs(apart: float, groups: int = 5, each: int = 100) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(groups), each)
    angle = 2 * np.pi * truth / groups
    centres = apart * np.column_stack([np.cos(angle), np.sin(angle)])
    return centres + rng.normal(size=(len(truth), 2)), truth


def test_hdbscan_is_hdbscan() -> None:
    z, _ = blobs(12.0)
    found = by_density(z, 0, DENSITY)
    twin = hdbscan.HDBSCAN(**DENSITY._asdict(), gen_min_span_tree=True).fit(z)
    assert adjusted_rand_score(twin.labels_, found.labels) == 1.0
    assert found.persistence == pytest.approx(twin.cluster_persistence_.sum())
    assert found.relative_validity == pytest.approx(twin.relative_validity_)
    assert found.noise == (twin.labels_ == -1).mean()


def test_k_means_is_that_of_scikit_learn() -> None:
    z, _ = blobs(4.0)
    twin = KMeans(5, n_init=10, random_state=3).fit_predict(z)
    assert adjusted_rand_score(twin, by_means(z, 3, 5).labels) == 1.0
    assert silhouette(z, twin.astype(np.int64)) == pytest.approx(silhouette_score(z, twin))


def test_noise_is_left_out_of_silhouettes_and_keeps_its_label() -> None:
    z, truth = blobs(12.0, 3)
    labels = np.append(truth, NOISE)
    assert silhouette(np.vstack([z, [0, 0]]), labels) == silhouette(z, truth)
    many = SAMPLE + 5_000
    rare = (np.arange(many) == 0).astype(np.int64)  # missed by the sample, or alone in it
    height = silhouette(np.random.default_rng(0).normal(size=(many, 2)), rare)
    assert math.isnan(height) or -1 <= height <= 1
    assert by_size(np.array([2, 2, 2, 0, 0, 1, -1])).tolist() == [0, 0, 0, 1, 1, 2, -1]


def test_the_policy_takes_what_hdbscan_finds_where_that_is_enough() -> None:
    z, truth = blobs(12.0)
    found = by_policy(z, 0, DENSITY, RULE)
    assert found.kind == "hdbscan"
    assert "they are taken" in found.why
    kept = found.labels != NOISE
    assert adjusted_rand_score(truth[kept], found.labels[kept]) > 0.99


@pytest.mark.parametrize("groups", [2, 5])
def test_the_policy_falls_back(groups: int) -> None:
    """Two clusters are fewer than three; five that overlap are noise to HDBSCAN."""
    z, _ = blobs(12.0 if groups == 2 else 2.5, groups)
    found = by_policy(z, 0, DENSITY, RULE)
    assert found.kind in {"kmeans", "gmm"}
    assert found.count in RULE.numbers
    assert found.noise == 0
    assert "BIC" in found.why


def test_the_same_choices_are_made_again() -> None:
    z, _ = blobs(4.0)
    found = by_policy(z, 0, DENSITY, RULE)
    again = found.again(z[::2], 0)
    assert (again.kind, again.count) == (found.kind, found.count)


def test_a_grid_has_equal_cells_of_independent_columns() -> None:
    z = np.random.default_rng(0).normal(size=(4_000, 3))
    found = by_grid(z, 0, 4)
    assert found.count == 16
    # 250 a cell, sd 15: 5 sd
    assert np.abs(np.bincount(found.labels) - 250).max() < 75


def test_mixtures_keep_what_belongs_together() -> None:
    z, truth = blobs(12.0)
    found = by_mixture(z, 0, 5)
    assert adjusted_rand_score(truth, found.labels) == 1.0
    np.testing.assert_allclose(found.shape.weights, 0.2, atol=0.01)


def test_too_few_customers_are_told() -> None:
    with pytest.raises(InputError, match="5 customers are too few for 4 personas"):
        by_means(np.zeros((5, 2)), 0, 4)
