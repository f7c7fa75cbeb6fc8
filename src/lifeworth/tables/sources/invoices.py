"""Lines of invoices and credit notes, as a British wholesaler keeps them, become a store."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from lifeworth.tables.check import checked
from lifeworth.tables.core import Tables
from lifeworth.tables.money import to_cents
from lifeworth.tables.sources.lines import first_of, order_lines_of, orders_of

Cancellations = Literal["drop", "match"]

SERVICES = (
    *("POST", "DOT", "C2", "C3"),
    *("M", "m", "D", "S", "B", "ADJUST", "ADJUST2", "TEST001", "TEST002", "GIFT"),
    *("AMAZONFEE", "BANK CHARGES", "CRUK"),
)
"""Codes that are no goods: ways of delivery, what was booked by hand, fees."""

SAME_LINE = ("customer_id", "product_id", "price", "pieces")
"""What a credit line has in common with the line it takes back."""


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """Which lines count.

    Attributes
    ----------
    cancellations
        "drop" leaves credit notes (invoices that start with C) out and nothing else: the orders
        they took back stay. "match" leaves them out too, but pairs each credit line with the
        latest earlier line of the same customer, product, price and quantity that no credit took
        back yet; an order all of whose lines were taken back is returned, at the time of the last
        of those credit notes. Partial returns change nothing.
    price_above_zero
        Leave out lines that cost nothing.
    drop_exact_duplicates
        Of lines that agree in every column, keep the first.
    """

    cancellations: Cancellations
    price_above_zero: bool
    drop_exact_duplicates: bool


def load_invoices(
    con: Backend, raw: ir.Table, cleaning: Cleaning, latest: datetime | None
) -> Tables:
    """Return the store of lines with known customers; money is revenue in GBP.

    Lines for postage, manual adjustments and the like (POST, M, D, ...) count as the shop booked
    them. Cost is unknown; tax, shipping and discount are 0 because the files have none. A customer
    has the country, and a product the description, of its first line.

    Parameters
    ----------
    con
        Where the tables are made.
    raw
        row (position in the file), order_id, product_id, name, quantity, ordered_at, price (GBP of
        one piece), customer_id, country.
    cleaning
        Which lines count.
    latest
        As in `tables.check.checked`.
    """
    kept = con.create_table("kept", _kept(raw, cleaning))
    credit = kept.order_id.startswith("C")
    sold = kept.filter(~credit).mutate(returned_at=ibis.null("timestamp"))
    if cleaning.cancellations == "match":
        sold = with_returns(kept)
    lines = con.create_table("lines", _lines(sold))
    others = {
        "order_lines": con.create_table("order_lines", order_lines_of(lines)),
        "customers": con.create_table("customers", first_of(lines, "customer_id", ["country"])),
        "products": con.create_table("products", first_of(lines, "product_id", ["name"])),
    }
    orders = con.create_table("orders", orders_of(lines))
    return checked(orders, others, currency="GBP", latest=latest)


def _kept(raw: ir.Table, cleaning: Cleaning) -> ir.Table:
    known = raw.filter(raw.customer_id.notnull())
    if cleaning.price_above_zero:
        known = known.filter(known.price > 0)
    if cleaning.drop_exact_duplicates:
        columns = [c for c in known.columns if c != "row"]
        copy = ibis.row_number().over(group_by=columns, order_by="row")
        known = known.mutate(copy=copy).filter(lambda t: t.copy == 0).drop("copy")
    return known


def with_returns(kept: ir.Table) -> ir.Table:
    """Return the lines sold, with `returned_at`: when a credit line took each back, or null.

    Credits take back like closing brackets the latest open one, so a line and its credit are
    neighbours among the lines of equal depth. A credit with nothing open is left alone.
    """
    signed = _signed(kept).filter(lambda t: t.sign != 0)
    history = {"group_by": SAME_LINE, "order_by": ["ordered_at", "sign", "row"]}
    summed = signed.mutate(height=signed.sign.cumsum(**history))
    floor = ibis.least(summed.height.cummin(**history), 0)
    stacked = summed.mutate(depth=summed.height - floor, opened=summed.sign > 0)
    level = stacked.depth + stacked.opened.ifelse(0, 1)
    levelled = stacked.mutate(level=level)
    near = ibis.window(group_by=[*SAME_LINE, "level"], order_by=["ordered_at", "sign", "row"])
    after = levelled.mutate(
        next_opened=levelled.opened.lead().over(near), next_at=levelled.ordered_at.lead().over(near)
    )
    sold = after.filter(after.opened)
    taken_back = sold.next_opened.fill_null(True).ifelse(None, sold.next_at)
    return sold.select(*kept.columns, returned_at=taken_back)


def _signed(kept: ir.Table) -> ir.Table:
    """Add `sign`, +1 where sold and -1 where credited, and `pieces`, the quantity without sign."""
    credit = kept.order_id.startswith("C")
    sign = ibis.cases((~credit, 1), (kept.quantity < 0, -1), else_=0)
    return kept.mutate(sign=sign, pieces=kept.quantity.abs())


def _lines(sold: ir.Table) -> ir.Table:
    zero = ibis.literal(0, type="int64")
    return sold.mutate(
        currency=ibis.literal("GBP"),
        amount_cents=to_cents(sold.quantity * sold.price),
        discount_cents=zero,
        tax_cents=zero,
        shipping_cents=zero,
        cogs_cents=ibis.null("int64"),
        returned=sold.returned_at.notnull(),
    )
