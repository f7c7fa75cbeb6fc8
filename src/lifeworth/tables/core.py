"""Tables: the canonical tables of one store, immutable, on any Ibis backend."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Literal

import ibis.expr.types as ir

ValueIs = Literal["margin", "revenue"]


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
