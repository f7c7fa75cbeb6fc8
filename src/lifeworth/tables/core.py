"""Tables: the canonical tables of one store, immutable, on any Ibis backend."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from lifeworth.tables.content import row_sum
from lifeworth.tables.errors import InputError
from lifeworth.tables.reading import connect
from lifeworth.tables.schema import SCHEMAS

ValueIs = Literal["margin", "revenue"]

STORE_FILE = "store.json"


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The canonical tables of one store (columns in `tables.schema`).

    Attributes
    ----------
    orders
        Always there.
    currency
        ISO 4217 code of every amount.
    value_is
        "margin" where the cost of every order is known, else "revenue".
    """

    orders: ir.Table
    currency: str
    value_is: ValueIs
    order_lines: ir.Table | None = None
    customers: ir.Table | None = None
    products: ir.Table | None = None
    events: ir.Table | None = None
    treatments: ir.Table | None = None

    def present(self) -> dict[str, ir.Table]:
        """Return the tables that are there, by name."""
        pairs = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: table for name, table in pairs if isinstance(table, ir.Table)}

    def mapped(self, change: Callable[[str, ir.Table], ir.Table]) -> "Tables":
        """Return the same store with `change(name, table)` applied to each table that is there."""
        return replace(self, **{n: change(n, t) for n, t in self.present().items()})

    def content_hash(self) -> str:
        """Return 32 hex digits that change with any value, column, type or row, or the currency.

        The order of rows and columns does not count; a row that is there twice counts twice. Rows
        are streamed, so memory does not grow with the tables.
        """
        sums = {name: row_sum(table) for name, table in sorted(self.present().items())}
        whole = {"currency": self.currency, "value_is": self.value_is, "tables": sums}
        return blake2b(json.dumps(whole, sort_keys=True).encode(), digest_size=16).hexdigest()

    def write(self, folder: Path) -> None:
        """Write `<table>.parquet` for each table that is there, and `store.json`, into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self.present().items():
            table.to_parquet(folder / f"{name}.parquet")
        facts = {"currency": self.currency, "value_is": self.value_is, "tables": [*self.present()]}
        (folder / STORE_FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Tables":
        """Return the store that `write` left in `folder`, held in a DuckDB of its own.

        Raises
        ------
        InputError
            If `folder` holds no store, or a table that its `store.json` names is not there.
        """
        facts = _facts(folder)
        con = connect()
        tables = {name: _read_table(con, folder, name) for name in facts["tables"]}
        return cls(currency=facts["currency"], value_is=facts["value_is"], **tables)


def _facts(folder: Path) -> dict[str, str | list[str]]:
    path = folder / STORE_FILE
    if not path.is_file():
        raise InputError(f"'{folder}' holds no store: no file {STORE_FILE}; Tables.write makes one")
    return json.loads(path.read_text(encoding="utf-8"))


def _read_table(con: Backend, folder: Path, name: str) -> ir.Table:
    path = folder / f"{name}.parquet"
    if name not in SCHEMAS or not path.is_file():
        raise InputError(
            f"'{folder / STORE_FILE}' names table '{name}', but there is no {path.name};"
            " write the store again"
        )
    return con.create_table(name, con.read_parquet(path))
