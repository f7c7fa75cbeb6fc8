"""What personas are made of, as of the cut-off: recent weight of purchases, shares, categories.

Whole numbers up to the last division, as in `summary`, so that every backend finds the same.
"""

import math
from collections.abc import Sequence

import ibis.expr.types as ir
import pandas as pd
from ibis import Deferred, _

from lifeworth.asof.features import features
from lifeworth.asof.split import History
from lifeworth.asof.summary import TICKS_PER_DAY, observation_end, purchases
from lifeworth.tables.errors import InputError

FRACTION = 2**16
"""Halved purchases and cents are summed in whole multiples of 1 / FRACTION."""

RFM = ("recency_days", "frequency", "monetary_cents")
"""Days since the last purchase, purchases, value of them all: what every profile tells."""

NUMBERS = (
    *RFM, "mean_order_cents", "recent_purchases", "recent_value_cents", "age_days",
    "lines_per_order", "events_90d", "complaints", "discount_share", "returned_share",
)  # fmt: skip
"""The columns that `persona_features` knows."""

FROM_FEATURES = {"recency_days": "days_since_last", "monetary_cents": "total_value_cents"}
"""Ours under another name in `asof.features`."""


def persona_features(
    history: History, purchases_half_life: int, value_half_life: int
) -> pd.DataFrame:
    """Return one row per customer of `history`, sorted by customer_id.

    Parameters
    ----------
    purchases_half_life, value_half_life
        Days after which a purchase, and what it was worth, count half in the recent columns.

    Returns
    -------
    pandas.DataFrame
        customer_id, then NUMBERS as floats, none missing; 0 where the store has no such table.
        recency_days: since the last purchase. frequency: purchases. monetary_cents: their value
        (margin, where known). mean_order_cents. recent_purchases, recent_value_cents: sums of
        2 ** -(age / half-life), and of that times the value. The others are those of
        `asof.features`.
    """
    _refuse_short(purchases_half_life, value_half_life)
    known = features(history).rename(columns={old: new for new, old in FROM_FEATURES.items()} | {
        "recency_days": "span_days"})  # fmt: skip
    known["frequency"] += 1.0
    known["mean_order_cents"] = known["monetary_cents"] / known["frequency"]
    recent = _recent(history, purchases_half_life, value_half_life).to_pandas()
    both = known.merge(recent, on="customer_id", validate="one_to_one")
    both = both.sort_values("customer_id", ignore_index=True)
    return both[["customer_id", *NUMBERS]].astype(dict.fromkeys(NUMBERS, "float64"))


def category_counts(history: History) -> pd.DataFrame:
    """Return how many lines of each category a customer bought.

    One row per customer of `history`, sorted by customer_id, which is the index; one float column
    per category, sorted by name. Products without a category are "unknown".

    Raises
    ------
    InputError
        If the store has no lines of orders, or no categories of products.
    """
    tables = history.tables
    lines, products = tables.order_lines, tables.products
    if lines is None or products is None or "category" not in products.columns:
        raise InputError(
            "personas: 'categories' needs order_lines, and products with a category; give these "
            "tables, or leave 'categories' out of model.features"
        )
    named = products.select("product_id", category=_.category.fill_null("unknown"))
    own = tables.orders.select("order_id", "customer_id")
    bought = lines.select("order_id", "product_id").inner_join(own, "order_id")
    bought = bought.left_join(named, "product_id").mutate(category=_.category.fill_null("unknown"))
    counted = bought.group_by("customer_id", "category").aggregate(lines=_.count()).to_pandas()
    wide = counted.pivot_table(
        index="customer_id", columns="category", values="lines", fill_value=0
    )
    every = history.customers().to_pandas()["customer_id"].sort_values()
    return wide.reindex(every, fill_value=0).sort_index(axis=1).astype("float64")


def _recent(history: History, purchases_half_life: int, value_half_life: int) -> ir.Table:
    ticks, end = TICKS_PER_DAY[history.purchase], observation_end(history)

    def halved(days: int) -> Deferred:
        return ((_["at"] - end * ticks) * (math.log(2.0) / ticks / days)).exp()

    seen = purchases(history.tables, history.purchase).select(
        "customer_id",
        often=(halved(purchases_half_life) * FRACTION).round().cast("int64"),
        worth=(halved(value_half_life) * _.value_cents * FRACTION).round().cast("int64"),
    )
    return seen.group_by("customer_id").aggregate(
        recent_purchases=_.often.sum() / FRACTION, recent_value_cents=_.worth.sum() / FRACTION
    )


def _refuse_short(*half_lives: int) -> None:
    short: Sequence[int] = [days for days in half_lives if days < 1]
    if short:
        raise InputError(f"personas: a half-life is {short[0]} days; the shortest is 1 day")
