"""CDNOW: the summary of `lifetimes`, and the counts that were published with the data."""

import datetime as dt

import numpy as np
import pytest

from lifeworth.asof.split import cut, last_day, latest, rolling
from lifeworth.asof.summary import (
    last_period,
    outcomes,
    repeat_values,
    summary,
    weekly_purchases,
    weekly_repeat_purchases,
)
from lifeworth.tables.sources.cdnow import Cdnow

CUTOFF = dt.date(1997, 10, 1)
WEEKS = 39


@pytest.fixture(scope="module", params=["sample", "master"])
def which(request):
    return request.param


@pytest.fixture(scope="module")
def tables(which):
    return Cdnow(which=which).load()


@pytest.fixture(scope="module")
def sides(tables):
    return cut(tables, CUTOFF, horizon=7 * WEEKS)


@pytest.fixture(scope="module")
def frame(sides):
    return summary(sides[0]).to_pandas().sort_values("customer_id", ignore_index=True)


@pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment' option")
def test_the_summary_is_that_of_lifetimes(tables, frame):
    """Lifetimes adds dollars as floats where we add cents: only the mean value is rounded."""
    utils = pytest.importorskip("lifetimes.utils", reason="needs the extra cdnow")
    orders = tables.orders.to_pandas().assign(usd=lambda o: o.amount_cents / 100)
    twin = utils.summary_data_from_transaction_data(
        orders, "customer_id", "ordered_at", "usd", observation_period_end="1997-09-30", freq="D"
    ).sort_index()
    assert frame.customer_id.tolist() == twin.index.tolist()
    assert (frame.frequency.to_numpy() == twin.frequency.to_numpy()).all()
    assert (frame.recency_days.to_numpy() == twin.recency.to_numpy()).all()
    assert (frame.age_days.to_numpy() == twin["T"].to_numpy()).all()
    mean = frame.mean_value_cents.to_numpy() / 100
    np.testing.assert_allclose(mean, twin.monetary_value.to_numpy(), rtol=1e-14, atol=0)


def test_published_counts_before_the_cutoff(which, frame):
    repeats = frame.frequency
    counted = (len(frame), (repeats == 0).sum(), (repeats > 0).sum(), repeats.sum())
    published = {"sample": (2_357, 1_411, 946, 2_457), "master": (23_570, 14_119, 9_451, 24_337)}
    assert counted == published[which]
    assert len(frame) + repeats.sum() == {"sample": 4_814, "master": 47_907}[which]


def test_published_counts_after_the_cutoff(which, sides):
    done = outcomes(sides[1])
    counted = (done.purchases.sum(), round(done.value.sum()))
    assert counted == {"sample": (1_882, 70_976_39), "master": (19_684, 776_961_13)}[which]
    assert (done.purchases > 0).sum() == {"sample": 684, "master": 7_058}[which]
    assert sides[1].new_customers() == 0  # the file is of one cohort


def test_weeks_hold_every_purchase(sides, frame):
    history, future = sides
    past, ahead = weekly_repeat_purchases(history), weekly_purchases(future)
    assert past.purchases.sum() == frame.frequency.sum()
    assert ahead.purchases.sum() == outcomes(future).purchases.sum()
    starts = [*past.week_start, *ahead.week_start]
    assert starts == [dt.date(1997, 1, 1) + dt.timedelta(days=7 * w) for w in range(2 * WEEKS)]


def test_repeat_values_and_last_periods_add_up_to_the_summary(sides, frame):
    history = sides[0]
    values = repeat_values(history).to_pandas()
    assert len(values) == frame.frequency.sum()
    total = values.groupby("customer_id").value.sum()
    repeaters = frame[frame.frequency > 0].set_index("customer_id")
    twin = repeaters.mean_value_cents * repeaters.frequency
    np.testing.assert_allclose(total.sort_index(), twin, rtol=1e-12)
    every = last_period(history, days=273)
    assert (every.purchases == frame.frequency + 1).all()
    assert (every.value == frame.total_value_cents).all()


def test_rolling_cuts_and_the_latest_one(tables):
    assert last_day(tables) == dt.date(1998, 6, 30)
    days = [dt.date(1997, 7, 1), dt.date(1997, 8, 1), dt.date(1997, 9, 1)]
    pairs = list(rolling(tables, days[0], every=31, count=3, horizon=30, window=90))
    assert (
        [history.cutoff for history, _ in pairs] == [future.cutoff for _, future in pairs] == days
    )
    alone, _ = cut(tables, days[1], 30, window=90)
    assert pairs[1][0].tables.content_hash() == alone.tables.content_hash()
    whole = latest(tables)
    assert whole.cutoff == dt.date(1998, 7, 1)
    assert whole.tables.content_hash() == tables.content_hash()
