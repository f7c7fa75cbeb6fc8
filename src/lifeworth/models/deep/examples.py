"""Examples to learn from: earlier cut-offs of the same History, whose future it knows."""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from lifeworth.asof.split import History, cut
from lifeworth.asof.summary import first_day, outcomes
from lifeworth.engines.likelihood import FitError
from lifeworth.models.deep.inputs import Encoder, Inputs
from lifeworth.models.deep.shelf import Shelf
from lifeworth.tables.errors import InputError

SHORTEST = 14
"""Days of history before a cut-off to learn from, at least."""


class Targets(NamedTuple):
    """What customers did in each interval: purchases, value in units, whether it is over."""

    purchases: Float[np.ndarray, "customers intervals"]
    value: Float[np.ndarray, "customers intervals"]
    seen: Bool[np.ndarray, "customers intervals"]


class Examples(NamedTuple):
    """Customers at one cut-off or several, and what they did after it."""

    inputs: Inputs
    targets: Targets


class Moment(NamedTuple):
    """An earlier cut-off: the rows of its customers, what they did, and when intervals are over."""

    day: dt.date
    rows: slice
    targets: Targets
    ends: tuple[dt.date, ...]

    def until(self, day: dt.date) -> Targets:
        """Return what was known on `day`: later intervals are not over."""
        over = np.array([end <= day for end in self.ends])
        return self.targets._replace(seen=self.targets.seen & over)


def within(history: History, horizons: Sequence[int]) -> tuple[int, ...]:
    """Return the horizons that can be learnt from `history`, or one that it is long enough for.

    Raises
    ------
    FitError
        If it is too short for any.
    """
    days = _days(history)
    there = tuple(h for h in horizons if h + SHORTEST <= days)
    if there:
        return there
    half = days // 2
    if half < 1:
        raise FitError(
            f"deep: the history of {days} days is too short to learn from; "
            "take a longer one (a later split.cutoff, split.window_days=null) or a model=btyd_..."
        )
    return (half,)


def moments(history: History, horizons: tuple[int, ...], every: int, most: int) -> list[dt.date]:
    """Return at most `most` earlier cut-offs, `every` days apart, the latest first.

    The latest is one shortest horizon before the cut-off of `history`. A longer horizon that none
    of them reaches has one more of its own: without, nothing would be known of its interval.
    """
    room = _days(history) - horizons[0] - min(SHORTEST, _days(history) - horizons[0])
    count = min(most, 1 + room // every)
    back = [horizons[0] + i * every for i in range(count)]
    back += [horizon for horizon in horizons if horizon > back[-1]]
    return [history.cutoff - dt.timedelta(days=days) for days in back]


def learn_from(
    history: History, day: dt.date, horizons: tuple[int, ...], encoder: Encoder, shelf: Shelf
) -> Moment | None:
    """Put an earlier cut-off on the shelf; None if nobody had bought before or after it."""
    ends = tuple(day + dt.timedelta(days=h) for h in horizons)
    totals, inner = [], None
    for end, horizon in zip(ends, horizons, strict=True):
        if end > history.cutoff:
            break
        try:
            inner, future = cut(history.tables, day, horizon, purchase=history.purchase)
        except InputError:  # nobody had bought yet, or nobody ever does
            return None
        totals.append(outcomes(future)[["purchases", "value"]].to_numpy(np.float64))
    if inner is None:
        return None
    first = shelf.customers
    for _, inputs in encoder.at(inner).read(inner):
        shelf.add(inputs)
    targets = _targets(totals, len(horizons), encoder.unit)
    return Moment(day, slice(first, shelf.customers), targets, ends)


def _targets(
    totals: list[Float[np.ndarray, "customers 2"]], intervals: int, unit: float
) -> Targets:
    """Return what happened in each interval, from totals up to the end of each that is over."""
    upto = np.stack([np.zeros_like(totals[0]), *totals])
    each = np.diff(upto, axis=0)  # (over, customers, 2)
    over, customers, _ = each.shape
    made = np.zeros((2, customers, intervals))
    made[:, :, :over] = each.transpose(2, 1, 0)
    seen = np.zeros((customers, intervals), dtype=bool)
    seen[:, :over] = True
    value = np.round(made[1] / unit, 6)
    return Targets(made[0].astype(np.float32), value.astype(np.float32), seen)


def _days(history: History) -> int:
    """Return the days from the first purchase to the cut-off."""
    began = dt.date(1970, 1, 1) + dt.timedelta(days=int(np.floor(first_day(history))))
    return (history.cutoff - began).days
