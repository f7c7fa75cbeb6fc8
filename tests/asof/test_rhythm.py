"""Periods and gaps against a naive twin on random stores, and the same on Spark."""

import datetime as dt
import itertools
import math

import ibis
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lifeworth.asof.rhythm import active_periods, log_gaps
from lifeworth.asof.split import History, cut
from lifeworth.tables.core import Tables
from lifeworth.tables.schema import ORDERS
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.simulated import Simulated

CUTOFF = dt.date(2024, 3, 10)
MIDNIGHT = dt.datetime.combine(CUTOFF, dt.time())
DAY, SECOND = dt.timedelta(days=1), dt.timedelta(seconds=1)
FEW = settings(max_examples=8, phases=set(Phase) - {Phase.explain})

SECONDS = st.sampled_from([0, 1, 86_399, 86_400, 604_800]) | st.integers(0, 40 * 86_400)
BEFORE = st.lists(st.tuples(st.sampled_from("abcdef"), SECONDS), min_size=1, max_size=50)
AFTER = st.lists(st.tuples(st.sampled_from("abcxyz"), st.integers(0, 10**6)), min_size=1)


def orders_of(pairs):
    frame = pd.DataFrame(pairs, columns=["customer_id", "ordered_at"])
    schema = {name: column.dtype for name, column in ORDERS.columns.items()}
    money = dict.fromkeys([n for n in schema if n.endswith("_cents")], 1_000)
    frame = frame.assign(currency="EUR", returned=False, returned_at=None, **money)
    frame["order_id"] = [f"o{i}" for i in range(len(frame))]
    return ibis.memtable(frame[list(schema)]).cast(schema)


def history_of(before, after, purchase):
    early = [(c, MIDNIGHT - SECOND - s * SECOND) for c, s in before]
    late = [(c, MIDNIGHT + s * SECOND) for c, s in after]
    tables = Tables(orders=orders_of(early + late), currency="EUR", value_is="revenue")
    return cut(tables, CUTOFF, 30, purchase=purchase)[0], early


def moments(early, purchase):
    """Return {customer: moments of purchase}, sorted."""
    found = {}
    for customer, at in early:
        start = dt.datetime.combine(at.date(), dt.time()) if purchase == "day" else at
        found.setdefault(customer, set()).add(start)
    return {customer: sorted(found[customer]) for customer in sorted(found)}


def twin_periods(early, purchase, days):
    end = MIDNIGHT - (DAY if purchase == "day" else 0 * DAY)
    rows = []
    for customer, (first, *rest) in moments(early, purchase).items():
        age, seen, start, bought = 0, set(), first, 0
        while start + days * DAY <= end:
            age += 1
            inside = sum(start < at <= start + days * DAY for at in rest)
            bought += inside
            if inside:
                seen.add(age)
            start += days * DAY
        rows.append((customer, len(seen), max(seen, default=0), age, bought))
    names = ["customer_id", "frequency", "recency_periods", "age_periods", "purchases"]
    return pd.DataFrame(rows, columns=names)


def twin_gaps(early, purchase):
    rows = [
        (c, sum(math.log((b - a) / DAY) for a, b in itertools.pairwise(ats)))
        for c, ats in moments(early, purchase).items()
    ]
    return pd.DataFrame(rows, columns=["customer_id", "log_gaps"]).astype({"log_gaps": float})


def read(table):
    return table.to_pandas().sort_values("customer_id", ignore_index=True)


@FEW
@given(BEFORE, AFTER, st.sampled_from(["day", "order"]), st.sampled_from([1, 2, 7, 30]))
def test_a_naive_twin_finds_the_same(before, after, purchase, days):
    history, early = history_of(before, after, purchase)
    periods, gaps = read(active_periods(history, days)), read(log_gaps(history))
    pd.testing.assert_frame_equal(periods, twin_periods(early, purchase, days))
    pd.testing.assert_frame_equal(gaps, twin_gaps(early, purchase), check_exact=False, atol=1e-8)


@FEW
@given(BEFORE, AFTER, AFTER, st.sampled_from(["day", "order"]))
def test_nothing_after_the_cutoff_changes_them(before, after, other, purchase):
    one, two = (history_of(before, late, purchase)[0] for late in (after, other))
    for of in (lambda history: active_periods(history, 7), log_gaps):
        pd.testing.assert_frame_equal(read(of(one)), read(of(two)), check_exact=True)


def test_a_purchase_in_the_unfinished_period_is_left_out():
    """Observed until day 9: weeks end on days 7 and 14, so what was bought on day 8 waits."""
    ats = [MIDNIGHT - (10 - day) * DAY for day in (0, 3, 7, 8)]
    tables = Tables(orders=orders_of([("a", at) for at in ats]), currency="EUR", value_is="revenue")
    history = History(tables=tables, cutoff=CUTOFF)
    assert read(active_periods(history, 7)).values.tolist() == [["a", 1, 1, 1, 2]]
    assert read(active_periods(history, 1)).values.tolist() == [["a", 3, 8, 9, 3]]
    assert read(log_gaps(history)).log_gaps[0] == pytest.approx(math.log(3 * 4), abs=1e-9)


@pytest.mark.spark
def test_spark_finds_the_same(spark):
    connection = ibis.pyspark.connect(spark)
    here = Simulated(seed=5, world=World(customers=300, days=300)).load()

    def there(name, table):
        return connection.create_table(f"rhythm_{name}", table.to_pyarrow(), overwrite=True)

    for purchase in ("day", "order"):
        one, two = (
            cut(tables, dt.date(2022, 4, 20), 90, purchase=purchase)[0]
            for tables in (here, here.mapped(there))
        )
        for of in (lambda history: active_periods(history, 7), log_gaps):
            pd.testing.assert_frame_equal(read(of(one)), read(of(two)), check_exact=True)
