"""Lists of products: the best of sparse scores, with ties broken by the number of the product."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, cast, runtime_checkable

import numpy as np
import pandas as pd
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int

from lifeworth.asof.baskets import Trails, refuse_other_catalogue
from lifeworth.models.core import Told, fitted
from lifeworth.tables.visits import Unit


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """What to show to each visit, best first.

    Attributes
    ----------
    frame
        visit_id (str), rank (from 1), product_id (str), score (float, never rising within a visit);
        no product twice in a visit. A short list has fewer rows, a visit of whom nothing is known
        none.
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        frame = self.frame
        place = frame.groupby("visit_id", sort=False).cumcount() + 1
        rises = frame.groupby("visit_id", sort=False)["score"].diff().gt(0)
        faults = {
            "a score that is not a number": frame["score"].isna().any(),
            "ranks that are not 1, 2, ...": (place != frame["rank"]).any(),
            "scores that rise": rises.any(),
            "a product twice": frame.duplicated(["visit_id", "product_id"]).any(),
        }
        found = [fault for fault, there in faults.items() if there]
        if found:
            raise ValueError(f"ranking: {found[0]}")


class Top(NamedTuple):
    """The best products of each visit, best first; -1 and -inf after the end of a short list."""

    product: Int[np.ndarray, "visits k"]
    score: Float[np.ndarray, "visits k"]


@fitted
class Sparse:
    """A sparse matrix as arrays that can be kept: compressed rows."""

    indptr: Int[np.ndarray, " _"]
    indices: Int[np.ndarray, " _"]
    data: Float[np.ndarray, " _"]
    columns: int

    def array(self) -> sp.csr_array:
        """Return the matrix."""
        shape = (len(self.indptr) - 1, self.columns)
        return sp.csr_array((self.data, self.indices, self.indptr), shape=shape)


def shape_of(matrix: sp.csr_array) -> tuple[int, int]:
    """Return rows and columns, which a csr_array always has."""
    return cast("tuple[int, int]", matrix.shape)


def sparse(matrix: sp.csr_array) -> Sparse:
    """Return what keeps a matrix."""
    return Sparse(
        indptr=matrix.indptr.astype(np.int64),
        indices=matrix.indices.astype(np.int64),
        data=matrix.data.astype(np.float64),
        columns=shape_of(matrix)[1],
    )


def order_of(scores: sp.csr_array) -> tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"]]:
    """Return the entries of each row from best to worst, and their rows.

    Equal scores are in the order of their columns.
    """
    row = np.repeat(np.arange(shape_of(scores)[0]), np.diff(scores.indptr))
    falling = np.negative(scores.data)
    return np.lexsort((scores.indices, falling, row)), row


def places_in_row(row: Int[np.ndarray, " _"]) -> Int[np.ndarray, " _"]:
    """Return 0, 1, ... for the entries of each row, of sorted rows."""
    return np.arange(len(row)) - np.searchsorted(row, row)


def likely(scores: sp.csr_array, k: int) -> sp.csr_array:
    """Return the entries of each row that are no less than its k-th best: k, and ties with it."""
    kept = np.ones(scores.nnz, dtype=np.bool_)
    for row in np.flatnonzero(np.diff(scores.indptr) > k):
        own = slice(scores.indptr[row], scores.indptr[row + 1])
        size = scores.data[own]
        kept[own] = size >= np.partition(size, len(size) - k)[len(size) - k]
    ahead = np.append(0, np.cumsum(kept))[scores.indptr]
    return sp.csr_array((scores.data[kept], scores.indices[kept], ahead), shape=scores.shape)


def best(scores: sp.csr_array, k: int) -> sp.csr_array:
    """Return the `k` best entries of each row, ties as in `order_of`."""
    found = likely(scores, k)
    order, row = order_of(found)
    kept = np.sort(order[places_in_row(row) < k])
    entries = (found.data[kept], (row[kept], found.indices[kept]))
    return sp.csr_array(entries, shape=scores.shape)


def top(scores: sp.csr_array, k: int) -> Top:
    """Return the `k` products of the highest scores; a product without an entry is no candidate."""
    found = likely(scores, k)
    order, row = order_of(found)
    place = places_in_row(row)
    kept = place < k
    shape = (shape_of(scores)[0], k)
    product, score = np.full(shape, -1, dtype=np.int64), np.full(shape, -np.inf)
    product[row[kept], place[kept]] = found.indices[order[kept]]
    score[row[kept], place[kept]] = found.data[order[kept]]
    return Top(product, score)


def ranking(visit_id: np.ndarray, product_id: np.ndarray, found: Top) -> Ranking:
    """Return a list of products by id for each visit."""
    visit, place = np.nonzero(found.product >= 0)
    return Ranking(
        frame=pd.DataFrame(
            {
                "visit_id": visit_id[visit].astype(object),
                "rank": place + 1,
                "product_id": product_id[found.product[visit, place]].astype(object),
                "score": found.score[visit, place],
            }
        )
    )


PART = 1_000
"""Visits that are scored together."""


@runtime_checkable
class Ranks(Told, Protocol):
    """A fitted model that scores products for visits."""

    @property
    def product_id(self) -> np.ndarray:
        """Return the catalogue the model learnt, sorted."""
        ...

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return visits by products, at least the `k` best that there are; higher is better.

        A product without an entry is no candidate.
        """
        ...


@runtime_checkable
class GivesChances(Ranks, Protocol):
    """A ranker whose scores are chances that a product is among what comes next.

    Attributes
    ----------
    chance_of
        Of what kind of visits; of others its scores are scores.
    """

    chance_of: ClassVar[tuple[Unit, ...]]


def parts(model: Ranks, asked: Trails, k: int) -> Iterator[tuple[Trails, sp.csr_array]]:
    """Yield visits and their scores, PART visits at a time."""
    refuse_other_catalogue(asked, model.product_id)
    for first in range(0, asked.visits, PART):
        own = asked.part(first, min(first + PART, asked.visits))
        yield own, model.scores(own, k)


def unseen(scores: sp.csr_array, asked: Trails) -> sp.csr_array:
    """Return the scores without those of products that a visit has touched."""
    touched = asked.matrix().tocoo()
    found = scores.tocoo()
    width = shape_of(scores)[1]
    seen = touched.row.astype(np.int64) * width + touched.col
    new = ~np.isin(found.row.astype(np.int64) * width + found.col, seen)
    entries = (found.data[new], (found.row[new], found.col[new]))
    return sp.csr_array(entries, shape=shape_of(scores))


def rank(
    model: Ranks, asked: Trails, k: int, allowed: Bool[np.ndarray, " products"] | None = None
) -> Ranking:
    """Return the `k` best products of each visit, of those allowed, which alone take a place."""
    fine = np.ones(len(model.product_id), dtype=np.bool_) if allowed is None else allowed
    more = k + int((~fine).sum())
    found = [top(_within(scores, fine), k) for _, scores in parts(model, asked, more)]
    whole = Top(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
    return ranking(asked.visit_id, model.product_id, whole)


def _within(scores: sp.csr_array, allowed: Bool[np.ndarray, " products"]) -> sp.csr_array:
    kept = scores.tocoo()
    fine = allowed[kept.col]
    entries = kept.data[fine], (kept.row[fine], kept.col[fine])
    return sp.csr_array(entries, shape=scores.shape)
