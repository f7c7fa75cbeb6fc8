"""Lines of kept orders with what each is worth, as known: what products and carts are made of."""

import ibis.expr.types as ir

from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError


def kept_lines(tables: Tables, services: tuple[str, ...] = ()) -> ir.Table:
    """Return the lines of orders that did not come back, without `services`.

    Columns: order_id, customer_id, ordered_at, line_number, product_id, quantity, paid_cents (after
    the discount, without tax) and value_cents, the line's part of the order's margin or revenue
    (`tables.margin`): the tax is shared out by what was paid, shipping belongs to no line. Where a
    line's cost is unknown and its order's is known, that is shared out likewise.

    Raises
    ------
    InputError
        If the orders have no lines.
    """
    every = lines_of(tables, services)
    return every.filter(~every.returned).drop("returned")


def lines_of(tables: Tables, services: tuple[str, ...] = ()) -> ir.Table:
    """Return the lines of `kept_lines` and those of orders that came back, with `returned`."""
    if tables.order_lines is None:
        raise InputError(
            "orders: they have no lines, so nobody knows which products were bought together; give "
            "a file of lines (data.rows=lines), or choose a source that has them, such as "
            "data=online_retail"
        )
    lines = tables.order_lines
    if services:
        lines = lines.filter(~lines.product_id.isin(services))
    own = lines.select(
        *("order_id", "line_number", "product_id", "quantity"),
        cogs_of_line=lines.cogs_cents,
        paid=lines.amount_cents - lines.discount_cents,
    )
    both = own.inner_join(_orders(tables), "order_id")
    share = (both.paid_for_order > 0).ifelse(both.paid / both.paid_for_order, 0.0)
    paid = (both.paid - share * both.tax_cents).round().cast("int64")
    cost = 0
    if tables.value_is == "margin":
        shared = (share * both.cogs_of_order).round().cast("int64")
        cost = both.cogs_of_line.fill_null(shared)
    return both.select(
        *("order_id", "customer_id", "ordered_at", "line_number", "product_id", "quantity"),
        "returned",
        paid_cents=paid,
        value_cents=paid - cost,
    )


def _orders(tables: Tables) -> ir.Table:
    orders: ir.Table = tables.orders
    return orders.select(
        *("order_id", "customer_id", "ordered_at", "tax_cents", "returned"),
        cogs_of_order=orders.cogs_cents,
        paid_for_order=orders.amount_cents - orders.discount_cents,
    )
