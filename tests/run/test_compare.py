"""Runs side by side: the frame, the terminal, the notebook; many runs at once."""

import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from lifeworth.run.cli import main
from lifeworth.run.compare import FACTS, runs
from lifeworth.run.finished import folder_of
from lifeworth.run.kept import client_of
from lifeworth.tables.errors import InputError

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "compare_runs.py"

START = """
import sys
from lifeworth.run.finished import folder_of
from lifeworth.run.kept import client_of
from lifeworth.tables.errors import InputError
client_of(sys.argv[1])
"""


def test_runs_gives_one_row_per_run(done) -> None:
    frame = runs(f"sqlite:///{done.cwd / 'outputs' / 'mlflow.db'}")
    (row,) = frame.to_dict("records")
    assert tuple(frame.columns[: len(FACTS)]) == FACTS
    assert row["experiment"] == "clv_cdnow_sample"
    assert row["model"] == "btyd_bgnbd"
    assert row["cutoff"] == "1997-10-01"
    assert row["kind"] == "forecast"
    assert row["horizon_days"] == 273
    assert row["currency"] == "USD"
    assert row["purchases_mae"] == pytest.approx(0.7855, abs=1e-4)
    assert Path(row["folder"]) == done.folder.resolve()


def test_runs_of_an_empty_store_is_an_empty_frame(tmp_path: Path) -> None:
    frame = runs(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert frame.empty
    assert list(frame.columns) == list(FACTS)


def test_the_command_compares_and_says_what_there_is_not(
    done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(done.cwd)
    assert main(["compare"]) == 0
    assert "btyd_bgnbd" in capsys.readouterr().out
    assert main(["compare", "sort=luck"]) == 2
    assert "no column 'luck'" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert main(["compare"]) == 2
    assert "no runs here" in capsys.readouterr().err


def test_processes_may_start_on_a_fresh_store_together(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    started = [
        subprocess.Popen([sys.executable, "-c", START, uri], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ended = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0] * 3, ended


def test_the_notebook_runs_from_top_to_bottom(done, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{done.cwd / 'outputs' / 'mlflow.db'}")
    notebook = jupytext.read(NOTEBOOK)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert not [o for o in outputs if o.output_type == "error"]
    assert sum("application/vnd.plotly.v1+json" in o.get("data", {}) for o in outputs) >= 4


def test_the_pair_of_the_notebook_is_the_same_notebook() -> None:
    script = jupytext.read(NOTEBOOK)
    pair = nbformat.read(NOTEBOOK.with_suffix(".ipynb"), as_version=4)
    assert [c.source for c in script.cells] == [c.source for c in pair.cells]
    assert not any(c.get("outputs") for c in pair.cells)


def test_runs_that_lifeworth_did_not_make_or_finish_are_left_out(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = client_of(uri)
    experiment = client.create_experiment("another team's")
    client.create_run(experiment)
    client.create_run(experiment, tags={"model": "btyd_bgnbd"})
    assert runs(uri).empty


def test_a_csv_that_cannot_be_written_is_said(
    done, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(done.cwd)
    assert main(["compare", "csv=nowhere/runs.csv"]) == 2
    assert "csv=nowhere/runs.csv cannot be written" in capsys.readouterr().err


def test_the_latest_run_is_of_the_kind_that_is_wanted(tmp_path: Path) -> None:
    """Two forecasts and then a ranking; there are no personas."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = client_of(uri)
    for number, kind in enumerate(["forecast", "forecast", "ranking"]):
        tags = {"model": "m", "data": "d", "kind": kind, "folder": str(tmp_path / f"run{number}")}
        run = client.create_run("0", start_time=1 + number, tags=tags)
        for name in ("split.horizon_days", "seed"):
            client.log_param(run.info.run_id, name, 90)
        client.set_terminated(run.info.run_id)
    assert folder_of("lifeworth export", "latest", uri) == tmp_path / "run1"
    assert folder_of("lifeworth recommend", "latest", uri, "ranking") == tmp_path / "run2"
    assert pd.isna(runs(uri)["horizon_days"]).tolist() == [False, False, True]
    with pytest.raises(InputError, match=r"no finished run .personas. .*personas_online_retail"):
        folder_of("lifeworth score", "latest", uri, "personas")
