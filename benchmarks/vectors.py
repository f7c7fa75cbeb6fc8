"""Stores whose customers are vectors: columns that a persona is made of."""

from pathlib import Path
from typing import Any


def named(columns: int) -> tuple[str, ...]:
    """Return the names of the columns."""
    return tuple(f"column_{i}" for i in range(columns))


def write_store(folder: Path, vectors: Any, cents: Any, later: Any = None) -> None:
    """Write a customer per row of `vectors`, with one order of so many cents in 2024.

    Those who are `later` have another one of as much on 2025-02-01.
    """
    import numpy as np
    import pandas as pd

    from lifeworth.tables.core import Tables
    from lifeworth.tables.reading import connect

    ids = pd.Series([f"c{i:07d}" for i in range(len(vectors))], dtype="str")
    again = np.zeros(len(ids), dtype=np.bool_) if later is None else np.asarray(later)
    first = np.datetime64("2024-01-01", "us") + np.arange(len(ids)) % 365 * np.timedelta64(1, "D")
    orders = pd.concat([
        pd.DataFrame({"customer_id": ids, "ordered_at": first, "amount_cents": np.rint(cents)}),
        pd.DataFrame({
            "customer_id": ids[again],
            "ordered_at": np.datetime64("2025-02-01", "us"),
            "amount_cents": np.rint(cents)[again],
        }),
    ], ignore_index=True)  # fmt: skip
    orders = orders.assign(
        order_id=[f"o{i:07d}" for i in range(len(orders))],
        amount_cents=orders["amount_cents"].astype(np.int64),
        currency="EUR",
        **dict.fromkeys(("discount_cents", "tax_cents", "shipping_cents"), np.int64(0)),
        cogs_cents=pd.array([None] * len(orders), dtype="Int64"),
        returned=False,
        returned_at=pd.Series(pd.NaT, index=orders.index, dtype="datetime64[us]"),
    )
    customers = pd.DataFrame(vectors, columns=list(named(vectors.shape[1]))).assign(customer_id=ids)
    con = connect()
    made = {"orders": orders, "customers": customers}
    tables = {name: con.create_table(name, frame) for name, frame in made.items()}
    Tables(**tables, currency="EUR", value_is="revenue").write(folder)
