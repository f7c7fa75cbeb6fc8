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
    """Distinct rows of some columns.

    `first` is the first row of each, `times` how many rows are like it, `which` says of every row
    which of the distinct ones it is.
    """

    first: Int[np.ndarray, " distinct"]
    times: Int[np.ndarray, " distinct"]
    which: Int[np.ndarray, " rows"]


def distinct(*columns: Float[np.ndarray, " rows"]) -> Distinct:
    """Find the distinct rows of `columns` by hashing, in linear time.

    A million customers over two years of days have about 20,000 distinct (x, T): what depends on
    these alone is computed once each.
    """
    which, values = pd.factorize(columns[0])
    for column in columns[1:]:
        codes, more = pd.factorize(column)
        which, values = pd.factorize(which * len(more) + codes)
    first = np.empty(len(values), dtype=np.int64)
    first[which[::-1]] = np.arange(len(which))[::-1]
    return Distinct(first, np.bincount(which, minlength=len(values)), which)
