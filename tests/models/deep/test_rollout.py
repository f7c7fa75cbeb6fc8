"""Weeks rolled forward: the states of training, the chances that were said, no neighbours."""

import numpy as np
import pytest
import torch

from lifeworth.engines.training import seeded
from lifeworth.models.deep.lstm_rollout import _rolled, _streams
from lifeworth.models.deep.rollout import (
    MOST,
    Past,
    Roller,
    RolloutNet,
    WeekBatches,
    cost,
    seasons,
)

COUNTS = np.array([
    [-1, -1, 1, 0, 2, 0],
    [1, 0, 0, 9, 0, 1],
    [-1, -1, -1, -1, -1, 3],
    [-1, 2, 0, 0, 0, 0],
    [-1, -1, -1, -1, 1, 0],
])  # fmt: skip
BORN = [2, 0, 5, 1, 4]
WIDTH = COUNTS.shape[1]


@pytest.fixture(scope="module")
def past():
    return Past(COUNTS, seasons(19_000.0 + 7.0 * np.arange(WIDTH)))


@pytest.fixture(scope="module")
def net():
    with seeded(0):
        return RolloutNet(8).eval()


def read(net, counts, season):
    """Return the log odds of the period after the last, of one customer, with its season last."""
    before = torch.from_numpy(np.minimum(counts, MOST))[None]
    with torch.no_grad():
        return net(before, torch.from_numpy(season)[None])[0, -1]


# ---- what is read


def test_a_customer_begins_with_the_first_purchase(past):
    counts, season, which = past.from_birth()
    for row, born in enumerate(BORN):
        own = WIDTH - born
        assert counts[row, :own].tolist() == np.minimum(COUNTS[row, born:], MOST).tolist()
        assert np.array_equal(season[row, :own], past.season[born:])
        assert which[row].tolist() == list(range(born, born + WIDTH))


def test_seasons_are_points_of_the_year():
    """A year apart they are the same; a quarter of it apart, a right angle."""
    year = 365.2425
    found = seasons(np.array([0.0, year / 4, year / 2, 20 * year]))
    np.testing.assert_allclose(found, [[0, 1], [1, 0], [0, -1], [0, 1]], atol=1e-6)


@pytest.mark.parametrize(("first", "last"), [(0, WIDTH), (0, 4), (4, WIDTH)])
def test_batches_tell_of_the_periods_between_and_after_the_first_purchase(past, first, last):
    batches = WeekBatches(past, 2, first, last)
    born = [row for row in range(len(COUNTS)) if BORN[row] < last]
    assert len(batches) == -(-len(born) // 2)
    parts = zip(*batches.epoch(None), strict=True)
    before, season, counts, told = (torch.cat(columns) for columns in parts)
    assert len(told) == len(born)
    for place, row in enumerate(born):
        for t in range(last - 1):
            period = BORN[row] + t + 1
            assert bool(told[place, t]) == (first <= period < last)
            if told[place, t]:
                assert before[place, t] == min(COUNTS[row, period - 1], MOST)
                assert counts[place, t] == min(COUNTS[row, period], MOST)
                assert np.array_equal(season[place, t], past.season[period])
    seen = COUNTS[:, :last]
    occurs = [(np.minimum(seen[seen >= 0], MOST) == n).sum() for n in range(MOST + 1)]
    assert batches.base.tolist() == occurs


def test_an_epoch_has_everybody_once_in_the_order_of_the_generator(past):
    batches = WeekBatches(past, 2, 0, WIDTH)
    in_order = torch.cat([b.counts for b in batches.epoch(None)])
    mixed, again = (
        torch.cat([b.counts for b in batches.epoch(np.random.default_rng(1))]) for _ in range(2)
    )
    assert torch.equal(mixed, again)
    assert not torch.equal(mixed, in_order)
    assert sorted(mixed.tolist()) == sorted(in_order.tolist())


def test_the_cost_is_the_mean_of_what_counts(net, past):
    """Summed one period after another by the chance of what it brought."""
    (batch,) = WeekBatches(past, 10, 0, WIDTH).epoch(None)
    each = []
    for row, born in enumerate(BORN):
        for period in range(born + 1, WIDTH):
            odds = read(net, COUNTS[row, born:period], past.season[born + 1 : period + 1])
            each.append(-odds.log_softmax(-1)[min(COUNTS[row, period], MOST)])
    with torch.no_grad():
        found = cost(net, batch)
        none = cost(net, batch._replace(told=torch.zeros_like(batch.told)))
    assert float(found) == pytest.approx(float(torch.stack(each).mean()), rel=1e-6)
    assert none == 0


def test_training_begins_with_what_periods_bring_on_average(past):
    base = WeekBatches(past, 2, 0, WIDTH).base
    with seeded(0):
        net = RolloutNet(8).start_at(base)
    torch.nn.init.zeros_(net.out.weight)
    said = read(net, COUNTS[1], past.season).softmax(-1).numpy()
    np.testing.assert_allclose(said, (base + 0.5) / (base + 0.5).sum(), rtol=1e-5)


# ---- rolled forward

COMING = seasons(19_000.0 + 7.0 * (WIDTH + np.arange(3)))


def test_each_step_says_what_the_net_says_of_the_whole_sequence(net, past):
    """Uniforms just below and above each cumulative chance draw the count below and above it."""
    for row, born in enumerate(BORN):
        some = past._replace(counts=COUNTS[[row]])
        counts, season = COUNTS[row, born:], past.season[born + 1 :]
        roller = Roller(net, some, np.arange(MOST * 2))
        for week in range(3):
            season = np.concatenate([season, COMING[[week]]])
            upto = read(net, counts, season).double().softmax(-1).cumsum(-1).numpy()[:-1]
            levels = np.concatenate([upto - 1e-6, upto + 1e-6])[None]
            drawn = roller.step(COMING[week], levels)[0]
            assert drawn.tolist() == [*range(MOST), *range(1, MOST + 1)]
            # all futures go on from one count, so that one sequence is what the net has read
            roller.before = torch.full_like(roller.before, week % 3)
            counts = np.append(counts, week % 3)


def test_draws_have_the_chances_that_were_said(net, past):
    """Of the first step, and of the second given the first: 5 standard errors."""
    draws, rng = 20_000, np.random.default_rng(0)
    roller = Roller(net, past, np.arange(draws))
    first = roller.step(COMING[0], rng.random((len(COUNTS), draws)))
    second = roller.step(COMING[1], rng.random((len(COUNTS), draws)))
    for row, born in enumerate(BORN):
        season = np.concatenate([past.season[born + 1 :], COMING[:2]])
        assert_chances(first[row], read(net, COUNTS[row, born:], season[:-1]))
        given = first[row] == 1
        counts = np.append(COUNTS[row, born:], 1)
        assert_chances(second[row][given], read(net, counts, season))


def assert_chances(drawn, odds):
    p = odds.double().softmax(-1).numpy()
    shares = np.bincount(drawn, minlength=MOST + 1) / len(drawn)
    assert len(drawn) > 1_000
    assert (abs(shares - p) < 5 * np.sqrt(p * (1 - p) / len(drawn))).all()


def rolled(net, past, counts, seed=3, draws=200):
    roller = Roller(net, past._replace(counts=counts), np.arange(draws))
    return np.stack(list(_rolled([roller], _streams(counts, seed), COMING)))


def test_a_future_does_not_depend_on_who_else_is_there(net, past):
    together = rolled(net, past, COUNTS)
    assert together.shape == (3, len(COUNTS), 200)
    for row in range(len(COUNTS)):
        assert np.array_equal(rolled(net, past, COUNTS[[row]])[:, 0], together[:, row])
    assert np.array_equal(rolled(net, past, COUNTS[::-1])[:, ::-1], together)


def test_customers_of_one_past_have_futures_of_their_own(net, past):
    twins = rolled(net, past, COUNTS[[0, 0, 1]])
    assert np.array_equal(twins[:, 0], rolled(net, past, COUNTS)[:, 0])
    assert not np.array_equal(twins[:, 0], twins[:, 1])


def test_another_seed_gives_other_futures(net, past):
    assert not np.array_equal(rolled(net, past, COUNTS, seed=4), rolled(net, past, COUNTS))


def test_networks_share_the_futures(net, past):
    """Of two networks each draws what it would draw alone of its own uniforms."""
    with seeded(1):
        other = RolloutNet(8).eval()
    shares = np.array_split(np.arange(7), 2)
    both = [Roller(n, past, own) for n, own in zip((net, other), shares, strict=True)]
    found = np.stack(list(_rolled(both, _streams(COUNTS, 0), COMING)))
    for one, own in zip((net, other), shares, strict=True):
        whole = Roller(one, past, np.arange(7))
        alone = np.stack(list(_rolled([whole], _streams(COUNTS, 0), COMING)))
        assert np.array_equal(found[:, :, own], alone[:, :, own])
