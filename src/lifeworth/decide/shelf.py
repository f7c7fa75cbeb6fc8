"""Candidates of visits as rows of a table, and lists that grow on them a place at a time."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from lifeworth.decide.capped import Caps
from lifeworth.decide.rerank import KEYS, ListCaps
from lifeworth.tables.errors import InputError
from lifeworth.tables.frames import numbers, refuse_columns, refuse_missing, refuse_twice

NOTHING = -1
"""In place of a candidate, where a list has ended."""

Scores = Float[np.ndarray, "visits candidates"]
Which = Bool[np.ndarray, "visits candidates"]
Codes = Int[np.ndarray, "visits candidates"]
Choice = Int[np.ndarray, " visits"]


class Shelf(NamedTuple):
    """Candidates by visit, in the order of their ids; a short row ends in ones never allowed.

    Attributes
    ----------
    visit_id
        Sorted.
    product_id
        "" where a row has ended.
    score
        In cents.
    allowed
        In stock and of a score above 0.
    category, seller
        Numbers; 0 throughout where there is no such cap.
    """

    visit_id: np.ndarray
    product_id: np.ndarray
    score: Scores
    allowed: Which
    category: Codes
    seller: Codes

    def part(self, rows: slice) -> "Shelf":
        """Return some of the visits."""
        return Shelf(*(column[rows] for column in self))


def shelf(candidates: pd.DataFrame, caps: ListCaps, score: str = "score_cents") -> Shelf:
    """Return candidates as rows by visit.

    Parameters
    ----------
    candidates
        visit_id, product_id, the score, and, where there are such caps, category and seller;
        stock_units if known: `rerank` gives such a frame.
    score
        Name of the column of scores.

    Raises
    ------
    InputError
        If a column or a value is missing, or a product is there twice in a visit.
    """
    groups = {"category": caps.per_category, "seller": caps.per_seller}
    capped = [name for name, cap in groups.items() if cap is not None]
    stock = ["stock_units"] if "stock_units" in candidates else []
    _refuse(candidates, [*KEYS, score, *capped, *stock], score)
    frame = candidates.sort_values(["visit_id", "product_id"], ignore_index=True)
    row, visits = pd.factorize(frame["visit_id"])
    column = frame.groupby("visit_id", sort=False).cumcount().to_numpy()
    shape = len(visits), int(column.max()) + 1

    def laid(values: np.ndarray, empty: object, kind: type) -> np.ndarray:
        table = np.full(shape, empty, dtype=kind)
        table[row, column] = values
        return table

    points = frame[score].to_numpy(dtype=np.float64)
    allowed = points > 0
    if stock:
        allowed = allowed & (frame["stock_units"].to_numpy(dtype=np.float64) > 0)
    codes = {
        name: pd.factorize(frame[name])[0] if name in capped else np.zeros(len(frame))
        for name in groups
    }
    return Shelf(
        visit_id=np.asarray(visits, dtype=object),
        product_id=laid(frame["product_id"].to_numpy(), "", object),
        score=laid(points, 0.0, np.float64),
        allowed=laid(allowed, False, np.bool_),
        category=laid(codes["category"], -1, np.int64),
        seller=laid(codes["seller"], -1, np.int64),
    )


def _refuse(frame: pd.DataFrame, needed: list[str], score: str) -> None:
    refuse_columns("candidates", frame, needed)
    if frame.empty:
        raise InputError("candidates: there is no row; give the candidates of a visit at least")
    told = {
        name: numbers("candidates", frame, name, KEYS)
        for name in ("stock_units", score)
        if name in needed
    }
    finite = np.where(np.isfinite(told[score]), told[score], np.nan)
    refuse_missing("candidates", frame.assign(**{score: finite}), needed, KEYS)
    refuse_twice("candidates", frame, KEYS)


class Walk:
    """Lists of all visits, a place at a time: what may still be placed, and placing it."""

    def __init__(self, on: Shelf, caps: Caps) -> None:
        self.on, self.caps = on, caps
        self.free = on.allowed.copy()
        self.of_category = np.zeros(on.score.shape, dtype=np.int64)
        self.of_seller = np.zeros(on.score.shape, dtype=np.int64)
        self.placed = 0

    def admissible(self) -> Which:
        """Return which candidates may take the next place."""
        if self.placed >= self.caps.size:
            return np.zeros_like(self.free)
        within = (self.of_category < self.caps.category) & (self.of_seller < self.caps.seller)
        return self.free & within

    def place(self, choice: Choice) -> None:
        """Place a candidate of each visit, or NOTHING."""
        rows = np.flatnonzero(choice >= 0)
        own = choice[rows]
        self.free[rows, own] = False
        for codes, held in (
            (self.on.category, self.of_category),
            (self.on.seller, self.of_seller),
        ):
            held[rows] += codes[rows] == codes[rows, own][:, None]
        self.placed += 1
