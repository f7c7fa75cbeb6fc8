"""The values of a file, text or typed, become text, times, numbers, money and truth values."""

from typing import Literal

import ibis
import ibis.expr.types as ir

from lifeworth.tables.faults import Rule
from lifeworth.tables.money import to_cents, whole

Kind = Literal["text", "time", "milliseconds", "number", "count", "money", "cents", "truth"]
"""What the values of a column are; money in the file's unit, cents already in cents; milliseconds
since 1970, by UTC."""

MOST = 9e9
"""Numbers beyond are taken for faults; below, money is exact to six decimal places."""

LAST_MILLISECOND = 4_102_444_800_000
"""Of 2099; milliseconds beyond are taken for faults."""

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

REMEDY = {
    "time": "name the format, for example date_format: '%d/%m/%Y %H:%M', or correct them",
    "money": "write amounts with a decimal point (or say that it is a comma: decimal) and no signs",
    "cents": "write plain numbers, or set units: money if they are not in cents",
    "truth": f"write one of {', '.join((*YES, *NO))}",
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
            return moment.between(0, LAST_MILLISECOND).ifelse(moment, None)
        case _:
            return _amount(_number(column), kind)


def unreadable(column: str, kind: Kind, date_format: str | None = None) -> Rule:
    """Return the rule that every value of `column` that is not blank can be read as `kind`."""
    like = f" like '{date_format}'" if kind == "time" and date_format else ""
    return Rule(
        name=f"{column} unreadable",
        column=column,
        faulty=lambda t: parsed(t[column], kind, date_format).isnull() & ~_blank(t[column]),
        says=f"have a '{column}' that is not {WANTED[kind]}{like}",
        remedy=REMEDY.get(kind, "correct them or leave those rows out"),
    )


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
