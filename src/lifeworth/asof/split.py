"""A cut in time: what was known at a moment (History) and what came after it (Future)."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import ibis
import ibis.expr.types as ir

from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError
from lifeworth.tables.schema import TIME_COLUMN

Purchase = Literal["day", "order"]
"""What counts as one purchase: everything a customer ordered on one day, or at one instant."""


@dataclass(frozen=True, kw_only=True)
class History:
    """What was known at midnight (UTC) when the day `cutoff` began.

    Attributes
    ----------
    tables
        Rows strictly before the cut-off, and inside the observation window where there is one. A
        return that came in at or after the cut-off is not yet known: its order still counts as
        kept.
    """

    tables: Tables
    cutoff: dt.date
    purchase: Purchase = "day"

    def customers(self) -> ir.Table:
        """Return one row per customer known at the cut-off: customer_id."""
        return self.tables.orders.select("customer_id").distinct()


@dataclass(frozen=True, kw_only=True)
class Future:
    """What happened in [cutoff, cutoff + horizon) to the customers known at the cut-off.

    Attributes
    ----------
    known
        customer_id of every customer of the History.
    tables
        Their rows inside the horizon, with returns as they are known today.
    arrivals
        Orders inside the horizon of everybody else: customers first seen after the cut-off, or last
        seen before the window.
    horizon
        Days.
    """

    known: ir.Table
    tables: Tables
    arrivals: ir.Table
    cutoff: dt.date
    horizon: int
    purchase: Purchase = "day"

    def new_customers(self) -> int:
        """Count the customers who ordered in the horizon and were not known at the cut-off."""
        return int(self.arrivals.customer_id.nunique().execute())


def cut(
    tables: Tables,
    cutoff: dt.date,
    horizon: int,
    *,
    window: int | None = None,
    purchase: Purchase = "day",
) -> tuple[History, Future]:
    """Cut a store in time.

    Parameters
    ----------
    cutoff
        First day that is not known.
    horizon
        Length of the Future in days.
    window
        Length of the History in days; None for all of it. A customer acquired before the window
        starts their clock with their first order inside it, which biases the drop-out rate: prefer
        None unless old orders mislead.

    Raises
    ------
    InputError
        If there is no order on one of the two sides.
    """
    start, end = (
        (None if window is None else cutoff - dt.timedelta(days=window)),
        cutoff + dt.timedelta(days=horizon),
    )
    _refuse_empty(tables, start, cutoff, end)
    history = History(
        tables=_as_known(_between(tables, start, cutoff), cutoff), cutoff=cutoff, purchase=purchase
    )
    known, after = history.customers(), _between(tables, cutoff, end)
    return history, Future(
        known=known,
        tables=after.mapped(lambda _, t: t.semi_join(known, "customer_id") if "customer_id" in t.columns else t),
        arrivals=after.orders.anti_join(known, "customer_id"),
        cutoff=cutoff,
        horizon=horizon,
        purchase=purchase,
    )  # fmt: skip


def latest(tables: Tables, *, window: int | None = None, purchase: Purchase = "day") -> History:
    """Return everything that is known: the History cut on the day after the last order."""
    cutoff = last_day(tables) + dt.timedelta(days=1)
    start = None if window is None else cutoff - dt.timedelta(days=window)
    return History(tables=_between(tables, start, cutoff), cutoff=cutoff, purchase=purchase)


def rolling(
    tables: Tables,
    first: dt.date,
    every: int,
    count: int,
    horizon: int,
    *,
    window: int | None = None,
    purchase: Purchase = "day",
) -> Iterator[tuple[History, Future]]:
    """Cut a store at `count` moments, `every` days apart, from `first` on (see `cut`)."""
    for i in range(count):
        cutoff = first + dt.timedelta(days=i * every)
        yield cut(tables, cutoff, horizon, window=window, purchase=purchase)


def last_day(tables: Tables) -> dt.date:
    """Return the day of the last order."""
    return tables.orders.ordered_at.max().date().execute()


def _between(tables: Tables, start: dt.date | None, end: dt.date) -> Tables:
    """Keep the rows in [start, end) of every table that has a time, and what hangs on the orders that stay."""

    def keep(name: str, table: ir.Table) -> ir.Table:
        if name not in TIME_COLUMN:
            return table
        at = table[TIME_COLUMN[name]]
        inside = (
            at < _midnight(end)
            if start is None
            else (at < _midnight(end)) & (at >= _midnight(start))
        )
        return table.filter(inside)  # fmt: skip

    kept = tables.mapped(keep)

    def hang(name: str, table: ir.Table) -> ir.Table:
        key = {"order_lines": "order_id", "customers": "customer_id"}.get(name)
        return table.semi_join(kept.orders, key) if key else table

    return kept.mapped(hang)


def _as_known(tables: Tables, cutoff: dt.date) -> Tables:
    """Forget the returns that came in at or after the cut-off."""

    def forget(name: str, table: ir.Table) -> ir.Table:
        if name != "orders":
            return table
        known = table.returned_at.isnull() | (table.returned_at < _midnight(cutoff))
        return table.mutate(
            returned=table.returned & known, returned_at=known.ifelse(table.returned_at, ibis.null("timestamp"))
        )  # fmt: skip

    return tables.mapped(forget)


def _midnight(day: dt.date) -> ir.TimestampScalar:
    return ibis.timestamp(day.year, day.month, day.day, 0, 0, 0)


def _refuse_empty(tables: Tables, start: dt.date | None, cutoff: dt.date, end: dt.date) -> None:
    at = tables.orders.ordered_at
    before = (
        at < _midnight(cutoff)
        if start is None
        else (at < _midnight(cutoff)) & (at >= _midnight(start))
    )
    seen = tables.orders.aggregate(
        first=at.min(), last=at.max(), before=before.sum(), after=((at >= _midnight(cutoff)) & (at < _midnight(end))).sum()
    ).execute()  # fmt: skip
    row = seen.iloc[0]
    for side, count, span in (("before", row["before"], f"[{start or 'the first order'}, {cutoff})"),
                              ("at or after", row["after"], f"[{cutoff}, {end})")):  # fmt: skip
        if not count > 0:
            raise InputError(
                f"split: 0 orders {side} the cut-off, in {span}; the orders run from {row['first']:%Y-%m-%d} to "
                f"{row['last']:%Y-%m-%d}; choose split.cutoff (now {cutoff}) between them"
            )
