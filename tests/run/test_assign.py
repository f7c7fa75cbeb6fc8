"""The verb assign: the seed's example through the command, a ledger, and wrong input in words."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lifeworth.decide.holdout import Design, parts
from lifeworth.decide.ledger import Ledger
from lifeworth.run.cli import main

TAU = np.array([
    [10, 15, 12], [5, 9, 7], [2, 5, 3], [8, 12, 10], [6, 10, 8], [1, 3, 2],
    [0, 2, 1], [4, 6, 5], [9, 13, 11], [3, 5, 4], [7, 10, 8], [2, 4, 3],
]) / 1000  # fmt: skip
ARMS = ("discount", "bundle", "shipping")
COST = TAU * np.array([1000, 2000, 500])
VALUE = TAU * np.array([2700, 2400, 2500]) - COST
CAPS = "caps=discount:5,bundle:3,shipping:5"


def offers(value: np.ndarray, cost: np.ndarray, arms: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (f"U{i + 1:04d}", arm, value[i, j], cost[i, j])
            for i in range(len(value))
            for j, arm in enumerate(arms)
        ],
        columns=["customer_id", "arm", "value_cents", "cost_cents"],
    )


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    offers(VALUE, COST, ARMS).to_csv("offers.csv", index=False)


def left(out: str) -> tuple[pd.DataFrame, dict]:
    return (
        pd.read_parquet(Path(out) / "assignment.parquet"),
        json.loads((Path(out) / "certificate.json").read_text()),
    )


@pytest.mark.parametrize(
    ("budget", "value", "spend"), [("25.00", 128.6, 52), ("0.30", 106.5, 29.5)]
)
def test_the_example_of_the_seed(capsys, budget, value, spend):
    assert main(["assign", "offers=offers.csv", f"budget={budget}", CAPS, "out=o"]) == 0
    customers, told = left("o")
    assert told["value"] == pytest.approx(value)
    assert told["spend"] == pytest.approx(spend)
    assert told["budget"] == float(budget) * 100
    assert told["upper_bound"] >= value - 1e-9
    assert customers["value"].sum() == pytest.approx(value)
    assert customers["cost"].sum() == pytest.approx(spend)
    counts = customers.loc[customers["arm"] != "", "arm"].value_counts()
    assert all(counts.get(arm, 0) <= cap for arm, cap in zip(ARMS, (5, 3, 5), strict=True))
    assert {a: told["arms"][a]["customers"] for a in counts.index} == counts.to_dict()
    text = pd.read_csv("o/assignment.csv", keep_default_na=False)
    assert text["arm"].tolist() == customers["arm"].tolist()
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "Page: o/assignment.html"
    assert ("One more unit of money" in out) == (budget == "0.30")
    assert told["greedy"]["value"] <= value


def test_parquet_and_names_with_zeros_are_read_alike():
    offers(VALUE, COST, ARMS).assign(low_cents=-1.0).to_parquet("offers.parquet", index=False)
    assert main(["assign", "offers=offers.parquet", "out=o"]) == 0
    customers, told = left("o")
    assert set(customers["reason"]) == {"not certain"}
    assert told["budget"] is None
    assert told["value"] == 0


ROW = "a,mail,5,1\n"
HEAD = "customer_id,arm,value_cents,cost_cents\n"
WRONG = {
    "no column": ("customer_id,arm,value,cost_cents\n" + ROW, (), "give the column that is m"),
    "no number": (HEAD + ROW + "b,mail,many,1\n", (), "1 of 2 rows have a 'value_cents' that is"),
    "twice": (HEAD + ROW + ROW, (), "1 of 2 rows repeat another, first at row 2 (customer_id 'a'"),
    "missing": (HEAD + ROW + "b,mail,,1\n", (), "1 of 2 rows have no value_cents, first at row 2"),
    "no rows": (HEAD, (), "there are no rows below the header"),
    "strange cap": (HEAD + ROW, ("caps=post:1",), "caps name 'post', and the arms are mail"),
    "no cap": (HEAD + ROW, ("caps=mail",), "write NAME:NUMBER,NAME:NUMBER, as in mail:1000"),
    "cap in words": (
        HEAD + ROW,
        ("caps=mail:ten",),
        "caps: mail, ten, has to be a whole number; give caps=mail:3, say",
    ),
    "minimum": (HEAD + ROW, ("minimums=mail:9",), "9 customers of arm 'mail', and 1 have a value"),
    "budget": (HEAD + ROW, ("budget=-1",), "budget=-1 has to be 0 or more; give budget=0"),
    "budget of thousands": (HEAD + ROW, ("budget=5,000",), "has to be a number; give budget=5000"),
    "budget of words": (HEAD + ROW, ("budget=abc",), "budget=abc has to be a number; give budget="),
    "no ledger": (HEAD + ROW, ("salt=s",), "salt needs a ledger"),
    "no salt": (HEAD + ROW, ("ledger=l.db",), "a ledger needs campaign and salt"),
    "semicolons": (HEAD.replace(",", ";"), (), ": give delimiter=';', or save it with c"),
    "no file": (None, (), "offers.csv: there is no such file"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_refused_in_one_sentence(capsys, case):
    text, words, said = WRONG[case]
    Path("offers.csv").unlink() if text is None else Path("offers.csv").write_text(text)
    assert main(["assign", "offers=offers.csv", "out=o", *words]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert len(told.err.splitlines()) == 1
    assert not Path("o/assignment.html").exists()
    assert not Path("l.db").exists()


# ---- with a ledger

CAMPAIGN = ("ledger=l.db", "campaign=spring", "salt=s")
SHARES = ("holdout=.05", "control=.1", "explore=.05")


def many(customers: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    cost = np.tile([30.0, 100.0], (customers, 1))
    return offers(rng.gamma(1, 200, (customers, 2)) - 60, cost, ("mail", "coupon"))


def run(out: str, *words: str, budget: str = "120.00") -> int:
    limits = (f"budget={budget}", "caps=mail:300")
    return main(["assign", "offers=offers.csv", f"out={out}", *limits, *CAMPAIGN, *SHARES, *words])


def test_a_ledger_holds_out_explores_and_counts_against_the_limits():
    many(1000).to_csv("offers.csv", index=False)
    assert run("o") == 0
    customers, told = left("o")
    with Ledger("l.db") as ledger:
        written = ledger.assigned("spring")
    assert written["customer_id"].tolist() == customers["customer_id"].tolist()
    assert written["arm"].replace("control", "").tolist() == customers["arm"].tolist()
    drawn = written["part"].to_numpy()
    by_hand = parts(customers["customer_id"].tolist(), "spring", design())
    assert (np.array(["holdout", "control", "explore", "policy"])[by_hand] == drawn).all()
    held = customers[np.isin(drawn, ["holdout", "control"])]
    assert (held["arm"] == "").all()
    assert (held["reason"] == drawn[held.index]).all()
    exploring = customers[drawn == "explore"]
    assert set(exploring["arm"]) == {"mail", "coupon"}
    assert told["ledger"]["explored"] == pytest.approx(exploring["cost"].sum())
    assert told["budget_left"] == pytest.approx(12_000 - exploring["cost"].sum())
    assert told["spend"] == pytest.approx(customers.loc[drawn == "policy", "cost"].sum())
    assert customers["cost"].sum() <= 12_000
    assert (customers["arm"] == "mail").sum() <= 300
    assert written["propensity"].between(0, 1, inclusive="right").all()


def design() -> Design:
    return Design(salt="s", holdout=0.05, control=0.1, explore=0.05, arms=("coupon", "mail"))


def test_a_second_run_changes_nothing_whatever_it_asks(capsys):
    many(1000).to_csv("offers.csv", index=False)
    assert run("first") == 0
    with Ledger("l.db") as ledger:
        before = ledger.assigned("spring")
    many(1000, seed=1).to_csv("offers.csv", index=False)
    capsys.readouterr()
    assert run("second", "currency=EUR") == 0
    assert "1,000 of 1,000 customers were in the ledger already" in capsys.readouterr().out
    with Ledger("l.db") as ledger:
        pd.testing.assert_frame_equal(ledger.assigned("spring"), before)
    first, second = left("first")[0], left("second")[0]
    assert first["arm"].tolist() == second["arm"].tolist()
    assert set(second["reason"]) == {"assigned before", "holdout", "control", "explore"}


def test_new_customers_get_what_is_left(capsys):
    many(1200).iloc[: 2 * 600].to_csv("offers.csv", index=False)
    assert run("first") == 0
    many(1200).to_csv("offers.csv", index=False)
    assert run("second", budget="250.00") == 0
    assert "600 of 1,200 customers were in the ledger already" in capsys.readouterr().out
    first, (second, told) = left("first")[0], left("second")
    assert second["arm"].tolist()[:600] == first["arm"].tolist()
    stands = first["cost"].sum()
    new = second.iloc[600:]
    explored = new.loc[new["reason"] == "explore", "cost"].sum()
    assert told["budget_left"] == pytest.approx(25_000 - stands - explored)
    assert second["cost"].sum() <= 25_000
    assert (new["reason"] == "best arm").any()
    assert (second["arm"] == "mail").sum() <= 300


def test_exploring_beyond_the_budget_is_refused_before_anything_is_written(capsys):
    many(1000).to_csv("offers.csv", index=False)
    words = ["assign", "offers=offers.csv", "out=o", "budget=1.00", *CAMPAIGN, "explore=.2"]
    assert main(words) == 2
    assert "more than the budget of 100; explore a smaller" in capsys.readouterr().err
    with Ledger("l.db") as ledger:
        assert ledger.assigned("spring").empty


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.replace("mail", "control"), "an arm is called 'control'"),
        (lambda f: f[f["arm"] != "mail"], "arm that the offers do not have"),
    ],
)
def test_offers_that_do_not_go_with_a_ledger(capsys, change, said):
    whole = many(1000)
    half = change(whole) if "called" in said else pd.concat([change(whole), whole[:40]])
    half.drop_duplicates(["customer_id", "arm"]).to_csv("offers.csv", index=False)
    assert run("o") == 2
    assert said in capsys.readouterr().err
