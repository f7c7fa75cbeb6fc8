"""Customers in numbers: the BTYD summary of a History, the outcomes of a Future, purchases by week."""

import datetime as dt

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from lifeworth.asof.split import Future, History, Purchase
from lifeworth.tables.core import Tables
from lifeworth.tables.margin import order_value

SECONDS_PER_DAY = 86_400


def purchases(tables: Tables, purchase: Purchase) -> ir.Table:
    """Return one row per purchase: customer_id, at, value_cents.

    `at` is days (float, or whole for "day") since 1970-01-01 UTC. What a customer ordered on one
    day ("day") or at one instant ("order", to the second) is one purchase, so ties are never two.
    """
    orders = tables.orders
    value = order_value(orders, tables.value_is)
    lined = orders.select(
        customer_id=orders.customer_id, at=_days(orders.ordered_at, purchase), value=value
    )
    grouped = lined.group_by("customer_id", "at")
    return grouped.aggregate(value_cents=lined.value.sum().cast("int64"))


def summary(history: History) -> ir.Table:
    """Return the BTYD summary, one row per customer.

    customer_id; frequency (x, repeat purchases); recency_days (t_x, first to last purchase);
    age_days (T, first purchase to the end of observation); mean_value_cents (mean value of the
    repeat purchases, 0 where there are none); first_day (days since 1970-01-01); total_value_cents
    (of all purchases). For daily purchases the end of observation is the day before the cut-off,
    the convention of Fader, Hardie and Lee (2005) and of `lifetimes`.
    """
    bought = purchases(history.tables, history.purchase)
    end = observation_end(history)
    totals = bought.group_by("customer_id").aggregate(
        count=bought.count(),
        first=bought["at"].min(),
        last=bought["at"].max(),
        total=bought.value_cents.sum(),
        first_value=bought.value_cents.argmin(bought["at"]),
    )
    repeat = totals["count"] - 1
    mean = (totals.total - totals.first_value).cast("float64") / repeat.nullif(0)
    return totals.select(
        customer_id=totals.customer_id,
        frequency=repeat.cast("int64"),
        recency_days=(totals["last"] - totals["first"]).cast("float64"),
        age_days=(ibis.literal(float(end)) - totals["first"].cast("float64")).cast("float64"),
        mean_value_cents=mean.fill_null(0.0),
        first_day=totals["first"].cast("float64"),
        total_value_cents=totals.total.cast("int64"),
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
    """Return what every customer did in the `days` before the cut-off, first purchases included; columns as `outcomes`."""
    bought = purchases(history.tables, history.purchase)
    return _totals(
        history.customers(), bought.filter(bought["at"] >= epoch_day(history.cutoff) - days)
    )


def weekly_purchases(future: Future) -> pd.DataFrame:
    """Return the purchases of the known customers in every whole 7-day week of the horizon: week_start (date), purchases (int)."""
    bought = purchases(future.tables, future.purchase)
    daily = bought.mutate(day=bought["at"].floor()).group_by("day").aggregate(n=lambda t: t.count())
    return _weeks(daily.to_pandas(), future.cutoff, range(future.horizon // 7))


def weekly_repeat_purchases(history: History) -> pd.DataFrame:
    """Return the repeat purchases in every 7-day week that ends at the cut-off or a multiple of 7 days before it."""
    bought = purchases(history.tables, history.purchase)
    daily = (
        _repeats(bought)
        .mutate(day=lambda t: t["at"].floor())
        .group_by("day")
        .aggregate(n=lambda t: t.count())
    )
    weeks = weeks_before(history.cutoff, first_day(history))
    return _weeks(daily.to_pandas(), history.cutoff, range(-weeks, 0))


def repeat_values(history: History) -> ir.Table:
    """Return one row per repeat purchase: customer_id, value (float, cents)."""
    bought = purchases(history.tables, history.purchase)
    return _repeats(bought).select("customer_id", value=lambda t: t.value_cents.cast("float64"))


def first_day(history: History) -> float:
    """Return the moment of the first purchase, in days since 1970-01-01."""
    return float(_days(history.tables.orders.ordered_at.min(), history.purchase).execute())


def weeks_before(cutoff: dt.date, first_day: float) -> int:
    """Return how many weeks, counted back from the cut-off, reach back to `first_day` (days since 1970-01-01)."""
    return -(-(epoch_day(cutoff) - int(np.floor(first_day))) // 7)


def epoch_day(day: dt.date) -> int:
    """Return the days from 1970-01-01 to `day`."""
    return (day - dt.date(1970, 1, 1)).days


def _totals(known: ir.Table, bought: ir.Table) -> pd.DataFrame:
    done = bought.group_by("customer_id").aggregate(
        purchases=bought.count(), value=bought.value_cents.sum()
    )
    joined = known.left_join(done, "customer_id")
    frame = joined.select(
        "customer_id",
        purchases=joined.purchases.fill_null(0).cast("int64"),
        value=joined.value.fill_null(0).cast("float64"),
    ).to_pandas()
    return frame.sort_values("customer_id", ignore_index=True)


def _repeats(bought: ir.Table) -> ir.Table:
    first = bought.group_by("customer_id").aggregate(first=bought["at"].min())
    joined = bought.inner_join(first, "customer_id")
    return joined.filter(joined["at"] > joined["first"])


def _days(at: ir.TimestampValue, purchase: Purchase) -> ir.NumericValue:
    # Seconds since the epoch are the one form of a moment that DuckDB and Spark compute alike.
    if purchase == "day":
        return at.epoch_seconds() // SECONDS_PER_DAY
    return at.epoch_seconds().cast("float64") / SECONDS_PER_DAY


def _weeks(daily: pd.DataFrame, cutoff: dt.date, weeks: range) -> pd.DataFrame:
    week = (daily["day"].to_numpy(dtype=np.int64) - epoch_day(cutoff)) // 7
    counts = pd.Series(daily["n"].to_numpy(dtype=np.int64)).groupby(week).sum()
    return pd.DataFrame(
        {
            "week_start": [cutoff + dt.timedelta(days=7 * w) for w in weeks],
            "purchases": counts.reindex(weeks, fill_value=0).to_numpy(dtype=np.int64),
        }
    )
