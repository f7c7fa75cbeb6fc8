"""Lists drawn at random within the caps, with chances that are known: what can be learnt from.

A list is drawn place by place among the candidates that are still admissible: in stock, worth more
than 0, not yet listed, of a category and a seller that have room. With scores s in cents, n
admissible, temperature T and floor f, candidate j has the chance

    q_j = f + (1 - n f) exp(s_j / T) / sum over admissible i of exp(s_i / T)

(Plackett-Luce, mixed with the uniform); at T = 0 the best one has all but the floor. So every list
keeps every cap, its chance is the product of those of its places, and whatever another policy would
have done, its weight is at most 1 / f at a place and f^-k for the first k places. With T = 0 and
f = 0 the list is the greedy one. A list ends where nothing is admissible: that is no choice, and
has the chance 1. The draw is a hash of the salt, the visit and the place: no state, no order.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from lifeworth.decide.holdout import places
from lifeworth.decide.rerank import ListCaps
from lifeworth.decide.shelf import NOTHING, Scores, Shelf, Walk, Which, shelf
from lifeworth.tables.errors import InputError

Placed = Float[np.ndarray, "visits places"]

FLOOR = 0.01
"""The least chance of an admissible candidate, unless told."""


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """How lists are drawn.

    Attributes
    ----------
    temperature
        T, in cents: candidates whose scores differ by T differ by a factor e in their chances.
    floor
        f: the least chance of an admissible candidate at a place.

    Raises
    ------
    InputError
        If the temperature is not a finite number, 0 or more, or the floor is not in [0, 1).
    """

    temperature: float
    floor: float = FLOOR

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < np.inf or not 0 <= self.floor < 1:
            raise InputError(
                f"exploration: temperature = {self.temperature}, floor = {self.floor}; give a "
                "temperature of 0 or more cents, and a floor of at least 0 and below 1"
            )

    def chances(self, score: Scores, admissible: Which) -> Scores:
        """Return the chance of each candidate at the next place; rows sum to 1, or to 0."""
        n = admissible.sum(axis=1, keepdims=True)
        _refuse_floor(self.floor, int(n.max(initial=0)))
        best = np.where(admissible, score, -np.inf).max(axis=1, keepdims=True)
        if self.temperature == 0:
            first = np.where(admissible, score, -np.inf).argmax(axis=1)
            size = np.zeros_like(score)
            size[np.arange(len(score)), first] = 1.0
            size *= admissible
        else:
            below = np.where(admissible, score - np.where(n > 0, best, 0.0), -np.inf)
            size = np.exp(below / self.temperature)
        whole = size / np.maximum(size.sum(axis=1, keepdims=True), 1e-300)
        return np.where(admissible, self.floor + (1 - n * self.floor) * whole, 0.0)

    def largest_weight(self, places: int = 1) -> float:
        """Return the bound of the weight of any other policy over so many places; inf if none."""
        return float(self.floor) ** -places if self.floor else np.inf


def _refuse_floor(floor: float, admissible: int) -> None:
    if admissible * floor > 1 + 1e-12:
        raise InputError(
            f"exploration: floor = {floor:g}, but {admissible:,} candidates may take a place, and "
            f"their chances sum to 1; give a floor of at most 1 / {admissible:,}, or fewer "
            "candidates"
        )


class Drawn(NamedTuple):
    """Lists of all visits.

    Attributes
    ----------
    choice
        Number of the candidate at each place; NOTHING after the end.
    propensity
        Its chance, given those before it; 1 after the end.
    admissible
        How many candidates there were to draw from.
    """

    choice: Int[np.ndarray, "visits places"]
    propensity: Placed
    admissible: Int[np.ndarray, "visits places"]


def drawn(on: Shelf, how: Exploration, caps: ListCaps, salt: str) -> Drawn:
    """Draw a list for each visit."""
    shape = len(on.visit_id), caps.size
    found = Drawn(
        np.full(shape, NOTHING, dtype=np.int64), np.ones(shape), np.zeros(shape, dtype=np.int64)
    )
    walk, visits = Walk(on, caps.caps()), [str(visit) for visit in on.visit_id]
    for k in range(caps.size):
        open_ = walk.admissible()
        there = open_.any(axis=1)
        if not there.any():
            break
        chance = how.chances(on.score, open_)
        own = np.where(there, _picked(chance, places(visits, "list", salt, str(k + 1))), NOTHING)
        rows = np.flatnonzero(there)
        found.choice[:, k] = own
        found.propensity[rows, k] = chance[rows, own[rows]]
        found.admissible[:, k] = open_.sum(axis=1)
        walk.place(own)
    return found


def _picked(chance: Scores, place: Float[np.ndarray, " visits"]) -> Int[np.ndarray, " visits"]:
    """Return the candidate in whose range of the running sum each place in [0, 1) lies."""
    ends = chance.cumsum(axis=1)
    last = chance.shape[1] - 1 - (chance[:, ::-1] > 0).argmax(axis=1)
    return np.minimum((ends <= place[:, None]).sum(axis=1), last)


def explore(candidates: pd.DataFrame, how: Exploration, caps: ListCaps, salt: str) -> pd.DataFrame:
    """Return the log of a list for each visit.

    Parameters
    ----------
    candidates
        As `decide.shelf.shelf` takes them: what `rerank` returns.
    salt
        Text; another one draws other lists.

    Returns
    -------
    pd.DataFrame
        A row for each place, sorted: visit_id, place (from 1), product_id, propensity (given what
        is placed before it), list_propensity (of the whole list), admissible (how many candidates
        there were to draw from). A visit without an admissible candidate has no row.

    Raises
    ------
    InputError
        If candidates are not as they should be, the salt is empty, or the floor is too high for so
        many candidates.
    """
    if not salt:
        raise InputError("exploration: the salt is empty; give some text, and keep it")
    on = shelf(candidates, caps)
    found = drawn(on, how, caps, salt)
    row, place = np.nonzero(found.choice != NOTHING)
    whole = found.propensity.prod(axis=1)
    return pd.DataFrame(
        {
            "visit_id": on.visit_id[row],
            "place": place + 1,
            "product_id": on.product_id[row, found.choice[row, place]],
            "propensity": found.propensity[row, place],
            "list_propensity": whole[row],
            "admissible": found.admissible[row, place],
        }
    )
