"""GP-TopFreq: a customer's own products by frequency, then everybody's (Li et al. 2023)."""

from typing import Literal

import numpy as np
import pandas as pd
import scipy.sparse as sp
from jaxtyping import Int

from lifeworth.asof.baskets import Trails
from lifeworth.models.core import Parameter, fitted, recipe


@recipe
class GpTopFreq:
    """Products in as many of a customer's baskets as possible; after them the most popular.

    Attributes
    ----------
    ties
        Which of a customer's equally frequent products comes first: "popular", that which most
        customers' baskets hold; "recent", that which was bought last, then the popular; "first",
        that which was bought first, in the order of the file within a basket. Figures move by
        more than models differ, so the rule has to be told with them.
    """

    ties: Literal["popular", "recent", "first"]

    def fit(self, visits: Trails, seed: int) -> "Frequencies":
        """Count the baskets that hold each product."""
        del seed  # nothing is random
        count = np.bincount(visits.product, minlength=visits.products)
        return Frequencies(recipe=self, product_id=visits.product_id, baskets=count)


@fitted
class Frequencies:
    """How many baskets hold each product."""

    recipe: GpTopFreq
    product_id: np.ndarray
    baskets: Int[np.ndarray, " products"]

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return own frequency and, below 1, the rule for ties; below 0 the most popular."""
        popular = np.lexsort((np.arange(len(self.baskets)), -self.baskets))
        rank = np.empty(len(popular))
        rank[popular] = np.arange(len(popular)) / len(popular)
        own = self.own(asked, rank)
        head = popular[:k]
        row = np.repeat(np.arange(asked.visits), len(head))
        column = np.tile(head, asked.visits)
        shape = (asked.visits, len(self.baskets))
        # entries at one place are summed: 2 for each own product marks those that are in both
        everybody = sp.csr_array((np.ones(len(row)), (row, column)), shape=shape)
        mark = sp.csr_array((np.ones(own.nnz), own.indices, own.indptr), shape=shape)
        both = sp.csr_array(everybody + 2.0 * mark).tocoo()
        rest = both.data == 1.0
        filled = -rank[both.col[rest]] - 1e-9, (both.row[rest], both.col[rest])
        return sp.csr_array(own + sp.csr_array(filled, shape=shape))

    def own(self, asked: Trails, rank: np.ndarray) -> sp.csr_array:
        """Return how many of the customer's baskets hold a product, and the rule for ties."""
        frame = pd.DataFrame(
            {"v": asked.visit, "p": asked.product, "number": np.arange(len(asked.visit))}
        )
        frame["back"] = asked.back()
        of = frame.groupby(["v", "p"], sort=False)
        told = of.agg(count=("p", "size"), first=("number", "min"), back=("back", "min"))
        told = told.reset_index()
        popular = 1.0 - rank[told["p"]]
        parts = {
            "popular": popular,
            "recent": 1.0 - (told["back"] + 1.0 - popular) / (told["back"].max() + 2.0),
            "first": 1.0 - told["first"] / max(len(frame), 1),
        }
        value = told["count"] + 0.5 * np.asarray(parts[self.recipe.ties])
        shape = (asked.visits, len(self.baskets))
        return sp.csr_array((value, (told["v"], told["p"])), shape=shape)

    def parameters(self) -> list[Parameter]:
        """Return nothing: counts are no estimates."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return the rule for ties."""
        return (f"Of a customer's equally frequent products, the {self.recipe.ties} comes first.",)
