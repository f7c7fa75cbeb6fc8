"""The value of an order against figures worked by hand."""

import ibis
import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeworth.tables.margin import order_value

COLUMNS = (
    "amount_cents",
    "discount_cents",
    "tax_cents",
    "shipping_cents",
    "cogs_cents",
    "returned",
)


def value(rows, value_is):
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    table = ibis.memtable(frame)
    return table.select(order_value(table, value_is)).to_pyarrow()["value_cents"].to_pylist()


def test_the_worked_example():
    kept = (12_000, 2_000, 1_597, 400, 5_000, False)
    rows = [kept, (*kept[:-1], True)]
    assert value(rows, "margin") == [3_003, -400]
    assert value(rows, "revenue") == [8_403, 0]


def test_a_margin_may_be_negative_and_an_unknown_cost_is_unknown():
    assert value([(100, 0, 0, 30, 90, False)], "margin") == [-20]
    table = ibis.memtable(pd.DataFrame([(100, 0, 0, 0, False)], columns=[*COLUMNS[:4], "returned"]))
    unknown = table.mutate(cogs_cents=ibis.null("int64"))
    assert unknown.select(order_value(unknown, "margin")).to_pyarrow()[0].to_pylist() == [None]
    assert unknown.select(order_value(unknown, "revenue")).to_pyarrow()[0].to_pylist() == [100]


cents = st.integers(0, 10**12)


@settings(max_examples=15)
@given(
    st.lists(st.tuples(cents, cents, cents, cents, cents, st.booleans()), min_size=1, max_size=20)
)
def test_it_is_the_brief_in_integers(rows):
    a, d, t, s, c, returned = np.array(rows, dtype=object).T
    paid = np.where(returned, 0, a - d - t)
    assert value(rows, "revenue") == list(paid)
    assert value(rows, "margin") == list(np.where(returned, 0, a - d - t - c) - s)
