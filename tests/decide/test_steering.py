"""What a penalty moves, against the lists themselves."""

import numpy as np
import pandas as pd
import pytest

from lifeworth.decide.rerank import ListCaps, Penalties, rerank
from lifeworth.decide.steering import sample, steer, values_of
from lifeworth.tables.errors import InputError

CAPS = ListCaps(size=3, per_category=2)


def made(visits=30):
    rng = np.random.default_rng(2)
    n = 12 * visits
    product = np.tile(np.arange(12), visits)
    cover = rng.exponential(8.0, 12)
    return pd.DataFrame(
        {
            "visit_id": np.repeat([f"v{i:03d}" for i in range(visits)], 12),
            "product_id": [f"p{i:02d}" for i in product],
            "p_purchase": rng.beta(1, 9, n),
            "margin_cents": rng.gamma(4.0, 300.0, 12)[product],
            "return_rate": rng.beta(1, 5, 12)[product],
            "stock_cover_days": cover[product],
            "stock_units": (1 + rng.integers(0, 3, 12))[product],
            "category": product % 4,
            "wanted": rng.random(n) < 0.05,
        }
    )


def test_each_value_is_what_its_lists_bring() -> None:
    """Recounted from the lists, a visit at a time."""
    now = Penalties(alpha=0.05, return_cents=300.0)
    frame = made()
    found = steer(frame, now, CAPS, "alpha", [0.0, 0.05, 1.0])
    assert found["value"].tolist() == [0.0, 0.05, 1.0]
    assert found["in_use"].tolist() == [False, True, False]
    for row in found.to_dict("records"):
        lists = rerank(frame, Penalties(alpha=row["value"], return_cents=300.0), CAPS)
        net, bought, hits, wanted, low, count = 0.0, 0.0, 0.0, 0, 0, 0
        asked: dict[str, float] = {}
        for _, own in lists.groupby("visit_id"):
            none = 1.0
            shown = own[own["rank"] > 0]
            for product in shown.to_dict("records"):
                p, m, r = (product[n] for n in ("p_purchase", "margin_cents", "return_rate"))
                net += p * ((1 - r) * m - r * 300.0)
                bought, none, count = bought + p, none * (1 - p), count + 1
                low += product["stock_cover_days"] < 7
                asked[product["product_id"]] = asked.get(product["product_id"], 0.0) + p
            hits, wanted = hits + 1 - none, wanted + bool(shown["wanted"].any())
        stock = frame.groupby("product_id")["stock_units"].first()
        short = sum(max(p - stock[name], 0.0) for name, p in asked.items())
        told = [net / 30, bought / 30, hits / 30, wanted / 30, count / 30, low / count, short]
        told.append(len(asked) / 12)
        columns = ["net_cents", "purchases", "hit_rate", "wanted_rate", "shown", "low_stock"]
        assert [row[n] for n in [*columns, "short_units", "coverage"]] == pytest.approx(told)


def test_a_higher_alpha_shows_less_low_stock_and_earns_no_more() -> None:
    """Without penalties the lists are those of greatest p m, so no others have more of it."""
    free = Penalties(alpha=0.0, beta=0.0)
    found = steer(made(), free, ListCaps(size=3), "alpha", [0.0, 0.01, 0.05, 0.2, 5.0])
    assert (found["low_stock"].diff().dropna() <= 0).all()
    assert found["low_stock"].iloc[-1] < 0.5 * found["low_stock"].iloc[0]
    frame = made().assign(return_rate=0.0)
    net = steer(frame, free, ListCaps(size=3), "alpha", [0.0, 0.01, 0.05, 0.2, 5.0])["net_cents"]
    assert (net.diff().dropna() <= 1e-9).all()


def test_values_are_around_the_one_in_use() -> None:
    assert values_of(Penalties(alpha=0.4), "alpha") == (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)
    assert values_of(Penalties(), "return_cents") == (0, 125, 250, 500, 1000, 2000)
    assert 0.0 not in values_of(Penalties(), "stock_cover_days")
    unknown = made().drop(columns=["wanted", "stock_units"])
    found = steer(unknown, Penalties(), CAPS, "beta")
    assert len(found) == 6
    assert found["in_use"].sum() == 1
    assert found[["wanted_rate", "short_units"]].isna().all(axis=None)


def test_some_visits_are_enough() -> None:
    frame = made()
    assert sample(frame) is frame
    few = sample(frame, 7)
    assert few["visit_id"].nunique() == 7
    assert {few["visit_id"].min(), few["visit_id"].max()} == {"v000", "v029"}
    assert (few.groupby("visit_id").size() == 12).all()


def test_wrong_penalties_are_named() -> None:
    with pytest.raises(InputError, match="no penalty 'gamma'; there are alpha, beta"):
        steer(made(), Penalties(), CAPS, "gamma")
    with pytest.raises(InputError, match="there are no values"):
        steer(made(), Penalties(), CAPS, "alpha", [])
    with pytest.raises(InputError, match="stock_cover_days = 0"):
        steer(made(), Penalties(), CAPS, "stock_cover_days", [0.0])
