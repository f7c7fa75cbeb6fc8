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
class Told(Protocol):
    """A fitted model that can say what it found."""

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
class Fitted(Told, Protocol[Score]):
    """A model that has seen a History and can score it, or a later one."""

    def score(self, history: History, horizon: int) -> Score:
        """Score every customer of `history` over the `horizon` days after its cut-off."""
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


class Learnt(NamedTuple):
    """What a Bayesian fit learnt, as frames whose columns `report.evidence` documents."""

    posterior: pd.DataFrame
    prior_predictive: pd.DataFrame
    forest: pd.DataFrame | None
    chains: pd.DataFrame | None
    elbo: pd.DataFrame | None
    diagnostics: pd.DataFrame | None


@runtime_checkable
class Simulates(Protocol):
    """A fitted model whose expectations are means over simulated futures."""

    @property
    def futures(self) -> int:
        """Return how many futures of each customer a mean is over."""
        ...


@runtime_checkable
class Trains(Protocol):
    """A fitted model that was trained epoch by epoch."""

    @property
    def curves(self) -> dict[str, Float[np.ndarray, " epochs"]]:
        """Return the loss by epoch, by what it is the loss of."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A fitted model that can say why it expects a value of a customer, and what it doubts."""

    def explain(self, history: History, horizon: int) -> pd.DataFrame | None:
        """Return customer_id, base, and what each kind of input adds to it (cents).

        Base and all that is added are the expected value of `score`. None of a model whose
        expectations have no such parts.
        """
        ...

    def epistemic(self, history: History, horizon: int) -> Float[np.ndarray, " customers"]:
        """Return the sd (cents) of the expected value between the members of an ensemble."""
        ...


@runtime_checkable
class Learns(Protocol):
    """A fitted model that can say what the data taught it."""

    def learnt(self, history: History) -> Learnt | None:
        """Return what was learnt from `history`; None of a fit without priors."""
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
        customers known at the cut-off in that week); and low, high, low_cumulative,
        high_cumulative: the middle 90 % of the draws of the week and of the total since the
        cut-off, missing before it. Each total of a future is shared out over the weeks in
        proportion to what is expected.
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
    spread = _spread(len(customer_id), draws)
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
    ).assign(value_sd=spread.sd, **dict(zip(QUANTILES, spread.levels, strict=True)))
    broken = frame.columns[frame.isna().any()].tolist()
    if broken:
        row = frame[frame.isna().any(axis=1)].iloc[0]
        raise ValueError(
            f"forecast: {', '.join(broken)} not a number, first for customer {row['customer_id']!r}"
        )
    weeks = _with_ends(tracking, cutoff, float(expected.purchases.sum()), spread.totals)
    return Forecast(frame=frame, tracking=weeks, draws=draws)


def _with_ends(
    tracking: pd.DataFrame,
    cutoff: dt.date,
    expected: float,
    totals: Float[np.ndarray, " draws"],
) -> pd.DataFrame:
    """Add the middle 90 % of futures to the weeks after the cut-off."""
    ahead = (tracking["week_start"] >= cutoff).to_numpy()
    weekly = tracking["expected_purchases"].to_numpy(dtype=np.float64)[ahead]
    columns = ("low", "high", "low_cumulative", "high_cumulative")
    ends = pd.DataFrame(np.nan, index=tracking.index, columns=pd.Index(columns))
    if weekly.size and expected > 0:
        shares = np.clip(weekly / expected, 0.0, 1.0)
        rest = max(1.0 - shares.sum(), 0.0)  # of the days after the last whole week
        chances = np.append(shares, rest) / (shares.sum() + rest)
        drawn = np.random.default_rng(0).multinomial(np.rint(totals).astype(np.int64), chances)
        weeks = drawn[:, :-1].astype(np.float64)
        both = (weeks, weeks.cumsum(axis=1))
        ends.loc[ahead] = np.concatenate([np.quantile(d, [0.05, 0.95], axis=0) for d in both]).T
    return pd.concat([tracking, ends], axis=1)


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


class _Spread(NamedTuple):
    """Of value: sd and quantiles by customer; of purchases: the total of all in every future."""

    sd: Float[np.ndarray, " customers"]
    levels: Float[np.ndarray, "levels customers"]
    totals: Float[np.ndarray, " draws"]


def _spread(customers: int, draws: Callable[[slice], Draws]) -> _Spread:
    sd, levels = np.empty(customers), np.empty((len(QUANTILES), customers))
    totals = np.zeros(1)
    for start in range(0, customers, BLOCK):
        rows = slice(start, min(start + BLOCK, customers))
        drawn = draws(rows)
        sd[rows] = drawn.value.std(axis=1)
        levels[:, rows] = np.quantile(drawn.value, list(QUANTILES.values()), axis=1)
        totals = totals + drawn.purchases.sum(axis=0)
    return _Spread(sd, levels, totals)
