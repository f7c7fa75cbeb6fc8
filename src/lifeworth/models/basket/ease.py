"""EASE on carts, as a chance: what goes with a cart, calibrated on later carts."""

from typing import Annotated

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float
from pydantic import Field, PositiveFloat, PositiveInt
from scipy import special

from lifeworth.asof.baskets import Trails
from lifeworth.models.basket.attach import baskets_of, inside, last_basket
from lifeworth.models.choice import Fit, yes_or_no
from lifeworth.models.choice import fit as fit_choice
from lifeworth.models.core import Parameter, fitted, recipe
from lifeworth.models.linear import linear_map
from lifeworth.models.ranking import Sparse, best, shape_of, sparse
from lifeworth.tables.errors import InputError

NAMES = {
    "constant": "logit of the chance where all logs are 0",
    "score": "by log of the score of EASE",
    "cart": "by log of the number of products in the cart",
    "rivals": "by log of the sum of the scores of all candidates",
}
FEWEST = 50
"""Later carts whose hidden product is a candidate, without which no chance is learnt."""

SHRINK = 1e-3
"""Penalty on the curve's weights: it matters only where a feature tells all yes from all no."""

LEAST = 1e-4
"""Scores below say nothing; what is popular stands there, at most at this score."""


@recipe
class CartEase:
    """The linear map of EASE (Steck 2019) on baskets, and a logistic curve that makes it a chance.

    The map learns from the earlier baskets; of the later ones products are hidden, and the curve is
    fitted to whether candidates are among them: by the score, the size of the cart and the scores
    of all candidates. Within a cart it depends on the score alone, so the order of products is that
    of EASE. Then the map learns from all baskets. The chance is that of being among the `hide`
    products that a cart lacks before it is whole.

    Attributes
    ----------
    penalty, products, keep
        As `ranker_ease` has them; in baskets.
    held_out
        Share of the baskets, the latest, that teach the curve.
    hide
        Products hidden from each of them, at random.
    candidates
        Of each cart, those of the highest score, that teach the curve.
    """

    penalty: PositiveFloat
    products: PositiveInt
    keep: PositiveInt
    held_out: Annotated[float, Field(gt=0, lt=1)]
    hide: PositiveInt
    candidates: PositiveInt

    def fit(self, visits: Trails, seed: int) -> "CalibratedEase":
        """Learn the curve on the latest baskets, then the map on all."""
        baskets = baskets_of(visits)
        number = shape_of(baskets)[0]
        late = max(int(number * self.held_out), 1)
        shown, hidden = hide_some(baskets[number - late :], self.hide, seed)
        early = self._map(baskets[: number - late])
        scores = _scores(shown, early)
        found = best(scores, self.candidates).tocoo()
        answers = np.asarray(hidden[found.row, found.col]).ravel()
        if answers.sum() < FEWEST:
            raise InputError(
                f"basket_ease: {int(answers.sum()):,} products hidden from {shape_of(shown)[0]:,} "
                f"later baskets are candidates; chances need {FEWEST} or more, so give more "
                "baskets, or a larger model.held_out"
            )
        curve = fit_choice(yes_or_no(_features(found, scores, shown), answers > 0), SHRINK)
        return self._fitted(visits, self._map(baskets), curve, int(answers.sum()))

    def _map(self, baskets: sp.csr_array) -> sp.csr_array:
        return linear_map(baskets, self.penalty, self.products, self.keep)

    def _fitted(
        self, visits: Trails, weights: sp.csr_array, curve: Fit, answered: int
    ) -> "CalibratedEase":
        return CalibratedEase(
            recipe=self,
            product_id=visits.product_id,
            weights=sparse(weights),
            share=np.bincount(visits.product, minlength=visits.products) / len(visits.product),
            beta=curve.beta,
            error=curve.error,
            answered=answered,
            fit_quality=curve.log_likelihood,
        )


def hide_some(baskets: sp.csr_array, hide: int, seed: int) -> tuple[sp.csr_array, sp.csr_array]:
    """Return what is shown and what is hidden of the baskets that hold more than `hide` products.

    Every set of `hide` products of a basket is as likely as any other.
    """
    large = baskets[np.flatnonzero(np.diff(baskets.indptr) > hide)].tocoo()
    drawn = np.random.default_rng(seed).random(large.nnz)
    order = np.lexsort((drawn, large.row))
    place = np.empty(large.nnz, dtype=np.int64)
    place[order] = np.arange(large.nnz) - np.searchsorted(large.row[order], large.row[order])
    parts = [place >= hide, place < hide]
    shown, hidden = (
        sp.csr_array((large.data[p], (large.row[p], large.col[p])), shape=large.shape)
        for p in parts
    )
    return shown, hidden


def _scores(cart: sp.csr_array, weights: sp.csr_array) -> sp.csr_array:
    """Return the sums of the weights, of products outside the cart, where they say anything."""
    found = sp.csr_array(cart @ weights).tocoo()
    kept = (found.data > LEAST) & ~inside(cart, found.row.astype(np.int64), found.col)
    entries = found.data[kept], (found.row[kept], found.col[kept])
    return sp.csr_array(entries, shape=shape_of(cart))


def _features(
    found: sp.coo_array, scores: sp.csr_array, cart: sp.csr_array
) -> Float[np.ndarray, "candidates 4"]:
    """Return the features (`NAMES`) of some entries of the scores of carts."""
    size = np.maximum(np.diff(cart.indptr), 1)
    row = np.repeat(np.arange(shape_of(cart)[0]), np.diff(scores.indptr))
    said = np.where(scores.data > LEAST, scores.data, 0.0)  # without what is merely popular
    total = np.maximum(np.bincount(row, said, shape_of(cart)[0]), LEAST)
    logs = np.log(found.data), np.log(size)[found.row], np.log(total)[found.row]
    return np.column_stack([np.ones(len(found.data)), *logs])


@fitted
class CalibratedEase:
    """The map, each product's share of all touches, and the weights of the curve (`NAMES`)."""

    recipe: CartEase
    product_id: np.ndarray
    weights: Sparse
    share: Float[np.ndarray, " products"]
    beta: Float[np.ndarray, " features"]
    error: Float[np.ndarray, " features"]
    answered: int
    fit_quality: float

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the chance of each product that EASE has a score for, or that is popular.

        The cart is the last basket; what it holds is no candidate.
        """
        cart, found = last_basket(asked), self.raw(asked, k)
        chance = special.expit(_features(found.tocoo(), found, cart) @ self.beta)
        return sp.csr_array((chance, found.indices, found.indptr), shape=found.shape)

    def raw(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the scores of EASE as they are, no more than 1: chances without the curve.

        The `k` most popular products have one of `LEAST` at most where they have no better.
        """
        cart = last_basket(asked)
        said = _scores(cart, self.weights.array())
        popular = np.lexsort((np.arange(len(self.share)), -self.share))
        head = popular[: k + int(np.diff(cart.indptr).max(initial=0))]
        row = np.repeat(np.arange(asked.visits), len(head))
        column = np.tile(head, asked.visits)
        low = LEAST * np.maximum(self.share[column], 1e-12) / self.share[head].max()
        free = ~inside(cart, row, column)
        entries = low[free], (row[free], column[free])
        found = sp.csr_array(said.maximum(sp.csr_array(entries, shape=said.shape)))
        found.data = np.minimum(found.data, 1.0)
        return found

    def parameters(self) -> list[Parameter]:
        """Return the weights of the curve."""
        told = zip(NAMES.items(), self.beta, self.error, strict=True)
        return [
            Parameter(name, float(b), float(e), float(b - 1.96 * e), float(b + 1.96 * e), meaning)
            for (name, meaning), b, e in told
        ]

    def log_likelihood(self) -> dict[str, float]:
        """Return that of the curve on later baskets."""
        return {"curve": self.fit_quality}

    def notes(self) -> tuple[str, ...]:
        """Return what taught the curve."""
        return (
            f"Chances are learnt from {self.answered:,} hidden products of later baskets.",
            f"{len(self.weights.data):,} weights of the map.",
        )
