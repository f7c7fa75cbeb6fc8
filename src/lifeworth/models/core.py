"""What a model is: a recipe is fitted to a History and gives scores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
"""Levels at which a Forecast states the distribution of value."""


class Draws(NamedTuple):
    """Equally likely futures of some customers: purchases (count) and value (cents)."""

    purchases: Float[np.ndarray, "customers draws"]
    value: Float[np.ndarray, "customers draws"]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What each customer will do in the horizon.

    Attributes
    ----------
    frame
        One row per customer, sorted by customer_id, no value missing: customer_id (str), as_of (date), horizon_days (int),
        expected_purchases, p_alive, p_active, expected_value, value_sd, value_q05, value_q25, value_q50, value_q75, value_q95
        (float; value in cents).
    tracking
        One row per 7-day week counted from the cut-off (backward to the first order, forward to the end of the horizon):
        week_start (date), expected_purchases (repeat purchases expected of all customers known at the cut-off in that week).
    draws
        Predictive draws of the customers in the given rows of `frame`; the same rows give the same draws.
    """

    frame: pd.DataFrame
    tracking: pd.DataFrame
    draws: Callable[[slice], Draws]
