"""What personas are made of: a naive twin in pandas."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lifeworth.asof.persona_features import FRACTION, NUMBERS, category_counts, persona_features
from lifeworth.asof.split import cut
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources import Cdnow, Simulated

CUTOFF = dt.date(2023, 5, 1)


@pytest.fixture(scope="module")
def history():
    store = Simulated(seed=2, world=World(customers=300, arrival_days=400.0)).load()
    return cut(store, CUTOFF, 90)[0]


def test_recent_columns_halve(history) -> None:
    """2 ** -(days since / half-life) of each day with a purchase, and of its value."""
    found = persona_features(history, 30, 90).set_index("customer_id")
    orders = history.tables.orders.to_pandas()
    orders["day"] = orders["ordered_at"].dt.floor("D")
    age = (pd.Timestamp(CUTOFF) - pd.Timedelta(days=1) - orders["day"]).dt.days
    daily = orders.assign(age=age).drop_duplicates(["customer_id", "day"])
    twin = (0.5 ** (daily["age"] / 30)).groupby(daily["customer_id"]).sum()
    slack = daily.groupby("customer_id").size() / FRACTION
    assert ((found["recent_purchases"] - twin).abs() <= slack).all()
    assert (found["frequency"] == daily.groupby("customer_id").size()).all()
    assert (found["recency_days"] == daily.groupby("customer_id")["age"].min()).all()
    once = found["frequency"] == 1
    weight = 0.5 ** (found["recency_days"] / 90)
    np.testing.assert_allclose(
        found.loc[once, "recent_value_cents"], (weight * found["monetary_cents"])[once], atol=1
    )


def test_columns_are_numbers_and_all_there(history) -> None:
    found = persona_features(history, 30, 90)
    assert tuple(found) == ("customer_id", *NUMBERS)
    assert found["customer_id"].is_monotonic_increasing
    assert np.isfinite(found[list(NUMBERS)].to_numpy()).all()
    assert (found["events_90d"] > 0).any()


def test_lines_by_category_add_up(history) -> None:
    found = category_counts(history)
    assert found.to_numpy().sum() == history.tables.order_lines.count().execute()
    assert found.index.tolist() == persona_features(history, 1, 1)["customer_id"].tolist()
    assert list(found) == sorted(found)


def test_a_store_without_categories_is_told() -> None:
    history = cut(Cdnow(which="sample").load(), dt.date(1997, 10, 1), 90)[0]
    with pytest.raises(InputError, match="needs order_lines, and products with a category"):
        category_counts(history)
    with pytest.raises(InputError, match="a half-life is 0 days"):
        persona_features(history, 0, 5)


def test_products_the_shop_does_not_know_are_unknown(history) -> None:
    fewer = replace(history.tables, products=history.tables.products.limit(1))
    assert category_counts(replace(history, tables=fewer))["unknown"].sum() > 0
