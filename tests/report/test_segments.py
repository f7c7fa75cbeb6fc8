"""Coverage and means by level."""

import numpy as np
import pandas as pd
import pytest

from lifeworth.report import segments
from lifeworth.report.evidence import Evidence


@pytest.fixture
def frame(whole: Evidence) -> pd.DataFrame:
    assert whole.by_segment is not None
    return whole.by_segment.assign(value_coverage_90=[0.87, 0.88, 0.89])


def test_coverage_stands_where_the_frame_says(frame: pd.DataFrame) -> None:
    figure = segments.coverage(frame)
    assert figure is not None
    purchases, value = figure.data
    assert [purchases.name, value.name] == ["purchases", "value"]
    assert list(value.x) == [0.87, 0.88, 0.89]
    assert np.array(value.x) + value.error_x.array == pytest.approx([0.91] * 3)
    assert np.array(value.x) - value.error_x.arrayminus == pytest.approx([0.86] * 3)
    assert figure.layout.yaxis.ticktext == ("UK", "(others)", "tea")
    assert (np.array(value.y) + purchases.y) / 2 == pytest.approx(figure.layout.yaxis.tickvals)
    assert figure.layout.shapes[0].x0 == 0.9


def test_columns_have_headings_in_words(frame: pd.DataFrame) -> None:
    figure = segments.means(frame, "USD")
    assert [a.text for a in figure.layout.annotations] == ["<b>country</b>", "<b>first product</b>"]


def test_a_side_without_intervals_is_left_out(frame: pd.DataFrame) -> None:
    ends = ("value_coverage_90", "value_coverage_90_low", "value_coverage_90_high")
    figure = segments.coverage(frame.assign(**dict.fromkeys(ends, np.nan)))
    assert figure is not None
    assert [trace.name for trace in figure.data] == ["purchases"]
    neither = frame.assign(purchases_coverage_90=np.nan, value_coverage_90=np.nan)
    assert segments.coverage(neither) is None


def test_means_are_in_currency_units(frame: pd.DataFrame) -> None:
    drawn = {trace.name: trace for trace in segments.means(frame, "USD").data if trace.name}
    assert list(drawn["actual"].x) == pytest.approx([12.0] * 3)
    assert list(drawn["expected"].x) == pytest.approx([10.0] * 3)
    assert list(drawn["actual"].y) == list(drawn["expected"].y)
