"""`lifeworth recommend`: lists of a run in money, within caps, with reasons."""

import json
from pathlib import Path

import pandas as pd
import pytest

from lifeworth.run.cli import main

PRODUCTS = pd.DataFrame(
    {
        "product_id": ["a", "b", "c"],
        "margin_cents": [1_000, 500, 2_000],
        "return_rate": [0.1, 0.0, 0.5],
        "stock_cover_days": [30, 30, 30],
        "category": ["x", "x", "y"],
    }
)
LISTS = pd.DataFrame(
    {
        "visit_id": ["v", "v", "v", "w"],
        "rank": [1, 2, 3, 1],
        "product_id": ["b", "a", "c", "a"],
        "score": [0.4, 0.3, 0.01, 0.2],
    }
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    LISTS.to_parquet(tmp_path / "recommendations.parquet", index=False)
    card = {"model": "ranker_union", "score_is": "chance"}
    (tmp_path / "scorecard.json").write_text(json.dumps(card))
    PRODUCTS.to_csv(tmp_path / "products.csv", index=False)
    return tmp_path


def recommend(folder: Path, *words: str) -> int:
    return main(["recommend", f"run={folder}", f"products={folder / 'products.csv'}", *words])


def test_lists_are_by_worth_within_caps_and_say_why(folder: Path, capsys) -> None:
    out = folder / "shown.parquet"
    assert recommend(folder, "size=2", "per_category=1", f"out={out}") == 0
    found = pd.read_parquet(out)
    own = found[found["visit_id"] == "v"].set_index("product_id")
    assert own.index[own["rank"] > 0].tolist() == ["a", "c"]
    assert own.loc["a", "score_cents"] == pytest.approx(0.3 * 1000 - 0.3 * 0.1 * 1000)
    assert own.loc["b", "dropped_by"] == "category is full"
    assert "3 products for 2 visits" in capsys.readouterr().out


def test_one_list_is_printed(folder: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert recommend(folder, "size=1", "visit=v") == 0
    told = capsys.readouterr().out
    assert "list is full" in told
    assert "30.00 %" in told
    assert " w " not in told


def test_the_chance_of_a_purchase_may_be_less_than_that_of_what_is_recorded(folder: Path) -> None:
    PRODUCTS.assign(conversion=0.1).to_csv(folder / "products.csv", index=False)
    out = folder / "shown.parquet"
    assert recommend(folder, f"out={out}") == 0
    found = pd.read_parquet(out)
    assert found["p_purchase"].tolist() == pytest.approx((found["score"] * 0.1).tolist())


def test_the_page_tells_what_was_left_out_and_what_a_penalty_moves(folder: Path, capsys) -> None:
    wanted = pd.DataFrame({"visit_id": ["v", "w"], "product_id": ["b", "z"]})
    wanted.to_parquet(folder / "wanted.parquet", index=False)
    out = folder / "shown.parquet"
    assert recommend(folder, "size=2", "per_category=1", f"out={out}", "steer=beta",
                     "values=0,1,9", "currency=EUR") == 0  # fmt: skip
    page = (folder / "shown.html").read_text()
    assert "Page: " in capsys.readouterr().out
    for words in ("What a penalty moves", "weight of returns (beta)", "Buys any", "1 (in use)",
                  "Visit v", "category is full", "Margin, EUR"):  # fmt: skip
        assert words in page.replace("Weight", "weight"), words
    # at beta = 9 returns take all of a and c: b is shown, which came next, to one of two visits
    assert "50.00 %" in page


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"conversion": 1.2},
            "3 of 3 products have a conversion that is not from 0 to 1, first 'a'",
        ),
        ({"return_rate": -0.1}, "have a return_rate that is not from 0 to 1"),
        ({"stock_cover_days": -3}, "have a stock_cover_days that is not of 0 or more"),
    ],
)
def test_numbers_of_products_out_of_bounds_are_told(folder: Path, capsys, change, says) -> None:
    PRODUCTS.assign(**change).to_csv(folder / "products.csv", index=False)
    assert recommend(folder, "visit=v") == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.startswith("products.csv: ")


def test_products_and_lists_are_files_of_their_own(folder: Path, capsys) -> None:
    before = (folder / "products.csv").read_bytes()
    assert recommend(folder, f"out={folder / 'products.csv'}") == 2
    assert recommend(folder, f"out={folder}/a.csv", f"log={folder}/a.csv", "salt=s") == 2
    told = capsys.readouterr().err
    assert "is also products=" in told
    assert "is also out=" in told
    assert (folder / "products.csv").read_bytes() == before


def test_products_may_be_those_of_the_run(folder: Path, capsys) -> None:
    out = folder / "shown.csv"
    words = ["recommend", f"run={folder}", f"out={out}", f"page={folder / 'p.html'}"]
    assert main(words) == 2
    assert (
        "do not say margin_cents, return_rate, stock_cover_days of products"
        in capsys.readouterr().err
    )
    PRODUCTS.to_parquet(folder / "products.parquet", index=False)
    assert main(words) == 0
    assert (folder / "p.html").is_file()
    assert len(pd.read_csv(out)) == 4


def test_a_log_has_lists_at_random_with_their_chances(folder: Path, capsys) -> None:
    log = folder / "log.parquet"
    assert recommend(folder, f"log={log}", "salt=s", "size=1", "temperature=0", "floor=0.2") == 0
    found = pd.read_parquet(log)
    assert found["visit_id"].tolist() == ["v", "w"]
    best = found["product_id"] == ["a", "a"]
    # two of three candidates of v are worth showing beside a; w has one
    assert found["propensity"].tolist() == pytest.approx([0.6 if best[0] else 0.2, 1.0])
    assert "2 lists at random" in capsys.readouterr().out
    assert recommend(folder, f"log={log}") == 2
    assert "log needs salt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["log=l.parquet", "floor=0.9"], "floor = 0.9, but 3 candidates may take a place"),
        (["log=nowhere/l.parquet"], "log=nowhere/l.parquet cannot be written"),
        (["log=x.html"], "log=x.html would be written as Parquet or CSV; name a file that ends"),
        (["page=x.csv"], "page=x.csv is also out="),
        (["log=l.csv", "page=l.csv.json"], "is also"),
    ],
)
def test_what_cannot_be_drawn_or_written_is_refused_before_anything_is(
    words, says, folder: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert recommend(folder, "out=x.csv", "salt=s", *words) == 2
    assert says in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["visit=v", "page=p.html"], "page needs out"),
        (["out=x.csv", "values=1,a"], "values"),
        (["out=x.csv", "steer=gamma"], "steer"),
        ([], "nothing to do"),
        (["visit=nobody"], "no list for visit=nobody"),
        (["out=nowhere/x.parquet"], "cannot be written"),
        (["visit=v", "size=0"], "size"),
        (["visit=v", "per_seller=1"], "no column 'seller'"),
    ],
)
def test_wrong_words_are_told(words, says, folder: Path, capsys) -> None:
    assert recommend(folder, *words) == 2
    assert says in capsys.readouterr().err


def test_chances_that_missed_what_came_are_told(folder: Path, capsys) -> None:
    card = json.loads((folder / "scorecard.json").read_text())
    for said, told in ((0.08, False), (0.04, True)):
        new = card | {"chance_at_10": said, "came_at_10": 0.082}
        (folder / "scorecard.json").write_text(json.dumps(new))
        assert recommend(folder, "visit=v") == 0
        assert ("Chances are off: of what lists show" in capsys.readouterr().out) == told
    (folder / "scorecard.json").write_text(json.dumps(card))


def test_unknown_products_and_scores_that_are_no_chances_are_refused(folder: Path, capsys) -> None:
    PRODUCTS.iloc[:2].to_csv(folder / "products.csv", index=False)
    assert recommend(folder, "visit=v") == 2
    assert "1 product of the lists is not in products.csv, first 'c'" in capsys.readouterr().err
    card = {"model": "ranker_vsknn", "score_is": "score"}
    (folder / "scorecard.json").write_text(json.dumps(card))
    assert recommend(folder, "visit=v") == 2
    assert "scores of ranker_vsknn order products" in capsys.readouterr().err
    (folder / "recommendations.parquet").unlink()
    assert recommend(folder, "visit=v") == 2
    assert "is not the run of a ranking" in capsys.readouterr().err
