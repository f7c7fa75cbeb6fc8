"""A fitted model, whichever its process: value, counts, newcomers, weeks, and what is kept."""

import datetime as dt
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import binom

from lifeworth.asof import cut
from lifeworth.asof.summary import outcomes
from lifeworth.models.btyd.statistics import statistics
from lifeworth.models.core import QUANTILES
from lifeworth.models.store import load, save
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.tables.check import checked
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources import Cdnow, Simulated

ENDS = ["low", "high", "low_cumulative", "high_cumulative"]
PROCESSES = ["btyd_bgnbd", "btyd_mbgnbd", "btyd_pareto_nbd", "btyd_bgbb", "btyd_mbgcnbd_k"]


def recipe(name: str = "btyd_bgnbd", **fields: Any):
    spelled = yaml.safe_load((conf_folder() / "model" / f"{name}.yaml").read_text())
    few = {**spelled["sampling"], "draws": 100}
    return build("model", {**spelled, "draws": 50, "sampling": few, **fields})


@pytest.fixture(scope="module")
def history(cdnow_cut):
    return cdnow_cut[0]


@pytest.fixture(scope="module")
def bgnbd(history):
    return recipe().fit(history, 3)


@pytest.fixture(scope="module")
def laplace(history):
    return recipe(inference="laplace").fit(history, 3)


@pytest.fixture(scope="module")
def monthly(history):
    """A hierarchy: arrays of several sites are kept."""
    return recipe("btyd_hierarchical").fit(history, 3)


# ---- value, discounted


def test_value_that_is_not_discounted_is_purchases_times_spend(bgnbd, history):
    frame = bgnbd.score(history, 273).frame
    who = bgnbd._known(history)
    spend = bgnbd.spend.mean(who.stats, who.spend)
    true = frame["expected_purchases"].to_numpy() * spend
    assert frame["expected_value"].to_numpy() == pytest.approx(true, rel=1e-12)


def test_discounted_value_is_that_of_each_week(bgnbd, history):
    """(1 + rate)^(-middle of the week in years), by what each week is expected to bring."""
    rate, horizon = 0.25, 100  # the last week is cut short
    plain = bgnbd.score(history, horizon)
    dear = recipe(discount_rate=rate).fit(history, 3).score(history, horizon)
    ends = [*range(0, horizon, 7), horizon]
    ahead = (bgnbd.outlook(history, 0.0, float(e)) for e in ends[1:])
    upto = [0.0, *(frame["expected_purchases"].to_numpy() for frame in ahead)]
    value, spend = 0.0, plain.frame["expected_value"] / plain.frame["expected_purchases"]
    for i in range(1, len(ends)):
        years = (ends[i] + ends[i - 1]) / 2 / 365.25
        value = value + (upto[i] - upto[i - 1]) * (1 + rate) ** -years
    true = (value * spend).to_numpy()
    assert dear.frame["expected_value"].to_numpy() == pytest.approx(true, rel=1e-9)
    assert (dear.frame["expected_value"] < plain.frame["expected_value"]).all()
    assert dear.frame["expected_purchases"].equals(plain.frame["expected_purchases"])
    one, other = (f.draws(slice(0, 60)) for f in (dear, plain))
    kept = (dear.frame["expected_value"] / plain.frame["expected_value"]).to_numpy()[:60, None]
    assert one.value == pytest.approx(other.value * kept, rel=1e-9)


@pytest.mark.parametrize("name", PROCESSES)
def test_discounting_lowers_the_value_of_every_process(name, history):
    one, other = (
        recipe(name, discount_rate=rate).fit(history, 3).score(history, 273).frame
        for rate in (0.0, 0.1)
    )
    kept = other["expected_value"] / one["expected_value"]
    assert ((kept > 1.1 ** (-273 / 365.25)) & (kept < 1)).all()


# ---- spans, counts, newcomers


@pytest.mark.parametrize("name", ["btyd_bgnbd", "btyd_mbgnbd"])
def test_the_value_by_the_horizon_is_that_of_the_forecast(name):
    """With uncertain parameters, of which expectations are no straight line."""
    young, _ = cut(Cdnow(which="sample").load(), dt.date(1997, 2, 10), 91)
    fitted = recipe(name, inference="laplace").fit(young, 3)
    value = fitted.value(young, [30.0, 91.0], 0.0)["91"].to_numpy()
    scored = fitted.score(young, 91).frame["expected_value"].to_numpy()
    assert value == pytest.approx(scored, rel=1e-9)


def test_spans_that_are_none_are_refused_in_words(bgnbd, history):
    for start, end in ((90.0, 30.0), (-30.0, 30.0), (30.0, 30.0), (0.0, np.inf)):
        with pytest.raises(InputError, match=r"outlook: from .* is no span ahead; give a start"):
            bgnbd.outlook(history, start, end)
    with pytest.raises(InputError, match=r"counts: a horizon of 90 days and at most -1 purchases"):
        bgnbd.counts(history, 90, -1)
    for days in ([-5.0, 30.0], [30.0, 30.0], []):
        with pytest.raises(InputError, match=r"newcomers: the days .* do not ascend from above 0"):
            bgnbd.newcomers(days)
    with pytest.raises(InputError, match=r"value: the days \(none\) do not ascend from above 0"):
        bgnbd.value(history, [], 0.1)
    for horizon in (0, -30):
        with pytest.raises(InputError, match=r"score: the horizon is .* days; the shortest is 1 "):
            bgnbd.score(history, horizon)


def test_newcomers_may_be_discounted(bgnbd):
    """Purchases between two days count as in their middle."""
    plain, faded = (bgnbd.newcomers([365.25, 730.5], None, rate) for rate in (0.0, 0.1))
    each = np.diff(plain["expected_value"], prepend=0.0)
    true = (each * 1.1 ** -np.array([0.5, 1.5])).cumsum()
    assert faded["expected_value"].to_numpy() == pytest.approx(true, rel=1e-12)
    assert faded["expected_purchases"].equals(plain["expected_purchases"])


@pytest.mark.parametrize("days", [7, 91])
def test_purchases_in_an_active_period_are_counted_where_periods_are(days, history):
    """By hand: whole periods from the first purchase on, the unfinished last one left out."""
    fitted = recipe("btyd_bgbb", period_days=days).fit(history, 3)
    orders = history.tables.orders.select("customer_id", "ordered_at").to_pandas()
    orders["day"] = orders["ordered_at"].dt.normalize()
    bought = orders.drop_duplicates(["customer_id", "day"])
    first = bought.groupby("customer_id")["day"].transform("min")
    since = (bought["day"] - first).dt.days
    last = pd.Timestamp(history.cutoff) - pd.Timedelta(days=1)
    seen = (since > 0) & (-(-since // days) <= (last - first).dt.days // days)
    active = bought[seen].assign(period=-(-since[seen] // days))
    true = len(active) / len(active.drop_duplicates(["customer_id", "period"]))
    assert fitted.per_period == pytest.approx(true, rel=1e-12)


def test_the_map_of_a_discrete_model_is_that_of_its_customers(history):
    """Who buys once a period at most: P(alive) of the map is P(alive) of the score."""
    fitted = recipe("btyd_bgbb", period_days=7).fit(history, 3)
    known = statistics(history)
    frame = fitted.score(history, 7 * 13).frame
    grid = fitted.alive_grid(known.x, known.t_x, known.T)
    sparse = known.x <= 1
    assert sparse.sum() > 1_000
    # a single repeat purchase after the last whole week is unknown to the model
    off = np.abs(grid - frame["p_alive"].to_numpy())[sparse & (known.t_x <= 7 * (known.T // 7))]
    assert off.max() < 1e-12


def test_an_outlook_of_the_horizon_is_the_forecast(laplace, history):
    frame, outlook = laplace.score(history, 273).frame, laplace.outlook(history, 0.0, 273.0)
    for column in ("customer_id", "expected_purchases", "p_alive", "p_active"):
        pd.testing.assert_series_equal(outlook[column], frame[column])
    quantiles = outlook[[name.replace("value", "purchases") for name in QUANTILES]].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (outlook["purchases_sd"] > 0).all()


@pytest.mark.parametrize("name", PROCESSES)
def test_counts_are_a_distribution(name, history):
    fitted = recipe(name).fit(history, 3)
    counts, frame = fitted.counts(history, 273, 60), fitted.score(history, 273).frame
    assert counts.columns.tolist() == ["customer_id", *map(str, range(61)), "more"]
    assert counts["customer_id"].tolist() == frame["customer_id"].tolist()
    p = counts.drop(columns="customer_id").to_numpy()
    assert (p >= 0).all()
    assert p.sum(axis=1) == pytest.approx(np.ones(len(p)), abs=1e-9)
    assert 1 - p[:, 0] == pytest.approx(frame["p_active"].to_numpy(), abs=1e-9)
    few = p[:, -1] < 1e-9
    assert few.mean() > 0.9
    mean = (p[:, :-1] @ np.arange(61.0)) * fitted.per_period
    assert mean[few] == pytest.approx(frame["expected_purchases"].to_numpy()[few], rel=1e-5)


def test_a_newcomer_is_a_customer_who_has_just_bought(bgnbd):
    r, alpha, a, b = (p.estimate for p in bgnbd.parameters()[:4])
    days = [7.0, 91.0, 364.0]
    told = bgnbd.newcomers(days)
    assert told["days"].tolist() == days
    assert (np.diff(told["expected_purchases"]) > 0).all()
    assert (told["purchases_sd"] == 0).all()  # one draw: no doubt
    rng, n = np.random.default_rng(1), 400_000
    possible = rng.poisson(rng.gamma(r, 1 / alpha, n) * 52)  # weeks
    made = np.minimum(possible, rng.geometric(np.maximum(rng.beta(a, b, n), 1e-12)))
    assert abs(made.mean() - told["expected_purchases"][2]) < 5 * made.std() / np.sqrt(n)
    p, q, gamma = (p.estimate for p in bgnbd.parameters()[4:7])
    spend = 100 * p * gamma / (q - 1)
    assert told["expected_value"].to_numpy() == pytest.approx(
        told["expected_purchases"].to_numpy() * spend, rel=1e-9
    )


def test_newcomers_of_draws_have_a_spread(laplace, bgnbd):
    told, point = laplace.newcomers([91.0]), bgnbd.newcomers([91.0])
    assert told["purchases_sd"][0] > 0
    off = told["expected_purchases"][0] - point["expected_purchases"][0]
    assert abs(off) < 3 * told["purchases_sd"][0]


# ---- one truth, however it is found


def test_inferences_agree_where_there_is_much_data(bgnbd, laplace, history):
    peak = recipe(inference="map").fit(history, 3)
    for fitted in (laplace, peak):
        assert fitted.log_likelihood().keys() == {"bgnbd", "gamma_gamma"}
        for part, best in bgnbd.log_likelihood().items():
            assert best - 2.0 < fitted.log_likelihood()[part] <= best + 1e-6
    for ours, true in zip(laplace.parameters(), bgnbd.parameters(), strict=True):
        assert (ours.name, ours.meaning) == (true.name, true.meaning)
        assert abs(ours.estimate - true.estimate) < 2 * true.se
        assert 0.5 < ours.se / true.se < 2
        assert ours.low < ours.estimate < ours.high
    for ours, true in zip(peak.parameters(), bgnbd.parameters(), strict=True):
        assert np.isnan(ours.se)
        assert abs(ours.estimate - true.estimate) < true.se
    sums = [f.score(history, 273).frame["expected_purchases"].sum() for f in (bgnbd, laplace, peak)]
    assert sums[1:] == pytest.approx([sums[0]] * 2, rel=0.03)


def test_notes_name_the_process_and_say_nothing_of_a_good_fit(bgnbd, laplace):
    assert bgnbd.notes() == ()
    assert all(note.startswith(("BG/NBD: ", "Gamma-Gamma: ")) for note in laplace.notes())


@pytest.mark.parametrize("name", PROCESSES)
def test_names_of_parameters_are_told_apart(name, history):
    names = [p.name for p in recipe(name).fit(history, 3).parameters()]
    assert len(set(names)) == len(names)
    assert ("spend_gamma" in names) == (name == "btyd_bgbb")


# ---- what is kept


def test_a_hierarchy_comes_back_with_all_its_draws(monthly, history, tmp_path):
    save(monthly, tmp_path)
    back = load(tmp_path)
    for ours, theirs in (
        (monthly.purchases.posterior, back.purchases.posterior),
        (monthly.spend.estimate.posterior, back.spend.estimate.posterior),
    ):
        assert ours.draws.keys() == theirs.draws.keys() == {
            "population", "cohort_month", "cohort_month_spread"
        }  # fmt: skip
        for site, draws in ours.draws.items():
            assert (theirs.draws[site] == draws).all()
    assert back.pool == monthly.pool
    one, other = (f.score(history, 91) for f in (monthly, back))
    pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)
    pd.testing.assert_frame_equal(one.tracking, other.tracking, check_exact=True)
    assert (one.draws(slice(0, 9)).value == other.draws(slice(0, 9)).value).all()
    assert back.parameters() == monthly.parameters()


# ---- discrete time


def test_a_horizon_of_no_whole_periods_is_refused_with_the_remedy(history):
    fitted = recipe("btyd_bgbb", period_days=28).fit(history, 3)
    with pytest.raises(InputError) as error:
        fitted.score(history, 273)
    assert str(error.value) == (
        "BG/BB: 273 days are not whole periods of 28 days; choose 280 days "
        "(split.horizon_days), or model.period_days=1"
    )
    frame = fitted.score(history, 280).frame
    assert fitted.per_period > 1
    assert np.isfinite(frame["expected_purchases"]).all()


# ---- weeks


def test_weeks_to_come_lie_inside_their_ends_nine_times_in_ten():
    """Of a shop whose model is true: misses of weeks, and of their sums, by the binomial.

    1 in 1,000 at each side; ends are whole numbers, so that they hold 90 % and a little more.
    """
    store = Simulated(seed=4, world=World(customers=3_000, return_rate=0.0, days=1_095.0)).load()
    history, _ = cut(store, dt.date(2023, 1, 1), 700)
    forecast = recipe(draws=400).fit(history, 1).score(history, 700)
    weeks = forecast.tracking
    assert list(weeks.columns) == ["week_start", "expected_purchases", *ENDS]
    ahead = weeks["week_start"] >= history.cutoff
    assert weeks.loc[~ahead, ENDS].isna().to_numpy().all()
    ends = weeks.loc[ahead, ENDS]
    assert (ends["low"] <= ends["high"]).all()
    assert (ends["low_cumulative"] <= ends["high_cumulative"]).all()
    made = weekly(store, history, len(ends))
    inside = int(((ends["low"] <= made) & (made <= ends["high"])).sum())
    low, high = binom.ppf([0.001, 0.999], len(ends), [0.9, 0.95])
    assert low <= inside <= high


def weekly(store, history, weeks):
    """Return the purchases of each week after the cut-off by customers known at it."""
    known = set(history.customers().to_pandas()["customer_id"])
    orders = store.orders.select("customer_id", "ordered_at").to_pandas()
    orders = orders[orders["customer_id"].isin(known)]
    day = (orders["ordered_at"].dt.normalize() - pd.Timestamp(history.cutoff)).dt.days
    once = pd.DataFrame({"who": orders["customer_id"], "day": day}).drop_duplicates()
    after = once.loc[(once["day"] >= 0) & (once["day"] < 7 * weeks), "day"].to_numpy()
    return np.bincount(after // 7, minlength=weeks)


# ---- regular buyers


def regular(k: int) -> Tables:
    """Return a store of customers whose gaps are sums of `k` exponential ones."""
    rng, rows = np.random.default_rng(6), []
    for i in range(800):
        rate, leaves = rng.gamma(1.4, k / 40.0), rng.beta(0.8, 2.5)
        at = rng.uniform(0, 60)
        while at < 730:
            rows.append((f"c{i:04d}", at, rng.gamma(4.0, 500.0)))
            at += rng.gamma(k, 1 / rate)
            if rng.random() < leaves:
                break
    who, at, cents = zip(*rows, strict=True)
    orders = pd.DataFrame({"order_id": [f"o{i}" for i in range(len(rows))], "customer_id": who})
    orders["ordered_at"] = pd.Timestamp("2022-01-01").as_unit("us") + pd.to_timedelta(
        np.rint(np.array(at) * 86_400), unit="s"
    ).as_unit("us")
    orders["currency"], orders["amount_cents"] = "EUR", np.rint(cents).astype(np.int64)
    orders[["discount_cents", "tax_cents", "shipping_cents", "cogs_cents"]] = 0
    orders["returned"], orders["returned_at"] = (
        False,
        pd.Series(pd.NaT, orders.index, dtype="datetime64[us]"),
    )
    return checked(ibis.memtable(orders), currency="EUR")


@pytest.mark.parametrize("k", [1, 3])
def test_how_regular_customers_are_is_found(k):
    """By the instant: gaps of whole days are no densities."""
    history, future = cut(regular(k), dt.date(2023, 6, 1), 180, purchase="order")
    fitted = recipe("btyd_mbgcnbd_k", draws=200).fit(history, 1)
    assert fitted.k == k
    (told,) = [n for n in fitted.log_likelihood() if n != "gamma_gamma"]
    assert told == ("mbgnbd" if k == 1 else "mbgnbd_3")
    forecast = fitted.score(history, 180)
    made = outcomes(future)["purchases"].sum()
    drawn = forecast.draws(slice(None)).purchases.sum(axis=0)
    assert abs(made - drawn.mean()) < 5 * np.sqrt(drawn.var() + made)
