"""The content hash and the round trip through Parquet."""

from dataclasses import replace

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeworth.tables.content import row_sum
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.cdnow import Cdnow
from lifeworth.tables.sources.simulated import Simulated


@pytest.fixture(scope="module")
def store():
    return Simulated(world=World(customers=50)).load()


def test_every_table_comes_back_from_parquet(store, tmp_path):
    store.write(tmp_path / "store")
    again = Tables.read(tmp_path / "store")
    assert again.content_hash() == store.content_hash()
    assert again.present().keys() == store.present().keys()
    for name, table in store.present().items():
        key = list(table.columns[:2])
        pd.testing.assert_frame_equal(
            again.present()[name].order_by(key).to_pandas(), table.order_by(key).to_pandas()
        )


def test_the_hash_does_not_depend_on_the_order_of_rows_and_columns(store):
    def turned(_, table):
        mixed = table.order_by(ibis.desc(table.columns[0]))
        return mixed.select(*reversed(mixed.columns)).cache()

    assert store.mapped(turned).content_hash() == store.content_hash()


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.mutate(amount_cents=t.amount_cents + (t.order_id == "o0000001").cast("int64")),
        lambda t: t.mutate(returned_at=t.ordered_at),
        lambda t: t.mutate(amount_cents=t.discount_cents, discount_cents=t.amount_cents),
        lambda t: t.filter(t.order_id != "o0000001"),
        lambda t: t.union(t.limit(1)),
        lambda t: t.mutate(note=ibis.literal("")),
        lambda t: t.mutate(cogs_cents=t.cogs_cents.cast("int32")),
        lambda t: t.rename(tax="tax_cents"),
    ],
)
def test_the_hash_sees_every_change(store, change):
    assert replace(store, orders=change(store.orders)).content_hash() != store.content_hash()


def test_the_hash_sees_currency_and_absent_tables(store):
    whole = store.content_hash()
    assert replace(store, currency="EUR").content_hash() != whole
    assert replace(store, value_is="revenue").content_hash() != whole
    assert replace(store, events=None).content_hash() != whole
    assert len(whole) == 32


maybe = st.tuples(
    st.none() | st.integers(-(2**60), 2**60),
    st.none() | st.text(max_size=3),
    st.none() | st.booleans(),
)


@settings(max_examples=20)
@given(st.lists(maybe, min_size=2, max_size=8), st.randoms())
def test_nulls_hash_alike_in_any_order_and_batch(rows, random):
    """Without care a batch with a null holds floats, which hash unlike the whole numbers."""
    schema = pa.schema({"a": pa.int64(), "b": pa.string(), "c": pa.bool_()})

    def summed(these):  # by Arrow: pandas would round 2^53 + 1 beside a null
        named = [dict(zip("abc", row, strict=True)) for row in these]
        return row_sum(ibis.memtable(pa.Table.from_pylist(named, schema=schema)))

    mixed = random.sample(rows, len(rows))
    assert summed(mixed) == summed(rows)
    cut = random.randrange(1, len(rows))
    parts = [summed(mixed[:cut])["sum"], summed(mixed[cut:])["sum"]]
    assert sum(parts) % 2**64 == summed(rows)["sum"]


def test_an_empty_value_is_not_a_missing_one():
    sums = [
        row_sum(ibis.memtable({"a": [a]}, schema={"a": kind}))["sum"]
        for a, kind in [(None, "string"), ("", "string"), (None, "int64"), (0, "int64")]
    ]
    assert sums[0] != sums[1]
    assert sums[2] != sums[3]


def test_the_hash_of_cdnow_stays():
    assert Cdnow(which="sample").load().content_hash() == "8ef4f0aca47c86613a442117a0fdefd3"


def test_a_folder_without_a_store_is_refused(store, tmp_path):
    with pytest.raises(InputError, match=r"holds no store: no file store\.json"):
        Tables.read(tmp_path)
    store.write(tmp_path)
    (tmp_path / "orders.parquet").unlink()
    with pytest.raises(InputError, match=r"names table 'orders', but there is no orders\.parquet"):
        Tables.read(tmp_path)
