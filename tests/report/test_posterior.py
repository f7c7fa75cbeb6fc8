"""Prior against posterior, the prior's shops, and the forest of segments."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from scipy import stats

from lifeworth.report import posterior
from lifeworth.report.density import by_quantity, histogram, kernel_density, needs_log
from lifeworth.report.evidence import Evidence


def _quantity(evidence: Evidence, frame: str, start: str) -> pd.DataFrame:
    found = evidence.frame(frame)
    assert found is not None
    return next(own for name, own in by_quantity(found).items() if name.startswith(start))


def _forest(frame: pd.DataFrame) -> go.Figure:
    figure = posterior.forest(frame)
    assert figure is not None
    return figure


@pytest.mark.parametrize(
    ("values", "log"),
    [([1.0, 21.0], True), ([1.0, 20.0], False), ([0.0, 1e6], False), ([-1.0, 1e6], False)],
)
def test_a_log_axis_needs_positive_values_a_factor_20_apart(values: list[float], log: bool) -> None:
    assert needs_log(np.array(values)) == log


def test_density_of_normal_draws_is_that_of_the_normal() -> None:
    draws = stats.norm.ppf(np.linspace(0.0005, 0.9995, 2000))
    x, y = kernel_density(draws, log=False)
    assert len(x) == 200
    assert y.max() == 1
    # the kernel widens: measured largest gap 0.021 at this bandwidth
    assert np.abs(y - np.exp(-(x**2) / 2)).max() < 0.04


def test_density_on_a_log_axis_is_that_of_the_logarithms() -> None:
    draws = np.random.default_rng(0).normal(size=300)
    x, y = kernel_density(draws, log=False)
    on_log, same = kernel_density(10.0**draws, log=True)
    middle = (x > draws.min()) & (x < -0.1)
    assert np.interp(x[middle], np.log10(on_log), same) == pytest.approx(y[middle], abs=0.02)


def test_density_of_shares_stays_among_shares() -> None:
    draws = np.random.default_rng(0).uniform(size=300)
    x, _ = kernel_density(draws, log=False)
    assert (x.min(), x.max()) == (0, 1)
    x, _ = kernel_density(draws, log=True)
    assert x.max() == 1


def test_equal_draws_are_a_vertical_line() -> None:
    x, y = kernel_density(np.full(5, 3.0), log=False)
    assert x.tolist() == [3, 3]
    assert y.tolist() == [0, 1]


def test_a_stray_draw_does_not_flatten_the_others() -> None:
    x, _ = kernel_density(np.append(np.linspace(-1, 1, 999), 1e9), log=False)
    assert x.max() < 3


def test_histogram_has_the_counts_between_its_edges() -> None:
    x, y = histogram(np.repeat([0.0, 30.0], [100, 300]), log=False)
    assert x.tolist() == pytest.approx([0, *range(31)])
    assert y.tolist() == pytest.approx([0, 1 / 3, *[0] * 28, 1, 0])


def test_learned_draws_the_prior_behind_the_posterior(whole: Evidence) -> None:
    figure = posterior.learned(_quantity(whole, "posterior", "purchases"))
    assert [trace.name for trace in figure.data] == ["prior", "posterior"]
    assert figure.layout.xaxis.type == "log"
    assert figure.data[1].x[np.argmax(figure.data[1].y)] == pytest.approx(np.e, rel=0.1)
    assert posterior.learned(_quantity(whole, "posterior", "effect")).layout.xaxis.type == "linear"


def test_foreseen_draws_the_observed_and_says_how_many_draws_lie_below(whole: Evidence) -> None:
    _, line = posterior.foreseen(_quantity(whole, "prior_predictive", "share")).data
    assert list(line.x) == [0.755, 0.755]
    assert line.text[1] == "observed 0.755"
    assert line.hovertemplate.startswith("75%")
    figure = posterior.foreseen(_quantity(whole, "prior_predictive", "mean"))
    assert figure.layout.xaxis.type == "log"
    assert figure.data[1].textposition == "top left"


def test_foreseen_without_an_observation_draws_the_prior(whole: Evidence) -> None:
    own = _quantity(whole, "prior_predictive", "share").assign(observed=np.nan)
    assert len(posterior.foreseen(own).data) == 1


def test_values_that_are_not_finite_are_left_out() -> None:
    values = [1.0, np.nan, np.inf]
    frame = pd.DataFrame({"quantity": ["a", "a", "b"], "value": values})
    assert {name: own["value"].tolist() for name, own in by_quantity(frame).items()} == {"a": [1.0]}


def test_forest_sorts_levels_and_draws_the_population_as_a_band(whole: Evidence) -> None:
    assert whole.forest is not None
    figure = _forest(whole.forest)
    dots = figure.data[0]
    assert figure.layout.yaxis.ticktext == ("FR", "UK")
    assert list(dots.x) == [2.6, 1.8]
    assert list(dots.y) == list(figure.layout.yaxis.tickvals)
    assert np.array(dots.x) + dots.error_x.array == pytest.approx([3.4, 1.9])
    assert np.array(dots.x) - dots.error_x.arrayminus == pytest.approx([2.0, 1.7])
    band = next(shape for shape in figure.layout.shapes if shape.type == "rect")
    assert (band.x0, band.x1) == (1.9, 2.1)


def test_forest_of_the_population_alone_is_not_drawn(whole: Evidence) -> None:
    assert whole.forest is not None
    assert posterior.forest(whole.forest.head(1)) is None


def test_forest_keeps_the_24_largest_levels_and_says_so(whole: Evidence) -> None:
    assert whole.forest is not None
    names = [f"level {i}" for i in range(30)]
    level = whole.forest.iloc[[1] * 30].assign(level=names, customers=range(30))
    figure = _forest(level)
    assert set(figure.layout.yaxis.ticktext) == set(names[6:])
    assert "the 24 largest of 30 levels" in figure.layout.annotations[0].text


def test_weird_levels_are_shown_as_they_are_and_never_merged(whole: Evidence) -> None:
    assert whole.forest is not None
    names = ["<b>R&D</b>", "a very long name of a level, one", "a very long name of a level, two"]
    figure = _forest(whole.forest.iloc[[1] * 3].assign(level=names, column="<i>kind</i>"))
    assert "&lt;b&gt;R&amp;D&lt;/b&gt;" in figure.layout.yaxis.ticktext
    assert len(set(figure.data[0].y)) == 3
    assert figure.data[0].customdata[1][0] == names[1]
    assert "&lt;i&gt;kind&lt;/i&gt;" in figure.layout.annotations[0].text
