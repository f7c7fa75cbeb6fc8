"""The best products of queries by inner product: all of them scored, or an index that is measured.

Below `Search.exact_below` products a blocked matrix product scores every one. Above, cells of like
products are searched by faiss, as many of each query as it takes for the recall that is asked for,
on the shop's own queries. Either way scores are taken again in float64 and equal ones are in the
order of products, so that a list does not depend on what else was asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import Field, PositiveInt

from lifeworth.models.core import fitted, recipe
from lifeworth.models.ranking import Top, places_in_row
from lifeworth.tables.errors import InputError

Numbers = Int[np.ndarray, " _"]
Queries = Float[np.ndarray, "queries d"]
Products = Float[np.ndarray, "products d"]
Allowed = Bool[np.ndarray, " products"]

ROWS, COLUMNS = 1_024, 8_192
"""Queries and products that are multiplied at once: 32 MiB of scores."""

GROUPS = 4
"""Groups of products for each place of a list, whose best scores alone tell what to look at."""

MANY = 4_000_000
"""Candidates in memory at once; queries that tie on more are taken one by one."""

WIDEST = 0.25
"""Share of the cells beyond which a query is no cheaper than scoring every product."""


@recipe
class Search:
    """How products are searched.

    Attributes
    ----------
    exact_below
        Products below which all of them are scored.
    recall
        Share of the true best that an index has to find, on average over queries.
    at
        Length of the lists of which the recall is measured.
    sample
        Queries it is measured on.
    """

    exact_below: PositiveInt
    recall: Annotated[float, Field(gt=0, le=1)]
    at: PositiveInt
    sample: PositiveInt


@fitted
class Cells:
    """Cells of like products, and how many of them are searched.

    Attributes
    ----------
    centre
        Of each cell; the last number is the one by which products are lengthened (`lengthened`).
    probes
        Cells nearest to a query, which are searched.
    recall
        That was measured so.
    """

    centre: Float[np.ndarray, "cells d_and_one"]
    probes: int
    recall: float


# ---- exactly


def exact(queries: Queries, products: Products, k: int, allowed: Allowed | None = None) -> Top:
    """Return the `k` products of the largest inner product, of those allowed.

    Float32 proposes: whatever is within its rounding error of the k-th best is scored again in
    float64. The lists are those of float64, equal scores in the order of products.
    """
    chosen = np.arange(len(products)) if allowed is None else np.flatnonzero(allowed)
    small, large = (np.asarray(v, dtype=np.float32) for v in (queries, products))
    parts = [
        _ranked(small[rows], large, found, k) for rows, found in _proposed(small, large, chosen, k)
    ]
    return _joined(parts, k)


Pairs = tuple[Numbers, Numbers]
"""Row of the query, number of the product."""


def _proposed(
    queries: Queries, products: Products, chosen: Numbers, k: int
) -> Iterator[tuple[slice, Pairs]]:
    """Yield queries and what may be among their best, ROWS queries at a time, or fewer."""
    waiting = [slice(i, i + ROWS) for i in range(0, len(queries), ROWS)][::-1]
    while waiting:
        rows = waiting.pop()
        found = _candidates(queries[rows], products, chosen, k)
        if found is not None:
            yield rows, found
            continue
        middle = (rows.start + min(rows.stop, len(queries))) // 2
        waiting += [slice(middle, rows.stop), slice(rows.start, middle)]


def _candidates(queries: Queries, products: Products, chosen: Numbers, k: int) -> Pairs | None:
    """Return what float32 cannot rule out; None if that is more than MANY of several queries."""
    doubt = _doubt(queries, products)
    bound = np.full((len(queries), k), -np.inf, dtype=np.float32)
    kept: list[tuple[Numbers, Numbers, np.ndarray]] = []
    for first in range(0, len(chosen), COLUMNS):
        own = chosen[first : first + COLUMNS]
        scores = queries @ products[own].T
        bound = _largest(np.concatenate([bound, _by_group(scores, k)], axis=1), k)
        row, column = np.nonzero(scores >= (bound.min(axis=1) - doubt)[:, None])
        kept.append((row, own[column], scores[row, column]))
        if sum(len(r) for r, _, _ in kept) > MANY and len(queries) > 1:
            return None
    if not kept:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    row, product, score = (np.concatenate(columns) for columns in zip(*kept, strict=True))
    still = score >= (bound.min(axis=1) - doubt)[row]
    return row[still], product[still]


def _doubt(queries: Queries, products: Products) -> Float[np.ndarray, " queries"]:
    """Return by how much two scores of a query in float32 may be apart that are equal in truth.

    A sum of d products is off by at most d eps |q| |v| (Higham 2002, section 3.1), each of the two.
    """
    longest = float(np.sqrt(np.einsum("ij,ij->i", products, products).max(initial=0.0)))
    own = np.sqrt(np.einsum("ij,ij->i", queries, queries))
    eps = float(np.finfo(np.float32).eps)
    return (2 * queries.shape[1] * eps * longest * own).astype(np.float32)


def _by_group(
    scores: Float[np.ndarray, "queries products"], k: int
) -> Float[np.ndarray, "queries groups"]:
    """Return the largest score of each group: the k-th largest of them is at most that of all."""
    size = scores.shape[1] // (GROUPS * k)
    if size < 2:
        return scores
    groups = scores.shape[1] // size
    whole, rest = scores[:, : groups * size], scores[:, groups * size :]
    return np.concatenate([whole.reshape(len(scores), size, groups).max(axis=1), rest], axis=1)


def _largest(scores: Float[np.ndarray, "queries _"], k: int) -> Float[np.ndarray, "queries k"]:
    return np.partition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k :]


def _ranked(queries: Queries, products: Products, found: Pairs, k: int) -> Top:
    """Score pairs in float64 and return the best."""
    row, product = found
    score = np.empty(len(row))
    for first in range(0, len(row), 100_000):
        some = slice(first, first + 100_000)
        score[some] = np.einsum(
            "ij,ij->i",
            queries[row[some]].astype(np.float64),
            products[product[some]].astype(np.float64),
        )
    order = np.lexsort((product, -score, row))
    row, product, score = row[order], product[order], score[order]
    place = places_in_row(row)
    kept = place < k
    made = _nothing(len(queries), k)
    made.product[row[kept], place[kept]] = product[kept]
    made.score[row[kept], place[kept]] = score[kept]
    return made


def _nothing(queries: int, k: int) -> Top:
    return Top(np.full((queries, k), -1, dtype=np.int64), np.full((queries, k), -np.inf))


def _joined(parts: list[Top], k: int) -> Top:
    if not parts:
        return _nothing(0, k)
    return Top(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


# ---- by cells


def cells(products: Products, queries: Queries, how: Search, seed: int) -> Cells | None:
    """Return cells with the recall that is asked for; None where all products are scored.

    Parameters
    ----------
    queries
        The shop's own, on which the recall is measured; a sample of them is taken.

    Raises
    ------
    InputError
        If WIDEST of the cells are too few for the recall, or the package is not there.
    """
    if len(products) < how.exact_below:
        return None
    rng = np.random.default_rng(seed)
    asked = queries[np.sort(rng.permutation(len(queries))[: how.sample])]
    number = max(int(4 * np.sqrt(len(products))), 1)
    centre = _centres(lengthened(products), number, seed)
    index = Index(products=products, cells=Cells(centre=centre, probes=1, recall=0.0))
    truth = exact(asked, products, how.at).product
    most, probes = max(int(WIDEST * number), 1), 1
    while True:
        made = Cells(centre=centre, probes=probes, recall=index.recall(asked, truth, probes))
        if made.recall >= how.recall:
            return made
        if probes >= most:
            raise InputError(_too_low(made, how, len(products)))
        probes = min(2 * probes, most)


def _too_low(made: Cells, how: Search, products: int) -> str:
    return (
        f"search: an index over {products:,} products finds {made.recall:.3f} of the best {how.at} "
        f"at its largest setting, {made.probes:,} of {len(made.centre):,} cells, and search.recall "
        f"is {how.recall:g}; lower it, or raise search.exact_below above {products:,} to score "
        "every product"
    )


def lengthened(products: Products) -> Float[np.ndarray, "products d_and_one"]:
    """Return products with a number more, by which all are equally long.

    Then the nearest to a query with a 0 there has the largest inner product (Bachrach et al. 2014).
    """
    square = np.einsum("ij,ij->i", products, products, dtype=np.float64)
    more = np.sqrt(np.maximum(square.max(initial=0.0) - square, 0.0))
    return np.column_stack([products, more]).astype(np.float32)


def _faiss() -> Any:
    try:
        import faiss  # only here: smaller catalogues do without
    except ModuleNotFoundError as error:
        raise InputError(
            "search: more products than search.exact_below need the package 'faiss-cpu', which is "
            "not installed; run scripts/setup ranker, or raise search.exact_below"
        ) from error
    return faiss


def _centres(products: Products, number: int, seed: int) -> Float[np.ndarray, "cells d"]:
    """Return centres by k-means."""
    found = _faiss().Kmeans(
        products.shape[1], number, niter=10, seed=seed, max_points_per_centroid=64
    )
    found.train(np.ascontiguousarray(products))
    return np.array(found.centroids, dtype=np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Index:
    """Products that can be searched.

    Attributes
    ----------
    cells
        None where all products are scored.
    """

    products: Products
    cells: Cells | None

    def search(
        self, queries: Queries, k: int, allowed: Bool[np.ndarray, " _"] | None = None
    ) -> Top:
        """Return the `k` best products of each query, of those allowed.

        Products that are not allowed take no place of a list; where fewer than `k` are, lists are
        short.

        Raises
        ------
        InputError
            If `allowed` is not of these products.
        """
        if allowed is not None and len(allowed) != len(self.products):
            raise InputError(
                f"search: allowed has {len(allowed):,} values for {len(self.products):,} products; "
                "give one for each, in the order of product_id"
            )
        if self.cells is None:
            return exact(queries, self.products, k, allowed)
        share = 1.0 if allowed is None else float(allowed.mean())
        probes = int(np.ceil(self.cells.probes / max(share, 1e-9)))
        if probes > WIDEST * len(self.cells.centre) and allowed is not None:
            return exact(queries, self.products, k, allowed)
        found = self._near(queries, k, probes, allowed)
        short = np.flatnonzero(found.product[:, -1] < 0)
        if len(short):  # the cells had fewer than k
            rest = exact(queries[short], self.products, k, allowed)
            found.product[short], found.score[short] = rest
        return found

    def recall(self, queries: Queries, truth: Int[np.ndarray, "queries k"], probes: int) -> float:
        """Return the mean share of the true best that are found in so many cells."""
        found = self._near(queries, truth.shape[1], probes, None).product
        hit = (found[:, :, None] == truth[:, None, :]).any(axis=1) & (truth >= 0)
        return float((hit.sum(axis=1) / np.maximum((truth >= 0).sum(axis=1), 1)).mean())

    def _near(self, queries: Queries, k: int, probes: int, allowed: Allowed | None) -> Top:
        faiss = _faiss()
        chosen = None if allowed is None else faiss.IDSelectorBatch(np.flatnonzero(allowed))
        how = faiss.SearchParametersIVF(nprobe=probes, sel=chosen)
        made = []
        for first in range(0, len(queries), ROWS):
            small = queries[first : first + ROWS].astype(np.float32)
            long = np.column_stack([self._as_long(small), np.zeros(len(small))]).astype(np.float32)
            product = self._made.search(np.ascontiguousarray(long), k, params=how)[1]
            row, place = np.nonzero(product >= 0)
            found = row, product[row, place].astype(np.int64)
            made.append(_ranked(small, self.products, found, k))
        return _joined(made, k)

    def _as_long(self, queries: Queries) -> Queries:
        """Return queries as long as the products, which changes no order.

        Of a short one the nearest cells are those whose centre is near to 0: whatever is asked, the
        same mixed ones.
        """
        own = np.sqrt(np.einsum("ij,ij->i", queries, queries))
        return queries * (self._longest / np.maximum(own, 1e-12))[:, None]

    @cached_property
    def _longest(self) -> float:
        return float(np.sqrt(np.einsum("ij,ij->i", self.products, self.products).max(initial=0.0)))

    @cached_property
    def _made(self) -> Any:
        """Return faiss's index of the products in their cells."""
        assert self.cells is not None
        faiss, centre = _faiss(), self.cells.centre.astype(np.float32)
        nearest = faiss.IndexFlatL2(centre.shape[1])
        nearest.add(np.ascontiguousarray(centre))
        index = faiss.IndexIVFFlat(nearest, centre.shape[1], len(centre), faiss.METRIC_L2)
        index.is_trained = True
        index.add(lengthened(self.products))
        return index
