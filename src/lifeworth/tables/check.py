"""The border: tables that do not keep to their schema are refused: what, where, the remedy."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import and_, or_
from types import MappingProxyType

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pandera.ibis as pa
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors

from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError, did_you_mean
from lifeworth.tables.faults import (
    ROW,
    Rule,
    broken,
    missing_column,
    refuse,
    sentence,
)
from lifeworth.tables.schema import SCHEMAS, Column, Schema

NO_TABLES: Mapping[str, ir.Table] = MappingProxyType({})

REMEDY_LOW = {"amount_cents": "refunds are rows with returned = true"}
"""What to do about values below the bound of a column, where there is something special to say."""


EARLIEST = 1900
"""Year before which no shop of today sold anything."""

TOO_MUCH_OFF = Rule(
    name="more off than there is",
    column="amount_cents",
    faulty=lambda t: t.discount_cents + t.tax_cents > t.amount_cents,
    says="have discount_cents + tax_cents > amount_cents",
    remedy="amount is before the discount and with tax: add to it what was taken off already",
)

BACK_BEFORE = Rule(
    name="returned before it was ordered",
    column="returned_at",
    faulty=lambda t: t.returned_at < t.ordered_at,
    says="have returned_at < ordered_at",
    remedy="check the formats and time zones of both",
)


def checked(
    orders: ir.Table,
    others: Mapping[str, ir.Table] = NO_TABLES,
    *,
    currency: str,
    latest: datetime | None = None,
) -> Tables:
    """Return a store whose every table keeps to its schema.

    `value_is` becomes "revenue" if the cost of any order is unknown, else "margin".

    Parameters
    ----------
    orders, others
        The tables, `others` by their canonical name.
    currency
        ISO 4217 code; orders in any other are refused.
    latest
        A moment (UTC) after which nothing can have happened, or None for no bound.

    Raises
    ------
    InputError
        A line per fault, as in `check`.
    """
    good = check("orders", orders, latest)
    foreign = Rule(
        name="currency",
        column="currency",
        faulty=lambda t: t.currency != currency,
        says=f"have a currency other than '{currency}'",
        remedy="a store has one currency: convert the amounts, or make a store of each",
    )
    faults = broken(good, [foreign, TOO_MUCH_OFF, BACK_BEFORE])
    refuse(sentence("orders", good, rule, "order_id") for rule in faults)
    unknown = good.cogs_cents.isnull().any().to_pyarrow().as_py()
    tables = {name: check(name, table, latest) for name, table in others.items()}
    return Tables(
        orders=good, currency=currency, value_is="revenue" if unknown else "margin", **tables
    )


def check(name: str, table: ir.Table, latest: datetime | None = None) -> ir.Table:
    """Return `table` with its canonical columns first and in order, its other columns after them.

    Costs a few aggregate passes; only a table with faults is read again, to name the first of each.

    Raises
    ------
    InputError
        A line per fault: a column that is not there or has another type; or rows with a missing
        value, a value out of bounds, a time after `latest`, or an identifier seen before; or an
        orders table without rows.
    """
    schema = _schema(name)
    plain = _plain(table)
    refuse(_column_faults(schema, plain))
    if name == "orders" and not plain.count().to_pyarrow().as_py():
        remedy = "check that the file, the filters and the dates are the ones you meant"
        raise InputError(f"orders: the table has no rows; {remedy}")
    rules = list(_rules(schema, plain, latest))
    if _broken(_value_schema(schema, plain, rules), plain):
        every = [*rules, _unique(schema)]
        refuse(sentence(name, plain, rule, schema.key[0]) for rule in every)
    extra = [c for c in plain.columns if c not in schema.columns]
    return plain.select(*_there(schema, plain), *extra)


def _schema(name: str) -> Schema:
    if name not in SCHEMAS:
        hint = did_you_mean(name, SCHEMAS)
        raise InputError(
            f"no canonical table is called '{name}'{hint}; there are {', '.join(SCHEMAS)}"
        )
    return SCHEMAS[name]


def _plain(table: ir.Table) -> ir.Table:
    """Drop what an Ibis type says beyond its kind: precision of time, the promise of no nulls."""
    return table.cast({name: _plain_type(dtype) for name, dtype in table.schema().items()})


def _plain_type(dtype: dt.DataType) -> dt.DataType:
    if isinstance(dtype, dt.Timestamp) and dtype.timezone is None:
        return dt.timestamp
    return dtype.copy(nullable=True)


def _there(schema: Schema, table: ir.Table) -> dict[str, Column]:
    return {name: column for name, column in schema.columns.items() if name in table.columns}


def _broken(schema: pa.DataFrameSchema, table: ir.Table) -> list[SchemaError]:
    try:
        schema.validate(table, lazy=True)
    except SchemaErrors as faults:
        return faults.schema_errors
    return []


def _column_faults(schema: Schema, table: ir.Table) -> list[str]:
    """Compare names and types alone; no query is run."""
    columns = {
        name: pa.Column(ibis.dtype(c.dtype), nullable=True, required=not c.optional)
        for name, c in schema.columns.items()
    }
    broken = _broken(pa.DataFrameSchema(columns), table)
    return [_column_sentence(schema, table, fault) for fault in broken]


def _column_sentence(schema: Schema, table: ir.Table, fault: SchemaError) -> str:
    if fault.reason_code is SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME:
        name = str(fault.failure_cases)
        remedy = f"it holds: {schema.columns[name].meaning}"
        return missing_column(schema.name, name, table.columns, remedy)
    name = str(fault.schema.name)
    wanted, found = schema.columns[name].dtype, table[name].type()
    remedy = f"cast it, for example table.cast({{'{name}': '{wanted}'}})"
    return f"{schema.name}: column '{name}' is {found}, not {wanted}{_first(table, name)}; {remedy}"


def _first(table: ir.Table, name: str) -> str:
    values = table.select(name).limit(1).to_pyarrow().to_pylist()
    return f" (first value {values[0][name]!r})" if values else ""


def _rules(schema: Schema, table: ir.Table, latest: datetime | None) -> Iterator[Rule]:
    for name, column in _there(schema, table).items():
        if not column.nullable:
            yield _not_missing(name, column)
        if column.at_least is not None:
            yield _at_least(name, column.at_least)
        if column.at_most is not None:
            yield _at_most(name, column.at_most)
        if column.dtype == "timestamp":
            yield _not_before(name)
        if latest is not None and column.dtype == "timestamp":
            yield _not_after(name, latest)


def _not_missing(name: str, column: Column) -> Rule:
    return Rule(
        name=f"{name} missing",
        column=name,
        faulty=lambda t: t[name].isnull(),
        says=f"have no {name}",
        remedy=f"fill it in or leave those rows out; it says {column.meaning}",
    )


def _at_least(name: str, bound: int) -> Rule:
    return Rule(
        name=f"{name} low",
        column=name,
        faulty=lambda t: t[name] < bound,
        says=f"have {name} < {bound}",
        remedy=REMEDY_LOW.get(name, f"correct them or leave those rows out, {bound} is the least"),
    )


def _at_most(name: str, bound: int) -> Rule:
    return Rule(
        name=f"{name} high",
        column=name,
        faulty=lambda t: t[name] > bound,
        says=f"have {name} > {bound}",
        remedy=f"correct them or leave those rows out, {bound} is the most",
    )


def _not_before(name: str) -> Rule:
    return Rule(
        name=f"{name} ancient",
        column=name,
        faulty=lambda t: t[name] < ibis.timestamp(f"{EARLIEST}-01-01"),
        says=f"have {name} before {EARLIEST}",
        remedy="check the date format (two digits of the year?), or leave those rows out",
    )


def _not_after(name: str, latest: datetime) -> Rule:
    return Rule(
        name=f"{name} future",
        column=name,
        faulty=lambda t: t[name] > ibis.literal(latest, type="timestamp"),
        says=f"have {name} after {latest:%Y-%m-%d %H:%M}",
        remedy="check the date format (day before month?) and the time zone, or name a later bound",
    )


def _unique(schema: Schema) -> Rule:
    named = " and ".join(schema.key)
    return Rule(
        name="duplicate",
        column=schema.key[-1],
        faulty=lambda t: _seen_before(t, schema.key),
        says=f"repeat the {named} of an earlier row",
        remedy=f"it holds {schema.meaning.split(';')[0]}: leave out copies, sum parts",
    )


def _seen_before(table: ir.Table, key: tuple[str, ...]) -> ir.BooleanValue:
    columns = [table[c] for c in key]
    earlier = ibis.row_number().over(group_by=columns, order_by=table[ROW])
    return (earlier > 0) & reduce(and_, (c.notnull() for c in columns))


def _value_schema(schema: Schema, table: ir.Table, rules: Sequence[Rule]) -> pa.DataFrameSchema:
    """Return the pandera schema of values: one check for all rules, and the key as a whole.

    A check that returns one boolean costs one pass and keeps pandera from fetching every failing
    row. Column(unique=True) would be ignored without a word.
    """
    faulty = reduce(or_, (rule.faulty(table).fill_null(False) for rule in rules))
    kept = ~faulty.any().fill_null(False)
    return pa.DataFrameSchema(checks=[pa.Check(lambda _: kept)], unique=[*schema.key])
