"""Any shop: a CSV or Parquet file of orders or of order lines, its columns named in the config."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend
from pydantic.dataclasses import dataclass

from lifeworth.tables.check import checked
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import did_you_mean
from lifeworth.tables.faults import ROW, Rule, refuse, sentence
from lifeworth.tables.options import Options
from lifeworth.tables.parsing import Kind
from lifeworth.tables.reading import Field, Style, connect, read_file, typed
from lifeworth.tables.sources.about import About, existing
from lifeworth.tables.sources.lines import first_of, order_lines_of, orders_of
from lifeworth.tables.sources.shape import STRICT

MONEY = ("amount", "discount", "tax", "shipping", "cogs")

KINDS: dict[str, Kind] = {
    "order_id": "text",
    "customer_id": "text",
    "ordered_at": "time",
    "currency": "text",
    "returned": "truth",
    "returned_at": "time",
}
"""What may be mapped, beside money, for a file of orders."""

LINE_KINDS: dict[str, Kind] = {
    "product_id": "text",
    "quantity": "count",
    "name": "text",
    "category": "text",
}
"""What may be mapped besides, for a file of lines."""

NEEDED = {
    "orders": ("customer_id", "ordered_at", "amount"),
    "lines": ("order_id", "customer_id", "ordered_at", "amount", "product_id"),
}

OPTIONS = Options(
    columns="say which of them it is, as in 'data.columns.customer_id=\"Customer No\"'",
    delimiter="data.delimiter",
    encoding="data.encoding",
    date_format="data.date_format",
    decimal="data.decimal",
    units="data.units",
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Files:
    """A file of orders, or of order lines.

    Attributes
    ----------
    folder
        Where the file is, or where its sub-folder `files` is.
    file
        Its name; .csv (with a header), .tsv, .txt or .parquet.
    columns
        For each column of ours the file's. Ours are order_id, customer_id, ordered_at, currency,
        amount, discount, tax, shipping, cogs, returned, returned_at, and for lines also product_id,
        quantity, name, category. Orders need customer_id, ordered_at and amount; lines also
        order_id and product_id. What is not mapped, or mapped to None, is: order_id the number of
        the row; currency the one of the store; discount, tax, shipping 0; cogs unknown; returned
        whether there is a returned_at, else false; quantity 1.
    currency
        ISO 4217 code of the store.
    rows
        Whether a row is an order or a line of one; lines of one order are summed.
    units
        "money" for dollars, pounds, ..., which become integer cents, exact halves of a cent to the
        even one; "cents" for cents.
    date_format
        strptime pattern; ISO 8601 if None. Times with a zone are moved to UTC, others are UTC.
    decimal
        What stands before the cents in a text; with "," points separate thousands.
    delimiter, encoding
        Of a CSV file; "utf-8" (with or without a byte-order mark), "latin-1" or "utf-16".

    Ids are read as text, so leading zeros stay.
    """

    about: ClassVar[About] = About(
        name="files",
        what="your own orders or order lines, in one CSV or Parquet file whose columns you name",
        files={},
        where="your shop",
        terms="yours",
    )
    file: str
    columns: dict[str, str | None]
    currency: str
    folder: str | None = None
    rows: Literal["orders", "lines"] = "orders"
    units: Literal["cents", "money"] = "money"
    date_format: str | None = None
    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    encoding: Literal["utf-8", "latin-1", "utf-16"] = "utf-8"

    def load(self, latest: datetime | None = None) -> Tables:
        """Return orders and customers; for lines also order lines and products.

        Raises
        ------
        InputError
            If a mapping is unknown or missing, or the file is not there, cannot be read or does not
            keep to the schema, or a time is after `latest`.
        """
        fields = self._fields()
        con = connect()
        raw = read_file(con, self._path(), Style(self.delimiter, self.encoding, OPTIONS))
        if self.decimal == ",":
            raw = _with_points(raw, fields)
        rows = typed(self.file, raw, fields, self.date_format, OPTIONS).mutate(
            row=ibis.row_number()
        )
        full = con.create_table("rows", _filled(rows, self.currency))
        load = _load_lines if self.rows == "lines" else _load_orders
        orders, others = load(con, full)
        return checked(orders, others, currency=self.currency, latest=latest)

    def _path(self) -> Path:
        folder = Path(existing(self.folder, "files"))
        inside = folder / self.about.name / self.file
        return inside if inside.is_file() else folder / self.file

    def _fields(self) -> dict[str, Field]:
        """Return what to read, by our names; money is called by its canonical name."""
        kinds = _kinds(self.rows, self.units)
        mapped = {name: column for name, column in self.columns.items() if column is not None}
        given = {name.removesuffix("_cents"): column for name, column in mapped.items()}
        refuse(_mapping_faults(given, kinds, self.rows))
        return {_canonical(n): Field(column, kinds[n]) for n, column in given.items()}


def _kinds(rows: Literal["orders", "lines"], units: Kind) -> dict[str, Kind]:
    kinds = KINDS | dict.fromkeys(MONEY, units)
    return kinds | LINE_KINDS if rows == "lines" else kinds


def _canonical(name: str) -> str:
    return f"{name}_cents" if name in MONEY else name


def _mapping_faults(given: dict[str, str], kinds: dict[str, Kind], rows: str) -> Iterator[str]:
    for name in given:
        if name not in kinds:
            hint = did_you_mean(name, kinds)
            names = ", ".join(kinds)
            yield f"files: columns has '{name}', unknown in a file of {rows}{hint}; it has {names}"
    for name in NEEDED[rows]:
        if name not in given:
            needed = ", ".join(NEEDED[rows])
            yield f"files: columns does not name '{name}'; a file of {rows} needs {needed}"


def _with_points(raw: ir.Table, fields: dict[str, Field]) -> ir.Table:
    """Write 1.234,50 as 1234.50 in the columns of money."""
    money = {f.column for f in fields.values() if f.kind in ("money", "cents")}
    text = [c for c in money & set(raw.columns) if raw[c].type().is_string()]
    return raw.mutate(**{c: raw[c].replace(".", "").replace(",", ".") for c in text})


def _filled(rows: ir.Table, currency: str) -> ir.Table:
    """Add the canonical columns that the file does not have."""
    zero = ibis.literal(0, type="int64")
    absent = {
        "order_id": (rows.row + 1).cast("string"),
        "currency": ibis.literal(currency),
        "discount_cents": zero,
        "tax_cents": zero,
        "shipping_cents": zero,
        "cogs_cents": ibis.null("int64"),
        "returned": rows.returned_at.notnull()
        if "returned_at" in rows.columns
        else ibis.literal(False),
        "returned_at": ibis.null("timestamp"),
    }
    return rows.mutate(
        **{name: value for name, value in absent.items() if name not in rows.columns}
    )


def _load_orders(con: Backend, rows: ir.Table) -> tuple[ir.Table, dict[str, ir.Table]]:
    customers = rows.filter(rows.customer_id.notnull()).select("customer_id").distinct()
    return rows.drop("row"), {"customers": con.create_table("customers", customers)}


def _load_lines(con: Backend, rows: ir.Table) -> tuple[ir.Table, dict[str, ir.Table]]:
    lines = (
        rows if "quantity" in rows.columns else rows.mutate(quantity=ibis.literal(1, type="int64"))
    )
    rules = [MIXED, CURRENCIES, NO_ORDER, *map(_blank, SUMMED_UP)]
    refuse(sentence("files", lines, rule, "order_id") for rule in rules)
    described = [c for c in ("name", "category") if c in lines.columns]
    products = first_of(lines, "product_id", described)
    if "name" not in described:
        products = products.mutate(name=ibis.null("string"))
    others = {
        "order_lines": con.create_table("order_lines", order_lines_of(lines)),
        "customers": con.create_table("customers", first_of(lines, "customer_id", [])),
        "products": con.create_table("products", products),
    }
    return con.create_table("orders", orders_of(lines)), others


def _unlike_first(lines: ir.Table, name: str) -> ir.BooleanValue:
    """Mark the lines that differ in `name` from the first line of their order."""
    order = ibis.window(group_by="order_id", order_by=ROW)
    return lines[name] != lines[name].first().over(order)


def _blank(name: str) -> Rule:
    return Rule(
        name=f"{name} missing",
        column=name,
        faulty=lambda t: t[name].isnull(),
        says=f"have no {name.removesuffix('_cents')}",
        remedy="fill it in, on every line of an order, or leave those rows out",
    )


SUMMED_UP = ("customer_id", "ordered_at", "currency", "tax_cents", "shipping_cents", "returned")
"""What an order takes from its lines, so that a missing value would not be seen in the order."""

MIXED = Rule(
    name="mixed order",
    column="customer_id",
    faulty=lambda t: _unlike_first(t, "customer_id"),
    says="belong to an order that began with another customer",
    remedy="an order has one customer: map an order_id that does not repeat",
)

CURRENCIES = Rule(
    name="mixed currencies",
    column="currency",
    faulty=lambda t: _unlike_first(t, "currency"),
    says="have another currency than the first line of their order",
    remedy="an order has one currency: convert the amounts first",
)

NO_ORDER = Rule(
    name="no order",
    column="customer_id",
    faulty=lambda t: t.order_id.isnull(),
    says="have no order_id",
    remedy="fill it in or leave those rows out",
)
