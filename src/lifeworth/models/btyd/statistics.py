"""The statistics BTYD models are sufficient in, and their distinct combinations."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from lifeworth.asof.split import History
from lifeworth.asof.summary import summary


class Statistics(NamedTuple):
    """Customers of a History, sorted by customer_id; times in the model's unit, money in cents."""

    customer_id: np.ndarray
    x: Float[np.ndarray, " customers"]
    t_x: Float[np.ndarray, " customers"]
    T: Float[np.ndarray, " customers"]
    m: Float[np.ndarray, " customers"]
    first_day: Float[np.ndarray, " customers"]

    def rows(self, kept: slice) -> "Statistics":
        """Return the customers in the rows `kept`."""
        return Statistics(*(column[kept] for column in self))


def statistics(history: History, time_unit_days: float) -> Statistics:
    """Return the statistics of every customer of `history`, times divided by `time_unit_days`."""
    frame = summary(history).to_pandas().sort_values("customer_id")
    return Statistics(
        customer_id=frame["customer_id"].to_numpy(dtype=object),
        x=frame["frequency"].to_numpy(dtype=np.float64),
        t_x=frame["recency_days"].to_numpy(dtype=np.float64) / time_unit_days,
        T=frame["age_days"].to_numpy(dtype=np.float64) / time_unit_days,
        m=frame["mean_value_cents"].to_numpy(dtype=np.float64),
        first_day=frame["first_day"].to_numpy(dtype=np.float64),
    )


class Distinct(NamedTuple):
    """Distinct rows of some columns: the first row of each, how many there are of it, and which one every row is."""

    first: Int[np.ndarray, " distinct"]
    count: Int[np.ndarray, " distinct"]
    inverse: Int[np.ndarray, " rows"]


def distinct(*columns: Float[np.ndarray, " rows"]) -> Distinct:
    """Find the distinct rows of `columns` by hashing, in linear time.

    A million customers over two years of days have about 16,500 distinct (x, T): what depends on
    these alone is computed once each.
    """
    inverse = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes, values = pd.factorize(column)
        inverse, _ = pd.factorize(inverse * len(values) + codes)
    size = int(inverse.max()) + 1
    first = np.empty(size, dtype=np.int64)
    first[inverse[::-1]] = np.arange(len(inverse))[::-1]
    return Distinct(first, np.bincount(inverse, minlength=size), inverse)
