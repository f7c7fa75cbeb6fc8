"""The co-buy graph and the products as of a cut-off: plain loops over the same orders."""

import datetime as dt
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lifeworth.asof.product_graph import likeness, product_graph
from lifeworth.asof.products import product_frame
from lifeworth.asof.split import cut
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.simulated import Simulated

CUTOFF = dt.date(2022, 6, 1)


@pytest.fixture(scope="module")
def history():
    world = World(customers=200, days=300.0, products=25, return_rate=0.15, lines_beyond_first=3.0)
    return cut(Simulated(seed=8, world=world).load(), CUTOFF, 60)[0]


@pytest.fixture(scope="module")
def orders(history) -> dict[str, set[str]]:
    """Return the products of each kept order."""
    kept = history.tables.orders.to_pandas()
    kept = set(kept.loc[~kept["returned"], "order_id"])
    lines = history.tables.order_lines.to_pandas()
    return lines[lines["order_id"].isin(kept)].groupby("order_id")["product_id"].agg(set).to_dict()


@pytest.mark.parametrize("least", [1, 6])
def test_the_graph_is_what_loops_count(history, orders, least) -> None:
    count: dict[str, int] = {}
    both: dict[tuple[str, str], int] = {}
    for held in orders.values():
        for product in held:
            count[product] = count.get(product, 0) + 1
        for pair in permutations(sorted(held), 2):
            both[pair] = both.get(pair, 0) + 1
    found = product_graph(history, least=least, prior=4.0).to_pandas()
    told = found.set_index(["product_id", "other_id"])
    kept = {pair: n for pair, n in both.items() if n >= least}
    assert set(told.index) == set(kept)
    assert len(told) == len(kept) < len(count) ** 2
    for (i, j), n in kept.items():
        row, chance = told.loc[(i, j)], count[i] * count[j] / len(orders)
        assert row["orders"] == n
        assert row["support"] == pytest.approx(n / len(orders))
        assert row["confidence"] == pytest.approx(n / count[i])
        assert row["lift"] == pytest.approx(n / chance)
        assert row["lift_shrunken"] == pytest.approx((n + 4) / (chance + 4))


def test_the_shrunken_lift_is_the_mean_of_the_posterior(history) -> None:
    """By numbers: prior Gamma(3, 3) times the Poisson likelihood, over a fine grid."""
    row = product_graph(history, least=2, prior=3.0).to_pandas().iloc[0]
    chance = row["orders"] / row["lift"]
    grid = np.linspace(1e-6, 30, 200_001)
    weight = stats.gamma.pdf(grid, 3.0, scale=1 / 3.0)
    weight *= stats.poisson.pmf(int(row["orders"]), grid * chance)
    assert row["lift_shrunken"] == pytest.approx((grid * weight).sum() / weight.sum(), rel=1e-6)


def test_a_product_or_prior_that_makes_no_sense_is_refused(history) -> None:
    with pytest.raises(InputError, match="least = 0"):
        product_graph(history, least=0)
    with pytest.raises(InputError, match="prior = 0"):
        product_graph(history, prior=0.0)


def test_services_are_no_nodes(history) -> None:
    found = product_graph(history, least=1, services=("p0000001",)).to_pandas()
    assert "p0000001" not in set(found["product_id"]) | set(found["other_id"])


def test_products_are_what_loops_find(history, orders) -> None:
    tables = history.tables
    whole = tables.orders.to_pandas().set_index("order_id")
    lines = tables.order_lines.to_pandas()
    for row in product_frame(history).to_dict("records"):
        own = lines[lines["product_id"] == row["product_id"]]
        kept = own[own["order_id"].isin(orders)]
        paid = kept["amount_cents"] - kept["discount_cents"]
        of = whole.loc[kept["order_id"]]
        tax = of["tax_cents"].to_numpy() * paid / (
            (of["amount_cents"] - of["discount_cents"]).clip(lower=1).to_numpy()
        )  # fmt: skip
        number = kept["order_id"].nunique()
        assert row["orders"] == number
        assert row["customers"] == of["customer_id"].nunique()
        assert row["popularity"] == pytest.approx(number / len(orders))
        assert row["return_rate"] == pytest.approx(1 - number / own["order_id"].nunique())
        # each line is rounded to a cent
        price = (paid - tax).sum() / kept["quantity"].sum()
        assert row["price_cents"] == pytest.approx(price, abs=1)
        margin = (paid - tax - kept["cogs_cents"]).sum() / number
        assert row["margin_cents"] == pytest.approx(margin, abs=2)


def test_products_have_name_and_category_of_the_store(history) -> None:
    found = product_frame(history)
    named = history.tables.products.to_pandas().set_index("product_id")
    assert found["category"].tolist() == named.loc[found["product_id"], "category"].tolist()
    assert found["product_id"].is_monotonic_increasing


def test_likeness_is_the_cosine_of_what_products_are_bought_with(history) -> None:
    edges = product_graph(history, least=2, prior=1.0).to_pandas()
    weight = {
        (row.product_id, row.other_id): max(np.log(row.lift_shrunken), 0.0)
        for row in edges.itertuples()
    }
    ids = sorted(edges["product_id"].unique())
    for hero in ids[:4]:
        found = likeness(edges, hero)
        assert sorted(found.index) == [name for name in ids if name != hero]
        for other in found.index:
            rest = [name for name in ids if name not in (hero, other)]
            u, v = (np.array([weight.get((p, q), 0.0) for q in rest]) for p in (hero, other))
            length = np.sqrt(u @ u * (v @ v))
            assert found[other] == pytest.approx(u @ v / length if length else 0.0, abs=1e-9)


def test_products_that_go_with_the_same_things_are_alike_whether_or_not_with_each_other() -> None:
    """Two teas go with milk and sugar and never with each other; milk goes with both."""
    pairs = [("tea", "milk", 4.0), ("tea", "sugar", 3.0), ("herbal", "milk", 4.0),
             ("herbal", "sugar", 3.0), ("nails", "hammer", 5.0), ("tea", "nails", 0.5)]  # fmt: skip
    edges = pd.DataFrame(
        [e for a, b, lift in pairs for e in ((a, b, lift), (b, a, lift))],
        columns=["product_id", "other_id", "lift_shrunken"],
    )
    found = likeness(edges, "tea")
    assert found["herbal"] == pytest.approx(1.0)
    assert found["hammer"] == found["nails"] == 0.0
    assert likeness(edges, "unknown").empty
