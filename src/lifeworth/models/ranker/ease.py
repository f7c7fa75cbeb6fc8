"""EASE: a linear map from what was touched to what is touched with it (Steck 2019)."""

from typing import Annotated

import numpy as np
import scipy.sparse as sp
from pydantic import Field, PositiveFloat, PositiveInt

from lifeworth.asof.baskets import Trails
from lifeworth.models.core import Parameter, fitted, recipe
from lifeworth.models.linear import linear_map
from lifeworth.models.ranking import Sparse, sparse


@recipe
class Ease:
    """The ridge regression of each product on all others, in closed form.

    Attributes
    ----------
    penalty
        On the square of the weights; in visits.
    products
        The most touched products, which alone take part: memory grows with their square, time with
        their cube.
    keep
        Weights kept of each product, those farthest from 0.
    decay
        A touch b places back counts decay^b when visits are scored.
    """

    penalty: PositiveFloat
    products: PositiveInt
    keep: PositiveInt
    decay: Annotated[float, Field(gt=0, le=1)]

    def fit(self, visits: Trails, seed: int) -> "Linear":
        """Solve; the result is exact before the smallest weights are dropped."""
        del seed  # nothing is random
        found = linear_map(visits.matrix(), self.penalty, self.products, self.keep)
        return Linear(recipe=self, product_id=visits.product_id, weights=sparse(found))


@fitted
class Linear:
    """Weights from each product to the others."""

    recipe: Ease
    product_id: np.ndarray
    weights: Sparse

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the sum of the weights of what was touched."""
        del k  # all of them
        touched = asked.matrix(self.recipe.decay ** asked.back())
        return sp.csr_array(touched @ self.weights.array())

    def parameters(self) -> list[Parameter]:
        """Return nothing: the weights are in the arrays."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return how many products take part."""
        took = int((np.diff(self.weights.indptr) > 0).sum())
        return (f"{took:,} of {len(self.product_id):,} products take part.",)
