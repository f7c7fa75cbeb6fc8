"""Customers in columns: numbers as of the cut-off, for models that read a row per customer.

Whole numbers up to the last division, as in `summary`, so that every backend finds the same.
"""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from lifeworth.asof.rhythm import GRID
from lifeworth.asof.split import History
from lifeworth.asof.summary import TICKS_PER_DAY, epoch_day, purchases, summary
from lifeworth.tables.campaign import CONTROL
from lifeworth.tables.errors import InputError

WINDOWS = (30, 90, 365)
"""Days before the cut-off in which purchases are counted."""

EVENT_DAYS = 90
"""Days before the cut-off in which events are counted."""

COLUMNS = (
    "frequency", "recency_days", "age_days", "days_since_last",
    "mean_value_cents", "total_value_cents", "first_value_cents", "last_value_cents",
    "max_value_cents", "mean_gap_days", "sd_gap_days", "returned_share", "discount_share",
    "lines_per_order", f"events_{EVENT_DAYS}d", "complaints", "treatments_received",
)  # fmt: skip
"""The features that do not depend on windows."""


def features(history: History, windows: Sequence[int] = WINDOWS) -> pd.DataFrame:
    """Return as-of features, one row per customer of `history`, sorted by customer_id.

    Parameters
    ----------
    windows
        Days before the cut-off in which purchases are counted.

    Returns
    -------
    pandas.DataFrame
        customer_id, then float columns, none of them missing or infinite; 0 where something is
        undefined or the store has no such table.

        frequency, recency_days, age_days, mean_value_cents and total_value_cents are those of
        `summary`. days_since_last runs from the last purchase to the end of observation.
        first_, last_ and max_value_cents are of single purchases. mean_gap_days and sd_gap_days
        (n - 1; to about 1e-5 days) are of the days between purchases. returned_share: orders known
        as returned, of all orders. discount_share: discounts, of all amounts. lines_per_order.
        events_90d: events of the last 90 days. complaints: events of kind "complaint", ever.
        treatments_received: those whose arm is not "control". For each window w: orders_{w}d
        (purchases, as `frequency` counts them) and value_cents_{w}d, of the last w days.

    Raises
    ------
    InputError
        If a window is below one day, or named twice.
    """
    _refuse_odd(windows)
    table = summary(history).mutate(
        days_since_last=_.age_days - _.recency_days,
        mean_gap_days=_.recency_days / _.frequency.nullif(0),
    )
    for part in [_of_purchases(history, windows), *_of_tables(history)]:
        table = table.left_join(part, "customer_id").drop("customer_id_right")
    frame = table.select("customer_id", *(_number(table, name) for name in _names(windows)))
    return frame.to_pandas().sort_values("customer_id", ignore_index=True)


def _refuse_odd(windows: Sequence[int]) -> None:
    for place, days in enumerate(windows):
        if days < 1:
            raise InputError(f"features: a window is {days} days; the shortest is 1 day")
        if days in windows[:place]:
            raise InputError(f"features: the window of {days} days is named twice; name it once")


def _names(windows: Sequence[int]) -> list[str]:
    return [*COLUMNS, *(f"{what}_{w}d" for w in windows for what in ("orders", "value_cents"))]


def _number(table: ir.Table, name: str) -> ir.Value:
    known = name in table.columns
    value = table[name].cast("float64").fill_null(0.0) if known else ibis.literal(0.0)
    return value.name(name)


def _of_purchases(history: History, windows: Sequence[int]) -> ir.Table:
    """Return what single purchases say: their values, the spread of gaps, the last days."""
    ticks, end = TICKS_PER_DAY[history.purchase], epoch_day(history.cutoff)
    timed = _timed(purchases(history.tables, history.purchase))
    apart = (_.gap - _.span / _.gaps.nullif(0)) / ticks
    since = {days: _["at"] >= (end - days) * ticks for days in windows}
    seen = timed.group_by("customer_id").aggregate(
        first_value_cents=_.value_cents.argmin(_["at"]),
        last_value_cents=_.value_cents.argmax(_["at"]),
        max_value_cents=_.value_cents.max(),
        gaps=_.gaps.max(),
        # a sum of floats depends on its order: squares are summed in multiples of 1 / GRID
        squares=(apart * apart * GRID).round().cast("int64").sum(),
        **{f"orders_{w}d": _.count(where=inside) for w, inside in since.items()},
        **{f"value_cents_{w}d": _.value_cents.sum(where=inside) for w, inside in since.items()},
    )
    variance = _.squares / GRID / (_.gaps - 1).nullif(0)
    return seen.mutate(sd_gap_days=variance.sqrt()).drop("gaps", "squares")


def _timed(bought: ir.Table) -> ir.Table:
    """Give each purchase the ticks since the one before, and its customer's span and gaps."""
    own = ibis.window(group_by="customer_id")
    before = _["at"].lag().over(ibis.window(group_by="customer_id", order_by="at"))
    return bought.mutate(
        gap=_["at"] - before,
        span=_["at"].max().over(own) - _["at"].min().over(own),
        gaps=_.count().over(own) - 1,
    )


def _of_tables(history: History) -> list[ir.Table]:
    """Return what the tables say that are there, each by customer."""
    tables = history.tables
    parts = [_of_orders(tables.orders)]
    if tables.order_lines is not None:
        parts.append(_of_lines(tables.orders, tables.order_lines))
    if tables.events is not None:
        parts.append(_of_events(tables.events, epoch_day(history.cutoff) - EVENT_DAYS))
    if tables.treatments is not None:
        received = _.count(where=_.arm != CONTROL)
        parts.append(
            tables.treatments.group_by("customer_id").aggregate(treatments_received=received)
        )
    return parts


def _of_orders(orders: ir.Table) -> ir.Table:
    return orders.group_by("customer_id").aggregate(
        returned_share=_.count(where=_.returned) / _.count(),
        discount_share=_.discount_cents.sum() / _.amount_cents.sum().nullif(0),
    )


def _of_lines(orders: ir.Table, lines: ir.Table) -> ir.Table:
    own = lines.group_by("order_id").aggregate(lines=_.count())
    both = orders.select("customer_id", "order_id").left_join(own, "order_id")
    return both.group_by("customer_id").aggregate(lines_per_order=_.lines.sum() / _.count())


def _of_events(events: ir.Table, since: int) -> ir.Table:
    recent = _.happened_at.date().epoch_days() >= since
    return events.group_by("customer_id").aggregate(
        _.count(where=recent).name(f"events_{EVENT_DAYS}d"),
        complaints=_.count(where=_.kind == "complaint"),
    )
