"""Evidence: everything a report shows, as pandas frames and scalars."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import pandas as pd

from lifeworth.tables.errors import InputError

DECILE = ("decile", "customers", "expected_mean", "actual_mean", "low", "high")

SEGMENT = (
    *("actual", "expected", "bias", "rmse", "crps", "coverage_50"),
    *("coverage_90", "coverage_90_low", "coverage_90_high", "pit_distance"),
)
"""Measures of a level, which by_segment has of purchases_ and of value_."""

COLUMNS = {
    "params": ("parameter", "estimate", "se", "low", "high", "meaning"),
    "holdout": ("model",),
    "differences": ("other", "metric", "difference", "low", "high"),
    "weekly": ("week_start", "actual", "expected", "part"),
    "purchase_deciles": DECILE,
    "value_deciles": DECILE,
    "alive": ("frequency", "recency_days", "p_alive"),
    "tiers": ("tier", "customers", "share_of_customers", "expected_value", "share_of_expected"),
    "pit": ("bin_low", "bin_high", "purchases", "value"),
    "by_segment": (
        *("column", "level", "customers"),
        *(f"{side}_{measure}" for side in ("purchases", "value") for measure in SEGMENT),
    ),
    "backtest": ("cutoff", "metric", "value"),
    "posterior": ("quantity", "part", "value"),
    "forest": ("quantity", "column", "level", "customers", "mean", "low", "high"),
    "prior_predictive": ("quantity", "value", "observed"),
    "diagnostics": ("measure", "value", "good", "verdict"),
    "elbo": ("quantity", "step", "elbo"),
    "chains": ("quantity", "chain", "draw", "value"),
    "curves": ("part", "epoch", "loss"),
    "reasons": ("tier", "customers", "kind", "mean", "mean_absolute"),
    "treated": ("arm", "customers", "with_treatment", "without_treatment", "actual"),
}
"""Columns each frame of an Evidence must have; further columns are ignored."""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Sums over all customers known at the cut-off; value in cents.

    Attributes
    ----------
    realised_value, realised_purchases
        None while the horizon is not over.
    """

    customers: int
    horizon_days: int
    forecast_value: float
    forecast_purchases: float
    realised_value: float | None = None
    realised_purchases: float | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a report shows; a part that is None is left out.

    Money is in cents, times in days, shares in [0, 1]. The quantities of posterior, forest,
    prior_predictive and chains are words such as "purchases per year", and their values are shown
    as they are, in the unit these words name.

    Attributes
    ----------
    cutoff
        The first day of the horizon.
    facts
        Name to text, shown in this order: source, data hash, seed, versions, seconds.
    notes
        Warnings in words.
    params
        One row per parameter: parameter, estimate, se, low, high (NaN where unknown), meaning.
    holdout
        One row per model, the model of the report first: model and one column per metric, named as
        in `report.metrics`, each with optional `<metric>_low` and `<metric>_high`.
    differences
        One row per other model and metric: other, metric, difference (the report's model less the
        other), and its interval low, high (NaN where it has none).
    weekly
        One row per week: week_start, actual and expected repeat purchases, part ("calibration" or
        "holdout"). Optionally low, high, the 90 % predictive interval of that week, and
        low_cumulative, high_cumulative, that of the running total since the cut-off; all four are
        NaN before it.
    purchase_deciles, value_deciles
        One row per group of customers of like forecast: decile, customers, expected_mean,
        actual_mean and the interval low, high of actual_mean; value in cents.
    alive
        A grid: frequency (repeat purchases), recency_days (from the first to the last purchase),
        p_alive, and optionally age_days (from the first purchase to the cut-off, one value).
    tiers
        One row per tier, best first: tier, customers, share_of_customers, expected_value,
        share_of_expected; and realised_value, share_of_realised once the horizon is over.
    pit
        One row per bin of [0, 1]: bin_low, bin_high, and how much of purchases and of value falls
        in it (counts, shares or densities of equal bins).
    by_segment
        One row per column and level of customers: column, level, customers, and both of purchases_
        and of value_ the means actual and expected, bias, rmse, crps, coverage_50, coverage_90 with
        its interval coverage_90_low, coverage_90_high, and pit_distance; of value_ actual,
        expected, rmse and crps are cents. A measure may be NaN.
    backtest
        One row per cut-off, seed and metric: cutoff, metric, value.
    posterior
        One row per draw: quantity, part ("prior" or "posterior"), value.
    forest
        One row per quantity and level: quantity, column, level, customers, mean and the ends low,
        high of the 90 % interval. The row of the whole population has the column "".
    prior_predictive
        One row per draw of the prior: quantity, value, and what was observed (one value each
        quantity).
    diagnostics
        One row per measure of the inference: measure, value, what is good ("below 1.01"), verdict
        ("" or a remedy in words).
    elbo
        One row per stretch of stochastic variational inference: quantity (what was fitted:
        purchases, spend), step (the last of it), elbo (its mean).
    chains
        One row per draw of a Markov chain: quantity, chain, draw, value.
    curves
        One row per epoch of a training: part ("training", "validation", "member 1", ...), epoch
        (from 1), loss.
    reasons
        One row per tier (best first) and kind of input ("base" first): tier, customers (of the
        tier), kind, and what it adds to the value of a customer: mean and mean_absolute (cents).
    treated
        One row per arm: arm, customers, and means of value (cents): with_treatment,
        without_treatment (both forecast), actual.

    Raises
    ------
    InputError
        Where a frame lacks a column.
    """

    title: str
    subtitle: str
    cutoff: date
    currency: str
    value_is: Literal["margin", "revenue"]
    totals: Totals | None = None
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    params: pd.DataFrame | None = None
    holdout: pd.DataFrame | None = None
    differences: pd.DataFrame | None = None
    weekly: pd.DataFrame | None = None
    purchase_deciles: pd.DataFrame | None = None
    value_deciles: pd.DataFrame | None = None
    alive: pd.DataFrame | None = None
    tiers: pd.DataFrame | None = None
    pit: pd.DataFrame | None = None
    by_segment: pd.DataFrame | None = None
    backtest: pd.DataFrame | None = None
    posterior: pd.DataFrame | None = None
    forest: pd.DataFrame | None = None
    prior_predictive: pd.DataFrame | None = None
    diagnostics: pd.DataFrame | None = None
    elbo: pd.DataFrame | None = None
    chains: pd.DataFrame | None = None
    curves: pd.DataFrame | None = None
    reasons: pd.DataFrame | None = None
    treated: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        for name, columns in COLUMNS.items():
            _check(name, getattr(self, name), columns)

    def frame(self, name: str) -> pd.DataFrame | None:
        """Return the frame of that name, or None where it is absent or has no rows."""
        found = getattr(self, name)
        return None if found is None or found.empty else found


def _check(name: str, frame: pd.DataFrame | None, columns: tuple[str, ...]) -> None:
    if frame is None:
        return
    lacking = [c for c in columns if c not in frame.columns]
    if lacking:
        raise InputError(
            f"evidence: {name} lacks {len(lacking)} of {len(columns)} columns, first "
            f"{lacking[0]!r}; it has {', '.join(map(str, frame.columns))}; give "
            f"{', '.join(columns)} or leave {name} out"
        )
