"""Customers who buy or not at every opportunity, and may leave before the next: the BG/BB.

Time is counted in opportunities, which all are alike: years of donations, weeks of a subscription.
At each a customer buys with probability p ~ Beta(alpha, beta); at the beginning of each they leave
for good with probability theta ~ Beta(gamma, delta). T = n opportunities come after the first
purchase, t_x is the number of the last with a purchase (0 if none), x how many had one.

Fader, Hardie and Shang (2010), Customer-base analysis in a discrete-time noncontractual setting,
Marketing Science 29.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from lifeworth.engines.likelihood import Positive
from lifeworth.models.btyd.math import log_rising
from lifeworth.models.btyd.process import Coordinate

NOTHING = 1e-18
"""Share of a sum that may be left out."""

LEAST = 1e-300
"""In place of 0, whose log is infinite."""


class BgBbParams(NamedTuple):
    """Parameters of the BG/BB: alpha, beta of purchase, gamma, delta of leaving; all positive."""

    alpha: Any
    beta: Any
    gamma: Any
    delta: Any


@dataclass(frozen=True, kw_only=True)
class BgBb:
    """The BG/BB; it has one stage. Times and horizons are whole numbers of opportunities.

    "Alive at T" is who has not left before opportunity n. The paper's "alive at n + 1" is less by
    the factor (delta + n) / (gamma + delta + n), of not leaving before the next.
    """

    @property
    def title(self) -> str:
        """Return the name of the papers."""
        return "BG/BB"

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Return the mean chances of purchase and of leaving, each before its concentration."""
        return (
            Coordinate(
                name="purchase_chance",
                link="logit",
                meaning="mean chance to buy in a period, while a customer",
            ),
            Coordinate(
                name="purchase_concentration",
                link="log",
                meaning="how alike customers' chances to buy are",
            ),
            Coordinate(
                name="leave_chance",
                link="logit",
                meaning="mean chance to leave for good before a period",
            ),
            Coordinate(
                name="leave_concentration", link="log", meaning="how alike the chances to leave are"
            ),
        )

    @property
    def meanings(self) -> dict[str, str]:
        """Return alpha, beta, gamma, delta and what they mean."""
        buying, leaving = "of the Beta of purchase in a period", "of the Beta of leaving before it"
        return {"alpha": buying, "beta": buying, "gamma": leaving, "delta": leaving}

    def params(self, eta: Any) -> BgBbParams:
        """Return alpha, beta, gamma, delta."""
        xp = eta.__array_namespace__()
        buys, leaves = (1.0 / (1.0 + xp.exp(-eta[..., i])) for i in (0, 2))
        bides, stays = (1.0 / (1.0 + xp.exp(eta[..., i])) for i in (0, 2))
        of_buying, of_leaving = (xp.exp(eta[..., i]) for i in (1, 3))
        return BgBbParams(
            buys * of_buying, bides * of_buying, leaves * of_leaving, stays * of_leaving
        )

    def eta(self, th: Any) -> Float[np.ndarray, " coordinates"]:
        """Return logit and log concentration of purchase, then of leaving."""
        odds = [th.alpha / th.beta, th.alpha + th.beta, th.gamma / th.delta, th.gamma + th.delta]
        return np.log(np.array(odds, dtype=np.float64))

    def positives(self, age: float) -> dict[str, Positive]:
        """Start from customers who buy in every second period and leave once in `age`."""
        same = "all customers are as likely to"
        return {
            "alpha": Positive(start=1.0, low=1e-4, high=1e4, ran_high=f"{same} buy"),
            "beta": Positive(
                start=1.0,
                low=1e-5,
                high=1e5,
                per="alpha",
                ran_low="everybody seems to buy in every period",
                ran_high="hardly anybody buys",
            ),
            "gamma": Positive(
                start=0.7,
                low=1e-4,
                high=1e4,
                ran_low="customers leave at once or never",
                ran_high=f"{same} leave",
            ),
            "delta": Positive(
                start=max(age, 1.0),
                low=1e-5,
                high=1e6,
                per="gamma",
                ran_low="everybody seems to leave at once",
                ran_high="nobody seems to leave, everybody is taken to be alive",
            ),
        }

    def counting(self, th: Any, x: Any) -> Any:
        """Return log Gamma(alpha + x) / Gamma(alpha)."""
        return log_rising(th.alpha, x)

    def timing(self, th: Any, x: Any, t_x: Any, T: Any) -> Any:
        """Return the log of being there until t_x, and of the silence since (equation 5)."""
        bought = log_rising(th.beta, t_x - x) - log_rising(th.alpha + th.beta, t_x)
        stayed = log_rising(th.delta, t_x) - log_rising(th.gamma + th.delta, t_x)
        p, q, gamma, d = (v + 0.0 * T for v in _chances(th, x, t_x))
        return bought + stayed + jnp.log(_silence(p, q, gamma, d, T - t_x))

    def alive(self, th: Any, x: Any, t_x: Any, T: Any) -> Float[np.ndarray, "stages ..."]:
        """Return P(alive at T), of one stage."""
        p, q, gamma, d = _chances(th, x, t_x)
        m = T - t_x
        stayed, left = np.ones(np.broadcast_shapes(*map(np.shape, (p, q, gamma, d, m)))), 0.0
        for i in range(int(np.max(m, initial=0.0))):
            inside = i < m
            left = left + np.where(inside, stayed * (gamma / (gamma + d + i)), 0.0)
            stayed = np.where(inside, stayed * _lasting(p, q, gamma, d, i), stayed)
        return (stayed / (stayed + left))[None]

    def purchases(self, th: Any, x: Any, T: Any, H: Any, stage: int) -> Float[np.ndarray, " n"]:
        """Return E[p] times the opportunities expected before leaving.

        Equation 13 less P(alive), as a sum: it has no pole at gamma = 1.
        """
        del stage
        p, q, gamma, d = _chances(th, x, T)
        there, total = np.ones_like(T), np.zeros_like(T)
        for k in range(int(np.max(H, initial=0.0))):
            there = there * ((d + k) / (gamma + d + k))
            total += np.where(k < H, there, 0.0)
        return p / (p + q) * total

    def p_active(
        self, th: Any, x: Any, T: Any, start: Any, end: Any, stage: int
    ) -> Float[np.ndarray, " n"]:
        """Return the sum over the number of the first opportunity bought at in the span."""
        del stage
        p, q, gamma, d = _chances(th, x, T)
        there, total, first = np.ones_like(T), np.zeros_like(T), p / (p + q) + 0.0 * T
        for k in range(int(np.max(end, initial=0.0))):
            there = there * ((d + k) / (gamma + d + k))
            inside = (start <= k) & (k < end)
            total += np.where(inside, there * first, 0.0)
            j = k - start  # opportunities let go by in the span
            first = np.where(inside, first * ((q + j) / (p + q + 1.0 + j)), first)
        return total

    def counts(
        self, th: Any, x: Any, T: Any, H: Any, stage: int
    ) -> Iterator[Float[np.ndarray, " n"]]:
        """Yield P(n): a beta-binomial in the opportunities before leaving, averaged over these."""
        del stage
        p, q, gamma, d, H = (np.broadcast_to(v, T.shape)[:, None] for v in (*_chances(th, x, T), H))
        k = np.arange(int(H.max(initial=0.0)) + 1.0)
        log_p = _log_lasting(gamma, d, H, k) + _log_products((q + k) / (p + q + k))
        for n in itertools.count():
            yield np.exp(log_p).sum(axis=1)
            log_p, k = log_p[:, k > n], k[k > n]  # who buys n + 1 times has that many opportunities
            log_p += np.log((k - n) / (n + 1.0) * (p + n) / (q + k - n - 1.0))

    def draw(
        self, th: Any, x: Any, T: Any, H: float, stage: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "..."]:
        """Draw the chance to leave and when; for who stays, the chance to buy and how often.

        H may be an array, and all may broadcast.
        """
        del stage
        p, q, gamma, d, most = np.broadcast_arrays(*_chances(th, x, T), H)
        leave = np.maximum(rng.beta(gamma, d), 1e-12)
        there = np.minimum(rng.geometric(leave) - 1, most.astype(np.int64))
        some, counts = np.nonzero(there), np.zeros(there.shape)
        counts[some] = rng.binomial(there[some], rng.beta(p[some], q[some]))
        return counts


def _chances(th: BgBbParams, x: Any, n: Any) -> tuple[Any, Any, Any, Any]:
    """Return the two Beta distributions of a customer who is alive at n."""
    return th.alpha + x, th.beta + n - x, th.gamma, th.delta + n


def _lasting(p: Any, q: Any, gamma: Any, d: Any, i: Any) -> Any:
    """Return P(neither leaving nor buying at opportunity i + 1 | the same at all before)."""
    return (q + i) / (p + q + i) * ((d + i) / (gamma + d + i))


@jax.custom_jvp
def _silence(p: Any, q: Any, gamma: Any, d: Any, m: Any) -> Any:
    """Return P(no purchase at m opportunities), of a customer with these Beta distributions.

    Row by row, as a loop of as many steps as the largest m needs. Its derivatives are loops too:
    reverse mode has none of unknown length, so they are handed to it ready.
    """

    def more(state: Any) -> Any:
        i, stayed, left = state
        return jnp.any((i < m) & (stayed > NOTHING * left))

    def step(state: Any) -> Any:
        i, stayed, left = state
        inside = i < m
        left = left + jnp.where(inside, stayed * (gamma / (gamma + d + i)), 0.0)
        return i + 1.0, jnp.where(inside, stayed * _lasting(p, q, gamma, d, i), stayed), left

    _, stayed, left = jax.lax.while_loop(more, step, (0.0 * m.sum(), 1.0 + 0.0 * p, 0.0 * p))
    return stayed + left


@_silence.defjvp
def _silence_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    *beta, m = primals

    def along(axis: Any) -> tuple[Any, Any]:
        steps = tuple(a + 0.0 * m for a in axis)
        return jax.jvp(lambda *b: _silence.fun(*b, m), tuple(beta), steps)

    moved, slopes = jax.vmap(along, out_axes=(None, 0))(jnp.eye(4, dtype=m.dtype))
    return moved, sum(slope * t for slope, t in zip(slopes, tangents[:4], strict=True))


def _log_products(ratios: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
    """Return the logs of the products of all ratios before each, of none first."""
    sums = np.cumsum(np.log(ratios), axis=1)
    return np.hstack([np.zeros((len(sums), 1)), sums[:, :-1]])


def _log_lasting(gamma: Any, d: Any, H: Any, k: Any) -> Float[np.ndarray, "n k"]:
    """Return log P(there at k opportunities, and no more or no more before H) by row and k."""
    there = _log_products((d + k) / (gamma + d + k))
    leaves = np.where(k < H, gamma / (gamma + d + k), np.where(k == H, 1.0, LEAST))
    return there + np.log(leaves)
