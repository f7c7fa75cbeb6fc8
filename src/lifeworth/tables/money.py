"""Money as text or decimals becomes integer cents."""

import ibis.expr.types as ir

MICRO = 10_000
"""Millionths of the unit of money in a cent."""


def to_cents(money: ir.NumericColumn) -> ir.IntegerColumn:
    """Return `money` (dollars, pounds, ...) in cents, exact halves of a cent to the even cent.

    Decimals are read as they are written, to six places: 0.285 is 28.5 cents and becomes 28, 0.295
    becomes 30, although neither is exact in binary. Good to 9 billion; null stays null.
    """
    micro = (money.cast("float64") * 1_000_000).round().cast("int64")
    below = (micro / MICRO).floor().cast("int64")
    rest = micro - below * MICRO
    up = (rest * 2 > MICRO) | ((rest * 2 == MICRO) & (below % 2 != 0))
    return below + up.cast("int64")


def whole(cents: ir.NumericColumn) -> ir.IntegerColumn:
    """Return cents that may carry a fraction as integer cents, halves to the even cent."""
    return to_cents(cents.cast("float64") / 100)
