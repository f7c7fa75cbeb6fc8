"""What a run says of reasons, doubts, treatments and seeds."""

import datetime as dt
from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest

from lifeworth.asof import cut
from lifeworth.engines.task import Training
from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.models.btyd.plain import plain
from lifeworth.models.deep import LstmZiln
from lifeworth.run.judging import Scored, judge, mean_of_cards, score
from lifeworth.run.reasons import by_tier, foremost, told, treated
from lifeworth.tables.simulate import World
from lifeworth.tables.sources import Simulated

CUTOFF = dt.date(2022, 12, 1)
TRAINING = Training(
    epochs=3, patience=3, batch=64, learning_rate=0.02, weight_decay=1e-4, clip=1.0,
    checkpoints=None,
)  # fmt: skip
RECIPE = LstmZiln(
    borrow=False, blend=0.0, shuffled=False, horizons=(30,), events=6, moments=2, every_days=45,
    loss="ziln", hidden=8, layers=1, dropout=0.1, members=2, uncertainty="ensemble",
    conformal=False, training=TRAINING, draws=40,
)  # fmt: skip
EXPLAINED = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c"],
        "base": [100.0, 100.0, 100.0],
        "one": [5.0, -50.0, 0.0],
        "two": [-7.0, 20.0, 0.0],
    }
)


def test_the_reasons_that_weigh_most_come_first_and_none_is_invented():
    frame = foremost(EXPLAINED)
    assert frame["value_base"].tolist() == [100.0] * 3
    assert frame["reason_1"].tolist() == ["two", "one", ""]
    assert frame["reason_1_value"].tolist() == [-7.0, -50.0, 0.0]
    assert frame["reason_2"].tolist() == ["one", "two", ""]
    assert frame["reason_3"].tolist() == [""] * 3
    assert frame["reason_3_value"].tolist() == [0.0] * 3


def test_a_tier_has_the_mean_of_its_customers():
    frame = by_tier(EXPLAINED, pd.Series(["Low", "VIP", "Low"]))
    assert frame["tier"].drop_duplicates().tolist() == ["VIP", "Low"]
    rows = frame.set_index(["tier", "kind"])
    assert rows.loc[("Low", "one"), ["customers", "mean", "mean_absolute"]].tolist() == [
        2,
        2.5,
        2.5,
    ]
    assert rows.loc[("VIP", "one"), ["mean", "mean_absolute"]].tolist() == [-50.0, 50.0]
    assert by_tier(None, pd.Series(["Low"])) is None


def test_metrics_are_means_mean_of_cards_and_counts_are_counts():
    card = {"customers": 10.0, "crps": 4.0, "crps_low": 3.0, "crps_high": 6.0, "bias/a/b": 1.0}
    made = mean_of_cards(card, [{"customers": 10.0, "crps": 8.0}, {"customers": 10.0, "crps": 6.0}])
    assert made["crps"] == 6.0
    assert made["crps_seeds_sd"] == 2.0
    assert (made["crps_low"], made["crps_high"]) == (5.0, 8.0)
    assert "customers_seeds_sd" not in made
    assert made["customers"] == 10.0
    assert made["bias/a/b"] == 1.0


@pytest.fixture(scope="module")
def store():
    """Every third customer got a coupon in the autumn, the next one nothing."""
    store = Simulated(seed=3, world=World(customers=150, arrival_days=200.0, days=400.0)).load()
    orders = store.orders.to_pandas()
    ids = sorted(orders["customer_id"].unique())
    frame = pd.DataFrame({"customer_id": ids, "campaign_id": "autumn"})
    given = frame.assign(
        arm=np.resize(["coupon", "control", ""], len(ids)),
        assigned_at=pd.Timestamp("2022-09-01"),
        propensity=1 / 3,
    )
    rows = ibis.memtable(given[given["arm"] != ""])
    return replace(store, treatments=rows)


@pytest.fixture(scope="module")
def judged(store):
    history, future = cut(store, CUTOFF, 30)
    return judge(score("lstm", RECIPE, history, 30, 1), future, Resampling(resamples=2))


def test_the_treated_are_forecast_with_and_without(judged):
    frame = treated(judged)
    assert frame["arm"].tolist() == ["coupon"]
    known = set(judged.scored.forecast.frame["customer_id"])
    given = judged.scored.history.tables.treatments.to_pandas()
    coupons = set(given.loc[given["arm"] == "coupon", "customer_id"]) & known
    assert frame["customers"].tolist() == [len(coupons)]
    own = judged.scored.forecast.frame.set_index("customer_id").loc[sorted(coupons)]
    assert frame["with_treatment"].iloc[0] == pytest.approx(own["expected_value"].mean())
    assert frame["with_treatment"].iloc[0] != pytest.approx(frame["without_treatment"].iloc[0])


def test_doubts_add_up_and_money_is_explained(judged):
    said = told(judged.scored)
    frame = judged.scored.forecast.frame
    squares = said.scores["value_sd_aleatoric"] ** 2 + said.scores["value_sd_epistemic"] ** 2
    assert squares.to_numpy() == pytest.approx(frame["value_sd"].to_numpy() ** 2)
    total = said.explanations.drop(columns="customer_id").sum(axis=1)
    assert total.to_numpy() == pytest.approx(frame["expected_value"].to_numpy())


def test_a_model_without_reasons_has_none(store):
    history, future = cut(store, CUTOFF, 30)
    fit = replace(plain(history), draws=40)
    scored = Scored(
        name="bgnbd",
        history=history,
        fitted=fit,
        forecast=fit.score(history, 30),
        seconds_fit=0.0,
        seconds_score=0.0,
    )
    said = told(scored)
    assert said.explanations is None
    assert said.scores.empty
    assert len(said.scores) == len(scored.forecast.frame)
    assert treated(judge(scored, future, Resampling(resamples=2))) is None
