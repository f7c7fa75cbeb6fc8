"""Fitted towers: what a visit is looking for and products, in one space; they need no torch."""

from functools import cached_property

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int

from lifeworth.asof.baskets import Trails
from lifeworth.models.core import Parameter, fitted
from lifeworth.models.ranking import Top
from lifeworth.models.search import Cells, Index, Search

Numbers = Int[np.ndarray, " _"]
Touched = Int[np.ndarray, "questions reach"]

VISITS = 2_000
"""Whose vectors are made at once."""


def last_touched(visits: Trails, end: Numbers, number: Numbers, reach: int) -> Touched:
    """Return the products of the `number` touches before row `end`, the last first.

    At most `reach` of them; -1 after the first of the visit.
    """
    back = np.arange(1, reach + 1)
    row = np.where(back <= number[:, None], end[:, None] - back, len(visits.product))
    return np.append(visits.product, -1)[row]


@fitted
class Towers:
    """Weights of the towers (`tower_net.TowerNet`), and how products are searched.

    Attributes
    ----------
    weights
        By name, float32.
    temperature
        That cosines are divided by.
    search, cells
        How products are searched, and the cells of it; None where all of them are scored.
    curves
        Loss by epoch, by what it is of.
    epochs
        That it was trained for.
    """

    product_id: np.ndarray
    weights: dict[str, np.ndarray]
    temperature: float
    search: Search
    cells: Cells | None
    curves: dict[str, np.ndarray]
    epochs: int

    @cached_property
    def index(self) -> Index:
        """Return the products as they are searched: e_j / temperature and b_j."""
        e = _of_length_1(self.weights["product"].astype(np.float64)) / self.temperature
        vectors = np.column_stack([e, self.weights["bias"]]).astype(np.float32)
        return Index(products=vectors, cells=self.cells)

    def visits(self, touched: Touched) -> Float[np.ndarray, "questions d"]:
        """Return visits that touched something as they are asked about: u and 1."""
        product, fall, on = (self.weights[name] for name in ("product", "fall", "on.weight"))
        weight = np.where(touched >= 0, np.exp(fall.astype(np.float64) - fall.max()), 0.0)
        made = np.ones((len(touched), product.shape[1] + 1), dtype=np.float32)
        for first in range(0, len(touched), VISITS):
            rows = slice(first, first + VISITS)
            e = _of_length_1(product[np.maximum(touched[rows], 0)].astype(np.float64))
            mean = np.einsum("nr,nrd->nd", weight[rows], e)
            mean /= weight[rows].sum(axis=1, keepdims=True)
            both = np.concatenate([mean, e[:, 0]], axis=1)
            made[rows, :-1] = _of_length_1(mean + both @ on.T.astype(np.float64))
        return made

    def best(self, asked: Trails, k: int, allowed: Bool[np.ndarray, " _"] | None = None) -> Top:
        """Return the `k` best products of each visit, of those allowed; none of one that is empty.

        What is not allowed takes no place: products out of stock leave no gap in a list.
        """
        start = asked.start
        size = np.diff(start)
        there = np.flatnonzero(size)
        reach = len(self.weights["fall"])
        touched = last_touched(asked, start[1:][there], size[there], reach)
        found = self.index.search(self.visits(touched), k, allowed)
        made = Top(np.full((asked.visits, k), -1), np.full((asked.visits, k), -np.inf))
        made.product[there], made.score[there] = found
        return made

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the scores of the `k` best."""
        found = self.best(asked, min(k, len(self.product_id)))
        row, place = np.nonzero(found.product >= 0)
        entries = found.score[row, place], (row, found.product[row, place])
        return sp.csr_array(entries, shape=(asked.visits, len(self.product_id)))

    def parameters(self) -> list[Parameter]:
        """Return nothing: weights mean nothing one by one."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return how it was trained, and how products are searched."""
        size = sum(weight.size for weight in self.weights.values())
        trained = f"A network of {size:,} weights, trained for {self.epochs} epochs."
        if self.cells is None:
            return (trained, "Every product is scored.")
        found = f"{self.cells.recall:.1%}".replace("%", " %")
        return (
            trained,
            f"Of {len(self.cells.centre):,} cells of products {self.cells.probes:,} are searched, "
            f"which found {found} of the best {self.search.at}.",
        )


def _of_length_1(vectors: Float[np.ndarray, "*n d"]) -> Float[np.ndarray, "*n d"]:
    length = np.sqrt(np.einsum("...d,...d->...", vectors, vectors))
    return vectors / np.maximum(length, 1e-12)[..., None]
