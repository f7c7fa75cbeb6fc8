"""Early warnings as of the cut-off: flags anybody can check, each with the number behind it."""

from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis import _

from lifeworth.asof.features import features
from lifeworth.asof.split import History
from lifeworth.tables.errors import InputError

BEHIND = {
    "crossed_recency": "days_since_last",
    "recency_long": "days_since_last",
    "frequency_down": "frequency_change",
    "abandoned_cart": "cart_days_ago",
    "complaint": "complaint_days_ago",
}
"""Triggers, and the column of the number that stands behind each."""

PARTIAL = {"frequency_down": "frequency_change"}
"""Triggers that only customers with a number can set off, and its column."""

OF_EVENTS = ("abandoned_cart", "complaint")
"""Triggers that are there only where a store has events."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """When to warn.

    Attributes
    ----------
    recency_days
        A customer who has not bought for longer is late.
    crossed_days
        Crossing that line is news for so many days.
    window_days
        Days in which purchases are counted, to compare with the days before.
    drop
        Share by which they have to be fewer than a customer's own baseline.
    repeats
        Repeat purchases before the window without which a customer has no baseline.
    cart_days, complaint_days
        Events of the last so many days count.
    """

    recency_days: int = 45
    crossed_days: int = 7
    window_days: int = 90
    drop: float = 0.30
    repeats: int = 2
    cart_days: int = 14
    complaint_days: int = 90

    def __post_init__(self) -> None:
        for name in ("recency_days", "crossed_days", "window_days", "cart_days", "complaint_days"):
            if getattr(self, name) < 1:
                raise InputError(f"triggers: {name} is {getattr(self, name)}; give 1 day or more")
        if not 0 < self.drop < 1:
            raise InputError(f"triggers: drop is {self.drop}; give a share inside 0 and 1")


def triggers(history: History, watch: Watch | None = None) -> pd.DataFrame:
    """Return flags of early warning, one row per customer of `history`, sorted by customer_id.

    Parameters
    ----------
    watch
        By default the 45 days and 30 % that are usual.

    Returns
    -------
    pandas.DataFrame
        customer_id; crossed_recency (days_since_last went over `recency_days` within the last
        `crossed_days`); recency_long (it is over); frequency_down (frequency_change at most
        -`drop`); days_since_last; frequency_change: purchases of the last `window_days`, relative
        to what the customer's own rate of repeat purchases before would bring in as many days, NaN
        where there were fewer than `repeats` of them. Where the store has events: abandoned_cart
        (a "cart" event of the last `cart_days` and no order since), complaint (one in the last
        `complaint_days`), and cart_days_ago, complaint_days_ago, NaN where there was none.
    """
    watch = watch or Watch()
    seen = features(history, [watch.window_days])
    since, change = seen["days_since_last"], _change(seen, watch.window_days, watch.repeats)
    late = since > watch.recency_days
    frame = pd.DataFrame({
        "customer_id": seen["customer_id"],
        "crossed_recency": late & (since <= watch.recency_days + watch.crossed_days),
        "recency_long": late,
        "frequency_down": change <= -watch.drop,
        "days_since_last": since,
        "frequency_change": change,
    })  # fmt: skip
    if history.tables.events is None:
        return frame
    return frame.join(_of_events(history, history.tables.events, watch), on="customer_id")


def flags_of(frame: pd.DataFrame) -> list[str]:
    """Return the triggers that are among the columns."""
    return [name for name in BEHIND if name in frame]


def _change(seen: pd.DataFrame, days: int, repeats: int) -> pd.Series:
    """Return how much purchases of the last days differ from a customer's own rate before."""
    recent = seen[f"orders_{days}d"]
    before = seen["frequency"] - recent  # repeat purchases: the first one starts the clock
    exposed = seen["age_days"] - days
    known = (exposed >= days) & (before >= repeats)
    usual = (before * days / exposed.where(known)).where(known)
    return recent / usual - 1.0


def _of_events(history: History, events: ir.Table, watch: Watch) -> pd.DataFrame:
    ordered = history.tables.orders.group_by("customer_id").aggregate(ordered=_.ordered_at.max())
    seen = events.group_by("customer_id").aggregate(
        cart=_.happened_at.max(where=_.kind == "cart"),
        complained=_.happened_at.max(where=_.kind == "complaint"),
    )
    last = ordered.left_join(seen, "customer_id").drop("customer_id_right").to_pandas()
    yesterday = pd.Timestamp(history.cutoff) - pd.Timedelta(days=1)
    ago = {
        name: (yesterday - pd.to_datetime(last[name]).dt.normalize()).dt.days
        for name in ("cart", "complained")
    }
    left = pd.to_datetime(last["cart"]) > pd.to_datetime(last["ordered"])
    made = pd.DataFrame({
        "abandoned_cart": left & (ago["cart"] < watch.cart_days),
        "complaint": ago["complained"] < watch.complaint_days,
        "cart_days_ago": ago["cart"].astype(np.float64),
        "complaint_days_ago": ago["complained"].astype(np.float64),
    })  # fmt: skip
    return made.set_index(pd.Index(last["customer_id"]))
