"""The simulated catalogue against its truth, and against a visitor in plain steps."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy import stats

from lifeworth.run.cli import main
from lifeworth.tables.simulate_catalogue import (
    NOTHING,
    CatalogueWorld,
    Visiting,
    alone,
    browsing,
    catalogue,
    catalogue_products,
    expected,
    happened,
    visiting,
)
from lifeworth.tables.sources import VISITS
from lifeworth.tables.sources.simulated_catalogue import SimulatedCatalogue

WORLD = CatalogueWorld(customers=50, products=40, categories=4, sellers=5, click=0.4, buy=0.4,
                       conflicts=0.1)  # fmt: skip
KNOWN = catalogue(WORLD, 3)


def logistic(x):
    return 1 / (1 + np.exp(-x))


def by_steps(customer, cart, products):
    """Return what each place brings, a visitor at a time, as the module's text says it."""
    looks, found = 1.0, []
    for place, own in enumerate(products):
        fits = WORLD.strength * float(KNOWN.taste[customer] @ KNOWN.place[own])
        odds = np.log(WORLD.click / (1 - WORLD.click)) + KNOWN.charm[own] + fits
        if any(KNOWN.substitutes[own, other] for other in (cart, *products[:place])):
            odds += np.log(WORLD.substitute)
        click = logistic(odds)
        buy = logistic(np.log(WORLD.buy / (1 - WORLD.buy)) + 0.5 * fits)
        buy = 0.0 if KNOWN.conflicts[own, cart] else buy
        product = KNOWN.products.iloc[own]
        rate, margin = product["return_rate"], product["margin_cents"]
        sold = looks * click * buy
        found.append((looks, looks * click, sold,
                      sold * ((1 - rate) * margin - rate * WORLD.return_cents)))  # fmt: skip
        looks *= (1 - click) * WORLD.on_skip + click * (1 - buy) * WORLD.on_click
    return np.array(found)


def drawn(visits, places, seed=0):
    """Return visits with lists of products of the cart's category, many of them substitutes."""
    rng = np.random.default_rng(seed)
    who = visiting(WORLD, visits, seed)
    order = rng.random((visits, WORLD.products // 4)).argsort(axis=1)[:, :places]
    return who, 4 * order + who.cart[:, None] % 4


def test_what_lists_bring_is_what_a_visitor_does_step_by_step() -> None:
    who, shown = drawn(60, 5)
    found = expected(WORLD, KNOWN, who, shown)
    alike = 0
    for v in range(60):
        steps = by_steps(who.customer[v], who.cart[v], shown[v])
        for name, column in zip(found._fields, steps.T, strict=True):
            assert getattr(found, name)[v] == pytest.approx(column, rel=1e-12)
        alike += KNOWN.substitutes[shown[v, 0], shown[v, 1]]
    assert alike > 10
    assert (found.purchases == 0).any()


def test_draws_average_to_the_truth() -> None:
    """40,000 visits to three lists: each mean within 5 standard errors of what is expected."""
    who, shown = drawn(3, 5, seed=1)
    truth = expected(WORLD, KNOWN, who, shown)
    many = Visiting(np.repeat(who.customer, 40_000), np.repeat(who.cart, 40_000))
    found = happened(WORLD, KNOWN, many, np.repeat(shown, 40_000, axis=0), seed=2)
    for name in ("clicks", "purchases", "net_cents"):
        each = getattr(found, name).reshape(3, 40_000, 5)
        error = each.std(axis=1) / np.sqrt(40_000)
        assert (np.abs(each.mean(axis=1) - getattr(truth, name)) <= 5 * error + 1e-12).all()
    assert found.purchases.sum(axis=1).max() == 1
    assert (found.purchases <= found.clicks).all()


def test_a_list_may_end_and_its_head_is_worth_what_it_is_alone() -> None:
    who, shown = drawn(40, 5)
    short = shown.copy()
    short[:, 3:] = NOTHING
    whole, part = (expected(WORLD, KNOWN, who, s) for s in (shown, short))
    for name in whole._fields:
        assert getattr(part, name)[:, :3] == pytest.approx(getattr(whole, name)[:, :3])
        assert not getattr(part, name)[:, 3:].any()
    assert not happened(WORLD, KNOWN, who, short, 0).clicks[:, 3:].any()
    head = alone(WORLD, KNOWN, who, shown)
    for name in ("clicks", "purchases", "net_cents"):
        assert getattr(head, name)[:, 0] == pytest.approx(getattr(whole, name)[:, 0])


def test_products_have_the_moments_they_are_said_to_have() -> None:
    """Of 20,000 products; 5 standard errors of the mean of each law."""
    world = CatalogueWorld(products=20_000, customers=1, nearest=1, dimensions=1)
    rng = np.random.default_rng([0, 0])
    frame = catalogue_products(world, rng, np.arange(20_000) % world.categories)
    means = {
        "margin": (frame["margin_cents"] / frame["price_cents"], 0.35, np.sqrt(0.35 * 0.65 / 13)),
        "returns": (frame["return_rate"], 0.08, np.sqrt(0.08 * 0.92 / 21)),
        "cover": (frame["stock_cover_days"], 20.0, 20.0),
        "price": (np.log(frame["price_cents"]), np.log(3_000), 0.7),
    }
    for values, mean, deviation in means.values():
        # rounding to whole cents and units moves each mean by less than a fiftieth of its deviation
        assert abs(values.mean() - mean) < 5 * deviation / np.sqrt(20_000) + deviation / 50
        assert values.std() == pytest.approx(deviation, rel=0.1)


def test_substitutes_are_near_and_of_a_category() -> None:
    one, two = np.nonzero(KNOWN.substitutes)
    assert (one % 4 == two % 4).all()
    assert KNOWN.substitutes.sum(axis=1).min() >= WORLD.nearest
    apart = np.linalg.norm(KNOWN.place[:, None] - KNOWN.place[None], axis=2)
    for j in range(40):
        others = [i for i in range(j % 4, 40, 4) if i != j]
        near = sorted(others, key=lambda i: apart[j, i])[: WORLD.nearest]
        assert KNOWN.substitutes[j, near].all()
    for pairs in (KNOWN.substitutes, KNOWN.conflicts):
        assert (pairs == pairs.T).all()
        assert not pairs.diagonal().any()
    # 780 pairs, each with a chance of 0.1
    assert abs(KNOWN.conflicts.sum() / 2 - 78) < 5 * np.sqrt(780 * 0.1 * 0.9)


def test_first_touches_come_as_often_as_tastes_say() -> None:
    """One customer, many visits: the counts of first products are multinomial (chi-square)."""
    world = CatalogueWorld(customers=1, products=12, visits=20_000.0, touches=0.5)
    known = catalogue(world, 5)
    views = browsing(world, known, 5)
    first = views[views["place"] == 0]["product_id"].value_counts()
    size = np.exp(known.charm + world.strength * known.affinity()[0])
    count = first.reindex(known.products["product_id"]).fillna(0).to_numpy()
    assert stats.chisquare(count, count.sum() * size / size.sum()).pvalue > 1e-4
    length = views.groupby("visit_id").size()
    assert length.min() == 2
    assert abs(length.mean() - 2.5) < 5 * np.sqrt(0.5 / len(length))
    # of those who began with the commonest product, the second is like it
    best = int(count.argmax())
    began = views.loc[(views["place"] == 0) & (views["product_id"] == first.index[0]), "visit_id"]
    second = views[(views["place"] == 1) & views["visit_id"].isin(began)]["product_id"]
    size = size * np.exp(world.stick * world.dimensions * known.place @ known.place[best])
    seen = second.value_counts().reindex(known.products["product_id"]).fillna(0).to_numpy()
    assert stats.chisquare(seen, seen.sum() * size / size.sum()).pvalue > 1e-4


# ---- as a source


def test_the_source_keeps_to_the_contract(capsys) -> None:
    assert VISITS["simulated_catalogue"] is SimulatedCatalogue
    source = SimulatedCatalogue(seed=1, world=CatalogueWorld(customers=300, products=60))
    visits = source.load()
    again = SimulatedCatalogue(seed=1, world=CatalogueWorld(customers=300, products=60)).load()
    assert visits.content_hash() == again.content_hash()
    other = SimulatedCatalogue(seed=2, world=CatalogueWorld(customers=300, products=60)).load()
    assert visits.content_hash() != other.content_hash()
    ids = {*visits.train["visit_id"], *visits.asked["visit_id"]}
    assert len(visits.asked_ids) == pytest.approx(0.2 * len(ids), abs=1)
    assert visits.train["visit_id"].max() < visits.asked["visit_id"].min()
    assert visits.clusters.index.tolist() == visits.asked_ids.tolist()
    with pytest.raises(ValidationError, match="folde"):
        SimulatedCatalogue(folde="x")
    with pytest.raises(ValidationError, match="substitute"):
        CatalogueWorld(substitute=0.0)
    with pytest.raises(AttributeError):
        source.seed = 3
    assert main(["data"]) == 0
    assert "data=simulated_catalogue" in capsys.readouterr().out


def test_what_was_wanted_is_the_last_view() -> None:
    source = SimulatedCatalogue(seed=1, world=CatalogueWorld(customers=100, products=60))
    visits = source.load()
    views = browsing(source.world, source.truth(), 1).groupby("visit_id")["product_id"].agg(list)
    asked = visits.asked.groupby("visit_id")["product_id"].agg(list)
    wanted = visits.wanted.set_index("visit_id")["product_id"]
    assert all([*asked[v], wanted[v]] == views[v] for v in visits.asked_ids)
    products = source.products()
    assert (products.pop("conversion") == source.world.buy).all()
    pd.testing.assert_frame_equal(products, source.truth().products)


def test_the_file_of_the_source_spells_the_world(composed) -> None:
    world = composed("data=simulated_catalogue").data.world
    assert world == CatalogueWorld()
