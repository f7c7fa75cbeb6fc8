"""A number for the content of a table that does not depend on the order of its rows."""

from typing import TypedDict

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

BATCH_ROWS = 250_000


class RowSum(TypedDict):
    """Columns (name, kind), number of rows, and the sum of the rows' 64-bit hashes modulo 2^64."""

    columns: list[tuple[str, str]]
    rows: int
    sum: int


def row_sum(table: ir.Table) -> RowSum:
    """Return what identifies the multiset of the rows of `table`; streams batches of 250,000."""
    names = sorted(table.columns)
    total, rows = 0, 0
    columns = [(n, type(table[n].type()).__name__.lower()) for n in names]
    for batch in table.select(names).to_pyarrow_batches(chunk_size=BATCH_ROWS):
        hashes = pd.util.hash_pandas_object(_frame(batch), index=False).to_numpy()
        total = (total + int(hashes.sum(dtype=np.uint64))) % 2**64
        rows += batch.num_rows
    return {"columns": columns, "rows": rows, "sum": total}


def _frame(batch: pa.RecordBatch) -> pd.DataFrame:
    """Return two NumPy columns for each column: whether there is a value, and the value.

    pandas turns whole numbers into floats where a batch happens to hold a null, and a float hashes
    differently; so nulls are filled, and told apart by the first of the two.
    """
    pairs = {name: _filled(batch.column(name)) for name in batch.schema.names}
    split = {f"{n}.there": batch.column(n).is_valid() for n in pairs}
    return pa.table({**split, **pairs}).to_pandas()


def _filled(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us")).cast(pa.int64())
    if pa.types.is_null(kind):
        return pa.array(np.zeros(len(column), dtype=np.int64))
    empty = "" if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) else 0
    return pc.fill_null(column, pa.scalar(empty).cast(column.type))
