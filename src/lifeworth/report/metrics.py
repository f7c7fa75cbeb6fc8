"""What each metric of a scorecard is called, its unit, and which way is better."""

import math
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from lifeworth.report.wording import change, money, number, share, significant

Unit = Literal["money", "count", "change", "share", "score", "plain"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    Attributes
    ----------
    target
        The best value there is: 0 for an error, 1 for a ranking, .9 for the coverage of a 90 %
        interval, None where unknown.
    """

    name: str
    about: str
    label: str
    meaning: str
    unit: Unit
    target: float | None


STEMS: dict[str, tuple[str, str, Unit, float]] = {
    "mae": ("Mean absolute error", "typical miss for one customer", "count", 0.0),
    "rmse": ("Root mean squared error", "as above, with large misses weighing more", "count", 0.0),
    "bias": (
        "Bias of the total",
        "all customers together; below zero: forecast too low",
        "change",
        0.0,
    ),
    "gini": ("Normalised Gini", "order of customers; 1 perfect, 0 random", "score", 1.0),
    "spearman": ("Spearman correlation", "agreement of ranks; 1 perfect, 0 none", "score", 1.0),
    "crps": ("CRPS", "error of the whole distribution, in the unit of the forecast", "count", 0.0),
    "decile_mape": (
        "Decile error",
        "mean relative miss of ten groups of like forecast",
        "share",
        0.0,
    ),
    "weekly_mape": ("Weekly tracking error", "mean relative miss of a week", "share", 0.0),
    "cumulative_mape": (
        "Cumulative tracking error",
        "mean relative miss of the running total",
        "share",
        0.0,
    ),
}

ABOUT = {"purchases": "Purchases", "value": "Value", "tracking": "Tracking"}

COVERAGE = re.compile(r"coverage_(\d\d)$")


def metric(name: str) -> Metric:
    """Return what is known of a metric column such as `value_mae`; any name is accepted."""
    prefix, _, stem = name.partition("_")
    about = ABOUT.get(prefix)
    if about and (covers := COVERAGE.match(stem)):
        return _coverage(name, about, int(covers[1]))
    if about is None or stem not in STEMS:
        return Metric(
            name=name,
            about="Other",
            label=name.replace("_", " "),
            meaning="",
            unit="plain",
            target=None,
        )
    label, meaning, unit, target = STEMS[stem]
    priced: Unit = "money" if prefix == "value" and unit == "count" else unit
    return Metric(name=name, about=about, label=label, meaning=meaning, unit=priced, target=target)


def _coverage(name: str, about: str, level: int) -> Metric:
    label = f"Inside the {level} % interval"
    meaning = f"customers whose outcome fell in their interval; {level} % is right"
    return Metric(
        name=name, about=about, label=label, meaning=meaning, unit="share", target=level / 100
    )


def shown(of: Metric, value: float | None) -> str:
    """Return the value as text in the metric's unit, money in currency units."""
    match of.unit:
        case "money":
            return money(value, decimals=2)
        case "change":
            return change(value)
        case "share":
            return share(value)
        case "plain":
            return significant(value)
        case _:
            return number(value, 3)


def scaled(of: Metric, value: pd.Series) -> pd.Series:
    """Return values as a figure draws them: money in currency units, shares in per cent."""
    factor = {"money": 0.01, "change": 100.0, "share": 100.0}.get(of.unit, 1.0)
    return value.astype(float) * factor


def unit_of(of: Metric, currency: str = "") -> str:
    """Return the unit `scaled` draws in, for an axis title."""
    return {"money": currency or "currency units", "change": "%", "share": "%"}.get(of.unit, "")


def named(frame: pd.DataFrame) -> list[Metric]:
    """Return the metrics among the columns of a holdout frame, without interval ends."""
    ends = {f"{c}_{end}" for c in frame.columns for end in ("low", "high")}
    numeric = frame.select_dtypes("number").columns
    return [metric(str(c)) for c in numeric if c not in ends]


def best(of: Metric, values: pd.Series) -> int | None:
    """Return the position of the value nearest the target; None if under two can be compared."""
    gaps = np.abs(values.to_numpy(dtype=float) - (math.nan if of.target is None else of.target))
    if np.isfinite(gaps).sum() < 2:
        return None
    return int(np.nanargmin(gaps))
