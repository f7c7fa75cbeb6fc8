"""The linear map of EASE (Steck 2019): the ridge regression of each product on all others."""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float
from scipy import linalg

from lifeworth.models.ranking import best, shape_of


def linear_map(touched: sp.csr_array, penalty: float, products: int, keep: int) -> sp.csr_array:
    """Return the weights from each product to the others, the `keep` of each farthest from 0.

    Those below 0 matter as much: a product that goes with something else than what is there.

    Parameters
    ----------
    touched
        Visits by products, 1 where touched.
    penalty
        On the square of the weights; in visits.
    products
        The most touched products, which alone take part: memory grows with their square, time with
        their cube.
    """
    count = np.diff(touched.tocsc().indptr)
    taken = np.sort(np.lexsort((np.arange(len(count)), -count))[:products])
    gram = (touched[:, taken].T @ touched[:, taken]).toarray()
    weights = sp.csr_array(weights_of(gram, penalty))
    size = abs(weights)
    kept = best(sp.csr_array(size.multiply(size > 1e-12)), keep).tocoo()
    width = shape_of(touched)[1]
    value = np.asarray(weights[kept.row, kept.col]).ravel()
    entries = value, (taken[kept.row], taken[kept.col])
    return sp.csr_array(entries, shape=(width, width))


def weights_of(
    gram: Float[np.ndarray, "products products"], penalty: float
) -> Float[np.ndarray, "products products"]:
    """Return B of min |X - XB|^2 + penalty |B|^2 with a diagonal of 0, from X'X.

    With P = (X'X + penalty I)^-1, B is -P / diag(P) by column.
    """
    gram = gram + penalty * np.eye(len(gram))
    inverse = linalg.cho_solve(linalg.cho_factor(gram, overwrite_a=True), np.eye(len(gram)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights
