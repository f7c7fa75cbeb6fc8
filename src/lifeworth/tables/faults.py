"""Say what is wrong with the rows of a table: how many, the first one, and what to do."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from lifeworth.tables.errors import InputError, did_you_mean

ROW = "row_number_in_table"
"""Column that numbers the rows of a table from 0 while its faults are looked for."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Something that may not be.

    Attributes
    ----------
    name
        Unique among the rules of one table.
    column
        Whose values break it.
    faulty
        Takes the table, with its rows numbered in column ROW; true where the rule is broken.
    says
        What those rows do, after "3 of 10 rows ", in the plural.
    remedy
        What the user can do about it.
    """

    name: str
    column: str
    faulty: Callable[[ir.Table], ir.BooleanValue]
    says: str
    remedy: str


def sentence(table_name: str, table: ir.Table, rule: Rule, key: str | None = None) -> str | None:
    """Return the complaint about the rows that break `rule`, or None if no row does.

    Rows are counted from 1 in the order in which the backend reads the table; `key` is the column
    that names the example (none if None). Costs two passes.
    """
    numbered = table.mutate(**{ROW: ibis.row_number()})
    marked = numbered.mutate(faulty=rule.faulty(numbered).fill_null(False))
    total, bad = counts(marked)
    if not bad:
        return None
    shown = [c for c in dict.fromkeys((key, rule.column)) if c is not None]
    faults = marked.filter(marked.faulty).select(ROW, *shown)
    first = faults.order_by(ROW).limit(1).to_pyarrow().to_pylist()[0]
    place = f"first at row {first[ROW] + 1:,} ({_example(first, rule.column, key)})"
    return f"{table_name}: {bad:,} of {total:,} rows {rule.says}, {place}; {rule.remedy}"


def broken(table: ir.Table, rules: Sequence[Rule]) -> list[Rule]:
    """Return those of `rules` that some row breaks; one pass, for rules that need no ROW."""
    if not rules:
        return []
    found = table.aggregate(**{rule.name: rule.faulty(table).any() for rule in rules})
    row = found.to_pyarrow().to_pylist()[0]
    return [rule for rule in rules if row[rule.name]]


def counts(marked: ir.Table) -> tuple[int, int]:
    """Return how many rows there are, and at how many the column `faulty` is true."""
    sums = marked.aggregate(total=marked.count(), bad=marked.faulty.sum())
    row = sums.to_pyarrow().to_pylist()[0]
    return row["total"], row["bad"] or 0


def _example(first: dict[str, object], column: str, key: str | None) -> str:
    shown = "missing" if first[column] is None else _shown(first[column])
    if key is None or key == column:
        return shown
    return f"{key.removesuffix('_id')} {_shown(first[key])}, {shown}"


def _shown(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def refuse(complaints: Iterable[str | None]) -> None:
    """Raise one InputError, a line per complaint, if there is any."""
    said = [c for c in complaints if c]
    if said:
        raise InputError("\n".join(said))


def missing_column(table_name: str, column: str, there: Iterable[str], remedy: str) -> str:
    """Return the complaint about a column that is not there, with the nearest name that is."""
    names = list(there)
    hint = did_you_mean(column, names)
    there_are = ", ".join(map(repr, names))
    return f"{table_name}: no column '{column}'{hint}; there are {there_are}; {remedy}"
