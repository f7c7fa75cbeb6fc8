"""Earlier cut-offs as examples: what happened after them, which they are, and what they know."""

import datetime as dt
from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest

from lifeworth.asof import cut
from lifeworth.engines.likelihood import FitError
from lifeworth.models.deep.examples import (
    SHORTEST,
    Targets,
    learn_from,
    moments,
    within,
)
from lifeworth.models.deep.heads import Heads
from lifeworth.models.deep.inputs import learn_encoder
from lifeworth.models.deep.shelf import Shelf
from lifeworth.models.deep.taught import Study, Taught, factors

HORIZONS = (30, 75, 120)
DAY = dt.date(2022, 8, 20)
ONE = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def encoder(history):
    return learn_encoder(history, 4, ("country",), (30,), borrows=False)


def put(history, day, horizons, encoder):
    """Return an earlier cut-off and its inputs, alone on a shelf."""
    with Shelf() as shelf:
        moment = learn_from(history, day, horizons, encoder, shelf)
        return moment, shelf.inputs()


@pytest.fixture(scope="module")
def moment(history, encoder):
    """Return 2022-08-20, of whose intervals the first two are over on 2022-12-01."""
    return put(history, DAY, HORIZONS, encoder)[0]


def after(history, days):
    """Return the history with another cut-off: what is asked of it is only how long it is."""
    first = history.tables.orders.ordered_at.min().execute().date()
    return replace(history, cutoff=first + days * ONE)


# ---- targets


def test_targets_are_what_was_bought_in_each_interval(history, encoder, moment):
    """Days from the day on, counted customer by customer; a returned order costs its freight."""
    orders = history.tables.orders.to_pandas()
    known = sorted(orders.customer_id[orders.ordered_at < pd.Timestamp(DAY)].unique())
    paid = orders.amount_cents - orders.discount_cents - orders.tax_cents - orders.cogs_cents
    orders["value"] = np.where(orders.returned, 0, paid) - orders.shipping_cents
    orders["day"] = orders.ordered_at.dt.date
    targets = moment.targets
    assert targets.purchases.shape == (len(known), 3)
    begins = [0, 30]
    for interval, (begin, end) in enumerate(zip(begins, HORIZONS, strict=False)):
        since, until = DAY + begin * ONE, DAY + end * ONE
        for row, customer in enumerate(known):
            own = orders[(orders.customer_id == customer) & orders.day.between(since, until - ONE)]
            assert targets.purchases[row, interval] == own.day.nunique()
            true = own.value.sum() / encoder.unit
            rounded = 5e-7 + abs(true) * np.finfo(np.float32).eps  # six decimals, then float32
            assert abs(targets.value[row, interval] - true) <= rounded
        assert targets.purchases[:, interval].sum() > 10
    assert targets.seen.all(axis=0).tolist() == targets.seen.any(axis=0).tolist()
    assert targets.seen[0].tolist() == [True, True, False]


def test_what_a_moment_sees_is_what_a_cut_there_sees(store, history, encoder):
    """The encoder is the one of later; the events and columns are those of the day."""
    [(_, true)] = encoder.read(cut(store, DAY, 30)[0])
    for part, same in zip(put(history, DAY, HORIZONS, encoder)[1], true, strict=True):
        assert np.array_equal(part, same)


def test_nothing_after_the_cutoff_leaks(store, history):
    """Later orders a hundredfold and sent back, later events, a newcomer: not a bit changes."""
    orders = store.orders
    late = orders.ordered_at >= ibis.timestamp(history.cutoff.isoformat())
    poisoned = orders.mutate(
        amount_cents=late.ifelse(orders.amount_cents * 100, orders.amount_cents),
        returned=orders.returned | late,
        customer_id=(late & (orders.amount_cents > 5_000)).ifelse("new", orders.customer_id),
    )
    events = store.events.mutate(
        kind=(store.events.happened_at >= ibis.timestamp(history.cutoff.isoformat())).ifelse(
            "poison", store.events.kind
        )
    )
    other = cut(replace(store, orders=poisoned, events=events), history.cutoff, 30)[0]
    study = Study(horizons=(30, 60), moments=2, every_days=30, events=3, borrow=True)
    one, same = Taught(study, history), Taught(study, other)
    assert late.sum().execute() > 10
    assert [m.day for m in one.moments] == [m.day for m in same.moments]
    for part in ("inputs", "targets"):
        for column, copy in zip(getattr(one.whole, part), getattr(same.whole, part), strict=True):
            assert np.array_equal(column, copy)


def test_a_return_is_known_to_targets_and_not_yet_to_inputs(history, encoder):
    """An order of the day before that comes back later: it is in no column yet."""
    orders = history.tables.orders.to_pandas()
    late = orders[orders.returned_at > orders.ordered_at + pd.Timedelta(days=2)].iloc[-1]
    day = late.ordered_at.date() + ONE
    share = encoder.columns.index("returned_share")
    early = put(history, day, (30,), encoder)[1].wide[:, share]
    at = pd.Timestamp(day)
    before = orders[orders.ordered_at < at]
    back = before.returned & (before.returned_at < at)
    assert (before.returned & ~back).any()
    true = np.log1p(back.groupby(before.customer_id).mean().sort_index().to_numpy())
    scaled = (true - encoder.centre[share]) / encoder.spread[share]
    np.testing.assert_allclose(early, np.clip(scaled, -8, 8), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("day", [dt.date(2021, 12, 1), dt.date(2022, 11, 10)])
def test_a_day_before_which_nobody_bought_or_after_which_all_is_open_is_no_moment(
    history, encoder, day
):
    with Shelf() as shelf:
        assert learn_from(history, day, HORIZONS, encoder, shelf) is None


# ---- days


@pytest.mark.parametrize(
    ("days", "horizons", "every", "most", "back"),
    [
        (300, (30, 60), 30, 3, [30, 60, 90]),
        (300, (30,), 45, 2, [30, 75]),
        (100, (30, 60), 30, 9, [30, 60]),  # 90 days back are only 10 of history
        (104, (30, 60), 30, 9, [30, 60, 90]),
        (10, (5,), 30, 3, [5]),
        (300, (30, 60, 200), 30, 2, [30, 60, 200]),  # each horizon is over once
        (300, (30, 100, 200), 30, 1, [30, 100, 200]),
        (365, (90, 180, 350), 30, 6, [90, 120, 150, 180, 210, 240, 350]),
    ],
)
def test_moments_are_evenly_apart_and_reach_every_horizon(
    history, days, horizons, every, most, back
):
    """By hand; none has fewer than SHORTEST days before it unless no other is possible."""
    then = after(history, days)
    found = moments(then, horizons, every, most)
    assert [(then.cutoff - day).days for day in found] == back


@pytest.mark.parametrize(
    ("days", "asked", "there"),
    [
        (400, (90, 180, 365), (90, 180, 365)),
        (365 + SHORTEST, (90, 180, 365), (90, 180, 365)),
        (365 + SHORTEST - 1, (90, 180, 365), (90, 180)),
        (90 + SHORTEST, (90, 180), (90,)),
        (90 + SHORTEST - 1, (90, 180), (51,)),
        (11, (90,), (5,)),
        (2, (90,), (1,)),
    ],
)
def test_horizons_that_a_history_is_too_short_for_are_left_out(history, days, asked, there):
    assert within(after(history, days), asked) == there


@pytest.mark.parametrize("days", [0, 1])
def test_a_history_of_a_day_teaches_nothing(history, days):
    with pytest.raises(FitError, match=f"history of {days} days is too short .* later split.cut"):
        within(after(history, days), (90,))


def test_every_interval_of_what_is_taught_is_over_for_somebody(history):
    """Also the last one, of which two cut-offs 30 days apart would know nothing."""
    taught = Taught(Study(horizons=(30, 60, 200), moments=2, every_days=30), history)
    assert taught.horizons == (30, 60, 200)
    assert taught.whole.targets.seen.any(axis=0).all()


def test_a_history_in_which_nobody_bought_before_is_refused_in_words(store):
    start = store.orders.ordered_at.min().execute().date()
    orders = store.orders.filter(store.orders.ordered_at.date() == start)
    few = cut(replace(store, orders=ibis.union(orders, later(store, start))), start + 40 * ONE, 30)
    with pytest.raises(FitError, match=r"no earlier cut-off .* in the 13 days after"):
        Taught(Study(horizons=(13,), moments=2, every_days=30), few[0])


def later(store, start):
    """Return the orders from 40 days after the start on."""
    return store.orders.filter(store.orders.ordered_at.date() >= start + 40 * ONE)


# ---- what was known when


def test_an_interval_counts_from_the_day_on_which_it_is_over(moment):
    """The day of its end is the first on which all of it is known."""
    for interval, end in enumerate(moment.ends):
        assert end == DAY + HORIZONS[interval] * ONE
    for day, over in (
        (DAY + 29 * ONE, [False, False, False]),
        (DAY + 30 * ONE, [True, False, False]),
        (DAY + 74 * ONE, [True, False, False]),
        (DAY + 75 * ONE, [True, True, False]),
        (DAY + 1000 * ONE, [True, True, False]),  # the third was not known to the history
    ):
        seen = moment.until(day).seen
        assert seen.tolist() == [over] * len(seen)


def test_the_latest_moment_is_judged_by_what_was_known_on_its_day(history):
    taught = Taught(Study(horizons=(30, 60), moments=3, every_days=30), history)
    latest, *others = taught.moments
    seen = [m.until(latest.day).seen for m in others]
    assert [s.all(axis=0).tolist() for s in seen] == [[True, False], [True, True]]
    assert np.array_equal(taught.early.targets.seen, np.concatenate(seen))
    assert taught.judged.targets.seen.all(axis=0).tolist() == [True, False]
    assert not any("validation" in note for note in taught.told())


def test_one_moment_is_none_to_judge_by_and_that_is_told(history):
    taught = Taught(Study(horizons=(30,), moments=1, every_days=30), history)
    assert taught.early is None
    assert any("too short for a validation window" in note for note in taught.told())


def test_horizons_that_are_left_out_are_told(history):
    taught = Taught(Study(horizons=(30, 5_000), moments=1, every_days=30), history)
    assert taught.horizons == (30,)
    assert any(note.startswith("5000 days are further") for note in taught.told())


def test_what_is_taught_has_the_customers_of_all_moments_one_after_another(history):
    """All of them, those known at the latest, and the latest, row by row of the same inputs."""
    taught = Taught(Study(horizons=(30, 60), moments=3, every_days=30, events=3), history)
    parts = [put(history, m.day, taught.horizons, taught.encoder) for m in taught.moments]
    for some, examples in (
        (parts, taught.whole),
        (parts[:1], taught.judged),
        (parts[1:], taught.early),
    ):
        for name in ("length", "clock", "wide", "base"):
            own = np.concatenate([getattr(inputs, name) for _, inputs in some])
            assert np.array_equal(getattr(examples.inputs, name), own)
        for name in ("purchases", "value"):
            own = np.concatenate([getattr(moment.targets, name) for moment, _ in some])
            assert np.array_equal(getattr(examples.targets, name), own)
    last, inputs = parts[-1]
    first, events = taught.early.inputs.start[-len(last.targets.seen)], inputs.length.sum()
    numbers = taught.early.inputs.numbers[first : first + events]
    assert np.array_equal(numbers, inputs.numbers)


# ---- what returns take


def targets_of(purchases, value, seen=None):
    """Return targets of one interval."""
    n, v = (np.array(column, dtype=np.float32)[:, None] for column in (purchases, value))
    return Targets(n, v, np.ones(n.shape, dtype=bool) if seen is None else np.array(seen)[:, None])


def heads_like(targets, members=2):
    """Return heads that expect a value of sqrt(e) from each customer, half of whom buy."""
    shape = (members, *targets.value.shape)
    each = (np.full(shape, x, dtype=np.float32) for x in (0.0, 1.0, 1.0, np.log(2.0), 1.0))
    return Heads(*each)


def test_factors_make_what_is_expected_what_was_seen():
    targets = targets_of([1, 2, 1, 1, 0], [4.0, 2.0, 0.0, -1.0, 0.0])
    found = factors(heads_like(targets), targets)
    assert found == pytest.approx([1.0 / np.exp(0.5)], rel=1e-6)  # 5 seen of 5 sqrt(e) expected


def test_factors_are_of_what_is_over_and_1_where_nobody_bought():
    targets = targets_of([1, 1, 1], [4.0, 2.0, 900.0], [True, True, False])
    assert factors(heads_like(targets), targets) == pytest.approx([3.0 / np.exp(0.5)], rel=1e-6)
    worthless = targets_of([2, 1], [0.0, 0.0])
    assert factors(heads_like(worthless), worthless).tolist() == [0.1]  # the least there is
    silent = targets_of([0, 0], [0.0, 0.0])
    assert factors(heads_like(silent), silent).tolist() == [1.0]


def test_returns_that_leave_nothing_are_refused_with_a_remedy():
    targets = targets_of([1, 1], [10.0, -9.5])
    lost = targets_of([1, 1], [0.0, -9.5])
    with pytest.raises(FitError, match="leave 0% of the positive value"):
        factors(heads_like(lost), lost)
    with pytest.raises(FitError, match=r"leave 5% of the positive value .*credibility"):
        factors(heads_like(targets), targets)
