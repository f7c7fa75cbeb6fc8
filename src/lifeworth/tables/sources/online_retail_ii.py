"""Online Retail II: two years of invoices of the same wholesaler, in two sheets that overlap."""

from datetime import datetime
from typing import ClassVar

import ibis
import ibis.expr.types as ir
from pydantic.dataclasses import dataclass

from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError
from lifeworth.tables.options import DATED
from lifeworth.tables.reading import Field, connect, read_file, typed
from lifeworth.tables.sources.about import About
from lifeworth.tables.sources.invoices import SERVICES, Cancellations, Cleaning, load_invoices
from lifeworth.tables.sources.shape import STRICT

FIELDS = {
    "order_id": Field("Invoice", "text"),
    "product_id": Field("StockCode", "text"),
    "name": Field("Description", "text"),
    "quantity": Field("Quantity", "count"),
    "ordered_at": Field("InvoiceDate", "time"),
    "price": Field("Price", "number"),
    "customer_id": Field("Customer ID", "count"),
    "country": Field("Country", "text"),
}

OVERLAP = ("2010-12-01", "2010-12-10")
"""Both sheets hold these days, 22,523 lines each: from, and up to but without."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OnlineRetailII:
    """Online Retail II; see `sources.invoices.Cleaning` for the three ways to clean it.

    The file is both sheets, one after the other. The days in both, 2010-12-01 to 2010-12-09, count
    once: 1,067,371 lines become 1,044,848, of which 791,115 of 5,881 customers are kept after those
    without a customer and the credit notes. `date_format` is the strptime pattern of InvoiceDate in
    a CSV file, ISO 8601 if None.
    """

    about: ClassVar[About] = About(
        name="online_retail_ii",
        what="a British wholesaler of gifts, 2009-12..2011-12: 1,044,848 lines, 5,881 customers,"
        " GBP, revenue",
        files={"online_retail_ii": ", ".join(f.column for f in FIELDS.values())},
        where="UCI Machine Learning Repository, dataset 502 (doi:10.24432/C5CG6D)",
        terms="CC BY 4.0",
        convert="pandas.concat(pandas.read_excel('online_retail_II.xlsx', sheet_name=None, dtype={"
        "'Invoice': str, 'StockCode': str, 'Description': str}).values())"
        ".to_parquet('online_retail_ii.parquet')",
        services=SERVICES,
    )
    folder: str | None = None
    cancellations: Cancellations = "drop"
    price_above_zero: bool = False
    drop_exact_duplicates: bool = False
    date_format: str | None = None

    def load(self, latest: datetime | None = None) -> Tables:
        """Return orders, order lines, customers and products.

        Raises
        ------
        InputError
            If the file is not there or not as it should be, the overlap of its sheets is neither
            whole nor mended, or a time is after `latest`.
        """
        con = connect()
        raw = read_file(con, self.about.find(self.folder, "online_retail_ii"))
        lines = typed("online_retail_ii", raw, FIELDS, self.date_format, DATED)
        named = lines.mutate(customer_id=lines.customer_id.cast("string"), row=ibis.row_number())
        once = without_overlap(con.create_table("lines_of_file", named))
        cleaning = Cleaning(
            cancellations=self.cancellations,
            price_above_zero=self.price_above_zero,
            drop_exact_duplicates=self.drop_exact_duplicates,
        )
        return load_invoices(con, once, cleaning, latest)


def without_overlap(lines: ir.Table) -> ir.Table:
    """Return `lines` with the days that both sheets hold counted once.

    It does not matter where the second sheet begins: where every distinct line of those days is
    there an even number of times, half of each are kept. Where hardly any is, the file was mended
    before and is returned as it is.

    Raises
    ------
    InputError
        If some lines of those days are there an odd and some an even number of times.
    """
    first, end = (ibis.timestamp(day) for day in OVERLAP)
    both = (lines.ordered_at >= first) & (lines.ordered_at < end)
    columns = [c for c in lines.columns if c != "row"]
    copies = lines.filter(both).group_by(columns).aggregate(copies=lambda t: t.count())
    kinds = copies.aggregate(odd=(copies.copies % 2).sum(), kinds=copies.count())
    odd, kind = kinds.to_pyarrow().to_pylist()[0].values()
    if 2 * (odd or 0) > kind or not kind:
        return lines
    if odd:
        raise InputError(
            f"online_retail_ii: {odd:,} of {kind:,} distinct lines of 2010-12-01..2010-12-09, which"
            " both sheets hold, are there an odd number of times; join the two sheets as published"
        )
    twice = lines.filter(both)
    position = ibis.row_number().over(group_by=columns, order_by="row")
    marked = twice.mutate(position=position, number=twice.count().over(group_by=columns))
    half = marked.filter(marked.position * 2 < marked.number).select(*lines.columns)
    return lines.filter(~both).union(half)
