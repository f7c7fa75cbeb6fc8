"""Candidates into the list to show: worth in money, caps, and why the others are not in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from lifeworth.decide.capped import NONE, Best, Caps, best_list
from lifeworth.models.ranker.math import Weights, worth
from lifeworth.tables.errors import InputError
from lifeworth.tables.frames import numbers, refuse_columns, refuse_missing, refuse_twice

KEYS = ("visit_id", "product_id")
"""Columns that name a candidate."""

NUMBERS = ("p_purchase", "margin_cents", "return_rate", "stock_cover_days")
BOUNDS = {"p_purchase": (0, 1), "return_rate": (0, 1), "stock_cover_days": (0, np.inf)}

OUT_OF_STOCK = "out of stock"
WORTHLESS = "worth no more than 0"
FULL = {"category": "category is full", "seller": "seller is full", "size": "list is full"}


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """How much low stock and returns take from what a product is worth.

    Attributes
    ----------
    alpha, beta
        Weights of low stock and of returns; raise `alpha` when stock runs out too often.
    stock_cover_days
        A cover below this many days is penalised.
    empty_cents
        The penalty, before `alpha`, at a cover of 0.
    return_cents
        Cost of a return beyond the lost margin; 0 where it is not known.
    """

    alpha: float = 0.5
    beta: float = 1.0
    stock_cover_days: float = 7.0
    empty_cents: float = 1_000.0
    return_cents: float = 0.0

    def __post_init__(self) -> None:
        told = {name: float(value) for name, value in vars(self).items()}
        bad = [n for n, v in told.items() if not 0 <= v < np.inf]
        if bad or self.stock_cover_days == 0:
            name = bad[0] if bad else "stock_cover_days"
            raise InputError(
                f"penalties: {name} = {told[name]:g}; give a finite number, 0 or more (days: above "
                "0)"
            )


@dataclass(frozen=True, kw_only=True)
class ListCaps:
    """Most products of a list, and of any category and seller in it; None for no cap."""

    size: int
    per_category: int | None = None
    per_seller: int | None = None

    def __post_init__(self) -> None:
        low = [n for n, v in vars(self).items() if v is not None and v < 1]
        if low:
            raise InputError(f"caps: {low[0]} = {getattr(self, low[0])}; it must be 1 or more")

    def caps(self) -> Caps:
        """Return the caps as numbers."""
        return Caps(self.size, self.per_category or NONE, self.per_seller or NONE)


def rerank(candidates: pd.DataFrame, penalties: Penalties, caps: ListCaps) -> pd.DataFrame:
    """Return the candidates with their worth, their rank, or why they are not shown.

    Of all lists that keep the caps, each visit's is of the greatest total score.

    Parameters
    ----------
    candidates
        visit_id, product_id, p_purchase, margin_cents, return_rate, stock_cover_days, and, where
        there are such caps, category and seller; stock_units if known.

    Returns
    -------
    pd.DataFrame
        Sorted by visit_id, shown ones by rank, then the others by score: the columns given, and
        purchase_cents - low_stock_cents - returns_cents = score_cents; rank (from 1; 0 if not
        shown); dropped_by ("" if shown).

    Raises
    ------
    InputError
        If a column is missing, a number is not one, or a product is there twice in a visit.
    """
    frame = _checked(candidates, caps).sort_values(["visit_id", "product_id"], ignore_index=True)
    frame = with_worth(frame, penalties)
    rank, why = np.zeros(len(frame), dtype=np.int64), np.full(len(frame), "", dtype=object)
    score = frame["score_cents"].to_numpy(dtype=np.float64)
    empty = np.zeros(len(frame), dtype=np.bool_)
    if "stock_units" in frame:
        empty = frame["stock_units"].to_numpy(dtype=np.float64) <= 0
    group = [_codes(frame, name, cap) for name, cap in _kinds(caps)]
    for rows in _visits(frame):
        own = [codes[rows] for codes in group]
        rank[rows], why[rows] = _one(score[rows], empty[rows], own, caps.caps())
    frame = frame.assign(rank=rank, dropped_by=why)
    order = frame.assign(
        after=rank == 0, place=np.where(rank == 0, 0, rank), low=-frame["score_cents"]
    ).sort_values(["visit_id", "after", "place", "low", "product_id"], kind="stable")
    return frame.loc[order.index].reset_index(drop=True)


def with_worth(frame: pd.DataFrame, penalties: Penalties) -> pd.DataFrame:
    """Return candidates with the terms of their worth and `score_cents`, as `rerank` has them."""
    p, m, r, cover = (frame[name].to_numpy(dtype=np.float64) for name in NUMBERS)
    th = Weights(
        penalties.alpha,
        penalties.beta,
        penalties.stock_cover_days,
        penalties.empty_cents,
        penalties.return_cents,
    )
    found = worth(p, m, r, cover, th)
    return frame.assign(
        purchase_cents=found.purchase,
        low_stock_cents=found.low_stock,
        returns_cents=found.returns,
        score_cents=found.total(),
    )


def _visits(frame: pd.DataFrame) -> Iterator[slice]:
    """Yield the rows of each visit, of a frame sorted by visit."""
    codes = pd.factorize(frame["visit_id"])[0]
    edges = np.append(np.flatnonzero(np.diff(codes, prepend=-1)), len(frame))
    yield from (slice(int(a), int(b)) for a, b in pairwise(edges))


def _one(
    score: np.ndarray, empty: np.ndarray, group: Sequence[np.ndarray], caps: Caps
) -> tuple[np.ndarray, np.ndarray]:
    """Return rank and reason of each candidate of a visit."""
    best = best_list(np.where(empty, -1.0, score), group[0], group[1], caps)
    rank = np.zeros(len(score), dtype=np.int64)
    rank[best.rows] = np.arange(1, len(best.rows) + 1)
    why = _reasons(score, group, best, caps)
    why = np.where(score <= 0, WORTHLESS, why)
    why = np.where(empty, OUT_OF_STOCK, why)
    return rank, np.where(rank > 0, "", why)


def _kinds(caps: ListCaps) -> list[tuple[str, int | None]]:
    return [("category", caps.per_category), ("seller", caps.per_seller)]


def _codes(frame: pd.DataFrame, name: str, cap: int | None) -> np.ndarray:
    if cap is None:
        return np.zeros(len(frame), dtype=np.int64)
    return pd.factorize(frame[name])[0].astype(np.int64)


def _reasons(score: np.ndarray, group: Sequence[np.ndarray], best: Best, caps: Caps) -> np.ndarray:
    """Return which limits a candidate would break if it were added to the list.

    A full list is named where no cap is broken, or the candidate is worth no more than all shown.
    """
    full = [
        np.bincount(own[best.rows], minlength=int(own.max(initial=0)) + 1)[own] >= cap
        for own, cap in zip(group, (caps.category, caps.seller), strict=True)
    ]
    lowest = score[best.rows].min() if len(best.rows) else np.inf
    beaten = ~(full[0] | full[1]) | (score <= lowest)
    broken = {**dict(zip(FULL, full, strict=False)), "size": beaten & (len(best.rows) >= caps.size)}
    told = [np.where(there, FULL[name], "") for name, there in broken.items()]
    return np.array(["; ".join(filter(None, words)) for words in zip(*told, strict=True)], object)


def _checked(candidates: pd.DataFrame, caps: ListCaps) -> pd.DataFrame:
    capped = [n for n, cap in _kinds(caps) if cap is not None]
    refuse_columns("candidates", candidates, [*KEYS, *NUMBERS, *capped])
    for name in NUMBERS:
        low, high = BOUNDS.get(name, (-np.inf, np.inf))
        value = numbers("candidates", candidates, name, KEYS)
        bad = ~(np.isfinite(value) & (value >= low) & (value <= high))
        if bad.any():
            first = candidates.iloc[int(bad.argmax())]
            raise InputError(
                f"candidates: {int(bad.sum()):,} of {len(value):,} rows have {name} that is not a "
                f"number from {low:g} to {high:g}, first product '{first['product_id']}' of visit "
                f"'{first['visit_id']}', {first[name]}; leave them out, or correct them"
            )
    stock = ["stock_units"] if "stock_units" in candidates else []
    for name in stock:
        numbers("candidates", candidates, name, KEYS)
    refuse_missing(
        "candidates",
        candidates,
        [*KEYS, *capped, *stock],
        KEYS,
        "give them, or leave out what needs them (a cap, the column of stock)",
    )
    refuse_twice("candidates", candidates, KEYS)
    return candidates
