"""Expected repeat purchases week by week: unconditional up to the cut-off, given each customer's past after it."""

import datetime as dt
from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float

from lifeworth.asof.split import History
from lifeworth.asof.summary import observation_end, weeks_before
from lifeworth.models.btyd.statistics import distinct

FromBirth = Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, " n"]]
"""Days since the first purchase -> repeat purchases a customer is expected to have made by then, nothing else known."""

FromNow = Callable[[float], float]
"""Days after the cut-off -> purchases that all customers are expected to have made since, given their pasts."""


def tracking(
    history: History, first_day: Float[np.ndarray, " customers"], horizon: int, *, from_birth: FromBirth, from_now: FromNow
) -> pd.DataFrame:  # fmt: skip
    """Return week_start (date) and expected_purchases for every week from the first order to the end of the horizon."""
    before = weeks_before(history.cutoff, float(first_day.min()))
    births = distinct(first_day)
    ends = np.arange(-before, 1)[:, None] * 7.0 + observation_end(history)
    ages = np.maximum(ends - first_day[births.first][None, :], 0.0)
    past = from_birth(ages.ravel()).reshape(ages.shape) @ births.count.astype(np.float64)
    future = np.array([from_now(7.0 * week) for week in range(horizon // 7 + 1)])
    expected = np.concatenate([np.diff(past), np.diff(future)])
    starts = [history.cutoff + dt.timedelta(days=7 * w) for w in range(-before, horizon // 7)]
    return pd.DataFrame({"week_start": starts, "expected_purchases": expected})
