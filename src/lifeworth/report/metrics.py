"""What each number of a scorecard is called, its unit, and its best value."""

import math
import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from lifeworth.report.wording import Number, change, money, number, share, significant

Unit = Literal["money", "sum", "whole", "change", "share", "score", "plain"]
"""Money and sum are cents, shown with and without decimals; change has a sign, share has none."""


class Kind(NamedTuple):
    """What a metric is, whatever it was measured of; a target of NaN: there is no best value."""

    label: str
    meaning: str
    unit: Unit
    target: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric: its column, what it is about, and its kind."""

    name: str
    about: str
    kind: Kind


KINDS = {
    "mae": Kind("Mean absolute error", "typical miss for one customer", "score", 0.0),
    "rmse": Kind("Root mean squared error", "as above, large misses weigh more", "score", 0.0),
    "bias": Kind("Bias of the total", "below zero: too low in sum", "change", 0.0),
    "gini": Kind("Normalised Gini", "order of customers; 1 perfect, 0 random", "score", 1.0),
    "spearman": Kind("Spearman correlation", "agreement of ranks; 1 perfect", "score", 1.0),
    "decile_mape": Kind("Decile error", "relative miss of ten like groups", "share", 0.0),
    "crps": Kind("CRPS", "miss of the whole forecast distribution", "score", 0.0),
    "pit_distance": Kind("PIT distance", "0: stated uncertainties are right", "score", 0.0),
    "active_brier": Kind("Brier score", "squared miss of the probability", "score", 0.0),
    "active_auc": Kind("AUC", "a buyer is ranked above a non-buyer", "score", 1.0),
    "mape_weekly": Kind("Weekly error", "relative miss of a week", "share", 0.0),
    "mape_cumulative": Kind("Cumulative error", "relative miss of the running total", "share", 0.0),
}
"""By the name of the metric without its first word."""

ABOUT = {
    "purchases": "Purchases per customer",
    "value": "Value per customer",
    "p": "Who buys at all",
    "tracking": "Purchases over time",
}
"""By the first word of the name."""

SUMS = {
    "customers": Kind("Customers", "known at the cut-off", "whole"),
    "expected_purchases": Kind("Expected purchases", "", "whole"),
    "actual_purchases": Kind("Actual purchases", "", "whole"),
    "expected_value": Kind("Expected value", "", "sum"),
    "actual_value": Kind("Actual value", "", "sum"),
    "new_customers": Kind("New customers", "came after the cut-off; not forecast", "whole"),
}

COVERAGE = re.compile(r"coverage_(\d\d)$")


def metric(name: str) -> Metric:
    """Return what is known of a metric such as `value_mae`; any name is accepted."""
    first, _, stem = name.partition("_")
    kind = KINDS.get(stem) or _coverage(stem)
    if name in SUMS:
        return Metric(name=name, about="All customers together", kind=SUMS[name])
    if first not in ABOUT or kind is None:
        return Metric(name=name, about="Other", kind=Kind(name.replace("_", " "), "", "plain"))
    if first == "value" and stem in {"mae", "rmse", "crps"}:
        kind = kind._replace(unit="money")
    return Metric(name=name, about=ABOUT[first], kind=kind)


def _coverage(stem: str) -> Kind | None:
    found = COVERAGE.match(stem)
    if found is None:
        return None
    label, meaning = (
        f"Inside the {found[1]} % interval",
        f"share of customers; {found[1]} % is right",
    )
    return Kind(label, meaning, "share", int(found[1]) / 100)


def shown(of: Metric, value: Number) -> str:
    """Return the value as text in the metric's unit, money in currency units."""
    match of.kind.unit:
        case "money" | "sum" as unit:
            return money(value, decimals=2 if unit == "money" else 0)
        case "whole" | "score" as unit:
            return number(value, 3 if unit == "score" else 0)
        case "change":
            return change(value)
        case "share":
            return share(value)
        case _:
            return significant(value)


def scaled(of: Metric, value: pd.Series) -> pd.Series:
    """Return values as a figure draws them: money in currency units, shares in per cent."""
    factor = {"money": 0.01, "sum": 0.01, "change": 100.0, "share": 100.0}
    return value.astype(float) * factor.get(of.kind.unit, 1.0)


def titled(of: Metric, currency: str = "") -> str:
    """Return the title of an axis of `scaled` values."""
    money = currency or "currency units"
    unit = {"money": money, "sum": money, "change": "%", "share": "%"}.get(of.kind.unit)
    return f"{of.about}: {of.kind.label}{f' ({unit})' if unit else ''}"


def without_ends(names: list[str]) -> list[str]:
    """Return the names of metrics, in order, without the ends of their intervals and their sds."""
    ends = {f"{name}_{end}" for name in names for end in ("low", "high", "seeds_sd")}
    return [name for name in names if name not in ends]


def best(of: Metric, values: pd.Series) -> int | None:
    """Return the position of the value nearest the target; None if under two can be compared."""
    gaps = np.abs(values.to_numpy(dtype=float) - of.kind.target)
    if np.isfinite(gaps).sum() < 2:
        return None
    return int(np.nanargmin(gaps))
