"""Customers drawn from what BTYD models say of each one, purchase by purchase.

Nothing here is shared with the likelihoods: rates, chances to leave and the times between purchases
are drawn for every customer, and what happened is counted.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Column = Float[np.ndarray, " customers"]
Ends = tuple[float, float]
Quantities = Float[np.ndarray, " quantities"]
Rng = np.random.Generator


class History(NamedTuple):
    """Repeat purchases x, time of the last t_x, time observed T; or purchases x, their mean t_x."""

    x: Column
    t_x: Column
    T: Column


class Shop(NamedTuple):
    """A process: the 90 % interval of every quantity of its prior, and how customers come about."""

    priors: dict[str, Ends]
    draw: Callable[[Quantities, Column, Rng], History]


DAYS_PER_YEAR = 365.25

BUYS_AND_LEAVES = {
    "purchases_per_year": (3.0, 15.0),
    "rate_shape": (0.4, 1.6),
    "leave_chance": (0.1, 0.45),
    "leave_concentration": (1.5, 8.0),
}
RATES = {
    "purchases_per_year": (3.0, 15.0),
    "rate_shape": (0.4, 1.6),
    "departures_per_year": (0.4, 2.5),
    "departure_shape": (0.4, 1.6),
}
CHANCES = {
    "purchase_chance": (0.1, 0.5),
    "purchase_concentration": (1.0, 5.0),
    "leave_chance": (0.02, 0.15),
    "leave_concentration": (2.0, 12.0),
}
SPEND = {"mean_spend": (2_000.0, 8_000.0), "spend_shape": (2.0, 8.0), "spend_likeness": (1.5, 5.0)}


def drawn_from(priors: dict[str, Ends], rng: Rng) -> Quantities:
    """Draw each quantity: the log of one, the logit of a chance, is normal."""
    drawn = []
    for name, ends in priors.items():
        chance = name.endswith("_chance")
        low, high = (math.log(e / (1 - e)) if chance else math.log(e) for e in ends)
        eta = (low + high) / 2 + (high - low) / 2 / 1.6448536269514722 * rng.standard_normal()
        drawn.append(1 / (1 + math.exp(-eta)) if chance else math.exp(eta))
    return np.array(drawn)


def on_scale(priors: dict[str, Ends], quantities: Quantities) -> Quantities:
    """Return the logs of quantities a day, and the logits of chances."""
    return np.array([
        math.log(v / (1 - v)) if name.endswith("_chance")
        else math.log(v / (DAYS_PER_YEAR if name.endswith("_per_year") else 1.0))
        for name, v in zip(priors, quantities, strict=True)
    ])  # fmt: skip


def leavers(k: int, *, modified: bool) -> Callable[[Quantities, Column, Rng], History]:
    """Return who draws customers that may leave after a purchase: BG, or with `modified` MBG."""

    def draw(quantities: Quantities, T: Column, rng: Rng) -> History:
        yearly, r, chance, kappa = quantities
        rate = rng.gamma(r, k * yearly / DAYS_PER_YEAR / r, len(T))
        leave = np.maximum(rng.beta(chance * kappa, (1 - chance) * kappa, len(T)), 1e-12)
        most = rng.geometric(leave) - modified
        return _purchases(lambda n: rng.gamma(k, 1.0, n), rate, most, T, T)

    return draw


def pareto(quantities: Quantities, T: Column, rng: Rng) -> History:
    """Draw customers who may leave at any moment."""
    yearly, r, leaving, s = quantities
    rate = rng.gamma(r, yearly / DAYS_PER_YEAR / r, len(T))
    left = rng.exponential(1.0, len(T)) / rng.gamma(s, leaving / DAYS_PER_YEAR / s, len(T))
    most = np.full(len(T), np.iinfo(np.int64).max)
    return _purchases(lambda n: rng.exponential(1.0, n), rate, most, np.minimum(left, T), T)


def opportunities(quantities: Quantities, T: Column, rng: Rng) -> History:
    """Draw customers who buy or not at T // 20 opportunities, and leave before one."""
    buys, of_buying, leaves, of_leaving = quantities
    p = rng.beta(buys * of_buying, (1 - buys) * of_buying, len(T))
    theta = rng.beta(leaves * of_leaving, (1 - leaves) * of_leaving, len(T))
    n, there = np.floor(T / 20), np.ones(len(T), dtype=bool)
    x, t_x = np.zeros(len(T)), np.zeros(len(T))
    for i in range(1, int(n.max()) + 1):
        there &= (rng.random(len(T)) >= theta) & (i <= n)
        bought = there & (rng.random(len(T)) < p)
        x, t_x = x + bought, np.where(bought, i, t_x)
    return History(x, t_x, n)


def spenders(quantities: Quantities, T: Column, rng: Rng) -> History:
    """Draw repeat customers and the mean value of their purchases (cents)."""
    mean, p, likeness = quantities
    x = rng.geometric(0.3, len(T)).astype(float)
    nu = rng.gamma(likeness + 1, 1 / (mean * likeness / p), len(T))
    return History(x, rng.gamma(p * x) / nu / x, T)


SHOPS = {
    "bgnbd": Shop(BUYS_AND_LEAVES, leavers(1, modified=False)),
    "mbgnbd": Shop(BUYS_AND_LEAVES, leavers(1, modified=True)),
    "pareto_nbd": Shop(RATES, pareto),
    "bgbb": Shop(CHANCES, opportunities),
    "bgcnbd_2": Shop(BUYS_AND_LEAVES, leavers(2, modified=False)),
    "mbgcnbd_2": Shop(BUYS_AND_LEAVES, leavers(2, modified=True)),
    "gamma_gamma": Shop(SPEND, spenders),
}


def _purchases(
    gaps: Callable[[int], Column], rate: Column, most: np.ndarray, end: Column, T: Column
) -> History:
    """Let customers buy until `end`, at most so often."""
    x, t_x, at = np.zeros(len(T)), np.zeros(len(T)), np.zeros(len(T))
    going = np.flatnonzero(most > 0)
    while len(going):
        at[going] += gaps(len(going)) / rate[going]
        going = going[at[going] <= end[going]]
        x[going] += 1
        t_x[going] = at[going]
        going = going[x[going] < most[going]]
    return History(x, t_x, T)
