"""Sequential rules: who touched this, touched that soon after (Ludewig and Jannach 2018)."""

from typing import Annotated

import numpy as np
import scipy.sparse as sp
from pydantic import Field, PositiveInt

from lifeworth.asof.baskets import Trails
from lifeworth.models.core import Parameter, fitted, recipe
from lifeworth.models.ranking import Sparse, sparse


@recipe
class SequentialRules:
    """How often a product is touched t places after another, each time worth 1 / t.

    Attributes
    ----------
    steps
        Greatest t.
    decay
        A touch b places back speaks with decay^b; near 0, the last alone speaks.
    reach
        Last touches that speak.
    certain
        Divide the worth of what comes after a product by its sum to this power: 0 leaves counts,
        1 makes them shares.
    """

    steps: PositiveInt
    decay: Annotated[float, Field(gt=0, le=1)]
    reach: PositiveInt
    certain: Annotated[float, Field(ge=0, le=1)]

    def fit(self, visits: Trails, seed: int) -> "Rules":
        """Count pairs."""
        del seed  # nothing is random
        shape = (visits.products, visits.products)
        total = sp.csr_array(shape)
        for t in range(1, self.steps + 1):
            same = visits.visit[t:] == visits.visit[:-t]
            pair = visits.product[:-t][same], visits.product[t:][same]
            total = total + sp.csr_array((np.full(len(pair[0]), 1 / t), pair), shape=shape)
        sums = np.maximum(total.sum(axis=1), 1e-12) ** -self.certain
        after = sp.csr_array(sp.diags_array(sums) @ total)
        return Rules(recipe=self, product_id=visits.product_id, after=sparse(after))


@fitted
class Rules:
    """What comes after each product, and what it is worth."""

    recipe: SequentialRules
    product_id: np.ndarray
    after: Sparse

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the sum of what the last touches say."""
        del k  # all of them
        back = asked.back()
        last = back < self.recipe.reach
        entries = self.recipe.decay ** back[last], (asked.visit[last], asked.product[last])
        shape = (asked.visits, len(self.product_id))
        said = sp.csr_array(sp.coo_array(entries, shape=shape))
        return sp.csr_array(said @ self.after.array())

    def parameters(self) -> list[Parameter]:
        """Return nothing: counts are no estimates."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return how many rules there are."""
        return (f"{len(self.after.data):,} rules.",)
