"""What a merchant would guess without a model: every table shows it."""

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from lifeworth.asof.split import History
from lifeworth.asof.summary import first_day, weeks_before
from lifeworth.models.core import Draws, Expectations, Forecast, block_draws, forecast


class Guess(NamedTuple):
    """Purchases a day and value of each (cents), by customer; `customer_id` is sorted."""

    customer_id: np.ndarray
    rate: Float[np.ndarray, " customers"]
    worth: Float[np.ndarray, " customers"]


def poisson_forecast(
    history: History, guess: Guess, horizon: int, *, draws: int, seed: int
) -> Forecast:
    """Forecast customers who never leave and buy at a constant rate, `draws` futures of each."""
    mean, worth = guess.rate * horizon, guess.worth

    def draw(rows: slice, rng: np.random.Generator) -> Draws:
        some = mean[rows, None]
        purchases = rng.poisson(some, (len(some), draws)).astype(np.float64)
        return Draws(purchases, purchases * worth[rows, None])

    expected = Expectations(
        purchases=mean, p_alive=np.ones_like(mean), p_active=-np.expm1(-mean), value=mean * worth
    )
    return forecast(
        guess.customer_id,
        horizon,
        history.cutoff,
        expected,
        _level(history, float(guess.rate.sum()), horizon),
        block_draws(draw, len(mean), seed),
    )


def _level(history: History, per_day: float, horizon: int) -> pd.DataFrame:
    """Return the same expectation for every week: a constant rate has no other past."""
    weeks = range(-weeks_before(history.cutoff, first_day(history)), horizon // 7)
    starts = [history.cutoff + dt.timedelta(days=7 * w) for w in weeks]
    return pd.DataFrame(
        {"week_start": starts, "expected_purchases": np.full(len(starts), 7.0 * per_day)}
    )
