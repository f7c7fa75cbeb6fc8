"""The statistics BTYD models are sufficient in, and their distinct combinations."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from lifeworth.asof.split import History
from lifeworth.asof.summary import summary

CHUNK = 16_384
"""Rows that are worked on together."""

TABLE = 1 << 22
"""Combinations of whole numbers up to which a table of all of them beats hashing."""


class Statistics(NamedTuple):
    """Customers of a History, sorted by customer_id; times in days, money in cents."""

    customer_id: np.ndarray
    x: Float[np.ndarray, " customers"]
    t_x: Float[np.ndarray, " customers"]
    T: Float[np.ndarray, " customers"]
    m: Float[np.ndarray, " customers"]
    first_day: Float[np.ndarray, " customers"]

    def rows(self, kept: slice) -> "Statistics":
        """Return the customers in the rows `kept`."""
        return Statistics(*(column[kept] for column in self))


def statistics(history: History) -> Statistics:
    """Return the statistics of every customer of `history`."""
    frame = summary(history).to_pandas().sort_values("customer_id")
    return Statistics(
        customer_id=frame["customer_id"].to_numpy(dtype=object),
        x=frame["frequency"].to_numpy(dtype=np.float64),
        t_x=frame["recency_days"].to_numpy(dtype=np.float64),
        T=frame["age_days"].to_numpy(dtype=np.float64),
        m=frame["mean_value_cents"].to_numpy(dtype=np.float64),
        first_day=frame["first_day"].to_numpy(dtype=np.float64),
    )


class Distinct(NamedTuple):
    """Distinct rows of some columns.

    `first` is the first row of each, `times` how many rows are like it, `which` says of every row
    which of the distinct ones it is.
    """

    first: Int[np.ndarray, " distinct"]
    times: Int[np.ndarray, " distinct"]
    which: Int[np.ndarray, " rows"]


def distinct(*columns: Float[np.ndarray, " rows"]) -> Distinct:
    """Find the distinct rows of `columns` in linear time.

    A million customers over two years of days have about 20,000 distinct (x, T): what depends on
    these alone is computed once each.
    """
    found = _by_table(columns)
    return _by_hash(columns) if found is None else found


def chunks(rows: int) -> Iterator[slice]:
    """Yield slices of at most CHUNK rows, whose temporary arrays stay in the cache."""
    for start in range(0, rows, CHUNK):
        yield slice(start, min(start + CHUNK, rows))


def _by_table(columns: tuple[np.ndarray, ...]) -> Distinct | None:
    """Look rows up in a table of all combinations of whole numbers, if it is small enough."""
    if not all(len(c) and c.min() >= 0 and c.max() < TABLE for c in columns):
        return None
    sizes = [int(c.max()) + 1 for c in columns]
    if math.prod(sizes) > TABLE:
        return None
    which = np.zeros(len(columns[0]), dtype=np.int64)
    for rows in chunks(len(which)):
        for column, size in zip(columns, sizes, strict=True):
            whole = column[rows].astype(np.int64)
            if (whole != column[rows]).any():
                return None
            which[rows] = which[rows] * size + whole
    times = np.bincount(which)
    there = np.flatnonzero(times)
    number = np.empty_like(times)
    number[there] = np.arange(len(there))
    for rows in chunks(len(which)):
        which[rows] = number[which[rows]]
    return Distinct(_first(which, len(there)), times[there], which)


def _by_hash(columns: tuple[np.ndarray, ...]) -> Distinct:
    which, values = pd.factorize(columns[0])
    for column in columns[1:]:
        codes, more = pd.factorize(column)
        which, values = pd.factorize(which * len(more) + codes)
    return Distinct(_first(which, len(values)), np.bincount(which, minlength=len(values)), which)


def _first(which: Int[np.ndarray, " rows"], values: int) -> Int[np.ndarray, " values"]:
    first = np.empty(values, dtype=np.int64)
    for rows in reversed(list(chunks(len(which)))):
        first[which[rows][::-1]] = np.arange(rows.start, rows.stop)[::-1]
    return first
