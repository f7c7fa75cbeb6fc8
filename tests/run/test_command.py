"""The command as a user types it: help, a run, and what goes wrong in words."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from lifeworth.models.core import QUANTILES
from lifeworth.run.cli import VERBS, main
from lifeworth.run.conf import conf_folder

COLUMNS = [
    *("customer_id", "as_of", "horizon_days", "expected_purchases", "p_alive", "p_active"),
    *("expected_value", "value_sd", *QUANTILES, "tier", "exclude_from_deep_blanket_promotions"),
]


def test_a_run_leaves_everything_in_one_folder(done) -> None:
    left = {p.name for p in done.folder.iterdir()}
    assert left == {
        *(".hydra", "run.log", "scorecard.json", "scores.parquet", "params.json"),
        *("fitted", "report.html", "backtest.parquet", "differences.parquet"),
    }
    card = json.loads((done.folder / "scorecard.json").read_text())
    assert card["customers"] == 2357
    assert card["actual_purchases"] == 1882
    assert card["value_is"] == "revenue"
    assert card["seconds_fit"] > 0
    assert all(not isinstance(v, dict | list) for v in card.values())


def test_the_log_has_every_step(done) -> None:
    told = (done.folder / "run.log").read_text()
    steps = [line.split("progress: ")[1] for line in told.splitlines() if "progress: " in line]
    assert steps[0] == "starting the device"
    assert "1997-10-01: btyd_bgnbd" in steps
    assert steps[-1] == "writing"


def test_scores_have_the_promised_columns_and_integer_cents(done) -> None:
    scores = pd.read_parquet(done.folder / "scores.parquet")
    assert list(scores.columns) == COLUMNS
    assert len(scores) == 2357
    money = ["expected_value", "value_sd", *QUANTILES]
    assert (scores[money].dtypes == "int64").all()
    assert not scores.isna().any().any()
    assert set(scores["tier"]) == {"VIP", "High", "Med", "Low"}


def test_the_parameters_are_those_of_the_paper(done) -> None:
    params = json.loads((done.folder / "params.json").read_text())
    found = {n: p["estimate"] for n, p in params["parameters"].items()}
    published = {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}
    published |= {"p": 6.25, "q": 3.74, "gamma": 15.44}
    for name, value in published.items():
        assert found[name] == pytest.approx(value, rel=2e-3), name
    assert params["log_likelihood"]["bgnbd"] == pytest.approx(-9582.4292, abs=1e-4)
    assert params["log_likelihood"]["gamma_gamma"] == pytest.approx(-4055.92, abs=5e-3)


def test_the_terminal_ends_with_a_table_and_the_report(done) -> None:
    out = done.printed.out
    assert "Forecast 59,932 USD against 70,976 USD realised by 2,357 customers" in out
    assert "btyd_bgnbd" in out
    assert "report.html" in out.splitlines()[-1]
    assert "Traceback" not in done.printed.err


@pytest.mark.parametrize("verb", [v for v in VERBS if v != "run"])
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"lifeworth {verb}: {VERBS[verb].does}")
    assert f"\n  lifeworth {verb}" in text


def test_the_help_of_run_lists_choices_and_values(lifeworth, tmp_path: Path) -> None:
    told = lifeworth("run", "--help", cwd=tmp_path)
    assert told.status == 0
    models = ", ".join(sorted(path.stem for path in (conf_folder() / "model").glob("*.yaml")))
    assert f"model: {models}" in told.out
    assert "horizon_days: 180" in told.out


def test_the_command_itself_has_help_and_corrects_a_verb(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0
    assert all(f"\n  {verb} " in capsys.readouterr().out for verb in list(VERBS)[:1])
    assert main(["exprot"]) == 2
    assert "did you mean 'export'?" in capsys.readouterr().err


WRONG = {
    "unknown field": (
        ["model.drawz=3"],
        "model.drawz: there is no such option, did you mean 'draws'?; ",
    ),
    "misspelt field": (["data.foldr=a"], "data.foldr: there is no such option, did you mean 'fold"),
    "a sign of Hydra's": (["data.folder=/a=b"], "'data.folder=/a=b' cannot be read; write NAME=V"),
    "nothing to take out": (["~model@baselines.x"], "Could not delete 'model@baselines.x'"),
    "unknown option": (["model=btyd_bgnbdd"], "no such model, did you mean 'btyd_bgnbd'?; there"),
    "one of a sweep": (
        ["-m", "model=btyd_bgnbd,lstm"],
        "model=lstm: there is no such model; there",
    ),
    "a day that is none": (
        ["split.cutoff=2026-02-30"],
        "split.cutoff=2026-02-30 has to be a day; give",
    ),
    "a field of a field": (
        ["data=campaign_files", "data.file=a.csv", "data.currency=EUR", "data.arms={a:{cost:1}}"],
        "there is no 'data.arms.a.cost'; it takes contact, discount, ",
    ),
    "no folder": (["data=superstore", "data.folder=nowhere"], "'nowhere' is not there"),
    "file not named": (["data=files"], "data.file has no value"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words_are_refused_in_words(lifeworth, case: str, tmp_path: Path) -> None:
    words, said = WRONG[case]
    told = lifeworth("run", *words, cwd=tmp_path, LIFEWORTH_DATA="")
    assert told.status != 0
    assert said in told.err
    assert "Traceback" not in told.err


ORDERS = "Kunde,Datum,Betrag\n007,2025-01-01,10.00\n007,2025-03-01,12.50\n8,2025-01-05,{}\n"
FILES = ["data=files", "data.folder=.", "data.file=orders.csv", "data.currency=EUR"]
MAPPED = ["customer_id=Kunde", "ordered_at=Datum", "amount=Betrag"]


@pytest.mark.parametrize(
    ("amount", "said"),
    [("-3.00", "1 of 3 rows have amount_cents < 0")],
)
def test_bad_rows_of_a_file_are_named(lifeworth, amount: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS.format(amount))
    columns = [f"data.columns.{pair}" for pair in MAPPED]
    told = lifeworth("run", *FILES, *columns, "split.cutoff=2025-02-01", cwd=tmp_path)
    assert told.status == 2
    assert said in told.err
    assert "Traceback" not in told.err


def test_a_file_of_ones_own_runs(lifeworth, tmp_path: Path) -> None:
    from lifeworth.tables.sources import Simulated

    store = Simulated().load().orders.to_pandas()
    store["Betrag"] = store["amount_cents"] / 100
    names = {"customer_id": "Kunde", "ordered_at": "Datum"}
    store.rename(columns=names)[["Kunde", "Datum", "Betrag"]].to_csv(
        tmp_path / "orders.csv", index=False
    )
    columns = [f"data.columns.{pair}" for pair in MAPPED]
    told = lifeworth("run", *FILES, *columns, "debug=fast", cwd=tmp_path)
    assert told.status == 0, told.err
    assert "EUR" in told.out


def test_a_sweep_over_models_and_cut_offs(lifeworth, tmp_path: Path) -> None:
    words = ["-m", "data=simulated", "model=btyd_bgnbd,btyd_heuristic_rate", "split=rolling"]
    fast = ["debug=fast", "split.cuts=2", "model.draws=20", "data.world.return_rate=0"]
    told = lifeworth("run", *words, *fast, cwd=tmp_path)
    assert told.status == 0, told.err
    cards = sorted((tmp_path / "outputs" / "sweeps").rglob("scorecard.json"))
    assert len(cards) == 2
    assert all(json.loads(card.read_text())["cuts"] == 2 for card in cards)
    compared = lifeworth("compare", "csv=all.csv", cwd=tmp_path)
    assert "btyd_heuristic_rate" in compared.out
    assert len(pd.read_csv(tmp_path / "all.csv")) == 2


def test_a_job_that_cannot_run_does_not_stop_a_sweep(lifeworth, tmp_path: Path) -> None:
    words = (
        "-m",
        "experiment=clv_cdnow_sample",
        "debug=fast",
        "split.cutoff=1990-01-01,1997-10-01",
    )
    told = lifeworth("run", *words, cwd=tmp_path)
    assert told.status == 2
    assert "0 orders before the cut-off" in told.err
    assert "Traceback" not in told.err
    assert len(list(tmp_path.glob("outputs/sweeps/*/*/report.html"))) == 1


def test_a_run_is_told_even_where_mlflow_does_not_answer(lifeworth, tmp_path: Path) -> None:
    words = ("experiment=clv_cdnow_sample", "debug=fast", "tracking_uri=http://127.0.0.1:9")
    once = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "2"}
    told = lifeworth("run", *words, cwd=tmp_path, **once)
    assert told.status == 2
    assert "Report: " in told.out
    assert "tracking_uri: the run is in " in told.err
    assert "Traceback" not in told.err


def test_examples_in_the_help_compose(composed) -> None:
    text = yaml.safe_load((conf_folder() / "run.yaml").read_text())["hydra"]["help"]["header"]
    lines = [line.split("   ")[0].split() for line in text.splitlines() if "=" in line]
    examples = [[w for w in words[2:] if "," not in w] for words in lines if "--cfg" not in words]
    assert len(examples) >= 4
    for words in examples:
        composed(*(word for word in words if word != "-m"))


def test_a_run_in_a_hurry_says_so_wherever_it_goes(done, tmp_path: Path, capsys) -> None:
    assert "debug=fast: made in a hurry" in done.printed.out
    assert "debug=fast: made in a hurry" in (done.folder / "report.html").read_text()
    assert main(["export", f"run={done.folder}", f"to={tmp_path / 'bundle'}"]) == 0
    assert "btyd_bgnbd as of 1997-10-01, 2,357 customers" in capsys.readouterr().out
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert (manifest["model"], manifest["debug"]) == ("btyd_bgnbd", "fast")


def test_a_place_that_cannot_be_written_is_said(done, tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("keep me")
    assert main(["export", f"run={done.folder}", f"to={tmp_path / 'file' / 'bundle'}"]) == 2
    assert capsys.readouterr().err.startswith("lifeworth export: ")
    assert (tmp_path / "file").read_text() == "keep me"


def test_comparing_what_there_is_not_says_what_there_is(done, capsys, monkeypatch) -> None:
    monkeypatch.chdir(done.cwd)
    assert main(["compare", "data=nothing"]) == 2
    assert "no run has data=nothing; there are runs of cdnow" in capsys.readouterr().err
