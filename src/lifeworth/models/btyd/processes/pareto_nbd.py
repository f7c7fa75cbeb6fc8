"""Customers who may leave at any time: the Pareto/NBD.

While a customer they buy at a rate lambda ~ Gamma(r, alpha), a Poisson process; they leave at a
rate mu ~ Gamma(s, beta), whether they buy or not. All that is asked of the model comes down to one
integral, of (1 + v/A)^-p (1 + v/B)^-q over a span of time.

Schmittlein, Morrison and Colombo (1987), Counting your customers, Management Science 33; Fader and
Hardie (2005), A note on deriving the Pareto/NBD model, brucehardie.com/notes/009.
"""

import itertools
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from lifeworth.engines.likelihood import Positive
from lifeworth.models.btyd.math import log_rising
from lifeworth.models.btyd.process import DAYS_PER_YEAR, Coordinate

FAR = 45.0
"""Decay in the log, beyond which nothing is left to integrate."""

LONGEST = 60.0
"""Log of a span over A or B, beyond which there is no customer."""

LEAST = 1e-300
"""In place of 0, whose log is infinite."""

MOST_NODES = 512


class ParetoNbdParams(NamedTuple):
    """Parameters of the Pareto/NBD: r, alpha (time), s, beta (time); all positive."""

    r: Any
    alpha: Any
    s: Any
    beta: Any


@dataclass(frozen=True, kw_only=True)
class ParetoNbd:
    """The Pareto/NBD; it has one stage, and customers of whom x = 0 may have left too."""

    @property
    def title(self) -> str:
        """Return the name of the papers."""
        return "Pareto/NBD"

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Return the mean rates of purchase and of departure, each before its shape."""
        return (
            Coordinate(
                name="purchases_per_year",
                link="log",
                unit=DAYS_PER_YEAR,
                meaning="purchases a year of the mean customer, while a customer",
            ),
            Coordinate(name="rate_shape", link="log", meaning="how alike customers' rates are"),
            Coordinate(
                name="departures_per_year",
                link="log",
                unit=DAYS_PER_YEAR,
                meaning="mean rate a year of leaving for good",
            ),
            Coordinate(
                name="departure_shape", link="log", meaning="how alike the rates of leaving are"
            ),
        )

    @property
    def meanings(self) -> dict[str, str]:
        """Return r, alpha, s, beta and what they mean."""
        return {
            "r": "shape of the customers' purchase rates",
            "alpha": "rate of the customers' purchase rates (time)",
            "s": "shape of the customers' rates of leaving",
            "beta": "rate of the customers' rates of leaving (time)",
        }

    def params(self, eta: Any) -> ParetoNbdParams:
        """Return r, alpha, s, beta."""
        xp = eta.__array_namespace__()
        rate, r, leaving, s = (xp.exp(eta[..., i]) for i in range(4))
        return ParetoNbdParams(r, r / rate, s, s / leaving)

    def eta(self, th: Any) -> Float[np.ndarray, " coordinates"]:
        """Return the logs of the mean rate, r, the mean rate of leaving, s."""
        return np.log(np.array([th.r / th.alpha, th.r, th.s / th.beta, th.s], dtype=np.float64))

    def positives(self, age: float) -> dict[str, Positive]:
        """Start from a shop like the papers', whose customers buy and leave about once in `age`."""
        low, high = 1e-6 * age, 1e6 * age
        return {
            "r": Positive(start=0.5, low=1e-4, high=1e4, ran_high="all customers buy at one rate"),
            "alpha": Positive(
                start=age, low=low, high=high, per="r", ran_high="hardly anybody buys"
            ),
            "s": Positive(
                start=0.5,
                low=1e-4,
                high=1e4,
                ran_low="customers leave at once or never",
                ran_high="all customers leave at one rate",
            ),
            "beta": Positive(
                start=age,
                low=low,
                high=high,
                per="s",
                ran_low="everybody seems to leave at once",
                ran_high="nobody seems to leave, everybody is taken to be alive",
            ),
        }

    def counting(self, th: Any, x: Any) -> Any:
        """Return log Gamma(r + x) / Gamma(r)."""
        return log_rising(th.r, x)

    def timing(self, th: Any, x: Any, t_x: Any, T: Any) -> Any:
        """Return the log of alpha^r and the sum of having stayed and of having left after t_x.

        Both are taken relative to what they would be with T = t_x, where the first is 1: so their
        sum has a log with a finite gradient everywhere.
        """
        stayed, left = _since(th, x, t_x, T)
        shapes = th.r * jnp.log1p(t_x / th.alpha) + th.s * jnp.log1p(t_x / th.beta)
        return jnp.log(stayed + left) - shapes - x * jnp.log(th.alpha + t_x)

    def alive(self, th: Any, x: Any, t_x: Any, T: Any) -> Float[np.ndarray, "stages ..."]:
        """Return P(alive at T), of one stage."""
        stayed, left = _since(th, x, t_x, T)
        return (stayed / (stayed + left))[None]

    def purchases(self, th: Any, x: Any, T: Any, H: Any, stage: int) -> Float[np.ndarray, " n"]:
        """Return (r + x) / (alpha + T) times the time expected to be spent as a customer.

        Note 009, equation 41 less P(alive), in a form without its pole at s = 1.
        """
        del stage
        B = th.beta + T
        L = np.log1p(H / B)
        z = (1.0 - th.s) * L
        growth = np.where(z == 0.0, 1.0, np.expm1(z) / np.where(z == 0.0, 1.0, z))
        return (th.r + x) / (th.alpha + T) * B * L * growth

    def p_active(
        self, th: Any, x: Any, T: Any, start: Any, end: Any, stage: int
    ) -> Float[np.ndarray, " n"]:
        """Return the integral over the moment of the first purchase in the span."""
        del stage
        p, A, B = th.r + x, th.alpha + T, th.beta + T
        there = np.exp(-th.s * np.log1p(start / B))
        later = end - start + 0.0 * T
        return there * p / A * _integral(p + 1.0, A, th.s + 0.0 * T, B + start, later)

    def counts(
        self, th: Any, x: Any, T: Any, H: Any, stage: int
    ) -> Iterator[Float[np.ndarray, " n"]]:
        """Yield P(n): a negative binomial in the time until leaving, averaged over that time.

        By as many Gauss-Legendre nodes as the narrowest of the rows needs.
        """
        del stage
        p, A, B, s, H = np.broadcast_arrays(th.r + x, th.alpha + T, th.beta + T, th.s, H)
        time, log_weight = _departures(_nodes_needed(p + s, H / np.minimum(A, B)), A, B, s, H)
        log_k = log_weight - p[:, None] * np.log1p(time / A[:, None])
        log_z = np.log(np.maximum(time, LEAST) / (A[:, None] + time))
        for n in itertools.count():
            yield np.exp(log_k).sum(axis=1)
            log_k += log_z + np.log((p + n) / (n + 1.0))[:, None]

    def draw(
        self, th: Any, x: Any, T: Any, H: float, stage: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "..."]:
        """Draw rate and purchases; where there are any, the time until leaving and which it lets.

        That time is (beta + T) (e^(E/s) - 1) with E a standard exponential, mu averaged out.
        """
        del stage
        rate = rng.standard_gamma(th.r + x, np.broadcast(th.r, x, T).shape) / (th.alpha + T)
        counts = np.asarray(rng.poisson(rate * H), dtype=np.float64)
        some = np.nonzero(counts)
        s, B, H_ = (np.broadcast_to(v, counts.shape)[some] for v in (th.s, th.beta + T, H))
        time = B * np.expm1(np.minimum(rng.standard_exponential(B.shape) / s, LONGEST))
        counts[some] = rng.binomial(counts[some].astype(np.int64), np.minimum(time / H_, 1.0))
        return counts


def _since(th: ParetoNbdParams, x: Any, t_x: Any, T: Any) -> tuple[Any, Any]:
    """Return how likely silence since t_x is: as a customer until T, and having left before.

    Given lambda and mu of who was a customer at t_x: Gamma(r + x, A) and Gamma(s, B).
    """
    xp = x.__array_namespace__()
    p, A, B, silence = th.r + x, th.alpha + t_x, th.beta + t_x, T - t_x
    stayed = xp.exp(-p * xp.log1p(silence / A) - th.s * xp.log1p(silence / B))
    s = th.s + 0.0 * A
    return stayed, s / B * _integral(p, A, s + 1.0, B, silence)


def _integral(p: Any, A: Any, q: Any, B: Any, h: Any) -> Any:
    """Return the integral over v in (0, h) of (1 + v/A)^-p (1 + v/B)^-q.

    Gauss-Legendre in y = log(1 + v/m) with m the smaller of A and B: the integrand's branch points
    are then pi away from the real line. It ends where the integrand has: 32 nodes are too few for
    many decays. NumPy arrays may broadcast; JAX arrays have one shape.
    """
    xp = h.__array_namespace__()
    m = xp.minimum(A, B)
    ends = [
        b * xp.expm1(xp.minimum(FAR / a, xp.full_like(a, LONGEST))) for a, b in ((p, A), (q, B))
    ]
    Y = xp.log1p(reduce(xp.minimum, ends, h) / m)
    if xp is np:  # node by node, as there may be many customers and draws
        return m * Y * reduce(operator.add, (w * _at(Y * z, m, p, A, q, B) for z, w in RULE))
    return m * Y * _sum(Y, m, p, A, q, B)


@partial(jax.checkpoint, prevent_cse=False)  # a million rows would keep gigabytes for the gradient
def _sum(*columns: Any) -> Any:
    """Return the sum over the nodes (JAX)."""
    z, w = (np.reshape(v, (1,) * columns[0].ndim + (-1,)) for v in zip(*RULE, strict=True))
    Y, *rest = (v[..., None] for v in columns)
    return (w * _at(Y * z, *rest)).sum(axis=-1)


def _at(y: Any, m: Any, p: Any, A: Any, q: Any, B: Any) -> Any:
    """Return the integrand in y."""
    xp = y.__array_namespace__()
    v = m * xp.expm1(y)
    return xp.exp(y - p * xp.log1p(v / A) - q * xp.log1p(v / B))


def _rule(K: int) -> tuple[Float[np.ndarray, " {K}"], Float[np.ndarray, " {K}"]]:
    """Return nodes and weights of the K-point Gauss-Legendre rule of (0, 1)."""
    z, w = np.polynomial.legendre.leggauss(K)
    return (z + 1.0) / 2.0, w / 2.0


RULE = [(float(z), float(w)) for z, w in zip(*_rule(32), strict=True)]


def _nodes_needed(p: Float[np.ndarray, " n"], c: Float[np.ndarray, " n"]) -> int:
    """Return how many nodes in y tell a count from the next, for the worst of the rows.

    A count pins log time down to p^-1/2 or less; on a span of Y that many K-point rules err by
    about exp(-(2 K / Y)^2 / p), and by exp(-K^2 4 / (p Y)) for a mere decay.
    """
    Y = np.log1p(c)
    width = p * Y * np.maximum(Y, 1.0)
    return min(int(24.0 + 3.5 * np.sqrt(width.max(initial=0.0))), MOST_NODES)


def _departures(
    K: int,
    A: Float[np.ndarray, " n"],
    B: Float[np.ndarray, " n"],
    s: Float[np.ndarray, " n"],
    H: Float[np.ndarray, " n"],
) -> tuple[Float[np.ndarray, "n {K}+1"], Float[np.ndarray, "n {K}+1"]]:
    """Return times of leaving, the last of them H (who stays), and the logs of their weights."""
    z, w = _rule(K)
    m = np.minimum(A, B)[:, None]
    Y = np.log1p(H[:, None] / m)
    time = np.hstack([m * np.expm1(Y * z), H[:, None]])
    log_weight = -s[:, None] * np.log1p(time / B[:, None])
    leaving = s[:, None] * np.maximum(Y, LEAST) * w
    log_weight[:, :-1] += np.log(leaving * (m + time[:, :-1]) / (B[:, None] + time[:, :-1]))
    return time, log_weight
