"""Evidence of a small shop, whole and reduced."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from lifeworth.report.evidence import SEGMENT, Evidence, Totals

CUTOFF = date(1997, 10, 1)


def _holdout() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": ["BG/NBD", "rate x time"],
            "purchases_mae": [0.786, 1.024],
            "purchases_bias": [-0.121, 0.56],
            "value_mae": [3041.0, 4211.0],
            "value_mae_low": [2911.0, np.nan],
            "value_mae_high": [3190.0, np.nan],
            "value_gini": [0.638, 0.59],
            "value_crps": [2210.0, np.nan],
            "purchases_coverage_90": [0.93, np.nan],
        }
    )


def _weekly() -> pd.DataFrame:
    weeks = pd.date_range("1997-09-03", periods=8, freq="7D")
    return pd.DataFrame(
        {
            "week_start": weeks.date,
            "actual": np.arange(8.0),
            "expected": np.arange(8.0) + 0.5,
            "part": ["calibration"] * 4 + ["holdout"] * 4,
            "low": [np.nan] * 4 + [2.0, 3.0, 4.0, 5.0],
            "high": [np.nan] * 4 + [7.0, 8.0, 9.0, 10.0],
            "low_cumulative": [np.nan] * 4 + [2.0, 6.0, 11.0, 17.0],
            "high_cumulative": [np.nan] * 4 + [7.0, 14.0, 22.0, 31.0],
        }
    )


def _differences() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "other": ["rate x time"] * 2,
            "metric": ["purchases_mae", "value_mae"],
            "difference": [-0.238, -1170.0],
            "low": [-0.26, -1300.0],
            "high": [-0.21, -1040.0],
        }
    )


def _deciles(scale: float) -> pd.DataFrame:
    expected = np.arange(1, 11) * scale
    return pd.DataFrame(
        {
            "decile": np.arange(1, 11),
            "customers": np.full(10, 2357),
            "expected_mean": expected,
            "actual_mean": expected * 1.1,
            "low": expected,
            "high": expected * 1.2,
        }
    )


def _alive() -> pd.DataFrame:
    frequency, recency = (a.ravel() for a in np.meshgrid(np.arange(5), np.arange(0, 60, 10)))
    alive = 1 / (1 + frequency * (60 - recency) / 60)
    return pd.DataFrame(
        {"frequency": frequency, "recency_days": recency, "p_alive": alive, "age_days": 60}
    )


def _tiers() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "tier": ["VIP", "Low"],
            "customers": [2_357, 21_213],
            "share_of_customers": [0.1, 0.9],
            "expected_value": [39_200_000.0, 22_000_000.0],
            "share_of_expected": [0.64, 0.36],
            "realised_value": [40_900_000.0, 27_500_000.0],
            "share_of_realised": [0.6, 0.4],
        }
    )


def _pit() -> pd.DataFrame:
    ends = np.linspace(0, 1, 11)
    return pd.DataFrame(
        {"bin_low": ends[:-1], "bin_high": ends[1:], "purchases": 0.1, "value": np.arange(10)}
    )


def _params() -> pd.DataFrame:
    rows = [("r", 0.24259, 0.0125, 0.218, 0.267, "shape of rates"), ("p", 6.25, *[np.nan] * 3, "")]
    columns = ["parameter", "estimate", "se", "low", "high", "meaning"]
    return pd.DataFrame(rows, columns=columns)


def _backtest() -> pd.DataFrame:
    rows = [
        (date(1997, month, 1), metric, value + month / 1000)
        for month in (8, 9, 10)
        for metric, value in (("value_bias", -0.15), ("value_mae", 3041.0), ("own_thing", 2.0))
    ]
    return pd.DataFrame(rows, columns=["cutoff", "metric", "value"])


def _by_segment() -> pd.DataFrame:
    levels = [("country", "UK", 900), ("country", "(others)", 30), ("first_product", "tea", 930)]
    frame = pd.DataFrame(levels, columns=["column", "level", "customers"])
    means = dict(
        zip(SEGMENT, [12.0, 10.0, -0.1, 4.0, 3.0, 0.5, 0.88, 0.86, 0.91, 0.02], strict=True)
    )
    for side, scale in (("purchases", 0.1), ("value", 100.0)):
        for name, value in means.items():
            money = scale if name in {"actual", "expected", "rmse", "crps"} else 1.0
            frame[f"{side}_{name}"] = value * money
    frame.loc[1, "value_bias"] = np.nan
    return frame


def _posterior() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    draws = {
        ("purchases per year", "prior"): np.exp(rng.normal(0.0, 1.5, 300)),
        ("purchases per year", "posterior"): np.exp(rng.normal(1.0, 0.1, 300)),
        ("effect of price", "prior"): rng.normal(0.0, 1.0, 300),
        ("effect of price", "posterior"): rng.normal(0.1, 0.9, 300),
    }
    rows = [(*key, float(value)) for key, values in draws.items() for value in values]
    return pd.DataFrame(rows, columns=["quantity", "part", "value"])


def _forest() -> pd.DataFrame:
    rows = [
        ("purchases per year", "", "", 930, 2.0, 1.9, 2.1),
        ("purchases per year", "country", "UK", 900, 1.8, 1.7, 1.9),
        ("purchases per year", "country", "FR", 30, 2.6, 2.0, 3.4),
    ]
    columns = ["quantity", "column", "level", "customers", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _prior_predictive() -> pd.DataFrame:
    share = np.linspace(0.0, 1.0, 101)
    rows = [("share of customers without a repeat purchase", v, 0.755) for v in share]
    rows += [("mean value per purchase, USD", v, 9000.0) for v in np.geomspace(1.0, 100.0, 101)]
    return pd.DataFrame(rows, columns=["quantity", "value", "observed"])


def _chains() -> pd.DataFrame:
    values = np.exp(np.random.default_rng(1).normal(size=(2, 1200)))
    chain, draw = (a.ravel() for a in np.indices(values.shape))
    columns = {"chain": chain, "draw": draw, "value": values.ravel()}
    return pd.DataFrame({"quantity": "purchases per year"} | columns)


def _reasons() -> pd.DataFrame:
    rows = [
        (tier, customers, kind, mean, abs(mean) + 10.0)
        for tier, customers, scale in (("VIP", 100, 4.0), ("Low", 400, -0.5))
        for kind, mean in (
            ("base", 900.0),
            ("how often they bought", 700.0 * scale),
            ("what they spent", 300.0 * scale),
        )
    ]
    return pd.DataFrame(rows, columns=["tier", "customers", "kind", "mean", "mean_absolute"])


def _treated() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "arm": ["coupon", "letter"],
            "customers": [120, 80],
            "with_treatment": [2_450.0, 1_900.0],
            "without_treatment": [2_200.0, 1_950.0],
            "actual": [2_100.0, 2_000.0],
        }
    )


def _curves() -> pd.DataFrame:
    epochs = np.arange(1, 31)
    parts = {"training": 1.0, "validation": 1.1, "member 1": 0.9}
    return pd.concat(
        pd.DataFrame({"part": part, "epoch": epochs, "loss": level + 1.0 / epochs})
        for part, level in parts.items()
    )


def _elbo() -> pd.DataFrame:
    steps = np.arange(2000)
    return pd.DataFrame(
        {"quantity": "purchases", "step": steps, "elbo": -100.0 - 1e6 * np.exp(-steps / 20)}
    )


def _diagnostics() -> pd.DataFrame:
    rows = [
        ("largest R-hat", 1.003, "below 1.01", ""),
        ("divergent transitions", 12.0, "0", "raise the target acceptance"),
    ]
    return pd.DataFrame(rows, columns=["measure", "value", "good", "verdict"])


@pytest.fixture(scope="session")
def totals() -> Totals:
    return Totals(
        customers=23_570,
        horizon_days=273,
        forecast_value=61_200_049.0,
        forecast_purchases=17_300.4,
        realised_value=68_400_000.0,
        realised_purchases=19_684.0,
    )


@pytest.fixture(scope="session")
def bare() -> Evidence:
    """Return evidence without a single part."""
    return Evidence(
        title="A small shop",
        subtitle="bare",
        cutoff=CUTOFF,
        currency="USD",
        value_is="revenue",
    )


@pytest.fixture(scope="session")
def whole(totals: Totals) -> Evidence:
    """Return evidence with every part."""
    return Evidence(
        title="A small shop",
        subtitle="BG/NBD with Gamma-Gamma",
        cutoff=CUTOFF,
        currency="USD",
        value_is="revenue",
        totals=totals,
        facts={"Data source": "cdnow", "Seed": "0"},
        notes=["Value is revenue: the source has no costs."],
        params=_params(),
        holdout=_holdout(),
        differences=_differences(),
        weekly=_weekly(),
        purchase_deciles=_deciles(0.3),
        value_deciles=_deciles(900.0),
        alive=_alive(),
        tiers=_tiers(),
        pit=_pit(),
        backtest=_backtest(),
        by_segment=_by_segment(),
        posterior=_posterior(),
        forest=_forest(),
        prior_predictive=_prior_predictive(),
        diagnostics=_diagnostics(),
        elbo=_elbo(),
        curves=_curves(),
        reasons=_reasons(),
        treated=_treated(),
        chains=_chains(),
    )


FRAMES = (
    "params",
    "holdout",
    "differences",
    "weekly",
    "purchase_deciles",
    "value_deciles",
    "alive",
    "tiers",
    "pit",
    "backtest",
    "by_segment",
    "posterior",
    "forest",
    "prior_predictive",
    "diagnostics",
    "elbo",
    "chains",
    "curves",
    "reasons",
    "treated",
)
KEYS = [
    *("decile", "bin_low", "bin_high", "frequency", "recency_days"),
    *("customers", "chain", "draw", "step", "epoch"),
]


@pytest.fixture(scope="session")
def one_row(whole: Evidence) -> Evidence:
    """Return evidence of one customer: every frame has one row."""
    return replace(whole, **{name: getattr(whole, name).head(1) for name in FRAMES})


@pytest.fixture(scope="session")
def zeros(whole: Evidence) -> Evidence:
    """Return evidence of a shop where nobody bought and nothing was expected."""
    return replace(whole, **{name: _zeroed(getattr(whole, name)) for name in FRAMES})


def _zeroed(frame: pd.DataFrame) -> pd.DataFrame:
    numeric = frame.select_dtypes("number").columns.difference(KEYS)
    return frame.assign(**dict.fromkeys(numeric, 0.0))
