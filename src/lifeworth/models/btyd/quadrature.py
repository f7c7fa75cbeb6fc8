"""Gauss rules for expectations over a Beta distribution."""

import math

import numpy as np
from jaxtyping import Float
from scipy.linalg import eigh_tridiagonal

LEAST_NODES, MOST_NODES = 32, 512


def nodes_needed(c: float, error: float = 1e-14) -> int:
    """Return how many Gauss nodes integrate (1 + c p)^-s over p in [0, 1] to about `error`.

    The integrand is analytic up to its branch point at p = -1/c; the rule converges like rho^(-2
    K), where rho is the sum of the semi-axes of the Bernstein ellipse through that point
    (Trefethen, Approximation Theory and Practice, theorem 19.3).
    """
    if c <= 0:
        return LEAST_NODES
    z = 1.0 + 2.0 / c
    rho = z + math.sqrt(z * z - 1.0)
    return min(max(LEAST_NODES, math.ceil(-math.log(error) / (2.0 * math.log(rho)))), MOST_NODES)


def beta_rules(
    a: float, b: Float[np.ndarray, " n"], K: int
) -> tuple[Float[np.ndarray, " n {K}"], Float[np.ndarray, " n {K}"]]:
    """Return nodes in (0, 1) and weights (rows sum to 1) of the K-point Gauss rules of Beta(a, b_i).

    Golub and Welsch (1969): eigenvalues of the Jacobi recurrence; no gamma function, so nothing
    overflows for large b.
    """
    n, m = np.arange(K), np.arange(1, K)
    al, be = b[:, None] - 1.0, a - 1.0  # (1 - z)^al (1 + z)^be on [-1, 1]
    ab = al + be
    with np.errstate(divide="ignore", invalid="ignore"):  # 0/0 at n = 0 or m = 1 is set right below
        centre = (be**2 - al**2) / ((2 * n + ab) * (2 * n + ab + 2))
        side = 4 * m * (m + al) * (m + be) * (m + ab) / ((2 * m + ab) ** 2 * (2 * m + ab + 1) * (2 * m + ab - 1))  # fmt: skip
    centre[:, :1] = (be - al) / (ab + 2)
    side[:, :1] = 4 * (1 + al) * (1 + be) / ((2 + ab) ** 2 * (3 + ab))
    rules = [eigh_tridiagonal(d, e) for d, e in zip(centre, np.sqrt(side), strict=True)]
    z, first = np.array([z for z, _ in rules]), np.array([vectors[0] for _, vectors in rules])
    return np.clip((z + 1) / 2, 1e-300, 1.0), first**2
