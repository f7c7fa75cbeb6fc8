"""Backtests: what is fitted when, and intervals over cut-offs."""

import datetime as dt
from dataclasses import dataclass

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats import ttest_rel

from lifeworth.asof.split import History, rolling
from lifeworth.evaluate.backtest import backtest, paired, summarise
from lifeworth.tables.core import Tables


@dataclass(frozen=True)
class SameAgain:
    """Expects as many orders per day of the horizon as per day since `since`."""

    since: dt.date

    def fit(self, history: History, seed: int):
        days = (history.cutoff - self.since).days
        return Pace(history.tables.orders.count().execute() / days, seed)


@dataclass(frozen=True)
class Pace:
    per_day: float
    seed: int

    def score(self, history: History, horizon: int):
        del history  # the pace is all it knows
        return self.per_day * horizon + self.seed

    def parameters(self):
        return []

    def log_likelihood(self):
        return {}

    def notes(self):
        return ()


@pytest.fixture(scope="module")
def tables():
    """One order a day for 100 days."""
    orders = pd.DataFrame({
        "order_id": [f"o{i}" for i in range(100)],
        "customer_id": [f"c{i % 7}" for i in range(100)],
        "ordered_at": pd.date_range("2024-01-01", periods=100),
        "returned": False,
        "returned_at": pd.Series([pd.NaT] * 100, dtype="datetime64[us]"),
    })  # fmt: skip
    return Tables(orders=ibis.memtable(orders), currency="EUR", value_is="revenue")


def test_every_cutoff_and_seed_is_judged(tables):
    first = dt.date(2024, 1, 31)

    def judge(scores, future):
        seen = future.tables.orders.count().execute()
        return {"off": float(scores - seen), "horizon": float(future.horizon)}

    splits = rolling(tables, first, every=10, count=3, horizon=20)
    table = backtest(SameAgain(dt.date(2024, 1, 1)), splits, seeds=[0, 5], judge=judge)
    assert list(table.columns) == ["cutoff", "seed", "metric", "value"]
    cutoffs = [first + dt.timedelta(days=10 * i) for i in range(3)]
    assert sorted(table["cutoff"].unique()) == cutoffs
    assert len(table) == 3 * 2 * 2
    off = table[table["metric"] == "off"]
    assert off["value"].to_numpy() == pytest.approx(off["seed"].to_numpy().astype(float))
    assert set(table[table["metric"] == "horizon"]["value"]) == {20.0}


def test_summary_is_a_t_interval_over_cutoffs():
    rng = np.random.default_rng(5)
    by_cutoff = rng.normal(size=6)
    rows = [
        (dt.date(2024, 1 + i, 1), seed, "mae", value + noise)
        for i, value in enumerate(by_cutoff)
        for seed, noise in ((0, -0.5), (1, 0.5))
    ]
    rows.append((dt.date(2024, 1, 1), 0, "auc", 0.7))
    table = pd.DataFrame(rows, columns=["cutoff", "seed", "metric", "value"])
    done = summarise(table).set_index("metric")
    twin = stats.ttest_1samp(by_cutoff, 0.0).confidence_interval(0.9)
    assert done.loc["mae", "cutoffs"] == 6
    assert done.loc["mae", "mean"] == pytest.approx(by_cutoff.mean())
    assert done.loc["mae", "sd"] == pytest.approx(by_cutoff.std(ddof=1))
    assert tuple(done.loc["mae", ["low", "high"]]) == pytest.approx(tuple(twin))
    assert done.loc["auc", "mean"] == 0.7
    assert done.loc["auc", ["sd", "low", "high"]].isna().all()
    assert (
        summarise(table, level=0.99).set_index("metric").loc["mae", "low"] < done.loc["mae", "low"]
    )


# ---- paired differences


def cards(**models: list[float]) -> pd.DataFrame:
    """Return the cards of models at three cut-offs, all of one metric."""
    days = [dt.date(2024, 1, 1), dt.date(2024, 4, 1), dt.date(2024, 7, 1)]
    rows = [
        (day, model, "mae", value)
        for model, values in models.items()
        for day, value in zip(days, values, strict=False)
    ]
    return pd.DataFrame(rows, columns=["cutoff", "model", "metric", "value"])


def test_a_paired_difference_has_the_interval_of_a_paired_t_test():
    own, other = [1.0, 2.0, 4.0], [1.5, 2.4, 4.9]
    row = paired(cards(own=own, other=other), "own").iloc[0]
    twin = ttest_rel(own, other).confidence_interval(0.90)
    assert (row["metric"], row["baseline"], row["cutoffs"]) == ("mae", "other", 3)
    assert row["value"] == pytest.approx(np.mean(own))
    assert row["difference"] == pytest.approx(-0.6)
    assert (row["low"], row["high"]) == pytest.approx(tuple(twin))


def test_what_makes_a_cutoff_hard_is_left_out_of_a_difference():
    hard = np.array([0.0, 50.0, -20.0])
    row = paired(cards(own=list(1 + hard), other=list(2 + hard)), "own").iloc[0]
    assert (row["low"], row["high"]) == pytest.approx((-1.0, -1.0))


def test_cutoffs_that_one_model_lacks_are_left_out_and_one_alone_has_no_interval():
    row = paired(cards(own=[1.0, 2.0, 3.0], other=[4.0]), "own").iloc[0]
    assert row["cutoffs"] == 1
    assert row["value"] == 1.0
    assert row["difference"] == -3.0
    assert np.isnan(row["low"])


def test_a_model_alone_differs_from_nobody():
    assert paired(cards(own=[1.0, 2.0, 3.0]), "own").empty
