"""Traces and ranks of chains, and the climb of an ELBO."""

import numpy as np
import pandas as pd
import pytest

from lifeworth.report import chains
from lifeworth.report.evidence import Evidence


def _frame(*values: np.ndarray) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"chain": chain, "draw": np.arange(len(v)), "value": v})
        for chain, v in enumerate(values)
    ]
    return pd.concat(parts)


def test_identical_chains_have_even_ranks() -> None:
    draws = np.random.default_rng(0).normal(size=100)
    shares = chains.shares(_frame(draws, draws, draws, draws))
    assert list(shares) == [0, 1, 2, 3]
    for heights in shares.values():
        assert heights == pytest.approx(np.ones(20))


def test_chains_apart_fill_different_halves() -> None:
    low, high = chains.shares(_frame(np.arange(100.0), np.arange(100.0) + 1000)).values()
    assert low.tolist() == [2.0] * 10 + [0.0] * 10
    assert high.tolist() == [0.0] * 10 + [2.0] * 10


def test_chains_of_different_lengths_are_each_a_density() -> None:
    draws = np.random.default_rng(0).normal(size=500)
    for heights in chains.shares(_frame(draws[:100], draws[100:])).values():
        assert heights.mean() == pytest.approx(1)


def test_ranks_draw_a_step_line_per_chain_and_the_even_line() -> None:
    figure = chains.ranks(_frame(np.arange(100.0), np.arange(100.0) + 1000))
    assert [list(t.y) for t in figure.data] == [[2.0] * 10 + [0.0] * 11, [0.0] * 10 + [2.0] * 11]
    assert {trace.line.shape for trace in figure.data} == {"hv"}
    assert (figure.layout.shapes[0].y0, figure.layout.shapes[0].y1) == (1, 1)


def test_traces_keep_at_most_500_draws_with_both_ends(whole: Evidence) -> None:
    assert whole.chains is not None
    figure = chains.trace(whole.chains.sample(frac=1, random_state=0))
    assert [trace.name for trace in figure.data] == ["chain 0", "chain 1"]
    for trace, (_, own) in zip(figure.data, whole.chains.groupby("chain"), strict=True):
        assert len(trace.x) == 500
        assert (trace.x[0], trace.x[-1]) == (0, 1199)
        drawn = own.set_index("draw")["value"].loc[list(trace.x)]
        assert np.array(trace.y) == pytest.approx(drawn.to_numpy(), rel=1e-6)
    assert figure.layout.yaxis.type == "log"


def test_elbo_shows_where_it_runs_level(whole: Evidence) -> None:
    assert whole.elbo is not None
    figure = chains.elbo(whole.elbo)
    raw, mean = figure.data
    assert (raw.name, mean.name) == ("mean of a stretch", "running mean")
    assert len(raw.x) == len(mean.x) == 1000
    assert raw.y[0] == pytest.approx(-1_000_100)
    assert mean.y[-1] == pytest.approx(-100)
    low, high = figure.layout.yaxis.range
    assert low > -110
    assert low < -100 < high
