"""A Forecast from heads, whichever model made them."""

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from lifeworth.asof.split import History
from lifeworth.asof.summary import first_day, weekly_repeat_purchases, weeks_before
from lifeworth.models.core import (
    BLOCK,
    Draws,
    Expectations,
    Forecast,
    block_draws,
    forecast,
)
from lifeworth.models.deep.heads import Heads, Span, draw, means, span


class Made(NamedTuple):
    """Heads of customers sorted by customer_id; value in cents.

    Attributes
    ----------
    horizons
        Ends of the intervals, in days.
    """

    customer_id: np.ndarray
    heads: Heads
    horizons: tuple[int, ...]


def forecast_of(history: History, made: Made, horizon: int, *, draws: int, seed: int) -> Forecast:
    """Forecast `horizon` days, `draws` futures of each customer.

    P(alive) is the chance of a purchase within the longest horizon the model knows, or within
    `horizon` if that is longer: networks know nobody who leaves.
    """
    over = span(made.horizons, float(horizon))
    longest = span(made.horizons, float(max(horizon, made.horizons[-1])))
    customers = len(made.customer_id)
    expected = np.empty((3, customers))
    alive = np.empty(customers)
    for rows in blocks(customers):
        some = made.heads.rows(rows)
        expected[:, rows] = [m.mean(axis=0) for m in means(some, over)]
        alive[rows] = means(some, longest).active.mean(axis=0)
    purchases, value, active = expected

    def drawn(rows: slice, rng: np.random.Generator) -> Draws:
        return draw(made.heads.rows(rows), over, draws, rng)

    return forecast(
        made.customer_id,
        horizon,
        history.cutoff,
        Expectations(purchases, np.maximum(alive, active), active, value),
        _weeks(history, made, horizon, purchases),
        block_draws(drawn, customers, seed),
    )


class Between(NamedTuple):
    """What the members of an ensemble expect of value (cents): mean and variance between them."""

    mean: Float[np.ndarray, " customers"]
    variance: Float[np.ndarray, " customers"]

    def with_other(
        self, other: Float[np.ndarray, " customers"] | None, share: float
    ) -> Float[np.ndarray, " customers"]:
        """Return the sd with one more member, to whom `share` of the futures belong."""
        if other is None:
            return np.sqrt(self.variance)
        apart = self.mean - other
        return np.sqrt((1.0 - share) * self.variance + share * (1.0 - share) * apart**2)


def between(made: Made, horizon: int) -> Between:
    """Say how the members differ in what they expect: what is not known, and could be learnt."""
    over = span(made.horizons, float(horizon))
    parts = [means(made.heads.rows(rows), over).value for rows in blocks(len(made.customer_id))]
    value = np.concatenate(parts, axis=1)
    return Between(value.mean(axis=0), value.var(axis=0))


def blocks(customers: int) -> list[slice]:
    """Return slices of at most BLOCK customers."""
    return [slice(i, min(i + BLOCK, customers)) for i in range(0, customers, BLOCK)]


def _weeks(
    history: History, made: Made, horizon: int, purchases: Float[np.ndarray, " customers"]
) -> pd.DataFrame:
    """Return what is expected by week: after the cut-off by interval, before it the mean week."""
    ends = np.arange(0.0, horizon + 1e-9, 7.0)
    of_interval = np.zeros(len(made.horizons))
    for rows in blocks(len(made.customer_id)):
        some = made.heads.rows(rows)
        for i in range(len(of_interval)):
            alone = np.zeros(len(of_interval))
            alone[i] = 1.0
            of_interval[i] += means(some, Span(alone)).purchases.mean(axis=0).sum()
    upto = np.array([span(made.horizons, end).parts @ of_interval if end else 0.0 for end in ends])
    whole = span(made.horizons, float(horizon)).parts @ of_interval
    ahead = np.diff(upto) * (float(purchases.sum()) / whole if whole else 0.0)
    return weeks_of(history, ahead)


def weeks_of(history: History, ahead: Float[np.ndarray, " weeks"]) -> pd.DataFrame:
    """Return week_start and expected_purchases: `ahead` after the cut-off, the mean week before."""
    before = weeks_before(history.cutoff, first_day(history))
    repeats = weekly_repeat_purchases(history)["purchases"]
    mean = repeats.to_numpy(np.float64).mean() if len(repeats) else 0.0
    level = np.full(before, mean)
    starts = [history.cutoff + dt.timedelta(days=7 * w) for w in range(-before, len(ahead))]
    return pd.DataFrame(
        {"week_start": starts, "expected_purchases": np.concatenate([level, ahead])}
    )
