"""How cautiously an uncertain gain is counted: winsorised, or by the bad end of its draws."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from lifeworth.tables.errors import InputError

Customers = Float[np.ndarray, " customers"]
"""A number of each customer."""

Drawer = Callable[[slice], Float[np.ndarray, "rows draws"]]
"""Equally likely values (cents) of the customers in a slice of rows."""

BLOCK = 2_048
"""Customers whose draws are held at once."""


@dataclass(frozen=True, kw_only=True)
class Caution:
    """How a gain is counted when customers are chosen.

    Attributes
    ----------
    winsorise
        Gains above this quantile of all gains count as that quantile (0.95: P95). None: as they
        are. Where all costs are equal it changes nobody's place, only ties (`decide.target`).
    risk
        mean: the expected gain. quantile: the quantile `share` of its draws. cvar: the mean of the
        worst `share` of its draws (conditional value at risk; Rockafellar and Uryasev 2002), which
        unlike the quantile sees how bad the worst are. Both look at one customer alone: they leave
        out that the chances of many customers average out, so that draws of what is *expected* of
        a customer (a posterior) are often the better ones to give.
    share
        Of quantile and cvar.

    Raises
    ------
    InputError
        If winsorise is not in (0, 1], or share not in (0, 1).
    """

    winsorise: float | int | None = 0.95
    risk: Literal["mean", "quantile", "cvar"] = "mean"
    share: float | int = 0.1

    def __post_init__(self) -> None:
        if self.winsorise is not None and not 0 < self.winsorise <= 1:
            raise InputError(
                f"target: winsorise is {self.winsorise}; give a quantile above 0 and at most 1, "
                "for example 0.95, or none"
            )
        if not 0 < self.share < 1:
            raise InputError(
                f"target: the share of {self.risk} is {self.share}; it lies between 0 and 1, "
                "for example 0.1"
            )


def lower(
    draws: Float[np.ndarray, "customers draws"], caution: Caution
) -> Float[np.ndarray, " customers"]:
    """Return the number that stands for the draws of each customer.

    The worst share of draws need not be a whole number of them: the last one counts in part.
    """
    if caution.risk == "mean":
        return draws.mean(axis=1)
    if caution.risk == "quantile":
        return np.quantile(draws, caution.share, axis=1)
    worst = caution.share * draws.shape[1]
    whole = int(worst)
    ordered = np.partition(draws, whole, axis=1)[:, : whole + 1]
    return (ordered[:, :whole].sum(axis=1) + (worst - whole) * ordered[:, whole]) / worst


def cautious_gain(draws: Drawer, uplift: Customers, caution: Caution) -> Customers:
    """Return the cautious gain (cents) of each customer from draws of their value.

    The bad end is that of the gain: where uplift is negative, that of high values.

    Raises
    ------
    InputError
        If there are no draws, or not those of every customer, or one is not finite.
    """
    n = len(uplift)
    gains = np.empty(n)
    for start in range(0, n, BLOCK):
        rows = slice(start, min(start + BLOCK, n))
        drawn = draws(rows)
        _check_draws(drawn, rows)
        gains[rows] = lower(uplift[rows, None] * drawn, caution)
    return gains


def winsorised(gains: Customers, quantile: float | int | None) -> tuple[Customers, float | None]:
    """Return the gains cut at one of their quantiles, and that quantile (None: uncut)."""
    if quantile is None:
        return gains, None
    cap = float(np.quantile(gains, quantile))
    return np.minimum(gains, cap), cap


def _check_draws(drawn: Float[np.ndarray, "rows draws"], rows: slice) -> None:
    wanted = rows.stop - rows.start
    if len(drawn) != wanted or drawn.shape[1] == 0:
        raise InputError(
            f"target: {len(drawn):,} customers with {drawn.shape[1]:,} draws of value where "
            f"{wanted:,} customers are from row {rows.start:,} on; give every customer draws, "
            "in the order of customers"
        )
    bad = np.flatnonzero(~np.isfinite(drawn).all(axis=1))
    if len(bad):
        raise InputError(
            f"target: {len(bad):,} of {len(drawn):,} customers have a draw of value that is not "
            f"finite, first in row {rows.start + bad[0]:,}; score these customers again"
        )
