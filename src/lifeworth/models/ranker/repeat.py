"""Repeats: what was touched before is touched again, by how long ago and how often it was."""

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int
from pydantic import PositiveFloat, PositiveInt

from lifeworth.asof.baskets import Trails, spread
from lifeworth.models.core import Parameter, fitted, recipe
from lifeworth.tables.visits import Unit

Numbers = Int[np.ndarray, " _"]
Table = Float[np.ndarray, "back times"]


@recipe
class Repeat:
    """The chance that the next place has a product that was touched b places back, n times.

    Attributes
    ----------
    back, times
        Greatest b and n told apart.
    longest
        Touches of a visit that are learnt from, its first.
    prior
        Chances are shrunken to that of b alone as if this many places had had it.
    """

    back: PositiveInt
    times: PositiveInt
    longest: PositiveInt
    prior: PositiveFloat

    def fit(self, visits: Trails, seed: int) -> "Repeats":
        """Count, for every place but the first of a visit, what went before it."""
        del seed  # nothing is random
        number, opens = visits.before(), _opens(visits)
        later = np.flatnonzero(opens & (number > 0) & (number < self.longest))
        question, row = spread(later - number[later], number[later])
        found = pairs(question, visits.product[row], visits.place[row])
        asked, product, place, times = found
        cell = self.cells(visits.place[later][asked] - 1 - place, times)
        basket = np.cumsum(opens) - 1
        touched = basket * visits.products + visits.product
        again = np.isin(basket[later][asked] * visits.products + product, touched)
        size = (self.back + 1) * self.times
        held = np.bincount(cell, minlength=size).reshape(self.back + 1, self.times)
        hit = np.bincount(cell, weights=again, minlength=size).reshape(held.shape)
        of_back = (hit.sum(axis=1) + 1e-9) / np.maximum(held.sum(axis=1), 1)
        chance = (hit + self.prior * of_back[:, None]) / (held + self.prior)
        return Repeats(recipe=self, product_id=visits.product_id, chance=chance)

    def cells(self, back: Numbers, times: Numbers) -> Numbers:
        """Return the cell of the table of chances."""
        row = np.clip(back, 0, self.back)
        return row * self.times + np.minimum(times, self.times) - 1


def _opens(visits: Trails) -> Bool[np.ndarray, " _"]:
    """Say which touches are the first of their place."""
    return (np.diff(visits.visit, prepend=-1) != 0) | (np.diff(visits.place, prepend=-1) != 0)


def pairs(
    visit: Numbers, product: Numbers, place: Numbers
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return distinct pairs of visit and product, the last place, and how often."""
    order = np.lexsort((place, product, visit))
    visit, product, place = visit[order], product[order], place[order]
    new = np.append(True, (np.diff(visit) != 0) | (np.diff(product) != 0))[: len(visit)]
    first = np.flatnonzero(new)
    times = np.diff(np.append(first, len(visit)))
    return visit[first], product[first], place[first + times - 1], times


@fitted
class Repeats:
    """The chance of a repeat, by places back (the last row: further) and times before."""

    recipe: Repeat
    chance_of: ClassVar[tuple[Unit, ...]] = ("session", "customer", "basket")

    product_id: np.ndarray
    chance: Table

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the chance of each product that was touched."""
        del k  # all of them
        visit, product, place, times = pairs(asked.visit, asked.product, -asked.back())
        value = self.chance.ravel()[self.recipe.cells(-place, times)]
        shape = (asked.visits, len(self.product_id))
        return sp.csr_array((value, (visit, product)), shape=shape)

    def parameters(self) -> list[Parameter]:
        """Return the chance of repeating the last touch, by how often it was made."""
        nan = float("nan")
        return [
            Parameter(
                *(f"repeat_last_{n + 1}", float(value), nan, nan, nan),
                f"chance that a product of the last place, {n + 1} times so far, is in the next",
            )
            for n, value in enumerate(self.chance[0])
        ]

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()
