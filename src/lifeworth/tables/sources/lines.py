"""Order lines with their order's columns become canonical orders, order lines and products."""

import ibis
import ibis.expr.types as ir

LINE_COLUMNS = (
    "order_id",
    "line_number",
    "product_id",
    "quantity",
    "amount_cents",
    "discount_cents",
    "cogs_cents",
)


def numbered(lines: ir.Table) -> ir.Table:
    """Return `lines` with `line_number` from 1 inside each order, in the order of column `row`."""
    position = ibis.row_number().over(group_by="order_id", order_by="row") + 1
    return lines.mutate(line_number=position.cast("int64"))


def orders_of(lines: ir.Table) -> ir.Table:
    """Return one canonical order per `order_id`.

    Money is summed; the cost is null if that of any line is; an order is returned if every line is,
    at the time of the last return, and placed at the time of its first line.
    """
    return lines.group_by("order_id").aggregate(
        customer_id=lines.customer_id.min(),
        ordered_at=lines.ordered_at.min(),
        currency=lines.currency.min(),
        amount_cents=_sum(lines.amount_cents),
        discount_cents=_sum(lines.discount_cents),
        tax_cents=_sum(lines.tax_cents),
        shipping_cents=_sum(lines.shipping_cents),
        cogs_cents=lines.cogs_cents.isnull().any().ifelse(None, _sum(lines.cogs_cents)),
        returned=lines.returned.all(),
        returned_at=lines.returned.all().ifelse(lines.returned_at.max(), None),
    )


def order_lines_of(lines: ir.Table) -> ir.Table:
    """Return the canonical order lines."""
    return numbered(lines).select(*LINE_COLUMNS)


def first_of(lines: ir.Table, key: str, columns: list[str]) -> ir.Table:
    """Return one row per `key` with the value of each column at its first row that has one."""
    first = {c: lines[c].argmin(lines.row) for c in columns}
    return lines.group_by(key).aggregate(**first)


def _sum(cents: ir.IntegerColumn) -> ir.IntegerScalar:
    return cents.sum().cast("int64")
