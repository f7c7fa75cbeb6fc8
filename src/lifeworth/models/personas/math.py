"""Compositions, ranks and soft membership as pure functions.

n      counts of a customer by category
pi     shares of the categories in the population
a      weight of the prior: so many counts
z      customers in scaled features

Egozcue, Pawlowsky-Glahn, Mateu-Figueras and Barcelo-Vidal (2003), Isometric logratio
transformations for compositional data analysis, Mathematical Geology 35.
"""

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

Columns = Float[np.ndarray, "customers columns"]
ByPersona = Float[np.ndarray, "customers personas"]

CHUNK = 65_536
"""Customers whose distances are in memory at once."""


def smoothed(n: Columns, pi: Float[np.ndarray, " columns"], a: float) -> Columns:
    """Return the posterior mean shares of a multinomial with prior Dirichlet(a pi)."""
    return (n + a * pi) / (n.sum(axis=1, keepdims=True) + a)


def ilr(shares: Columns) -> Float[np.ndarray, "customers coordinates"]:
    """Return isometric log-ratio coordinates, one fewer than shares, all of which are above 0.

    Distances are Aitchison's, whatever the order of the categories.
    """
    logs = np.log(shares)
    return (logs - logs.mean(axis=1, keepdims=True)) @ helmert(shares.shape[1]).T


def helmert(size: int) -> Float[np.ndarray, "rows size"]:
    """Return size - 1 orthonormal rows, each summing to 0."""
    rows = np.tril(np.ones((size - 1, size)))
    places = np.arange(1, size)
    rows[np.arange(size - 1), places] = -places
    return rows / np.sqrt(places * (places + 1.0))[:, None]


def squared_distances(
    z: Columns, centres: Float[np.ndarray, "centres columns"]
) -> Float[np.ndarray, "customers centres"]:
    """Return squared Euclidean distances, never below 0."""
    cross = z @ centres.T
    return np.maximum((z**2).sum(axis=1)[:, None] - 2.0 * cross + (centres**2).sum(axis=1), 0.0)


def soft(squared: ByPersona, spread: float) -> ByPersona:
    """Return probabilities of spheres of one size, `spread` their sd in every direction."""
    return _normalised(-squared / (2.0 * spread**2))


def mixture_logs(
    z: Columns,
    means: Float[np.ndarray, "personas columns"],
    covariances: Float[np.ndarray, "personas columns columns"],
    weights: Float[np.ndarray, " personas"],
) -> tuple[ByPersona, ByPersona]:
    """Return responsibilities of a Gaussian mixture, and Mahalanobis distances."""
    logs, squared = np.empty((len(z), len(means))), np.empty((len(z), len(means)))
    for k, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        root = np.linalg.cholesky(covariance)
        apart = np.linalg.solve(root, (z - mean).T)
        squared[:, k] = (apart**2).sum(axis=0)
        logs[:, k] = np.log(weights[k]) - np.log(np.diag(root)).sum() - squared[:, k] / 2.0
    return _normalised(logs), np.sqrt(squared)


def _normalised(logs: ByPersona) -> ByPersona:
    return np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
