"""Triggers against the Future: scikit-learn's measures, and the model beside them."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from lifeworth.asof.split import cut
from lifeworth.asof.summary import outcomes
from lifeworth.asof.triggers import flags_of, triggers
from lifeworth.evaluate.triggers import chances, judged, learnt, silent
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.simulated import Simulated

metrics = pytest.importorskip("sklearn.metrics", reason="needs the extra uplift or deep")

HORIZON = 90
CUTOFF = dt.date(2024, 6, 1)


@pytest.fixture(scope="module")
def sides():
    world = World(customers=900, days=600, start=dt.date(2023, 3, 1), a=0.5, b=4.0, alpha=15.0)
    tables = Simulated(seed=1, world=world).load()
    earlier = CUTOFF - dt.timedelta(days=HORIZON)
    return cut(tables, earlier, HORIZON), cut(tables, CUTOFF, HORIZON)


def test_silence_is_no_purchase(sides):
    _, (_, future) = sides
    np.testing.assert_array_equal(silent(future), outcomes(future)["purchases"].to_numpy() == 0)


def test_measures_are_those_of_scikit_learn(sides):
    before, (history, future) = sides
    flags, quiet = triggers(history), silent(future)
    chance = chances(learnt(*before, 0), history)
    found = judged(flags, flags_of(flags), future, chance)
    assert found.base == quiet.mean()
    assert found.auc == pytest.approx(metrics.roc_auc_score(quiet, chance))
    assert found.brier[0] == pytest.approx(metrics.brier_score_loss(quiet, chance))
    assert found.brier[1] == pytest.approx(quiet.mean() * (1 - quiet.mean()))
    for _, row in found.table.iterrows():
        flag = flags[row["trigger"]].to_numpy()
        assert row["flagged"] == flag.sum()
        if not flag.any():
            assert np.isnan(row[["precision", "lift", "low", "high"]].astype(float)).all()
            continue
        assert row["precision"] == pytest.approx(metrics.precision_score(quiet, flag))
        assert row["recall"] == pytest.approx(metrics.recall_score(quiet, flag))
        assert row["lift"] == pytest.approx(row["precision"] / quiet.mean())
        able = (
            flags["frequency_change"].notna()
            if row["trigger"] == "frequency_down"
            else flag | ~flag
        )
        assert row["own_base"] == pytest.approx(quiet[able].mean())
        assert row["own_lift"] == pytest.approx(row["precision"] / row["own_base"])
        assert 0 <= row["low"] <= row["precision"] <= row["high"] <= 1


def test_the_model_is_calibrated_and_beats_the_base(sides):
    before, (history, future) = sides
    chance, quiet = chances(learnt(*before, 0), history), silent(future)
    assert metrics.roc_auc_score(quiet, chance) > 0.7
    assert chance.mean() == pytest.approx(quiet.mean(), abs=0.1)
    np.testing.assert_array_equal(chance, chances(learnt(*before, 0), history))


def test_an_interval_of_a_published_table():
    # Wilson (1927) as in Newcombe (1998), table I: 81 of 263 at 95 % is .2553 to .3662
    from lifeworth.evaluate import triggers as room

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "LEVEL", 0.95)
        assert room._wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_a_model_needs_both_kinds():
    world = World(customers=60, days=600, start=dt.date(2023, 3, 1))
    history, future = cut(Simulated(seed=1, world=world).load(), CUTOFF, HORIZON)
    with pytest.raises(InputError, match="a model takes 50 of either kind"):
        learnt(history, future, 0)


def test_without_a_model_there_are_no_figures_of_one(sides):
    _, (history, future) = sides
    flags = triggers(history)
    found = judged(flags, flags_of(flags), future)
    assert np.isnan(found.auc)
    assert found.table["model_precision"].isna().all()
    assert isinstance(found.table, pd.DataFrame)
