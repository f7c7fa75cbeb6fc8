"""As-of features: a naive twin in pandas, what may not matter, what is refused."""

import datetime as dt
from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lifeworth.asof.features import features
from lifeworth.asof.split import History, cut
from lifeworth.asof.summary import last_period, summary
from lifeworth.tables.check import checked
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.cdnow import Cdnow
from lifeworth.tables.sources.simulated import Simulated

CUTOFF = dt.date(2024, 3, 10)
MIDNIGHT = pd.Timestamp(CUTOFF)
DAY = pd.Timedelta(days=1)
FLOOR = {"day": "D", "order": "s"}
WINDOWS = (7, 30)
MONEY = ("amount_cents", "discount_cents", "tax_cents", "shipping_cents", "cogs_cents")
SPREAD = 2**-16
"""Days by which sd_gap_days may differ: squares are rounded to 2^-33, the root of 2^-32 bounds."""


def treatments(customers):
    who = np.repeat(customers[::3], 2)
    at = MIDNIGHT + pd.to_timedelta(np.linspace(-60, 10, len(who)), unit="D")
    return ibis.memtable(pd.DataFrame({
        "customer_id": who,
        "campaign_id": np.where(np.arange(len(who)) % 2, "spring", "autumn"),
        "arm": np.resize(["mail", "control", "call"], len(who)),
        "assigned_at": at.astype("datetime64[us]"),
        "propensity": 1 / 3,
    }))  # fmt: skip


def simulated():
    world = World(
        customers=300, days=250, start=dt.date(2023, 9, 1), return_rate=0.3, complaint_rate=0.2
    )
    tables = Simulated(seed=8, world=world).load()
    customers = np.sort(tables.customers.to_pandas()["customer_id"].to_numpy(dtype=object))
    return replace(tables, treatments=treatments(customers))


@pytest.fixture(scope="module")
def tables():
    return simulated()


@pytest.fixture(scope="module")
def cdnow():
    return Cdnow(which="sample").load()


def history_of(tables, purchase="day", **view):
    return cut(tables, CUTOFF, 30, purchase=purchase, **view)[0]


def assert_same(one, other):
    pd.testing.assert_frame_equal(one, other, check_exact=True)


# ---- the twin


def twin_value(orders, value_is):
    paid = orders.amount_cents - orders.discount_cents - orders.tax_cents
    if value_is == "revenue":
        return paid.where(~orders.back, 0)
    return (paid - orders.cogs_cents).where(~orders.back, 0) - orders.shipping_cents


def twin_orders(tables, midnight):
    orders = tables.orders.to_pandas()
    orders = orders[orders.ordered_at < midnight]
    orders = orders.assign(back=orders.returned & ~(orders.returned_at >= midnight))
    return orders.assign(value=twin_value(orders, tables.value_is))


def twin_customer(bought, end, midnight, windows):
    """Of the values by moment of one customer."""
    moments, values = bought.index, bought.to_numpy()
    gaps = np.diff(moments) / np.timedelta64(DAY)
    row = {
        "frequency": len(gaps),
        "recency_days": (moments[-1] - moments[0]) / DAY,
        "age_days": (end - moments[0]) / DAY,
        "days_since_last": (end - moments[-1]) / DAY,
        "mean_value_cents": values[1:].mean() if len(gaps) else 0,
        "total_value_cents": values.sum(),
        "first_value_cents": values[0],
        "last_value_cents": values[-1],
        "max_value_cents": values.max(),
        "mean_gap_days": gaps.mean() if len(gaps) else 0,
        "sd_gap_days": gaps.std(ddof=1) if len(gaps) > 1 else 0,
    }
    for days in windows:
        late = values[moments >= midnight - days * DAY]
        row |= {f"orders_{days}d": len(late), f"value_cents_{days}d": late.sum()}
    return row


def twin_tables(frames, own, customer, midnight):
    """Of the other tables; what is not there is 0."""
    row = dict.fromkeys(["lines_per_order", "events_90d", "complaints", "treatments_received"], 0)
    if "order_lines" in frames:
        row["lines_per_order"] = frames["order_lines"].order_id.isin(own.order_id).sum() / len(own)
    if "events" in frames:
        events = frames["events"]
        events = events[(events.customer_id == customer) & (events.happened_at < midnight)]
        row["events_90d"] = (events.happened_at >= midnight - 90 * DAY).sum()
        row["complaints"] = (events.kind == "complaint").sum()
    if "treatments" in frames:
        given = frames["treatments"]
        given = given[(given.customer_id == customer) & (given.assigned_at < midnight)]
        row["treatments_received"] = (given.arm != "control").sum()
    return row


def twin(tables, purchase, windows, midnight=MIDNIGHT):
    frames = {name: table.to_pandas() for name, table in tables.present().items()}
    end = midnight - (DAY if purchase == "day" else 0 * DAY)
    rows = []
    for customer, own in twin_orders(tables, midnight).groupby("customer_id"):
        bought = own.groupby(own.ordered_at.dt.floor(FLOOR[purchase])).value.sum()
        amount = own.amount_cents.sum()
        rows.append({
            "customer_id": customer,
            **twin_customer(bought, end, midnight, windows),
            "returned_share": own.back.mean(),
            "discount_share": own.discount_cents.sum() / amount if amount else 0,
            **twin_tables(frames, own, customer, midnight),
        })  # fmt: skip
    return pd.DataFrame(rows)


def assert_near(found, expected):
    """Quotients of whole numbers to rounding, the spread of gaps to SPREAD, all else exactly."""
    assert set(found.columns) == set(expected.columns)
    assert found.customer_id.tolist() == expected.customer_id.tolist()
    for name in found.columns.drop("customer_id"):
        one, other = found[name].to_numpy(), expected[name].to_numpy(dtype=float)
        whole = name.endswith("_cents") or "_cents_" in name or name.startswith("orders_")
        near = {"rtol": 0 if whole and name != "mean_value_cents" else 1e-12}
        near |= {"atol": SPREAD if name == "sd_gap_days" else 0}
        np.testing.assert_allclose(one, other, err_msg=name, **near)


@pytest.mark.parametrize("purchase", ["day", "order"])
def test_a_naive_twin_finds_the_same(tables, purchase):
    found = features(history_of(tables, purchase), WINDOWS)
    assert len(found) == 300
    assert (found.drop(columns="customer_id") != 0).any().all()  # every feature says something
    assert_near(found, twin(tables, purchase, WINDOWS))


def test_a_naive_twin_finds_the_same_in_cdnow(cdnow):
    """Of whole days and no discount; nothing comes back, and there is no other table."""
    some = cdnow.mapped(lambda _, table: table.filter(table.customer_id < "05000"))
    found = features(cut(some, dt.date(1997, 10, 1), 273)[0], (90,))
    assert 300 < len(found) < 600
    assert_near(found, twin(some, "day", (90,), pd.Timestamp("1997-10-01")))
    absent = ["lines_per_order", "events_90d", "complaints", "treatments_received"]
    assert (found[absent] == 0).all(axis=None)


@pytest.mark.parametrize("purchase", ["day", "order"])
def test_they_agree_with_the_summary_and_the_last_period(tables, purchase):
    history = history_of(tables, purchase)
    found = features(history, WINDOWS)
    own = summary(history).to_pandas().sort_values("customer_id", ignore_index=True)
    shared = [c for c in own.columns if c in found.columns]
    assert len(shared) == 6
    assert_same(found[shared], own[shared].astype(dict.fromkeys(shared[1:], "float64")))
    for days in WINDOWS:
        late = last_period(history, days)
        np.testing.assert_array_equal(found[f"orders_{days}d"], late["purchases"])
        np.testing.assert_array_equal(found[f"value_cents_{days}d"], late["value"])


# ---- what they look like


def test_columns_are_always_the_same_floats_and_nothing_is_missing(tables, cdnow):
    rich = features(history_of(tables))
    poor = features(cut(cdnow, dt.date(1997, 10, 1), 273)[0])
    assert rich.columns.tolist() == poor.columns.tolist()
    assert rich.columns[0] == "customer_id"
    assert rich.columns[-6:].tolist() == [
        f"{what}_{w}d" for w in (30, 90, 365) for what in ("orders", "value_cents")
    ]
    for frame in (rich, poor):
        values = frame.drop(columns="customer_id")
        assert set(values.dtypes) == {np.dtype("float64")}
        assert np.isfinite(values).all(axis=None)
        assert frame.customer_id.is_monotonic_increasing
        assert frame.customer_id.is_unique
    assert features(history_of(tables), ()).columns.tolist() == rich.columns[:-6].tolist()


def test_one_free_order_divides_nothing_by_nothing(tables):
    one = tables.orders.to_pandas().iloc[:1].assign(
        customer_id="a", ordered_at=(MIDNIGHT - 3 * DAY).as_unit("us"), returned=False,
        returned_at=np.datetime64("NaT", "us"), **dict.fromkeys(MONEY, 0),
    )  # fmt: skip
    free = checked(ibis.memtable(one), currency="USD")
    row = features(History(tables=free, cutoff=CUTOFF), (2, 3)).iloc[0]
    said = row[row != 0].to_dict()
    assert said == {"customer_id": "a", "age_days": 2.0, "days_since_last": 2.0, "orders_3d": 1.0}


def test_regular_gaps_have_no_spread(tables):
    rows = tables.orders.to_pandas().iloc[:4].assign(customer_id="a")
    at = [MIDNIGHT - days * DAY for days in (31, 21, 11, 1)]
    even = rows.assign(ordered_at=pd.DatetimeIndex(at).as_unit("us"), returned=False)
    even["returned_at"] = np.datetime64("NaT", "us")
    odd = even.assign(ordered_at=even.ordered_at - pd.to_timedelta([0, 3, 0, 0], unit="D"))
    for frame, spread in ((even, 0.0), (odd, np.std([7, 13, 10], ddof=1))):
        store = checked(ibis.memtable(frame), currency="USD")
        row = features(History(tables=store, cutoff=CUTOFF)).iloc[0]
        assert row["mean_gap_days"] == 10.0
        assert row["sd_gap_days"] == pytest.approx(spread, rel=1e-15)


@pytest.mark.parametrize(
    ("windows", "says"),
    [((30, 0), "a window is 0 days; the shortest is 1 day"), ((7, 30, 7), "7 days is named twice")],
)
def test_odd_windows_are_refused(tables, windows, says):
    with pytest.raises(InputError, match=says):
        features(history_of(tables), windows)


# ---- what may not matter


@pytest.mark.parametrize("purchase", ["day", "order"])
def test_the_order_of_rows_does_not_matter(tables, purchase):
    def mix(_name, table):
        rows = table.to_pyarrow()
        return ibis.memtable(rows.take(pa.array(rng.permutation(len(rows)))))

    rng = np.random.default_rng(1)
    one, other = (history_of(t, purchase) for t in (tables, tables.mapped(mix)))
    assert_same(features(one), features(other))


def poisoned(tables):
    """The store in which everything at or after the cut-off went another way."""
    orders, events, given = tables.orders, tables.events, tables.treatments
    late = orders.ordered_at >= MIDNIGHT
    kept = (orders.returned_at >= MIDNIGHT).fill_null(False)
    return replace(
        tables,
        orders=orders.mutate(
            amount_cents=late.ifelse(10**9, orders.amount_cents),
            customer_id=late.ifelse("new", orders.customer_id),
            returned=orders.returned & ~kept,
        ),
        events=events.filter(events.happened_at < MIDNIGHT),
        treatments=given.mutate(arm=(given.assigned_at >= MIDNIGHT).ifelse("poison", given.arm)),
    )


@pytest.mark.parametrize("purchase", ["day", "order"])
def test_nothing_after_the_cutoff_changes_a_feature(tables, purchase):
    clean, bad = history_of(tables, purchase), history_of(poisoned(tables), purchase)
    known = features(clean)
    assert_same(known, features(bad))
    held = bad.tables.mapped(lambda _, table: ibis.memtable(table.to_pyarrow()))
    assert_same(known, features(replace(bad, tables=held)))
    leaked = features(replace(clean, tables=tables)).sum(numeric_only=True) - known.sum(
        numeric_only=True
    )
    felt = ["returned_share", "treatments_received", "events_90d", "total_value_cents"]
    assert (leaked[felt] != 0).all()


@pytest.mark.parametrize("factor", [3, 4])
def test_money_scales(tables, factor):
    orders = tables.orders.mutate({c: tables.orders[c] * factor for c in MONEY})
    one, other = (features(history_of(t)) for t in (tables, replace(tables, orders=orders)))
    money = [c for c in one.columns if "_cents" in c]
    assert len(money) == 8
    scaled = one.assign(**{c: one[c] * factor for c in money})
    if factor == 3:  # the mean is rounded once before and once after; a power of two loses nothing
        mean = "mean_value_cents"
        np.testing.assert_allclose(other[mean], scaled[mean], rtol=2**-52, atol=0)
        other, scaled = other.drop(columns=mean), scaled.drop(columns=mean)
    assert_same(other, scaled)


def test_a_window_of_the_history_forgets_what_came_before_it(tables):
    found = features(history_of(tables, window=30), (30, 90))
    assert 0 < len(found) < 300
    assert (found["orders_30d"] == found["frequency"] + 1).all()
    assert (found["orders_90d"] == found["orders_30d"]).all()
    assert found["age_days"].max() < 30


@pytest.mark.spark
@pytest.mark.parametrize("purchase", ["day", "order"])
def test_spark_and_duckdb_find_the_same(tables, purchase, spark):
    connection = ibis.pyspark.connect(spark)

    def there(name, table):
        return connection.create_table(f"features_{name}", table.to_pyarrow(), overwrite=True)

    one, other = (history_of(t, purchase) for t in (tables, tables.mapped(there)))
    assert_same(features(one), features(other))
