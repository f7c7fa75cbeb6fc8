"""The values of a file, text or typed, become text, times, numbers, money and truth values."""

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Literal

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from lifeworth.tables.faults import Rule
from lifeworth.tables.money import to_cents, whole
from lifeworth.tables.options import NO_OPTIONS, Options, given

Kind = Literal["text", "time", "milliseconds", "number", "count", "money", "cents", "truth"]
"""What the values of a column are; money in the file's unit, cents already in cents; milliseconds
since 1970, by UTC."""

MOST = 9e9
"""Numbers beyond are taken for faults; below, money is exact to six decimal places."""

FIRST_MILLISECOND, LAST_MILLISECOND = 10**11, 4_102_444_800_000
"""March 1973 and 2099; what lies before would be a second of our days, or a fault."""

UNITS = {
    "seconds": ("s", 1e8, 4.1e9),
    "milliseconds": ("ms", 1e11, 4.1e12),
    "microseconds": ("us", 1e14, 4.1e15),
    "nanoseconds": ("ns", 1e17, 4.1e18),
}
"""Numbers that are moments since 1970: how pandas calls the unit, and where they lie (1973 to
2099)."""

COMPACT = r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])([0-5]\d([0-5]\d)?)?)?"
"""Days and times written without signs: 20110930, 201109301530."""

YES = ("true", "t", "yes", "y", "1")
NO = ("false", "f", "no", "n", "0")

WANTED = {
    "text": "text",
    "time": "a date",
    "milliseconds": "a time in milliseconds since 1970",
    "number": "a number",
    "count": "a whole number",
    "money": "an amount of money",
    "cents": "an amount in cents",
    "truth": "true or false",
}


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "string"), "timestamp"))
def _try_strptime(text: str, pattern: str) -> None:
    """DuckDB's own; null where `text` does not fit."""


def parsed(column: ir.Column, kind: Kind, date_format: str | None = None) -> ir.Value:
    """Return `column` as `kind`; null where it is blank or cannot be read.

    Text keeps its leading zeros. Times without a zone are read as UTC, times with one are moved to
    it; `date_format` is a strptime pattern, ISO 8601 if None. Money becomes integer cents, exact
    halves to the even cent.
    """
    match kind:
        case "text":
            return _text(column)
        case "time":
            return _time(column, date_format)
        case "truth":
            return _truth(column)
        case "milliseconds":
            moment = column.try_cast("int64")
            return moment.between(FIRST_MILLISECOND, LAST_MILLISECOND).ifelse(moment, None)
        case _:
            return _amount(_number(column), kind)


def unreadable(
    column: str, kind: Kind, date_format: str | None = None, options: Options = NO_OPTIONS
) -> list[Rule]:
    """Return the rules that every value of `column` that is not blank can be read as `kind`.

    Of a time there is a rule for each unit in which numbers may count it from 1970.
    """
    like = f" like '{date_format}'" if kind == "time" and date_format else ""
    guessed = kind == "milliseconds" or (kind == "time" and date_format is None)
    counted = [unit for unit in UNITS if guessed and unit != kind]

    def lost(t: ir.Table) -> ir.BooleanValue:
        return parsed(t[column], kind, date_format).isnull() & ~_blank(t[column])

    def other(t: ir.Table) -> ir.BooleanValue:
        known = [_counts(t[column], unit) for unit in counted]
        known += [_compact(t[column])] if guessed and kind == "time" else []
        return lost(t) & ~reduce(or_, known, ibis.literal(False))

    rule = Rule(
        name=f"{column} unreadable",
        column=column,
        faulty=other,
        says=f"have a '{column}' that is not {WANTED[kind]}{like}",
        remedy=_remedy(kind, options),
    )
    rules = [rule, *(_moments(column, kind, unit, lost) for unit in counted)]
    if guessed and kind == "time":
        rules.append(_signless(column, lost, options))
    return rules


def _signless(column: str, lost: Callable[[ir.Table], ir.BooleanValue], options: Options) -> Rule:
    """Return the rule that a time is not written without signs."""
    name = f"give {given(options.date_format, '%Y%m%d%H%M%S')}, or " if options.date_format else ""
    return Rule(
        name=f"{column} without signs",
        column=column,
        faulty=lambda t: lost(t) & _compact(t[column]),
        says=f"have a '{column}' that seems to be a date without signs",
        remedy=f"{name}write them as 2011-09-30T15:30:00",
    )


def _compact(column: ir.Column) -> ir.BooleanValue:
    """Say where a column is a day or a time written without signs."""
    if not (column.type().is_integer() or column.type().is_string()):
        return ibis.literal(False)
    return column.cast("string").re_search(f"^{COMPACT}$").fill_null(False)


def _moments(
    column: str, kind: Kind, unit: str, lost: Callable[[ir.Table], ir.BooleanValue]
) -> Rule:
    """Return the rule that a time is no number that counts another unit."""
    code = UNITS[unit][0]
    remedy = f"write dates: pandas.to_datetime(frame['{column}'].astype('int64'), unit='{code}')"
    if kind == "milliseconds":
        factor = {"s": "multiply them by 1,000", "us": "divide them by 1,000"}
        remedy = f"{factor.get(code, 'divide them by 1,000,000')}: 1438969904213 is in August 2015"
    return Rule(
        name=f"{column} in {unit}",
        column=column,
        faulty=lambda t: lost(t) & _counts(t[column], unit),
        says=f"have a '{column}' that seems to count {unit} since 1970 and is to be {WANTED[kind]}",
        remedy=remedy,
    )


def _counts(column: ir.Column, unit: str) -> ir.BooleanValue:
    """Say where a column counts so many `unit` that it would be a moment of our days."""
    if not (column.type().is_numeric() or column.type().is_string()):
        return ibis.literal(False)
    _, low, high = UNITS[unit]
    number = column.try_cast("float64")
    inside = ((number >= low) & (number < high)).fill_null(False)
    return inside & ~_compact(column)


def _remedy(kind: Kind, options: Options) -> str:
    match kind:
        case "time" if options.date_format:
            form = given(options.date_format, "%d/%m/%Y %H:%M")
            return f"name the format, for example {form}, or correct them"
        case "time":
            return "write them as 2026-01-31 or 2026-01-31T08:00"
        case "milliseconds":
            return "write 13 digits, such as 1438969904213 in August 2015"
        case "money" if options.decimal:
            comma = given(options.decimal, ",")
            return f"write amounts with a decimal point (or give {comma}) and no signs"
        case "cents" if options.units:
            return f"write plain numbers, or give {options.units}=money if they are not in cents"
        case "truth":
            return f"write one of {', '.join((*YES, *NO))}"
        case "count":
            return "write digits alone, such as 3, or leave those rows out"
        case _:
            return "write digits, with a decimal point and no signs, as in 12.50"


def mistyped(name: str, table: ir.Table, column: str, kind: Kind) -> str | None:
    """Return the complaint about a column whose type can never be `kind`, or None."""
    dtype = table[column].type()
    if kind in ("text", "time", "truth"):
        wrong = dtype.is_nested()
    else:
        wrong = not (dtype.is_numeric() or dtype.is_string())
    if wrong and not isinstance(dtype, dt.Null):
        first = table.select(column).limit(1).to_pyarrow().to_pylist()
        such = f", such as {first[0][column]}" if first else ""
        return (
            f"{name}: column '{column}' is of type {type(dtype).__name__.lower()}{such}, and is to "
            f"be {WANTED[kind]}; write it as that, or give another column this name"
        )
    return None


def _blank(column: ir.Column) -> ir.BooleanValue:
    if column.type().is_floating():
        return column.isnull() | column.isnan()
    if column.type().is_string():
        return column.isnull() | (column.strip() == "")
    return column.isnull()


def _text(column: ir.Column) -> ir.StringValue:
    """Return text; whole numbers that a file holds as floats (12346.0) lose the point.

    Spaces around text are not kept: ' 007' and '007' are one customer.
    """
    if column.type().is_floating():
        number = column.isnan().ifelse(None, column)
        return (number == number.floor()).ifelse(
            number.try_cast("int64").cast("string"), number.cast("string")
        )
    text = column.strip() if column.type().is_string() else column.cast("string")
    return _blank(column).ifelse(None, text)


def _time(column: ir.Column, date_format: str | None) -> ir.TimestampValue:
    if column.type().is_timestamp() or column.type().is_date():
        return column.cast("timestamp")
    text = _text(column)
    if date_format is not None:
        return _try_strptime(text, date_format)
    # A cast straight to "timestamp" drops an offset such as +02:00 without a word.
    return text.try_cast("timestamp('UTC')").cast("timestamp")


def _truth(column: ir.Column) -> ir.BooleanValue:
    if column.type().is_boolean():
        return column
    word = _text(column).strip().lower()
    return ibis.cases((word.isin(YES), True), (word.isin(NO), False))


def _number(column: ir.Column) -> ir.FloatingValue:
    number = column.try_cast("float64") if column.type().is_string() else column.cast("float64")
    return (number.abs() <= MOST).ifelse(number, None)


def _amount(number: ir.FloatingValue, kind: Kind) -> ir.NumericValue:
    match kind:
        case "money":
            return to_cents(number)
        case "cents":
            return whole(number)
        case "count":
            return (number == number.floor()).ifelse(number, None).cast("int64")
        case _:
            return number
