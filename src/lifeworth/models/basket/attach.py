"""Attach: the chance that a product is bought with those in the cart."""

import numpy as np
import pandas as pd
import scipy.sparse as sp
from pydantic import PositiveFloat, PositiveInt

from lifeworth.asof.baskets import Trails
from lifeworth.models.core import Parameter, fitted, recipe
from lifeworth.models.ranking import Sparse, best, shape_of, sparse


@recipe
class Attach:
    """The mean, over the products in the cart, of the chance to be bought with them.

    The chance of a product i with j is (n_ij + prior p_i) / (n_j + prior): n_ij baskets hold both,
    n_j hold j, and p_i is the share of baskets with i, towards which few baskets are shrunken.

    Attributes
    ----------
    prior
        Baskets.
    least
        Fewer baskets with both than this say nothing.
    keep
        Products kept for each one in a cart, the likeliest.
    """

    prior: PositiveFloat
    least: PositiveInt
    keep: PositiveInt

    def fit(self, visits: Trails, seed: int) -> "Attached":
        """Count pairs of products in a basket."""
        del seed  # nothing is random
        held = baskets_of(visits)
        count = np.asarray(held.sum(axis=0)).ravel()
        share = count / max(len(held.indptr) - 1, 1)
        pairs = (held.T @ held).tocoo()
        both = (pairs.row != pairs.col) & (pairs.data >= self.least)
        j, i, n = pairs.row[both], pairs.col[both], pairs.data[both]
        excess = (n + self.prior * share[i]) / (count[j] + self.prior)
        excess -= self.prior * share[i] / (count[j] + self.prior)
        shape = (visits.products, visits.products)
        likely = best(sp.csr_array((excess, (j, i)), shape=shape), self.keep)
        return Attached(
            recipe=self,
            product_id=visits.product_id,
            excess=sparse(likely),
            alone=self.prior / (count + self.prior),
            share=share,
        )


def baskets_of(visits: Trails) -> sp.csr_array:
    """Return baskets by products, 1 where a basket holds a product."""
    frame = pd.DataFrame({"v": visits.visit, "place": visits.place})
    basket = frame.groupby(["v", "place"]).ngroup().to_numpy()
    pairs = np.unique(np.column_stack([basket, visits.product]), axis=0)
    shape = (int(basket.max(initial=-1)) + 1, visits.products)
    return sp.csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=shape)


@fitted
class Attached:
    """Chances to be bought with each product.

    Attributes
    ----------
    excess
        n_ij / (n_j + prior), by j.
    alone
        prior / (n_j + prior), the weight of p_i.
    share
        p_i.
    """

    recipe: Attach
    product_id: np.ndarray
    excess: Sparse
    alone: np.ndarray
    share: np.ndarray

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the chance of each product that any of the cart speaks for, or that is popular.

        The cart is the last basket; what it holds is no candidate.
        """
        cart = last_basket(asked)
        size = np.maximum(np.asarray(cart.sum(axis=1)).ravel(), 1.0)
        mean = sp.csr_array(sp.diags_array(1.0 / size) @ cart)
        said = sp.csr_array(mean @ self.excess.array())
        base = np.asarray(mean @ self.alone).ravel()
        base[np.diff(cart.indptr) == 0] = 1.0  # an empty cart: everybody's chances
        popular = np.lexsort((np.arange(len(self.share)), -self.share))
        head = popular[: k + int(size.max(initial=0.0))]
        row = np.repeat(np.arange(asked.visits), len(head))
        entries = np.full(len(row), 1e-300), (row, np.tile(head, asked.visits))
        found = sp.csr_array(said + sp.csr_array(entries, shape=cart.shape)).tocoo()
        chance = found.data + base[found.row] * self.share[found.col]
        free = ~inside(cart, found.row, found.col)
        entries = chance[free], (found.row[free], found.col[free])
        return sp.csr_array(entries, shape=cart.shape)

    def parameters(self) -> list[Parameter]:
        """Return nothing: counts are no estimates."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return how many pairs there are."""
        return (f"{len(self.excess.data):,} pairs of products.",)


def last_basket(asked: Trails) -> sp.csr_array:
    """Return visits by products, 1 where the last basket holds a product."""
    last = asked.back() == 0
    pairs = np.unique(np.column_stack([asked.visit[last], asked.product[last]]), axis=0)
    shape = (asked.visits, asked.products)
    return sp.csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=shape)


def inside(cart: sp.csr_array, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Say which entries are products of their cart."""
    there = cart.tocoo()
    width = shape_of(cart)[1]
    return np.isin(row * width + column, there.row.astype(np.int64) * width + there.col)
