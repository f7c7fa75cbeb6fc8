"""Hierarchies: segments of known truth are found, and better than alone or all alike."""

import datetime as dt
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
import yaml

from lifeworth.asof import cut
from lifeworth.engines.pooled import Groups
from lifeworth.engines.posterior import Sampling
from lifeworth.models.btyd import learnt
from lifeworth.models.btyd.estimate import Inference
from lifeworth.models.btyd.gamma_gamma import CENTS, fit_gamma_gamma
from lifeworth.models.btyd.math import GammaGammaParams
from lifeworth.models.btyd.pool import Grouped
from lifeworth.models.btyd.statistics import Statistics
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World, simulate

SPELLED = yaml.safe_load((conf_folder() / "model" / "btyd_hierarchical.yaml").read_text())
HORIZON = 180
CUTOFF = dt.date(2023, 7, 1)
POPULATION = {"purchases_per_year": 6.0, "leave_chance": 0.25, "mean_spend": 3_500.0}
SIZES = {"a": 60, "b": 90, "c": 120, "d": 200, "e": 300, "f": 500}
APART = {  # of the log rate, the logit of leaving and the log spend
    "a": (0.5, -0.3, 0.3),
    "b": (-0.5, 0.4, -0.2),
    "c": (0.2, 0.3, -0.4),
    "d": (-0.3, -0.4, 0.2),
    "e": (0.4, 0.2, 0.2),
    "f": (-0.3, -0.2, -0.1),
}
KEPT = (0, 2)
"""Coordinates of purchases that differ: the rate and the chance to leave; of spend the first."""


def recipe(**fields: Any):
    few = {**SPELLED["sampling"], "draws": 200}
    return build("model", {**SPELLED, "draws": 20, "pool": ["segment"], "sampling": few, **fields})


def world(customers, rate=0.0, leave=0.0, spend=0.0):
    """Return the World of a segment that differs so from POPULATION."""
    often = POPULATION["purchases_per_year"] * np.exp(rate)
    odds = POPULATION["leave_chance"] / (1 - POPULATION["leave_chance"]) * np.exp(leave)
    r, kappa, p, q, phi = 0.9, 3.0, 6.0, 4.0, odds / (1 + odds)
    mean = POPULATION["mean_spend"] * np.exp(spend)
    return World(
        customers=customers,
        arrival_days=200.0,
        r=r,
        alpha=r * 365.25 / often,
        a=phi * kappa,
        b=(1 - phi) * kappa,
        p=p,
        q=q,
        gamma=mean * (q - 1) / p,
        return_rate=0.0,
    )


def shop(worlds: dict[str, World], **columns: dict[str, Any]) -> Tables:
    """Put a store of each segment into one; further columns of customers by segment."""
    orders, customers = [], []
    for seed, (segment, one) in enumerate(worlds.items()):
        frames = simulate(one, seed).frames
        for name in ("order_id", "customer_id"):
            frames["orders"][name] = segment + frames["orders"][name]
        who = frames["customers"].assign(segment=segment)
        who["customer_id"] = segment + who["customer_id"]
        customers.append(who.assign(**{n: by[segment] for n, by in columns.items()}))
        orders.append(frames["orders"])
    return Tables(
        orders=ibis.memtable(pd.concat(orders, ignore_index=True)),
        customers=ibis.memtable(pd.concat(customers, ignore_index=True)),
        currency="USD",
        value_is="margin",
    )


def known(store: Tables):
    return cut(store, CUTOFF, HORIZON)[0]


@pytest.fixture(scope="module")
def store() -> Tables:
    return shop({s: world(SIZES[s], *APART[s]) for s in SIZES})


@pytest.fixture(scope="module")
def history(store):
    return known(store)


@pytest.fixture(scope="module")
def partial(history):
    return recipe().fit(history, 1)


def parts(fitted):
    return fitted.purchases.posterior.draws, fitted.spend.estimate.posterior.draws


def truth(level=None):
    """Return log rate (a day), logit of leaving and log spend of a segment or the population."""
    apart = np.zeros(3) if level is None else np.array(APART[level])
    chance = POPULATION["leave_chance"]
    centre = POPULATION["purchases_per_year"] / 365.25, chance / (1 - chance)
    return np.log([*centre, POPULATION["mean_spend"]]) + apart


def of_segments(fitted):
    """Return the posterior means by segment of what differs."""
    bought, spent = parts(fitted)
    columns = (bought, KEPT[0]), (bought, KEPT[1]), (spent, 0)
    none = np.zeros(len(SIZES))
    each = [
        d["population"][:, i].mean() + (d["segment"][:, i].mean(axis=0) if "segment" in d else none)
        for d, i in columns
    ]
    return np.stack(each, axis=1)


# ---- simulated truth


def test_the_population_is_found(partial):
    """Inside the 99 % interval of the draws."""
    bought, spent = (d["population"] for d in parts(partial))
    drawn = np.stack([bought[:, KEPT[0]], bought[:, KEPT[1]], spent[:, 0]], axis=1)
    mean, sd = drawn.mean(axis=0), drawn.std(axis=0)
    assert (np.abs(mean - truth()) < 2.576 * sd).all()


def test_segments_are_closer_to_the_truth_than_alone_or_all_alike(partial, history):
    true = np.stack([truth(level) for level in SIZES])
    alone = recipe(pooling="none").fit(history, 1)
    alike = recipe(pool=[]).fit(history, 1)
    partly, apart, same = (
        np.sqrt(((of_segments(fitted) - true) ** 2).mean()) for fitted in (partial, alone, alike)
    )
    assert partly < apart < same


def test_segments_of_few_are_drawn_to_the_population_more(partial, history):
    alone = recipe(pooling="none").fit(history, 1)
    own, other = (parts(f)[0]["segment"][:, KEPT[1]].mean(axis=0) for f in (partial, alone))
    assert np.abs(own).mean() < np.abs(other).mean()
    wide = parts(partial)[0]["segment"][:, KEPT[0]].std(axis=0)
    assert wide[0] > wide[-1]


def test_what_segments_differ_by_is_told(partial):
    told = {p.name: p for p in partial.parameters()}
    for name in ("purchases_per_year", "leave_chance", "mean_spend"):
        assert 1.0 < told[f"{name}.segment"].estimate < 3.0
        assert told[f"{name}.segment"].low < told[f"{name}.segment"].high
    assert {"r", "alpha", "a", "b", "p", "q", "gamma"} <= set(told)


def test_a_report_shows_every_segment(partial, history):
    told = partial.learnt(history).forest
    forest = told[told["quantity"] == "purchases per year"]
    assert forest["level"].tolist() == ["all", *SIZES]
    customers = forest.set_index("level")["customers"]
    assert customers.drop("all").to_dict() == SIZES
    assert customers["all"] == sum(SIZES.values())
    rates = forest.set_index("level")["mean"]
    assert rates["a"] > rates["all"] > rates["b"]


def test_what_the_priors_expect_is_of_segments_that_differ(history, monkeypatch):
    """The log rate of a shop: the population's, and its customers' segments with a spread of 3."""
    monkeypatch.setattr(learnt, "newborn_repeats", lambda *given: given[1][:, :1])
    alone = recipe(pooling="none", inference="laplace").fit(history, 1)
    frame = alone.learnt(history).prior_predictive
    found = frame.loc[frame["quantity"] == "repeat purchases per customer", "value"]
    share = np.bincount(learnt._shoppers(alone._known(history).seen.grouped).which) / 5
    own = alone.purchases.priors
    variance = own.sd[0] ** 2 + own.spread**2 * (share**2).sum()
    n = len(found)
    assert abs(found.mean() - own.mean[0]) < 5 * np.sqrt(variance / n)
    assert abs(found.var() - variance) < 5 * variance * np.sqrt(2 / n)


# ---- what was never seen


def test_a_new_segment_is_scored_from_the_population(partial, store, history):
    """Wider than a known one, the same for a seed and for all its customers."""
    renamed = store.customers.mutate(segment=ibis.literal("new"))
    other = known(Tables(orders=store.orders, customers=renamed, currency="USD", value_is="margin"))
    own, new, again = (partial.outlook(h, 0.0, 180.0) for h in (history, other, other))
    pd.testing.assert_frame_equal(new, again)
    assert new["purchases_sd"].mean() > 1.2 * own["purchases_sd"].mean()
    assert new["expected_purchases"].sum() == pytest.approx(
        own["expected_purchases"].sum(), rel=0.3
    )
    frames = [partial.score(h, HORIZON).frame for h in (other, other)]
    pd.testing.assert_frame_equal(*frames)


def test_a_new_segment_of_a_point_is_the_mean_one(store, history):
    """One deviate stands for nothing: no seed, and no spread that was given, may matter."""
    renamed = store.customers.mutate(segment=ibis.literal("new"))
    other = known(Tables(orders=store.orders, customers=renamed, currency="USD", value_is="margin"))
    fits = {
        "map": [recipe(inference="map").fit(history, seed) for seed in (1, 2)],
        "none": [recipe(pooling="none").fit(history, 1)],
    }
    one, two = (fit.outlook(other, 0.0, 180.0)["expected_purchases"].sum() for fit in fits["map"])
    assert one == pytest.approx(two, rel=1e-12)
    alone = fits["none"][0]
    met = alone.outlook(history, 0.0, 180.0)["expected_purchases"].sum()
    assert 0.5 * met < alone.outlook(other, 0.0, 180.0)["expected_purchases"].sum() < 2 * met
    assert alone.newcomers([360.0])["expected_purchases"][0] < 20
    assert any(note.startswith("segments are on their own: ") for note in alone.notes())
    assert not any("on their own" in note for note in fits["map"][0].notes())


def test_credibility_says_what_it_does_not_know_of(history):
    apart = recipe(spend="credibility").fit(history, 1)
    assert any("spend does not know of segment" in note for note in apart.notes())
    with pytest.raises(InputError, match=r"with credibility spend cannot follow the rate; use "):
        recipe(spend="credibility", spend_follows_rate=True).fit(history, 1)


def test_newcomers_of_a_segment_and_of_none(partial):
    days = [30.0, 360.0]
    frequent, seldom, new = (partial.newcomers(days, s) for s in ({"segment": "a"},
                             {"segment": "b"}, {"segment": "never seen"}))  # fmt: skip
    assert (frequent["expected_purchases"] > seldom["expected_purchases"]).all()
    assert (new["purchases_sd"] > seldom["purchases_sd"]).all()
    pd.testing.assert_frame_equal(new, partial.newcomers(days))
    with pytest.raises(InputError, match=r"newcomers: 'colour' is not pooled; .* knows segment"):
        partial.newcomers(days, {"colour": "red"})


# ---- columns and covariates


def test_two_columns_at_once(history):
    fitted = recipe(pool=["segment", "channel"]).fit(history, 1)
    bought = parts(fitted)[0]
    assert bought["segment"].shape[2] == len(SIZES)
    assert bought["channel"].shape[2] == 3
    told = {p.name: p.estimate for p in fitted.parameters()}
    for name in ("purchases_per_year", "mean_spend"):  # channels do not differ
        assert told[f"{name}.channel"] < told[f"{name}.segment"]
    assert len(fitted.score(history, HORIZON).frame) == sum(SIZES.values())
    assert fitted.newcomers([30.0], {"segment": "a", "channel": "social"}).shape[0] == 1


def test_what_a_covariate_changes_is_found():
    """Rates rise by e^0.4 for 10 points more, and leaving and spend do not change with them."""
    points = {"low": -10.0, "middle": 0.0, "high": 10.0}
    worlds = {s: world(500, rate=0.04 * v) for s, v in points.items()}
    history = known(shop(worlds, points=points))
    fitted = recipe(pool=[], covariates=["points"]).fit(history, 2)
    sd = fitted.pool.scale["points"][1]
    assert sd == pytest.approx(10 * np.sqrt(2 / 3))
    bought, spent = (d["effects"][:, :, 0] for d in parts(fitted))
    for found, true in [(bought[:, 0], 0.04 * sd), (bought[:, 2], 0.0), (spent[:, 0], 0.0)]:
        assert abs(found.mean() - true) < 2.576 * found.std()
    told = {p.name: p for p in fitted.parameters()}
    assert told["purchases_per_year.points"].low > 1
    assert fitted.newcomers([180.0])["expected_purchases"][0] > 0
    assert np.isfinite(fitted.score(history, HORIZON).frame["expected_value"]).all()


def test_a_first_value_tells_of_the_later_ones(history):
    fitted = recipe(pool=[], covariates=["first_value_log"]).fit(history, 2)
    told = {p.name: p for p in fitted.parameters()}
    assert told["mean_spend.first_value_log"].low > 1


# ---- spend that follows the rate

SPEND = GammaGammaParams(6.0, 4.0, 1_500.0)


def follows(slope, n=4_000):
    """Fit spend that rises by `slope` in the log of how often a customer buys."""
    rng = np.random.default_rng(3)
    T = rng.uniform(100.0, 400.0, n)
    x = 1.0 + rng.poisson(T * rng.gamma(1.0, 0.01, n))
    often = np.log((x + 1.0) / (T + T.mean()))
    nu = rng.gamma(SPEND.q, np.exp(-slope * (often - often.mean())) / SPEND.gamma)
    m = rng.gamma(SPEND.p * x, 1 / nu) / x
    stats = Statistics(np.arange(n).astype(str).astype(object), x, T / 2, T, m, T)
    alone = Groups(codes=np.zeros((1, 0), dtype=np.int64), values=np.zeros((1, 0)))
    how = Inference(
        method="laplace",
        sampling=Sampling(draws=500, warmup=1, chains=1, steps=1, batch=1),
        seed=1,
        said=recipe().priors,
        spend_follows_rate=True,
    )
    return fit_gamma_gamma(stats, Grouped(alone, np.zeros(n, dtype=np.int64)), how)


@pytest.mark.parametrize("slope", [-0.3, 0.0, 0.3])
def test_spend_that_follows_the_rate_is_found(slope):
    fitted = follows(slope)
    drawn = fitted.estimate.posterior.draws["population"][:, 3]
    assert abs(drawn.mean() - slope) < 2.576 * drawn.std()
    (told,) = [p for p in fitted.parameters() if p.name == "spend_follows_rate"]
    assert told.estimate == pytest.approx(np.exp(slope), rel=0.1)
    if slope:
        assert (told.low > 1) == (slope > 0)
        assert (told.high < 1) == (slope < 0)
    p, q, gamma = fitted.parameters()[:3]  # of a customer who buys as often as the mean repeater
    mean = p.estimate * gamma.estimate / (q.estimate - 1)
    true = SPEND.p * SPEND.gamma / (SPEND.q - 1) / CENTS
    assert mean == pytest.approx(true, rel=0.05)


def test_spend_by_credibility_is_that_of_all_segments(history):
    fitted = recipe(spend="credibility", inference="map").fit(history, 1)
    frame = fitted.score(history, HORIZON).frame
    premium = fitted.spend.mean(*(getattr(fitted._known(history), n) for n in ("stats", "spend")))
    true = frame["expected_purchases"].to_numpy() * premium
    assert frame["expected_value"].to_numpy() == pytest.approx(true, rel=1e-12)
    assert fitted.newcomers([30.0], {"segment": "a"})["expected_value"][0] > 0
    assert not any(name.startswith("mean_spend") for name, *_ in fitted.parameters())


# ---- what is refused, and what is said


def test_a_column_that_tells_nobody_apart_is_left_out(store):
    alike = store.customers.mutate(country=ibis.literal("DE"))
    history = known(Tables(orders=store.orders, customers=alike, currency="USD", value_is="margin"))
    fitted = recipe(pool=["country"], inference="map").fit(history, 1)
    (note,) = [n for n in fitted.notes() if "country" in n]
    assert note == "all customers are of country 'DE': that column is left out of the hierarchy"
    assert fitted.purchases.posterior.draws.keys() == {"population"}


@pytest.mark.parametrize("field", ["pool", "covariates"])
def test_an_unknown_column_is_refused_by_name(history, field):
    with pytest.raises(InputError, match=r"customers: there is no \w+ column 'colour'"):
        recipe(**{field: ["colour"]}).fit(history, 1)


@pytest.mark.parametrize("name", ["population", "effects", "segment_spread"])
def test_a_column_with_a_name_of_the_models_own_is_refused(store, name):
    taken = store.customers.mutate(**{name: store.customers.segment})
    history = known(Tables(orders=store.orders, customers=taken, currency="USD", value_is="margin"))
    with pytest.raises(InputError) as error:
        recipe(pool=["segment", name], inference="map").fit(history, 1)
    assert str(error.value) == (
        f"pool: 1 of 2 columns have a name of the model's own, first '{name}'; its draws are "
        "called population, effects and <column>_spread: rename that column of the customers"
    )


def test_a_maximum_of_the_likelihood_is_refused_by_name():
    with pytest.raises(InputError) as error:
        recipe(inference="mle")
    told = str(error.value)
    assert told.startswith("model.inference=mle")
    for allowed in ("map", "laplace", "svi", "nuts"):
        assert f" {allowed}" in told
