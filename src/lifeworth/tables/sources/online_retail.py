"""Online Retail: one year of invoices of a British wholesaler of gifts."""

from datetime import datetime
from typing import ClassVar

import ibis
from pydantic.dataclasses import dataclass

from lifeworth.tables.core import Tables
from lifeworth.tables.options import DATED
from lifeworth.tables.reading import Field, connect, read_file, typed
from lifeworth.tables.sources.about import About
from lifeworth.tables.sources.invoices import SERVICES, Cancellations, Cleaning, load_invoices
from lifeworth.tables.sources.shape import STRICT

FIELDS = {
    "order_id": Field("InvoiceNo", "text"),
    "product_id": Field("StockCode", "text"),
    "name": Field("Description", "text"),
    "quantity": Field("Quantity", "count"),
    "ordered_at": Field("InvoiceDate", "time"),
    "price": Field("UnitPrice", "number"),
    "customer_id": Field("CustomerID", "count"),
    "country": Field("Country", "text"),
}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OnlineRetail:
    """Online Retail; see `sources.invoices.Cleaning` for the three ways to clean it.

    Lines without a customer are left out: 541,909 lines become 397,924 of 4,339 customers.
    `date_format` is the strptime pattern of InvoiceDate in a CSV file, ISO 8601 if None.
    """

    about: ClassVar[About] = About(
        name="online_retail",
        what="a British wholesaler of gifts, 2010-12..2011-12: 541,909 lines, 4,339 customers, GBP,"
        " revenue",
        files={"online_retail": ", ".join(f.column for f in FIELDS.values())},
        where="UCI Machine Learning Repository, dataset 352 (Chen, Sain and Guo 2012,"
        " doi:10.1057/dbm.2012.17)",
        terms="CC BY 4.0",
        convert="pandas.read_excel('Online Retail.xlsx', dtype={'InvoiceNo': str, 'StockCode': str,"
        " 'Description': str}).to_parquet('online_retail.parquet')",
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
            If the file is not there or not as it should be, or a time is after `latest`.
        """
        con = connect()
        raw = read_file(con, self.about.find(self.folder, "online_retail"))
        lines = typed("online_retail", raw, FIELDS, self.date_format, DATED)
        named = lines.mutate(customer_id=lines.customer_id.cast("string"), row=ibis.row_number())
        cleaning = Cleaning(
            cancellations=self.cancellations,
            price_above_zero=self.price_above_zero,
            drop_exact_duplicates=self.drop_exact_duplicates,
        )
        return load_invoices(con, named, cleaning, latest)
