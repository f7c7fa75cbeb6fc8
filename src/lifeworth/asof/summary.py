"""Customers in numbers: the BTYD summary of a History, the outcomes of a Future, weekly purchases.

Everything up to the last division is whole numbers, in one Ibis expression, so that every backend
finds the same to the last bit. A moment is read as day, hour, minute and second: as seconds since
1970 it has a fraction on DuckDB and none on Spark.
"""

import datetime as dt

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis import Deferred, _

from lifeworth.asof.split import Future, History, Purchase
from lifeworth.tables.core import Tables
from lifeworth.tables.margin import order_value

TICKS_PER_DAY: dict[Purchase, int] = {"day": 1, "order": 86_400}
"""How finely purchases are told apart."""


def purchases(tables: Tables, purchase: Purchase) -> ir.Table:
    """Return one row per purchase: customer_id, at, value_cents.

    `at` is whole ticks since 1970-01-01 UTC: days ("day") or seconds ("order"). What a customer
    ordered in one tick is one purchase, so ties are never two.
    """
    orders = tables.orders
    value = order_value(orders, tables.value_is)
    valued = orders.select("customer_id", at=_tick(_.ordered_at, purchase), value=value)
    return valued.group_by("customer_id", "at").aggregate(value_cents=_.value.sum())


def summary(history: History) -> ir.Table:
    """Return the BTYD summary, one row per customer.

    customer_id; frequency (x, repeat purchases); recency_days (t_x, first to last purchase);
    age_days (T, first purchase to the end of observation); mean_value_cents (mean value of the
    repeat purchases, 0 where there are none); first_day (days since 1970-01-01); total_value_cents
    (of all purchases). For daily purchases the end of observation is the day before the cut-off,
    the convention of Fader, Hardie and Lee (2005) and of `lifetimes`.
    """
    ticks = TICKS_PER_DAY[history.purchase]
    bought = purchases(history.tables, history.purchase)
    seen = bought.group_by("customer_id").aggregate(
        repeats=_.count() - 1,
        first=_["at"].min(),
        last=_["at"].max(),
        total=_.value_cents.sum(),
        first_value=_.value_cents.argmin(_["at"]),
    )
    mean = (_.total - _.first_value).cast("float64") / _.repeats.nullif(0)
    return seen.select(
        customer_id=_.customer_id,
        frequency=_.repeats,
        recency_days=(_["last"] - _["first"]) / ticks,
        age_days=-(_["first"] - observation_end(history) * ticks) / ticks,
        mean_value_cents=mean.fill_null(0.0),
        first_day=_["first"] / ticks,
        total_value_cents=_.total,
    )


def observation_end(history: History) -> int:
    """Return the last moment seen, in days since 1970-01-01 (see `summary`)."""
    return epoch_day(history.cutoff) - (1 if history.purchase == "day" else 0)


def outcomes(future: Future) -> pd.DataFrame:
    """Return what every known customer did in the horizon, sorted by customer_id.

    customer_id (str), purchases (int), value (float, cents); customers who did nothing have zeros.
    """
    return _totals(future.known, purchases(future.tables, future.purchase))


def last_period(history: History, days: int) -> pd.DataFrame:
    """Return what every customer did in the `days` before the cut-off, as `outcomes` does.

    First purchases are included.
    """
    since = (epoch_day(history.cutoff) - days) * TICKS_PER_DAY[history.purchase]
    bought = purchases(history.tables, history.purchase)
    return _totals(history.customers(), bought.filter(_["at"] >= since))


def weekly_purchases(future: Future) -> pd.DataFrame:
    """Return the purchases of the known customers in every whole 7-day week of the horizon.

    week_start (date), purchases (int); days after the last whole week are left out.
    """
    bought = purchases(future.tables, future.purchase)
    return _weeks(bought, future, range(future.horizon // 7))


def weekly_repeat_purchases(history: History) -> pd.DataFrame:
    """Return the repeat purchases by week back to the first purchase, as `weekly_purchases` does.

    A week ends at the cut-off or a multiple of 7 days before it; the first may begin before the
    first purchase.
    """
    bought = purchases(history.tables, history.purchase)
    weeks = weeks_before(history.cutoff, first_day(history))
    return _weeks(_repeats(bought), history, range(-weeks, 0))


def repeat_values(history: History) -> ir.Table:
    """Return one row per repeat purchase: customer_id, value (float, cents)."""
    bought = purchases(history.tables, history.purchase)
    return _repeats(bought).select("customer_id", value=_.value_cents.cast("float64"))


def first_day(history: History) -> float:
    """Return the moment of the first purchase, in days since 1970-01-01."""
    ticks = history.tables.orders.select(at=_tick(_.ordered_at, history.purchase))
    return ticks["at"].min().to_pyarrow().as_py() / TICKS_PER_DAY[history.purchase]


def weeks_before(cutoff: dt.date, first_day: float) -> int:
    """Return how many weeks, counted back from the cut-off, reach back to `first_day`.

    Examples
    --------
    >>> [weeks_before(dt.date(1970, 1, 15), day) for day in (0.0, 0.9, 1.0, 7.0, 13.5)]
    [2, 2, 2, 1, 1]
    """
    return -((int(np.floor(first_day)) - epoch_day(cutoff)) // 7)


def epoch_day(day: dt.date) -> int:
    """Return the days from 1970-01-01 to `day`."""
    return (day - dt.date(1970, 1, 1)).days


def _tick(at: Deferred, purchase: Purchase) -> Deferred:
    day = at.date().epoch_days()
    if purchase == "day":
        return day
    second = at.second().cast("int64")  # Spark's second has a fraction, DuckDB's has none
    return ((day * 24 + at.hour()) * 60 + at.minute()) * 60 + second


def _repeats(bought: ir.Table) -> ir.Table:
    first = bought.group_by("customer_id").aggregate(first=_["at"].min())
    return bought.inner_join(first, "customer_id").filter(_["at"] > _["first"])


def _totals(known: ir.Table, bought: ir.Table) -> pd.DataFrame:
    done = bought.group_by("customer_id").aggregate(purchases=_.count(), value=_.value_cents.sum())
    every = known.left_join(done, "customer_id").select(
        "customer_id",
        purchases=_.purchases.fill_null(0),
        value=_.value.fill_null(0).cast("float64"),
    )
    return every.to_pandas().sort_values("customer_id", ignore_index=True)


def _weeks(bought: ir.Table, cut: History | Future, weeks: range) -> pd.DataFrame:
    """Count purchases by week; week 0 begins at the cut-off."""
    day = _["at"] // TICKS_PER_DAY[cut.purchase]
    daily = bought.group_by(day=day).aggregate(purchases=_.count()).to_pandas()
    week = (daily["day"].to_numpy(dtype=np.int64) - epoch_day(cut.cutoff)) // 7
    counts = np.zeros(len(weeks), dtype=np.int64)
    inside = np.isin(week, weeks)
    np.add.at(counts, week[inside] - weeks.start, daily["purchases"].to_numpy(np.int64)[inside])
    starts = [cut.cutoff + dt.timedelta(days=7 * w) for w in weeks]
    return pd.DataFrame({"week_start": starts, "purchases": counts})
