"""Customers who may leave after a purchase: BG/NBD, MBG/NBD, BG/CNBD-k and MBG/CNBD-k.

A customer's clock ticks at a rate lambda ~ Gamma(r, alpha); every k-th tick is a purchase (k = 1:
a Poisson process; more: regular buyers). After a purchase the customer leaves with probability
p ~ Beta(a, b); in the modified models (MBG) also after the first one. Between two purchases a
customer has heard j = 0 ... k - 1 ticks: the stages of `Process`.

Fader, Hardie and Lee (2005), Marketing Science 24 (BG/NBD); Batislam, Denizel and Filiztekin (2007)
(MBG/NBD); Platzer and Reutterer (2016), Marketing Science 35; Reutterer, Platzer and Schröder
(2021), International Journal of Research in Marketing 38 (BG/CNBD-k and MBG/CNBD-k).
"""

import functools
import itertools
import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from lifeworth.engines.likelihood import Positive
from lifeworth.models.btyd.math import BgNbdParams, bgnbd_purchases_if_alive, log_rising
from lifeworth.models.btyd.process import DAYS_PER_YEAR, Coordinate
from lifeworth.models.btyd.quadrature import beta_rules, nodes_needed
from lifeworth.models.btyd.statistics import chunks, distinct
from lifeworth.models.btyd.sums import by_sums, purchases_by_sum

TAIL = 1e-13
"""Expected purchases beyond which a sum over counts is cut off."""

MOST_TICKS = 20_000
"""Ticks in a horizon that are ever summed over."""

LEAST = 1e-300
"""In place of 0, whose log is infinite."""


@dataclass(frozen=True, kw_only=True)
class BetaGeometric:
    """The family by its two choices; k = 1 and not modified is the BG/NBD.

    Attributes
    ----------
    k
        Ticks a purchase.
    modified
        Whether a customer may leave right after the first purchase.
    """

    k: int = 1
    modified: bool = False

    @property
    def title(self) -> str:
        """Return the name of the papers."""
        return f"{'M' if self.modified else ''}BG/{f'CNBD-{self.k}' if self.k > 1 else 'NBD'}"

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Return mean rate of purchase, its shape, mean chance to leave and its concentration."""
        return (
            Coordinate(
                name="purchases_per_year",
                link="log",
                unit=DAYS_PER_YEAR,
                meaning="purchases a year of the mean customer, while a customer",
            ),
            Coordinate(name="rate_shape", link="log", meaning="how alike customers' rates are"),
            Coordinate(
                name="leave_chance",
                link="logit",
                meaning="mean chance to leave for good after a purchase",
            ),
            Coordinate(
                name="leave_concentration", link="log", meaning="how alike these chances are"
            ),
        )

    @property
    def meanings(self) -> dict[str, str]:
        """Return r, alpha, a, b and what they mean."""
        of_rates = "of the customers' purchase rates" if self.k == 1 else "of the rates of ticks"
        of_leaving = "of the Beta of drop-out after a purchase"
        return {
            "r": f"shape {of_rates}",
            "alpha": f"rate {of_rates} (time)",
            "a": of_leaving,
            "b": of_leaving,
        }

    def params(self, eta: Any) -> BgNbdParams:
        """Return r, alpha, a, b."""
        xp = eta.__array_namespace__()
        rate, r, kappa = (xp.exp(eta[..., i]) for i in (0, 1, 3))
        leaves, stays = (1.0 / (1.0 + xp.exp(side * eta[..., 2])) for side in (-1.0, 1.0))
        return BgNbdParams(r, r / (self.k * rate), leaves * kappa, stays * kappa)

    def eta(self, th: Any) -> Float[np.ndarray, " coordinates"]:
        """Return log rate, log r, logit mean drop-out, log concentration."""
        rate = th.r / (self.k * th.alpha)
        return np.log(np.array([rate, th.r, th.a / th.b, th.a + th.b], dtype=np.float64))

    def positives(self, age: float) -> dict[str, Positive]:
        """Start from a shop like the papers', whose customers buy once in the mean age."""
        alpha = age / self.k
        return {
            "r": Positive(start=0.5, low=1e-4, high=1e4, ran_high="all customers buy at one rate"),
            "alpha": Positive(
                start=alpha,
                low=1e-6 * alpha,
                high=1e6 * alpha,
                per="r",
                ran_high="hardly anybody buys",
            ),
            "a": Positive(
                start=0.8,
                low=1e-4,
                high=1e4,
                ran_low="customers leave at once or never",
                ran_high="all customers are as likely to leave",
            ),
            "b": Positive(
                start=3.0,
                low=1e-5,
                high=1e5,
                per="a",
                ran_low="everybody seems to leave at once",
                ran_high="nobody seems to leave, everybody is taken to be alive",
            ),
        }

    def counting(self, th: Any, x: Any) -> Any:
        """Return log Gamma(r + k x) / Gamma(r) B(a, b + x + m) / B(a, b).

        m is 1 in the modified models. What the regular models' density has besides depends on no
        parameter (`tick_constant`).
        """
        stayed = x + self.modified
        rates = log_rising(th.r, self.k * x)
        return rates + log_rising(th.b, stayed) - log_rising(th.a + th.b, stayed)

    def timing(self, th: Any, x: Any, t_x: Any, T: Any) -> Any:
        """Return the log of the sum of having left and of every stage of having stayed.

        With alpha^r in it: r log(alpha) and r log(alpha + t_x) apart would cancel, with all digits.
        """
        left, stages = self._terms(th, x, t_x, T)
        since = -th.r * jnp.log1p(t_x / th.alpha) - self.k * x * jnp.log(th.alpha + t_x)
        stayed = functools.reduce(jnp.logaddexp, stages)
        whole = jnp.logaddexp(left, stayed)
        return since + (whole if self.modified else jnp.where(x > 0, whole, stayed))

    def alive(self, th: Any, x: Any, t_x: Any, T: Any) -> Float[np.ndarray, "stages ..."]:
        """Return P(alive with j ticks heard); the BG models' x = 0 cannot have left."""
        left, stages = self._terms(th, x, t_x, T)
        if not self.modified:
            left = np.where(x > 0, left, -np.inf)
        if self.k == 1:
            return _sigmoid(stages[0] - left)[None]
        most = np.maximum(left, np.max(stages, axis=0))
        weights = np.exp(np.stack(stages) - most)
        return weights / (np.exp(left - most) + weights.sum(axis=0))

    def purchases(self, th: Any, x: Any, T: Any, H: Any, stage: int) -> Float[np.ndarray, " n"]:
        """Return E[purchases]: by Gauss-Jacobi quadrature over p for k = 1, else by summing.

        By summing for k = 1, too, where hardly any two rows have a rule in common.
        """
        if self.k > 1:
            return self._summed(th, x, T, H, stage)
        past = th, x, T, H + 0.0 * T
        if _alone(th):
            return _by_sums(self._few_purchases, self._purchases_by_quadrature, *past)
        return self._purchases_by_quadrature(*past)

    def p_active(
        self, th: Any, x: Any, T: Any, start: Any, end: Any, stage: int
    ) -> Float[np.ndarray, " n"]:
        """Return P(a purchase in (T + start, T + end]); nobody leaves but after a purchase."""
        start, end = start + 0.0 * T, end + 0.0 * T
        if self.k > 1:
            return self._active_by_ticks(th, x, T, start, end, stage)
        if not start.any():
            return -np.expm1(-(th.r + x) * np.log1p(end / (th.alpha + T)))
        past = th, x, T, start, end
        if _alone(th):
            return _by_sums(self._active_by_ticks, self._active_by_quadrature, *past)
        return self._active_by_quadrature(*past)

    def counts(
        self, th: Any, x: Any, T: Any, H: Any, stage: int
    ) -> Iterator[Float[np.ndarray, " n"]]:
        """Yield P(n) = P(K = n) P(G > n) + P(K >= n) P(G = n).

        K purchases if nothing stopped the customer, who leaves after the G-th.
        """
        ticks = _ticks(self._ticked(th, x, stage), th.alpha + T, H + 0.0 * T)
        at_least, before = np.ones_like(T), np.ones_like(T)
        for n, stays in enumerate(self._staying(th, x)):
            exactly = _next(ticks, self.k - (stage if n == 0 else 0))
            yield exactly * stays + at_least * (before - stays)
            at_least, before = np.maximum(at_least - exactly, 0.0), stays

    def draw(
        self, th: Any, x: Any, T: Any, H: float, stage: int, rng: np.random.Generator
    ) -> Float[np.ndarray, " n"]:
        """Draw rate and ticks; where there is a purchase, the chance to leave and when."""
        rate = rng.standard_gamma(th.r + self.k * x + stage) / (th.alpha + T)
        possible = (rng.poisson(rate * H) + stage) // self.k
        some = np.flatnonzero(possible)
        a, b = (np.broadcast_to(v, possible.shape)[some] for v in (th.a, th.b + x + self.modified))
        leave = np.maximum(rng.beta(a, b), 1e-12)
        counts = possible.astype(np.float64)
        counts[some] = np.minimum(counts[some], rng.geometric(leave))
        return counts

    def _terms(self, th: Any, x: Any, t_x: Any, T: Any) -> tuple[Any, list[Any]]:
        """Return the logs of having left and of each stage of having stayed.

        Both over Gamma(r + k x) (alpha / (alpha + t_x))^(r + k x) B(a, b + x + m) and constants.
        Where x = 0 in the BG models the first is finite and means nothing.
        """
        xp = x.__array_namespace__()
        s = th.r + self.k * x
        stayed = x if self.modified else xp.maximum(x, 1.0) - 1.0
        silence = T - t_x
        stages = [-s * xp.log1p(silence / (th.alpha + t_x))]
        for j in range(1, self.k):
            # of the quotient, which may be too small for a float, the gradient would be NaN
            share = xp.log(xp.maximum(silence, LEAST)) - xp.log(th.alpha + T)
            stages.append(stages[-1] + xp.log((s + (j - 1.0)) / j) + share)
        return xp.log(th.a / (th.b + stayed)) + 0.0 * s, stages

    def _ticked(self, th: Any, x: Any, stage: int) -> Any:
        return th.r + self.k * x + stage

    def _staying(self, th: Any, x: Any) -> Iterator[Any]:
        """Yield E[(1 - p)^n] for n = 0, 1, ...: P(still there after n more purchases)."""
        b = th.b + x + self.modified
        stays = np.ones_like(b)
        for n in itertools.count():
            yield stays
            stays = stays * ((b + n) / (th.a + b + n))

    def _summed(self, th: Any, x: Any, T: Any, H: Any, stage: int) -> Float[np.ndarray, " n"]:
        """Return the sum over n > 0 of P(n or more purchases if nothing stops them) P(G >= n)."""
        ticks = _ticks(self._ticked(th, x, stage), th.alpha + T, H + 0.0 * T)
        at_least, total = np.ones_like(T), np.zeros_like(T)
        for n, stays in enumerate(self._staying(th, x)):
            heard = self.k - (stage if n == 0 else 0)
            at_least = np.maximum(at_least - _next(ticks, heard), 0.0)
            total += at_least * stays
            if n * self.k > MOST_TICKS or (at_least < TAIL).all():
                break
        return total

    def _few_purchases(self, th: Any, x: Any, T: Any, H: Any) -> Float[np.ndarray, " n"]:
        return purchases_by_sum(th, x, th.b + x + self.modified, T, H)

    def _purchases_by_quadrature(self, th: Any, x: Any, T: Any, H: Any) -> Float[np.ndarray, " n"]:
        expected, rule = np.empty_like(T), self._rule(th, x, T, H)
        for rows in chunks(len(T)):
            which = rule.which[rows]
            expected[rows] = bgnbd_purchases_if_alive(
                _rows(th, rows), x[rows], T[rows], H[rows], rule.nodes[which], rule.weights[which]
            )
        return expected

    def _active_by_ticks(
        self, th: Any, x: Any, T: Any, start: Any, end: Any, stage: int = 0
    ) -> Float[np.ndarray, " n"]:
        """Sum over the ticks before the span; who leaves in it has bought in it."""
        s, A = self._ticked(th, x, stage), th.alpha + T
        staying = self._staying(th, x)
        stays, active, rest = next(staying), np.zeros_like(T), np.ones_like(T)
        for m, before in enumerate(_ticks(s, A, start)):
            full = (stage + m) % self.k
            stays = next(staying) if m and full == 0 else stays
            none = _next(_ticks(s + m, A + start, end - start), self.k - full)
            active += before * stays * (1.0 - none)
            rest = rest - before
            if m > MOST_TICKS or (rest < TAIL).all():
                break
        return active

    def _active_by_quadrature(
        self, th: Any, x: Any, T: Any, start: Any, end: Any
    ) -> Float[np.ndarray, " n"]:
        """Return E over p of the chance to be there at `start` and to buy before `end`."""
        active, rule = np.empty_like(T), self._rule(th, x, T, end)
        for rows in chunks(len(T)):
            th_, s = _rows(th, rows), (th.r + x)[rows, None]
            which = rule.which[rows]
            A = (th_.alpha + T[rows])[:, None]
            gone = rule.nodes[which] * start[rows, None]  # e^(-lambda p start): still there
            more = np.log1p((end - start)[rows, None] / (A + gone))
            lasting = np.exp(-s * np.log1p(gone / A)) * -np.expm1(-s * more)
            active[rows] = (rule.weights[which] * lasting).sum(axis=1)
        return active

    def _rule(self, th: Any, x: Any, T: Any, longest: Any) -> "_Rule":
        a, b = np.broadcast_arrays(th.a, th.b + x + self.modified)
        same = distinct(b) if np.ndim(th.a) == 0 else distinct(a, b)
        K = nodes_needed(*_corners(th.r + x, longest / (th.alpha + T)))
        nodes, weights = beta_rules(a[same.first], b[same.first], K)
        return _Rule(nodes, weights, same.which)


@dataclass(frozen=True)
class _Rule:
    """Gauss rules of distinct Beta distributions, and which of them each row needs."""

    nodes: Float[np.ndarray, "distinct K"]
    weights: Float[np.ndarray, "distinct K"]
    which: np.ndarray


def tick_constant(k: int, x: Any, log_gaps: Any) -> Any:
    """Return what the density of regular purchases has besides the parameters.

    (k - 1) times the sum of logs of the times between purchases, less x log Gamma(k): it makes the
    likelihoods of different k comparable.
    """
    return (k - 1.0) * log_gaps - x * math.lgamma(k)


def _ticks(s: Any, A: Any, H: Any) -> Iterator[Any]:
    """Yield P(m ticks in H) for m = 0, 1, ...: negative binomial, the rate being Gamma(s, A)."""
    log_p, log_z = -s * np.log1p(H / A), np.log(np.maximum(H, LEAST) / (A + H))
    for m in itertools.count():
        yield np.exp(log_p)
        log_p = log_p + np.log((s + m) / (m + 1.0)) + log_z


def _next(terms: Iterator[Any], n: int) -> Any:
    """Return the sum of the next n terms."""
    return functools.reduce(operator.add, itertools.islice(terms, n))


def _sigmoid(z: Any) -> Any:
    e = np.exp(-np.abs(z))
    return np.where(z > 0, 1.0, e) / (1.0 + e)


def _alone(th: BgNbdParams) -> bool:
    """Say whether hardly any two rows have the chance to leave in common, as covariates make it."""
    return np.ndim(th.a) > 0 and 2 * len(distinct(th.a + 0.0).first) > len(th.a)


def _by_sums(summed: Any, ruled: Any, th: BgNbdParams, x: Any, T: Any, *ends: Any) -> Any:
    """Return what `by_sums` does of functions of (th, x, T, *ends)."""

    def of(part: Any) -> Any:
        return lambda rows: part(_rows(th, rows), *(v[rows] for v in (x, T, *ends)))

    return by_sums(th.r + x, ends[0] / (th.alpha + T), of(summed), of(ruled))


def _rows(th: BgNbdParams, rows: Any) -> BgNbdParams:
    return BgNbdParams(*(v if np.ndim(v) == 0 else v[rows] for v in th))


def _corners(s: Any, c: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return for each of a few classes of s the largest s and c: enough to count nodes by."""
    s, c = np.broadcast_arrays(s, c)
    bin_ = np.minimum(np.log2(np.maximum(s, 1e-3)) + 10.0, 31.0).astype(np.int64)
    most_s, most_c = np.zeros(32), np.full(32, 1e-6)  # not 0: a horizon may be
    np.maximum.at(most_s, bin_, s)
    np.maximum.at(most_c, bin_, c)
    there = most_s > 0
    return most_s[there], most_c[there]
