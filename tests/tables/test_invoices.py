"""Cancellations against a stack in plain Python, and the overlap of two sheets."""

from datetime import datetime, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from lifeworth.tables.errors import InputError
from lifeworth.tables.reading import connect
from lifeworth.tables.sources.invoices import Cleaning, load_invoices
from lifeworth.tables.sources.online_retail_ii import without_overlap

START = datetime.fromisoformat("2010-11-01")

SCHEMA = {
    "row": "int64",
    "order_id": "string",
    "product_id": "string",
    "name": "string",
    "quantity": "int64",
    "ordered_at": "timestamp",
    "price": "float64",
    "customer_id": "string",
    "country": "string",
}

OPTIONS = {"cancellations": "drop", "price_above_zero": False, "drop_exact_duplicates": False}


def lines_of(rows):
    """Return raw lines of (order_id, product, quantity, minute, price, customer)."""
    records = [
        (i, order, product, "x", quantity, START + timedelta(minutes=minute), price, customer, "UK")
        for i, (order, product, quantity, minute, price, customer) in enumerate(rows)
    ]
    return pd.DataFrame(records, columns=list(SCHEMA))


def load(rows, **options):
    con = connect()
    raw = con.create_table("raw", ibis.memtable(lines_of(rows), schema=SCHEMA))
    return load_invoices(con, raw, Cleaning(**OPTIONS | options), None)


def matched_by_stack(rows):
    """Return {order: time of return or None} by pushing lines and popping them at each credit."""
    order = sorted(range(len(rows)), key=lambda i: (rows[i][3], rows[i][2] > 0, i))
    open_lines, back = {}, {}
    for i in order:
        _, product, quantity, minute, price, customer = rows[i]
        stack = open_lines.setdefault((product, abs(quantity), price, customer), [])
        if quantity > 0:
            stack.append(i)
        elif stack:
            back[stack.pop()] = minute
    orders = {}
    for i, row in enumerate(rows):
        if row[2] > 0:
            orders.setdefault(row[0], []).append(back.get(i))
    return {o: None if None in times else max(times) for o, times in orders.items()}


def random_rows(rng, customers, lines):
    """Return lines and credits of few products, sizes and minutes, so that many of them match."""
    rows = []
    for _ in range(customers * lines):
        customer, credit = rng.integers(customers), rng.random() < 0.5
        number, pieces = f"{customer}-{rng.integers(5)}", int(rng.integers(1, 3))
        product, minute = "pq"[rng.integers(2)], int(rng.integers(7))
        sign, invoice = (-1, f"C{number}") if credit else (1, number)
        rows.append((invoice, product, sign * pieces, minute, 1.0, f"c{customer}"))
    return rows


def test_matching_is_a_stack_per_customer_product_price_and_quantity():
    rows = random_rows(np.random.default_rng(0), customers=300, lines=14)
    expected = matched_by_stack(rows)
    assert 100 < sum(back is not None for back in expected.values()) < len(expected) - 100
    got = load(rows, cancellations="match").orders.to_pandas().set_index("order_id").returned_at
    minutes = {
        o: None if pd.isna(t) else (t - START) / timedelta(minutes=1) for o, t in got.items()
    }
    assert minutes == expected


def test_a_credit_needs_the_same_customer_product_price_and_quantity():
    sale, credit = ("1", "p", 3, 0, 2.0, "same"), ("C1", "p", -3, 1, 2.0, "same")
    rows = [sale, credit]
    for customer, place, other in [
        ("product", 1, "q"),
        ("quantity", 2, -2),
        ("time", 3, 0),
        ("price", 4, 2.5),
        ("customer", 5, "another"),
    ]:
        changed = [*credit[:5], customer]
        changed[place] = other
        rows += [(customer, *sale[1:5], customer), tuple(changed)]
    orders = load(rows, cancellations="match").orders
    assert orders.filter("returned").to_pandas().order_id.tolist() == ["1"]
    assert orders.count().execute() == 6
    assert not load(rows).orders.returned.any().execute()


def test_the_ways_to_clean():
    rows = [
        ("1", "p", 1, 0, 2.0, "c"),
        ("1", "p", 1, 0, 2.0, "c"),
        ("1", "q", 1, 0, 0.0, "c"),
        ("2", "p", 1, 5, 2.0, None),
        ("C3", "p", -1, 6, 2.0, "c"),
    ]
    sums = {
        "as it is": load(rows),
        "price": load(rows, price_above_zero=True),
        "copies": load(rows, drop_exact_duplicates=True),
    }
    counts = {name: tables.order_lines.count().execute() for name, tables in sums.items()}
    assert counts == {"as it is": 3, "price": 2, "copies": 2}
    assert sums["as it is"].orders.amount_cents.sum().execute() == 400
    numbers = sums["as it is"].order_lines.order_by("line_number").to_pandas().line_number.tolist()
    assert numbers == [1, 2, 3]


def sheets(rows):
    return ibis.memtable(lines_of(rows), schema=SCHEMA)


def test_the_overlap_is_halved_wherever_the_sheets_meet():
    day = 24 * 60
    before, twin = ("1", "p", 1, 0, 2.0, "c"), ("2", "p", 1, 30 * day, 2.0, "c")
    after = ("3", "p", 1, 39 * day, 2.0, "c")
    rows = [before, before, twin, twin, twin, twin, after, after]
    kept = without_overlap(sheets(rows)).order_by("row").to_pandas()
    assert kept.order_id.tolist() == ["1", "1", "2", "2", "3", "3"]
    mended = [before, twin, (*twin[:4], 3.0, "c"), after]
    assert without_overlap(sheets(mended)).count().execute() == 4
    broken = [twin, twin, *[(f"{i}", "p", 1, 30 * day, 2.0, "c") for i in (5, 5, 6)]]
    with pytest.raises(InputError, match=r"1 of 3 distinct lines of 2010-12-01\.\.2010-12-09"):
        without_overlap(sheets(broken))
