"""Names, units and the best value of metrics."""

import numpy as np
import pandas as pd
import pytest

from lifeworth.report.metrics import best, metric, scaled, shown, titled, without_ends


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("value_mae", 3041.0, "30.41"),
        ("purchases_mae", 0.786, "0.786"),
        ("value_bias", -0.156, "-15.6 %"),
        ("value_gini", 0.638, "0.638"),
        ("value_coverage_90", 0.915, "91.5 %"),
        ("tracking_mape_weekly", 0.112, "11.2 %"),
        ("p_active_auc", 0.75, "0.750"),
        ("customers", 23570.0, "23,570"),
        ("actual_value", 68_400_000.0, "684,000"),
        ("seconds_fit", 1.41421, "1.414"),
        ("value_crps", float("nan"), "–"),
    ],
)
def test_shown_in_its_unit(name: str, value: float, text: str) -> None:
    assert shown(metric(name), value) == text


def test_scaled_draws_money_in_currency_units_and_shares_in_per_cent() -> None:
    assert scaled(metric("value_mae"), pd.Series([3041.0])).tolist() == [pytest.approx(30.41)]
    assert scaled(metric("value_bias"), pd.Series([-0.5])).tolist() == [-50.0]
    assert scaled(metric("purchases_mae"), pd.Series([2])).tolist() == [2.0]


@pytest.mark.parametrize(
    ("name", "values", "position"),
    [
        ("value_mae", [2.0, 1.0, 3.0], 1),
        ("value_bias", [-0.1, 0.2, -0.3], 0),
        ("value_gini", [0.2, 0.7, 0.6], 1),
        ("value_coverage_90", [1.0, 0.7, 0.88], 2),
        ("value_crps", [np.nan, 5.0, np.nan], None),
        ("own_thing", [1.0, 2.0, 3.0], None),
    ],
)
def test_best_is_nearest_its_target(name: str, values: list[float], position: int | None) -> None:
    assert best(metric(name), pd.Series(values)) == position


def test_interval_ends_are_no_metrics() -> None:
    names = ["value_mae", "value_mae_low", "value_mae_high", "very_low"]
    assert without_ends(names) == ["value_mae", "very_low"]


def test_coverage_says_its_level() -> None:
    kind = metric("purchases_coverage_50").kind
    assert kind.target == 0.5
    assert "50 %" in kind.label


def test_axes_are_titled_with_their_unit() -> None:
    assert titled(metric("value_mae"), "USD") == "Value per customer: Mean absolute error (USD)"
    assert titled(metric("purchases_mae")) == "Purchases per customer: Mean absolute error"
    assert titled(metric("seconds_fit")) == "Other: seconds fit"


@pytest.mark.parametrize(
    "name",
    [
        *("customers", "expected_purchases", "actual_purchases", "expected_value"),
        *("actual_value", "new_customers", "tracking_mape_weekly", "tracking_mape_cumulative"),
        *("p_active_brier", "p_active_auc", "purchases_pit_distance", "value_decile_mape"),
    ],
)
def test_every_number_of_a_scorecard_has_words(name: str) -> None:
    assert metric(name).about != "Other"
    assert metric(name).kind.unit != "plain"
