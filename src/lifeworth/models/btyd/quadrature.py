"""Gauss rules for expectations over a Beta distribution."""

import numpy as np
from jaxtyping import Float
from scipy.linalg import eigh_tridiagonal, get_lapack_funcs

MOST_NODES = 512
ERROR = 1e-12
FEW = 256
"""Rules up to which the slower and more exact way is taken."""

MOST_RECURRED = 128
"""Nodes up to which a recurrence loses no more than a few digits."""

Rows = Float[np.ndarray, "rules _"]

NEAREST = 1e-30
"""Least distance of a node from 0, so that there is no division by 0 in float32 either."""


def nodes_needed(s: Float[np.ndarray, " n"], c: Float[np.ndarray, " n"]) -> int:
    """Return how many nodes give E[(1 - (1 + c p)^-s) / p] to a relative error of about ERROR.

    For the worst of the rows, and at most MOST_NODES, which are too few for 1e-9 where both are
    large (s c above 50,000). A K-point rule errs by at most 4 M rho^(-2K) where the integrand is
    below M inside a Bernstein ellipse of [0, 1] with parameter rho (Trefethen, Approximation Theory
    and Approximation Practice, theorem 19.3); the ellipse ends at p = -w / c, short of the branch
    point at -1 / c, and the best of some w is taken.
    """
    w = np.linspace(0.02, 0.98, 25)
    s, c = s[:, None], c[:, None]
    y = -s * np.log1p(-w)
    growth = y + np.log(-np.expm1(-y) / (w * s))  # log of the integrand's peak over s c
    log_rho = 2.0 * np.arcsinh(np.sqrt(w / c))
    nodes = (np.log(4.0 / ERROR) + growth + np.log1p(s * c)) / (2.0 * log_rho)
    return min(int(np.ceil(nodes.min(axis=1).max())), MOST_NODES)


def beta_rules(
    a: float | Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], K: int
) -> tuple[Float[np.ndarray, " n {K}"], Float[np.ndarray, " n {K}"]]:
    """Return nodes in (0, 1) and weights (rows sum to 1) of the K-point Gauss rules of Beta(a, b).

    Golub and Welsch (1969): eigenvalues of the Jacobi recurrence; no gamma function, so nothing
    overflows for large b.
    """
    n, m = np.arange(K), np.arange(1, K)
    al, be = b[:, None] - 1.0, np.asarray(a)[..., None] - 1.0  # (1 - z)^al (1 + z)^be on [-1, 1]
    ab = al + be
    two = 2 * m + ab
    with np.errstate(divide="ignore", invalid="ignore"):  # 0/0 at n = 0 or m = 1 is set below
        centre = (be**2 - al**2) / ((2 * n + ab) * (2 * n + ab + 2))
        side = 4 * m * (m + al) * (m + be) * (m + ab) / (two**2 * (two + 1) * (two - 1))
    centre[:, :1] = (be - al) / (ab + 2)
    side[:, :1] = 4 * (1 + al) * (1 + be) / ((2 + ab) ** 2 * (3 + ab))
    rules = _by_recurrence if len(b) > FEW and K <= MOST_RECURRED else _by_vectors
    z, weights = rules(centre, np.sqrt(side))
    return np.clip((z + 1) / 2, NEAREST, 1.0), weights


def _by_vectors(centre: Rows, side: Rows) -> tuple[Rows, Rows]:
    """Return the eigenvalues of Jacobi matrices, and the squares of the vectors' first entries."""
    found = [eigh_tridiagonal(d, e) for d, e in zip(centre, side, strict=True)]
    return np.array([z for z, _ in found]), np.array([vectors[0] ** 2 for _, vectors in found])


def _by_recurrence(centre: Rows, side: Rows) -> tuple[Rows, Rows]:
    """Return the same from the eigenvalues alone, in a quarter of the time, to 1e-10.

    The vectors are the orthonormal polynomials at the eigenvalues, by their recurrence.
    """
    (sterf,) = get_lapack_funcs(("sterf",), (centre, side))
    z = np.array([sterf(d, e)[0] for d, e in zip(centre, side, strict=True)])
    before, now = np.zeros_like(z), np.ones_like(z)
    total = np.ones_like(z)
    for k in range(z.shape[1] - 1):
        last = side[:, k - 1 : k] * before if k else 0.0
        before, now = now, ((z - centre[:, k : k + 1]) * now - last) / side[:, k : k + 1]
        total += now**2
    return z, 1.0 / total
