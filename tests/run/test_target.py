"""Targeting through the command, on a run of a simulated store whose costs are known."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from lifeworth.run.cli import main

SMALL = ("experiment=clv_simulated", "debug=fast", "data.world.customers=400")
ACTION = ("budget=500", "cost=5", "uplift=.2")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, lifeworth: Callable) -> Path:
    cwd = tmp_path_factory.mktemp("simulated")
    printed = lifeworth("run", *SMALL, "hydra.run.dir=run", cwd=cwd)
    assert printed.status == 0, printed.err
    return cwd / "run"


@pytest.fixture(scope="module")
def out(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("targets")
    assert main(["target", f"run={run}", *ACTION, f"out={out}"]) == 0
    return out


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{name}.parquet")


def test_targets_are_the_best_who_pay(run: Path, out: Path) -> None:
    scores, targets = read(run, "scores"), read(out, "targets")
    paying = scores[0.2 * scores["expected_value"] > 500].sort_values(
        ["expected_value", "customer_id"], ascending=[False, True]
    )
    assert targets["customer_id"].tolist() == paying["customer_id"].head(100).tolist()
    assert targets["rank"].tolist() == list(range(1, len(targets) + 1))
    assert targets["cost"].sum() <= 50_000
    np.testing.assert_allclose(targets["gain"], 0.2 * targets["expected_value"], atol=0.5)
    text = pd.read_csv(out / "targets.csv", dtype={"customer_id": str})
    assert text["customer_id"].tolist() == targets["customer_id"].tolist()
    assert text["expected_value"].tolist() == targets["expected_value"].tolist()


def test_candidates_are_everybody_with_what_was_and_what_came(run: Path, out: Path) -> None:
    card = json.loads((run / "scorecard.json").read_text())
    candidates = read(out, "candidates")
    assert candidates["customer_id"].tolist() == read(run, "scores")["customer_id"].tolist()
    assert candidates["realised"].sum() == pytest.approx(card["actual_value"])
    assert (candidates["purchases_so_far"] >= 1).all()
    assert candidates["chosen"].sum() == len(read(out, "targets"))
    assert (candidates["chosen"] == (candidates["reason"] == "chosen")).all()


def test_policies_are_those_of_a_second_calculation(out: Path) -> None:
    everybody = read(out, "candidates")
    policies = read(out, "policies").set_index(["policy", "measure"])
    values = {"forecast": everybody["expected_value"], "realised": everybody["realised"]}
    richest = everybody.sort_values("spent_so_far", ascending=False).index[:100]
    for measure, value in values.items():
        net = 0.2 * value - 500
        own = policies.xs(measure, level="measure")["net"]
        assert own["chosen"] == pytest.approx(net[everybody["chosen"]].sum())
        assert own["monetary"] == pytest.approx(net[richest].sum())
        assert own["random"] == pytest.approx(100 * net.mean())
        less = policies.loc[("monetary", measure), "less"]
        assert less == pytest.approx(own["chosen"] - own["monetary"])


def test_the_page_says_whom_and_stands_alone(out: Path) -> None:
    html = (out / "target.html").read_text()
    assert f"Target {len(read(out, 'targets'))} customers for" in html
    assert "worth more than 25.00 USD in 180 days pay" in html
    assert "debug=fast: the figures mean nothing" in html
    assert "is not yet profit" not in html  # costs of orders are known here
    assert 'src="http' not in html


def test_equal_calls_leave_equal_files(run: Path, out: Path, tmp_path: Path) -> None:
    assert main(["target", f"run={run}", *ACTION, f"out={tmp_path}"]) == 0
    assert (tmp_path / "targets.csv").read_bytes() == (out / "targets.csv").read_bytes()
    pd.testing.assert_frame_equal(read(tmp_path, "policies"), read(out, "policies"))
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_the_risk_averse_count_the_bad_end_of_the_draws_of_the_model(
    run: Path, tmp_path: Path
) -> None:
    words = ["target", f"run={run}", *ACTION, "winsorise=none", "risk=quantile:.75"]
    assert main([*words, f"out={tmp_path}"]) == 0
    scores, candidates = read(run, "scores"), read(tmp_path, "candidates")
    np.testing.assert_allclose(candidates["score"], 0.2 * scores["value_q75"], atol=0.7)
    assert "not certain" in set(candidates["reason"])


def test_costs_and_uplifts_of_their_own_come_from_a_file(run: Path, tmp_path: Path) -> None:
    scores = read(run, "scores")
    half = scores["customer_id"].iloc[::2]
    rng = np.random.default_rng(0)
    listed = pd.DataFrame({
        "customer_id": half,
        "cost": rng.uniform(1, 9, len(half)).round(2),
        "uplift": rng.uniform(-0.1, 0.4, len(half)),
    })  # fmt: skip
    listed.sample(frac=1, random_state=0).to_csv(tmp_path / "own.csv", index=False)
    words = ["target", f"run={run}", "budget=200", f"customers={tmp_path / 'own.csv'}"]
    assert main([*words, "risk=cvar:.9", f"out={tmp_path / 'out'}"]) == 0
    candidates = read(tmp_path / "out", "candidates")
    assert candidates["customer_id"].tolist() == half.tolist()
    np.testing.assert_allclose(candidates["cost"], 100 * listed["cost"])
    np.testing.assert_allclose(candidates["uplift"], listed["uplift"])
    chosen = candidates[candidates["chosen"]]
    assert 0 < chosen["cost"].sum() <= 20_000
    assert (chosen["score"] >= chosen["cost"] - 0.5).all()
    assert (
        "customers of the run are not in the file" in (tmp_path / "out" / "target.html").read_text()
    )


def test_scores_from_the_end_of_the_data_have_a_forecast_only(
    lifeworth: Callable, tmp_path: Path
) -> None:
    words = ("split.score_at=end", "hydra.run.dir=run")
    assert lifeworth("run", *SMALL, *words, cwd=tmp_path).status == 0
    told = lifeworth("target", "run=run", *ACTION, cwd=tmp_path)
    assert told.status == 0, told.err
    assert "nobody knows yet" in told.out
    made = tmp_path / "run" / "target"
    assert set(read(made, "policies")["measure"]) == {"forecast"}
    assert "realised" not in read(made, "candidates")
    assert (made / "target.html").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cost=5", "uplift=.2"], "budget is missing; give budget=..., the most that is spent"),
        (["budget=500", "cost=5"], "uplift is missing; give uplift=... for everybody, or"),
        (["budget=-1", "cost=5", "uplift=.2"], "budget=-1 has to be 0 or more; give budget=0, say"),
        (
            ["budget=5,000", "cost=5", "uplift=.2"],
            "budget=5,000 has to be a number; give budget=5000",
        ),
        (
            ["budget=50", "cost=5", "uplift=10%"],
            "uplift=10% has to be a number; give uplift=0.1, s",
        ),
        (["budget=inf", "cost=5", "uplift=.2"], "budget=inf has to be a finite number"),
        (["budget=500", "cost=many", "uplift=.2"], "cost=many has to be a number; give cost="),
        ([*ACTION, "winsorise=2"], "winsorise is 2.0; give a quantile above 0 and at most 1"),
        ([*ACTION, "risk=sharpe"], "risk=sharpe is none that is known; give mean, quantile:.1"),
        ([*ACTION, "risk=cvar"], "risk=cvar is none that is known"),
        ([*ACTION, "risk=cvar:1"], "the share of cvar is 1.0; it lies between 0 and 1"),
        ([*ACTION, "buget=3"], "there is no 'buget', did you mean 'budget'?"),
        (["budget=500", "cost=5", "customers=no.csv"], "no.csv: there is no such file"),
    ],
)
def test_words_that_cannot_be_used_are_told_in_one_sentence(
    run: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["target", f"run={run}", *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.startswith(("lifeworth target", "target: ", "no.csv"))
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("customer_id\nA\n", "'customer_id'; give the column that is meant this name in the file"),
        ("customer_id;uplift\nA;1\n", "separated by semicolons: save it with commas"),
        ("customer_id,uplift\nA,1\nA,2\n", "1 of 2 rows repeat another, first at row 2 (cust"),
        ("customer_id,uplift\nA,high\n", "1 of 1 rows have a 'uplift' that is not a number"),
        ("customer_id,uplift\nA,1\n", "none of the 1 customers"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(
    run: Path, tmp_path: Path, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.csv").write_text(content)
    words = ["target", f"run={run}", "budget=9", "cost=1", f"customers={tmp_path / 'own.csv'}"]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_a_run_that_is_not_whole_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare, changed = tmp_path / "bare", tmp_path / "changed"
    bare.mkdir()
    for name in ("scores.parquet", "scorecard.json"):
        shutil.copy(run / name, bare / name)
    assert main(["target", f"run={bare}", *ACTION]) == 2
    assert "no config.yaml and no hydra.yaml in" in capsys.readouterr().err
    shutil.copytree(run, changed)
    config = changed / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("customers: 400", "customers: 401"))
    assert main(["target", f"run={changed}", *ACTION]) == 2
    assert "are no longer those of the run" in capsys.readouterr().err
    assert main(["target", f"run={tmp_path}", *ACTION]) == 2
    assert "no scores.parquet and no scorecard.json in" in capsys.readouterr().err


def test_data_that_are_gone_are_told_without_an_option_that_is_none(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    kept = copy / ".hydra" / "config.yaml"
    gone = {"_target_": "lifeworth.tables.sources.Cdnow", "folder": "gone"}
    kept.write_text(yaml.safe_dump(yaml.safe_load(kept.read_text()) | {"data": gone}))
    assert main(["target", f"run={copy}", *ACTION]) == 2
    told = capsys.readouterr().err
    assert "lifeworth target: cdnow: the data folder 'gone' is not there; the data are read" in told
    assert "data.folder" not in told


def test_nobody_is_an_answer(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["target", f"run={run}", "budget=500", "cost=400", "uplift=.0001"]
    assert main([*words, f"out={tmp_path}"]) == 0
    assert "Target nobody" in capsys.readouterr().out
    assert read(tmp_path, "targets").empty
