"""Offers beside a cart: the worked example, and every set of offers on random carts."""

import itertools

import numpy as np
import pandas as pd
import pytest

from lifeworth.decide.basket import CartRules, complete
from lifeworth.tables.errors import InputError

EXAMPLE = pd.DataFrame(
    [
        ("A1", "ACC", 1200, 0.09, 0.30, True, 0.005),
        ("A2", "ACC", 800, 0.07, 0.25, True, 0.004),
        ("S1", "SUB", 3000, 0.06, 0.85, True, 0.015),
        ("A3", "ACC", 1500, 0.05, 0.10, False, 0.006),
        ("B1", "BUND", 2000, 0.06, 0.40, True, 0.008),
        ("W1", "WARR", 1000, 0.05, 0.10, True, 0.003),
    ],
    columns=["product_id", "category", "margin_cents", "p_attach", "cos_to_hero", "ship_ok",
             "distraction_risk"],
)  # fmt: skip

RULES = CartRules(size=3, per_category=1, p_base=0.1, order_cents=10_000.0)


def test_the_worked_example() -> None:
    """278 - 16 = 262 is above 0: B1, A1 and W1 are shown."""
    found = complete(EXAMPLE, RULES)
    assert found.frame.loc[found.frame["rank"] > 0, "product_id"].tolist() == ["B1", "A1", "W1"]
    assert found.gain_cents == pytest.approx(278)
    assert found.distraction_cents == pytest.approx(16)
    assert found.net_cents == found.guard_cents == pytest.approx(262)
    assert found.show
    why = found.frame.set_index("product_id")["dropped_by"]
    assert why["S1"] == "substitute"
    assert why["A3"] == "cannot ship together"
    assert why["A2"] == "category is full"


def test_an_offer_that_costs_more_than_it_brings_is_never_shown() -> None:
    dear = CartRules(size=3, per_category=1, p_base=0.1, order_cents=165_000.0)  # lambda 16,500
    found = complete(EXAMPLE, dear)
    why = found.frame.set_index("product_id")
    assert why.index[why["rank"] > 0].tolist() == ["A1", "W1"]
    assert why.loc["B1", "dropped_by"] == "costs more than it brings"
    none = complete(EXAMPLE, CartRules(size=3, p_base=1.0, order_cents=1e6))
    assert not none.show
    assert none.guard_cents == none.net_cents == 0


def test_out_of_stock_is_out() -> None:
    found = complete(EXAMPLE.assign(stock_units=[0, 1, 1, 1, 1, 1]), RULES).frame
    why = found.set_index("product_id")
    assert why.loc["A1", "dropped_by"] == "out of stock"
    assert why.loc["A2", "rank"] > 0


def test_a_stricter_guardrail_shows_fewer_then_none() -> None:
    """An upper end of distraction of 11 and then of 40 times what is expected."""

    def shown(times: float) -> list[str]:
        high = (EXAMPLE["distraction_risk"] * times).clip(upper=1)
        found = complete(EXAMPLE.assign(distraction_high=high), RULES)
        assert found.guard_cents > 0 or not found.show
        return sorted(found.frame.loc[found.frame["rank"] > 0, "product_id"])

    assert shown(1.0) == ["A1", "B1", "W1"]
    assert shown(16.5) == ["A1", "B1", "W1"]
    assert shown(18.0) == ["A1", "W1"]
    assert shown(40.0) == []


def by_trying(frame: pd.DataFrame, rules: CartRules) -> float:
    """Return the most that any set within the rules gains whose guardrail is above 0."""
    gain = (frame["p_attach"] * frame["margin_cents"]).to_numpy()
    net = gain - rules.price * frame["distraction_risk"].to_numpy()
    high = frame["distraction_high"] if "distraction_high" in frame else frame["distraction_risk"]
    guard = gain - rules.price * high.to_numpy()
    best = 0.0
    for size in range(1, rules.size + 1):
        for rows in map(list, itertools.combinations(range(len(frame)), size)):
            most = frame["category"].iloc[rows].value_counts().max()
            if guard[rows].sum() > 0 and most <= (rules.per_category or size):
                best = max(best, net[rows].sum())
    return best


@pytest.mark.parametrize("strict", [False, True])
def test_no_set_of_offers_gains_more(strict: bool) -> None:
    rng = np.random.default_rng(11 + strict)
    tight = 0
    for _ in range(150):
        n = int(rng.integers(1, 9))
        frame = pd.DataFrame(
            {
                "product_id": [f"p{i}" for i in range(n)],
                "category": rng.choice(["a", "b", "c"], n),
                "margin_cents": rng.integers(100, 3_000, n),
                "p_attach": rng.uniform(0, 0.1, n),
                "distraction_risk": rng.uniform(0, 0.02, n),
            }
        )
        if strict:
            frame["distraction_high"] = frame["distraction_risk"] * rng.uniform(1, 12, n)
        rules = CartRules(
            size=int(rng.integers(1, 5)),
            per_category=int(rng.integers(1, 3)) if rng.random() < 0.7 else None,
            p_base=float(rng.uniform(0.05, 0.5)),
            order_cents=float(rng.integers(2_000, 20_000)),
        )
        found = complete(frame, rules)
        assert found.net_cents == pytest.approx(by_trying(frame, rules), abs=1e-6)
        assert found.guard_cents > 0 or not found.show
        assert ((found.frame["dropped_by"] == "") == (found.frame["rank"] > 0)).all()
        tight += bool((found.frame["dropped_by"] == "guardrail").any())
    assert (tight > 10) == strict


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="category"), "no column 'category'"),
        (
            lambda f: f.assign(ship_ok=None),
            "6 of 6 rows lack a value, .* 'ship_ok'; .* leave out a column",
        ),
        (
            lambda f: pd.concat([f, f.iloc[:1]]),
            "repeat another, first product_id A1; leave the second",
        ),
        (lambda f: f.assign(margin_cents="5 EUR"), "'margin_cents' that is not a number, first pr"),
        (lambda f: f.assign(stock_units="few"), "'stock_units' that is not a number"),
        (lambda f: f.assign(p_attach=2.0), "6 of 6 offers have no usable p_attach, first 'A1'"),
    ],
)
def test_wrong_offers_are_named(change, says) -> None:
    with pytest.raises(InputError, match=says):
        complete(change(EXAMPLE), RULES)


def test_wrong_rules_are_named() -> None:
    with pytest.raises(InputError, match="size = 0"):
        CartRules(size=0, p_base=0.1, order_cents=1.0)
    with pytest.raises(InputError, match="p_base = 2"):
        CartRules(size=1, p_base=2.0, order_cents=1.0)
