"""What does not change in time about customers: groups and numbers, known at the cut-off."""

import datetime as dt
from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest

from lifeworth.asof.attributes import categories, numbers
from lifeworth.asof.split import cut, latest
from lifeworth.tables.check import checked
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.simulated import Simulated

CUTOFF = dt.date(2024, 3, 1)
COHORTS = ["cohort_year", "cohort_quarter", "cohort_month"]

ROWS = [
    ("a", "2023-11-30 23:59:59", 1_000, None), ("a", "2023-12-01", 700, None),
    ("b", "2024-01-01", 2_000, "2024-01-09"), ("b", "2024-01-01 08:00", 500, None),
    ("c", "2024-02-29 23:59:59", 4_000, "2024-03-01"), ("c", "2024-03-02", 1, None),
    ("late", "2024-03-01", 9_000, None), ("d", "2024-02-10", 900, None),
]  # fmt: skip

PEOPLE = {
    "customer_id": ["a", "b", "c", "late", "stranger"],
    "country": ["France", None, "  ", "Spain", "Spain"],
    "shirt": ["M", "L", "S", "S", "S"],
    "age": [31.0, 42.0, np.nan, 7.0, 8.0],
    "children": [2, 0, 1, 0, 0],
}


def store(rows=ROWS, **columns):
    customer, at, amount, back = zip(*rows, strict=True)
    orders = pd.DataFrame({
        "order_id": [f"{who} {when}" for who, when, *_ in rows],
        "customer_id": customer,
        "ordered_at": pd.to_datetime(list(at), format="ISO8601").astype("datetime64[us]"),
        "currency": "EUR",
        "amount_cents": amount,
        **dict.fromkeys(["discount_cents", "tax_cents"], 0),
        "shipping_cents": 100,
        "cogs_cents": 0,
        "returned": [moment is not None for moment in back],
        "returned_at": pd.to_datetime(list(back)).astype("datetime64[us]"),
    })  # fmt: skip
    people = ibis.memtable(pd.DataFrame(PEOPLE | columns))
    return checked(ibis.memtable(orders), {"customers": people}, currency="EUR")


@pytest.fixture(scope="module")
def history():
    return cut(store(), CUTOFF, 30)[0]


def test_cohorts_are_those_of_the_first_purchase(history):
    frame = categories(history, COHORTS)
    assert frame.to_dict("list") == {
        "customer_id": ["a", "b", "c", "d"],
        "cohort_year": ["2023", "2024", "2024", "2024"],
        "cohort_quarter": ["2023-Q4", "2024-Q1", "2024-Q1", "2024-Q1"],
        "cohort_month": ["2023-11", "2024-01", "2024-02", "2024-02"],
    }


def test_a_window_begins_the_cohorts_anew():
    history, _ = cut(store(), CUTOFF, 30, window=91)
    assert categories(history, ["cohort_month"])["cohort_month"].tolist()[0] == "2023-12"


def test_text_of_the_shop_and_what_it_does_not_know(history):
    frame = categories(history, ["shirt", "country", "cohort_year"])
    assert list(frame.columns) == ["customer_id", "shirt", "country", "cohort_year"]
    assert frame["shirt"].tolist() == ["M", "L", "S", "unknown"]  # d is in no table
    assert frame["country"].tolist() == ["France", "unknown", "unknown", "unknown"]
    assert all(type(level) is str for level in frame.to_numpy().ravel())


def test_the_first_value_is_what_was_known_at_the_cut_off(history):
    frame = numbers(history, ["first_value", "first_value_log"])
    # a: one order of the day; b: one came back; c: came back on the cut-off, which is not known
    assert frame["first_value"].tolist() == [900.0, 300.0, 3_900.0, 800.0]
    assert frame["first_value_log"].tolist() == pytest.approx(np.log1p([9, 3, 39, 8]))
    later = latest(store())
    known = numbers(later, ["first_value"]).set_index("customer_id")["first_value"]
    assert known["c"] == -100.0
    log = numbers(later, ["first_value_log"]).set_index("customer_id")["first_value_log"]
    assert log["c"] == 0.0
    by_moment = replace(history, purchase="order")
    assert numbers(by_moment, ["first_value"])["first_value"].tolist() == [900, -100, 3_900, 800]


def test_numbers_of_the_shop_may_not_be_missing(history):
    people = PEOPLE | {"customer_id": ["a", "b", "c", "late", "d"]}
    whole, _ = cut(store(**people), CUTOFF, 30)
    assert numbers(whole, ["children"])["children"].tolist() == [2.0, 0.0, 1.0, 0.0]
    assert numbers(whole, ["children"])["children"].dtype == np.float64
    with pytest.raises(InputError, match=r"'age' is missing or not finite for 1 of 4 .*first 'c'"):
        numbers(whole, ["age"])
    with pytest.raises(InputError, match=r"'children' is missing .* 1 of 4 customers, first 'd'"):
        numbers(history, ["children"])


def test_the_order_of_rows_and_what_comes_after_the_cut_off_change_nothing(history):
    frame, value = categories(history, [*COHORTS, "shirt"]), numbers(history, ["first_value"])
    other = cut(store(ROWS[::-1]), CUTOFF, 30)[0]
    pd.testing.assert_frame_equal(categories(other, [*COHORTS, "shirt"]), frame)
    pd.testing.assert_frame_equal(numbers(other, ["first_value"]), value)
    before = [row if row[0] != "c" else (*row[:3], None) for row in ROWS if row[1] < "2024-03-01"]
    assert len(before) == 6
    known = replace(latest(store(before)), cutoff=CUTOFF)
    pd.testing.assert_frame_equal(categories(known, [*COHORTS, "shirt"]), frame)
    pd.testing.assert_frame_equal(numbers(known, ["first_value"]), value)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (["contry"], "no text column 'contry', did you mean 'country'?; there are cohort_year"),
        (["shirt", "shirt"], "'shirt' is named twice"),
        (["age"], "no text column 'age' (it is of float64)"),
        (["customer_id"], "no text column 'customer_id'"),
        (["first_value"], "name one of these, or give the customers table such a column"),
    ],
)
def test_columns_that_are_not_there_are_named(history, columns, says):
    with pytest.raises(InputError) as refused:
        categories(history, columns)
    assert says in str(refused.value)


def test_numbers_are_not_text_and_a_store_may_know_no_customers(history):
    with pytest.raises(InputError, match=r"no numeric column 'shirt' \(it is of string\)"):
        numbers(history, ["shirt"])
    bare = replace(history, tables=replace(history.tables, customers=None))
    assert categories(bare, ["cohort_year"])["cohort_year"].tolist()[0] == "2023"
    with pytest.raises(InputError, match="there are cohort_year, cohort_quarter, cohort_month;"):
        categories(bare, ["country"])


def test_names_of_the_shop_never_meet_ours():
    odd = {"first_at": list("vwxyz"), "self": list("vwxyz"), "cohort_year": list("vwxyz")}
    history, _ = cut(store(**odd), CUTOFF, 30)
    frame = categories(history, ["first_at", "self", "cohort_year"])
    assert frame["first_at"].tolist() == frame["self"].tolist() == ["v", "w", "x", "unknown"]
    assert frame["cohort_year"].tolist() == ["2023", "2024", "2024", "2024"]
    history, _ = cut(store(first=[1, 2, 3, 4, 5], customer_id=list("abcde")), CUTOFF, 30)
    assert numbers(history, ["first", "first_value"])["first"].tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.spark
def test_spark_and_duckdb_find_the_same(spark):
    tables = Simulated(seed=5, world=World(customers=300, days=300)).load()
    connection = ibis.pyspark.connect(spark)

    def there(name, table):
        return connection.create_table(f"attributes_{name}", table.to_pyarrow(), overwrite=True)

    here, other = (cut(t, dt.date(2022, 4, 20), 90)[0] for t in (tables, tables.mapped(there)))
    columns = [*COHORTS, "country"]
    pd.testing.assert_frame_equal(categories(here, columns), categories(other, columns))
    value = ["first_value", "first_value_log"]
    pd.testing.assert_frame_equal(numbers(here, value), numbers(other, value), check_exact=True)
