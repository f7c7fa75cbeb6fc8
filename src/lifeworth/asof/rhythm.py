"""The rhythm of customers: the periods they were active in, and the gaps between purchases.

Whole numbers up to the last division, as in `summary`, so that every backend finds the same.
"""

import ibis
import ibis.expr.types as ir
from ibis import _

from lifeworth.asof.split import History
from lifeworth.asof.summary import TICKS_PER_DAY, observation_end, purchases

GRID = 2**32
"""Logs are summed in whole multiples of 1 / GRID: a sum of floats depends on its order."""


def active_periods(history: History, days: int) -> ir.Table:
    """Return the BG/BB summary, one row per customer.

    A customer's period k = 1, 2, ... is what lies after k - 1 and up to k times `days` days from
    their first purchase, and is seen when it ends by the end of observation (see `summary`); a
    purchase in the unfinished last period is left out.

    customer_id; frequency (x, periods with a purchase); recency_periods (t_x, number of the last
    such period, 0 if none); age_periods (n, periods seen); purchases (in these periods).
    """
    ticks = TICKS_PER_DAY[history.purchase]
    bought = purchases(history.tables, history.purchase)
    first = bought.group_by("customer_id").aggregate(first=_["at"].min())
    width, end = days * ticks, observation_end(history) * ticks
    counted = bought.inner_join(first, "customer_id").select(
        "customer_id",
        period=((_["at"] - _["first"] + (width - 1)) // width).cast("int64"),
        age=((end - _["first"]) // width).cast("int64"),
    )
    seen = (_.period > 0) & (_.period <= _.age)
    return counted.group_by("customer_id").aggregate(
        frequency=_.period.nunique(where=seen),
        recency_periods=_.period.max(where=seen).fill_null(0),
        age_periods=_.age.max(),
        purchases=_.count(where=seen),
    )


def log_gaps(history: History) -> ir.Table:
    """Return the sum of the logs of each customer's days between purchases, one row per customer.

    customer_id; log_gaps (natural logs, each to 1e-10; 0 where there is one purchase). For
    purchase="order" a gap is a fraction of a day, of one second or more.
    """
    ticks = TICKS_PER_DAY[history.purchase]
    bought = purchases(history.tables, history.purchase)
    before = _["at"].lag().over(ibis.window(group_by="customer_id", order_by="at"))
    gaps = bought.select("customer_id", gap=(_["at"] - before) / ticks)
    logs = (_.gap.ln() * GRID).round().cast("int64")
    whole = gaps.group_by("customer_id").aggregate(whole=logs.sum().fill_null(0))
    return whole.select("customer_id", log_gaps=_.whole / GRID)
