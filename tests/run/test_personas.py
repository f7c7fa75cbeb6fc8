"""`lifeworth run` with personas: what it leaves and says, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from lifeworth.asof.split import latest
from lifeworth.models.personas import RfmGrid
from lifeworth.models.store import load
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.run.personas import run

WORDS = (
    "data=simulated",
    "model=personas_default",
    "data.world.customers=800",
    "model.min_cluster_size=40",
    "split.horizon_days=90",
    "resamples=20",
)


@pytest.fixture(scope="module")
def config(composed, tmp_path_factory: pytest.TempPathFactory):
    where = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    cuts = ["split.cuts=3", "split.window_days=null"]
    return composed(*WORDS, *cuts, f"tracking_uri=sqlite:///{where}")


@pytest.fixture(scope="module")
def folder(config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run(config, folder)
    return folder


def test_a_run_leaves_what_shops_and_notebooks_read(folder: Path) -> None:
    left = {p.name for p in folder.iterdir()}
    assert {"scorecard.json", "personas.parquet", "profiles.parquet", "fitted"} <= left
    assert {"params.json", "report.html", "uses.parquet", "refits.parquet"} <= left
    card = json.loads((folder / "scorecard.json").read_text())
    people = pd.read_parquet(folder / "personas.parquet")
    assert len(people) == card["customers"]
    assert people.notna().all(axis=None)
    assert {"customer_id", "persona", "name", "probability", "nearest"} <= set(people)
    assert None not in card.values()
    assert card["passed"] in (0.0, 1.0)
    assert card["verdict"].startswith(("Use these", "Do not use these"))
    assert 0 <= card["changed_by_refit"] < 0.5


def test_profiles_and_moves_add_up(folder: Path) -> None:
    card = json.loads((folder / "scorecard.json").read_text())
    profiles = pd.read_parquet(folder / "profiles.parquet")
    assert profiles["customers"].sum() == card["customers"]
    assert profiles["value_share"].sum() == pytest.approx(1)
    assert pd.read_parquet(folder / "migration.parquet")["customers"].sum() == card["customers"]
    assert len(pd.read_parquet(folder / "refits.parquet")) == 2


def test_the_report_has_its_figures_and_the_verdict(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in ("May they be used?", "Who they are", "What sets them apart", "Where they lie",
                  "From month to month", "treemap", "heatmap", "scatter"):  # fmt: skip
        assert words in page


def test_the_kept_model_knows_new_customers(folder: Path, config) -> None:
    history = latest(config.data.load())
    told = load(folder / "fitted").score(history, 90).frame
    assert len(told) >= len(pd.read_parquet(folder / "personas.parquet"))
    assert np.isfinite(told["distance"]).all()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["data=simulated_campaign"], "learns from a store"),
        (["segments=[country]"], "segments: personas are not forecasts"),
        (["seeds=3"], "seeds: personas are not forecasts"),
        (["model.features=[wealth,frequency]"], "model.features: there is no 'wealth'"),
        (["model.most_noise=2"], "most_noise"),
        (["model=btyd_bgnbd", "model@baselines.rate=personas_kmeans"], "makes personas"),
    ],
)
def test_wrong_words_are_told_in_a_sentence(words, says, refused) -> None:
    given = ["data=simulated", "model=personas_default", *words]
    assert says in refused(*{word.split("=")[0]: word for word in given}.values())


def test_a_baseline_that_finds_nobody_is_told(composed, tmp_path: Path) -> None:
    """HDBSCAN with a smallest cluster of 100 has none among so few customers."""
    config = composed(*WORDS, f"tracking_uri=sqlite:///{tmp_path / 'mlflow.db'}")
    spelled = yaml.safe_load((conf_folder() / "model" / "personas_hdbscan.yaml").read_text())
    given = {"dense": build("model", spelled), "grid": RfmGrid(cells=3)}
    run(config.model_copy(update={"baselines": given}), tmp_path / "run")
    uses = pd.read_parquet(tmp_path / "run" / "uses.parquet")
    assert uses["model"].tolist() == ["personas_default", "grid"]
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "dense is not compared: personas: no cluster among" in page


def test_verbs_for_forecasts_refuse_its_run(folder: Path, turned_away) -> None:
    assert "is the run of personas" in turned_away(folder)


@pytest.mark.slow
def test_personas_of_online_retail_tell_what_the_next_90_days_bring(
    composed, data_folder, tmp_path: Path
) -> None:
    """At most seven personas tell more of unseen log spend than 25 cells of a grid."""
    config = composed(
        "experiment=personas_online_retail",
        "split.cuts=1",
        "resamples=20",
        f"data.folder={data_folder}",
        f"tracking_uri=sqlite:///{tmp_path / 'mlflow.db'}",
    )
    card = run(config, tmp_path / "run")
    uses = pd.read_parquet(tmp_path / "run" / "uses.parquet").set_index("model")
    own, grid = uses.loc["personas_default"], uses.loc["personas_rfm_grid"]
    assert card["passed"] == 1.0
    assert own["personas"] <= 7
    assert own["eta_squared"] > 0.32
    assert own["auc"] > 0.785
    assert own["eta_squared_unseen"] > grid["eta_squared_unseen"]
    assert own["incremental_low"] > 0
    assert grid["eta_squared"] == pytest.approx(0.315, abs=0.005)
    assert grid["auc"] == pytest.approx(0.791, abs=0.002)
