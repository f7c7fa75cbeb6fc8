"""Segments in a run: the scorecard, the files, the terminal, and a column that is not there."""

import json

import pandas as pd
import pytest

from lifeworth.evaluate.segments import COLUMNS
from lifeworth.run.compare import runs
from lifeworth.run.main import run

WORDS = ["data=simulated", "debug=fast", "split.cuts=2", "split.window_days=null"]


@pytest.fixture(scope="module")
def finished(composed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("segments")
    uri = f"tracking_uri=sqlite:///{folder / 'mlflow.db'}"
    run(composed(*WORDS, "segments=[country,cohort_quarter]", uri), folder)
    return folder


def test_the_tables_of_every_model_and_cut_off_are_kept(finished):
    table = pd.read_parquet(finished / "segments.parquet")
    assert list(table.columns) == ["cutoff", "model", *COLUMNS]
    assert table["cutoff"].nunique() == 2
    assert table["model"].nunique() == 3
    assert set(table["column"]) == {"country", "cohort_quarter"}
    assert not table[["value_crps", "purchases_coverage_90"]].isna().any().any()


def test_the_card_has_means_over_the_cut_offs_that_have_the_segment(finished):
    table = pd.read_parquet(finished / "segments.parquet")
    card = json.loads((finished / "scorecard.json").read_text())
    of = table[table["model"] == card["model"]]
    for (column, level), rows in of.groupby(["column", "level"]):
        name = f"value_crps/{column}/{level.replace('(others)', '_others_')}"
        assert card[name] == pytest.approx(rows["value_crps"].mean())
    assert "value_coverage_90_worst/country" in card
    assert not [name for name in card if "/" in name and name.endswith(("_low", "_high"))]
    assert "value_crps_low" in card


def test_mlflow_keeps_them_and_the_page_does_not_list_them(finished):
    (row,) = runs(f"sqlite:///{finished / 'mlflow.db'}").to_dict("records")
    assert 0 <= row["value_coverage_90_worst/country"] <= 1
    assert "value_coverage_90_worst" not in (finished / "report.html").read_text()


def test_a_column_that_is_not_there_is_said_in_words(lifeworth, tmp_path):
    words = ["data=simulated", "debug=fast", "segments=[contry]"]
    told = lifeworth("run", *words, cwd=tmp_path)
    assert told.status == 2
    assert "there is no text column 'contry', did you mean 'country'?" in told.err
    assert "Traceback" not in told.err
    assert (
        "segments=country has to be values in brackets"
        in lifeworth("run", "segments=country", cwd=tmp_path).err
    )
