"""Popularity: the same products for everybody."""

from typing import Annotated

import numpy as np
import scipy.sparse as sp
from jaxtyping import Int
from pydantic import Field

from lifeworth.asof.baskets import Trails
from lifeworth.models.core import Parameter, fitted, recipe


@recipe
class Popularity:
    """Products by the number of visits that touched them.

    Attributes
    ----------
    recent
        Share of the visits, the latest, that count.
    """

    recent: Annotated[float, Field(gt=0, le=1)]

    def fit(self, visits: Trails, seed: int) -> "Popular":
        """Count."""
        del seed  # nothing is random
        late = visits.part(int((1 - self.recent) * visits.visits), visits.visits)
        count = np.diff(late.matrix().tocsc().indptr)
        return Popular(recipe=self, product_id=visits.product_id, visits=count.astype(np.int64))


@fitted
class Popular:
    """How many visits touched each product."""

    recipe: Popularity
    product_id: np.ndarray
    visits: Int[np.ndarray, " products"]

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return how many visits touched the most popular, ties with the last of them included."""
        edge = np.sort(self.visits)[::-1][: min(k, len(self.visits))][-1]
        best = np.flatnonzero(self.visits >= max(edge, 1))
        row = np.repeat(np.arange(asked.visits), len(best))
        data = np.tile(self.visits[best].astype(np.float64), asked.visits)
        shape = (asked.visits, len(self.visits))
        return sp.csr_array((data, (row, np.tile(best, asked.visits))), shape=shape)

    def parameters(self) -> list[Parameter]:
        """Return nothing: counts are no estimates."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return what was counted."""
        return (f"{self.visits.sum():,} products of visits counted.",)
