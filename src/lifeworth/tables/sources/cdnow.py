"""CDNOW: orders of a shop for music on CD, 1997 and 1998, to which the BTYD papers fit."""

import importlib.util
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis.backends.duckdb import Backend
from pydantic.dataclasses import dataclass

from lifeworth.tables.check import checked
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import NotThereError
from lifeworth.tables.reading import Field, connect, read_file, typed
from lifeworth.tables.sources.about import About, existing
from lifeworth.tables.sources.shape import STRICT

COLUMNS = ("customer_id", "date", "number_of_cds", "dollar_value")

FIELDS = {
    "customer_id": Field("customer_id", "text"),
    "ordered_at": Field("date", "time"),
    "amount_cents": Field("dollar_value", "money"),
}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Cdnow:
    """CDNOW, read from a data folder if it is there, else from the package lifetimes.

    Each line of the file is an order (255 lines repeat another exactly, and are orders too); its
    number among the orders is the order_id. Money is revenue in USD: no cost is known, and tax,
    shipping and discount are 0 because the file has none.
    """

    about: ClassVar[About] = About(
        name="cdnow",
        what="a shop for music on CD, 1997-01..1998-06: 23,570 customers, 69,659 orders (sample:"
        " 2,357 and 6,919), USD, revenue",
        files={
            f"cdnow_{which}": ", ".join(COLUMNS)
            + (" and customer_index" if which == "sample" else "")
            for which in ("master", "sample")
        },
        where="the Python package lifetimes (pip install lifetimes), or brucehardie.com/notes/026",
        terms="none stated; made available by Fader and Hardie for research",
        convert="none needed, the files inside lifetimes are read as they are",
    )
    which: Literal["master", "sample"] = "master"
    folder: str | None = None

    def load(self, latest: datetime | None = None) -> Tables:
        """Return orders and customers.

        Raises
        ------
        NotThereError
            If neither the folder nor lifetimes holds the file, or a time is after `latest`.
        """
        con = connect()
        raw = typed("cdnow", self._raw(con), FIELDS)
        orders = con.create_table("orders", _orders(raw))
        customers = con.create_table("customers", orders.select("customer_id").distinct())
        return checked(orders, {"customers": customers}, currency="USD", latest=latest)

    def _raw(self, con: Backend) -> ir.Table:
        stem = f"cdnow_{self.which}"
        named = self.folder if self.folder is None else existing(self.folder, "cdnow")
        path = self.about.found(named, stem)
        if path is not None:
            return read_file(con, path)
        return con.create_table("raw", ibis.memtable(_read_text(self._in_lifetimes())))

    def _in_lifetimes(self) -> Path:
        spec = importlib.util.find_spec("lifetimes")  # finds a package without running it
        if spec is None or spec.origin is None:
            raise NotThereError(
                f"cdnow: no file cdnow_{self.which}.parquet in the data folder, and the package"
                " lifetimes, which holds the data, is not installed",
                "pip install lifetimes, or name the folder by data.folder=... or LIFEWORTH_DATA",
            )
        return Path(spec.origin).parent / "datasets" / f"CDNOW_{self.which}.txt"


def _read_text(path: Path) -> pd.DataFrame:
    """Read the columns from the right: the sample has a second id, and no header."""
    rows = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    lines = [(row[0], *row[-3:]) for row in rows if row and row[0].isdigit()]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    return frame.assign(date=pd.to_datetime(frame.date, format="%Y%m%d"))


def _orders(raw: ir.Table) -> ir.Table:
    zero = ibis.literal(0, type="int64")
    return raw.mutate(
        order_id=(ibis.row_number() + 1).cast("string"),
        currency=ibis.literal("USD"),
        discount_cents=zero,
        tax_cents=zero,
        shipping_cents=zero,
        cogs_cents=ibis.null("int64"),
        returned=ibis.literal(False),
        returned_at=ibis.null("timestamp"),
    )
