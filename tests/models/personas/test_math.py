"""Compositions, distances and soft membership, against twins and by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.mixture import GaussianMixture

from lifeworth.models.personas.math import (
    helmert,
    ilr,
    mixture_logs,
    smoothed,
    soft,
    squared_distances,
)


def test_shares_are_drawn_to_those_of_all() -> None:
    """(3 + 2 x .5) / (4 + 2) = 2/3; nobody's lines give the prior."""
    shares = smoothed(np.array([[3.0, 1.0], [0.0, 0.0]]), np.array([0.5, 0.5]), 2.0)
    np.testing.assert_allclose(shares, [[2 / 3, 1 / 3], [0.5, 0.5]], rtol=1e-14)


def test_the_basis_is_orthonormal_and_sums_to_nothing() -> None:
    rows = helmert(5)
    np.testing.assert_allclose(rows @ rows.T, np.eye(4), atol=1e-15)
    np.testing.assert_allclose(rows.sum(axis=1), 0, atol=1e-15)


@given(st.integers(0, 1_000), st.integers(2, 6))
def test_distances_are_those_of_aitchison(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(size), 2) + 1e-6
    logs = np.log(shares) - np.log(shares).mean(axis=1, keepdims=True)
    z = ilr(shares)
    np.testing.assert_allclose(
        ((z[0] - z[1]) ** 2).sum(), ((logs[0] - logs[1]) ** 2).sum(), rtol=1e-9
    )
    turned = ilr(shares[:, ::-1])
    np.testing.assert_allclose(((turned[0] - turned[1]) ** 2).sum(), ((z[0] - z[1]) ** 2).sum())


def test_squared_distances_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    z, centres = rng.normal(size=(50, 3)), rng.normal(size=(4, 3))
    twin = cdist(z, centres, "sqeuclidean")
    np.testing.assert_allclose(squared_distances(z, centres), twin, rtol=1e-10)


def test_soft_membership_by_hand() -> None:
    """Between two spheres of sd 1 at 0 and 2, a customer at 0: exp(0) against exp(-2)."""
    told = soft(np.array([[0.0, 4.0], [1.0, 1.0]]), 1.0)
    np.testing.assert_allclose(told[0], np.array([1, np.exp(-2)]) / (1 + np.exp(-2)))
    np.testing.assert_allclose(told[1], [0.5, 0.5])


def test_responsibilities_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.normal(size=(200, 2)), rng.normal(3.0, 0.5, size=(100, 2))])
    twin = GaussianMixture(2, random_state=0).fit(z)
    told, apart = mixture_logs(z, twin.means_, twin.covariances_, twin.weights_)
    np.testing.assert_allclose(told, twin.predict_proba(z), atol=1e-10)
    inverse = np.linalg.inv(twin.covariances_[1])
    own = z[0] - twin.means_[1]
    np.testing.assert_allclose(apart[0, 1] ** 2, own @ inverse @ own)
