"""Expected repeat purchases by week: of newcomers up to the cut-off, given their pasts after it."""

import datetime as dt
from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float

from lifeworth.asof.split import History
from lifeworth.asof.summary import observation_end, weeks_before

FromBirth = Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, " n"]]
"""Days since the first purchase -> repeat purchases expected by then, nothing else known."""

FromNow = Callable[[float], float]
"""Days after the cut-off -> purchases expected of all customers since, given their pasts."""


def tracking(
    history: History,
    first_day: Float[np.ndarray, " customers"],
    horizon: int,
    *,
    from_birth: FromBirth,
    from_now: FromNow,
) -> pd.DataFrame:
    """Return week_start (date) and expected_purchases, by week, to the end of the horizon.

    The weeks begin with the first order; of a first purchase counts the day, not the hour.
    """
    before = weeks_before(history.cutoff, float(first_day.min()))
    day = np.floor(first_day).astype(np.int64)
    births = np.bincount(day - day.min())
    ends = observation_end(history) + 7 * np.arange(-before, 1) - day.min()
    ages = np.maximum(ends[:, None] - np.arange(len(births)), 0)
    grown = from_birth(np.arange(ages.max() + 1.0))
    past = (grown[ages] * births).sum(axis=1)
    future = np.array([from_now(7.0 * week) for week in range(horizon // 7 + 1)])
    starts = [history.cutoff + dt.timedelta(days=7 * w) for w in range(-before, horizon // 7)]
    expected = np.concatenate([np.diff(past), np.diff(future)])
    return pd.DataFrame({"week_start": starts, "expected_purchases": expected})
