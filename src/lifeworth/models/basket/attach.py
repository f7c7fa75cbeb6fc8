"""Attach: the chance that a product is bought with those in the cart."""

from typing import ClassVar

import numpy as np
import pandas as pd
import scipy.sparse as sp
from pydantic import PositiveFloat, PositiveInt

from lifeworth.asof.baskets import Trails
from lifeworth.models.basket.curve import Curve, Later, Scored, learnt_curve, parted
from lifeworth.models.core import Parameter, fitted, recipe
from lifeworth.models.ranking import Sparse, best, shape_of, sparse
from lifeworth.tables.visits import Unit


@recipe
class Attach:
    """The mean, over the products in the cart, of the chance to be bought with them, and a curve.

    The chance of a product i with j is (n_ij + prior p_i) / (n_j + prior): n_ij baskets hold both,
    n_j hold j, and p_i is the share of baskets with i, towards which few baskets are shrunken. That
    is the chance to be in a basket that holds j. What is asked is that of being among the `hide`
    products that a cart lacks before it is whole, so a curve makes one of the other.

    Attributes
    ----------
    prior
        Baskets.
    least
        Fewer baskets with both than this say nothing.
    keep
        Products kept for each one in a cart, the likeliest.
    later
        The later baskets, that teach the curve.
    """

    prior: PositiveFloat
    least: PositiveInt
    keep: PositiveInt
    later: Later

    def fit(self, visits: Trails, seed: int) -> "Attached":
        """Count pairs of products in the earlier baskets for the curve, then in all."""
        baskets = baskets_of(visits)
        carts = parted("basket_attach", baskets, self.later, seed)
        scored = self._pairs(carts.early).scored(carts.shown, self.later.candidates)
        return Attached(
            recipe=self,
            product_id=visits.product_id,
            pairs=self._pairs(baskets),
            curve=learnt_curve("basket_attach", scored, carts.hidden, self.later),
        )

    def _pairs(self, held: sp.csr_array) -> "Pairs":
        return pairs_of(held, self.prior, self.least, self.keep)


def pairs_of(held: sp.csr_array, prior: float, least: int, keep: int) -> "Pairs":
    """Return the chances of products to be in a basket with another, of baskets by products."""
    count = np.asarray(held.sum(axis=0)).ravel()
    share = count / max(shape_of(held)[0], 1)
    pairs = (held.T @ held).tocoo()
    both = (pairs.row != pairs.col) & (pairs.data >= least)
    j, i, n = pairs.row[both], pairs.col[both], pairs.data[both]
    excess = (n + prior * share[i]) / (count[j] + prior)
    excess -= prior * share[i] / (count[j] + prior)
    shape = (len(count), len(count))
    likely = best(sp.csr_array((excess, (j, i)), shape=shape), keep)
    return Pairs(excess=sparse(likely), alone=prior / (count + prior), share=share)


def baskets_of(visits: Trails) -> sp.csr_array:
    """Return baskets by products, 1 where a basket holds a product."""
    frame = pd.DataFrame({"v": visits.visit, "place": visits.place})
    basket = frame.groupby(["v", "place"]).ngroup().to_numpy()
    pairs = np.unique(np.column_stack([basket, visits.product]), axis=0)
    shape = (int(basket.max(initial=-1)) + 1, visits.products)
    return sp.csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=shape)


@fitted
class Pairs:
    """Chances to be in a basket that holds a product.

    Attributes
    ----------
    excess
        n_ij / (n_j + prior), by j.
    alone
        prior / (n_j + prior), the weight of p_i.
    share
        p_i.
    """

    excess: Sparse
    alone: np.ndarray
    share: np.ndarray

    def beside(self, cart: sp.csr_array) -> sp.csr_array:
        """Return the mean excess of each product over the products of each cart."""
        size = np.maximum(np.asarray(cart.sum(axis=1)).ravel(), 1.0)
        return sp.csr_array(sp.diags_array(1.0 / size) @ cart @ self.excess.array())

    def scored(self, cart: sp.csr_array, k: int) -> Scored:
        """Return the mean of each product that any of the cart speaks for, or that is popular.

        What a cart holds is no candidate.
        """
        size = np.maximum(np.asarray(cart.sum(axis=1)).ravel(), 1.0)
        mean = sp.csr_array(sp.diags_array(1.0 / size) @ cart)
        said = self.beside(cart)
        base = np.asarray(mean @ self.alone).ravel()
        base[np.diff(cart.indptr) == 0] = 1.0  # an empty cart: everybody's chances
        popular = np.lexsort((np.arange(len(self.share)), -self.share))
        head = popular[: k + int(size.max(initial=0.0))]
        head = head[self.share[head] > 0]  # what was never sold has no chance
        row = np.repeat(np.arange(shape_of(cart)[0]), len(head))
        entries = np.full(len(row), 1e-300), (row, np.tile(head, shape_of(cart)[0]))
        found = sp.csr_array(said + sp.csr_array(entries, shape=cart.shape)).tocoo()
        chance = found.data + base[found.row] * self.share[found.col]
        free = ~inside(cart, found.row, found.col)
        entries = chance[free], (found.row[free], found.col[free])
        rivals = np.asarray(said.sum(axis=1) - said.multiply(cart).sum(axis=1)).ravel()
        touches = self.share / max(self.share.sum(), 1e-300)
        return Scored(sp.csr_array(entries, shape=cart.shape), rivals, touches, cart)


@fitted
class Attached:
    """Pairs of products, and the curve."""

    recipe: Attach
    chance_of: ClassVar[tuple[Unit, ...]] = ("cart",)

    product_id: np.ndarray
    pairs: Pairs
    curve: Curve

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the chance of each product that any of the cart speaks for, or that is popular.

        The cart is the last basket; what it holds is no candidate.
        """
        return self.curve.chances(self.pairs.scored(last_basket(asked), k))

    def raw(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the mean chances to be in a basket with one product of the cart."""
        return self.pairs.scored(last_basket(asked), k).scores

    def parameters(self) -> list[Parameter]:
        """Return the weights of the curve; counts are no estimates."""
        return self.curve.parameters()

    def log_likelihood(self) -> dict[str, float]:
        """Return that of the curve on later baskets."""
        return {"curve": self.curve.fit_quality}

    def notes(self) -> tuple[str, ...]:
        """Return what taught the curve, and how many pairs there are."""
        return (self.curve.note(), f"{len(self.pairs.excess.data):,} pairs of products.")


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
