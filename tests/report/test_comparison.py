"""Figures that compare runs."""

from datetime import UTC, datetime

import pandas as pd
import plotly.graph_objects as go
import pytest

from lifeworth.report import comparison


@pytest.fixture
def runs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run_id": ["1", "2", "3"],
            "name": ["a", "b", "c"],
            "status": "FINISHED",
            "started_at": datetime(2026, 1, 1, tzinfo=UTC),
            "experiment": "e",
            "model": ["bgnbd", "rate", "bgnbd"],
            "data": ["cdnow", "cdnow", "superstore"],
            "cutoff": "1997-10-01",
            "horizon_days": 273,
            "seed": 0,
            "folder": "/",
            "value_mae": [3041.0, 4211.0, None],
            "value_mae_low": [2911.0, None, None],
            "value_mae_high": [3190.0, None, None],
            "value_bias": [-0.156, 0.48, 0.1],
            "value_gini": [0.638, 0.59, 0.5],
            "seconds_fit": [1.4, 0.01, 0.6],
        }
    )


def test_errors_draws_a_dot_per_run_in_currency_units_with_its_interval(
    runs: pd.DataFrame,
) -> None:
    figure = comparison.errors(runs, "value_mae")
    bgnbd, rate = figure.data
    assert list(bgnbd.x) == [pytest.approx(30.41)]
    assert list(bgnbd.x + bgnbd.error_x.array) == [pytest.approx(31.90)]
    assert list(bgnbd.x - bgnbd.error_x.arrayminus) == [pytest.approx(29.11)]
    assert list(rate.x) == [pytest.approx(42.11)]


def test_bias_against_gini_tells_models_and_data_sets_apart(runs: pd.DataFrame) -> None:
    looks = {
        trace.name: (trace.marker.color, trace.marker.symbol)
        for trace in comparison.bias_against_gini(runs).data
    }
    assert looks["cdnow, bgnbd"][0] == looks["superstore, bgnbd"][0]
    assert looks["cdnow, bgnbd"][1] != looks["superstore, bgnbd"][1]
    assert looks["cdnow, bgnbd"][0] != looks["cdnow, rate"][0]


def test_seconds(runs: pd.DataFrame) -> None:
    assert sorted(x for t in comparison.seconds(runs).data for x in t.x) == [0.01, 0.6, 1.4]


def test_table_has_a_row_per_run_without_interval_ends(runs: pd.DataFrame) -> None:
    table = comparison.table(runs)
    assert len(table) == 3
    assert not [c for c in table.columns if c.endswith(("_low", "_high"))]


@pytest.mark.parametrize("columns", [[], ["run_id", "model", "data", "name", "value_mae"]])
def test_without_runs_everything_says_how_to_make_one(columns: list[str]) -> None:
    none = pd.DataFrame(columns=columns)
    assert "lifeworth run" in comparison.table(none).iloc[0, 0]
    for figure in (
        comparison.errors(none, "value_mae"),
        comparison.bias_against_gini(none),
        comparison.seconds(none),
    ):
        assert "lifeworth run" in figure.layout.annotations[0].text


def test_a_metric_nobody_measured_is_said(runs: pd.DataFrame) -> None:
    figure: go.Figure = comparison.errors(runs, "value_crps")
    assert figure.layout.annotations[0].text == "No run has value_crps."
