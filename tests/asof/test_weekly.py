"""Purchases by period: a naive twin in pandas, and the borders of periods."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest

from lifeworth.asof.split import History, cut
from lifeworth.asof.weekly import periods
from lifeworth.tables.core import Tables
from lifeworth.tables.schema import ORDERS
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.simulated import Simulated

CUTOFF = dt.date(2024, 3, 10)
MIDNIGHT = pd.Timestamp(CUTOFF)
DAY, SECOND = pd.Timedelta(days=1), pd.Timedelta(seconds=1)
FLOOR = {"day": "D", "order": "s"}


@pytest.fixture(scope="module")
def tables():
    world = World(customers=80, days=200, start=dt.date(2023, 12, 1), alpha=8.0)
    return Simulated(seed=4, world=world).load()


def history_of(pairs, purchase="day"):
    frame = pd.DataFrame(pairs, columns=["customer_id", "ordered_at"])
    schema = {name: column.dtype for name, column in ORDERS.columns.items()}
    money = dict.fromkeys([n for n in schema if n.endswith("_cents")], 1_000)
    frame = frame.assign(currency="EUR", returned=False, returned_at=None, **money)
    frame["order_id"] = [f"o{i}" for i in range(len(frame))]
    orders = ibis.memtable(frame[list(schema)]).cast(schema)
    tables = Tables(orders=orders, currency="EUR", value_is="revenue")
    return History(tables=tables, cutoff=CUTOFF, purchase=purchase)


def twin(orders, purchase, days):
    """Return customers and counts by asking of each period what was bought in it."""
    orders = orders[orders.ordered_at < MIDNIGHT].copy()
    orders["bought"] = orders.ordered_at.dt.floor(FLOOR[purchase])
    width = int((MIDNIGHT - orders.ordered_at.min()) / (days * DAY)) + 1
    rows = []
    for _customer, own in orders.groupby("customer_id"):
        row = []
        for back in reversed(range(width)):
            begin, end = MIDNIGHT - (back + 1) * days * DAY, MIDNIGHT - back * days * DAY
            inside = own.bought[(own.bought >= begin) & (own.bought < end)].nunique()
            row.append(inside if end > own.bought.min() else -1)
        rows.append(row)
    return sorted(orders.customer_id.unique()), rows


@pytest.mark.parametrize("purchase", FLOOR)
@pytest.mark.parametrize("days", [1, 7, 30])
def test_a_naive_twin_finds_the_same(tables, purchase, days):
    history = cut(tables, CUTOFF, 30, purchase=purchase)[0]
    ids, counts = periods(history, days)
    customers, true = twin(tables.orders.to_pandas(), purchase, days)
    assert ids.tolist() == customers
    assert counts.tolist() == true
    assert {-1, 0, 1, 2} <= set(counts.ravel().tolist()) or days == 1


def test_the_last_period_ends_at_the_cutoff():
    """To the second on both sides: 7 days before the cut-off is the last period, not a second."""
    at = {"a": -SECOND, "b": -7 * DAY, "c": -7 * DAY - SECOND, "d": -14 * DAY}
    ids, counts = periods(history_of([(who, MIDNIGHT + ago) for who, ago in at.items()]), 7)
    assert ids.tolist() == list("abcd")
    assert counts.tolist() == [[-1, 1], [-1, 1], [1, 0], [1, 0]]


@pytest.mark.parametrize(("purchase", "bought"), [("day", 1), ("order", 2)])
def test_orders_of_one_day_are_one_purchase_or_two(purchase, bought):
    pairs = [("a", MIDNIGHT - DAY), ("a", MIDNIGHT - SECOND), ("a", MIDNIGHT - SECOND)]
    counts = periods(history_of(pairs, purchase), 7)[1]
    assert counts.tolist() == [[bought]]


def test_nothing_stands_before_the_first_purchase_and_something_from_then_on(tables):
    _, counts = periods(cut(tables, CUTOFF, 30)[0], 7)
    born = (counts >= 0).argmax(axis=1)
    at = np.arange(counts.shape[1])
    assert ((counts == -1) == (at < born[:, None])).all()
    assert (counts[np.arange(len(counts)), born] >= 1).all()
    assert born.max() > 0
