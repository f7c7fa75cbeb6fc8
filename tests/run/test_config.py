"""The strict shape of a run: what does not fit is refused by name."""

import datetime as dt
from typing import Any

import pytest
import yaml

from lifeworth.models.btyd import BgNbd
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import RunConfig, build, read
from lifeworth.run.words import Words, described
from lifeworth.run.words import read as read_words
from lifeworth.tables.errors import InputError

CHOICES: dict[str, str | None] = {
    "data": "cdnow",
    "model": "btyd_bgnbd",
    "experiment": None,
    "model@baselines.rate": "btyd_heuristic_rate",
}

BGNBD = yaml.safe_load((conf_folder() / "model" / "btyd_bgnbd.yaml").read_text())


def plain(**changes: Any) -> dict[str, Any]:
    node = {
        "data": {"_target_": "lifeworth.tables.sources.Cdnow", "which": "sample", "folder": None},
        "split": {
            "cutoff": "1997-10-01",
            "horizon_days": 273,
            "window_days": None,
            "cuts": 1,
            "purchase": "day",
            "every_days": 30,
            "score_at": "cutoff",
        },
        "model": dict(BGNBD),
        "baselines": {"rate": {"_target_": "lifeworth.models.btyd.HeuristicRate", "draws": 500}},
        "hardware": {"platform": "cpu", "precision": "32-true", "devices": 1},
        "tiers": {"VIP": 0.9, "High": 0.7, "Med": 0.4},
        "campaign": {
            "only": None,
            "outcome": "value_cents",
            "margin": 1.0,
            "folds": 5,
            "budget_cents": None,
            "suppress": "shrunken",
            "monetary": "history_cents",
            "frequency": "-recency",
        },
        "ranking": {
            "lengths": [1, 20],
            "at": 20,
            "seen": "keep",
            "ask": None,
            "hide": 1,
            "services": None,
            "visits": None,
            "examples": 12,
        },
        "seed": 0,
        "title": None,
        "seeds": 1,
        "resamples": 200,
        "segments": [],
        "tracking_uri": None,
    }
    for path, value in changes.items():
        group, _, field = path.partition("__")
        node[group] = node[group] | {field: value} if field else value
    return node


def made(**changes: Any) -> RunConfig:
    return read(plain(**changes), CHOICES)


def test_a_whole_configuration_becomes_typed_objects() -> None:
    config = made()
    assert config.model == BgNbd(**{k: v for k, v in BGNBD.items() if k != "_target_"})
    assert config.split.cutoff == dt.date(1997, 10, 1)
    assert config.names.experiment == "cdnow_btyd_bgnbd"
    assert list(config.baselines) == ["btyd_heuristic_rate"]


def test_a_baseline_that_is_the_model_is_not_run_twice() -> None:
    assert made(model=plain()["baselines"]["rate"]).baselines == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model__drawz": 3}, "there is no 'model.drawz', did you mean 'draws'"),
        ({"model__draws": "many"}, "model.draws=many has to be a whole number; give model.draws="),
        ({"model__draws": 0}, "model.draws=0 has to be more than 0; give model.draws=1, say"),
        ({"model__spend": "gama_gama"}, "model.spend=gama_gama has to be gamma_gamma"),
        ({"model___target_": "os.system"}, "'os.system' is not part of lifeworth"),
        ({"model___target_": "lifeworth.models.btyd.Oracle"}, "'lifeworth.models.btyd.Oracle'"),
        (
            {"split__cutoff": "soon"},
            "split.cutoff=soon has to be a day; give split.cutoff=2026-01-31, say",
        ),
        (
            {"split__horizon_days": -1},
            "split.horizon_days=-1 has to be 1 or more; give split.horizon_days=1, ",
        ),
        ({"split__purchase": "week"}, "split.purchase=week has to be day or order; give"),
        ({"seed": -1}, "seed=-1 has to be 0 or more; give seed=0, say"),
        ({"hardware__platform": "tpu"}, "hardware.platform=tpu has to be "),
        ({"hardware__precision": "8"}, "hardware.precision=8 has to be "),
        ({"hardware__devices": 0}, "hardware.devices=0 has to be more than 0; give"),
        (
            {"ranking__lengths": [5, 0]},
            "ranking.lengths: value 2, 0, has to be more than 0; give ranking.lengths=[1], say",
        ),
        ({"ranking__lengths": []}, "ranking.lengths=[] has to be a list of 1 or more; give"),
        (
            {"campaign__margin": 40},
            "campaign.margin=40 has to be at most 1; give campaign.margin=1",
        ),
        ({"ranking__hide": 1.5}, "ranking.hide=1.5 has to be a whole number"),
        ({"title": 7}, "title=7 has to be text; give 'title=\"7\"', say"),
        ({"colour": "red"}, "there is no 'colour'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as refused:
        made(**changes)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_missing_field_is_named() -> None:
    node = plain()["model"]
    del node["draws"]
    with pytest.raises(InputError, match=r"model\.draws is missing; give model\.draws=\.\.\."):
        build("model", node)


class Asked(Words):
    to: str
    often: int = 1


def test_words_are_read_into_types() -> None:
    assert read_words("ask", ["to=a=b", "often=3"], Asked) == Asked(to="a=b", often=3)
    assert "required" in described(Asked)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["to"], "'to' is not NAME=VALUE"),
        (["to=a", "to=b"], "to is given twice, 'a' and 'b'"),
        (["often=3"], "to is missing"),
        (["to=a", "oftn=3"], "did you mean 'often'"),
        (["to=a", "often=x"], "ask: often=x has to be a whole number; give often=1, say"),
    ],
)
def test_wrong_words_are_named(words: list[str], said: str) -> None:
    with pytest.raises(InputError) as refused:
        read_words("ask", words, Asked)
    assert said in str(refused.value)


def test_a_baseline_never_takes_the_place_of_the_model() -> None:
    own = plain()["model"] | {"spend": "credibility"}
    choices = CHOICES | {"model@baselines.rate": "btyd_bgnbd"}
    config = read(plain(baselines={"rate": own}), choices)
    assert config.model == BgNbd(**{k: v for k, v in BGNBD.items() if k != "_target_"})
    assert {name: b.spend for name, b in config.baselines.items()} == {
        "btyd_bgnbd (rate)": "credibility"
    }


def test_two_baselines_of_one_option_are_both_kept() -> None:
    rate = plain()["baselines"]["rate"]
    choices = CHOICES | {"model@baselines.more": "btyd_heuristic_rate"}
    config = read(plain(baselines={"more": rate | {"draws": 9}, "rate": rate}), choices)
    assert list(config.baselines) == ["btyd_heuristic_rate", "btyd_heuristic_rate (rate)"]


@pytest.mark.parametrize("field", ["horizon_days", "window_days", "every_days", "cuts"])
def test_lengths_of_time_have_an_end(field: str) -> None:
    with pytest.raises(InputError, match=f"split.{field}=10000000 has to be at most "):
        made(**{f"split__{field}": 10_000_000})


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("ranking=null", "ranking=null has to be names and values; leave the word out"),
        ("campaign=3", "campaign=3 has to be names and values"),
        ("baselines=3", "baselines=3 has to be names and values"),
        ("split=null", "split=null chooses nothing; leave the word out, or name an option of"),
        ("model=null", "model=null chooses nothing"),
    ],
)
def test_a_group_without_names_is_told(refused, word: str, says: str) -> None:
    assert says in refused(word)


def test_settings_of_a_baseline_that_was_taken_out_are_told(refused) -> None:
    said = refused("experiment=basket_tafeng", "~model@baselines.first")
    assert "baselines.first names no model, and sets ties" in said
    assert "'~baselines.first'" in said
