"""Refits under the old ids: hand-made splits and merges, and the same customers again."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from lifeworth.asof.split import cut
from lifeworth.models.personas.fitted import Personas
from lifeworth.models.personas.matching import match, migration, refit
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.tables.simulate import World
from lifeworth.tables.sources import Simulated


@pytest.fixture(scope="module")
def store():
    return Simulated(seed=7, world=World(customers=800, arrival_days=400.0)).load()


@pytest.fixture(scope="module")
def recipe():
    spelled = yaml.safe_load((conf_folder() / "model" / "personas_kmeans.yaml").read_text())
    return build("model", spelled | {"personas": 3})


@pytest.fixture(scope="module")
def history(store):
    return cut(store, dt.date(2023, 3, 1), 90)[0]


@pytest.fixture(scope="module")
def old(recipe, history) -> Personas:
    return recipe.fit(history, 0)


def numbered(personas: Personas, ids: list[int], points: list[list[float]]) -> Personas:
    """Return personas with these ids and centroids, nothing else of which matters here."""
    count = len(ids)
    ranks = np.linspace(0.1, 0.9, 3 * count).reshape(count, 3)
    width = personas.points.shape[1]
    return replace(
        personas,
        ids=np.array(ids),
        names=tuple(f"p{i}" for i in ids),
        last_id=max(ids),
        points=np.array(points).repeat(width, axis=1),
        owner=np.arange(count),
        ranks=ranks,
        caps=np.full(count, np.inf),
    )


def test_ids_follow_their_customers_though_the_order_is_another(old: Personas) -> None:
    before = numbered(old, [3, 5], [[0.0], [9.0]])
    after = numbered(old, [0, 1], [[9.0], [0.0]])
    found = match(before, after, np.array([3, 3, 5, 5]), np.array([1, 1, 0, 0]))
    assert found.personas.ids.tolist() == [5, 3]
    assert found.personas.names == ("p5", "p3")
    assert (found.changed_raw, found.changed) == (1.0, 0.0)


def test_an_id_is_never_given_again(old: Personas) -> None:
    """A persona that is gone takes its id along; a new one gets the next that was never given."""
    before = replace(numbered(old, [0, 1], [[0.0], [9.0]]), last_id=7)
    after = numbered(old, [0, 1], [[0.0], [-9.0]])
    found = match(before, after, np.array([0] * 8 + [1]), np.array([0] * 6 + [1, 1, 0]))
    assert found.personas.ids.tolist() == [0, 8]
    assert found.personas.last_id == 8
    assert {("gone", 1, -1), ("new", -1, 8)} <= set(
        found.log[["what", "old", "new"]].itertuples(index=False, name=None)
    )
    again = match(found.personas, numbered(old, [0, 1], [[0.0], [9.0]]), np.array([0, 0, 8]),
                  np.array([0, 1, -1]))  # fmt: skip
    assert not {1, 8} & {i for i in again.personas.ids.tolist() if i not in (0, 8)}


def test_splits_and_merges_are_logged(old: Personas) -> None:
    before = numbered(old, [0, 1], [[0.0], [9.0]])
    after = numbered(old, [0, 1, 2], [[0.0], [0.5], [9.0]])
    labels = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2, 2])
    log = match(before, after, *labels).log
    assert log.loc[log["what"] == "split", "old"].tolist() == [0, 0]
    assert log.loc[log["what"] == "split", "share"].tolist() == [0.5, 0.5]
    back = match(after, before, labels[1], labels[0]).log
    assert (back["what"] == "merge").sum() == 2


def test_a_refit_to_the_same_customers_changes_nobody(recipe, old: Personas, history) -> None:
    again = refit(recipe.plan(), old, history, seed=9)
    assert again.changed < 0.01
    assert again.personas.names == old.names
    assert again.personas.space is old.space


def test_a_later_refit_keeps_the_scales(recipe, old: Personas, store) -> None:
    later = cut(store, dt.date(2023, 6, 1), 90)[0]
    again = refit(recipe.plan(), old, later, seed=0)
    assert again.personas.space is old.space
    assert set(again.personas.ids) == set(old.ids)
    assert again.changed < 0.3


def test_migration_counts_customers() -> None:
    before = pd.DataFrame({"customer_id": ["a", "b", "d"], "persona_name": ["X", "Y", "Y"]})
    after = pd.DataFrame({"customer_id": ["a", "b", "c"], "persona_name": ["X", "X", "Y"]})
    table = migration(before, after)
    assert table.loc["X", "X"] == table.loc["Y", "X"] == table.loc["new customer", "Y"] == 1
    assert table.loc["Y", "no longer known"] == 1
    assert table.to_numpy().sum() == 4
