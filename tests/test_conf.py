"""Every file of conf/ composes, keeps to its form, and every experiment runs."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lifeworth.run.conf import conf_folder
from lifeworth.run.main import run

CONF = conf_folder()
FILES = sorted(CONF.rglob("*.yaml"))
EXPERIMENTS = sorted(p.stem for p in (CONF / "experiment").glob("*.yaml"))
APART = ("uplift_", "personas_", "ranker_", "basket_")
"""Experiments of other pipelines, which tests/run runs: campaigns, personas, rankings."""
OTHERS = {e for e in EXPERIMENTS if e.startswith(APART)}
OPTIONS = [
    f"{p.parent.name}={p.stem}" for p in FILES if p.parent != CONF and p.parent.name != "experiment"
]
NEEDED = {
    "data=files": ["data.file=orders.csv", "data.currency=EUR"],
    "data=campaign_files": ["data.file=campaign.csv", "data.currency=EUR"],
}
LOCAL = {"clv_cdnow", "clv_cdnow_sample", "clv_simulated"}
"""Experiments that need no file of the user's."""
FEW = {"draws": 400, "warmup": 200, "steps": 500}


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes_into_a_run(composed, option: str) -> None:
    group, name = option.split("=")
    config = composed(option, *NEEDED.get(option, []))
    if group in ("data", "model"):
        assert getattr(config.names, group) == name


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_is_deltas_only(composed, experiment: str) -> None:
    text = (CONF / "experiment" / f"{experiment}.yaml").read_text()
    assert text.startswith("# @package _global_\n# ")
    assert "_target_" not in text
    assert composed(f"experiment={experiment}").names.experiment == experiment


def test_values_of_an_experiment_win_over_the_defaults(composed) -> None:
    config = composed("experiment=clv_cdnow")
    assert config.split.horizon_days == 273
    assert config.split.window_days is None
    assert composed().split.window_days == 365


@pytest.mark.parametrize("path", sorted((CONF / "model").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_model_is_flat(path: Path) -> None:
    """Scalars and lists of them; one level of mapping to scalars and to intervals.

    A mapping may also be another model, written as in the file of that.
    """
    fields = yaml.safe_load(path.read_text())
    assert fields.pop("_target_").startswith("lifeworth.models.")
    files = [yaml.safe_load(file.read_text()) for file in (CONF / "model").glob("*.yaml")]
    models = [{k: v for k, v in file.items() if k != "_target_"} for file in files]
    mappings = [v for v in fields.values() if isinstance(v, dict) and v not in models]
    assert are_plain(value for value in fields.values() if not isinstance(value, dict))
    for mapping in mappings:
        assert are_plain(mapping.values())
        assert all(len(value) == 2 for value in mapping.values() if isinstance(value, list))


def are_plain(values: Iterable[object]) -> bool:
    """Say whether these are scalars and lists of scalars."""
    members = (v for value in values for v in (value if isinstance(value, list) else [value]))
    return not any(isinstance(member, dict | list) for member in members)


def hasty(model: Any) -> Any:
    """Return a model that takes few steps: enough for R-hat, not for figures."""
    if hasattr(model, "training"):
        model = replace(model, training=replace(model.training, epochs=1), draws=20)
    for name, few in (("moments", 2), ("trees", 4)):
        if hasattr(model, name):
            model = replace(model, **{name: few})
    if not hasattr(model, "sampling"):
        return model
    return replace(model, sampling=replace(model.sampling, **FEW))


@pytest.mark.parametrize("experiment", sorted(set(EXPERIMENTS) - OTHERS))
def test_every_experiment_runs(
    composed, experiment: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where = [f"tracking_uri=sqlite:///{tmp_path / 'mlflow.db'}"]
    if experiment not in LOCAL:
        where.append(f"data.folder={request.getfixturevalue('data_folder')}")
    # one cut-off of several: the others are the same again
    chosen = composed(f"experiment={experiment}", "debug=fast", "split.cuts=1", "seeds=1", *where)
    others = {name: hasty(model) for name, model in chosen.baselines.items()}
    chosen = chosen.model_copy(update={"model": hasty(chosen.model), "baselines": others})
    card = run(chosen, tmp_path / "run")
    left = {str(p.relative_to(tmp_path / "run")) for p in (tmp_path / "run").rglob("*")}
    assert {"scorecard.json", "scores.parquet", "params.json", "report.html"} <= left
    assert {"fitted/fitted.json", "fitted/arrays.npz"} <= left
    assert card["customers"] > 0
    assert -1 < card["value_bias"] < 1
