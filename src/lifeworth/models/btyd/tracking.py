"""Expected repeat purchases by week: of newcomers up to the cut-off, given their pasts after it."""

import datetime as dt
from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from lifeworth.asof.split import History
from lifeworth.asof.summary import observation_end, weeks_before

FromBirth = Callable[[Float[np.ndarray, " ages"]], Float[np.ndarray, "groups ages"]]
"""Days since the first purchase -> repeat purchases a customer of each group is expected to have
made by then, nothing else known."""


def tracking(
    history: History,
    first_day: Float[np.ndarray, " customers"],
    group: Int[np.ndarray, " customers"],
    from_birth: FromBirth,
    ahead: Float[np.ndarray, " weeks"],
) -> pd.DataFrame:
    """Return week_start (date) and expected_purchases, by week, to the end of the horizon.

    The weeks begin with the first order; of a first purchase counts the day, not the hour.

    Parameters
    ----------
    ahead
        Purchases expected of all customers in each whole week after the cut-off.
    """
    before = weeks_before(history.cutoff, float(first_day.min()))
    day = np.floor(first_day).astype(np.int64)
    born = day - day.min()
    births = np.zeros((int(group.max()) + 1, int(born.max()) + 1))
    np.add.at(births, (group, born), 1.0)
    ends = observation_end(history) + 7 * np.arange(-before, 1) - day.min()
    ages = np.maximum(ends[:, None] - np.arange(births.shape[1]), 0)
    grown = from_birth(np.arange(ages.max() + 1.0))
    past = np.array([(grown[:, age] * births).sum() for age in ages])
    starts = [history.cutoff + dt.timedelta(days=7 * w) for w in range(-before, len(ahead))]
    expected = np.concatenate([np.diff(past), ahead])
    return pd.DataFrame({"week_start": starts, "expected_purchases": expected})
