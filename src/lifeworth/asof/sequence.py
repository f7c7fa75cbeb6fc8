"""Event sequences: what each customer did last before the cut-off, one thing after another.

Everything up to the last division is whole seconds and cents, in one Ibis expression of windows and
unions, so that every backend finds the same.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import Deferred, _
from jaxtyping import Float, Int, Shaped

from lifeworth.asof.split import History, Purchase
from lifeworth.asof.summary import TICKS_PER_DAY, epoch_day, purchases
from lifeworth.tables.errors import InputError

SECONDS = 86_400
"""In a day."""

BATCH_ROWS = 250_000

UNIT: dict[Purchase, str] = {"day": "D", "order": "s"}
"""What a moment is cut down to, to find the purchase an order belongs to."""

PURCHASE, TREATMENT = "purchase", "treatment "
"""How the kinds of purchases are called, and how those of treatments begin."""

SCHEMA = pa.schema({
    "customer_id": pa.string(), "kind": pa.string(), "category": pa.string(), "opens": pa.bool_(),
    "days_ago": pa.float64(), "gap_days": pa.float64(), "value_cents": pa.int64(),
})  # fmt: skip
"""Of a chunk: `opens` marks the first event of a customer; the rest is as in Sequences."""


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """The last events of customers, flat: all of the first customer, then all of the next, ...

    Attributes
    ----------
    customer_id
        Sorted (str).
    length
        How many of the events are of each customer; at least 1, for each has bought.
    days_ago
        From the event to midnight (UTC) when the cut-off began, above 0; oldest event first. A
        daily purchase is at midnight when its day began, everything else at its whole second.
    gap_days
        Since the customer's event before, also where that one is not kept; 0 for the very first.
    value_cents
        Of a purchase (see `summary.purchases`), else 0.
    kind
        "purchase"; the kind of an event, such as "view" ("event purchase" and the like where the
        shop calls one as we call ours); or "treatment <arm>", "treatment control" for nothing.
    category
        Of the line with the largest amount of a purchase, ties by name; "" where unknown, and for
        all that is no purchase.
    """

    customer_id: Shaped[np.ndarray, " customers"]
    length: Int[np.ndarray, " customers"]
    days_ago: Float[np.ndarray, " events"]
    gap_days: Float[np.ndarray, " events"]
    value_cents: Int[np.ndarray, " events"]
    kind: Shaped[np.ndarray, " events"]
    category: Shaped[np.ndarray, " events"]

    @property
    def starts(self) -> Int[np.ndarray, " customers"]:
        """Return where the events of each customer begin."""
        return np.cumsum(self.length) - self.length

    def rows(self, which: slice | Int[np.ndarray, " some"]) -> "Sequences":
        """Return some customers with their events: a slice, or positions in any order."""
        customers = np.arange(len(self.length))[which]
        length = self.length[customers]
        inside = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        events = np.repeat(self.starts[customers], length) + inside
        return Sequences(
            customer_id=self.customer_id[customers],
            length=length,
            days_ago=self.days_ago[events],
            gap_days=self.gap_days[events],
            value_cents=self.value_cents[events],
            kind=self.kind[events],
            category=self.category[events],
        )


def sequences(history: History, most: int) -> Sequences:
    """Return the last `most` events of every customer of `history`, in memory.

    Equal times are ordered by kind, value and category. Events and treatments of people who have
    not ordered yet are left out.

    Raises
    ------
    InputError
        If `most` is below 1.
    """
    _refuse_below_one(most=most)
    return _read(_rows(history, most).to_pyarrow())


def streamed(history: History, most: int, customers: int) -> Iterator[Sequences]:
    """Return the same in chunks of `customers` customers, the last of them of what is left.

    DuckDB sorts on disk where memory is short, and one chunk is held at a time. Any other query on
    the connection of `history` ends the stream: ask nothing of it between chunks, or `spill` first.

    Raises
    ------
    InputError
        If `most` or `customers` is below 1.
    RuntimeError
        In place of the chunk in which the stream was ended by another query.
    """
    _refuse_below_one(most=most, customers=customers)
    return map(_read, _chunks(history, most, customers))


def spill(history: History, most: int, folder: Path, customers: int) -> list[Path]:
    """Write those chunks as `part-00000.parquet`, ... into `folder` and return their paths.

    A row is an event (SCHEMA). Parts of an earlier spill are overwritten, but never removed: what
    is returned is what counts. Errors are those of `streamed`.
    """
    _refuse_below_one(most=most, customers=customers)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, chunk in enumerate(_chunks(history, most, customers)):
        paths.append(folder / f"part-{number:05}.parquet")
        pq.write_table(chunk, paths[-1])
    return paths


def tally(history: History, most: int) -> pd.DataFrame:
    """Count the same events by kind and category, wherever they are kept.

    Returns
    -------
    pandas.DataFrame
        One row per kind and category, in this order: kind, category, events, paid (events of a
        positive value), cents (the sum of those values).

    Raises
    ------
    InputError
        If `most` is below 1.
    """
    _refuse_below_one(most=most)
    found = _kept(history, most).group_by("kind", "category").aggregate(
        events=_.count(), paid=(_.value_cents > 0).sum(), cents=_.value_cents.clip(lower=0).sum()
    )  # fmt: skip
    counts = found.order_by("kind", "category").to_pandas()
    return counts.astype({"events": np.int64, "paid": np.int64, "cents": np.int64})


def read_part(path: Path) -> Sequences:
    """Return a chunk that `spill` wrote."""
    return _read(pq.read_table(path, partitioning=None))


def _refuse_below_one(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise InputError(f"sequences: {name} is {count}; the least is 1, set it to 1 or more")


# ---- the expression


def _rows(history: History, most: int) -> ir.Table:
    """Return the last `most` events of each customer in order: columns of SCHEMA, and `place`."""
    midnight = epoch_day(history.cutoff) * SECONDS
    rows = _kept(history, most).select(
        *("customer_id", "value_cents", "kind", "category", "place"),
        opens=(_.place == 0) | (_.place == _.events - most),
        days_ago=-(_["at"] - midnight) / SECONDS,
        gap_days=(_["at"] - _.before).fill_null(0) / SECONDS,
    )
    return rows.order_by("customer_id", "place")


def _kept(history: History, most: int) -> ir.Table:
    return _numbered(history).filter(_.place >= _.events - most)


def _numbered(history: History) -> ir.Table:
    """Return the events with their place (from 0), the moment before, and how many there are.

    Place and moment come from one window, so that equal events are told apart alike in both.
    """
    own = ["at", "kind", "value_cents", "category"]
    ordered = ibis.window(group_by="customer_id", order_by=own)
    return _events(history).mutate(
        place=ibis.row_number().over(ordered),
        before=_["at"].lag().over(ordered),
        events=_.count().over(ibis.window(group_by="customer_id")),
    )


def _events(history: History) -> ir.Table:
    """Return all that is known: customer_id, at (s since 1970), value_cents, kind, category."""
    known, tables = history.customers(), history.tables
    parts = [_bought(history)]
    if tables.events is not None:
        seen = tables.events.semi_join(known, "customer_id")
        parts.append(_dated(seen, "happened_at", _foreign(seen.kind)))
    if tables.treatments is not None:
        given = tables.treatments.semi_join(known, "customer_id")
        parts.append(_dated(given, "assigned_at", TREATMENT + given.arm))
    return ibis.union(*parts)


def _bought(history: History) -> ir.Table:
    ticks = TICKS_PER_DAY[history.purchase]
    bought = purchases(history.tables, history.purchase).mutate(at=_["at"] * (SECONDS // ticks))
    named = _categories(history)
    both = bought if named is None else bought.left_join(named, ["customer_id", "at"])
    category = ibis.literal("") if named is None else both.category.fill_null("")
    return both.select(
        "customer_id", "at", "value_cents", kind=ibis.literal(PURCHASE), category=category
    )


def _categories(history: History) -> ir.Table | None:
    """Return what is known of the category of each purchase: customer_id, at, category."""
    lines, products = history.tables.order_lines, history.tables.products
    if lines is None or products is None or "category" not in products.columns:
        return None
    orders = history.tables.orders.select(
        "order_id", "customer_id", at=_second(_.ordered_at, UNIT[history.purchase])
    )
    bought = lines.select("order_id", "product_id", "amount_cents").inner_join(orders, "order_id")
    known = products.select("product_id", category=_.category.nullif(""))
    largest = _.amount_cents.max().over(ibis.window(group_by=["customer_id", "at"]))
    lines_of = bought.left_join(known, "product_id").mutate(largest=largest)
    top = lines_of.filter(_.amount_cents == _.largest)
    return top.group_by("customer_id", "at").aggregate(category=_.category.min())


def _dated(table: ir.Table, time: str, kind: ir.StringColumn) -> ir.Table:
    return table.select(
        "customer_id",
        at=_second(_[time]),
        value_cents=ibis.literal(0, type="int64"),
        kind=kind,
        category=ibis.literal(""),
    )


def _foreign(kind: ir.StringColumn) -> ir.StringColumn:
    """Return the shop's kinds of events, none of them called like one of ours."""
    ours = (kind == PURCHASE) | kind.startswith(TREATMENT)
    return ours.ifelse("event " + kind, kind)


def _second(at: Deferred, unit: str = "s") -> Deferred:
    whole = at.truncate(unit)  # as seconds since 1970, a moment has a fraction on DuckDB only
    return whole.epoch_seconds().cast("int64")


# ---- from rows to arrays


def _chunks(history: History, most: int, customers: int) -> Iterator[pa.Table]:
    """Yield the rows of so many customers at a time."""
    pieces = _pieces(history, most, customers)
    for _number, group in itertools.groupby(pieces, key=itemgetter(0)):
        rows = pa.Table.from_batches([piece for _number, piece in group])
        yield rows.cast(SCHEMA)  # DuckDB streams a sum of whole numbers as a decimal


def _pieces(history: History, most: int, customers: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Cut the stream of batches where a chunk ends; each piece comes with its chunk's number."""
    expected, events, people = _count(history, most), 0, 0
    for batch in _rows(history, most).to_pyarrow_batches(chunk_size=BATCH_ROWS):
        number = people + np.cumsum(batch["opens"].to_numpy(zero_copy_only=False))
        chunk = (number - 1) // customers
        ends = [0, *(np.flatnonzero(np.diff(chunk)) + 1), len(chunk)]
        for begin, end in itertools.pairwise(ends):
            yield int(chunk[begin]), batch.slice(begin, end - begin).select(SCHEMA.names)
        events, people = events + len(chunk), int(number[-1])
    if events != expected:
        raise RuntimeError(
            f"sequences: the stream ended after {events:,} of {expected:,} events, because another "
            "query ran on the same connection; spill() the chunks first, and query between parts"
        )


def _count(history: History, most: int) -> int:
    """Count the events that are kept; a stream that is cut short does not say so by itself."""
    own = _events(history).group_by("customer_id").aggregate(events=_.count())
    return own.events.clip(upper=most).sum().to_pyarrow().as_py()


def _read(rows: pa.Table) -> Sequences:
    opens = np.flatnonzero(rows["opens"].to_numpy())
    return Sequences(
        customer_id=rows["customer_id"].filter(rows["opens"]).to_numpy(),
        length=np.diff(opens, append=len(rows)),
        days_ago=_numbers(rows["days_ago"]),
        gap_days=_numbers(rows["gap_days"]),
        value_cents=_numbers(rows["value_cents"]),
        kind=_texts(rows["kind"]),
        category=_texts(rows["category"]),
    )


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    return np.array(column.to_numpy())  # a copy of its own: Arrow's may not be written to


def _texts(column: pa.ChunkedArray) -> np.ndarray:
    return column.dictionary_encode().to_pandas().to_numpy(dtype=object)  # equal texts are one
