"""The scorecard of a forecast, on a store of known truth and on orders cut in time."""

import datetime as dt
import logging
import math

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from lifeworth.asof.split import cut
from lifeworth.evaluate import errors
from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.evaluate.calibration import decile_mape
from lifeworth.evaluate.scorecard import evaluate, forecast_card
from lifeworth.models.core import QUANTILES, Draws, Forecast
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError

CUTOFF = dt.date(2024, 3, 1)
FEW = Resampling(resamples=40)
MEASURES = (
    "mae", "rmse", "bias", "gini", "spearman",
    "decile_mape", "crps", "coverage_50", "coverage_90", "pit_distance",
)  # fmt: skip
BOTH = [f"{kind}_{measure}" for kind in ("purchases", "value") for measure in MEASURES]
JUDGED = [*BOTH, "p_active_brier", "p_active_auc"]
SUMS = ["customers", "actual_purchases", "expected_purchases", "actual_value", "expected_value"]
TRACKED = ["tracking_mape_weekly", "tracking_mape_cumulative"]


def futures(rng, rate, price, draws):
    """Poisson purchases and gamma value (cents, 0 without a purchase) around a price each."""
    count = rng.poisson(rate[:, None], (len(rate), draws)).astype(float)
    value = np.where(count > 0, rng.gamma(np.maximum(4 * count, 1)) * price[:, None] / 4, 0.0)
    return Draws(count, value)


def foreseen(rate, price, seed=0, weeks=4, names=None):
    drawn = futures(np.random.default_rng(seed), rate, price, 200)
    levels = np.quantile(drawn.value, list(QUANTILES.values()), axis=1)
    frame = pd.DataFrame({
        "customer_id": [f"c{i:06}" for i in range(len(rate))] if names is None else names,
        "as_of": CUTOFF,
        "horizon_days": 7 * weeks,
        "expected_purchases": rate,
        "p_alive": 1.0,
        "p_active": -np.expm1(-rate),
        "expected_value": rate * price,
        "value_sd": drawn.value.std(axis=1),
        **dict(zip(QUANTILES, levels, strict=True)),
    })  # fmt: skip
    tracking = pd.DataFrame({
        "week_start": [CUTOFF + dt.timedelta(days=7 * i) for i in range(-2, weeks)],
        "expected_purchases": rate.sum() / weeks,
    })  # fmt: skip
    return Forecast(
        frame=frame, tracking=tracking, draws=lambda r: Draws(drawn.purchases[r], drawn.value[r])
    )


@pytest.fixture
def store():
    """1,500 customers who do what is known of them: forecast, outcomes, weekly purchases."""
    rng = np.random.default_rng(20)
    rate, price = 0.2 + rng.gamma(0.7, 1.5, 1_500), rng.gamma(6.0, 500.0, 1_500)
    done = futures(rng, rate, price, 1)
    actual = pd.DataFrame({
        "customer_id": [f"c{i:06}" for i in range(1_500)],
        "purchases": done.purchases[:, 0].astype(int),
        "value": done.value[:, 0],
    })  # fmt: skip
    total = int(actual["purchases"].sum())
    weekly = pd.DataFrame({
        "week_start": [CUTOFF + dt.timedelta(days=7 * i) for i in range(4)],
        "purchases": rng.multinomial(total, [0.25] * 4),
    })  # fmt: skip
    return foreseen(rate, price), actual, weekly


def test_the_card_has_its_keys_and_no_nan(store):
    card = forecast_card(*store, FEW)
    bounds = [f"{name}_{end}" for name in JUDGED for end in ("low", "high")]
    assert set(card) == {*SUMS, *TRACKED, *JUDGED, *bounds}
    assert all(type(value) is float and math.isfinite(value) for value in card.values())
    for name in JUDGED:
        assert card[f"{name}_low"] < card[f"{name}_high"], name


def test_the_card_equals_its_measures(store):
    forecast, actual, weekly = store
    card = forecast_card(*store, FEW)
    for kind in ("purchases", "value"):
        y = actual[kind].to_numpy(float)
        e = forecast.frame[f"expected_{kind}"].to_numpy()
        for name in ("mae", "rmse", "bias", "gini", "spearman"):
            assert card[f"{kind}_{name}"] == pytest.approx(getattr(errors, name)(y, e))
        assert card[f"{kind}_decile_mape"] == pytest.approx(decile_mape(y, e))
        assert card[f"actual_{kind}"] == y.sum()
        assert card[f"expected_{kind}"] == pytest.approx(e.sum())
    active = actual["purchases"] > 0
    chance = forecast.frame["p_active"]
    assert card["p_active_auc"] == pytest.approx(metrics.roc_auc_score(active, chance))
    assert card["p_active_brier"] == pytest.approx(metrics.brier_score_loss(active, chance))
    low, high = forecast.frame["value_q25"], forecast.frame["value_q75"]
    assert card["value_coverage_50"] == pytest.approx(actual["value"].between(low, high).mean())
    ahead = forecast.tracking["expected_purchases"].to_numpy()[2:]
    off = metrics.mean_absolute_percentage_error(weekly["purchases"], ahead)
    assert card["tracking_mape_weekly"] == pytest.approx(off)
    off = metrics.mean_absolute_percentage_error(weekly["purchases"].cumsum(), ahead.cumsum())
    assert card["tracking_mape_cumulative"] == pytest.approx(off)


def test_a_true_forecast_is_calibrated_and_its_intervals_hold_the_truth(store):
    card = forecast_card(*store, FEW)
    for kind in ("purchases", "value"):
        assert card[f"{kind}_bias_low"] < 0 < card[f"{kind}_bias_high"]
        assert card[f"{kind}_pit_distance"] < 0.05
        # 5 standard errors of a share of 1,500.
        assert card[f"{kind}_coverage_90"] > 0.9 - 5 * math.sqrt(0.09 / 1_500)
        assert card[f"{kind}_coverage_50"] > 0.5 - 5 * math.sqrt(0.25 / 1_500)


def test_a_wrong_forecast_scores_worse(store):
    forecast, actual, weekly = store
    rate = forecast.frame["expected_purchases"].to_numpy()
    price = forecast.frame["expected_value"].to_numpy() / rate
    card, wrong = (
        forecast_card(*store, FEW),
        forecast_card(foreseen(2 * rate, price), actual, weekly, FEW),
    )
    for name in ("purchases_crps", "value_crps", "purchases_pit_distance", "p_active_brier"):
        assert wrong[f"{name}_low"] > card[f"{name}_high"], name
    for name in ("purchases_gini", "value_spearman"):
        assert wrong[name] == pytest.approx(card[name])


def test_the_card_is_deterministic_and_order_of_outcomes_does_not_matter(store):
    forecast, actual, weekly = store
    again = forecast_card(forecast, actual.sample(frac=1, random_state=1), weekly.iloc[::-1], FEW)
    assert again == forecast_card(*store, FEW)


def test_value_in_other_money_moves_only_what_has_its_unit(store):
    forecast, actual, weekly = store
    money = [c for c in forecast.frame if "value" in c]
    scaled = Forecast(
        frame=forecast.frame.assign(**{c: 4 * forecast.frame[c] for c in money}),
        tracking=forecast.tracking,
        draws=lambda rows: forecast.draws(rows)._replace(value=4 * forecast.draws(rows).value),
    )
    card = forecast_card(*store, FEW)
    other = forecast_card(scaled, actual.assign(value=4 * actual["value"]), weekly, FEW)
    units = ("value_mae", "value_rmse", "value_crps", "actual_value", "expected_value")
    for name, value in card.items():
        factor = 4 if name.startswith(units) else 1
        assert other[name] == pytest.approx(factor * value, rel=1e-9), name


def test_what_is_undefined_is_left_out_and_named(store, caplog):
    forecast, actual, weekly = store
    with caplog.at_level(logging.WARNING):
        card = forecast_card(forecast, actual.assign(purchases=0, value=0.0), weekly[:0], FEW)
    gone = {"bias", "gini", "decile_mape"}
    for name in BOTH:
        assert (name in card) == (name.split("_", 1)[1] not in gone), name
    assert not {"p_active_auc", *TRACKED} & set(card)
    assert card["purchases_spearman"] == 0.0
    assert all(math.isfinite(value) for value in card.values())
    assert "no value_gini" in caplog.text
    assert len(caplog.records) == 9


def test_broken_forecasts_are_refused_not_left_out(store):
    forecast, actual, weekly = store
    frame = forecast.frame.assign(expected_value=np.nan)
    broken = Forecast(frame=frame, tracking=forecast.tracking, draws=forecast.draws)
    with pytest.raises(InputError, match="1,500 of 1,500 values are not finite"):
        forecast_card(broken, actual, weekly, FEW)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda a: a.iloc[1:], "1,499 known at the cut-off, 1 in one list only, such as 'c000000'"),
        (lambda a: pd.concat([a, a.iloc[:1]]), "1,501 known"),
        (lambda a: a.iloc[:0], "0 known"),
    ],
)
def test_nobody_may_be_lost(store, change, says):
    forecast, actual, weekly = store
    with pytest.raises(InputError, match=says):
        forecast_card(forecast, change(actual), weekly)


def test_a_store_too_small_for_deciles_still_has_a_card(store):
    _, actual, weekly = store
    rate = np.linspace(0.5, 3, 8)
    small = forecast_card(foreseen(rate, 100 * rate), actual.head(8), weekly, FEW)
    assert "purchases_decile_mape" not in small
    assert small["customers"] == 8


def test_unknown_kinds_of_score_are_refused(orders_cut):
    _, future = orders_cut
    with pytest.raises(TypeError, match="no scorecard for dict"):
        evaluate({}, future)


ROWS = [
    ("a", "2024-01-05", 1_000), ("a", "2024-02-10", 2_000), ("b", "2024-01-20", 500),
    ("a", "2024-03-03", 3_000), ("a", "2024-03-12", 4_000), ("c", "2024-02-20", 700),
    ("c", "2024-03-20", 900), ("d", "2024-03-02", 5_000),
    ("e", "2024-03-04", 100), ("e", "2024-03-28", 100),
]  # fmt: skip


@pytest.fixture(scope="module")
def orders_cut():
    """Three customers known on 1 March, two new ones in the four weeks after it."""
    customer, day, amount = zip(*ROWS, strict=True)
    n = len(ROWS)
    orders = pd.DataFrame({
        "order_id": [f"o{i}" for i in range(n)],
        "customer_id": customer,
        "ordered_at": pd.to_datetime(list(day)),
        "currency": "EUR",
        "amount_cents": amount,
        **dict.fromkeys(["discount_cents", "tax_cents", "shipping_cents", "cogs_cents"], 0),
        "returned": False,
        "returned_at": pd.Series([pd.NaT] * n, dtype="datetime64[us]"),
    })  # fmt: skip
    return cut(
        Tables(orders=ibis.memtable(orders), currency="EUR", value_is="margin"), CUTOFF, horizon=28
    )


def test_evaluate_a_forecast_of_real_orders(orders_cut):
    _, future = orders_cut
    forecast = foreseen(np.array([1.5, 0.2, 0.7]), np.full(3, 2_000.0), names=["a", "b", "c"])
    card = evaluate(forecast, future, Resampling(resamples=20))
    assert card["customers"] == 3
    assert card["new_customers"] == 2
    assert card["actual_purchases"] == 3
    assert card["actual_value"] == 7_900
    assert card["purchases_mae"] == pytest.approx((0.5 + 0.2 + 0.3) / 3)
    assert card["purchases_gini"] == 1.0
    assert card["p_active_auc"] == 1.0
    assert stats.spearmanr([2, 0, 1], [1.5, 0.2, 0.7]).statistic == card["purchases_spearman"]
