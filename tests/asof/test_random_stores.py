"""Random stores: a naive twin in plain Python, a poisoned future, sums that must add up."""

import datetime as dt
from collections import Counter, defaultdict

import ibis
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lifeworth.asof.split import cut, latest
from lifeworth.asof.summary import (
    first_day,
    last_period,
    outcomes,
    purchases,
    repeat_values,
    summary,
    weekly_purchases,
    weekly_repeat_purchases,
)
from lifeworth.tables.core import Tables
from lifeworth.tables.schema import ORDERS
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.simulated import Simulated

CUTOFF = dt.date(2024, 3, 10)
MIDNIGHT = dt.datetime.combine(CUTOFF, dt.time())
EPOCH = dt.datetime.combine(dt.date(1970, 1, 1), dt.time())
HORIZON = 24
DAY, SECOND, TICK = dt.timedelta(days=1), dt.timedelta(seconds=1), dt.timedelta(microseconds=1)
FEW = settings(max_examples=8, phases=set(Phase) - {Phase.explain})
"""A query takes some 50 ms to compile: few stores, each of many orders."""

edges = st.sampled_from([0, 1, 999_999, 1_000_000, 43_200_000_000, 86_399_500_000, 86_399_999_999])
microseconds = edges | st.integers(0, 86_399_999_999)
cents = st.integers(0, 500)


@st.composite
def moments(draw, first=-40, last=40):
    """A time near the cut-off: often at the edge of a day or a second."""
    near = st.integers(max(first, -2), min(last, 2) - 1)
    return MIDNIGHT + draw(near | st.integers(first, last - 1)) * DAY + draw(microseconds) * TICK


@st.composite
def rows(draw, customers="abcdefgh", first=-40, last=40):
    returned = draw(st.booleans())
    return {
        "customer_id": draw(st.sampled_from(customers)),
        "ordered_at": draw(moments(first, last)),
        "currency": "EUR",
        "amount_cents": 1_000 + draw(cents),
        "discount_cents": draw(cents),
        "tax_cents": draw(cents),
        "shipping_cents": draw(cents),
        "cogs_cents": draw(cents),
        "returned": returned,
        "returned_at": draw(st.none() | moments()) if returned else None,
    }


@st.composite
def stores(draw):
    """Orders on both sides of the cut-off, some of them twice and some at its very edge."""
    before, after = draw(rows(last=0)), draw(rows(first=0, last=HORIZON))
    edge = [{**before, "ordered_at": MIDNIGHT - TICK}, {**after, "ordered_at": MIDNIGHT}]
    some = edge + draw(st.lists(rows(), min_size=20, max_size=60))
    return some + [some[i] for i in draw(st.lists(st.integers(0, len(some) - 1), max_size=3))]


def tables_of(orders):
    frame = pd.DataFrame(orders)
    frame.insert(0, "order_id", [f"o{i}" for i in range(len(frame))])
    schema = {name: column.dtype for name, column in ORDERS.columns.items()}
    return Tables(
        orders=ibis.memtable(frame, columns=list(schema)).cast(schema),
        currency="EUR",
        value_is="margin",
    )


def read(table):
    columns = [name for name in ("customer_id", "value") if name in table.columns]
    return table.to_pandas().sort_values(columns, ignore_index=True)


def facts(history):
    """All that is computed from a History, as frames that compare exactly."""
    return [
        read(summary(history)),
        read(repeat_values(history)),
        last_period(history, HORIZON),
        weekly_repeat_purchases(history),
    ]


def assert_same(some, others):
    for one, other in zip(some, others, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


# ---- the twin


def margin(order, known_at=None):
    at = order["returned_at"]
    back = order["returned"] and (at is None or known_at is None or at < known_at)
    paid = order["amount_cents"] - order["discount_cents"] - order["tax_cents"]
    return (0 if back else paid - order["cogs_cents"]) - order["shipping_cents"]


def by_purchase(orders, start, end, purchase, known_at=None):
    """Return {customer: {moment: value}} of the orders in [start, end)."""
    unit = {"day": DAY, "order": SECOND}[purchase]
    found = defaultdict(lambda: defaultdict(int))
    for order in orders:
        at = order["ordered_at"]
        if start <= at < end:
            found[order["customer_id"]][at - (at - EPOCH) % unit] += margin(order, known_at)
    return {customer: dict(sorted(found[customer].items())) for customer in sorted(found)}


def twin_summary(bought, purchase):
    end = MIDNIGHT - (DAY if purchase == "day" else 0 * DAY)
    return pd.DataFrame([
        {
            "customer_id": customer,
            "frequency": len(values) - 1,
            "recency_days": (max(values) - min(values)) / DAY,
            "age_days": (end - min(values)) / DAY,
            "mean_value_cents": sum(rest) / len(rest) if rest else 0.0,
            "first_day": (min(values) - EPOCH) / DAY,
            "total_value_cents": sum(values.values()),
        }
        for customer, values in bought.items()
        for rest in [list(values.values())[1:]]
    ])  # fmt: skip


def twin_totals(known, bought):
    done = [bought.get(customer, {}) for customer in known]
    return pd.DataFrame({
        "customer_id": list(known),
        "purchases": [len(values) for values in done],
        "value": [float(sum(values.values())) for values in done],
    })  # fmt: skip


def twin_weeks(bought, known, weeks, *, skip=0):
    ats = [at for c, values in bought.items() if c in known for at in list(values)[skip:]]
    count = Counter((at - MIDNIGHT) // (7 * DAY) for at in ats)
    starts = [CUTOFF + 7 * week * DAY for week in weeks]
    frame = pd.DataFrame({"week_start": starts, "purchases": [count[week] for week in weeks]})
    return frame.astype({"purchases": "int64"})


@FEW
@given(
    stores(),
    st.sampled_from(["day", "order"]),
    st.none() | st.integers(1, 40),
    st.integers(1, HORIZON),
)
def test_a_naive_twin_finds_the_same(orders, purchase, window, horizon):
    tables = tables_of(orders)
    history, future = cut(tables, CUTOFF, horizon, window=window, purchase=purchase)
    start = MIDNIGHT - (window or 40) * DAY
    past = by_purchase(orders, start, MIDNIGHT, purchase, known_at=MIDNIGHT)
    late = by_purchase(orders, MIDNIGHT - horizon * DAY, MIDNIGHT, purchase, known_at=MIDNIGHT)
    ahead = by_purchase(orders, MIDNIGHT, MIDNIGHT + horizon * DAY, purchase)
    kept = {c: {at: v for at, v in values.items() if at >= start} for c, values in late.items()}
    first = min(at for values in past.values() for at in values)
    weeks = range((first - MIDNIGHT) // (7 * DAY), 0)
    assert_same(
        [
            read(summary(history)),
            last_period(history, horizon),
            weekly_repeat_purchases(history),
            outcomes(future),
            weekly_purchases(future),
        ],
        [
            twin_summary(past, purchase),
            twin_totals(past, kept),
            twin_weeks(past, past, weeks, skip=1),
            twin_totals(past, ahead),
            twin_weeks(ahead, past, range(horizon // 7)),
        ],
    )
    repeats = [(c, float(v)) for c, values in past.items() for v in list(values.values())[1:]]
    assert list(read(repeat_values(history)).itertuples(index=False, name=None)) == sorted(repeats)
    assert first_day(history) == (first - EPOCH) / DAY
    earlier = {order["customer_id"] for order in orders if order["ordered_at"] < MIDNIGHT}
    assert future.new_customers() == len(ahead.keys() - earlier)


# ---- what may not matter


@st.composite
def poisons(draw):
    """A store, and the same store after everything at or after the cut-off went wrong."""
    orders = draw(stores())
    return orders, [bad for order in orders for bad in poisoned(draw, order)]


def poisoned(draw, order):
    if order["ordered_at"] < MIDNIGHT:
        known = order["returned"] and (order["returned_at"] or EPOCH) < MIDNIGHT
        late = st.just(order) if known else st.builds(
            lambda at: {**order, "returned": at is not None, "returned_at": at},
            st.none() | moments(first=0),
        )  # fmt: skip
        return [draw(late)]
    renamed = draw(st.sampled_from(["a", "new", order["customer_id"]]))
    bad = {**order, "customer_id": renamed, "amount_cents": 1_000 + draw(st.integers(0, 10**12))}
    copies = draw(st.integers(0, 3)) or order["ordered_at"] == MIDNIGHT  # leave somebody to cut at
    return [bad] * copies


@FEW
@given(poisons(), st.sampled_from(["day", "order"]), st.none() | st.integers(1, 40))
def test_nothing_after_the_cutoff_changes_a_history(pair, purchase, window):
    clean, bad = (
        cut(tables_of(orders), CUTOFF, HORIZON, window=window, purchase=purchase)[0]
        for orders in pair
    )
    assert_same(facts(clean), facts(bad))


def shifted(table, time, **changes):
    """Double the rows at or after the cut-off under new names, with changes."""
    after = table.filter(table[time] >= ibis.timestamp(CUTOFF.isoformat()))
    ids = {c: after[c] + "x" for c in table.columns if c in {"order_id", "event_id", "customer_id"}}
    return table.union(after.mutate(ids | changes))


def test_nothing_after_the_cutoff_changes_any_table_of_a_history():
    """As the history of a store that ends at the cut-off, and of one poisoned from there on."""
    world = World(customers=150, days=200, start=dt.date(2023, 12, 1), return_rate=0.3)
    store = Simulated(seed=8, world=world).load()
    others = store.present() | {
        "orders": shifted(store.orders, "ordered_at", amount_cents=store.orders.shipping_cents),
        "events": shifted(store.events, "happened_at", kind=ibis.literal("x")),
        "customers": store.customers.union(
            store.customers.mutate(customer_id=store.customers.customer_id + "x")
        ),
        "order_lines": store.order_lines.union(
            store.order_lines.mutate(order_id=store.order_lines.order_id + "x")
        ),
    }
    bad = Tables(currency=store.currency, value_is=store.value_is, **others)
    sides = [cut(tables, CUTOFF, HORIZON, window=60) for tables in (store, bad)]
    (clean, future), (history, other) = sides
    assert 0 < clean.tables.orders.returned.sum().execute() < store.orders.returned.sum().execute()
    assert history.tables.content_hash() == clean.tables.content_hash()
    assert_same(facts(history), facts(clean))
    late, later = (f.arrivals.customer_id.nunique().execute() for f in (future, other))
    assert later > late > 0


@settings(FEW, max_examples=4)
@given(stores(), st.randoms(), st.sampled_from(["day", "order"]))
def test_the_order_of_rows_does_not_matter(orders, random, purchase):
    mixed = random.sample(orders, len(orders))
    (one, after), (other, later) = (
        cut(tables_of(some), CUTOFF, HORIZON, purchase=purchase) for some in (orders, mixed)
    )
    assert_same(
        [*facts(one), outcomes(after), weekly_purchases(after)],
        [*facts(other), outcomes(later), weekly_purchases(later)],
    )


@FEW
@given(stores(), st.sampled_from(["day", "order"]))
def test_orders_at_one_instant_are_one_purchase(orders, purchase):
    """All orders once more, each less than a second later: counts stay and values double."""
    again = [o | {"ordered_at": o["ordered_at"].replace(microsecond=1)} for o in orders]
    one, both = (latest(tables_of(some), purchase=purchase) for some in (orders, orders + again))
    value = ["mean_value_cents", "total_value_cents"]
    once, twice = read(summary(one)), read(summary(both))
    pd.testing.assert_frame_equal(once.drop(columns=value), twice.drop(columns=value))
    assert (2 * once[value] == twice[value]).all(axis=None)


# ---- what must add up


@FEW
@given(stores(), st.sampled_from(["day", "order"]))
def test_repeats_and_customers_are_all_purchases(orders, purchase):
    history = cut(tables_of(orders), CUTOFF, HORIZON, purchase=purchase)[0]
    frame = read(summary(history))
    bought = purchases(history.tables, purchase).to_pandas()
    assert frame.frequency.sum() + len(frame) == len(bought)
    assert frame.total_value_cents.sum() == bought.value_cents.sum()
    assert len(read(repeat_values(history))) == frame.frequency.sum()
    assert weekly_repeat_purchases(history).purchases.sum() == frame.frequency.sum()


@FEW
@given(stores(), st.sampled_from(["day", "order"]), st.integers(1, HORIZON))
def test_a_history_and_its_future_make_the_next_history(orders, purchase, horizon):
    """Nobody is lost between two cuts; value too, where nothing comes back."""
    kept = [{**order, "returned": False, "returned_at": None} for order in orders]
    kept.append({**kept[0], "ordered_at": MIDNIGHT + HORIZON * DAY})
    tables = tables_of(kept)
    history, future = cut(tables, CUTOFF, horizon, purchase=purchase)
    after = cut(tables, CUTOFF + horizon * DAY, 2 * HORIZON, purchase=purchase)[0]
    early, known, whole = read(summary(history)), outcomes(future), read(summary(after))
    new = purchases(
        Tables(orders=future.arrivals, currency="EUR", value_is="margin"), purchase
    ).to_pandas()
    counts = pd.concat([
        early.set_index("customer_id").frequency + 1,
        known.set_index("customer_id").purchases,
        new.groupby("customer_id").value_cents.count(),
    ]).groupby("customer_id").sum()  # fmt: skip
    assert counts.to_dict() == (whole.set_index("customer_id").frequency + 1).to_dict()
    total = early.total_value_cents.sum() + known.value.sum() + new.value_cents.sum()
    assert total == whole.total_value_cents.sum()
    assert future.new_customers() == len(whole) - len(early)


@pytest.mark.parametrize("purchase", ["day", "order"])
def test_every_order_of_the_horizon_is_of_the_known_or_of_an_arrival(purchase):
    world = World(customers=300, days=200, start=dt.date(2023, 12, 1))
    tables = Simulated(seed=1, world=world).load()
    history, future = cut(tables, dt.date(2024, 1, 15), HORIZON, window=30, purchase=purchase)
    parts = [history.tables.orders, future.tables.orders, future.arrivals]
    ids = [order for part in parts for order in part.order_id.to_pyarrow().to_pylist()]
    at = tables.orders.ordered_at
    span = (at >= ibis.timestamp("2023-12-16")) & (at < ibis.timestamp("2024-02-08"))
    assert sorted(ids) == sorted(tables.orders.filter(span).order_id.to_pyarrow().to_pylist())
    assert future.new_customers() > 50
