"""Text and numbers against Python's own decimals and dates."""

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeworth.tables.money import to_cents, whole
from lifeworth.tables.parsing import parsed


def read(values, kind, date_format=None, dtype="string"):
    table = ibis.memtable({"x": values}, schema={"x": dtype})
    return table.select(y=parsed(table.x, kind, date_format)).to_pyarrow()["y"].to_pylist()


exact = st.decimals(-(10**7), 10**7, places=4)


@settings(max_examples=12)
@given(st.lists(exact, min_size=20, max_size=60))
def test_money_becomes_cents_as_decimals_round_half_even(amounts):
    written = [str(a) for a in amounts]
    expected = [int((a * 100).quantize(Decimal(1), ROUND_HALF_EVEN)) for a in amounts]
    assert read(written, "money") == expected
    assert read([float(a) for a in amounts], "money", dtype="float64") == expected


@pytest.mark.parametrize(
    ("money", "cents"),
    [
        ("0.285", 28),
        ("0.295", 30),
        ("-0.285", -28),
        ("1.005", 100),
        ("1.015", 102),
        ("11.77", 1177),
    ],
)
def test_halves_of_a_cent_that_binary_cannot_hold(money, cents):
    assert read([money], "money") == [cents]


def test_cents_and_counts_are_whole():
    assert read(["12", "12.5", "13.5", "x", ""], "cents") == [12, 12, 14, None, None]
    assert read(["12", "12.5", " 7 "], "count") == [12, None, 7]
    table = ibis.memtable({"x": [1e9, None]}, schema={"x": "float64"})
    assert table.select(y=whole(table.x)).to_pyarrow()["y"].to_pylist() == [10**9, None]
    assert table.select(y=to_cents(table.x)).to_pyarrow()["y"].to_pylist() == [10**11, None]


def test_what_is_no_number_is_null():
    assert read(["nan", "inf", "1e300", "12,5", "$3"], "money") == [None] * 5


def test_text_keeps_leading_zeros_and_whole_floats_lose_the_point():
    assert read(["007", " a", "", "  "], "text") == ["007", "a", None, None]
    assert read([12346.0, 1.5, None], "text", dtype="float64") == ["12346", "1.5", None]
    assert read([7, None], "text", dtype="int64") == ["7", None]


def test_times_without_zone_are_utc_and_others_are_moved():
    got = read(["2020-01-02", "2020-01-02T10:00:00+02:00", "2020-13-01", "20200102"], "time")
    day = datetime.fromisoformat("2020-01-02")
    assert got == [day, day.replace(hour=8), None, None]
    assert read(["02/01/2020", "2020-01-02"], "time", "%d/%m/%Y") == [day, None]
    assert read([20200102], "time", "%Y%m%d", "int64") == [day]
    assert read([day.date()], "time", dtype="date") == [day]


def test_words_of_truth():
    words = ["Yes", "n", "1", "FALSE", "maybe", ""]
    assert read(words, "truth") == [True, False, True, False, None, None]
    assert read([1, 0, None], "truth", dtype="int64") == [True, False, None]
    assert read(pd.array([True, None]).tolist(), "truth", dtype="boolean") == [True, None]
