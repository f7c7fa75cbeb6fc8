"""Fits of the BG/NBD: published figures, lifetimes, simulated truth, and what cannot be fitted."""

import datetime as dt
import importlib
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.special import gammaln

from lifeworth.asof import cut
from lifeworth.asof.summary import outcomes, weekly_repeat_purchases
from lifeworth.engines.likelihood import FitError
from lifeworth.models.btyd import HeuristicLastPeriod, HeuristicRate
from lifeworth.models.btyd.processes.beta_geometric import BetaGeometric
from lifeworth.models.btyd.purchases import Past, maximum_of_purchases
from lifeworth.models.core import AliveGrid
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.tables.simulate import World
from lifeworth.tables.sources import Simulated


def recipe(**fields: Any):
    spelled = yaml.safe_load((conf_folder() / "model" / "btyd_bgnbd.yaml").read_text())
    return build("model", {**spelled, "draws": 20, **fields})


def fit_bgnbd(x, t_x, T):
    return maximum_of_purchases(BetaGeometric(), Past(x, t_x, T))


def twin(theta, x, t_x, T):
    """Equation 6 in plain numpy, summed."""
    r, alpha, a, b = theta
    x1 = np.maximum(x, 1)
    stays = -(r + x) * np.log(alpha + T)
    leaves = np.log(a / (b + x1 - 1)) - (r + x) * np.log(alpha + t_x)
    counting = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    surviving = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    return (counting + surviving + np.where(x > 0, np.logaddexp(stays, leaves), stays)).sum()


@pytest.fixture(scope="module")
def fit(cdnow):
    return fit_bgnbd(cdnow.x, cdnow.t_x, cdnow.T)


@pytest.fixture(scope="module")
def peer():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("lifetimes").BetaGeoFitter


# ---- published figures


def test_cdnow_gives_the_published_parameters(fit):
    """Half of the last digit that Fader, Hardie and Lee (2005), table 2, print."""
    published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    for name, value in published.items():
        assert fit.estimates[name].value == pytest.approx(value, abs=5e-4)
    assert fit.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert fit.log_likelihood == pytest.approx(-9582.4292, abs=5e-5)  # days, not rounded weeks
    assert fit.notes == ()


def test_the_likelihood_is_that_of_lifetimes_and_not_lower(fit, cdnow, peer):
    past, ones = (cdnow.x, cdnow.t_x, cdnow.T), np.ones_like(cdnow.x)
    theirs = peer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(*past)
    values = [np.array(fit.values()), theirs.params_.to_numpy()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, best = (
            -len(ones) * peer._negative_log_likelihood(np.log(v), *past, ones, 0) for v in values
        )
    assert fit.log_likelihood == pytest.approx(ours, abs=1e-6)
    assert fit.log_likelihood >= best - 1e-6
    assert values[0] == pytest.approx(values[1], rel=1e-3)


def test_standard_errors_are_those_of_a_numerical_hessian(fit, cdnow):
    """Second differences of a plain numpy likelihood in the parameters themselves."""
    past, at = (cdnow.x, cdnow.t_x, cdnow.T), np.array(fit.values())
    h = np.diag(1e-3 * at)

    def mixed(i, j):
        corners = ((1, 1), (1, -1), (-1, 1), (-1, -1))
        f = [s * t * twin(at + s * h[i] + t * h[j], *past) for s, t in corners]
        return -sum(f) / (4 * h[i, i] * h[j, j])

    hessian = np.array([[mixed(i, j) for j in range(4)] for i in range(4)])
    true = np.sqrt(np.diag(np.linalg.inv(hessian)))
    assert [e.se for e in fit.estimates.values()] == pytest.approx(true, rel=1e-3)


# ---- simulated truth


def test_the_truth_lies_inside_99_percent_intervals(crowd):
    world, x, t_x, T = crowd
    for name, e in fit_bgnbd(x, t_x, T).estimates.items():
        assert abs(np.log(e.value / getattr(world, name))) < 2.576 * e.se / e.value
        assert e.low < e.value < e.high


def test_a_fit_in_days_is_one_in_weeks(cdnow, fit):
    days = fit_bgnbd(cdnow.x, 7 * cdnow.t_x, 7 * cdnow.T)
    in_weeks = [v / k for v, k in zip(days.values(), (1, 7, 1, 1), strict=True)]
    assert in_weeks == pytest.approx(fit.values(), rel=1e-6)


def test_the_unit_of_time_is_that_of_what_is_told_alone(cdnow_cut, fit):
    history, future = cdnow_cut
    weekly, daily = (recipe(time_unit_days=u).fit(history, 0) for u in (7.0, 1.0))
    assert [p.estimate for p in weekly.parameters()][:4] == pytest.approx(fit.values(), rel=1e-6)
    assert daily.parameters()[1].high == pytest.approx(7 * weekly.parameters()[1].high)
    assert weekly.log_likelihood()["bgnbd"] == pytest.approx(fit.log_likelihood, abs=1e-6)
    assert daily.log_likelihood()["bgnbd"] < weekly.log_likelihood()["bgnbd"]
    scores = [fitted.score(history, future.horizon).frame for fitted in (weekly, daily)]
    pd.testing.assert_frame_equal(*scores)


# ---- the holdout of the papers


def errors(forecast, future):
    actual = outcomes(future)
    pairs = [("expected_purchases", "purchases", 1), ("expected_value", "value", 100)]
    for ours, theirs, unit in pairs:
        found, true = forecast.frame[ours].to_numpy(), actual[theirs].to_numpy()
        off = (found - true) / unit
        yield np.abs(off).mean(), np.sqrt((off**2).mean()), found.sum() / true.sum() - 1


def test_cdnow_holdout_of_the_models(cdnow_cut):
    history, future = cdnow_cut
    purchases, value = errors(recipe().fit(history, 0).score(history, 273), future)
    assert purchases == pytest.approx((0.785, 1.608, -0.121), abs=5e-4)
    assert value[:2] == pytest.approx((30.41, 72.30), abs=5e-3)
    assert value[2] == pytest.approx(-0.156, abs=5e-4)


def test_cdnow_holdout_of_the_heuristics(cdnow_cut):
    history, future = cdnow_cut
    rate, _ = errors(HeuristicRate(draws=20).fit(history, 0).score(history, 273), future)
    assert rate == pytest.approx((1.024, 2.212, 0.557), abs=5e-4)
    last = HeuristicLastPeriod(draws=20).fit(history, 0).score(history, 273)
    assert last.frame["expected_purchases"].sum() == 4_814  # of the 39 weeks before


def test_cdnow_tracks_the_weeks_of_the_calibration(cdnow_cut):
    """Expected and actual repeat purchases agree in sum, as in figure 3 of the paper."""
    history, future = cdnow_cut
    forecast = recipe().fit(history, 0).score(history, 273)
    tracking, seen = forecast.tracking, weekly_repeat_purchases(history)
    past = tracking[tracking.week_start < history.cutoff]
    assert (past.week_start.to_numpy() == seen.week_start.to_numpy()).all()
    assert past.expected_purchases.sum() == pytest.approx(seen.purchases.sum(), rel=0.03)
    after = tracking[tracking.week_start >= history.cutoff]
    assert len(after) == future.horizon // 7
    assert after.expected_purchases.sum() == pytest.approx(
        forecast.frame.expected_purchases.sum(), rel=1e-9
    )
    assert (after.expected_purchases > 0).all()
    gaps = pd.to_datetime(tracking.week_start).diff().dropna()
    assert (gaps == pd.Timedelta(days=7)).all()


def test_purchases_by_the_instant_are_tracked_too():
    store = Simulated(seed=1, world=World(customers=1_000)).load()
    frames = [
        recipe().fit(history, 0).score(history, 70).tracking
        for purchase in ("day", "order")
        for history, _ in [cut(store, dt.date(2023, 1, 1), 70, purchase=purchase)]
    ]
    by_day, by_order = (f["expected_purchases"].to_numpy() for f in frames)
    assert by_order.sum() == pytest.approx(by_day.sum(), rel=0.05)
    assert (by_order >= 0).all()


# ---- what is told of a fit


def test_parameters_likelihoods_and_grid(cdnow_cut, cdnow):
    fitted = recipe().fit(cdnow_cut[0], 0)
    assert [p.name for p in fitted.parameters()] == ["r", "alpha", "a", "b", "p", "q", "gamma"]
    assert fitted.parameters()[1].meaning.endswith("units of 7 days")
    assert fitted.log_likelihood().keys() == {"bgnbd", "gamma_gamma"}
    assert fitted.notes() == ()
    assert isinstance(fitted, AliveGrid)
    grid = fitted.alive_grid(cdnow.x, cdnow.t_x * 7, cdnow.T * 7)
    scored = fitted.score(cdnow_cut[0], 273).frame["p_alive"].to_numpy()
    assert grid == pytest.approx(scored, rel=1e-12)


def test_nobody_who_repeats_is_refused():
    zero = np.zeros(1_234)
    with pytest.raises(FitError) as error:
        fit_bgnbd(zero, zero, zero + 9.0)
    assert str(error.value).startswith("BG/NBD: 0 of 1,234 customers have a repeat purchase")
    assert str(error.value).endswith("or use model=btyd_heuristic_rate")


def simulated(rate, leaves, n=3_000, T=52.0, seed=2):
    """Give every customer the same rate and the same probability of leaving."""
    rng = np.random.default_rng(seed)
    x, t_x = np.zeros(n), np.zeros(n)
    clock, there = np.zeros(n), np.arange(n)
    while len(there):
        clock[there] += rng.exponential(1 / rate, len(there))
        there = there[clock[there] < T]
        x[there] += 1
        t_x[there] = clock[there]
        there = there[rng.random(len(there)) >= leaves]
    return x, t_x, np.full(n, T)


@pytest.mark.parametrize(
    ("rate", "leaves", "told"),
    [
        (0.2, 0.0, "b/a ran to its upper bound 100000: nobody seems to leave, everybody is taken"),
        (0.02, 1.0, "b/a ran to its lower bound 1e-05: everybody seems to leave at once"),
        (0.2, 0.3, "a ran to its upper bound 10000: all customers are as likely to leave"),
        (0.2, 0.3, "r ran to its upper bound 10000: all customers buy at one rate"),
    ],
)
def test_customers_who_are_all_alike_are_said_to_be(rate, leaves, told):
    fit = fit_bgnbd(*simulated(rate, leaves))
    (note,) = [note for note in fit.notes if note.startswith(told)]
    assert note.endswith("or use model=btyd_heuristic_rate")
    mean_rate, leaving = fit.values()[0] / fit.values()[1], fit.values()[2:]
    assert mean_rate == pytest.approx(rate, rel=0.05)
    assert leaving[0] / sum(leaving) == pytest.approx(leaves, abs=0.02)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("rate", "leaves"), [(0.2, 0.0), (0.2, 0.3), (0.05, 0.9), (0.02, 0.0), (0.02, 1.0), (1.0, 0.05)]
)
def test_what_the_data_leave_open_stops_no_fit(rate, leaves, seed):
    """Many pairs (a, b) are as good for customers who are alike: rates and shares are found."""
    r, alpha, a, b = fit_bgnbd(*simulated(rate, leaves, n=1_000, seed=seed)).values()
    assert r / alpha == pytest.approx(rate, rel=0.25)
    assert a / (a + b) == pytest.approx(leaves, abs=0.06)
