"""Customers whose rows are equal are one class: what each arm brings and costs, and how many."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, UInt64

ByArm = Float[np.ndarray, "arms classes"]
"""A number of every class, an arm a row, so that sums over arms run along memory."""

BLOCK = 8192
"""Classes taken at once: what is made on the way stays in the processor's cache."""

ODD = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""Multipliers of splitmix64; the hash is tried with each in turn if two rows collide."""


class Classes(NamedTuple):
    """Distinct rows, in an order that the order of customers has no part in.

    Attributes
    ----------
    value
        Of one customer, -inf where the pair is impossible.
    cost
        Of one customer, 0 where the pair is impossible.
    weight
        Customers of each class.
    member
        The class of each customer, -1 of one to whom nothing is possible.
    """

    value: ByArm
    cost: ByArm
    weight: Float[np.ndarray, " classes"]
    member: Int[np.ndarray, " customers"]

    def blocks(self) -> Iterator[slice]:
        """Yield slices that make up all classes."""
        for start in range(0, len(self.weight), BLOCK):
            yield slice(start, start + BLOCK)


class Room(NamedTuple):
    """What all assignments together may take, every number of it finite."""

    budget: float
    caps: Float[np.ndarray, " arms"]
    minimums: Float[np.ndarray, " arms"]


def classes_of(
    value: Float[np.ndarray, "customers arms"],
    cost: Float[np.ndarray, "customers arms"],
    possible: Bool[np.ndarray, "customers arms"],
) -> Classes:
    """Return the classes of customers to whom something is possible."""
    some = np.flatnonzero(possible.any(axis=1))
    open_ = possible[some].T
    # + 0.0 makes one number of -0.0 and 0.0
    rows = np.concatenate(
        (np.where(open_, value[some].T, -np.inf), np.where(open_, cost[some].T, 0.0))
    )
    rows += 0.0
    first, of, weight = _distinct(rows)
    member = np.full(len(value), -1)
    member[some] = of
    rows, arms = rows[:, first], value.shape[1]
    return Classes(rows[:arms], rows[arms:], weight.astype(float), member)


def spread(
    classes: Classes, counts: Int[np.ndarray, "arms classes"], ids: pd.Index
) -> Int[np.ndarray, " customers"]:
    """Return the arm of each customer, -1 for none: in a class the lowest id gets the first arm."""
    members = np.flatnonzero(classes.member >= 0)
    of = classes.member[members]
    rank = np.zeros(len(members), dtype=np.int64)
    shared = np.flatnonzero(classes.weight[of] > 1)
    rank[shared[ids[members[shared]].argsort()]] = np.arange(len(shared))
    order = np.lexsort((rank, of))
    starts = np.concatenate(([0], np.cumsum(classes.weight[:-1]))).astype(np.int64)
    place = np.arange(len(order)) - starts[of[order]]
    arm = (place >= np.cumsum(counts, axis=0)[:, of[order]]).sum(axis=0)
    arms = np.full(len(classes.member), -1)
    arms[members[order]] = np.where(arm < len(counts), arm, -1)
    return arms


def _distinct(
    rows: Float[np.ndarray, "columns customers"],
) -> tuple[Int[np.ndarray, " classes"], Int[np.ndarray, " customers"], Int[np.ndarray, " classes"]]:
    for odd in ODD:
        _, first, of, weight = np.unique(
            _hash(rows, odd), return_index=True, return_inverse=True, return_counts=True
        )
        if len(first) == len(of) or all(np.array_equal(row, row[first][of]) for row in rows):
            return first, of, weight
    _, first, of, weight = np.unique(
        rows, axis=1, return_index=True, return_inverse=True, return_counts=True
    )
    return first, of, weight


def _hash(
    rows: Float[np.ndarray, "columns customers"], odd: int
) -> UInt64[np.ndarray, " customers"]:
    mixed = np.zeros(rows.shape[1], dtype=np.uint64)
    for row in rows:
        mixed ^= np.ascontiguousarray(row).view(np.uint64)
        mixed *= np.uint64(odd)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(ODD[1])
        mixed ^= mixed >> np.uint64(32)
    return mixed
