"""`lifeworth replay`: random lists and what they brought, against known values."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lifeworth.run.cli import main

VISITS = 4_000
CHANCE = np.array([0.40, 0.30, 0.20])
MARGIN = np.array([100.0, 200.0, 300.0])
RETURNS = np.array([0.1, 0.5, 0.0])
SCORE = CHANCE * MARGIN * (1 - RETURNS)
"""Worth of the products by the penalties in use: 36, 30 and 60 cents."""

PLAIN = CHANCE * MARGIN
"""The same without the penalty of returns, which is what a product really brings here."""

FLOOR, TEMPERATURE = 0.05, 20.0


def drawn(score: np.ndarray, temperature: float = TEMPERATURE) -> np.ndarray:
    """Return the chance of each product in a list of one."""
    size = np.exp((score - score.max()) / temperature)
    return FLOOR + (1 - len(score) * FLOOR) * size / size.sum()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run, the log and the candidates of recommend, and what was sold."""
    home = tmp_path_factory.mktemp("replay")
    visit = np.repeat([f"v{i:05d}" for i in range(VISITS)], 3)
    lists = pd.DataFrame({"visit_id": visit, "rank": np.tile([1, 2, 3], VISITS),
                          "product_id": np.tile(["a", "b", "c"], VISITS),
                          "score": np.tile(CHANCE, VISITS)})  # fmt: skip
    lists = lists.sort_values(["visit_id", "score"], ascending=[True, False])
    lists.to_parquet(home / "recommendations.parquet", index=False)
    (home / "scorecard.json").write_text(json.dumps({"model": "m", "score_is": "chance"}))
    pd.DataFrame({"product_id": ["a", "b", "c"], "margin_cents": MARGIN, "return_rate": RETURNS,
                  "stock_cover_days": 30}).to_csv(home / "products.csv", index=False)  # fmt: skip
    words = [f"run={home}", f"products={home / 'products.csv'}", f"out={home / 'shown.parquet'}"]
    words += [f"log={home / 'log.parquet'}", "salt=s", "size=1", f"floor={FLOOR}"]
    assert main(["recommend", *words, f"temperature={TEMPERATURE}"]) == 0
    log = pd.read_parquet(home / "log.parquet")
    at = log["product_id"].map({"a": 0, "b": 1, "c": 2}).to_numpy()
    bought = np.random.default_rng(1).random(len(log)) < CHANCE[at]
    sold = log.loc[bought, ["visit_id", "product_id"]].assign(net_cents=MARGIN[at[bought]])
    sold.to_csv(home / "sold.csv", index=False)
    return home


def replayed(folder: Path, *words: str, outcomes: str = "sold.csv") -> int:
    given = {word.partition("=")[0] for word in words}
    own = {"log": folder / "log.parquet", "candidates": folder / "shown.parquet",
           "outcomes": folder / outcomes}  # fmt: skip
    return main(["replay", *words, *(f"{n}={v}" for n, v in own.items() if n not in given)])


@pytest.mark.parametrize(
    ("words", "target"),
    [
        (["beta=0"], drawn(PLAIN)),
        (["target_temperature=5"], drawn(SCORE, 5.0)),
        ([], drawn(SCORE)),
    ],
)
def test_estimates_are_those_of_lists_of_known_value(
    folder, capsys, monkeypatch, words, target
) -> None:
    """Within 4 standard errors; the gain too, whose error is smaller than that of the value."""
    monkeypatch.setenv("COLUMNS", "160")
    out = folder / "replayed.csv"
    assert replayed(folder, *words, f"out={out}") == 0
    found = pd.read_csv(out).set_index("estimator")
    assert set(found.index) == {"cascade_dr", "cascade_ips", "snips", "ips"}
    truth, shown = target @ PLAIN, drawn(SCORE) @ PLAIN
    assert (abs(found["value"] - truth) < 4 * found["error"]).all()
    half = (found["gain_high"] - found["gain_low"]) / 2
    assert (abs(found["gain"] - (truth - shown)) <= 4 / 1.645 * half + 1e-9).all()
    assert found.loc["cascade_dr", "error"] < 0.05 * truth
    told = capsys.readouterr().out
    assert ("a visit, those that were shown brought" in told) == (words != [])
    assert ("they are better" in told or "they are worse" in told) == (words != [])
    assert ("the target is what was shown" in told) == (words == [])
    assert found["visits"].eq(VISITS).all()
    sold = pd.read_csv(folder / "sold.csv")["net_cents"].sum()
    assert found["shown"].to_numpy() == pytest.approx(sold / VISITS)
    asked = {"beta": 1.0, "alpha": 0.5, "target_temperature": TEMPERATURE}
    asked |= {name: float(value) for name, value in (word.split("=") for word in words)}
    assert all(found[name].eq(value).all() for name, value in asked.items())


def test_visits_of_one_customer_are_taken_together(folder: Path) -> None:
    """Each pair of visits is one customer's: fewer stand behind the estimate."""
    out, customers = folder / "o.csv", folder / "customers.csv"
    visits = [f"v{i:05d}" for i in range(VISITS)]
    whose = pd.DataFrame({"visit_id": visits, "customer_id": np.arange(VISITS) // 2})
    whose.to_csv(customers, index=False)
    behind = []
    for words in ([], [f"customers={customers}"]):
        assert replayed(folder, "beta=0", f"out={out}", *words) == 0
        behind.append(pd.read_csv(out)["effective"].min())
    assert behind[1] < 0.6 * behind[0]
    whose.iloc[1:].to_csv(customers, index=False)
    assert replayed(folder, f"customers={customers}") == 2


def test_what_is_read_is_not_written_over(folder: Path, capsys) -> None:
    before = (folder / "log.parquet").read_bytes()
    assert replayed(folder, f"out={folder / 'log.parquet'}") == 2
    assert "is also log=, and would be written over" in capsys.readouterr().err
    assert (folder / "log.parquet").read_bytes() == before


def test_an_estimate_whose_weights_are_off_is_withheld(folder: Path, capsys) -> None:
    """Only lists with the best product are kept: its weight is above 1 for a colder target."""
    log = pd.read_parquet(folder / "log.parquet")
    log[log["product_id"] == "c"].to_parquet(folder / "best.parquet", index=False)
    out = folder / "best.csv"
    words = [f"log={folder / 'best.parquet'}", "target_temperature=5", f"out={out}"]
    words += ["size=1", f"floor={FLOOR}", f"temperature={TEMPERATURE}"]
    assert replayed(folder, *words) == 0
    assert set(pd.read_csv(out)["estimator"]) == {"cascade_dr", "snips"}
    assert "No ips: weights of whole lists average 1." in capsys.readouterr().out


def test_outcomes_of_what_was_not_shown_count_as_nothing(folder: Path, capsys) -> None:
    sold = pd.read_csv(folder / "sold.csv")
    more = pd.DataFrame({"visit_id": ["v00000"], "product_id": ["zzz"], "net_cents": [1e9]})
    pd.concat([sold, more]).to_csv(folder / "more.csv", index=False)
    assert replayed(folder, outcomes="more.csv") == 0
    assert "1 of" in capsys.readouterr().out
    more.to_csv(folder / "none.csv", index=False)
    assert replayed(folder, outcomes="none.csv") == 2
    assert "none of the 1 outcomes is of a product that the log has" in capsys.readouterr().err
    more[:0].to_csv(folder / "no_sale.csv", index=False)
    assert replayed(folder, outcomes="no_sale.csv") == 2
    told = capsys.readouterr().err
    assert "no rows below the header; there is no sale in it, so that every list brought 0" in told


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("temperature=30", "log.parquet was drawn by temperature=20"),
        ("target_temperature=0.1", "it takes 4,000"),
        ("reward=clicks", "clicks"),
        ("reward=propensity", "is a column of the log; name the column of the outcomes"),
        ("size=2", "log.parquet was drawn by size=1 (log.parquet.json says so); leave"),
        ("per_category=2", "was drawn by per_category=none"),
        ("out=nowhere/x.csv", "out=nowhere/x.csv cannot be written; name a file in a folder"),
        ("log=nowhere.parquet", "there is no such file"),
        ("outcomes=nowhere.csv", "there is no such file"),
        ("floor=2", "floor"),
    ],
)
def test_what_cannot_be_replayed_is_told(folder: Path, capsys, word: str, says: str) -> None:
    more = ["least=4000"] if "target" in word else []
    assert replayed(folder, word, *more) == 2
    assert says in capsys.readouterr().err


def test_a_log_without_its_words_needs_them_and_checks_them(folder: Path, capsys) -> None:
    log = folder / "alone.parquet"
    pd.read_parquet(folder / "log.parquet").to_parquet(log, index=False)
    words = [f"log={log}", "size=1", f"floor={FLOOR}"]
    assert replayed(folder, *words, f"temperature={TEMPERATURE}") == 0
    assert "the target is what was shown" in capsys.readouterr().out
    assert replayed(folder, *words, "temperature=30") == 2
    assert "another propensity than these candidates and rules give" in capsys.readouterr().err


def test_penalties_that_are_not_given_are_those_of_the_log(folder: Path, tmp_path, capsys) -> None:
    """Drawn with beta = 0: asking about nothing else is asking about what was shown."""
    words = [f"run={folder}", f"products={folder / 'products.csv'}", "salt=t", "size=1", "beta=0"]
    words += [f"out={tmp_path / 'c.parquet'}", f"log={tmp_path / 'l.parquet'}"]
    assert main(["recommend", *words]) == 0
    asked = [f"log={tmp_path / 'l.parquet'}", f"candidates={tmp_path / 'c.parquet'}"]
    capsys.readouterr()
    assert replayed(folder, *asked) == 0
    assert "the target is what was shown" in capsys.readouterr().out
    assert replayed(folder, *asked, "beta=1") == 0
    assert "the target is what was shown" not in capsys.readouterr().out
    told = json.loads((tmp_path / "l.parquet.json").read_text())
    assert told["salt"] == "t"
    assert (told["drawn"]["beta"], told["drawn"]["size"]) == (0.0, 1)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"drawn": {"size": 0}}', '{"drawn": 3}'])
def test_broken_words_of_a_log_are_told(folder: Path, tmp_path: Path, capsys, text: str) -> None:
    log = tmp_path / "log.parquet"
    log.write_bytes((folder / "log.parquet").read_bytes())
    (tmp_path / "log.parquet.json").write_text(text)
    assert replayed(folder, f"log={log}") == 2
    said = capsys.readouterr().err
    assert "log.parquet.json" in said
    assert "Traceback" not in said
