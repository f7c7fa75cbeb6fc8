"""An ensemble with a BG/NBD: a share of the futures is of it, the others are of the networks."""

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import AfterValidator, Field

from lifeworth.asof.split import History
from lifeworth.models.core import Draws, Expectations, Forecast, forecast
from lifeworth.models.deep.inputs import Encoder

EXPECTED = ("expected_purchases", "p_active", "expected_value")


def _borrowed(share: float, info: Any) -> float:
    """Refuse to blend where nothing is borrowed."""
    if share and not info.data.get("borrow", False):
        raise ValueError(f"{share:g} is a share of a BG/NBD that borrow=false leaves out; set 0")
    return share


Share = Annotated[float, Field(ge=0, lt=1)]
Blend = Annotated[Share, AfterValidator(_borrowed)]
"""A share of a BG/NBD; the field `borrow`, which stands before it, must be true."""


def lent_forecast(
    encoder: Encoder, history: History, horizon: int, draws: int, seed: int
) -> Forecast | None:
    """Return the forecast of the BG/NBD that the encoder borrows from; None where there is none."""
    if encoder.lender is None:
        return None
    return replace(encoder.lender, draws=draws, seed=seed).score(history, horizon)


def lent_value(
    encoder: Encoder, history: History, horizon: int
) -> Float[np.ndarray, " customers"] | None:
    """Return the value (cents) that the BG/NBD expects; None where there is none."""
    if encoder.lender is None:
        return None
    told = encoder.lender.value(history, [float(horizon)], 0.0)
    return told.drop(columns="customer_id").to_numpy(np.float64)[:, 0]


def blended(own: Forecast, other: Forecast | None, share: float) -> Forecast:
    """Mix two forecasts of the same customers: `share` of the futures and means are of `other`.

    Futures of the other stand last, the same ones for every customer, so that sums over customers
    know that one of the two models is right. P(alive) is the other's, for networks know nobody who
    leaves. Nothing is mixed where there is no other.
    """
    if other is None or not share:
        return own
    first, last = own.frame, other.frame

    def draws(rows: slice) -> Draws:
        a, b = own.draws(rows), other.draws(rows)
        size = a.value.shape[1]
        kept = size - round(size * share)
        every = np.arange(kept) * size // max(kept, 1)  # members' futures stand one after another
        return Draws(*(np.hstack([x[:, every], y[:, kept:]]) for x, y in zip(a, b, strict=True)))

    means = ((1.0 - share) * first[c].to_numpy() + share * last[c].to_numpy() for c in EXPECTED)
    purchases, active, value = means
    alive = np.maximum(last["p_alive"].to_numpy(), active)
    return forecast(
        first["customer_id"].to_numpy(dtype=object),
        int(first["horizon_days"].iloc[0]),
        first["as_of"].iloc[0],
        Expectations(purchases, alive, active, value),
        _weeks(own.tracking, other.tracking, share),
        draws,
    )


def _weeks(own: pd.DataFrame, other: pd.DataFrame, share: float) -> pd.DataFrame:
    both = own[["week_start", "expected_purchases"]].merge(
        other[["week_start", "expected_purchases"]], on="week_start", suffixes=("", "_other")
    )
    mixed = (1.0 - share) * both["expected_purchases"] + share * both["expected_purchases_other"]
    return both[["week_start"]].assign(expected_purchases=mixed)
