"""What a network sees of customers: their last events and what is known of them, as numbers."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from lifeworth.asof.attributes import categories
from lifeworth.asof.features import features
from lifeworth.asof.sequence import PURCHASE, Sequences, read_part, spill, tally
from lifeworth.asof.split import History
from lifeworth.asof.summary import epoch_day
from lifeworth.models.btyd.fitted import FittedBtyd
from lifeworth.models.core import fitted
from lifeworth.models.deep.borrowed import BORROWED, base_of, borrowed, lent

CLOCK = ("days_since_last", "age_days", "frequency")
"""Features that every network has: how long a customer has been silent, says no event."""

CHANNELS = ("gap", "value", "season_sin", "season_cos")
"""Numbers of an event."""

MOST_KINDS, MOST_CATEGORIES = 16, 24
"""Kinds of events and categories of products that are told apart, the most frequent first."""

STREAMED = 65_536
"""Customers whose events are in memory at once."""

DAYS_PER_YEAR = 365.2425

DIGITS = 6
"""Decimals of money over the mean purchase, so that the currency leaves no trace in them."""


class Inputs(NamedTuple):
    """Customers in rows; events are flat, oldest first, and customer i's begin at start[i].

    `kind` and `category` are 0 for what the fit has not met; `base` is where heads begin
    (`borrowed.base_of`).
    """

    start: Int[np.ndarray, " customers"]
    length: Int[np.ndarray, " customers"]
    numbers: Float[np.ndarray, "events channels"]
    kind: Int[np.ndarray, " events"]
    category: Int[np.ndarray, " events"]
    clock: Float[np.ndarray, "customers clock"]
    wide: Float[np.ndarray, "customers columns"]
    base: Float[np.ndarray, "customers intervals 5"]

    @property
    def customers(self) -> int:
        """Return how many customers there are."""
        return len(self.start)

    def rows(self, which: slice) -> "Inputs":
        """Return some customers; what is told of them is not copied."""
        own = ("start", "length", "clock", "wide", "base")
        return self._replace(**{name: getattr(self, name)[which] for name in own})


@fitted
class Encoder:
    """How events and features become numbers; learnt from a History.

    Attributes
    ----------
    most
        Events that are read of a customer, the last ones.
    unit
        Mean value (cents) of a purchase: money enters in units of it.
    kinds, categories
        That are told apart, from code 1 on.
    columns, centre, spread
        Names of the wide numbers, and what makes them standard.
    levels
        Of each static column: one indicator each.
    horizons
        Ends of the intervals that are forecast, in days.
    borrows
        Whether forecasts of a BG/NBD are wide features, and where heads begin.
    lender
        That BG/NBD; None where there was nothing to fit it to.
    nobody
        Where the heads of who has no history begin: the mean of all customers.
    middle
        The wide columns of somebody in the middle: 0, and the shares of the levels.
    shuffled
        Whether events are put in an order of chance.
    """

    most: int
    unit: float
    kinds: tuple[str, ...]
    categories: tuple[str, ...]
    columns: tuple[str, ...]
    centre: np.ndarray
    spread: np.ndarray
    levels: dict[str, tuple[str, ...]]
    horizons: tuple[int, ...]
    borrows: bool
    lender: FittedBtyd | None
    nobody: np.ndarray
    middle: np.ndarray
    shuffled: bool

    @property
    def width(self) -> int:
        """Return the number of wide columns."""
        return len(self.columns) + sum(len(some) for some in self.levels.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Return the name of each wide column."""
        return (*self.columns, *(f"{c} {v}" for c, some in self.levels.items() for v in some))

    def at(self, history: History) -> "Encoder":
        """Return the encoder for an earlier cut-off, whose BG/NBD knows nothing of later."""
        return replace(self, lender=lent(history)) if self.borrows else self

    def read(self, history: History) -> Iterator[tuple[np.ndarray, Inputs]]:
        """Yield customer_id (sorted) and inputs, so many customers at a time as fit in memory."""
        clock, wide = self.wide(history)
        base = self.base(history)
        at, cutoff = 0, epoch_day(history.cutoff)
        with TemporaryDirectory() as folder:  # a stream would keep its memory until it ends
            for part in spill(history, self.most, Path(folder), STREAMED):
                seen = read_part(part)
                rows = slice(at, at + len(seen.customer_id))
                columns = (clock[rows], wide[rows], base[rows])
                yield seen.customer_id, self.inputs(seen, columns, cutoff)
                at = rows.stop

    def wide(
        self, history: History
    ) -> tuple[Float[np.ndarray, "customers clock"], Float[np.ndarray, "customers columns"]]:
        """Return the clock and the wide columns of every customer of `history`."""
        frame = wide_frame(history, self.unit, self.lender, self._days)
        standard = (frame[list(self.columns)].to_numpy(np.float64) - self.centre) / self.spread
        if self.borrows and self.lender is None:  # nothing is known of them: the mean
            standard[:, [name in BORROWED for name in self.columns]] = 0.0
        parts = [np.clip(standard, -8.0, 8.0)]
        if self.levels:
            told = categories(history, list(self.levels))
            parts += [
                (told[column].to_numpy(dtype=object)[:, None] == np.array(some, dtype=object))
                for column, some in self.levels.items()
            ]
        clock = frame[list(CLOCK)].to_numpy(np.float32)
        return clock, np.concatenate([p.astype(np.float32) for p in parts], axis=1)

    def base(self, history: History) -> Float[np.ndarray, "customers intervals 5"]:
        """Return where the heads of every customer of `history` begin."""
        lender = self.lender if self.borrows else None
        base = base_of(lender, history, self.horizons, self.unit)
        if self.borrows and lender is None:
            base = np.broadcast_to(self.nobody, base.shape)
        return base.astype(np.float32)

    @property
    def _days(self) -> int:
        return self.horizons[0] if self.borrows else 0

    def inputs(
        self,
        seen: Sequences,
        columns: tuple[np.ndarray, np.ndarray, np.ndarray],
        cutoff: int,
    ) -> Inputs:
        """Put events beside the columns (`wide`) and the `base` of the same customers.

        `cutoff` is the day of the cut-off, in days since 1970-01-01.
        """
        if self.shuffled:
            seen = _shuffled(seen)
        angle = 2.0 * np.pi * (cutoff - seen.days_ago) / DAYS_PER_YEAR
        numbers = np.stack(
            [
                np.log1p(seen.gap_days) / 4.0,
                in_units(seen.value_cents, self.unit),
                np.sin(angle),
                np.cos(angle),
            ],
            axis=1,
        )
        return Inputs(
            start=seen.starts,
            length=seen.length,
            numbers=numbers.astype(np.float32),
            kind=_codes(seen.kind, self.kinds),
            category=_codes(seen.category, self.categories),
            clock=columns[0],
            wide=columns[1],
            base=columns[2],
        )


def learn_encoder(
    history: History,
    most: int,
    columns: tuple[str, ...],
    horizons: tuple[int, ...],
    *,
    borrows: bool,
    shuffled: bool = False,
) -> Encoder:
    """Learn an encoder of `history`; `columns` are static columns of customers."""
    counts = tally(history, most)
    paid = int(counts["paid"].to_numpy().sum())
    unit = int(counts["cents"].to_numpy().sum()) / paid if paid else 100.0
    lender = lent(history) if borrows else None
    frame = wide_frame(history, unit, lender, horizons[0] if borrows else 0)
    numbers = frame.to_numpy(np.float64)
    told = categories(history, list(columns)) if columns else None
    levels = {} if told is None else {c: tuple(sorted(told[c].unique())) for c in columns}
    spread = numbers.std(axis=0)
    return Encoder(
        most=most,
        unit=unit,
        kinds=tuple(dict.fromkeys((PURCHASE, *_frequent(counts, "kind", MOST_KINDS - 1)))),
        categories=_frequent(counts.loc[counts["category"] != ""], "category", MOST_CATEGORIES),
        columns=tuple(frame.columns),
        centre=numbers.mean(axis=0),
        spread=np.where(spread > 1e-9, spread, 1.0),
        levels=levels,
        horizons=horizons,
        borrows=borrows,
        lender=lender,
        nobody=base_of(lender, history, horizons, unit).mean(axis=0),
        middle=np.array([*np.zeros(len(frame.columns)), *_shares(told, levels)]),
        shuffled=shuffled,
    )


def _shares(told: pd.DataFrame | None, levels: dict[str, tuple[str, ...]]) -> list[float]:
    if told is None:
        return []
    columns = {column: told[column].to_numpy(dtype=object) for column in levels}
    return [float((columns[c] == level).mean()) for c in levels for level in levels[c]]


def wide_frame(history: History, unit: float, lender: FittedBtyd | None, days: int) -> pd.DataFrame:
    """Return features of customers on the log scale, money in units of the mean purchase.

    With the forecasts of a BG/NBD over `days`, if those are not 0.
    """
    frame = features(history).drop(columns="customer_id")
    if days:
        frame = pd.concat([frame, borrowed(lender, history, days)], axis=1)
    money = [column for column in frame.columns if "_cents" in column]
    logged = pd.DataFrame(np.sign(frame) * np.log1p(frame.abs()), columns=frame.columns)
    for column in money:
        logged[column] = in_units(frame[column].to_numpy(np.float64), unit)
    return logged


def season_of(day: float) -> tuple[float, float]:
    """Return sine and cosine of the season of a day since 1970-01-01."""
    angle = 2.0 * np.pi * day / DAYS_PER_YEAR
    return float(np.sin(angle)), float(np.cos(angle))


def in_units(cents: np.ndarray, unit: float) -> Float[np.ndarray, " n"]:
    """Return log1p of money in units, with its sign."""
    ratio = cents / unit
    return np.round(np.sign(ratio) * np.log1p(np.abs(ratio)), DIGITS)


def _shuffled(seen: Sequences) -> Sequences:
    """Put the events of each customer in an order that depends on nothing but these events."""
    told = zip(seen.days_ago, seen.gap_days, seen.kind, seen.category, strict=True)
    chance = [blake2b(repr(tuple(map(str, row))).encode(), digest_size=8).digest() for row in told]
    whose = np.repeat(np.arange(len(seen.length)), seen.length)
    order = np.lexsort((np.array(chance), whose))
    return replace(
        seen,
        days_ago=seen.days_ago[order],
        gap_days=seen.gap_days[order],
        value_cents=seen.value_cents[order],
        kind=seen.kind[order],
        category=seen.category[order],
    )


def _frequent(counts: pd.DataFrame, column: str, most: int) -> tuple[str, ...]:
    """Return the most frequent values of a column of `tally`; ties in the order of the alphabet."""
    events: Counter[str] = Counter()
    for name, count in zip(counts[column].astype(str), counts["events"], strict=True):
        events[name] += int(count)
    return tuple(sorted(events, key=lambda name: (-events[name], name))[:most])


def _codes(words: np.ndarray, known: tuple[str, ...]) -> Int[np.ndarray, " events"]:
    return pd.Index(known, dtype=object).get_indexer(pd.Index(words, dtype=object)) + 1
