"""What a model is: a recipe is fitted to a History and gives scores."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar, cast, dataclass_transform, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as pydantic_dataclass

from lifeworth.asof.split import History

QUANTILES = {
    "value_q05": 0.05,
    "value_q25": 0.25,
    "value_q50": 0.50,
    "value_q75": 0.75,
    "value_q95": 0.95,
}
"""Levels at which a Forecast states the distribution of value, by column."""

BLOCK = 2_048
"""Customers whose futures are drawn together, from a random stream of the block's own."""

Score = TypeVar("Score", covariant=True)
Class = TypeVar("Class")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def recipe(cls: type[Class]) -> type[Class]:
    """Make a recipe: frozen, keyword-only, types checked, unknown fields refused by name."""
    strict = ConfigDict(extra="forbid")
    made = pydantic_dataclass(frozen=True, kw_only=True, config=strict)(cls)
    return cast("type[Class]", made)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def fitted(cls: type[Class]) -> type[Class]:
    """Make a fitted model that `models.store` can keep: frozen, keyword-only, types checked.

    Its fields are the recipe, numbers, text, arrays and further dataclasses of these.
    """
    strict = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    made = pydantic_dataclass(frozen=True, kw_only=True, config=strict)(cls)
    return cast("type[Class]", made)


class Parameter(NamedTuple):
    """A fitted parameter; standard error and 95 % interval are NaN where the method has none."""

    name: str
    estimate: float
    se: float
    low: float
    high: float
    meaning: str


@runtime_checkable
class Fitted(Protocol[Score]):
    """A model that has seen a History and can score it, or a later one."""

    def score(self, history: History, horizon: int) -> Score:
        """Score every customer of `history` over the `horizon` days after its cut-off."""
        ...

    def parameters(self) -> list[Parameter]:
        """Return what was estimated."""
        ...

    def log_likelihood(self) -> dict[str, float]:
        """Return the log-likelihood of every part that has one."""
        ...

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know about the fit, in sentences."""
        ...


@runtime_checkable
class Recipe(Protocol[Score]):
    """How to make a model, with every choice spelled out."""

    def fit(self, history: History, seed: int) -> Fitted[Score]:
        """Fit to `history`; `seed` is the only source of randomness."""
        ...


@runtime_checkable
class AliveGrid(Protocol):
    """A fitted model in which customers leave: P(alive) for any past."""

    def alive_grid(
        self,
        frequency: Float[np.ndarray, " n"],
        recency_days: Float[np.ndarray, " n"],
        age_days: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, " n"]:
        """Return P(alive) of customers with these repeat purchases, recencies and ages."""
        ...


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
        One row per customer, sorted by customer_id, no value missing: customer_id (str), as_of
        (date), horizon_days (int), expected_purchases, p_alive, p_active, expected_value, value_sd,
        value_q05, value_q25, value_q50, value_q75, value_q95 (float; value in cents).
    tracking
        One row per 7-day week counted from the cut-off (backward to the first order, forward to the
        end of the horizon): week_start (date), expected_purchases (repeat purchases expected of all
        customers known at the cut-off in that week).
    draws
        Predictive draws of the customers in the given rows of `frame`; the same rows give the same
        draws.
    """

    frame: pd.DataFrame
    tracking: pd.DataFrame
    draws: Callable[[slice], Draws]


class Expectations(NamedTuple):
    """What is expected of each customer; `value` is in cents, `p_active` is P(any purchase)."""

    purchases: Float[np.ndarray, " customers"]
    p_alive: Float[np.ndarray, " customers"]
    p_active: Float[np.ndarray, " customers"]
    value: Float[np.ndarray, " customers"]


DrawBlock = Callable[[slice, np.random.Generator], Draws]
"""Draws the futures of the customers in a slice of at most BLOCK rows."""


def forecast(
    customer_id: np.ndarray,
    horizon: int,
    cutoff: dt.date,
    expected: Expectations,
    tracking: pd.DataFrame,
    draws: Callable[[slice], Draws],
) -> Forecast:
    """Assemble a Forecast; spread and quantiles of value come from `draws`, block by block.

    Parameters
    ----------
    customer_id
        Sorted; the rows of everything else.

    Raises
    ------
    ValueError
        If anything is not a number: a fault of the model.
    """
    frame = pd.DataFrame(
        {
            "customer_id": customer_id,
            "as_of": cutoff,
            "horizon_days": horizon,
            "expected_purchases": expected.purchases,
            "p_alive": expected.p_alive,
            "p_active": expected.p_active,
            "expected_value": expected.value,
        }
    ).assign(**_spread(len(customer_id), draws))
    broken = frame.columns[frame.isna().any()].tolist()
    if broken:
        row = frame[frame.isna().any(axis=1)].iloc[0]
        raise ValueError(
            f"forecast: {', '.join(broken)} not a number, first for customer {row['customer_id']!r}"
        )
    return Forecast(frame=frame, tracking=tracking, draws=draws)


def block_draws(draw: DrawBlock, customers: int, seed: int) -> Callable[[slice], Draws]:
    """Turn a drawer of one block into a drawer of any rows; every block has its own stream."""

    def draws(rows: slice) -> Draws:
        start, stop, _ = rows.indices(customers)
        parts = []
        for block in range(start // BLOCK, max(stop - 1, start) // BLOCK + 1):
            first, last = block * BLOCK, min((block + 1) * BLOCK, customers)
            drawn = draw(slice(first, last), np.random.default_rng([seed, block]))
            kept = slice(max(start - first, 0), max(stop - first, 0))
            parts.append(Draws(drawn.purchases[kept], drawn.value[kept]))
        return Draws(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    return draws


def _spread(customers: int, draws: Callable[[slice], Draws]) -> dict[str, np.ndarray]:
    sd, levels = np.empty(customers), np.empty((len(QUANTILES), customers))
    for start in range(0, customers, BLOCK):
        rows = slice(start, min(start + BLOCK, customers))
        value = draws(rows).value
        sd[rows] = value.std(axis=1)
        levels[:, rows] = np.quantile(value, list(QUANTILES.values()), axis=1)
    return {"value_sd": sd, **dict(zip(QUANTILES, levels, strict=True))}
