"""What does not change in time about a customer, as known at the cut-off: groups and numbers.

It comes from the first purchase inside the History and from the table of customers, whose columns
the canonical schema promises not to change.
"""

from collections.abc import Callable, Iterable, Sequence

import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis import _
from jaxtyping import Float

from lifeworth.asof.split import History
from lifeworth.asof.summary import purchases
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError, did_you_mean

Customers = Float[np.ndarray, " customers"]

UNKNOWN = "unknown"
"""The level of a customer of whom the shop does not know the attribute."""


def _year(at: ir.TimestampColumn) -> ir.StringColumn:
    return at.year().cast("string")


COHORTS: dict[str, Callable[[ir.TimestampColumn], ir.StringColumn]] = {
    "cohort_year": _year,
    "cohort_quarter": lambda at: _year(at) + "-Q" + at.quarter().cast("string"),
    "cohort_month": lambda at: _year(at) + "-" + at.month().cast("string").lpad(2, "0"),
}
"""When the first purchase was: "1997", "1997-Q1", "1997-01" (UTC)."""

FIRST: dict[str, Callable[[Customers], Customers]] = {
    "first_value": lambda cents: cents,
    "first_value_log": lambda cents: np.log1p(np.maximum(cents, 0) / 100),
}
"""What the first purchase was worth: cents, and log1p of its positive part in currency units."""

GIVEN = "given_"
"""Before the names of the shop's own columns in a join, so that they never meet ours."""


def categories(history: History, columns: Sequence[str]) -> pd.DataFrame:
    """Return groups of customers, one row per customer of `history`, sorted by customer_id.

    Parameters
    ----------
    columns
        `cohort_year`, `cohort_quarter` or `cohort_month` of the first purchase inside the history,
        or any text column of the customers table (country, segment, channel, or the shop's own).
        Where a table of customers has a column called like a cohort, the cohort is meant.

    Returns
    -------
    pandas.DataFrame
        customer_id, then the columns as text; where the shop knows nothing (no row, no value, a
        blank) the text is "unknown".

    Raises
    ------
    InputError
        If a column is not there, is not of text, or is named twice.
    """
    own = _own(history.tables, columns, COHORTS, "text")
    first = history.tables.orders.group_by("customer_id").aggregate(first_at=_.ordered_at.min())
    both = _beside(first, history.tables.customers, own)
    levels = [
        (_known(both[GIVEN + c]) if c in own else COHORTS[c](both.first_at)).name(c)
        for c in columns
    ]
    return _by_customer(both.select("customer_id", *levels)).astype(dict.fromkeys(columns, str))


def numbers(history: History, columns: Sequence[str]) -> pd.DataFrame:
    """Return numbers about customers, one row per customer of `history`, sorted by customer_id.

    Parameters
    ----------
    columns
        `first_value` (cents, of all orders of the first purchase inside the history, valued as
        `asof.summary` does: a return that came in after the cut-off is not known),
        `first_value_log` (log1p of its positive part in units of the currency), or any numeric
        column of the customers table. Where that has a column called like one of the first two,
        the first purchase is meant.

    Returns
    -------
    pandas.DataFrame
        customer_id, then the columns (float).

    Raises
    ------
    InputError
        If a column is not there, is not numeric, is named twice, or is missing or not finite for a
        customer.
    """
    own = _own(history.tables, columns, FIRST, "numeric")
    bought = purchases(history.tables, history.purchase)
    first = bought.group_by("customer_id").aggregate(first=_.value_cents.argmin(_["at"]))
    both = _beside(first, history.tables.customers, own)
    values = [both[GIVEN + c if c in own else "first"].cast("float64").name(c) for c in columns]
    frame = _by_customer(both.select("customer_id", *values))
    for column in columns:
        value = frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
        frame[column] = value if column in own else FIRST[column](value)
        _refuse_missing(column, frame)
    return frame


def _own(tables: Tables, columns: Sequence[str], ours: Iterable[str], kind: str) -> list[str]:
    """Return which of `columns` are the shop's own, after checking that all are there."""
    types = {} if tables.customers is None else dict(tables.customers.schema().items())
    fit = [n for n, dtype in types.items() if n != "customer_id" and _is(dtype, kind)]
    there = list(dict.fromkeys([*ours, *fit]))
    for place, column in enumerate(columns):
        if column in columns[:place]:
            raise InputError(f"customers: the column '{column}' is named twice; name it once")
        if column not in there:
            raise InputError(_unknown(column, there, kind, types.get(column)))
    return [column for column in columns if column not in ours]


def _is(dtype: dt.DataType, kind: str) -> bool:
    return {"text": dtype.is_string(), "numeric": dtype.is_numeric()}[kind]


def _unknown(column: str, there: list[str], kind: str, dtype: dt.DataType | None) -> str:
    hint = did_you_mean(column, there)
    odd = "" if dtype is None or column == "customer_id" else f" (it is of {dtype})"
    return (
        f"customers: there is no {kind} column '{column}'{odd}{hint}; there are "
        f"{', '.join(there)}; name one of these, or give the customers table such a column"
    )


def _beside(known: ir.Table, customers: ir.Table | None, own: list[str]) -> ir.Table:
    """Put the shop's own columns beside each known customer; null where there is no row."""
    if customers is None or not own:
        return known
    given = customers.select("customer_id", *(customers[c].name(GIVEN + c) for c in own))
    return known.left_join(given, "customer_id")


def _known(text: ir.StringColumn) -> ir.StringColumn:
    blank = text.isnull() | (text.strip() == "")
    return blank.ifelse(UNKNOWN, text)


def _by_customer(table: ir.Table) -> pd.DataFrame:
    return table.to_pandas().sort_values("customer_id", ignore_index=True)


def _refuse_missing(column: str, frame: pd.DataFrame) -> None:
    odd = frame.loc[~np.isfinite(frame[column]), "customer_id"]
    if len(odd):
        raise InputError(
            f"customers: '{column}' is missing or not finite for {len(odd):,} of {len(frame):,} "
            f"customers, first '{odd.iloc[0]}'; fill it in in the customers table, or leave "
            f"'{column}' out"
        )
