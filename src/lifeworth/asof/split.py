"""A cut in time: what was known at a moment (History) and what came after it (Future)."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypedDict, Unpack

import ibis
import ibis.expr.types as ir
from ibis import _

from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError
from lifeworth.tables.schema import TIME_COLUMN

Purchase = Literal["day", "order"]
"""What counts as one purchase: all a customer ordered on one day, or in one second (UTC)."""


class View(TypedDict, total=False):
    """How a store is looked at; `cut` says what each means."""

    window: int | None
    purchase: Purchase


@dataclass(frozen=True, kw_only=True)
class History:
    """What was known at midnight (UTC) when the day `cutoff` began.

    Attributes
    ----------
    tables
        Orders, events and treatments strictly before the cut-off, and inside the observation window
        where there is one; the lines and the customers of those orders. Events and treatments may
        be of people who have not ordered yet. A return that came in at or after the cut-off is not
        yet known: its order still counts as kept; a return without a time is taken as known.
        Products have no time and are those of today.
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
        Their orders, with lines, events and treatments inside the horizon, and all of them in
        customers. Returns are as they are known today; the return of an order placed before the
        cut-off is in no Future.
    arrivals
        Orders inside the horizon of everybody else: customers first seen after the cut-off, or last
        seen before the window.
    earlier
        customer_id of everybody who ordered before the cut-off, inside the window or before it.
    horizon
        Days.
    """

    known: ir.Table
    tables: Tables
    arrivals: ir.Table
    earlier: ir.Table
    cutoff: dt.date
    horizon: int
    purchase: Purchase = "day"

    def new_customers(self) -> int:
        """Count the customers whose first order of all is in the horizon."""
        new = self.arrivals.anti_join(self.earlier, "customer_id")
        return new.customer_id.nunique().to_pyarrow().as_py()


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
    purchase
        What counts as one purchase.

    Raises
    ------
    InputError
        If there is no order on one of the two sides, a length is below one day, or `cutoff` is a
        moment inside a day.
    """
    _refuse_odd(cutoff, horizon=horizon, window=window)
    start, end = _start(cutoff, window), cutoff + dt.timedelta(days=horizon)
    _refuse_empty(tables, start, cutoff, end)
    past, after = _between(tables, start, cutoff), _between(tables, cutoff, end)
    history = History(
        tables=_as_known(_attached(past, past.orders), cutoff), cutoff=cutoff, purchase=purchase
    )
    known = history.customers()
    return history, Future(
        known=known,
        tables=_attached(_of(after, known), known),
        arrivals=after.orders.anti_join(known, "customer_id"),
        earlier=_between(tables, None, cutoff).orders.select("customer_id").distinct(),
        cutoff=cutoff,
        horizon=horizon,
        purchase=purchase,
    )


def latest(tables: Tables, *, window: int | None = None, purchase: Purchase = "day") -> History:
    """Return everything that is known: the History cut on the day after the last order.

    A return that came in later than that is known, too. `window` and `purchase` are as in `cut`.

    Raises
    ------
    InputError
        If `window` is below one day.
    """
    cutoff = last_day(tables) + dt.timedelta(days=1)
    _refuse_odd(cutoff, window=window)
    past = _between(tables, _start(cutoff, window), cutoff)
    return History(tables=_attached(past, past.orders), cutoff=cutoff, purchase=purchase)


def rolling(
    tables: Tables,
    first: dt.date,
    every: int,
    count: int,
    horizon: int,
    **view: Unpack[View],
) -> Iterator[tuple[History, Future]]:
    """Cut a store at `count` moments, `every` days apart, from `first` on.

    `horizon`, and by name `window` and `purchase`, are as in `cut`, whose errors are raised.
    """
    for i in range(count):
        yield cut(tables, first + dt.timedelta(days=i * every), horizon, **view)


def last_day(tables: Tables) -> dt.date:
    """Return the day (UTC) of the last order."""
    return tables.orders.select(day=_.ordered_at.date()).day.max().to_pyarrow().as_py()


def _start(cutoff: dt.date, window: int | None) -> dt.date | None:
    return None if window is None else cutoff - dt.timedelta(days=window)


def _between(tables: Tables, start: dt.date | None, end: dt.date) -> Tables:
    """Keep the rows in [start, end) of the tables that have a time; the others are left alone."""

    def keep(name: str, table: ir.Table) -> ir.Table:
        at = TIME_COLUMN.get(name)
        return table if at is None else table.filter(_inside(table[at], start, end))

    return tables.mapped(keep)


def _inside(at: ir.Column, start: dt.date | None, end: dt.date) -> ir.BooleanValue:
    before = at < _midnight(end)
    return before if start is None else before & (at >= _midnight(start))


def _midnight(day: dt.date) -> ir.TimestampValue:
    return ibis.timestamp(day.isoformat())  # a literal: Spark cannot build one from its parts


def _of(tables: Tables, known: ir.Table) -> Tables:
    """Keep what the customers in `known` did."""

    def keep(name: str, table: ir.Table) -> ir.Table:
        return table.semi_join(known, "customer_id") if name in TIME_COLUMN else table

    return tables.mapped(keep)


def _attached(tables: Tables, known: ir.Table) -> Tables:
    """Keep the lines of the orders that are there, and the customers in `known`."""
    lines, customers = tables.order_lines, tables.customers
    return replace(
        tables,
        order_lines=None if lines is None else lines.semi_join(tables.orders, "order_id"),
        customers=None if customers is None else customers.semi_join(known, "customer_id"),
    )


def _as_known(tables: Tables, cutoff: dt.date) -> Tables:
    """Forget the returns that came in at or after the cut-off."""
    known = _.returned_at.isnull() | (_.returned_at < _midnight(cutoff))
    orders = tables.orders.mutate(
        returned=_.returned & known,
        returned_at=known.ifelse(_.returned_at, ibis.null("timestamp")),
    )
    return replace(tables, orders=orders)


def _refuse_odd(cutoff: dt.date, **days: int | None) -> None:
    if isinstance(cutoff, dt.datetime):
        raise InputError(
            f"split: the cut-off {cutoff} is a moment inside a day;"
            f" name the first day that is not known, for example {cutoff:%Y-%m-%d}, as a date"
        )
    for name, length in days.items():
        if length is not None and length < 1:
            raise InputError(f"split: {name} is {length} days; the shortest is 1 day")


def _refuse_empty(tables: Tables, start: dt.date | None, cutoff: dt.date, end: dt.date) -> None:
    at = tables.orders.ordered_at
    sides = tables.orders.aggregate(
        first=at.min(),
        last=at.max(),
        before=at.count(where=_inside(at, start, cutoff)),
        after=at.count(where=_inside(at, cutoff, end)),
    )
    seen = sides.to_pyarrow().to_pylist()[0]
    if seen["before"] and seen["after"]:
        return
    side, span, remedy = (
        ("at or after", f"[{cutoff}, {end})", "an earlier split.cutoff")
        if seen["before"]
        else (
            "before",
            f"[{start or 'the first order'}, {cutoff})",
            "a later split.cutoff or a shorter horizon",
        )
    )
    raise InputError(
        f"split: 0 orders {side} the cut-off, in {span}; the orders run from"
        f" {seen['first']:%Y-%m-%d} to {seen['last']:%Y-%m-%d}; choose {remedy} (now {cutoff})"
    )
