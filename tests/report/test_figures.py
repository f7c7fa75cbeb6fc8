"""Figures: the numbers they draw, and that edge cases draw at all."""

from datetime import date

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from lifeworth.report import chains, figures, history, posterior, segments
from lifeworth.report.density import by_quantity
from lifeworth.report.evidence import Evidence

CUTOFF = date(1997, 10, 1)


def _part(evidence: Evidence, name: str) -> pd.DataFrame:
    frame = evidence.frame(name)
    assert frame is not None
    return frame


def _traces(figure: go.Figure, name: str) -> list[list[float]]:
    return [list(trace.y) for trace in figure.data if trace.name == name]


def test_tracking_draws_weeks_and_their_running_total(whole: Evidence) -> None:
    figure = figures.tracking(_part(whole, "weekly"), CUTOFF)
    weekly, cumulative = _traces(figure, "actual")
    assert weekly == list(range(8))
    assert cumulative == [0, 1, 3, 6, 10, 15, 21, 28]
    marks = [shape for shape in figure.layout.shapes if shape.type == "line"]
    assert len(marks) == 2
    assert {pd.Timestamp(shape.x0) for shape in marks} == {pd.Timestamp(CUTOFF)}


def test_tracking_draws_the_futures_from_the_actual_total_at_the_cut_off(whole: Evidence) -> None:
    figure = figures.tracking(_part(whole, "weekly"), CUTOFF)
    weekly, cumulative = (t for t in figure.data if t.name == figures.FUTURES)
    assert list(weekly.y) == [2, 3, 4, 5]
    assert list(weekly.customdata) == [7, 8, 9, 10]
    assert list(cumulative.y) == [6 + low for low in (2, 6, 11, 17)]
    assert list(cumulative.customdata) == [6 + high for high in (7, 14, 22, 31)]
    assert [weekly.showlegend, cumulative.showlegend] == [True, False]


def test_tracking_without_futures_has_no_band(whole: Evidence) -> None:
    frame = _part(whole, "weekly")
    for without in (frame.drop(columns="low"), frame.head(4)):
        assert not _traces(figures.tracking(without, CUTOFF), figures.FUTURES)


def test_tracking_does_not_depend_on_the_order_of_rows(whole: Evidence) -> None:
    frame = _part(whole, "weekly")
    assert figures.tracking(frame[::-1], CUTOFF) == figures.tracking(frame, CUTOFF)


def test_calibration_draws_currency_units_and_the_ends_of_intervals(whole: Evidence) -> None:
    figure = figures.calibration(_part(whole, "value_deciles"), "USD", scale=0.01)
    dots = next(trace for trace in figure.data if trace.type == "scatter")
    assert dots.y == pytest.approx(np.arange(1, 11) * 9.9)
    assert np.array(dots.y) + dots.error_y.array == pytest.approx(np.arange(1, 11) * 10.8)
    assert np.array(dots.y) - dots.error_y.arrayminus == pytest.approx(np.arange(1, 11) * 9.0)
    assert "2,357 customers each" in figure.layout.xaxis.title.text


def test_calibration_says_how_sizes_differ(whole: Evidence) -> None:
    frame = _part(whole, "purchase_deciles").assign(customers=range(1235, 1245))
    figure = figures.calibration(frame, "purchases")
    assert "1,235 to 1,244 customers each" in figure.layout.xaxis.title.text


def test_alive_places_every_probability_at_its_frequency_and_recency(whole: Evidence) -> None:
    frame = _part(whole, "alive")
    heat = figures.alive(frame.sample(frac=1, random_state=1)).data[0]
    drawn = pd.DataFrame(heat.z, index=heat.y, columns=heat.x)
    for row in frame.itertuples():
        assert drawn.loc[row.frequency, row.recency_days] == row.p_alive


def test_tiers_leaves_out_what_is_not_yet_realised(whole: Evidence) -> None:
    frame = _part(whole, "tiers")
    assert len(figures.tiers(frame).data) == 3
    early = frame.drop(columns=["realised_value", "share_of_realised"])
    names = [bar.name for bar in figures.tiers(early).data]
    assert names == ["of customers", "of expected value"]


@pytest.mark.parametrize("factor", [0.001, 1.0, 500.0])
def test_pit_has_area_one_whatever_the_unit_of_its_bins(whole: Evidence, factor: float) -> None:
    frame = _part(whole, "pit")
    frame = frame.assign(value=frame["value"] * factor)
    bars = figures.pit(frame, "value").data[0]
    assert np.sum(np.array(bars.y) * 0.1) == pytest.approx(1)


def test_backtest_has_a_panel_for_each_metric_it_knows(whole: Evidence) -> None:
    figure = history.backtest(_part(whole, "backtest"), "USD")
    titles = [a.text for a in figure.layout.annotations]
    assert titles == [
        "Value per customer: Bias of the total (%)",
        "Value per customer: Mean absolute error (USD)",
    ]
    bias = list(figure.data[0].y)
    assert bias == pytest.approx([-14.2, -14.1, -14.0])
    low, high = figure.layout.yaxis.range
    assert low < -14.2
    assert high > 0


def test_backtest_of_unknown_metrics_draws_them_all_the_same(whole: Evidence) -> None:
    frame = _part(whole, "backtest")
    figure = history.backtest(frame[frame["metric"] == "own_thing"], "USD")
    assert [a.text for a in figure.layout.annotations] == ["Other: own thing"]


def test_backtest_averages_seeds_and_drops_interval_ends() -> None:
    rows = [
        ("1997-08-01", 0, "value_mae", 1.0),
        ("1997-08-01", 1, "value_mae", 3.0),
        ("1997-08-01", 0, "value_mae_low", 0.0),
        ("1997-09-01", 0, "value_mae", 5.0),
    ]
    frame = pd.DataFrame(rows, columns=["cutoff", "seed", "metric", "value"])
    assert history.by_cutoff(frame)["value"].tolist() == [2.0, 5.0]


def _every_figure(evidence: Evidence) -> list[go.Figure]:
    forest = posterior.forest(_part(evidence, "forest"))
    coverage = segments.coverage(_part(evidence, "by_segment"))
    own = [by_quantity(_part(evidence, n)) for n in ("posterior", "prior_predictive", "chains")]
    believed, prior, sampled = (list(frames.values()) for frames in own)
    return [
        *map(posterior.learned, believed),
        *map(posterior.foreseen, prior),
        *map(chains.trace, sampled),
        *map(chains.ranks, sampled),
        *(figure for figure in (forest, coverage) if figure is not None),
        chains.elbo(_part(evidence, "elbo")),
        segments.means(_part(evidence, "by_segment"), "USD"),
        figures.tracking(_part(evidence, "weekly"), CUTOFF),
        figures.calibration(_part(evidence, "purchase_deciles"), "purchases"),
        figures.calibration(_part(evidence, "value_deciles"), "USD", scale=0.01),
        figures.alive(_part(evidence, "alive")),
        figures.tiers(_part(evidence, "tiers")),
        figures.pit(_part(evidence, "pit"), "purchases"),
        figures.pit(_part(evidence, "pit"), "value"),
        history.backtest(_part(evidence, "backtest"), "USD"),
    ]


def test_one_row_of_each_frame_draws(one_row: Evidence) -> None:
    for figure in _every_figure(one_row):
        assert figure.data
        assert "NaN" not in str(figure.to_json())


def test_all_zeros_draw_and_have_finite_axes(zeros: Evidence) -> None:
    for figure in _every_figure(zeros):
        assert figure.data
        ranges = [axis.range for axis in figure.select_yaxes() if axis.range is not None]
        assert np.isfinite(np.array(ranges, dtype=float)).all()
        assert all(low != high for low, high in ranges)
