"""Where a cut goes through: half-open spans, what hangs on the orders, what is refused."""

import datetime as dt
from dataclasses import replace

import ibis
import jaxtyping
import pandas as pd
import pytest

from lifeworth.asof.split import Future, History, cut, latest, rolling
from lifeworth.asof.summary import first_day, last_period, outcomes, purchases, summary
from lifeworth.tables.check import checked
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError

CUTOFF = dt.date(2024, 3, 10)
NEVER = None


def order(customer, at, returned_at=NEVER, *, returned=False, amount=1_000):
    return {
        "customer_id": customer,
        "ordered_at": pd.Timestamp(at),
        "currency": "EUR",
        "amount_cents": amount,
        "discount_cents": 0,
        "tax_cents": 0,
        "shipping_cents": 100,
        "cogs_cents": 300,
        "returned": returned or returned_at is not NEVER,
        "returned_at": pd.NaT if returned_at is NEVER else pd.Timestamp(returned_at),
    }


def orders_of(*rows):
    frame = pd.DataFrame(rows)
    frame.insert(0, "order_id", [f"o{i}" for i in range(len(frame))])
    times = dict.fromkeys(("ordered_at", "returned_at"), "datetime64[us]")
    return ibis.memtable(frame.astype(times))


def store(*rows):
    return checked(orders_of(*rows), currency="EUR")


def table(**columns):
    return ibis.memtable(pd.DataFrame(columns))


def ids(rows, column):
    return sorted(rows[column].to_pyarrow().to_pylist())


@pytest.fixture(scope="module")
def whole():
    """A store with every table; k is known at the cut-off, n is new after it, p only looks."""
    orders = orders_of(
        order("k", "2024-03-01"), order("k", "2024-03-12"), order("n", "2024-03-12"),
        order("i", "2024-03-02"), order("k", "2024-05-01"),
    )  # fmt: skip
    happened = pd.to_datetime(["2024-03-09", "2024-03-09", "2024-03-10", "2024-03-10"])
    customers = ["k", "p", "k", "n"]
    others = {
        "order_lines": table(
            order_id=["o0", "o1", "o2", "o3", "o4"], line_number=1, product_id="w", quantity=1,
            amount_cents=1_000, discount_cents=0, cogs_cents=300,
        ),
        "customers": table(customer_id=["k", "n", "i", "p"]),
        "products": table(product_id=["w"], name=["Wine"]),
        "events": table(
            event_id=["e0", "e1", "e2", "e3"], customer_id=customers, happened_at=happened,
            kind="view",
        ),
        "treatments": table(
            customer_id=customers, campaign_id=["a", "a", "b", "b"], arm="mail",
            assigned_at=happened, propensity=0.5,
        ),
    }  # fmt: skip
    return checked(orders, others, currency="EUR")


def test_a_history_holds_what_was_known(whole):
    known = cut(whole, CUTOFF, 30)[0].tables
    assert ids(known.orders, "order_id") == ["o0", "o3"]
    assert ids(known.order_lines, "order_id") == ["o0", "o3"]
    assert ids(known.customers, "customer_id") == ["i", "k"]
    assert ids(known.events, "event_id") == ["e0", "e1"]  # p was seen, and never ordered
    assert ids(known.treatments, "customer_id") == ["k", "p"]
    assert ids(known.products, "product_id") == ["w"]


def test_a_future_is_of_the_known_and_loses_nobody(whole):
    future = cut(whole, CUTOFF, 30)[1]
    assert ids(future.known, "customer_id") == ["i", "k"]
    assert ids(future.tables.orders, "order_id") == ["o1"]
    assert ids(future.tables.order_lines, "order_id") == ["o1"]
    assert ids(future.tables.customers, "customer_id") == ["i", "k"]
    assert ids(future.tables.events, "event_id") == ["e2"]
    assert ids(future.tables.treatments, "customer_id") == ["k"]
    assert ids(future.arrivals, "order_id") == ["o2"]
    assert future.new_customers() == 1
    assert outcomes(future).to_dict("list") == {
        "customer_id": ["i", "k"],
        "purchases": [0, 1],
        "value": [0.0, 600.0],
    }


def test_both_spans_are_half_open():
    tables = store(
        order("before", "2024-02-28 23:59:59.999999"),
        order("start", "2024-02-29"),
        order("last", "2024-03-09 23:59:59.999999"),
        order("cutoff", "2024-03-10"),
        order("end", "2024-03-19 23:59:59.999999"),
        order("beyond", "2024-03-20"),
    )
    history, future = cut(tables, CUTOFF, 10, window=10)
    assert ids(history.customers(), "customer_id") == ["last", "start"]
    assert ids(future.arrivals, "customer_id") == ["cutoff", "end"]
    assert first_day(history) == (dt.date(2024, 2, 29) - dt.date(1970, 1, 1)).days
    assert ids(cut(tables, CUTOFF, 10)[0].customers(), "customer_id") == ["before", "last", "start"]


def test_a_customer_from_before_the_window_who_comes_back_is_not_new():
    tables = store(
        order("old", "2024-01-01"), order("k", "2024-03-01"), order("old", "2024-03-11"),
        order("old", "2024-03-12"),
    )  # fmt: skip
    future = cut(tables, CUTOFF, 10, window=30)[1]
    assert future.arrivals.count().execute() == 2
    assert future.new_customers() == 0
    assert cut(tables, CUTOFF, 10)[1].new_customers() == 0


def test_a_return_is_known_from_the_moment_it_came_in():
    tables = store(
        order("a", "2024-03-01", "2024-03-09 23:59:59.999999"),
        order("b", "2024-03-01", "2024-03-10"),
        order("c", "2024-03-01", returned=True),
        order("d", "2024-03-01"),
        order("d", "2024-03-11", "2024-06-01"),
    )
    history, future = cut(tables, CUTOFF, 10)
    seen = summary(history).to_pandas().set_index("customer_id").total_value_cents
    assert seen.to_dict() == {"a": -100, "b": 600, "c": -100, "d": 600}
    known = history.tables.orders.to_pandas().set_index("customer_id")
    assert known.returned.to_dict() == {"a": True, "b": False, "c": True, "d": False}
    assert known.returned_at.notna().to_dict() == {"a": True, "b": False, "c": False, "d": False}
    assert outcomes(future).value.tolist() == [0.0, 0.0, 0.0, -100.0]
    assert last_period(history, 9).value.tolist() == [-100.0, 600.0, -100.0, 600.0]
    assert last_period(history, 8).purchases.tolist() == [0, 0, 0, 0]


def test_the_latest_history_knows_returns_after_the_last_order():
    tables = store(order("a", "2024-03-01 10:00", "2024-03-05"), order("b", "2024-03-02 11:00"))
    history = latest(tables, window=2, purchase="order")
    assert (history.cutoff, history.purchase) == (dt.date(2024, 3, 3), "order")
    assert summary(history).to_pandas().total_value_cents.sum() == -100 + 600
    assert ids(latest(tables, window=1).customers(), "customer_id") == ["b"]


def test_what_is_one_purchase():
    """One second is one instant; one day is one day, to its last microsecond."""
    history = latest(store(
        order("a", "2024-03-01 09:00:00"),
        order("a", "2024-03-01 09:00:00.900000"),
        order("a", "2024-03-01 09:00:01"),
        order("a", "2024-03-01 23:59:59.999999"),
        order("a", "2024-03-02"),
    ))  # fmt: skip
    tied = purchases(history.tables, "order").order_by("at").to_pandas()
    assert tied.value_cents.tolist() == [1_200, 600, 600, 600]
    daily = purchases(history.tables, "day").order_by("at").to_pandas()
    assert daily.value_cents.tolist() == [2_400, 600]
    row = summary(replace(history, purchase="order")).to_pandas().iloc[0]
    assert (row.frequency, row.recency_days) == (3, 15 / 24)
    assert (row.age_days, row.mean_value_cents) == (1 + 15 / 24, 600.0)


@pytest.mark.parametrize(("purchase", "age"), [("day", 0.0), ("order", 0.5)])
def test_a_customer_with_one_order(purchase, age):
    history = latest(store(order("a", "2024-03-01 12:00")), purchase=purchase)
    day = (dt.date(2024, 3, 1) - dt.date(1970, 1, 1)).days
    assert summary(history).to_pandas().to_dict("records") == [{
        "customer_id": "a",
        "frequency": 0,
        "recency_days": 0.0,
        "age_days": age,
        "mean_value_cents": 0.0,
        "first_day": day + (0.5 if purchase == "order" else 0.0),
        "total_value_cents": 600,
    }]  # fmt: skip
    assert not str(summary(history).to_pandas().age_days[0]).startswith("-")


def test_known_customers_who_did_nothing_have_zeros():
    future = cut(store(order("a", "2024-03-01"), order("n", "2024-03-11")), CUTOFF, 10)[1]
    assert outcomes(future).to_dict("records") == [
        {"customer_id": "a", "purchases": 0, "value": 0.0}
    ]


LATE = "2024-03-11"
EARLY = "2024-03-01"


@pytest.mark.parametrize(
    ("days", "choice", "message"),
    [
        ([EARLY], {}, r"0 orders at or after the cut-off, in \[2024-03-10, 2024-03-20\); the orders"
         r" run from 2024-03-01 to 2024-03-01; choose an earlier split\.cutoff \(now 2024-03-10\)"),
        ([LATE], {}, r"0 orders before the cut-off, in \[the first order, 2024-03-10\); .*"
         r"choose a later split\.cutoff"),
        ([EARLY, LATE], {"window": 8}, r"0 orders before the cut-off, in \[2024-03-02, 2024-03-10"),
        ([EARLY, "2024-03-20"], {}, r"0 orders at or after"),
        ([EARLY, LATE], {"horizon": 0}, r"split: horizon is 0 days; the shortest is 1 day"),
        ([EARLY, LATE], {"window": -5}, r"split: window is -5 days"),
        ([EARLY, LATE], {"cutoff": dt.datetime.combine(CUTOFF, dt.time(12))}, r"the cut-off"
         r" 2024-03-10 12:00:00 is a moment inside a day; .* for example 2024-03-10, as a date"),
    ],
)  # fmt: skip
def test_a_cut_that_cannot_be_says_why(days, choice, message):
    tables = store(*(order("a", day) for day in days))
    with pytest.raises(InputError, match=message):
        cut(tables, **{"cutoff": CUTOFF, "horizon": 10} | choice)


def test_rolling_refuses_as_cut_does():
    tables = store(order("a", EARLY), order("a", LATE))
    pairs = rolling(tables, CUTOFF, every=7, count=2, horizon=7, purchase="order")
    history, future = next(pairs)
    assert (history.purchase, future.purchase) == ("order", "order")
    with pytest.raises(InputError, match=r"0 orders at or after the cut-off, in \[2024-03-17"):
        next(pairs)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (History, {"cutoff": "2024-03-10"}),
        (History, {"purchase": "week"}),
        (Future, {"horizon": 1.5}),
        (Future, {"known": ["a"]}),
    ],
)
def test_fields_of_another_type_are_refused_in_tests(kind, wrong):
    tables = store(order("a", EARLY), order("a", LATE))
    good = dict(zip((History, Future), cut(tables, CUTOFF, 10), strict=True))[kind]
    with pytest.raises(jaxtyping.TypeCheckError):
        replace(good, **wrong)


def test_a_store_of_orders_alone_is_cut_alike():
    bare = Tables(
        orders=orders_of(order("a", EARLY), order("a", LATE)), currency="EUR", value_is="margin"
    )
    history, future = cut(bare, CUTOFF, 10)
    assert list(history.tables.present()) == list(future.tables.present()) == ["orders"]
