"""TIFU-KNN: frequencies that fade, and those of customers alike (Hu et al. 2020)."""

from functools import cached_property
from typing import Annotated

import numpy as np
import pandas as pd
import scipy.sparse as sp
from jaxtyping import Float
from pydantic import Field, PositiveInt

from lifeworth.asof.baskets import Trails
from lifeworth.models.core import Parameter, fitted, recipe
from lifeworth.models.ranking import Sparse, sparse

Share = Annotated[float, Field(ge=0, le=1)]


@recipe
class TifuKnn:
    """A customer's faded frequencies, mixed with the mean of those of the nearest customers.

    Baskets are taken in groups of `group`, the earliest group being the short one. Within a group
    the basket b places before its last weighs within^b, over the size of the group; the group g
    places before the last weighs across^g, over the number of groups. Nearest is by Euclidean
    distance; a customer who is learnt from and asked about is among their own nearest.

    Attributes
    ----------
    neighbours
        Customers whose mean is mixed in.
    own
        Weight of the customer's own frequencies, the rest being that of the neighbours.
    within, across, group
        As above.
    """

    neighbours: PositiveInt
    own: Share
    within: Share
    across: Share
    group: PositiveInt

    def fit(self, visits: Trails, seed: int) -> "Faded":
        """Take the customers' frequencies."""
        del seed  # nothing is random
        known = sparse(self.frequencies(visits))
        return Faded(recipe=self, product_id=visits.product_id, customers=known)

    def frequencies(self, visits: Trails) -> sp.csr_array:
        """Return the faded frequencies of each customer."""
        back = _baskets_back(visits)
        total = np.zeros(visits.visits, dtype=np.int64)
        np.maximum.at(total, visits.visit, back + 1)
        total = total[visits.visit]
        group, inside = back // self.group, back % self.group
        groups = -(-total // self.group)
        size = np.where(group == groups - 1, total - (groups - 1) * self.group, self.group)
        weight = self.within**inside / size * self.across**group / groups
        shape = (visits.visits, visits.products)
        # entries at one place are summed
        return sp.csr_array(sp.coo_array((weight, (visits.visit, visits.product)), shape=shape))


def _baskets_back(visits: Trails) -> np.ndarray:
    """Return how many baskets of the customer come after each touch's; empty ones do not count."""
    frame = pd.DataFrame({"v": visits.visit, "place": visits.place})
    rank = frame.groupby("v")["place"].rank(method="dense", ascending=False)
    return rank.to_numpy().astype(np.int64) - 1


def weights_of_nearest(
    apart: Float[np.ndarray, "asked customers"], n: int
) -> Float[np.ndarray, "asked customers"]:
    """Return 1 / n for each of the n nearest; those equally far share the last places."""
    n = min(n, apart.shape[1])
    edge = np.partition(apart, n - 1, axis=1)[:, n - 1 : n]
    nearer, level = apart < edge, apart == edge
    left = n - nearer.sum(axis=1, keepdims=True)
    return (nearer + level * (left / level.sum(axis=1, keepdims=True))) / n


@fitted
class Faded:
    """The faded frequencies of customers, without their ids."""

    recipe: TifuKnn
    product_id: np.ndarray
    customers: Sparse

    @cached_property
    def known(self) -> tuple[sp.csr_array, Float[np.ndarray, " customers"]]:
        """Return the frequencies, and the squares of their lengths."""
        known = self.customers.array()
        return known, np.asarray((known * known).sum(axis=1)).ravel()

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the mix of own frequencies and those of the neighbours."""
        del k  # all of them
        own = self.recipe.frequencies(asked)
        return sp.csr_array(self.recipe.own * own + (1.0 - self.recipe.own) * self.nearest(own))

    def nearest(self, own: sp.csr_array) -> sp.csr_array:
        """Return the mean frequencies of the customers nearest to each row of frequencies."""
        known, square = self.known
        apart = square - 2.0 * (own @ known.T).toarray()  # less the square of one's own length
        return sp.csr_array(sp.csr_array(weights_of_nearest(apart, self.recipe.neighbours)) @ known)

    def parameters(self) -> list[Parameter]:
        """Return nothing: customers are kept, nothing is estimated."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return what is kept."""
        count = len(self.customers.indptr) - 1
        return (f"Keeps the frequencies of {count:,} customers, without their ids.",)
