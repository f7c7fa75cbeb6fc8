"""Products as known at the cut-off: what they cost, bring, how often they sell and come back."""

import ibis.expr.types as ir
import pandas as pd
from ibis import _

from lifeworth.asof.lines import kept_lines, lines_of
from lifeworth.asof.split import History
from lifeworth.tables.core import Tables

DESCRIBED = ("name", "category")


def products(history: History, services: tuple[str, ...] = ()) -> ir.Table:
    """Return one row per product that was sold before the cut-off.

    Parameters
    ----------
    services
        Product ids that are no goods (postage, fees); they are left out.

    Returns
    -------
    ir.Table
        product_id; name and category, where the store has them (they have no time, and are those of
        today); orders and customers, how many kept orders held it and of how many customers;
        popularity, the share of kept orders that held it; price_cents, paid for one piece on
        average, after discounts and without tax, of kept orders (null if all came back);
        margin_cents, what a kept order's lines of it were worth on average: margin where costs are
        known, else revenue (null likewise); return_rate, the share of its orders that were known to
        have come back.

    Raises
    ------
    InputError
        If the orders have no lines.
    """
    every = lines_of(history.tables, services)
    sold = every.group_by("product_id").aggregate(
        sold=_.order_id.nunique(), back=_.order_id.nunique(where=_.returned)
    )
    kept = kept_lines(history.tables, services)
    number = kept.order_id.nunique().as_scalar()
    told = kept.group_by("product_id").aggregate(
        orders=_.order_id.nunique(),
        customers=_.customer_id.nunique(),
        paid=_.paid_cents.sum(),
        pieces=_.quantity.sum(),
        value=_.value_cents.sum(),
    )
    both = sold.left_join(told, "product_id").drop("product_id_right")
    found = both.select(
        "product_id",
        orders=both.orders.fill_null(0),
        customers=both.customers.fill_null(0),
        popularity=both.orders.fill_null(0) / number,
        price_cents=(both.paid / both.pieces).round().cast("int64"),
        margin_cents=(both.value / both.orders).round().cast("int64"),
        return_rate=both.back / both.sold,
    )
    return _described(history.tables, found)


def _described(tables: Tables, found: ir.Table) -> ir.Table:
    """Put name and category, where there are such columns, after the id."""
    if tables.products is None:
        return found
    own: list[str] = [c for c in DESCRIBED if c in tables.products.columns]
    given = tables.products.select("product_id", *own)
    both = found.left_join(given, "product_id").drop("product_id_right")
    rest = [c for c in found.columns if c != "product_id"]
    return both.select("product_id", *own, *rest)


def product_frame(history: History, services: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return `products` as a frame, sorted by product_id."""
    frame = products(history, services).to_pandas()
    return frame.sort_values("product_id", ignore_index=True)
