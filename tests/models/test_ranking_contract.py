"""What holds of every ranker and basket recipe that conf/model names, on visits made up here."""

from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from lifeworth.asof.baskets import Trails, catalogue, trails
from lifeworth.models.ranking import Ranks, parts, rank, top
from lifeworth.models.store import load, save
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.tables.errors import InputError

FILES = {
    path.stem: path
    for room in ("ranker", "basket")
    for path in sorted((conf_folder() / "model").glob(f"{room}_*.yaml"))
}
PRODUCTS = 40


def visits(seed: int, count: int) -> pd.DataFrame:
    """Return visits that walk along a ring of products, with repeats, two touches to a place."""
    rng = np.random.default_rng(seed)
    rows = []
    for visit in range(count):
        at = int(rng.integers(PRODUCTS))
        for touch in range(int(rng.integers(2, 12))):
            rows.append((f"v{visit:04d}", touch // 2, f"p{at:02d}", "view"))
            at = (at + int(rng.choice([0, 1, 2], p=[0.3, 0.5, 0.2]))) % PRODUCTS
    return pd.DataFrame(rows, columns=["visit_id", "place", "product_id", "kind"])


@pytest.fixture(scope="module")
def learnt() -> Trails:
    frame = visits(1, 400)
    return trails(frame, catalogue(frame))


@pytest.fixture(scope="module")
def asked(learnt: Trails) -> Trails:
    return trails(visits(2, 60), learnt.product_id)


@pytest.fixture(scope="module", params=FILES)
def recipe(request: pytest.FixtureRequest) -> Any:
    spelled = yaml.safe_load(FILES[request.param].read_text())
    for part in (spelled, spelled.get("towers", {})):
        if "training" in part:  # a network: the contract holds of a small one, too
            part["training"] |= {"epochs": 2, "batch": 256}
            part["size"] = 16
    made = build("model", spelled)
    assert set(spelled) - {"_target_"} == {f.name for f in fields(made)}
    return made


@pytest.fixture(scope="module")
def fitted(recipe, learnt: Trails) -> Ranks:
    return recipe.fit(learnt, 5)


def lists(model: Ranks, asked: Trails, k: int = 10) -> pd.DataFrame:
    return rank(model, asked, k).frame


def test_a_recipe_is_frozen(recipe) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(recipe, fields(recipe)[0].name, 7)


def test_lists_are_sound(fitted, asked: Trails) -> None:
    """Every visit has one, of known products; `Ranking` itself checks ranks, scores and repeats."""
    assert isinstance(fitted, Ranks)
    found = lists(fitted, asked)
    assert set(found["visit_id"]) == set(asked.visit_id)
    assert set(found["product_id"]) <= set(asked.product_id)
    assert found["rank"].max() == 10
    assert np.isfinite(found["score"]).all()


def test_the_same_seed_gives_the_same_lists_and_so_does_what_was_kept(
    recipe, fitted, learnt: Trails, asked: Trails, tmp_path: Path
) -> None:
    said = lists(fitted, asked)
    pd.testing.assert_frame_equal(lists(recipe.fit(learnt, 5), asked), said)
    save(fitted, tmp_path)
    kept = load(tmp_path)
    pd.testing.assert_frame_equal(lists(kept, asked), said)
    assert kept.notes() == fitted.notes()
    assert [p.name for p in kept.parameters()] == [p.name for p in fitted.parameters()]
    assert kept.log_likelihood() == fitted.log_likelihood()


def test_no_id_of_a_visit_is_kept(fitted, tmp_path: Path) -> None:
    save(fitted, tmp_path)
    assert "v0001" not in (tmp_path / "fitted.json").read_text()
    with np.load(tmp_path / "arrays.npz") as arrays:
        assert all("v0001" not in arrays[name].astype(str) for name in arrays.files)


def test_whom_else_is_asked_about_does_not_matter(fitted, asked: Trails) -> None:
    """Up to rounding: sums may be taken in another order."""
    whole = top(next(parts(fitted, asked, 5))[1], 5)
    for visit in (0, 17, 59):
        alone = top(next(parts(fitted, asked.part(visit, visit + 1), 5))[1], 5)
        np.testing.assert_allclose(alone.score[0], whole.score[visit], rtol=1e-9)


def test_a_shorter_list_is_the_head_of_a_longer_one(fitted, asked: Trails) -> None:
    longer = lists(fitted, asked, 20)
    head = longer[longer["rank"] <= 5].reset_index(drop=True)
    pd.testing.assert_frame_equal(lists(fitted, asked, 5), head)


def test_of_a_visit_without_touches_nothing_or_what_is_popular_is_said(fitted, asked) -> None:
    none = np.zeros(0, dtype=np.int64)
    empty = replace(asked, visit=none, place=none, product=none)
    for _, scores in parts(fitted, empty, 5):
        assert np.isfinite(scores.data).all()


def test_another_catalogue_is_refused(fitted, asked: Trails) -> None:
    other = replace(asked, product_id=asked.product_id[:-1])
    with pytest.raises(InputError, match="39 products, the model by one of 40"):
        rank(fitted, other, 5)


def test_products_of_a_known_kind_that_nobody_touched_are_no_trouble(recipe, asked: Trails) -> None:
    frame = visits(1, 400)
    kind = pd.Series({f"p{n:02d}": f"k{n % 4}" for n in range(PRODUCTS)} | {"p98": "k1"})
    ids = catalogue(frame, kind)
    assert len(ids) == PRODUCTS + 1
    model = recipe.fit(trails(frame, ids, kind=kind), 5)
    found = lists(model, trails(visits(2, 60), ids, kind=kind))
    assert set(found["visit_id"]) == set(asked.visit_id)
    assert np.isfinite(found["score"]).all()
