"""Forecasts of many customers: draws against expectations, whole stores against each row alone."""

import itertools

import numpy as np
import pytest
from scipy import stats

from lifeworth.engines.pooled import Groups
from lifeworth.engines.posterior import Posterior
from lifeworth.models.btyd import outlook, statistics
from lifeworth.models.btyd.estimate import Seen
from lifeworth.models.btyd.math import BgNbdParams
from lifeworth.models.btyd.newcomers import newborn_repeats
from lifeworth.models.btyd.outlook import Outlook, Span
from lifeworth.models.btyd.pool import Grouped
from lifeworth.models.btyd.processes.beta_geometric import BetaGeometric
from lifeworth.models.btyd.purchases import Past
from lifeworth.models.btyd.statistics import distinct
from lifeworth.tables.simulate import World, purchases

MODEL = BetaGeometric()
CDNOW = BgNbdParams(0.243, 4.414, 0.793, 2.426)
FEW = Past(
    np.array([0.0, 1, 2, 7, 29]),
    np.array([0, 1.7, 30.4, 29.4, 37.7]),
    np.array([38.9, 38.9, 38.9, 30.0, 38.0]),
)


def view(th, past, horizon):
    """Look ahead with these parameters and no doubt about them."""
    posterior = Posterior(
        method="mle",
        draws={"population": MODEL.eta(th)[None]},
        chains=1,
        log_likelihood=0.0,
        diagnostics={},
        elbo=np.empty((0, 2)),
    )
    one = Groups(codes=np.zeros((1, 0), dtype=np.int64), values=np.zeros((1, 0)))
    grouped = Grouped(one, np.zeros(len(past.x), dtype=np.int64))
    return Outlook(MODEL, past, Seen(posterior, grouped, 0), Span(0.0, horizon))


def expectations(th, past, horizon):
    return view(th, past, horizon).means()


def draw_purchases(th, past, horizon, draws, rng):
    return outlook.draw_counts(MODEL, th, past, horizon, draws, rng)


def test_draws_have_the_mean_that_is_expected():
    draws = draw_purchases(CDNOW, FEW, 39.0, 100_000, np.random.default_rng(1))
    expected = expectations(CDNOW, FEW, 39.0)
    noise = draws.std(axis=1) / np.sqrt(draws.shape[1])
    assert (np.abs(draws.mean(axis=1) - expected.purchases) < 5 * noise).all()
    active = (draws > 0).mean(axis=1)
    noise = np.sqrt(active * (1 - active) / draws.shape[1])
    assert (np.abs(active - expected.p_active) < 5 * noise).all()


def test_draws_have_the_distribution_of_the_counts():
    """Chi-squared at the 0.1 % level over counts expected 10 times or more."""
    draws = draw_purchases(CDNOW, FEW, 39.0, 100_000, np.random.default_rng(2))
    alive = MODEL.alive(CDNOW, *FEW)[0]
    steps = MODEL.counts(CDNOW, FEW.x, FEW.T, np.full_like(FEW.T, 39.0), 0)
    p = np.array(list(itertools.islice(steps, 200))) * alive
    p[0] += 1 - alive
    for row in range(len(alive)):
        often = np.flatnonzero(p[:, row] * draws.shape[1] >= 10)
        seen = np.bincount(draws[row].astype(int), minlength=200)[often]
        due = p[often, row] * draws.shape[1]
        rest = draws.shape[1] - np.array([seen.sum(), due.sum()])
        parts = np.append(seen, rest[0]), np.append(due, rest[1])
        statistic = ((parts[0] - parts[1]) ** 2 / parts[1]).sum()
        assert stats.chi2(len(often)).sf(statistic) > 0.001


def test_draws_of_the_dead_and_of_the_busy():
    past = np.array([144.0, 144]), np.array([0.5, 365]), np.array([365.0, 365])
    busy = Past(*past)  # one certainly gone, one certainly not
    th = BgNbdParams(0.5, 30.0, 1e-4, 1e4)
    draws = draw_purchases(th, busy, 3_650.0, 50, np.random.default_rng(3))
    assert (draws[0] == 0).all()
    assert draws[1].mean() == pytest.approx(144.5 / 395 * 3_650, rel=0.1)


def test_the_same_generator_gives_the_same_draws():
    a, b, c = (draw_purchases(CDNOW, FEW, 39.0, 50, np.random.default_rng(s)) for s in (1, 1, 2))
    assert (a == b).all()
    assert (a != c).any()


def test_chunks_change_nothing(monkeypatch, crowd):
    world, *past = crowd
    th = BgNbdParams(world.r, world.alpha, world.a, world.b)
    whole = expectations(th, Past(*past), 180.0)
    monkeypatch.setattr(statistics, "CHUNK", 1_000)
    monkeypatch.setattr(outlook, "CELLS", 1_000)
    parts = expectations(th, Past(*past), 180.0)
    for name in whole._fields:
        assert (getattr(whole, name) == getattr(parts, name)).all()


def test_rules_reach_the_youngest_of_each_frequency():
    """A rule made for many rows is as good for each of them as one made for it alone."""
    x, T = np.array([0.0, 0, 3, 3]), np.array([0.0, 100, 1, 300])
    H = np.full_like(T, 200.0)
    together = MODEL.purchases(CDNOW, x, T, H, 0)
    for i in range(4):
        row = slice(i, i + 1)
        alone = MODEL.purchases(CDNOW, x[row], T[row], H[row], 0)
        assert together[i] == pytest.approx(alone[0], rel=1e-11)


def test_the_crowd_adds_up():
    expected = expectations(CDNOW, FEW, 39.0)
    upto = view(CDNOW, FEW, 39.0).by_time(np.array([0.0, 20.0, 39.0]))
    assert upto.sum(axis=1)[2] == pytest.approx(expected.purchases.sum(), rel=1e-12)
    assert (upto[0] == 0).all()
    assert (upto[1] < upto[2]).all()
    newcomer = expectations(CDNOW, Past(*np.zeros((3, 1))), 39.0)
    repeats = newborn_repeats(MODEL, MODEL.eta(CDNOW)[None], np.array([0.0, 39.0]))
    assert repeats[0] == pytest.approx([0.0, newcomer.purchases[0]], rel=1e-12)


def test_forecasts_are_unbiased_where_the_model_is_true():
    """Fit nothing: with the true parameters, what comes after T agrees in sum, by P(alive)."""
    world = World(customers=20_000, days=910.0)  # 180 days more
    bought = purchases(world, np.random.default_rng(12))
    early = bought.day < 730.0
    x = np.bincount(bought.customer[early], minlength=world.customers) - 1.0
    last = np.zeros(world.customers)
    np.maximum.at(last, bought.customer[early], bought.day[early])
    after = np.bincount(bought.customer[~early], minlength=world.customers)
    th = BgNbdParams(world.r, world.alpha, world.a, world.b)
    past = Past(x, last - bought.arrived, 730.0 - bought.arrived)
    expected = expectations(th, past, 180.0)
    for group in (x == 0, (x > 0) & (expected.p_alive < 0.3), (x > 0) & (expected.p_alive >= 0.3)):
        error = (after - expected.purchases)[group]
        assert abs(error.mean()) < 5 * error.std() / np.sqrt(group.sum())
        error = ((after > 0) - expected.p_active)[group]
        assert abs(error.mean()) < 5 * error.std() / np.sqrt(group.sum())


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_distinct_finds_what_numpy_finds(columns):
    rng = np.random.default_rng(4)
    data = [rng.integers(0, 6, 500) / 4 for _ in range(columns)]
    found = distinct(*data)
    table = np.stack(data, axis=1)
    rows, times = np.unique(table, axis=0, return_counts=True)
    order = np.lexsort(table[found.first].T[::-1])
    assert (table[found.first][order] == rows).all()
    assert (found.times[order] == times).all()
    assert (table[found.first][found.which] == table).all()
    assert (found.first == [np.flatnonzero(found.which == k)[0] for k in range(len(times))]).all()
