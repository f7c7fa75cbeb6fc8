"""From the heads of an ensemble to expectations and draws over any horizon."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lifeworth.models.core import Draws

Array = Float[np.ndarray, "members customers intervals"]


class Heads(NamedTuple):
    """What each member says of each customer's intervals (`math.Head`); value in units of money."""

    logit: Array
    extra: Array
    shape: Array
    loc: Array
    scale: Array

    def rows(self, kept: slice) -> "Heads":
        """Return the customers in the rows `kept`, in double precision."""
        return Heads(*(part[:, kept].astype(np.float64) for part in self))


class Span(NamedTuple):
    """How much of each interval a horizon holds; of the last also more than all of it.

    What comes after the last interval is taken to go on as in it.
    """

    parts: Float[np.ndarray, " intervals"]

    def pieces(self) -> Iterator[tuple[int, float]]:
        """Yield intervals and the part of each, at most 1; the last again and again."""
        for interval, part in enumerate(self.parts):
            for _ in range(int(part)):
                yield interval, 1.0
            if part % 1.0:
                yield interval, float(part % 1.0)


def span(horizons: tuple[int, ...], horizon: float) -> Span:
    """Return what a horizon holds of the intervals between `horizons`.

    Examples
    --------
    >>> span((90, 180), 135.0).parts.tolist(), span((90, 180), 270.0).parts.tolist()
    ([1.0, 0.5], [1.0, 2.0])
    """
    ends = np.array(horizons, dtype=np.float64)
    begins = np.concatenate([[0.0], ends[:-1]])
    parts = (horizon - begins) / (ends - begins)
    parts[:-1] = np.clip(parts[:-1], 0.0, 1.0)
    return Span(np.maximum(parts, 0.0))


class Means(NamedTuple):
    """By member and customer: purchases, value (units), the chance of any purchase."""

    purchases: Float[np.ndarray, "members customers"]
    value: Float[np.ndarray, "members customers"]
    active: Float[np.ndarray, "members customers"]


def means(heads: Heads, span: Span) -> Means:
    """Return expectations over the span; a part of an interval has a part of its purchases."""
    buys = _sigmoid(heads.logit)
    purchases = (buys * (1.0 + heads.extra)) @ span.parts
    value = (buys * np.exp(heads.loc + heads.scale**2 / 2)) @ span.parts
    silent = np.ones_like(purchases)
    for interval, part in span.pieces():
        silent *= 1.0 - _active(heads, buys, interval, part)
    return Means(purchases, value, 1.0 - silent)


def _active(heads: Heads, buys: Array, interval: int, part: float) -> np.ndarray:
    """Return the chance of a purchase in a part of an interval (`math.counts_active`)."""
    extra, shape = heads.extra[..., interval], heads.shape[..., interval]
    growth = shape * np.log1p(part * extra / shape)
    return buys[..., interval] * (part - (1.0 - part) * np.expm1(-growth))


def variance(heads: Heads, span: Span) -> Float[np.ndarray, "members customers"]:
    """Return each member's variance of value (units) over the span, whole intervals apart."""
    buys = _sigmoid(heads.logit)
    mean = np.exp(heads.loc + heads.scale**2 / 2)
    squared = np.exp(2.0 * heads.loc + 2.0 * heads.scale**2)
    return (buys * squared - (buys * mean) ** 2) @ span.parts


def draw(heads: Heads, span: Span, draws: int, rng: np.random.Generator) -> Draws:
    """Draw purchases and value (units): futures are shared out evenly among the members.

    Of a part of an interval each purchase of the whole falls in it by chance, with its share of the
    value.
    """
    members, customers, _ = heads.logit.shape
    who = np.arange(draws) * members // draws
    purchases, value = (np.zeros((customers, draws)) for _ in range(2))
    for interval, part in span.pieces():
        logit, extra, shape, loc, scale = (p[who, :, interval].T for p in heads)
        bought = rng.random(logit.shape) < _sigmoid(logit)
        further = rng.poisson(rng.gamma(shape, extra / shape))
        n = np.where(bought, 1.0 + further, 0.0)
        v = np.where(bought, np.exp(loc + scale * rng.standard_normal(logit.shape)), 0.0)
        if part < 1.0:
            kept = rng.binomial(n.astype(np.int64), part)
            v, n = v * np.divide(kept, n, out=np.zeros_like(n), where=n > 0), kept
        purchases, value = purchases + n, value + v
    return Draws(purchases, value)


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-logit))
