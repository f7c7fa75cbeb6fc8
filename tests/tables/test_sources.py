"""The published counts of the public data, and what a source says when its files are absent."""

import importlib.util
from decimal import ROUND_HALF_EVEN, Decimal

import pandas as pd
import pytest
from pydantic import ValidationError

from lifeworth.tables.errors import InputError
from lifeworth.tables.margin import order_value
from lifeworth.tables.sources import SOURCES
from lifeworth.tables.sources.cdnow import Cdnow
from lifeworth.tables.sources.online_retail import OnlineRetail
from lifeworth.tables.sources.online_retail_ii import OnlineRetailII
from lifeworth.tables.sources.shape import Source
from lifeworth.tables.sources.superstore import Superstore


def counted(tables):
    """Return customers, orders and the sum of the value in cents."""
    orders = tables.orders.mutate(value=order_value(tables.orders, tables.value_is))
    sums = orders.aggregate(
        customers=orders.customer_id.nunique(), orders=orders.count(), value=orders.value.sum()
    )
    return tuple(int(n) for n in sums.to_pandas().iloc[0])


@pytest.fixture(scope="module")
def master():
    return Cdnow().load()


@pytest.fixture(scope="module")
def wholesaler(data_folder):
    return OnlineRetailII(folder=str(data_folder), cancellations="match").load()


def test_cdnow_from_lifetimes(master):
    assert counted(master) == (23_570, 69_659, 250_031_563)
    assert (master.value_is, master.currency) == ("revenue", "USD")
    assert counted(Cdnow(which="sample").load()) == (2_357, 6_919, 24_409_194)


def test_cdnow_master_keeps_its_repeated_lines_and_free_orders(master):
    orders = master.orders.to_pandas()
    lines = orders[["customer_id", "ordered_at", "amount_cents"]]
    assert (orders.amount_cents == 0).sum() == 80
    assert len(lines.drop_duplicates(["customer_id", "ordered_at"])) == 67_591
    assert orders.order_id.is_unique
    assert orders.customer_id.min() == "00001"
    assert (orders.ordered_at.min(), orders.ordered_at.max()) == tuple(
        pd.to_datetime(["1997-01-01", "1998-06-30"])
    )


def test_cdnow_is_the_same_from_a_folder(data_folder, master):
    apart = Cdnow(folder=str(data_folder))
    assert apart.about.missing(apart.folder) == []
    assert apart.load().content_hash() == master.content_hash()
    few = Cdnow(which="sample", folder=str(data_folder)).load()
    assert few.content_hash() == Cdnow(which="sample").load().content_hash()


def test_cdnow_without_lifetimes_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"no file cdnow_master\.parquet.*pip install lifetimes"):
        Cdnow(folder=str(tmp_path)).load()


def test_online_retail(data_folder):
    tables = OnlineRetail(folder=str(data_folder / "online_retail"), price_above_zero=True).load()
    assert tables.order_lines.count().execute() == 397_884
    assert counted(tables)[0] == 4_338
    assert tables.currency == "GBP"


def test_online_retail_ii_counts_the_overlap_once(wholesaler):
    assert wholesaler.order_lines.count().execute() == 791_115
    assert counted(wholesaler)[:2] == (5_881, 36_975)
    assert wholesaler.customers.count().execute() == 5_881
    # 17,431,551 GBP; few prices have a fraction of a penny, and their roundings cancel.
    gross = wholesaler.orders.amount_cents.sum().execute() / 100
    assert gross == pytest.approx(17_431_551, abs=2)


def test_matching_cancellations_finds_the_largest_order_that_came_back(wholesaler):
    orders = wholesaler.orders
    large = orders.filter(orders.order_id == "541431").to_pandas().iloc[0]
    assert (large.customer_id, large.amount_cents, large.returned) == ("12346", 7_718_360, True)
    assert large.returned_at == pd.Timestamp("2011-01-18 10:17")
    assert counted(wholesaler)[2] < 1_743_155_116 - 7_718_360
    dated = orders.aggregate(back=orders.returned.sum(), dated=orders.returned_at.count())
    assert dated.to_pandas().iloc[0].tolist() == [301, 301]
    assert not orders.filter(orders.returned_at <= orders.ordered_at).count().execute()


def cents(money):
    return money.map(
        lambda x: int((Decimal(str(round(x, 6))) * 100).quantize(Decimal(1), ROUND_HALF_EVEN))
    )


def test_superstore_against_pandas(data_folder):
    raw = pd.read_parquet(data_folder / "superstore" / "superstore_orders.parquet")
    back = pd.read_parquet(data_folder / "superstore" / "superstore_returns.parquet")
    tables = Superstore(folder=str(data_folder)).load()
    orders, lines = tables.orders.to_pandas(), tables.order_lines.to_pandas()
    assert (len(orders), len(lines), orders.customer_id.nunique()) == (5_117, 10_194, 804)
    assert orders.returned.sum() == back["Order ID"].nunique() == 296
    assert orders.returned_at.isna().all()
    assert tables.value_is == "margin"
    paid = orders.amount_cents.sum() - orders.discount_cents.sum()
    assert paid == cents(raw.Sales).sum()
    assert paid - orders.cogs_cents.sum() == cents(raw.Profit).sum()
    assert paid / 100 == pytest.approx(2_326_534.35, abs=3)  # sd of 10,194 roundings is .29 USD
    assert (paid - orders.cogs_cents.sum()) / 100 == pytest.approx(292_296.81, abs=3)
    kept = raw[~raw["Order ID"].isin(back["Order ID"])]
    assert counted(tables)[2] == cents(kept.Profit).sum()
    share = lines.discount_cents.sum() / lines.amount_cents.sum()
    gross = raw.Sales / (1 - raw.Discount)
    assert share == pytest.approx((gross - raw.Sales).sum() / gross.sum(), rel=1e-5)


def test_superstore_refuses_what_it_cannot_read(data_folder, tmp_path):
    raw = pd.read_parquet(data_folder / "superstore" / "superstore_orders.parquet").head(10)
    returns = data_folder / "superstore" / "superstore_returns.parquet"
    (tmp_path / returns.name).write_bytes(returns.read_bytes())
    for change, said in [
        (
            {"Profit": raw.Sales + 1},
            "10 of 10 rows have a Profit above their Sales, so a cost below 0",
        ),
        ({"Discount": 1.0}, "10 of 10 rows have a Discount outside 0..1, first at row 1 (invoice"),
    ]:
        raw.assign(**change).to_parquet(tmp_path / "superstore_orders.parquet")
        with pytest.raises(InputError) as error:
            Superstore(folder=str(tmp_path)).load()
        assert said in str(error.value)


@pytest.mark.parametrize("name", ["online_retail", "online_retail_ii", "superstore"])
def test_absent_files_are_named_with_their_source(name, tmp_path):
    for folder in (None, str(tmp_path / "no"), str(tmp_path)):
        with pytest.raises(InputError, match=r"data\.folder=\.\.\. or .*LIFEWORTH_DATA") as error:
            SOURCES[name](folder=folder).load()
    said = str(error.value)
    about = SOURCES[name].about
    stem = next(iter(about.files))
    assert f"no file {stem}.parquet or {stem}.csv in '{tmp_path}'" in said
    assert about.where in said
    assert about.convert in said
    assert about.missing(str(tmp_path)) == list(about.files)


def test_an_unconverted_workbook_is_seen(tmp_path):
    (tmp_path / "online_retail_II.xlsx").touch()
    with pytest.raises(InputError, match=r"there is online_retail_II\.xlsx: convert it"):
        OnlineRetailII(folder=str(tmp_path)).load()


@pytest.mark.parametrize("name", SOURCES)
def test_sources_are_frozen_and_refuse_unknown_fields(name):
    needed = {"file": "a.csv", "columns": {}, "currency": "EUR"} if name == "files" else {}
    source = SOURCES[name](**needed)
    assert isinstance(source, Source)
    assert source.about.name == name
    with pytest.raises(ValidationError, match="folde"):
        SOURCES[name](folde="x", **needed)
    with pytest.raises(AttributeError):
        source.folder = "x"


def test_times_after_the_bound_are_refused():
    latest = pd.Timestamp("1998-01-01").to_pydatetime()
    with pytest.raises(InputError, match="rows have ordered_at after 1998-01-01 00:00"):
        Cdnow(which="sample").load(latest)
