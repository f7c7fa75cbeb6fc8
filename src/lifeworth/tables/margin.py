"""What an order is worth: the one place that says how tax, shipping, discount and returns count."""

import ibis.expr.types as ir

from lifeworth.tables.core import ValueIs


def order_value(orders: ir.Table, value_is: ValueIs) -> ir.IntegerColumn:
    """Return the value of each order in cents, named `value_cents`, as an expression over `orders`.

    Reading of the columns, all in cents, none negative:

    - `amount_cents` is what the goods cost the customer before the discount, tax included;
    - `discount_cents` was taken off it, so the customer paid amount - discount for the goods;
    - `tax_cents` is the part of what was paid that goes to the state, so it is never the shop's;
    - `cogs_cents` is what the goods cost the shop; a returned order brings the goods back for sale,
      so it costs nothing but the way;
    - `shipping_cents` is what delivery costs the shop beyond what the customer paid for it; it is
      spent whether or not the order comes back;
    - `returned` means that the whole order came back and was refunded in full.

    So margin = (amount - discount - tax - cogs) if not returned else 0, minus shipping, and
    revenue = (amount - discount - tax) if not returned else 0.

    An order of 12,000 c with 2,000 c off, 1,597 c tax inside the 10,000 c paid, 5,000 c cost of
    goods and 400 c shipping has a margin of 12,000 - 2,000 - 1,597 - 5,000 - 400 = 3,003 c and a
    revenue of 8,403 c; had it come back, -400 c and 0 c. A margin may be negative.

    Parameters
    ----------
    orders
        A table with the columns of `tables.schema.ORDERS`.
    value_is
        "revenue" leaves cost and shipping out: it is used for a whole store as soon as the cost
        of one order is unknown, so that all its orders are measured alike. With "margin" an order
        of unknown cost is null; a store that `tables.check.checked` calls "margin" has none.
    """
    paid = orders.amount_cents - orders.discount_cents - orders.tax_cents
    if value_is == "revenue":
        return orders.returned.ifelse(0, paid).cast("int64").name("value_cents")
    kept = orders.returned.ifelse(0, paid - orders.cogs_cents)
    return (kept - orders.shipping_cents).cast("int64").name("value_cents")
