"""What a report shows of a fit: prior beside posterior, segments, chains, checks."""

import numpy as np
import pytest
import yaml

from lifeworth.engines.pooled import Groups, Priors
from lifeworth.models.btyd import learnt as learnt_of
from lifeworth.models.btyd.newcomers import newborn_repeats
from lifeworth.models.btyd.pool import Grouped
from lifeworth.models.btyd.processes.beta_geometric import BetaGeometric
from lifeworth.models.core import Learns
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build


def fitted(history, name="btyd_bgnbd", **fields):
    spelled = yaml.safe_load((conf_folder() / "model" / f"{name}.yaml").read_text())
    few = {**spelled["sampling"], "draws": 120}
    return build("model", {**spelled, "draws": 20, "sampling": few, **fields}).fit(history, 1)


@pytest.fixture(scope="module")
def history(cdnow_cut):
    return cdnow_cut[0]


@pytest.fixture(scope="module")
def laplace(history):
    return fitted(history, inference="laplace")


@pytest.mark.parametrize("inference", ["mle", "map"])
def test_a_point_has_nothing_to_show(history, inference):
    one = fitted(history, inference=inference)
    assert isinstance(one, Learns)
    assert one.learnt(history) is None


def test_a_posterior_stands_beside_its_prior(laplace, history):
    frame = laplace.learnt(history).posterior
    assert list(frame.columns) == ["quantity", "part", "value"]
    assert set(frame["part"]) == {"prior", "posterior"}
    assert frame["quantity"].unique().tolist() == [
        "purchases per year",
        "rate shape",
        "leave chance",
        "leave concentration",
        "mean spend, USD",
        "spend shape",
        "spend likeness",
    ]
    sd = frame.assign(value=np.log(frame["value"])).groupby(["quantity", "part"])["value"].std()
    for quantity in frame["quantity"].unique():
        assert sd[quantity, "posterior"] < sd[quantity, "prior"]
    rate = frame[(frame["quantity"] == "purchases per year") & (frame["part"] == "prior")]["value"]
    assert np.quantile(rate, [0.05, 0.95]) == pytest.approx([0.1, 100.0], rel=0.1)
    spend = frame[(frame["quantity"] == "mean spend, USD") & (frame["part"] == "posterior")][
        "value"
    ]
    assert 30 < spend.mean() < 45  # units of the currency


def test_the_prior_predicts_something_else_than_the_data(laplace, history):
    frame = laplace.learnt(history).prior_predictive
    assert set(frame["quantity"]) == {"repeat purchases per customer", "value of a purchase, USD"}
    observed = frame.groupby("quantity")["observed"].first()
    who = laplace._known(history)
    assert observed["repeat purchases per customer"] == pytest.approx(who.past.x.mean())
    assert observed["value of a purchase, USD"] == pytest.approx(
        who.stats.m[who.stats.x > 0].mean() / 100
    )
    for quantity, part in frame.groupby("quantity"):
        assert part["value"].min() < observed[quantity] < part["value"].max()


def test_one_population_has_no_forest_and_no_chains(laplace, history):
    learnt = laplace.learnt(history)
    assert learnt.forest is None
    assert learnt.chains is None
    assert learnt.elbo is None
    assert list(learnt.diagnostics.columns) == ["measure", "value", "good", "verdict"]
    assert set(learnt.diagnostics["measure"]) == {
        "importance ess, purchases",
        "importance ess, spend",
    }


def test_variation_shows_the_elbo_of_purchases_and_of_spend(history):
    """In 8 steps neither can be said to have settled."""
    few = {"draws": 20, "warmup": 1, "chains": 1, "steps": 8, "batch": 64}
    one = fitted(history, inference="svi", sampling=few)
    learnt = one.learnt(history)
    assert list(learnt.elbo.columns) == ["step", "elbo", "quantity"]
    assert learnt.elbo.groupby("quantity")["step"].max().to_dict() == {"purchases": 8, "spend": 8}
    told = learnt.diagnostics.set_index("measure")["verdict"]
    for part in ("purchases", "spend"):
        assert told[f"elbo still gains, {part}"] == "it has not settled; double sampling.steps"
    assert sum("it has not settled" in note for note in one.notes()) == 2


def test_a_shop_drawn_from_the_priors_has_segments():
    """A column of spread s makes what the priors expect of its customers e^(s^2 / 2) times."""
    priors = Priors(mean=np.zeros(1), sd=np.full(1, 1e-9), between=1.0, effect=1.0, spread=0.6)
    codes = np.arange(4)[:, None]
    groups = Groups(columns={"segment": 4}, codes=codes, values=np.zeros((4, 0)))
    shop = learnt_of._shoppers(Grouped(groups, np.repeat(np.arange(4), [20, 20, 20, 40])))
    assert np.bincount(shop.which).tolist() == [1, 1, 1, 2]
    found = learnt_of._foreseen(priors, shop, 1, lambda eta: np.exp(eta[:, 0]))
    assert found.shape == (learnt_of.SHOWN,)
    share = np.array([0.2, 0.2, 0.2, 0.4])
    mean, variance = np.exp(0.18), np.exp(0.36) * np.expm1(0.36) * (share**2).sum()
    assert abs(found.mean() - mean) < 5 * np.sqrt(variance / learnt_of.SHOWN)
    assert found.var() == pytest.approx(variance, rel=0.5)


def test_a_posterior_without_spend_shows_purchases_alone(history):
    one = fitted(history, inference="laplace", spend="credibility")
    quantities = set(one.learnt(history).posterior["quantity"])
    assert not any("spend" in quantity for quantity in quantities)


def test_newborns_of_many_draws_are_those_of_each_alone():
    """However wide the prior: each draw has as many nodes as it needs."""
    rng, model, ages = np.random.default_rng(2), BetaGeometric(), np.array([0.0, 30.0, 500.0])
    eta = np.array([-3.0, 0.0, -1.0, 0.5]) + 2 * rng.standard_normal((20, 4))
    together = newborn_repeats(model, eta, ages)
    for i in range(20):
        assert together[i] == pytest.approx(newborn_repeats(model, eta[i : i + 1], ages)[0])
    assert (np.diff(together, axis=1) > 0).all()
    assert (together[:, 0] == 0).all()
