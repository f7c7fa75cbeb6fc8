"""`lifeworth run` on visits: what it leaves and says, and whether that is true."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lifeworth.models.ranking import rank
from lifeworth.models.store import load
from lifeworth.run.kinds import kind_of
from lifeworth.run.ranking_judging import question_of
from lifeworth.run.rankings import run

EXPERIMENTS = {
    "ranker_retailrocket": ["~model@baselines.ease", "ranking.visits=300"],
    "basket_tafeng": ["ranking.visits=200", "model.customers=1000", "model.trees=20"],
}


@pytest.fixture(scope="module", params=EXPERIMENTS)
def config(request, composed, data_folder, tmp_path_factory: pytest.TempPathFactory):
    where = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    words = [f"experiment={request.param}", *EXPERIMENTS[request.param], "resamples=20"]
    return composed(*words, f"data.folder={data_folder}", f"tracking_uri=sqlite:///{where}")


@pytest.fixture(scope="module")
def folder(config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run(config, folder)
    return folder


@pytest.fixture(scope="module")
def card(folder: Path) -> dict:
    return json.loads((folder / "scorecard.json").read_text())


def test_a_run_leaves_lists_measures_and_the_model(folder: Path, card, config) -> None:
    left = {p.name for p in folder.iterdir()}
    chances = {"chances.parquet"} if card["score_is"] == "chance" else set()
    assert left == {"scorecard.json", "recommendations.parquet", "measures.parquet", "params.json",
                    "wanted.parquet", "fitted", "report.html"} | chances  # fmt: skip
    assert card["visits"] == config.ranking.visits
    assert None not in card.values()
    measures = pd.read_parquet(folder / "measures.parquet")
    ranked = {name for name, recipe in config.baselines.items() if kind_of(recipe) == "ranking"}
    assert set(measures["model"]) == {config.names.model, *ranked}
    recall = measures[measures["measure"] == "recall"].pivot(
        index="length", columns="model", values="value"
    )
    assert (recall.diff().dropna() >= 0).all(axis=None)


def test_the_scorecard_is_what_the_lists_say(folder: Path, card, config) -> None:
    """Hits, recall and MRR, counted from the lists that were left."""
    at = config.ranking.at
    lists = pd.read_parquet(folder / "recommendations.parquet")
    visits = config.data.load().first(config.ranking.visits)
    wanted = visits.wanted.groupby("visit_id")["product_id"].agg(set)
    found = lists.groupby("visit_id")["product_id"].agg(list).reindex(wanted.index)
    hits, recall, mrr = [], [], []
    for want, own in zip(wanted, found, strict=True):
        places = [n for n, product in enumerate(own, start=1) if product in want]
        hits.append(bool(places))
        recall.append(len(places) / len(want))
        mrr.append(1 / places[0] if places else 0.0)
    assert card[f"hit_at_{at}"] == pytest.approx(np.mean(hits))
    assert card[f"recall_at_{at}"] == pytest.approx(np.mean(recall))
    assert card[f"mrr_at_{at}"] == pytest.approx(np.mean(mrr))
    assert card[f"hit_at_{at}_low"] <= card[f"hit_at_{at}"] <= card[f"hit_at_{at}_high"]
    assert card[f"coverage_at_{at}"] == lists["product_id"].nunique() / card["products"]


def test_the_kept_model_gives_the_lists(folder: Path, config) -> None:
    question = question_of(config.data.load().first(config.ranking.visits), config.ranking)
    said = rank(load(folder / "fitted"), question.asked, config.ranking.at).frame
    pd.testing.assert_frame_equal(said, pd.read_parquet(folder / "recommendations.parquet"))


def test_the_report_shows_models_lengths_and_examples(folder: Path, config) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in ("Models compared", "Recall against list length", "Example lists"):
        assert words in page
    assert config.title.replace("'", "&#39;") in page


def test_products_that_were_touched_can_be_left_out(composed, data_folder, tmp_path: Path) -> None:
    """One purchase of each customer is held out with all that went before it: it is new."""
    words = ["experiment=ranker_customers", "ranking.visits=100", "resamples=20"]
    words += ["model=ranker_popularity", "~model@baselines.union", "~model@baselines.ease"]
    where = [f"data.folder={data_folder}", f"tracking_uri=sqlite:///{tmp_path / 'm.db'}"]
    config = composed(*words, *where)
    run(config, tmp_path / "run")
    lists = pd.read_parquet(tmp_path / "run" / "recommendations.parquet")
    asked = config.data.load().asked
    assert lists.merge(asked, on=["visit_id", "product_id"]).empty
    assert (lists.groupby("visit_id").size() == config.ranking.at).all()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["model=ranker_vsknn"], "data=cdnow is a store"),
        (
            ["data=hillstrom", "model=basket_tifuknn"],
            "data=hillstrom is a randomised",
        ),
        (["data=tafeng"], "model=btyd_bgnbd learns from a store, and data=tafeng is visits"),
        (
            ["data=retailrocket", "model=uplift_none"],
            "data=retailrocket is visits",
        ),
        (["data=tafeng", "model=ranker_ease", "ranking.at=0"], "ranking.at=0 has to"),
        (["data=tafeng", "model=ranker_ease", "data.folder=nowhere"], "'nowhere' is not there"),
    ],
)
def test_wrong_words_are_told_in_a_sentence(words, says, refused) -> None:
    assert says in refused(*words)


def test_verbs_for_forecasts_refuse_its_run(folder: Path, turned_away) -> None:
    assert "is the run of a ranking" in turned_away(folder)


def test_scores_are_called_chances_only_of_what_they_are_chances_of(
    card, config, folder: Path
) -> None:
    """The union's of the next view, the trees' of the next basket; counts and votes are none."""
    assert card["score_is"] == "chance"
    told = set(pd.read_parquet(folder / "chances.parquet")["model"])
    never = {name for name in config.baselines if not name.startswith("ranker_repeat")}
    assert told
    assert not told & never
