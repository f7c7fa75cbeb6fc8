"""What a report shows of a fit: prior beside posterior, segments, chains, checks."""

import numpy as np
import pytest
import yaml

from lifeworth.models.btyd.newcomers import newborn_repeats
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
