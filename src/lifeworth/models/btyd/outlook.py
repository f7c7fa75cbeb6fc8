"""What draws of a posterior say of the future, streamed: never draws by customers as a whole.

P(alive) depends on (x, t_x, T), what follows from it on (x, T) alone: a million customers over two
years of days have about 20,000 distinct (x, T). That part is a table of all draws; the rest is made
for a few hundred customers at a time. Where there are more (x, T), as of times with a fraction or
of covariates, there is a table for some of them after another.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lifeworth.models.btyd.estimate import Rows, Seen
from lifeworth.models.btyd.process import Process
from lifeworth.models.btyd.purchases import Past
from lifeworth.models.btyd.statistics import distinct
from lifeworth.models.core import QUANTILES

MANY = 8
"""Draws from which it pays to look for customers who are alike."""

CELLS = 1 << 17
"""Customers times draws that are worked on together: they stay in the cache."""

TABLE = 1 << 22
"""Cells of a table, of (x, T), stages and draws: 32 MB."""

LEVELS = tuple(QUANTILES.values())


Ahead = Callable[[tuple, np.ndarray, np.ndarray, int], np.ndarray]
"""(parameters, x, T, stage) -> what lies ahead of customers alive in that stage."""


class Span(NamedTuple):
    """A stretch of the future, (start, end] after the end of observation, in the process's unit."""

    start: float
    end: float


class Means(NamedTuple):
    """Posterior means by customer."""

    purchases: Float[np.ndarray, " customers"]
    p_alive: Float[np.ndarray, " customers"]
    p_active: Float[np.ndarray, " customers"]


class Spread(NamedTuple):
    """The posterior of expected purchases by customer: mean, sd and quantiles at LEVELS."""

    mean: Float[np.ndarray, " customers"]
    sd: Float[np.ndarray, " customers"]
    quantiles: Float[np.ndarray, "levels customers"]


class Outlook:
    """Customers of a History under draws of a posterior, over a span."""

    def __init__(self, process: Process, past: Past, seen: Seen, span: Span) -> None:
        self.process, self.seen, self.span = process, seen, span
        self.customers, first, self.which = len(past.x), slice(None), slice(None)
        group = () if seen.shared else (seen.grouped.which + 0.0,)
        if seen.draws >= MANY:
            same = distinct(*past, *group)
            self.which, first = same.which, same.first
        self.customer = np.arange(self.customers)[first]
        self.past = Past(*(column[first] for column in past))
        self.pairs = distinct(self.past.x, self.past.T, *(g[first] for g in group))

    def means(self) -> Means:
        """Return posterior means of purchases, P(alive) and P(active in the span)."""
        made = np.empty((3, len(self.customer)))
        for rows, alive, ahead, active in self._ahead(self._purchases, self._active):
            for i, factor in enumerate((ahead, 1.0, active)):
                made[i, rows] = (alive * factor).sum(axis=0).mean(axis=1)
        return Means(*made[:, self.which])

    def purchases(self) -> Float[np.ndarray, " customers"]:
        """Return the posterior mean of purchases alone."""
        made = np.empty(len(self.customer))
        for rows, alive, ahead in self._ahead(self._purchases):
            made[rows] = (alive * ahead).sum(axis=0).mean(axis=1)
        return made[self.which]

    def spread(self) -> Spread:
        """Return the posterior of expected purchases."""
        n = len(self.customer)
        mean, sd, quantiles = np.empty(n), np.empty(n), np.empty((len(LEVELS), n))
        for rows, alive, ahead in self._ahead(self._purchases):
            expected = (alive * ahead).sum(axis=0)
            mean[rows], sd[rows] = expected.mean(axis=1), expected.std(axis=1)
            quantiles[:, rows] = sorted_quantiles(np.sort(expected, axis=1))
        return Spread(mean[self.which], sd[self.which], quantiles[:, self.which])

    def counts(self, most: int) -> Float[np.ndarray, "customers counts"]:
        """Return P(n purchases in (0, end]) for n = 0 ... most, and P(more) last."""
        chances = np.zeros((len(self.customer), most + 2))
        for draw in range(self.seen.draws):
            alive = self._alive_of(draw)
            chances[:, 0] += 1.0 - alive.sum(axis=0)
            th, x, T = self._pair_rows(draw, slice(None))
            for stage, there in enumerate(alive):
                each = self.process.counts(th, x, T, np.full_like(T, self.span.end), stage)
                for n, chance in enumerate(itertools.islice(each, most + 1)):
                    chances[:, n] += there * chance[self.pairs.which]
        chances /= self.seen.draws
        chances[:, -1] = np.maximum(1.0 - chances[:, :-1].sum(axis=1), 0.0)
        return chances[self.which]

    def by_time(self, ends: Float[np.ndarray, " times"]) -> Float[np.ndarray, "times customers"]:
        """Return purchases expected by these times, at the posterior mean of the coordinates."""
        eta = self.seen.middle(self.customer[self.pairs.first])
        th, (x, _, T) = self.process.params(eta), self._of_pairs()
        alive, step = self._alive_at_middle(), max(CELLS // len(x), 1)
        made = np.zeros((len(ends), len(self.customer)))
        for start in range(0, len(ends), step):
            some = ends[start : start + step]
            # together: what a rule of quadrature costs does not depend on the horizon
            own = type(th)(*(np.tile(v, len(some)) if np.ndim(v) else v for v in th))
            age, often = np.tile(T, len(some)), np.tile(x, len(some))
            H = np.repeat(some, len(x))
            for stage, there in enumerate(alive):
                by_then = self.process.purchases(own, often, age, H, stage).reshape(len(some), -1)
                made[start : start + step] += there * by_then[:, self.pairs.which]
        return made[:, self.which]

    def _alive_at_middle(self) -> Float[np.ndarray, "stages rows"]:
        th = self.process.params(self.seen.middle(self.customer))
        return self.process.alive(th, *self.past)

    def _alive_of(self, draw: int) -> Float[np.ndarray, "stages rows"]:
        th = self.process.params(self.seen.single(draw, self.customer))
        return self.process.alive(th, *self.past)

    def _ahead(self, *of: Ahead) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield a few distinct customers; by stage, customer and draw P(alive) and each `of`."""
        step = max(CELLS // self.seen.draws, 1)
        shared = self.process.params(self.seen.block(self.customer[:1], self.seen.draws))
        for pairs, customers, which in self._blocks():
            tables = [self._table(each, pairs) for each in of]
            for start in range(0, len(customers), step):
                rows, pair = (v[start : start + step] for v in (customers, which))
                th = shared
                if not self.seen.shared:
                    th = self.process.params(self.seen.block(self.customer[rows], self.seen.draws))
                alive = self.process.alive(th, *(c[rows, None] for c in self.past))
                yield rows, alive, *(table[:, pair] for table in tables)

    def _blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield pairs whose table is not too large, their customers, and the pair of each.

        In order of x: what has few values of x needs few rules of quadrature.
        """
        most = max(TABLE // (self._stages() * self.seen.draws), 1)
        pairs = np.argsort(self._of_pairs().x, kind="stable")
        which = np.argsort(pairs)[self.pairs.which]  # places in `pairs`
        if len(pairs) <= most:
            yield pairs, np.arange(len(which)), which
            return
        customers = np.argsort(which, kind="stable")
        which = which[customers]
        for start in range(0, len(pairs), most):
            rows = slice(*np.searchsorted(which, [start, start + most]))
            yield pairs[start : start + most], customers[rows], which[rows] - start

    def _of_pairs(self) -> Past:
        return Past(*(column[self.pairs.first] for column in self.past))

    def _pair_rows(self, draw: int, pairs: Rows) -> tuple:
        first = self.pairs.first[pairs]
        eta = self.seen.single(draw, self.customer[first])
        return self.process.params(eta), self.past.x[first], self.past.T[first]

    def _table(self, of: Ahead, pairs: np.ndarray) -> Float[np.ndarray, "stages pairs draws"]:
        """Return what lies ahead of these distinct (x, T) in every stage and draw."""
        table = np.empty((self._stages(), len(pairs), self.seen.draws))
        for draw in range(self.seen.draws):
            th, x, T = self._pair_rows(draw, pairs)
            for stage in range(len(table)):
                table[stage, :, draw] = of(th, x, T, stage)
        return table

    def _stages(self) -> int:
        one = Past(*(column[:1] for column in self.past))
        eta = self.seen.single(0, self.customer[:1])
        return len(self.process.alive(self.process.params(eta), *one))

    def _purchases(self, th: tuple, x: np.ndarray, T: np.ndarray, stage: int) -> np.ndarray:
        upto = [np.full_like(T, t) for t in self.span]
        late = self.process.purchases(th, x, T, upto[1], stage)
        return late - self.process.purchases(th, x, T, upto[0], stage) if self.span.start else late

    def _active(self, th: tuple, x: np.ndarray, T: np.ndarray, stage: int) -> np.ndarray:
        start, end = (np.full_like(T, t) for t in self.span)
        return self.process.p_active(th, x, T, start, end, stage)


def sorted_quantiles(
    ascending: Float[np.ndarray, "rows draws"],
) -> Float[np.ndarray, "levels rows"]:
    """Return the quantiles at LEVELS of rows that ascend, linear between draws."""
    place = np.array(LEVELS) * (ascending.shape[1] - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, ascending.shape[1] - 1)
    low, high = ascending[:, below], ascending[:, above]
    return (low + (place - below) * (high - low)).T


def draw_counts(
    process: Process, th: tuple, past: Past, horizon: float, draws: int, rng: np.random.Generator
) -> Float[np.ndarray, "customers draws"]:
    """Draw purchases in the horizon: the stage at its beginning, then what follows.

    Parameters
    ----------
    th
        Parameters, by customer (or one row for all) and draw of the posterior, or numbers. Each of
        these draws is used as often as any other: P(alive) is the same for all its futures.
    """
    x, t_x, T = (column[:, None] for column in past)
    alive = process.alive(th, x, t_x, T)
    known = alive.shape[1:]
    drawn = np.arange(draws) * known[1] // draws
    u = rng.random((len(past.x), draws))
    counts = np.zeros(u.shape)
    below = np.zeros(known)
    for stage, there in enumerate(alive):
        upto = below + there
        which = np.nonzero((u >= below[:, drawn]) & (u < upto[:, drawn]))
        cell = which[0], drawn[which[1]]
        own = type(th)(*(np.broadcast_to(v, known)[cell] for v in th))
        counts[which] = process.draw(own, past.x[cell[0]], past.T[cell[0]], horizon, stage, rng)
        below = upto
    return counts
