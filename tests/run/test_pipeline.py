"""The pipeline: cuts, the scores that are written, what the report is told."""

import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest

from lifeworth.asof.split import latest
from lifeworth.engines.device import use
from lifeworth.models.store import load
from lifeworth.run.config import Split
from lifeworth.run.main import cuts, run
from lifeworth.tables.errors import InputError
from lifeworth.tables.sources import Simulated

SPLIT = {
    "cutoff": None,
    "horizon_days": 90,
    "window_days": None,
    "purchase": "day",
    "cuts": 1,
    "every_days": 30,
    "score_at": "cutoff",
}


@pytest.fixture(scope="module")
def store():
    return Simulated().load()


def test_the_last_cut_leaves_the_whole_horizon_observed(store) -> None:
    ((history, future),) = cuts(store, Split(**SPLIT))
    last = store.orders.ordered_at.max().execute().date()
    assert history.cutoff + dt.timedelta(days=90) == last + dt.timedelta(days=1)
    assert future.horizon == 90


def test_rolling_cuts_go_back_from_the_cut_off(store) -> None:
    pairs = cuts(store, Split(**SPLIT | {"cutoff": dt.date(2023, 6, 1), "cuts": 3}))
    days = [history.cutoff for history, _ in pairs]
    assert days == [dt.date(2023, 4, 2), dt.date(2023, 5, 2), dt.date(2023, 6, 1)]


def test_a_horizon_beyond_the_data_is_refused(store) -> None:
    last = store.orders.ordered_at.max().execute().date()
    latest_cut = last - dt.timedelta(days=89)
    split = Split(**SPLIT | {"cutoff": latest_cut + dt.timedelta(days=1)})
    with pytest.raises(InputError, match=f"choose split.cutoff={latest_cut} or earlier"):
        list(cuts(store, split))
    assert len(list(cuts(store, Split(**SPLIT | {"cutoff": latest_cut})))) == 1


@pytest.fixture(scope="module")
def finished(composed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("latest")
    uri = f"tracking_uri=sqlite:///{folder / 'mlflow.db'}"
    words = ["data=simulated", "split=latest", "split.window_days=400", "debug=fast"]
    run(composed(*words, uri), folder)
    return folder


def test_scores_from_the_end_are_of_everybody_known_then(finished: Path, store) -> None:
    scores = pd.read_parquet(finished / "scores.parquet")
    history = latest(store, window=400)
    assert set(scores["as_of"]) == {history.cutoff}
    assert set(scores["customer_id"]) == set(history.customers().execute()["customer_id"])


def test_the_kept_model_scores_again_alike(finished: Path, store) -> None:
    use("cpu")
    scores = pd.read_parquet(finished / "scores.parquet")
    again = load(finished / "fitted").score(latest(store, window=400), 180).frame
    assert again["expected_value"].round().astype(int).tolist() == scores["expected_value"].tolist()


def test_the_report_says_who_was_acquired_before_the_window(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    assert "first bought before the 400 days that were read" in page
    card = json.loads((finished / "scorecard.json").read_text())
    assert card["value_is"] == "margin"
