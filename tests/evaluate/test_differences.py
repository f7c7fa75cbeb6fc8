"""Differences of models on the same resampled customers: against sums by hand and a closed form."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.evaluate.differences import METRICS, differences
from lifeworth.evaluate.scorecard import Standing, stand
from lifeworth.models.core import Draws, Forecast
from lifeworth.tables.errors import InputError

CUSTOMERS = 400
IDS = np.array([f"c{i:03d}" for i in range(CUSTOMERS)], dtype=object)
RNG = np.random.default_rng(11)
VALUE = RNG.gamma(0.5, 2_000.0, CUSTOMERS)
ACTUAL = pd.DataFrame(
    {"customer_id": IDS, "purchases": RNG.poisson(1.0, CUSTOMERS), "value": VALUE}
)


def standing(off: float, rows: slice = slice(None)) -> Standing:
    """Return how a forecast fared that misses every value by `off` cents, and knows it surely."""
    own = ACTUAL.iloc[rows].reset_index(drop=True)
    value = own["value"].to_numpy() + off
    ends = dict.fromkeys(("value_q05", "value_q25", "value_q50", "value_q75"), value)
    frame = pd.DataFrame(
        {
            "customer_id": own["customer_id"],
            "as_of": dt.date(2024, 1, 1),
            "horizon_days": 90,
            "expected_purchases": own["purchases"].astype(float),
            "p_alive": 0.5,
            "p_active": np.linspace(0.1, 0.9, len(own)),
            "expected_value": value,
            "value_sd": 1.0,
            **ends,
            "value_q95": value,
        }
    )

    def draws(chosen: slice) -> Draws:
        counts = own["purchases"].to_numpy(float)[chosen]
        return Draws(np.repeat(counts[:, None], 4, 1), np.repeat(value[chosen][:, None], 4, 1))

    weeks = pd.DataFrame({"week_start": [], "expected_purchases": []})
    return stand(Forecast(frame=frame, tracking=weeks, draws=draws), own)


def by_metric(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("metric")


def test_a_constant_miss_is_the_difference_and_surely_so() -> None:
    """Misses of 100 and 300 cents: MAE, RMSE and CRPS differ by -200 in every resample."""
    models = {"near": [[standing(100.0)]], "far": [[standing(300.0)]]}
    found = by_metric(differences(models, "near", Resampling(resamples=20)))
    assert set(found["other"]) == {"far"}
    for metric in ("value_mae", "value_rmse", "value_crps"):
        row = found.loc[metric, ["difference", "low", "high"]].to_numpy(float)
        np.testing.assert_allclose(row, -200.0, rtol=1e-9)
    np.testing.assert_allclose(found.loc["value_gini", "difference"], 0.0, atol=1e-12)


def test_cut_offs_and_seeds_are_averaged_and_customers_kept_together() -> None:
    """Misses of 100 and 200 (seeds), then 600 among half the customers: mean (150 + 600) / 2."""
    half = slice(0, CUSTOMERS // 2)
    own = [[standing(100.0), standing(200.0)], [standing(600.0, half), standing(600.0, half)]]
    other = [[standing(0.0)], [standing(0.0, half)]]
    found = by_metric(differences({"own": own, "exact": other}, "own", Resampling(resamples=10)))
    np.testing.assert_allclose(found.loc["value_mae", "difference"], 375.0, rtol=1e-9)
    assert set(found.index) <= set(METRICS)


def test_an_interval_is_as_wide_as_the_error_of_a_mean() -> None:
    """Misses that vary: the 90 % interval of their mean is 2 x 1.645 sd / sqrt(n).

    A quantile of 4,000 resamples has an error of sqrt(.05 x .95 / 4,000) / .103 = .033 sd, both
    ends together .047 of 3.29, or 1.4 %: four of these, and 2 % for the skew.
    """
    rng = np.random.default_rng(3)
    own = standing(0.0)
    noise = rng.exponential(100.0, CUSTOMERS)
    wide = type(own)(**{**vars(own), "value": type(own.value)(
        **{**vars(own.value), "expected": own.value.actual + noise})})  # fmt: skip
    found = by_metric(
        differences({"noisy": [[wide]], "exact": [[own]]}, "noisy", Resampling(resamples=4_000))
    )
    row = found.loc["value_mae"]
    stated = float(row["high"]) - float(row["low"])
    np.testing.assert_allclose(stated, 2 * 1.645 * noise.std() / np.sqrt(CUSTOMERS), rtol=0.08)
    np.testing.assert_allclose(row["difference"], noise.mean(), rtol=1e-9)


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(InputError, match="no model 'best'; there are own"):
        differences({"own": [[standing(0.0)]]}, "best", Resampling())
