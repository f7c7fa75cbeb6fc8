"""What links customers: the products they bought, or a column they have in common."""

import ibis.expr.types as ir
import pandas as pd
from ibis import _

from lifeworth.asof.attributes import UNKNOWN, categories
from lifeworth.asof.split import History

CO_PURCHASE = "co_purchase"


def links(history: History, by: str) -> pd.DataFrame:
    """Return customer_id and group, a row for each group a customer is in, sorted.

    Parameters
    ----------
    by
        "co_purchase" for the products of their orders (nobody is in a group where orders have no
        lines), or a text column of the customers, such as a household or who referred them; who
        has no value there is in no group.

    Raises
    ------
    InputError
        If there is no such column.
    """
    pairs = _bought(history) if by == CO_PURCHASE else _named(history, by)
    return pairs.sort_values(["customer_id", "group"], ignore_index=True)


def shared(pairs: pd.DataFrame, most: int) -> pd.DataFrame:
    """Keep groups of 2 to `most` customers: what nearly everybody bought links nobody."""
    sizes = pairs["group"].map(pairs["group"].value_counts())
    return pairs[(sizes > 1) & (sizes <= most)].reset_index(drop=True)


def _bought(history: History) -> pd.DataFrame:
    lines = history.tables.order_lines
    if lines is None:
        return pd.DataFrame({"customer_id": [], "group": []}, dtype=object)
    orders: ir.Table = history.tables.orders.select("order_id", "customer_id")
    both = lines.select("order_id", group=_.product_id).inner_join(orders, "order_id")
    return both.select("customer_id", "group").distinct().to_pandas()


def _named(history: History, column: str) -> pd.DataFrame:
    frame = categories(history, [column]).rename(columns={column: "group"})
    return frame[frame["group"] != UNKNOWN]
