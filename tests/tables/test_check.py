"""Every check is broken once, and has to say what, how many, which and what to do."""

from datetime import datetime

import ibis
import pandas as pd
import pytest

from lifeworth.tables.check import check, checked
from lifeworth.tables.errors import InputError
from lifeworth.tables.schema import SCHEMAS

LATEST = datetime.fromisoformat("2024-01-01")

TYPES = {"cogs_cents": "int64", "returned_at": "timestamp"}


def orders(duck, rows=4, **columns):
    """Return a good orders table with the given columns changed."""
    good = {
        "order_id": [f"A{i}" for i in range(rows)],
        "customer_id": [f"c{i // 2}" for i in range(rows)],
        "ordered_at": pd.date_range("2023-01-01", periods=rows),
        "currency": "USD",
        "amount_cents": 1_000,
        "discount_cents": 0,
        "tax_cents": 0,
        "shipping_cents": 0,
        "cogs_cents": 400,
        "returned": False,
        "returned_at": pd.Series([None] * rows, dtype="datetime64[us]"),
    }
    frame = pd.DataFrame(good | columns)
    table = duck.create_table("frame", ibis.memtable(frame), overwrite=True)
    return table.cast({name: kind for name, kind in TYPES.items() if name in columns})


def complaint(duck, **columns):
    with pytest.raises(InputError) as error:
        checked(orders(duck, **columns), currency="USD", latest=LATEST)
    return str(error.value)


def test_good_orders_pass_and_are_margin(duck):
    tables = checked(orders(duck), currency="USD", latest=LATEST)
    assert tables.value_is == "margin"
    assert tuple(tables.orders.columns) == tuple(SCHEMAS["orders"].columns)


def test_one_unknown_cost_makes_the_store_revenue(duck):
    tables = checked(orders(duck, cogs_cents=[1.0, None, 3.0, 4.0]), currency="USD")
    assert tables.value_is == "revenue"


def test_no_bound_means_that_no_date_is_too_late(duck):
    far = pd.to_datetime(["2023-01-01", "2023-01-02", "2023-01-03", "2999-01-01"])
    assert checked(orders(duck, ordered_at=far), currency="USD").orders.count().execute() == 4


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"amount_cents": [1, 2, -420, -7]},
            "orders: 2 of 4 rows have amount_cents < 0, first at row 3 (order 'A2', -420);"
            " refunds are rows with returned = true",
        ),
        (
            {"shipping_cents": [0, -1, 0, 0]},
            "orders: 1 of 4 rows have shipping_cents < 0, first at row 2 (order 'A1', -1)",
        ),
        (
            {"cogs_cents": [1.0, None, -3.0, None]},
            "orders: 1 of 4 rows have cogs_cents < 0, first at row 3 (order 'A2', -3)",
        ),
        (
            {"order_id": ["A0", None, "A2", "A3"]},
            "orders: 1 of 4 rows have no order_id, first at row 2 (missing); fill it in",
        ),
        (
            {"customer_id": ["c", "c", None, None]},
            "orders: 2 of 4 rows have no customer_id, first at row 3 (order 'A2', missing)",
        ),
        (
            {"order_id": ["A0", "A1", "A0", "A0"]},
            "orders: 2 of 4 rows repeat the order_id of an earlier row, first at row 3 ('A0'); it"
            " holds one row per order",
        ),
        (
            {"currency": ["USD", "EUR", "USD", "EUR"]},
            "orders: 2 of 4 rows have a currency other than 'USD', first at row 2 (order 'A1',"
            " 'EUR'); a store has one currency",
        ),
        (
            {
                "ordered_at": pd.to_datetime(
                    ["2023-01-01", "2023-01-02", "2024-01-02", "2023-01-04"]
                )
            },
            "orders: 1 of 4 rows have ordered_at after 2024-01-01 00:00, first at row 3 (order"
            " 'A2', 2024-01-02 00:00:00); check the date format",
        ),
        (
            {"ordered_at": pd.to_datetime(["2023-01-01", None, "2023-01-02", "2023-01-04"])},
            "orders: 1 of 4 rows have no ordered_at, first at row 2 (order 'A1', missing)",
        ),
        (
            {"returned_at": pd.to_datetime([None, None, None, "2025-01-01"])},
            "orders: 1 of 4 rows have returned_at after 2024-01-01 00:00, first at row 4",
        ),
        (
            {"returned": pd.array([True, None, False, False], dtype="boolean")},
            "orders: 1 of 4 rows have no returned, first at row 2",
        ),
        (
            {"amount_cents": ["1", "2", "3", "4"]},
            "orders: column 'amount_cents' is string, not int64 (first value '1'); cast it",
        ),
        (
            {"amount_cents": [1.5, 2.0, 3.0, 4.0]},
            "orders: column 'amount_cents' is float64, not int64 (first value 1.5); cast it",
        ),
        (
            {"ordered_at": ["2023-01-01"] * 4},
            "orders: column 'ordered_at' is string, not timestamp (first value '2023-01-01')",
        ),
    ],
)
def test_each_fault_says_table_count_column_example_and_remedy(duck, columns, said):
    assert said in complaint(duck, **columns)


def test_a_time_with_a_zone_has_the_wrong_type(duck):
    zoned = orders(duck).mutate(ordered_at=lambda t: t.ordered_at.cast("timestamp('UTC')"))
    with pytest.raises(InputError, match=r"column 'ordered_at' is timestamp\('UTC'"):
        check("orders", zoned)


def test_all_faults_are_told_at_once(duck):
    said = complaint(duck, amount_cents=[-1, 2, 3, 4], tax_cents=[0, 0, 0, -9]).splitlines()
    assert [line.split(" rows ")[1].split(",")[0] for line in said] == [
        "have amount_cents < 0",
        "have tax_cents < 0",
    ]


def test_a_missing_column_lists_what_is_there_and_guesses(duck):
    table = orders(duck).rename(customer="customer_id")
    with pytest.raises(InputError) as error:
        check("orders", table)
    said = str(error.value)
    assert said.startswith(
        "orders: no column 'customer_id', did you mean 'customer'?; there are 'or"
    )
    assert "who ordered" in said


def test_an_empty_table_is_refused(duck):
    empty = orders(duck).limit(0)
    with pytest.raises(InputError, match="orders: the table has no rows; check that the file"):
        check("orders", empty)


def test_an_unknown_table_is_refused_with_a_guess(duck):
    with pytest.raises(InputError, match="called 'order', did you mean 'orders'"):
        check("order", orders(duck))


def test_a_key_of_two_columns_is_unique_as_a_pair():
    lines = pd.DataFrame(
        {
            "order_id": ["a", "a", "b"],
            "line_number": [1, 2, 1],
            "product_id": "p",
            "quantity": 1,
            "amount_cents": 1,
            "discount_cents": 0,
            "cogs_cents": 0,
        }
    )
    assert check("order_lines", ibis.memtable(lines)).count().execute() == 3
    with pytest.raises(InputError, match="1 of 3 rows repeat the order_id and line_number"):
        check("order_lines", ibis.memtable(lines.assign(line_number=1, order_id=["a", "b", "b"])))
    with pytest.raises(
        InputError, match=r"rows have quantity < 1, first at row 1 \(order 'a', 0\)"
    ):
        check("order_lines", ibis.memtable(lines.assign(quantity=0)))


def test_optional_columns_may_be_absent_and_others_are_kept_behind():
    customers = ibis.memtable(pd.DataFrame({"age": [30, 40], "customer_id": ["a", "b"]}))
    assert check("customers", customers).columns == ("customer_id", "age")


def test_bounds_above_are_kept():
    frame = pd.DataFrame(
        {
            "customer_id": ["a"],
            "campaign_id": ["k"],
            "arm": ["control"],
            "assigned_at": pd.to_datetime(["2023-01-01"]),
            "propensity": [1.5],
        }
    )
    with pytest.raises(InputError, match=r"treatments: 1 of 1 rows have propensity > 1, first at"):
        check("treatments", ibis.memtable(frame))


def test_more_off_than_the_amount_is_refused(duck):
    said = complaint(duck, discount_cents=[0, 900, 1_500, 0], tax_cents=100)
    assert "1 of 4 rows have discount_cents + tax_cents > amount_cents" in said
    assert "order 'A2'" in said


def test_a_return_before_its_order_is_refused(duck):
    back = pd.Series([pd.Timestamp("2022-12-31"), None, None, None], dtype="datetime64[us]")
    said = complaint(duck, returned=[True, False, False, False], returned_at=back)
    assert "1 of 4 rows have returned_at < ordered_at" in said


def test_a_time_before_there_were_such_shops_is_refused(duck):
    days = pd.to_datetime(["2023-01-01", "1823-01-02", "2023-01-03", "2023-01-04"]).astype(
        "datetime64[us]"
    )
    assert "1 of 4 rows have ordered_at before 1900" in complaint(duck, ordered_at=days)
