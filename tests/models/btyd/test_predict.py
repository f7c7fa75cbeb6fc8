"""Forecasts of many customers: draws against expectations, whole stores against each row alone."""

import numpy as np
import pytest
from scipy import stats

from lifeworth.models.btyd import predict, statistics
from lifeworth.models.btyd.math import BgNbdParams, bgnbd_counts_if_alive, bgnbd_p_alive
from lifeworth.models.btyd.statistics import Statistics, distinct
from lifeworth.tables.simulate import World, purchases

CDNOW = BgNbdParams(0.243, 4.414, 0.793, 2.426)


def some(x, t_x, T):
    x, t_x, T = (np.asarray(c, dtype=float) for c in (x, t_x, T))
    names = np.array([f"c{i}" for i in range(len(x))], dtype=object)
    return Statistics(names, x, t_x, T, np.zeros_like(x), np.zeros_like(x))


FEW = some([0, 1, 2, 7, 29], [0, 1.7, 30.4, 29.4, 37.7], [38.9, 38.9, 38.9, 30.0, 38.0])


def test_draws_have_the_mean_that_is_expected():
    draws = predict.draw_purchases(CDNOW, FEW, 39.0, 100_000, np.random.default_rng(1))
    expected = predict.expectations(CDNOW, FEW, 39.0)
    noise = draws.std(axis=1) / np.sqrt(draws.shape[1])
    assert (np.abs(draws.mean(axis=1) - expected.purchases) < 5 * noise).all()
    active = (draws > 0).mean(axis=1)
    noise = np.sqrt(active * (1 - active) / draws.shape[1])
    assert (np.abs(active - expected.p_active) < 5 * noise).all()


def test_draws_have_the_distribution_of_the_counts():
    """Chi-squared at the 0.1 % level over counts expected 10 times or more."""
    draws = predict.draw_purchases(CDNOW, FEW, 39.0, 100_000, np.random.default_rng(2))
    alive = bgnbd_p_alive(CDNOW, FEW.x, FEW.t_x, FEW.T)
    steps = bgnbd_counts_if_alive(CDNOW, FEW.x, FEW.T, np.full_like(FEW.T, 39.0))
    p = np.array([next(steps) for _ in range(200)]) * alive
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
    busy = some([144, 144], [0.5, 365], [365, 365])  # one certainly gone, one certainly not
    th = BgNbdParams(0.5, 30.0, 1e-4, 1e4)
    draws = predict.draw_purchases(th, busy, 3_650.0, 50, np.random.default_rng(3))
    assert (draws[0] == 0).all()
    assert draws[1].mean() == pytest.approx(144.5 / 395 * 3_650, rel=0.1)


def test_the_same_generator_gives_the_same_draws():
    a, b, c = (
        predict.draw_purchases(CDNOW, FEW, 39.0, 50, np.random.default_rng(s)) for s in (1, 1, 2)
    )
    assert (a == b).all()
    assert (a != c).any()


def test_chunks_change_nothing(monkeypatch, crowd):
    world, x, t_x, T = crowd
    stats_ = some(x, t_x, T)
    th = BgNbdParams(world.r, world.alpha, world.a, world.b)
    whole = predict.expectations(th, stats_, 180.0)
    monkeypatch.setattr(statistics, "CHUNK", 1_000)
    parts = predict.expectations(th, stats_, 180.0)
    for name in whole._fields:
        assert (getattr(whole, name) == getattr(parts, name)).all()


def test_rules_reach_the_youngest_of_each_frequency():
    """A rule made for many rows is as good for each of them as one made for it alone."""
    x, T = np.array([0.0, 0, 3, 3]), np.array([0.0, 100, 1, 300])
    H = np.full_like(T, 200.0)
    together = predict.purchases_if_alive(CDNOW, x, T, H, predict.rules(CDNOW, x, T, 200.0))
    for i in range(4):
        row = slice(i, i + 1)
        rule = predict.rules(CDNOW, x[row], T[row], 200.0)
        alone = predict.purchases_if_alive(CDNOW, x[row], T[row], H[row], rule)
        assert together[i] == pytest.approx(alone[0], rel=1e-11)


def test_the_crowd_adds_up():
    crowd = predict.crowd(CDNOW, FEW, 39.0)
    expected = predict.expectations(CDNOW, FEW, 39.0)
    assert crowd.purchases_within(39.0) == pytest.approx(expected.purchases.sum(), rel=1e-12)
    newcomer = predict.expectations(CDNOW, some([0], [0], [0]), 39.0)
    assert crowd.repeats_by(np.array([0.0, 39.0])) == pytest.approx(
        [0.0, newcomer.purchases[0]], rel=1e-12
    )


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
    stats_ = some(x, last - bought.arrived, 730.0 - bought.arrived)
    expected = predict.expectations(th, stats_, 180.0)
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
