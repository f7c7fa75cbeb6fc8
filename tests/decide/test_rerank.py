"""Lists under caps: the worked example, HiGHS as an oracle, and reasons that hold."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, milp

from lifeworth.decide.capped import Caps, best_list, greedy_list
from lifeworth.decide.rerank import ListCaps, Penalties, rerank
from lifeworth.tables.errors import InputError

EXAMPLE = pd.DataFrame(
    [
        ("P1", "A", "S1", 1200, 10, 0.02, 0.060),
        ("P2", "A", "S2", 800, 6, 0.03, 0.055),
        ("P3", "B", "S1", 1500, 5, 0.02, 0.050),
        ("P4", "B", "S2", 900, 8, 0.02, 0.040),
        ("P5", "C", "S3", 700, 6, 0.01, 0.045),
        ("P6", "C", "S1", 1100, 12, 0.04, 0.070),
        ("P7", "A", "S3", 500, 5, 0.01, 0.028),
        ("P8", "B", "S2", 2000, 9, 0.03, 0.035),
    ],
    columns=["product_id", "category", "seller", "margin_cents", "stock_cover_days",
             "return_rate", "p_purchase"],
).assign(visit_id="v")  # fmt: skip

WORTH = {"P6": 73.92, "P1": 70.56, "P8": 67.90, "P4": 35.28, "P2": -28.75, "P5": -40.24,
         "P3": -69.36, "P7": -129.00}  # fmt: skip


def shown(frame: pd.DataFrame) -> list[str]:
    return frame.loc[frame["rank"] > 0, "product_id"].tolist()


def test_the_worked_example() -> None:
    """Eight products of a shop's example, to the cent's hundredth, in its order."""
    found = rerank(EXAMPLE, Penalties(), ListCaps(size=8))
    assert dict(zip(found["product_id"], found["score_cents"].round(2), strict=True)) == WORTH
    assert found["product_id"].tolist() == list(WORTH)
    parts = found["purchase_cents"] - found["low_stock_cents"] - found["returns_cents"]
    np.testing.assert_allclose(parts, found["score_cents"])
    assert shown(found) == ["P6", "P1", "P8", "P4"]
    assert set(found.loc[found["rank"] == 0, "dropped_by"]) == {"worth no more than 0"}
    one = found.set_index("product_id").loc["P5"]
    assert one["low_stock_cents"] == pytest.approx(0.5 * 1000 / 7)
    assert one["returns_cents"] == pytest.approx(0.315)


def test_a_return_can_cost_more_than_the_margin() -> None:
    found = rerank(EXAMPLE, Penalties(return_cents=400.0), ListCaps(size=8)).set_index("product_id")
    assert found.loc["P6", "returns_cents"] == pytest.approx(0.07 * 0.04 * 1500)
    assert found.loc["P6", "score_cents"] == pytest.approx(77 - 4.2)


@pytest.mark.parametrize(
    ("caps", "kept", "dropped"),
    [
        (ListCaps(size=2), ["P6", "P1"], {"P8": "list is full", "P4": "list is full"}),
        (ListCaps(size=4, per_category=1), ["P6", "P1", "P8"], {"P4": "category is full"}),
        (ListCaps(size=4, per_seller=1), ["P6", "P8"],
         {"P1": "seller is full", "P4": "seller is full"}),
        (ListCaps(size=2, per_category=1, per_seller=1), ["P6", "P8"],
         {"P1": "seller is full", "P4": "category is full; seller is full; list is full"}),
    ],
)  # fmt: skip
def test_what_is_dropped_says_by_which_limit(caps, kept, dropped) -> None:
    found = rerank(EXAMPLE, Penalties(), caps)
    assert shown(found) == kept
    why = found.set_index("product_id")["dropped_by"]
    assert {p: why[p] for p in dropped} == dropped


def test_out_of_stock_is_out() -> None:
    stock = EXAMPLE.assign(stock_units=np.where(EXAMPLE["product_id"] == "P6", 0, 5))
    found = rerank(stock, Penalties(), ListCaps(size=2)).set_index("product_id")
    assert found.loc["P6", "dropped_by"] == "out of stock"
    assert found.loc["P1", "rank"] == 1


def test_visits_do_not_meet_and_a_short_list_stays_short() -> None:
    both = pd.concat([EXAMPLE, EXAMPLE.iloc[:1].assign(visit_id="w")], ignore_index=True)
    found = rerank(both, Penalties(), ListCaps(size=3, per_category=1, per_seller=1))
    assert found.groupby("visit_id")["rank"].max().to_dict() == {"v": 2, "w": 1}
    shuffled = rerank(both.sample(frac=1, random_state=1), Penalties(),
                      ListCaps(size=3, per_category=1, per_seller=1))  # fmt: skip
    pd.testing.assert_frame_equal(shuffled, found)


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, Caps]:
    """Return a random list: sellers keep to a category or not, few or many, ties or none."""
    n = int(rng.integers(1, 60))
    category = rng.integers(0, rng.integers(1, 9), n)
    seller = rng.integers(0, rng.integers(1, 12), n)
    seller = np.where(rng.random(n) < rng.random(), category, seller)
    scores = rng.normal(1, 1, n)
    if rng.random() < 0.3:
        scores = scores.round()
    sizes = rng.integers(1, [14, 5, 4])
    return scores, category, seller, Caps(*map(int, sizes))


def by_highs(scores: np.ndarray, category: np.ndarray, seller: np.ndarray, caps: Caps) -> float:
    n = len(scores)
    rows = [np.arange(n) * 0, 1 + category, 1 + category.max() + 1 + seller]
    a = sp.csr_array((np.ones(3 * n), (np.concatenate(rows), np.tile(np.arange(n), 3))))
    limits = np.r_[caps.size, np.full(category.max() + 1, caps.category),
                   np.full(a.shape[0] - category.max() - 2, caps.seller)]  # fmt: skip
    found = milp(
        -scores,
        constraints=LinearConstraint(a, ub=limits),
        integrality=np.ones(n),
        bounds=Bounds(0, 1),
    )
    return -float(found.fun)


def test_no_list_within_the_caps_is_worth_more() -> None:
    """Against HiGHS on 400 random lists; where greedy says it is proven best, it is."""
    rng = np.random.default_rng(7)
    better = 0
    for _ in range(400):
        scores, category, seller, caps = drawn(rng)
        best = best_list(scores, category, seller, caps)
        first = greedy_list(scores, category, seller, caps)
        truth = by_highs(scores, category, seller, caps)
        value = scores[best.rows].sum()
        assert value == pytest.approx(truth, abs=1e-7)
        assert len(best.rows) <= caps.size
        assert np.bincount(category[best.rows], minlength=1).max() <= caps.category
        assert np.bincount(seller[best.rows], minlength=1).max() <= caps.seller
        assert len(set(best.rows)) == len(best.rows)
        assert (np.diff(scores[best.rows]) <= 0).all()
        assert first.greedy == best.greedy
        if first.greedy:
            assert scores[first.rows].sum() == pytest.approx(truth, abs=1e-7)
        better += value > scores[first.rows].sum() + 1e-9
    assert better > 10  # lists on which taking the best first loses


def test_greedy_can_lose_half() -> None:
    """One product takes the place of two others."""
    scores, category, seller = (
        np.array([1.0, 0.999, 0.999]),
        np.array([0, 0, 1]),
        np.array([0, 1, 0]),
    )
    best = best_list(scores, category, seller, Caps(2, 1, 1))
    assert sorted(best.rows) == [1, 2]
    assert not best.greedy
    assert greedy_list(scores, category, seller, Caps(2, 1, 1)).rows.tolist() == [0]


def test_each_reason_holds_and_none_is_missing() -> None:
    """Who is dropped would break each limit named; who would break none is shown."""
    rng = np.random.default_rng(8)
    for _ in range(100):
        scores, category, seller, caps = drawn(rng)
        frame = pd.DataFrame(
            {"visit_id": "v", "product_id": [f"p{i:03d}" for i in range(len(scores))],
             "p_purchase": 0.5, "margin_cents": 200 * scores, "return_rate": 0.0,
             "stock_cover_days": 30, "category": category, "seller": seller}
        )  # fmt: skip
        own = ListCaps(size=caps.size, per_category=caps.category, per_seller=caps.seller)
        found = rerank(frame, Penalties(), own)
        kept, out = found[found["rank"] > 0], found[found["rank"] == 0]
        assert (out["dropped_by"] != "").all()
        for row in out[out["score_cents"] > 0].itertuples():
            full = {
                "category is full": (kept["category"] == row.category).sum() == caps.category,
                "seller is full": (kept["seller"] == row.seller).sum() == caps.seller,
                "list is full": len(kept) == caps.size,
            }
            assert all(full[why] for why in row.dropped_by.split("; "))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="seller"), "no column 'seller'"),
        (lambda f: f.assign(p_purchase=1.2), "8 of 8 rows have p_purchase .* from 0 to 1, first"),
        (lambda f: f.assign(margin_cents=np.nan), "margin_cents that is not a number"),
        (
            lambda f: f.assign(margin_cents=[*f["margin_cents"][:-1], "1,200"]),
            r"1 of 8 rows .* first visit_id v, product_id P8 \('1,200'\); write numbers, such",
        ),
        (lambda f: f.assign(return_rate="low"), "8 of 8 rows .*'return_rate' that is not a numb"),
        (lambda f: f.assign(stock_units="many"), "'stock_units' that is not a number, first visit"),
        (
            lambda f: f.assign(margin_cents=pd.Timestamp("2026-01-31")),
            "'margin_cents' that is not a number",
        ),
        (lambda f: f.assign(seller=None), "first visit_id v, product_id P1 in 'seller'"),
        (lambda f: f.assign(stock_units=np.nan), "in 'stock_units'; give them, or leave out"),
        (
            lambda f: pd.concat([f, f.iloc[:1]]),
            "1 of 9 rows repeat another, first visit_id v, product_id P1;",
        ),
    ],
)
def test_wrong_candidates_are_named(change, says) -> None:
    with pytest.raises(InputError, match=says):
        rerank(change(EXAMPLE), Penalties(), ListCaps(size=3, per_seller=1))


def test_wrong_limits_are_named() -> None:
    with pytest.raises(InputError, match="per_seller = 0"):
        ListCaps(size=3, per_seller=0)
    with pytest.raises(InputError, match="alpha = -1"):
        Penalties(alpha=-1.0)
    with pytest.raises(InputError, match="stock_cover_days = 0"):
        Penalties(stock_cover_days=0.0)
