"""From scores of what goes with a cart to chances: a logistic curve learnt on later carts."""

from typing import Annotated, NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float
from pydantic import Field, PositiveInt
from scipy import special

from lifeworth.models.choice import fit as fit_choice
from lifeworth.models.choice import yes_or_no
from lifeworth.models.core import Parameter, fitted, recipe
from lifeworth.models.ranking import best, shape_of
from lifeworth.tables.errors import InputError

NAMES = {
    "constant": "logit of the chance where all logs are 0",
    "score": "by log of the score",
    "cart": "by log of the number of products in the cart",
    "rivals": "by log of the sum of the scores of what goes with the cart",
}
FEWEST = 50
"""Later carts whose hidden product is a candidate, without which no chance is learnt."""

NOTHING = 1e-12
"""Of a cart whose `rivals` are no more than this nothing is said."""

SHRINK = 1e-3
"""Penalty on the curve's weights: it matters only where a feature tells all yes from all no."""

LEAST = 1e-4
"""Below this, scores and their sums say nothing of what goes with a cart."""


@recipe
class Later:
    """The later carts that teach what a score is worth as a chance.

    Attributes
    ----------
    held_out
        Share of the carts, the latest.
    hide
        Products hidden from each of them, at random.
    candidates
        Of each cart, those of the highest score, that are looked at.
    """

    held_out: Annotated[float, Field(gt=0, lt=1)]
    hide: PositiveInt
    candidates: PositiveInt


class Scored(NamedTuple):
    """Scores of carts.

    Attributes
    ----------
    scores
        Carts by products, above 0.
    rivals
        Of each cart the sum of the scores of what goes with it, without what is merely popular; 0
        where nothing is said of the cart.
    popular
        Share of all touches that are of each product.
    cart
        Carts by products, 1 where a cart holds a product.
    """

    scores: sp.csr_array
    rivals: Float[np.ndarray, " carts"]
    popular: Float[np.ndarray, " products"]
    cart: sp.csr_array


class Parted(NamedTuple):
    """Earlier baskets; and of later ones what is shown and what is hidden."""

    early: sp.csr_array
    shown: sp.csr_array
    hidden: sp.csr_array


def parted(name: str, baskets: sp.csr_array, later: Later, seed: int) -> Parted:
    """Part the baskets, which are in the order of time.

    Raises
    ------
    InputError
        If no later basket is large enough; its message begins with `name`, the recipe's.
    """
    first = shape_of(baskets)[0] - max(int(shape_of(baskets)[0] * later.held_out), 1)
    late = baskets[first:]
    if not (np.diff(late.indptr) > later.hide).any():
        raise InputError(
            f"{name}: none of {shape_of(late)[0]:,} later baskets holds more than {later.hide} "
            "products, so nothing can be hidden from them; give carts of more, or a smaller "
            "model.later.hide"
        )
    return Parted(baskets[:first], *hide_some(late, later.hide, seed))


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


@fitted
class Curve:
    """Weights of the curve (`NAMES`), their standard errors, and the carts they are learnt from.

    Within a cart the chance depends on the score alone: the order of products stays as it is, where
    the weight of the score is above 0, as it is unless scores mislead. Each chance is learnt by
    itself, so that those of one cart can sum to more than the products that are hidden. A cart of
    which nothing is said has the chances of any: a product's share of all touches, times the
    products hidden.
    """

    beta: Float[np.ndarray, " features"]
    error: Float[np.ndarray, " features"]
    hide: int
    answered: int
    fit_quality: float

    def chances(self, of: Scored) -> sp.csr_array:
        """Return the chance of each entry of the scores."""
        scores, found = of.scores, of.scores.tocoo()
        chance = special.expit(_features(found, of) @ self.beta)
        unsaid = of.rivals[found.row] <= NOTHING
        chance = np.where(unsaid, np.minimum(self.hide * of.popular[found.col], 1.0), chance)
        return sp.csr_array((chance, scores.indices, scores.indptr), shape=scores.shape)

    def parameters(self) -> list[Parameter]:
        """Return the weights of the curve."""
        told = zip(NAMES.items(), self.beta, self.error, strict=True)
        return [
            Parameter(name, float(b), float(e), float(b - 1.96 * e), float(b + 1.96 * e), meaning)
            for (name, meaning), b, e in told
        ]

    def note(self) -> str:
        """Return what taught the curve."""
        return f"Chances are learnt from {self.answered:,} hidden products of later baskets."


def learnt_curve(name: str, of: Scored, hidden: sp.csr_array, later: Later) -> Curve:
    """Learn the curve from what scores by earlier baskets say of later ones.

    Raises
    ------
    InputError
        If too few hidden products are candidates; its message begins with `name`, the recipe's.
    """
    found = best(of.scores, later.candidates).tocoo()
    said = of.rivals[found.row] > NOTHING
    entries = found.data[said], (found.row[said], found.col[said])
    found = sp.coo_array(entries, shape=found.shape)
    width = shape_of(of.scores)[1]
    there = hidden.tocoo()
    came = np.isin(found.row * width + found.col, there.row.astype(np.int64) * width + there.col)
    if came.sum() < FEWEST:
        raise InputError(
            f"{name}: {int(came.sum()):,} products hidden from {shape_of(of.cart)[0]:,} "
            f"later baskets are candidates; chances need {FEWEST} or more, so give more baskets, "
            "or a larger model.later.held_out"
        )
    learnt = fit_choice(yes_or_no(_features(found, of), came), SHRINK)
    return Curve(
        beta=learnt.beta,
        error=learnt.error,
        hide=later.hide,
        answered=int(came.sum()),
        fit_quality=learnt.log_likelihood,
    )


def _features(found: sp.coo_array, of: Scored) -> Float[np.ndarray, "candidates 4"]:
    """Return the features (`NAMES`) of some entries of the scores."""
    size = np.log(np.maximum(np.diff(of.cart.indptr), 1))
    rivals = np.log(np.maximum(of.rivals, LEAST))
    columns = np.ones(len(found.data)), np.log(found.data), size[found.row], rivals[found.row]
    return np.column_stack(columns)
