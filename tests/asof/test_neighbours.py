"""What links customers: a naive twin in plain Python, who is left out, what is refused."""

import datetime as dt
from collections import Counter
from dataclasses import replace

import ibis
import pandas as pd
import pytest

from lifeworth.asof.neighbours import links, shared
from lifeworth.asof.split import cut
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.simulated import Simulated

CUTOFF = dt.date(2022, 3, 1)


@pytest.fixture(scope="module")
def tables():
    return Simulated(seed=4, world=World(customers=120, days=150, products=60)).load()


@pytest.fixture(scope="module")
def history(tables):
    return cut(tables, CUTOFF, 30)[0]


def with_households(history, households):
    """Give the history customers of these households alone."""
    customers = pd.DataFrame(
        {"customer_id": list(households), "household": list(households.values())}
    )
    tables = replace(history.tables, customers=ibis.memtable(customers))
    return replace(history, tables=tables)


def rows(pairs):
    return list(pairs.itertuples(index=False, name=None))


def test_who_bought_the_same_is_linked(tables, history):
    """Loop over lines; nothing that was bought from the cut-off on links anybody."""
    orders = tables.orders.to_pandas()
    who = dict(zip(orders.order_id, orders.customer_id, strict=True))
    before = set(orders.order_id[orders.ordered_at < pd.Timestamp(CUTOFF)])
    lines = tables.order_lines.to_pandas()
    bought = {
        (who[order], product)
        for order, product in zip(lines.order_id, lines.product_id, strict=True)
        if order in before
    }
    assert rows(links(history, "co_purchase")) == sorted(bought)
    assert len(before) < len(orders)


def test_who_has_a_column_in_common_is_linked(tables, history):
    customers = tables.customers.to_pandas()
    country = dict(zip(customers.customer_id, customers.country, strict=True))
    known = sorted(history.customers().to_pandas()["customer_id"])
    assert len(known) < len(country)
    assert rows(links(history, "country")) == [(who, country[who]) for who in known]


def test_who_has_no_value_is_in_no_group(history):
    known = sorted(history.customers().to_pandas()["customer_id"])[:5]
    households = dict(zip(known, ["h2", None, "", " ", "h1"], strict=True))
    found = links(with_households(history, households), "household")
    assert rows(found) == [(known[0], "h2"), (known[4], "h1")]
    assert found.columns.tolist() == ["customer_id", "group"]
    assert found.index.equals(pd.RangeIndex(2))


def test_without_lines_nobody_is_linked(history):
    bare = replace(history, tables=replace(history.tables, order_lines=None))
    found = links(bare, "co_purchase")
    assert found.columns.tolist() == ["customer_id", "group"]
    assert len(found) == len(shared(found, 10)) == 0


def test_a_column_that_is_not_there_is_refused_by_name(history):
    with pytest.raises(InputError, match=r"there is no text column 'contry'.*'country'"):
        links(history, "contry")


@pytest.mark.parametrize("most", [1, 2, 3, 5, 10**6])
def test_groups_of_two_to_so_many_are_kept(history, most):
    pairs = links(history, "co_purchase")
    size = Counter(pairs["group"])
    kept = [(who, group) for who, group in rows(pairs) if 2 <= size[group] <= most]
    found = shared(pairs, most)
    assert rows(found) == kept
    assert found.index.equals(pd.RangeIndex(len(kept)))
    assert (len(kept) == 0) == (most == 1)
    assert {1, 2, 3} <= set(size.values())
