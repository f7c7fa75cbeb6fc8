"""EASE on carts, as a chance: what goes with a cart, calibrated on later carts."""

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float
from pydantic import PositiveFloat, PositiveInt

from lifeworth.asof.baskets import Trails
from lifeworth.models.basket.attach import baskets_of, inside, last_basket
from lifeworth.models.basket.curve import LEAST, Curve, Later, Scored, learnt_curve, parted
from lifeworth.models.core import Parameter, fitted, recipe
from lifeworth.models.linear import linear_map
from lifeworth.models.ranking import Sparse, shape_of, sparse
from lifeworth.tables.visits import Unit


@recipe
class CartEase:
    """The linear map of EASE (Steck 2019) on baskets, and a logistic curve that makes it a chance.

    The map learns from the earlier baskets; of the later ones products are hidden, and the curve is
    fitted to whether candidates are among them. Then the map learns from all baskets. The chance is
    that of being among the `hide` products that a cart lacks before it is whole.

    Attributes
    ----------
    penalty, products, keep
        As `ranker_ease` has them; in baskets.
    later
        The later baskets, that teach the curve.
    """

    penalty: PositiveFloat
    products: PositiveInt
    keep: PositiveInt
    later: Later

    def fit(self, visits: Trails, seed: int) -> "CalibratedEase":
        """Learn the curve on the latest baskets, then the map on all."""
        baskets = baskets_of(visits)
        carts = parted("basket_ease", baskets, self.later, seed)
        said = _said(carts.shown, self._map(carts.early))
        share = np.bincount(visits.product, minlength=visits.products) / len(visits.product)
        scored = Scored(said, _sums(said), share, carts.shown)
        return CalibratedEase(
            recipe=self,
            product_id=visits.product_id,
            weights=sparse(self._map(baskets)),
            share=share,
            curve=learnt_curve("basket_ease", scored, carts.hidden, self.later),
        )

    def _map(self, baskets: sp.csr_array) -> sp.csr_array:
        return linear_map(baskets, self.penalty, self.products, self.keep)


def _said(cart: sp.csr_array, weights: sp.csr_array) -> sp.csr_array:
    """Return the sums of the weights, of products outside the cart, where they say anything."""
    found = sp.csr_array(cart @ weights).tocoo()
    kept = (found.data > LEAST) & ~inside(cart, found.row.astype(np.int64), found.col)
    entries = found.data[kept], (found.row[kept], found.col[kept])
    return sp.csr_array(entries, shape=shape_of(cart))


def _sums(scores: sp.csr_array) -> Float[np.ndarray, " carts"]:
    return np.asarray(scores.sum(axis=1)).ravel()


@fitted
class CalibratedEase:
    """The map, each product's share of all touches, and the curve."""

    recipe: CartEase
    chance_of: ClassVar[tuple[Unit, ...]] = ("cart",)

    product_id: np.ndarray
    weights: Sparse
    share: Float[np.ndarray, " products"]
    curve: Curve

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the chance of each product that EASE has a score for, or that is popular.

        The cart is the last basket; what it holds is no candidate.
        """
        return self.curve.chances(self._scored(asked, k))

    def raw(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the scores of EASE as they are, no more than 1: chances without the curve.

        The `k` most popular products have one of `LEAST` at most where they have no better.
        """
        raw = self._scored(asked, k).scores
        raw.data = np.minimum(raw.data, 1.0)
        return raw

    def _scored(self, asked: Trails, k: int) -> Scored:
        cart = last_basket(asked)
        said = _said(cart, self.weights.array())
        popular = np.lexsort((np.arange(len(self.share)), -self.share))
        head = popular[: k + int(np.diff(cart.indptr).max(initial=0))]
        row = np.repeat(np.arange(asked.visits), len(head))
        column = np.tile(head, asked.visits)
        low = LEAST * np.maximum(self.share[column], 1e-12) / self.share[head].max()
        free = ~inside(cart, row, column)
        entries = low[free], (row[free], column[free])
        found = sp.csr_array(said.maximum(sp.csr_array(entries, shape=said.shape)))
        return Scored(found, _sums(said), self.share, cart)

    def parameters(self) -> list[Parameter]:
        """Return the weights of the curve."""
        return self.curve.parameters()

    def log_likelihood(self) -> dict[str, float]:
        """Return that of the curve on later baskets."""
        return {"curve": self.curve.fit_quality}

    def notes(self) -> tuple[str, ...]:
        """Return what taught the curve."""
        return (self.curve.note(), f"{len(self.weights.data):,} weights of the map.")
