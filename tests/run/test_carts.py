"""`lifeworth run` and `lifeworth recommend` on the carts of a shop: what they leave and say."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lifeworth.asof.product_graph import likeness
from lifeworth.models.ranking import unseen
from lifeworth.models.store import load
from lifeworth.run.cli import main
from lifeworth.run.cutting import load_visits
from lifeworth.run.kinds import kind_of
from lifeworth.run.ranking_judging import question_of
from lifeworth.run.rankings import run

NOW = dt.datetime(2030, 1, 1)  # noqa: DTZ001
SMALL = ["split.window_days=60", "split.horizon_days=20", "resamples=20"]
EXPERIMENTS = {
    "basket_online_retail": [
        *("model.products=300", "baselines.ease.products=300", "ranking.visits=150"),
    ],
    "ranker_online_retail": [
        *("baselines.ease.products=300", "ranking.visits=60", "model.trees=20"),
    ],
}


def configured(composed, folder: Path, name: str, where: Path):
    words = [f"experiment={name}", *EXPERIMENTS[name], *SMALL, f"data.folder={folder}"]
    return composed(*words, f"tracking_uri=sqlite:///{where / 'mlflow.db'}")


@pytest.fixture(scope="module")
def carts(composed, data_folder, tmp_path_factory: pytest.TempPathFactory):
    """Return the configuration and the folder of the run of carts."""
    where = tmp_path_factory.mktemp("carts")
    config = configured(composed, data_folder, "basket_online_retail", where)
    run(config, where / "run")
    return config, where / "run"


@pytest.fixture(scope="module")
def visits(carts):
    config, _ = carts
    return load_visits(config, NOW).first(config.ranking.visits)


def card_of(folder: Path) -> dict:
    return json.loads((folder / "scorecard.json").read_text())


def found_value(lists: pd.DataFrame, wanted: pd.DataFrame, length: int) -> float:
    """Return the mean over visits of what the hidden products in the first places are worth."""
    total = 0
    for visit, own in wanted.groupby("visit_id"):
        shown = lists[(lists["visit_id"] == visit) & (lists["rank"] <= length)]
        total += own.loc[own["product_id"].isin(shown["product_id"]), "value_cents"].sum()
    return total / wanted["visit_id"].nunique()


def test_the_money_of_the_scorecard_is_what_the_lists_found(carts, visits) -> None:
    config, folder = carts
    lists, card = pd.read_parquet(folder / "recommendations.parquet"), card_of(folder)
    assert config.ranking.at == 5
    for length in (1, 3, 5):
        value = found_value(lists, visits.wanted, length)
        assert card[f"value_at_{length}"] == pytest.approx(value)
        low, high = (card[f"value_at_{length}_{end}"] for end in ("low", "high"))
        assert low <= value <= high
    assert (card["value_is"], card["currency"]) == ("revenue", "GBP")
    assert card["visit_is"] == "cart"
    assert card["cutoff"] == "2011-11-20"


def test_nothing_of_a_cart_is_offered_again(carts, visits) -> None:
    lists = pd.read_parquet(carts[1] / "recommendations.parquet")
    assert lists.merge(visits.asked, on=["visit_id", "product_id"]).empty
    assert set(lists["product_id"]).isdisjoint({"POST", "M", "DOT"})


def test_the_calibration_error_is_what_the_lists_say(carts, visits) -> None:
    lists, card = pd.read_parquet(carts[1] / "recommendations.parquet"), card_of(carts[1])
    both = lists.merge(visits.wanted, on=["visit_id", "product_id"], how="left")
    chance, came = both["score"].to_numpy(), both["value_cents"].notna().to_numpy()
    edges = np.unique(np.quantile(chance, np.arange(1, 10) / 10))
    group = np.searchsorted(edges, chance)
    gaps = [abs((chance - came)[group == g].sum()) for g in np.unique(group)]
    assert card["calibration_error_at_5"] == pytest.approx(sum(gaps) / len(chance))
    assert card["calibration_error_at_5"] < card["calibration_error_raw_at_5"]
    assert card["score_is"] == "chance"


def test_the_money_by_calibration_is_that_of_two_lists(carts, visits) -> None:
    """Lists by chance x money, and by raw score x money, made anew from the kept model."""
    config, folder = carts
    question, card = question_of(visits, config.ranking), card_of(folder)
    model = load(folder / "fitted")
    worth = visits.wanted.set_index(["visit_id", "product_id"])["value_cents"]
    totals = []
    for scores in (model.scores(question.asked, 99), model.raw(question.asked, 99)):
        rows = unseen(scores, question.asked).toarray() * question.money
        total = 0
        for visit, row in zip(question.asked.visit_id, rows, strict=True):
            best = np.lexsort((np.arange(len(row)), -row))[:5]
            products = question.asked.product_id[best[row[best] > 0]]
            total += sum(worth.get((visit, str(p)), 0) for p in products)
        totals.append(total / len(rows))
    assert card["value_by_worth_at_5"] == pytest.approx(totals[0])
    assert card["value_by_calibration_at_5"] == pytest.approx(totals[0] - totals[1])


def test_the_report_shows_money_and_chances(carts) -> None:
    page = (carts[1] / "report.html").read_text(encoding="utf-8")
    for words in ("Chances against what came", "before calibration", "Value, GBP", "Reliability"):
        assert words in page


def test_customers_of_a_store_are_ranked_for_too(composed, data_folder, tmp_path: Path) -> None:
    config = configured(composed, data_folder, "ranker_online_retail", tmp_path)
    run(config, tmp_path / "run")
    card = card_of(tmp_path / "run")
    assert card["visit_is"] == "basket"
    assert card["score_is"] == "chance"
    assert card["visits"] == 60
    measures = pd.read_parquet(tmp_path / "run" / "measures.parquet")
    others = {name for name, other in config.baselines.items() if kind_of(other) == "ranking"}
    assert set(measures["model"]) == {config.names.model, *others}
    assert measures[["low", "high"]].notna().all(axis=None)


# ---- offers beside a cart

CART = ["cart=22423,22720", "hero=22423", "distraction=0.0001", "size=3"]


@pytest.fixture
def recommend(carts, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def told(*words: str) -> tuple[int, str]:
        status = main(["recommend", f"run={carts[1]}", *words])
        said = capsys.readouterr()
        return status, said.out + said.err

    return told


@pytest.fixture
def products(carts) -> pd.DataFrame:
    known = pd.read_parquet(carts[1] / "products.parquet").dropna(subset="margin_cents")
    return known[["product_id", "margin_cents"]].assign(
        distraction_risk=0.0001, stock_units=5, substitute_group=known["product_id"], ship_group="a"
    )


def test_offers_beside_a_cart_are_told_with_their_terms(recommend, tmp_path: Path) -> None:
    out = tmp_path / "offers.parquet"
    status, said = recommend(*CART, f"out={out}")
    assert status == 0
    assert "SHOW 3 offers" in said
    assert "revenue, not margin" in said
    found = pd.read_parquet(out)
    shown = found[found["rank"] > 0]
    assert len(shown) == 3
    assert not set(found["product_id"]) & {"22423", "22720"}
    gain = shown["p_attach"] * shown["margin_cents"]
    assert shown["delta_gm_cents"].to_numpy() == pytest.approx(gain.to_numpy())
    assert f"gain {gain.sum() / 100:.2f} GBP" in said


def test_what_is_not_shown_says_why(recommend, products, tmp_path: Path) -> None:
    out, path = tmp_path / "offers.parquet", tmp_path / "products.csv"
    recommend(*CART, f"out={out}")
    first, second, third = pd.read_parquet(out)["product_id"].head(3)
    rows = products.set_index("product_id")
    rows.loc[first, "stock_units"] = 0
    rows.loc[[second, "22423"], "substitute_group"] = "cakestands"
    rows.loc[third, "ship_group"] = "b"
    rows.reset_index().to_csv(path, index=False)
    status, said = recommend(*CART[:2], "size=2", f"products={path}", f"out={out}")
    why = pd.read_parquet(out).set_index("product_id")["dropped_by"]
    assert status == 0
    assert why[[first, second, third]].tolist() == [
        "out of stock",
        "substitute",
        "cannot ship together",
    ]
    for reason in why.unique():
        assert reason in said


def test_what_may_not_be_offered_takes_no_place(recommend, products, tmp_path: Path) -> None:
    out, path = tmp_path / "offers.parquet", tmp_path / "products.csv"
    recommend(*CART, f"out={out}")
    low = pd.read_parquet(out).sort_values("p_attach")["product_id"].head(3).tolist()
    products[products["product_id"].isin([*low, "22423", "22720"])].to_csv(path, index=False)
    status, _ = recommend(*CART, f"products={path}", "candidates=1", f"out={out}")
    assert status == 0
    assert pd.read_parquet(out)["product_id"].tolist() == [low[-1]]


def test_offers_say_with_which_product_of_the_cart_they_were_bought(
    carts, recommend, tmp_path: Path
) -> None:
    out = tmp_path / "offers.parquet"
    _, said = recommend(*CART, f"out={out}")
    graph = pd.read_parquet(carts[1] / "product_graph.parquet")
    graph = graph[graph["product_id"].isin(["22423", "22720"])]
    most = graph.groupby("other_id")["orders"].max()
    found = pd.read_parquet(out).set_index("product_id")
    told = found[found["bought_with"] != ""]
    assert len(told) > 10
    assert told["orders_together"].to_dict() == most.reindex(told.index).to_dict()
    first = told.iloc[0]
    lifts = graph.set_index(["product_id", "other_id"])["lift_shrunken"]
    assert first["times_chance"] == pytest.approx(lifts[first["bought_with"], told.index[0]])
    assert f"{first['bought_with']} in {first['orders_together']} orders" in said


def test_likeness_may_be_by_what_products_are_bought_with(carts, recommend, tmp_path: Path) -> None:
    graph = pd.read_parquet(carts[1] / "product_graph.parquet")
    alike = likeness(graph, "22423")
    out = tmp_path / "offers.parquet"
    words = [
        *CART,
        "likeness=orders",
        "candidates=40",
        f"substitute_above={alike.nlargest(5).min()}",
    ]
    assert recommend(*words, f"out={out}")[0] == 0
    found = pd.read_parquet(out).set_index("product_id")
    there = found.index.intersection(alike.index)
    np.testing.assert_allclose(found.loc[there, "cos_to_hero"], alike[there])
    out_ = set(found.index[found["dropped_by"] == "substitute"])
    assert out_ == set(alike.nlargest(5).index) & set(found.index)
    assert (found["dropped_by"] != "substitute").sum() == 40  # they take no place
    status, said = recommend("cart=22720,90000", "hero=90000", *CART[2:], "likeness=orders",
                             "order_cents=100")  # fmt: skip
    assert status == 2
    assert "hero=90000 is in too few orders" in said


def test_what_is_out_of_stock_takes_no_place_and_is_told(
    recommend, products, tmp_path: Path
) -> None:
    out, path = tmp_path / "offers.parquet", tmp_path / "products.csv"
    recommend(*CART, f"out={out}")
    likely = pd.read_parquet(out).nlargest(6, "p_attach")["product_id"].tolist()
    none = products["product_id"].isin(likely[:3])
    products.assign(stock_units=np.where(none, 0, 5)).to_csv(path, index=False)
    recommend(*CART[:2], f"products={path}", "candidates=3", f"out={out}")
    found = pd.read_parquet(out).set_index("product_id")["dropped_by"]
    assert set(found.index) == set(likely)
    assert set(found.index[found == "out of stock"]) == set(likely[:3])


def test_a_hero_without_a_row_is_refused_where_groups_matter(recommend, products, tmp_path) -> None:
    path = tmp_path / "products.csv"
    grouped = products.assign(substitute_group="all", ship_group="a")
    grouped[grouped["product_id"] != "22423"].to_csv(path, index=False)
    status, said = recommend(*CART, f"products={path}", "order_cents=1000")
    assert status == 2
    assert "has a substitute_group, and no row for 22423 of the cart" in " ".join(said.split())


def test_a_guardrail_that_does_not_hold_shows_nothing(recommend) -> None:
    status, said = recommend("cart=22423,22720", "distraction=0.5")
    assert status == 0
    assert "DO NOT SHOW" in said
    assert "costs more than it brings" in said
    assert recommend("cart=22423,22720", "distraction=0.5", "p_base=0")[1].count("DO NOT") == 0


def test_an_upper_end_of_distraction_is_what_the_guardrail_stands(
    recommend, products, tmp_path: Path
) -> None:
    path, out = tmp_path / "products.csv", tmp_path / "offers.parquet"
    products.assign(distraction_high=0.9).to_csv(path, index=False)
    _, said = recommend(*CART[:2], f"products={path}", f"out={out}")
    assert "DO NOT SHOW" in said
    assert "guardrail" in set(pd.read_parquet(out)["dropped_by"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["cart=22423"], "give distraction=0.004"),
        (["cart=22423", "hero=1", "distraction=0.1"], "lacks hero=1"),
        (["cart=22423,22423", "distraction=0.1"], "names a product twice"),
        (["cart=nothing", "distraction=0.1"], "knows no product of cart=nothing"),
        (["cart=22423,nothing", "distraction=0.1"], "what nothing of the cart brings"),
        (["cart=22423", "visit=1"], "visit=... is about the run's own visits"),
        (["cart=22423", "products=none.csv"], "no such file"),
        (["cart=22423", "distraction=0.1", "per_category=1"], "no column 'category'"),
        (["visit=1"], "no list for visit=1"),
    ],
)
def test_wrong_words_about_a_cart_are_told(words, says, recommend) -> None:
    status, said = recommend(*words)
    assert status == 2
    assert says in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["model=basket_ease"], "data=cdnow is a store; choose"),
        (["data=tafeng", "model=basket_ease", "ranking.ask=cart"], "ranking.ask: data=tafeng is"),
        (
            ["data=tafeng", "model=basket_attach", "split.cutoff=2001-01-01"],
            "split.cutoff: data=tafeng is visits, which have a split of their own",
        ),
        (
            ["data=simulated", "model=basket_ease", "ranking.hide=2"],
            "ranking.hide=2: chances would be learnt from carts with 1 hidden; give model.later.hi",
        ),
        (["data=simulated", "model=basket_ease", "split=rolling"], "judged at one cut-off"),
        (
            ["data=simulated", "model=basket_ease", "ranking.hide=0"],
            "ranking.hide=0 has to be more th",
        ),
        (
            ["data=simulated", "model=basket_ease", "ranking.hide=99", "model.later.hide=99"],
            "more than 99 products",
        ),
        (["data=simulated", "model=basket_ease", "split.cutoff=2031-01-01"], "end after the last"),
        (
            ["data=simulated", "model=basket_ease", "ranking.ask=wagon"],
            "ranking.ask=wagon has to be cart, basket or",
        ),
    ],
)
def test_wrong_words_about_a_store_are_told(words, says, refused) -> None:
    assert says in refused(*words)


def test_a_file_of_orders_has_no_carts(refused, tmp_path: Path) -> None:
    rows = "customer_id,ordered_at,amount\n" + "".join(
        f"c{n % 9},2024-{1 + n // 28:02d}-{1 + n % 28:02d},9.99\n" for n in range(300)
    )
    (tmp_path / "orders.csv").write_text(rows)
    words = ["data=files", f"data.folder={tmp_path}", "data.file=orders.csv", "data.currency=EUR"]
    said = refused(*words, "model=basket_ease", "split.horizon_days=60")
    assert "they have no lines" in said
    assert "data.rows=lines" in said
