"""Superstore: Tableau's made-up shop, with discounts, costs and returns."""

from datetime import datetime
from typing import ClassVar

import ibis
import ibis.expr.types as ir
from pydantic.dataclasses import dataclass

from lifeworth.tables.check import checked
from lifeworth.tables.core import Tables
from lifeworth.tables.faults import Rule, broken, refuse, sentence
from lifeworth.tables.money import to_cents
from lifeworth.tables.options import DATED
from lifeworth.tables.reading import Field, connect, read_file, typed
from lifeworth.tables.sources.about import About
from lifeworth.tables.sources.lines import first_of, order_lines_of, orders_of
from lifeworth.tables.sources.shape import STRICT

FIELDS = {
    "invoice": Field("Order ID", "text"),
    "ordered_at": Field("Order Date", "time"),
    "customer_id": Field("Customer ID", "text"),
    "segment": Field("Segment", "text"),
    "country": Field("Country/Region", "text"),
    "product_id": Field("Product ID", "text"),
    "category": Field("Category", "text"),
    "name": Field("Product Name", "text"),
    "sales": Field("Sales", "number"),
    "quantity": Field("Quantity", "count"),
    "discount": Field("Discount", "number"),
    "profit": Field("Profit", "number"),
}

RULES = (
    Rule(
        name="discount",
        column="discount",
        faulty=lambda t: (t.discount < 0) | (t.discount >= 1),
        says="have a Discount outside 0..1",
        remedy="it is the share taken off the price, and Sales is what was left",
    ),
    Rule(
        name="cost",
        column="profit",
        faulty=lambda t: to_cents(t.sales) < to_cents(t.profit),
        says="have a Profit above their Sales, so a cost below 0",
        remedy="correct them: the cost of the goods is Sales - Profit",
    ),
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Superstore:
    """Superstore; money is margin in USD.

    Sales is what was paid, after the discount. Per line, in whole cents, halves to even: the amount
    is Sales / (1 - Discount), the discount is the amount less Sales, and the cost is Sales less
    Profit, so the margin of a line is its Profit. Tax and shipping are 0 because the file has
    none. An order is returned as a whole if its number is in the returns, which repeat it for each
    line; they have no dates, so returned_at is null.

    Two order numbers are shared by four customers each; there the order_id is the number, a slash
    and the customer (5,111 numbers make 5,117 orders). A customer has the country, and a product
    the name, of its first line: 26 customers ordered from two countries, 32 product numbers have
    two names. `date_format` is the strptime pattern of Order Date in a CSV file, ISO 8601 if None.
    """

    about: ClassVar[About] = About(
        name="superstore",
        what="a made-up shop for office goods, 2019-01..2022-12: 10,194 lines, 804 customers, USD,"
        " margin",
        files={
            "superstore_orders": ", ".join(f.column for f in FIELDS.values()),
            "superstore_returns": "Order ID",
        },
        where="Tableau's sample workbook 'Sample - Superstore.xls', which comes with Tableau",
        terms="none stated; made up by Tableau as sample data",
        convert="pandas.read_excel('Sample - Superstore.xls', sheet_name='Orders', dtype={"
        "'Postal Code': str}).to_parquet('superstore_orders.parquet'), and 'Returns' likewise",
    )
    folder: str | None = None
    date_format: str | None = None

    def load(self, latest: datetime | None = None) -> Tables:
        """Return orders, order lines, customers and products.

        Raises
        ------
        InputError
            If a file is not there or not as it should be, a cost is negative, or a time is after
            `latest`.
        """
        con = connect()
        raw = read_file(con, self.about.find(self.folder, "superstore_orders"))
        lines = con.create_table(
            "typed", typed("superstore_orders", raw, FIELDS, self.date_format, DATED)
        )
        refuse(
            sentence("superstore_orders", lines, rule, "invoice") for rule in broken(lines, RULES)
        )
        back = read_file(con, self.about.find(self.folder, "superstore_returns"))
        returns = typed(
            "superstore_returns", back, {"invoice": Field("Order ID", "text")}
        ).distinct()
        lines = con.create_table("lines", _lines(lines, returns))
        others = {
            "order_lines": con.create_table("order_lines", order_lines_of(lines)),
            "customers": con.create_table(
                "customers", first_of(lines, "customer_id", ["country", "segment"])
            ),
            "products": con.create_table(
                "products", first_of(lines, "product_id", ["name", "category"])
            ),
        }
        orders = con.create_table("orders", orders_of(lines))
        return checked(orders, others, currency="USD", latest=latest)


def _lines(typed_lines: ir.Table, returns: ir.Table) -> ir.Table:
    raw = typed_lines.mutate(row=ibis.row_number())
    paid, zero = to_cents(raw.sales), ibis.literal(0, type="int64")
    amount = to_cents(raw.sales / (1 - raw.discount))
    listed = returns.mutate(listed=ibis.literal(True))
    joined = raw.mutate(
        order_id=_order_id(raw),
        currency=ibis.literal("USD"),
        amount_cents=amount,
        discount_cents=amount - paid,
        tax_cents=zero,
        shipping_cents=zero,
        cogs_cents=paid - to_cents(raw.profit),
    ).left_join(listed, "invoice")
    returned = joined.listed.fill_null(False)
    return joined.mutate(returned=returned, returned_at=ibis.null("timestamp"))


def _order_id(raw: ir.Table) -> ir.StringColumn:
    by_number = ibis.window(group_by="invoice")
    shared = raw.customer_id.min().over(by_number) != raw.customer_id.max().over(by_number)
    return shared.ifelse(raw.invoice + "/" + raw.customer_id, raw.invoice)
