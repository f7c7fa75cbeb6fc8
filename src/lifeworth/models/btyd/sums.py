"""Expectations over a Beta that a customer shares with nobody: sums over the number of purchases.

Covariates give every customer a Beta of their own. A Gauss rule for each takes the eigenvalues of a
matrix, some 10 microseconds; a term of these sums takes a few nanoseconds.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lifeworth.models.btyd.math import BgNbdParams

TAIL = 1e-13
"""Terms are left out from where one is this share of the sum."""

MOST_TERMS = 600
"""Terms from which a rule of quadrature is cheaper; of fewer, the first has not underflowed."""

PIECE = 1_024
"""Customers whose terms are summed together, until the last of them needs no more."""

Expectation = Callable[[Int[np.ndarray, " some"]], Float[np.ndarray, " some"]]
"""Rows -> an expectation for each."""


def by_sums(
    s: Float[np.ndarray, " n"],
    c: Float[np.ndarray, " n"],
    summed: Expectation,
    ruled: Expectation,
) -> Float[np.ndarray, " n"]:
    """Return `summed` of rows that need about as many terms at a time; `ruled` if too many.

    Purchases are negative binomial, of shape s and mean s c: they end some deviations above it, and
    as a geometric distribution does.
    """
    mean = s * c
    terms = mean + 8.0 * np.sqrt(mean * (1.0 + c)) + 30.0 * (1.0 + c)
    order = np.argsort(terms)
    few, found = int(np.searchsorted(terms[order], MOST_TERMS)), np.empty_like(terms)
    for start in range(0, few, PIECE):
        rows = order[start : min(start + PIECE, few)]
        found[rows] = summed(rows)
    if few < len(order):
        found[order[few:]] = ruled(order[few:])
    return found


def purchases_by_sum(th: BgNbdParams, x: Any, b: Any, T: Any, H: Any) -> Float[np.ndarray, " n"]:
    """Return E[purchases in (T, T + H] | alive at T]: the sum over n of P(K > n) E[(1 - p)^n].

    K purchases if nothing stopped the customer; p ~ Beta(a, b).
    """
    s, c = th.r + x, H / (th.alpha + T)
    none, z = -s * np.log1p(c), c / (1.0 + c)
    exactly, more = np.exp(none), -np.expm1(none)  # P(K = n), P(K > n)
    stays, total, counts = np.ones_like(more), more.copy(), itertools.count(1)
    while (more > TAIL * total).any():
        for n in itertools.islice(counts, 8):
            exactly *= (s + (n - 1.0)) * z / n
            more -= exactly
            stays *= (b + (n - 1.0)) / (th.a + b + (n - 1.0))
            total += more * stays
    return total
