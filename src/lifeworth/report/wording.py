"""Numbers and sentences as a reader sees them."""

import math
import re

import numpy as np

from lifeworth.report.evidence import Totals

Number = float | int | np.number | None

NOTHING = "–"
"""Shown for a number that is absent or not finite."""


def number(value: Number, decimals: int = 0) -> str:
    """Return a number with thousands separators.

    Examples
    --------
    >>> number(23570)
    '23,570'
    >>> number(-0.0004, 2)
    '0.00'
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:z,.{decimals}f}"


def money(cents: Number, currency: str = "", decimals: int | None = None) -> str:
    """Return cents as currency units; two decimals below 100 units and none above, unless told.

    Examples
    --------
    >>> money(61_200_049, "USD")
    '612,000 USD'
    >>> money(3041)
    '30.41'
    """
    if cents is None or not math.isfinite(cents):
        return NOTHING
    few = 2 if abs(cents) < 10_000 else 0
    places = few if decimals is None else decimals
    return f"{number(cents / 100, places)} {currency}".rstrip()


def share(value: Number, decimals: int = 1) -> str:
    """Return a share as per cent.

    Examples
    --------
    >>> share(0.1234)
    '12.3 %'
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:z,.{decimals}%}".replace("%", " %")


def change(value: Number, decimals: int = 1) -> str:
    """Return a relative difference as per cent, with its sign.

    Examples
    --------
    >>> change(-0.1049)
    '-10.5 %'
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:+z,.{decimals}%}".replace("%", " %")


def significant(value: Number, digits: int = 4) -> str:
    """Return a number to that many significant digits, never fewer than its whole part.

    Examples
    --------
    >>> significant(0.2425945)
    '0.2426'
    >>> significant(-9582.4292)
    '-9,582'
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    whole = math.floor(math.log10(abs(value))) + 1 if value else 1
    if whole < -digits:
        return f"{value:.{digits - 1}e}"
    return number(value, max(digits - whole, 0))


def counted(count: int, what: str) -> str:
    """Return a count of things.

    Examples
    --------
    >>> counted(1, "day"), counted(23570, "customer")
    ('1 day', '23,570 customers')
    """
    return f"{number(count)} {what}{'' if count == 1 else 's'}"


def relative(forecast: float, realised: float | None) -> float | None:
    """Return forecast / realised - 1, or None where nothing was realised."""
    return forecast / realised - 1 if realised else None


def headline(totals: Totals, currency: str) -> str:
    """Return one sentence: what was forecast, what happened, the error."""
    forecast = f"Forecast {money(totals.forecast_value, currency)}"
    base = f"{counted(totals.customers, 'customer')} in {counted(totals.horizon_days, 'day')}"
    if totals.realised_value is None:
        return f"{forecast} from {base}"
    realised = money(totals.realised_value, currency)
    error = relative(totals.forecast_value, totals.realised_value)
    ending = "" if error is None else f": {change(error)}"
    return f"{forecast} against {realised} realised by {base}{ending}"


def spaced(text: str) -> str:
    """Return a sentence whose shares are written as `share` writes them.

    Examples
    --------
    >>> spaced("24.4% at most")
    '24.4 % at most'
    """
    return re.sub(r"(?<=\d)%", " %", text)
