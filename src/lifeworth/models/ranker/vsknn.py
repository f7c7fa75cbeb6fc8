"""VS-KNN: what visits like this one went on with (Ludewig and Jannach 2018)."""

from functools import cached_property
from typing import Annotated, NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from pydantic import Field, NonNegativeFloat, PositiveInt

from lifeworth.asof.baskets import Trails, spread
from lifeworth.models.core import Parameter, fitted, recipe
from lifeworth.models.ranking import places_in_row

Numbers = Int[np.ndarray, " _"]
Reals = Float[np.ndarray, " _"]


@recipe
class VsKnn:
    """Nearest visits, and the products in them near to what they share with this one.

    Visits are alike by the sum, over the products they share, of decay^b idf^rarity, divided by the
    root of the other's length and by exp(ageing a); b is how many places back this one touched the
    product, idf the log of all visits over those with the product, a the other's age as a share of
    all visits. A neighbour gives its likeness to each of its touches, times exp(-nearness d), where
    d is how far the touch lies from the shared product that this one touched last (Garg et al.
    2019).

    Attributes
    ----------
    neighbours
        Visits that are asked, the most alike.
    recent
        Latest visits of each product that are looked at.
    decay, rarity, ageing, nearness
        As above; 1, 0, 0 and 0 leave each out.
    """

    neighbours: PositiveInt
    recent: PositiveInt
    decay: Annotated[float, Field(gt=0, le=1)]
    rarity: NonNegativeFloat
    ageing: NonNegativeFloat
    nearness: NonNegativeFloat

    def fit(self, visits: Trails, seed: int) -> "Neighbours":
        """Keep the visits."""
        del seed  # nothing is random
        return Neighbours(
            recipe=self,
            product_id=visits.product_id,
            visit=visits.visit,
            product=visits.product,
            visits=visits.visits,
        )


class Index(NamedTuple):
    """Distinct pairs of product and visit, by product, the latest visit first."""

    start: Numbers
    visit: Numbers
    place: Numbers
    """Where the visit touched the product last."""


class Shared(NamedTuple):
    """Pairs of a visit that is asked about and a neighbour."""

    asked: Numbers
    visit: Numbers
    likeness: Reals
    place: Numbers
    """Where the neighbour touched the product of those shared that the asked touched last."""


@fitted
class Neighbours:
    """Visits to compare with, without their ids."""

    recipe: VsKnn
    product_id: np.ndarray
    visit: Int[np.ndarray, " touches"]
    product: Int[np.ndarray, " touches"]
    visits: int

    @cached_property
    def start(self) -> Numbers:
        """Return the first touch of each visit, and at the end their number."""
        return np.searchsorted(self.visit, np.arange(self.visits + 1))

    @cached_property
    def place(self) -> Numbers:
        """Return the place of each touch in its visit."""
        return np.arange(len(self.visit)) - self.start[self.visit]

    @cached_property
    def index(self) -> Index:
        """Return which visits touched each product."""
        order = np.lexsort((-self.place, -self.visit, self.product))
        product, visit = self.product[order], self.visit[order]
        new = np.append(True, (np.diff(product) != 0) | (np.diff(visit) != 0))
        start = np.searchsorted(product[new], np.arange(len(self.product_id) + 1))
        return Index(start, visit[new], self.place[order][new])

    @cached_property
    def idf(self) -> Reals:
        """Return log(visits / visits with the product)."""
        return np.log(self.visits / np.maximum(np.diff(self.index.start), 1))

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return what the neighbours give to the products in them."""
        del k  # all of them
        near = self.nearest(asked)
        size = np.diff(self.start)[near.visit]
        pair, touch = spread(self.start[near.visit], size)
        apart = np.abs(self.place[touch] - near.place[pair])
        given = near.likeness[pair] * np.exp(-self.recipe.nearness * apart)
        shape = (asked.visits, len(self.product_id))
        entries = (given, (near.asked[pair], self.product[touch]))
        return sp.csr_array(sp.coo_array(entries, shape=shape))

    def nearest(self, asked: Trails) -> Shared:
        """Return the neighbours of each visit; equally alike, the latest."""
        found = self.shared(asked)
        order = np.lexsort((-found.visit, -found.likeness, found.asked))
        kept = order[places_in_row(found.asked[order]) < self.recipe.neighbours]
        return Shared(*(column[kept] for column in found))

    def shared(self, asked: Trails) -> Shared:
        """Return all visits that share a product with each visit, and how alike they are."""
        visit, product, back = _latest(asked)
        weight = self.recipe.decay**back * self.idf[product] ** self.recipe.rarity
        held = np.minimum(np.diff(self.index.start)[product], self.recipe.recent)
        touch, entry = spread(self.index.start[product], held)
        order = np.lexsort((back[touch], self.index.visit[entry], visit[touch]))
        touch, entry = touch[order], entry[order]
        who, other = visit[touch], self.index.visit[entry]
        first = np.flatnonzero(np.append(True, (np.diff(who) != 0) | (np.diff(other) != 0)))
        first = first[: len(who)]  # nothing shared: no pairs
        alike = np.add.reduceat(weight[touch], first) if len(first) else np.zeros(0)
        other = other[first]
        age = (self.visits - 1 - other) / self.visits
        alike = alike / np.sqrt(np.diff(self.start)[other]) * np.exp(-self.recipe.ageing * age)
        return Shared(who[first], other, alike, self.index.place[entry[first]])

    def parameters(self) -> list[Parameter]:
        """Return nothing: visits are kept, nothing is estimated."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return what is kept."""
        return (f"Keeps the order of touches of {self.visits:,} visits, without their ids.",)


def _latest(asked: Trails) -> tuple[Numbers, Numbers, Numbers]:
    """Return each visit's distinct products, and how many places back it touched them last."""
    back = asked.back()
    order = np.lexsort((back, asked.product, asked.visit))
    visit, product = asked.visit[order], asked.product[order]
    new = np.append(True, (np.diff(visit) != 0) | (np.diff(product) != 0))[: len(visit)]
    return visit[new], product[new], back[order][new]
