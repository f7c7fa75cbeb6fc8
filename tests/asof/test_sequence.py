"""Event sequences: a naive twin in plain Python, chunks and parts, what may not matter."""

import datetime as dt
import itertools
from dataclasses import fields, replace

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lifeworth.asof import sequence
from lifeworth.asof.sequence import Sequences, read_part, sequences, spill, streamed, tally
from lifeworth.asof.split import History, cut
from lifeworth.tables.check import checked
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.cdnow import Cdnow
from lifeworth.tables.sources.simulated import Simulated

CUTOFF = dt.date(2024, 3, 10)
MIDNIGHT = pd.Timestamp(CUTOFF)
SECOND = {"day": "D", "order": "s"}
ALL = 10**6
MONEY = ("amount_cents", "discount_cents", "tax_cents", "shipping_cents", "cogs_cents")


def treatments(customers, days):
    """Every third customer twice, the moments spread over `days` around the cut-off."""
    who = np.repeat(customers[::3], 2)
    at = MIDNIGHT + pd.to_timedelta(np.linspace(-days, 10, len(who)), unit="D")
    return ibis.memtable(pd.DataFrame({
        "customer_id": who,
        "campaign_id": np.where(np.arange(len(who)) % 2, "spring", "autumn"),
        "arm": np.resize(["mail", "control", "call"], len(who)),
        "assigned_at": at.astype("datetime64[us]"),
        "propensity": 1 / 3,
    }))  # fmt: skip


def dense():
    """Few customers, few moments: many ties; amounts that tie, categories that are not known."""
    rng, n = np.random.default_rng(3), 400
    moments = MIDNIGHT + pd.to_timedelta([-5, -4.5, -3, -1.00001, -0.0000001, 0, 0.5], unit="D")
    at, later = rng.choice(moments.to_numpy(), (2, n)).astype("datetime64[us]")
    ids, zero = [f"o{i}" for i in range(n)], np.zeros(n, dtype=np.int64)
    orders = {
        "order_id": ids, "customer_id": rng.choice(list("dbca"), n), "ordered_at": at,
        "currency": "EUR", "amount_cents": rng.integers(1, 4, n) * 100, "discount_cents": zero,
        "tax_cents": zero, "shipping_cents": zero, "cogs_cents": zero + 7,
        "returned": False, "returned_at": np.full(n, np.datetime64("NaT"), "datetime64[us]"),
    }  # fmt: skip
    lines = {
        "order_id": np.repeat(ids[::2], 2), "line_number": np.resize([1, 2], n),
        "product_id": rng.choice(["p", "q", "r", "s", "gone"], n), "quantity": 1,
        "amount_cents": rng.integers(0, 3, n), "discount_cents": 0, "cogs_cents": 0,
    }  # fmt: skip
    events = {
        "event_id": ids, "customer_id": rng.choice(list("abcx"), n), "happened_at": later,
        "kind": rng.choice(["view", "cart", "purchase", "treatment mail"], n),
    }  # fmt: skip
    products = {"product_id": list("pqrs"), "name": "", "category": ["Wine", "Beer", None, ""]}
    others = {"order_lines": lines, "events": events, "products": products}
    made = {name: ibis.memtable(pd.DataFrame(columns)) for name, columns in others.items()}
    given = treatments(np.array(list("abcdx")), 5)
    return checked(
        ibis.memtable(pd.DataFrame(orders)), made | {"treatments": given}, currency="EUR"
    )


def simulated():
    world = World(customers=900, days=200, start=dt.date(2023, 12, 1), return_rate=0.3)
    tables = Simulated(seed=8, world=world).load()
    customers = np.sort(tables.customers.to_pandas()["customer_id"].to_numpy(dtype=object))
    return replace(tables, treatments=treatments(customers, 60))


STORES = {"dense": dense, "simulated": simulated}
CASES = [(name, purchase) for name in STORES for purchase in ("day", "order")]


@pytest.fixture(scope="module")
def stores():
    return {name: make() for name, make in STORES.items()}


def history_of(tables, purchase="day", **view):
    return cut(tables, CUTOFF, 30, purchase=purchase, **view)[0]


def assert_equal(one, other):
    for field in fields(Sequences):
        left, right = getattr(one, field.name), getattr(other, field.name)
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right, err_msg=field.name)


# ---- the twin


def twin_value(orders, value_is):
    back = orders.returned & ~(orders.returned_at >= MIDNIGHT)
    paid = orders.amount_cents - orders.discount_cents - orders.tax_cents
    if value_is == "revenue":
        return paid.where(~back, 0)
    return (paid - orders.cogs_cents).where(~back, 0) - orders.shipping_cents


def twin_category(lines):
    """Of (amount, category), the first name among the largest."""
    top = [name for amount, name in lines if amount == max(a for a, _ in lines)]
    return min((name for name in top if isinstance(name, str) and name), default="")


def twin_purchases(tables, purchase):
    orders = tables.orders.to_pandas()
    orders["value"] = twin_value(orders, tables.value_is)
    orders = orders[orders.ordered_at < MIDNIGHT]
    lines = {}
    if tables.order_lines is not None:
        named = tables.products.to_pandas().set_index("product_id")["category"].to_dict()
        for line in tables.order_lines.to_pandas().itertuples():
            pair = (line.amount_cents, named.get(line.product_id))
            lines.setdefault(line.order_id, []).append(pair)
    keys = [orders.customer_id, orders.ordered_at.dt.floor(SECOND[purchase])]
    for (customer, at), own in orders.groupby(keys):
        bought = [pair for order in own.order_id for pair in lines.get(order, [])]
        yield customer, at, "purchase", int(own.value.sum()), twin_category(bought)


def twin_others(tables):
    if tables.events is not None:
        for e in tables.events.to_pandas().itertuples():
            ours = e.kind == "purchase" or e.kind.startswith("treatment ")
            yield e.customer_id, e.happened_at, f"event {e.kind}" if ours else e.kind, 0, ""
    if tables.treatments is not None:
        for t in tables.treatments.to_pandas().itertuples():
            yield t.customer_id, t.assigned_at, f"treatment {t.arm}", 0, ""


def twin(tables, purchase, most):
    """All of it by sorting tuples: (customer, moment, kind, value, category)."""
    bought = list(twin_purchases(tables, purchase))
    known = {customer for customer, *_ in bought}
    others = [
        (who, at.floor("s"), *rest)
        for who, at, *rest in twin_others(tables)
        if at < MIDNIGHT and who in known
    ]
    rows, lengths = [], {}
    for customer, own in itertools.groupby(sorted(bought + others), key=lambda event: event[0]):
        events = list(own)
        before = [events[0], *events[:-1]]
        timed = [(e, (e[1] - b[1]).total_seconds()) for e, b in zip(events, before, strict=True)]
        lengths[customer] = len(timed[-most:])
        rows += timed[-most:]
    return Sequences(
        customer_id=np.array(list(lengths), dtype=object),
        length=np.array(list(lengths.values())),
        days_ago=np.array([(MIDNIGHT - e[1]).total_seconds() / 86_400 for e, _ in rows]),
        gap_days=np.array([gap / 86_400 for _, gap in rows]),
        value_cents=np.array([e[3] for e, _ in rows]),
        kind=np.array([e[2] for e, _ in rows], dtype=object),
        category=np.array([e[4] for e, _ in rows], dtype=object),
    )


@pytest.mark.parametrize("most", [1, 4, ALL])
@pytest.mark.parametrize(("name", "purchase"), CASES)
def test_a_naive_twin_finds_the_same(stores, name, purchase, most):
    found = sequences(history_of(stores[name], purchase), most)
    assert len(found.length) == {"dense": 4, "simulated": 900}[name]
    assert_equal(found, twin(stores[name], purchase, most))


def test_the_dense_store_has_every_trap(stores):
    """Ties, unknown categories and clashing kinds, so that the twin is held against them."""
    found = sequences(history_of(stores["dense"], "order"), ALL)
    assert (found.gap_days == 0).sum() > 100
    assert set(found.category[found.kind == "purchase"]) == {"", "Wine", "Beer"}
    assert {"event purchase", "event treatment mail", "view", "treatment mail"} < set(found.kind)


def test_a_naive_twin_finds_the_same_in_cdnow():
    tables = Cdnow(which="sample").load()
    history, _ = cut(tables, dt.date(1997, 10, 1), 273)
    found = sequences(history, ALL)
    orders = tables.orders.to_pandas().query("ordered_at < '1997-10-01'")
    daily = orders.groupby(["customer_id", "ordered_at"])["amount_cents"].sum().reset_index()
    assert len(found.kind) == 4_814  # published, see test_cdnow
    ago = (pd.Timestamp("1997-10-01") - daily.ordered_at).dt.days
    np.testing.assert_array_equal(np.repeat(found.customer_id, found.length), daily.customer_id)
    np.testing.assert_array_equal(found.days_ago, ago)
    np.testing.assert_array_equal(found.value_cents, daily.amount_cents)
    np.testing.assert_array_equal(found.gap_days, -ago.groupby(daily.customer_id).diff().fillna(0))
    assert set(found.kind) == {"purchase"}
    assert set(found.category) == {""}


def test_one_customer_by_hand(stores):
    """Two orders of one day are one event at its midnight, before what happened on that day."""
    ordered = pd.to_datetime(["2024-03-08 09:00", "2024-03-08 22:00"]).astype("datetime64[us]")
    pair = stores["dense"].orders.to_pandas().iloc[:2]
    pair = pair.assign(customer_id="a", amount_cents=[1_000, 500], cogs_cents=0, ordered_at=ordered)
    moments = ["2024-03-07 12:00", "2024-03-08 06:00", "2024-03-09 23:59:59.9"]
    events = pd.DataFrame({
        "event_id": list("xyz"), "customer_id": "a", "kind": ["view", "cart", "view"],
        "happened_at": pd.to_datetime(moments, format="ISO8601").astype("datetime64[us]"),
    })  # fmt: skip
    tables = checked(ibis.memtable(pair), {"events": ibis.memtable(events)}, currency="EUR")
    found = sequences(History(tables=tables, cutoff=CUTOFF), 3)
    assert found.kind.tolist() == ["purchase", "cart", "view"]
    assert found.days_ago.tolist() == [2.0, 1.75, 1 / 86_400]
    assert found.gap_days.tolist() == pytest.approx([0.5, 0.25, 1.75 - 1 / 86_400], rel=1e-15)
    assert found.value_cents.tolist() == [1_500, 0, 0]
    assert (found.customer_id.tolist(), found.length.tolist()) == (["a"], [3])


# ---- how much, and in which pieces


@pytest.mark.parametrize("most", [1, 3])
def test_the_last_events_keep_the_gaps_of_the_whole(stores, most):
    history = history_of(stores["simulated"])
    whole, some = sequences(history, ALL), sequences(history, most)
    np.testing.assert_array_equal(some.length, np.minimum(whole.length, most))
    assert (whole.length > most).sum() > 300
    ends = np.cumsum(whole.length)
    last = np.concatenate([np.arange(e - n, e) for e, n in zip(ends, some.length, strict=True)])
    for name in ("days_ago", "gap_days", "value_cents", "kind", "category"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[last])
    assert (whole.gap_days[whole.starts] == 0).all()
    assert (some.gap_days[some.starts][whole.length > most] > 0).any()


@pytest.mark.parametrize("most", [3, ALL])
@pytest.mark.parametrize(("name", "purchase"), CASES)
def test_a_tally_counts_the_same_events(stores, name, purchase, most):
    history = history_of(stores[name], purchase)
    events = sequences(history, most)
    value = pd.Series(events.value_cents)
    frame = pd.DataFrame(
        {
            "kind": events.kind.astype(str), "category": events.category.astype(str), "events": 1,
            "paid": (value > 0).astype(int), "cents": value.clip(lower=0),
        }
    )  # fmt: skip
    true = frame.groupby(["kind", "category"], as_index=False).sum()
    found = tally(history, most)
    pd.testing.assert_frame_equal(found, true, check_dtype=False)
    assert found["events"].sum() == len(value)


def test_rows_are_customers_with_their_events(stores):
    whole = sequences(history_of(stores["simulated"]), 5)
    parts = [whole.rows(slice(0, 100)), whole.rows(slice(100, None))]
    assert_equal(joined(parts), whole)
    picked = whole.rows(np.array([7, 2]))
    assert picked.customer_id.tolist() == whole.customer_id[[7, 2]].tolist()
    assert_equal(joined([whole.rows(slice(7, 8)), whole.rows(slice(2, 3))]), picked)
    assert_equal(whole.rows(slice(7, 1, -5)), picked)
    assert len(whole.rows(slice(0, 0)).days_ago) == 0


def joined(parts):
    names = [field.name for field in fields(Sequences)]
    return Sequences(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})


@pytest.mark.parametrize("batch", [64, 250_000])
@pytest.mark.parametrize(
    ("name", "customers"),
    [("dense", 1), ("dense", 3), ("simulated", 37), ("simulated", 450), ("simulated", 5_000)],
)
def test_chunks_are_the_whole(stores, name, customers, batch, monkeypatch, tmp_path):
    monkeypatch.setattr(sequence, "BATCH_ROWS", batch)
    history = history_of(stores[name])
    whole = sequences(history, 4)
    chunks = list(streamed(history, 4, customers))
    everybody = range(len(whole.length))
    sizes = [len(everybody[i : i + customers]) for i in everybody[::customers]]
    assert [len(chunk.length) for chunk in chunks] == sizes
    assert_equal(joined(chunks), whole)
    paths = spill(history, 4, tmp_path / "parts", customers)
    assert [path.name for path in paths] == [f"part-{i:05}.parquet" for i in range(len(chunks))]
    for path, chunk in zip(paths, chunks, strict=True):
        assert_equal(read_part(path), chunk)


def test_a_query_between_chunks_is_refused_and_not_a_loss(stores, monkeypatch):
    monkeypatch.setattr(sequence, "BATCH_ROWS", 64)
    history = history_of(stores["simulated"])
    chunks = streamed(history, ALL, 5)
    first = next(chunks)
    assert_equal(first, sequences(history, ALL).rows(slice(0, 5)))  # this is such a query
    with pytest.raises(RuntimeError, match=r"ended after [\d,]+ of [\d,]+ events.*spill\(\)"):
        list(chunks)


def test_numbers_below_one_are_refused_at_once(stores, tmp_path):
    history = history_of(stores["dense"])
    with pytest.raises(InputError, match="most is 0; the least is 1"):
        sequences(history, 0)
    with pytest.raises(InputError, match="customers is 0"):
        streamed(history, 1, 0)
    with pytest.raises(InputError, match="most is -1"):
        spill(history, -1, tmp_path, 5)


def test_arrays_are_of_python_texts_and_may_be_written_to(stores, tmp_path):
    history = history_of(stores["simulated"])
    for found in (sequences(history, 2), read_part(spill(history, 2, tmp_path, ALL)[0])):
        texts = (found.customer_id, found.kind, found.category)
        assert {type(text) for array in texts for text in array} == {str}
        assert found.length.dtype == found.value_cents.dtype == np.int64
        assert all(getattr(found, field.name).flags.writeable for field in fields(Sequences))


# ---- what may not matter


def shuffled(tables, seed):
    def mix(_name, table):
        rows = table.to_pyarrow()
        return ibis.memtable(rows.take(pa.array(rng.permutation(len(rows)))))

    rng = np.random.default_rng(seed)
    return tables.mapped(mix)


@pytest.mark.parametrize(("name", "purchase"), CASES)
def test_the_order_of_rows_does_not_matter(stores, name, purchase):
    one, other = (history_of(t, purchase) for t in (stores[name], shuffled(stores[name], 1)))
    for most in (2, ALL):
        assert_equal(sequences(one, most), sequences(other, most))


def poisoned(tables):
    """Everything at or after the cut-off, changed; what came back later did not."""
    when = {"orders": "ordered_at", "events": "happened_at", "treatments": "assigned_at"}
    bad = {
        "orders": {"amount_cents": 10**9, "customer_id": "new"},
        "events": {"kind": "poison"},
        "treatments": {"arm": "poison"},
    }

    def spoil(name, table):
        if name not in when:
            return table
        late = table[when[name]] >= MIDNIGHT
        changes = {c: late.ifelse(value, table[c]) for c, value in bad[name].items()}
        if name == "orders":
            changes["returned"] = table.returned & ~(table.returned_at >= MIDNIGHT).fill_null(False)
        return table.mutate(changes)

    return tables.mapped(spoil)


@pytest.mark.parametrize(("name", "purchase"), CASES)
def test_nothing_after_the_cutoff_changes_a_sequence(stores, name, purchase):
    tables = stores[name]
    clean, bad = sequences(history_of(tables, purchase), ALL), poisoned(tables)
    assert_equal(sequences(history_of(bad, purchase), ALL), clean)
    gone = history_of(bad, purchase)
    assert (bad.events.kind == "poison").sum().execute() > 5
    alone = replace(gone, tables=gone.tables.mapped(lambda _, t: ibis.memtable(t.to_pyarrow())))
    assert_equal(sequences(alone, ALL), clean)


def test_a_window_forgets_what_came_before_it(stores):
    history = history_of(stores["simulated"], window=20)
    whole, recent = sequences(history_of(stores["simulated"]), ALL), sequences(history, ALL)
    assert recent.days_ago.max() <= 20
    assert 0 < len(recent.length) < len(whole.length)
    assert (recent.gap_days[recent.starts] == 0).all()


def test_money_scales(stores):
    tables = stores["simulated"]
    orders = tables.orders.mutate({c: tables.orders[c] * 3 for c in MONEY})
    lines = tables.order_lines.mutate(amount_cents=tables.order_lines.amount_cents * 3)
    triple = replace(tables, orders=orders, order_lines=lines)
    one, three = (sequences(history_of(t), ALL) for t in (tables, triple))
    assert_equal(replace(one, value_cents=3 * one.value_cents), three)


def test_what_the_shop_does_not_know_is_empty(stores):
    tables = stores["simulated"]
    known = sequences(history_of(tables), ALL)
    bought = known.kind == "purchase"
    assert set(known.category[~bought]) == {""}
    assert "" not in set(known.category[bought])
    plain = [
        replace(tables, products=tables.products.drop("category")),
        replace(tables, products=None),
        replace(tables, order_lines=None),
    ]
    for store in plain:
        found = sequences(history_of(store), ALL)
        assert_equal(found, replace(known, category=np.full_like(known.category, "")))
    alone = sequences(history_of(replace(tables, events=None, treatments=None)), ALL)
    np.testing.assert_array_equal(alone.value_cents, known.value_cents[bought])


@pytest.mark.spark
@pytest.mark.parametrize(("name", "purchase"), CASES)
def test_spark_and_duckdb_find_the_same(stores, name, purchase, spark):
    connection = ibis.pyspark.connect(spark)

    def there(table_name, table):
        label = f"sequence_{name}_{table_name}"
        made = connection.create_table(label, table.to_pyarrow(), overwrite=True)
        if table_name != "products":
            return made
        return made.mutate(category=made.category.nullif("NaN"))  # pyspark's text for no text

    here = stores[name]
    one, other = (history_of(t, purchase) for t in (here, here.mapped(there)))
    assert_equal(sequences(one, 4), sequences(other, 4))
    assert_equal(joined(list(streamed(other, 4, 50))), sequences(one, 4))
