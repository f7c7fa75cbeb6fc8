"""What a fitted BG/NBD says of the future of customers; times in the unit of alpha."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from lifeworth.models.btyd.math import (
    BgNbdParams,
    bgnbd_counts_if_alive,
    bgnbd_p_active_if_alive,
    bgnbd_p_alive,
    bgnbd_purchases_if_alive,
)
from lifeworth.models.btyd.quadrature import beta_rules, nodes_needed
from lifeworth.models.btyd.statistics import Statistics, chunks, distinct
from lifeworth.models.core import Expectations

BEYOND = 1e-9
"""Probability of more purchases than are ever drawn."""


class Rules(NamedTuple):
    """The Gauss rule of Beta(a, b + x) for each distinct x, and which of them each row needs."""

    nodes: Float[np.ndarray, "distinct K"]
    weights: Float[np.ndarray, "distinct K"]
    which: Int[np.ndarray, " n"]


def rules(
    th: BgNbdParams, x: Float[np.ndarray, " n"], T: Float[np.ndarray, " n"], longest: float
) -> Rules:
    """Return rules with nodes enough for horizons up to `longest`."""
    frequencies = distinct(x)
    frequency = x[frequencies.first]
    youngest = np.full_like(frequency, np.inf)
    np.minimum.at(youngest, frequencies.which, T)
    K = nodes_needed(th.r + frequency, longest / (th.alpha + youngest))
    return Rules(*beta_rules(th.a, th.b + frequency, K), frequencies.which)


def purchases_if_alive(
    th: BgNbdParams,
    x: Float[np.ndarray, " n"],
    T: Float[np.ndarray, " n"],
    H: Float[np.ndarray, " n"],
    rule: Rules,
) -> Float[np.ndarray, " n"]:
    """Return E[purchases in (T, T + H] | alive at T]; rows times nodes are many numbers."""
    expected = np.empty_like(T)
    for rows in chunks(len(T)):
        which = rule.which[rows]
        expected[rows] = bgnbd_purchases_if_alive(
            th, x[rows], T[rows], H[rows], rule.nodes[which], rule.weights[which]
        )
    return expected


def expectations(th: BgNbdParams, stats: Statistics, H: float) -> Expectations:
    """Return what is expected of each customer over H; value is left at zero."""
    pairs = distinct(stats.x, stats.T)
    x, T = stats.x[pairs.first], stats.T[pairs.first]
    purchases_then = purchases_if_alive(th, x, T, np.full_like(T, H), rules(th, x, T, H))
    active_then = bgnbd_p_active_if_alive(th, x, T, H)
    purchases, p_alive, p_active = (np.empty_like(stats.x) for _ in range(3))
    for rows in chunks(len(stats.x)):
        alive = bgnbd_p_alive(th, stats.x[rows], stats.t_x[rows], stats.T[rows])
        pair = pairs.which[rows]
        p_alive[rows] = alive
        purchases[rows] = alive * purchases_then[pair]
        p_active[rows] = alive * active_then[pair]
    return Expectations(purchases, p_alive, p_active, value=np.zeros_like(p_alive))


def draw_purchases(
    th: BgNbdParams, stats: Statistics, H: float, draws: int, rng: np.random.Generator
) -> Float[np.ndarray, "customers draws"]:
    """Draw the number of purchases in the horizon, by inverting its exact distribution.

    A draw is the count of n with u > P(N <= n): each step looks only at the draws not yet found.
    """
    alive = bgnbd_p_alive(th, stats.x, stats.t_x, stats.T)
    chances = bgnbd_counts_if_alive(th, stats.x, stats.T, np.full_like(stats.T, H))
    upto = 1.0 - alive + alive * next(chances)
    # u stays off 1, which the sum of probabilities may miss by rounding
    u = rng.uniform(0.0, 1.0 - BEYOND, (len(alive), draws))
    counts = np.zeros(u.size)
    left = np.flatnonzero(u > upto[:, None])
    who, u = left // draws, u.ravel()[left]
    while len(left):
        counts[left] += 1
        upto = upto + alive * next(chances)
        more = np.flatnonzero(u > upto[who])
        left, who, u = left[more], who[more], u[more]
    return counts.reshape(-1, draws)


class Crowd(NamedTuple):
    """All customers of a History together, by distinct (x, T)."""

    th: BgNbdParams
    x: Float[np.ndarray, " pairs"]
    T: Float[np.ndarray, " pairs"]
    alive: Float[np.ndarray, " pairs"]
    rule: Rules

    def repeats_by(self, age: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return repeat purchases expected of one customer until that age, nothing else known."""
        zero = np.zeros_like(age)
        longest = float(age.max())
        return purchases_if_alive(self.th, zero, zero, age, rules(self.th, zero, zero, longest))

    def purchases_within(self, H: float) -> float:
        """Return the purchases expected of all in the next H, given their pasts."""
        if_alive = purchases_if_alive(self.th, self.x, self.T, np.full_like(self.T, H), self.rule)
        return float((self.alive * if_alive).sum())


def crowd(th: BgNbdParams, stats: Statistics, longest: float) -> Crowd:
    """Gather the customers for horizons up to `longest`."""
    pairs = distinct(stats.x, stats.T)
    x, T = stats.x[pairs.first], stats.T[pairs.first]
    each = bgnbd_p_alive(th, stats.x, stats.t_x, stats.T)
    alive = np.bincount(pairs.which, weights=each, minlength=len(x))
    return Crowd(th, x, T, alive, rules(th, x, T, longest))
