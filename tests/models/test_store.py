"""Fitted models on disk: what is kept, what comes back, what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from lifeworth.engines.likelihood import Estimate
from lifeworth.models.btyd import HeuristicRate
from lifeworth.models.store import load, save
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.tables.errors import InputError


@pytest.fixture(scope="module")
def fitted(cdnow_cut):
    """A model that keeps numbers, text, nested parts and an array."""
    path = conf_folder() / "model" / "btyd_bgnbd_credibility.yaml"
    recipe = build("model", {**yaml.safe_load(path.read_text()), "draws": 20})
    return recipe.fit(cdnow_cut[0], seed=3)


@pytest.fixture
def kept(fitted, tmp_path):
    """The folder of the saved model."""
    save(fitted, tmp_path / "run" / "fitted")
    return tmp_path / "run" / "fitted"


def change(folder, **fields):
    """Write `fields` over those of fitted.json."""
    path = folder / "fitted.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def refused(folder):
    """Return what is said when the model cannot be read."""
    with pytest.raises(InputError) as error:
        load(folder)
    return str(error.value)


# ---- what is kept


def test_a_model_comes_back_as_it_was(fitted, kept):
    back = load(kept)
    assert type(back) is type(fitted)
    assert (back.process, back.seed, back.pool) == (fitted.process, fitted.seed, fitted.pool)
    assert back.purchases.maximum == fitted.purchases.maximum
    drawn = fitted.purchases.posterior.draws["population"]
    assert (back.purchases.posterior.draws["population"] == drawn).all()
    ours, theirs = fitted.spend, back.spend
    assert (theirs.mu, theirs.sigma2, theirs.tau2) == (ours.mu, ours.sigma2, ours.tau2)
    assert theirs.residuals.dtype == ours.residuals.dtype
    assert (theirs.residuals == ours.residuals).all()


def test_numbers_that_json_does_not_know_come_back_to_the_last_bit(fitted, tmp_path):
    """NaN, infinity, minus zero, the smallest and a large float, and one of 17 digits."""
    odd = Estimate(value=0.1 + 0.2, se=float("nan"), low=5e-324, high=float("inf"))
    found = fitted.purchases
    maximum = replace(found.maximum, estimates={"r": odd}, log_likelihood=-1e300, notes=("é",))
    spend = replace(fitted.spend, mu=-0.0, residuals=np.array([np.nan, -0.0, 5e-324]))
    save(replace(fitted, purchases=replace(found, maximum=maximum), spend=spend), tmp_path)
    back = load(tmp_path)
    assert repr(back.purchases.maximum) == repr(maximum)
    assert repr(back.spend.mu) == "-0.0"
    assert back.spend.residuals.tobytes() == spend.residuals.tobytes()


def test_two_files_are_kept_that_need_no_pickle(kept):
    assert sorted(path.name for path in kept.iterdir()) == ["arrays.npz", "fitted.json"]
    assert json.loads((kept / "fitted.json").read_text())["format"] == 1
    with np.load(kept / "arrays.npz", allow_pickle=False) as arrays:
        assert {arrays[name].dtype.kind for name in arrays.files} == {"f"}


def test_an_array_of_objects_is_not_kept(fitted, tmp_path):
    odd = replace(fitted.spend, residuals=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        save(replace(fitted, spend=odd), tmp_path)


def test_saving_again_replaces_the_model(kept, cdnow_cut):
    other = HeuristicRate(draws=7).fit(cdnow_cut[0], seed=1)
    save(other, kept)
    assert load(kept) == other


# ---- what is refused


def test_a_folder_that_is_not_there(tmp_path):
    folder = tmp_path / "nowhere"
    assert refused(folder) == (
        f"fitted model: no fitted.json and no arrays.npz in {folder}; "
        "name a run's folder 'fitted', which every run leaves"
    )


@pytest.mark.parametrize("name", ["fitted.json", "arrays.npz"])
def test_a_file_that_is_not_there(kept, name):
    (kept / name).unlink()
    assert refused(kept).startswith(f"fitted model: no {name} in {kept}; name a run's folder")


@pytest.mark.parametrize("number", [0, 2, "1", None])
def test_another_format(kept, number):
    change(kept, format=number)
    assert f"fitted.json is of format {number!r}, kind 'lifeworth.models.btyd" in refused(kept)
    assert refused(kept).endswith("; fit the model again")


@pytest.mark.parametrize(
    "kind",
    [
        "subprocess.Popen",
        "lifeworth.tables.core.Tables",
        "lifeworth.models.core.Parameter",  # of ours, but no fitted model
        "lifeworth.models.btyd.bgnbd.BgNbd",  # a recipe
        "lifeworth.models.btyd.fit.fit",
        "lifeworth.models.btyd.bgnbd.np",
        "lifeworth.models.btyd.bgnbd.FittedOld",
        "lifeworth.models.old.FittedOld",
        "lifeworth.models..FittedOld",
        "FittedBgNbd",
        "",
        None,
        7,
    ],
)
def test_a_kind_that_is_no_fitted_model_of_ours(kept, kind):
    change(kept, kind=kind)
    assert refused(kept) == (
        f"fitted model: {kept / 'fitted.json'} is of format 1, kind {kind!r}; "
        "this version reads format 1, models in lifeworth.models.; fit the model again"
    )


@pytest.mark.parametrize("text", [b"", b'{"format": 1, "kind', b"\xff\xfe{}", b"[]", b"7"])
def test_text_that_is_damaged(kept, text):
    (kept / "fitted.json").write_bytes(text)
    told = refused(kept)
    assert told.startswith(f"fitted model: {kept / 'fitted.json'} is damaged (")
    assert told.endswith("); copy it again, or fit the model again")


def flipped(whole):
    """Change one bit in the middle."""
    middle = len(whole) // 2
    return whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]


@pytest.mark.parametrize("damage", ["empty", "start only", "half", "bit", "other"])
def test_arrays_that_are_damaged(kept, damage):
    path = kept / "arrays.npz"
    whole = path.read_bytes()
    parts = {
        "empty": b"",
        "start only": whole[:4],
        "half": whole[: len(whole) // 2],
        "bit": flipped(whole),
        "other": b"customer_id,value",
    }
    path.write_bytes(parts[damage])
    told = refused(kept)
    assert told.startswith(f"fitted model: {path} is damaged (")
    assert told.endswith("); copy it again, or fit the model again")


def test_pickled_arrays_are_not_opened(kept):
    np.savez(kept / "arrays.npz", **{"spend.residuals": np.array([{"a": 1}], dtype=object)})
    assert "arrays.npz is damaged (Object arrays cannot be loaded" in refused(kept)


def test_an_array_that_is_not_there_is_named(kept):
    np.savez(kept / "arrays.npz", other=np.zeros(3))
    told = refused(kept)
    assert told.startswith(f"fitted model: {kept / 'fitted.json'} does not fit this version's")
    fields = ("purchases.posterior.draws.population", "purchases.posterior.elbo")
    assert f"FittedBtyd in {', '.join(fields)}, spend.credibility.residuals; fit" in told


def test_a_renamed_field_is_named_and_so_is_the_one_that_is_missed(kept):
    fields = json.loads((kept / "fitted.json").read_text())["fitted"]
    change(kept, fitted={("sead" if name == "seed" else name): v for name, v in fields.items()})
    assert refused(kept) == (
        f"fitted model: {kept / 'fitted.json'} does not fit this version's FittedBtyd in "
        "sead, seed; fit the model again"
    )


def test_a_field_of_another_type_is_named(kept):
    fields = json.loads((kept / "fitted.json").read_text())["fitted"]
    fields["purchases"]["maximum"]["estimates"]["r"]["value"] = "high"
    change(kept, fitted=fields)
    assert "FittedBtyd in purchases.maximum.estimates.r.value; fit the model again" in refused(kept)


def test_a_model_without_content_is_refused_by_its_fields(kept):
    (kept / "fitted.json").write_text(
        json.dumps(
            {"format": 1, "kind": "lifeworth.models.btyd.heuristic_rate.FittedHeuristicRate"}
        )
    )
    assert "FittedHeuristicRate in recipe, seed; fit the model again" in refused(kept)
