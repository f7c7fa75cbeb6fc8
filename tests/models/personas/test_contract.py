"""What holds of every recipe of personas that conf/model names."""

import datetime as dt
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ibis import _

from lifeworth.asof.split import History, cut
from lifeworth.models.membership import MEMBERSHIP, Membership, membership
from lifeworth.models.personas.fit import found
from lifeworth.models.store import load, save
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources import Simulated

FILES = {p.stem: p for p in sorted((conf_folder() / "model").glob("personas_*.yaml"))}
CUTOFF = dt.date(2023, 5, 1)
SEED = 5


@pytest.fixture(scope="module")
def store():
    return Simulated(seed=7, world=World(customers=1_200, arrival_days=400.0)).load()


@pytest.fixture(scope="module")
def history(store) -> History:
    return cut(store, CUTOFF, 90)[0]


@pytest.fixture(scope="module", params=FILES)
def recipe(request: pytest.FixtureRequest) -> Any:
    spelled = yaml.safe_load(FILES[request.param].read_text())
    assert set(spelled) - {"_target_"} == {f.name for f in fields(build("model", spelled))}
    small = {"min_cluster_size": 30} if "min_cluster_size" in spelled else {}
    return build("model", spelled | small)


@pytest.fixture(scope="module")
def fitted(recipe: Any, history: History) -> Any:
    return recipe.fit(history, SEED)


@pytest.fixture(scope="module")
def scores(fitted: Any, history: History) -> Membership:
    return fitted.score(history, 90)


def test_a_recipe_is_frozen_and_refuses_unknown_fields(recipe: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        recipe.features = ()
    with pytest.raises(Exception, match="surprise"):
        type(recipe)(**vars(recipe), surprise=1)


def test_everybody_has_a_row_and_nothing_is_missing(scores: Membership, history: History) -> None:
    assert tuple(scores.frame) == MEMBERSHIP
    known = sorted(history.customers().to_pandas()["customer_id"])
    assert scores.frame["customer_id"].tolist() == known
    assert scores.frame.notna().all(axis=None)
    assert scores.frame["probability"].between(0, 1).all()
    np.testing.assert_allclose(scores.probabilities.sum(axis=1), 1.0)
    assert set(scores.frame["persona"]) <= {-1, *scores.personas["persona"]}
    outside = scores.frame["persona"] == -1
    assert (scores.frame["persona"] == scores.frame["nearest_persona"])[~outside].all()
    assert scores.frame["high_value"][~outside].eq(False).all()


def test_the_same_seed_gives_the_same_and_so_does_what_was_kept(
    recipe: Any, fitted: Any, scores: Membership, history: History, tmp_path: Path
) -> None:
    again = recipe.fit(history, SEED).score(history, 90)
    save(fitted, tmp_path)
    for other in (again, load(tmp_path).score(history, 90)):
        assert other.frame.equals(scores.frame)
        np.testing.assert_array_equal(other.probabilities, scores.probabilities)


def test_the_order_of_customers_does_not_matter(
    fitted: Any, scores: Membership, history: History
) -> None:
    turned = replace(
        history.tables, orders=history.tables.orders.order_by(_.customer_id.desc(), _.order_id)
    )
    assert fitted.score(replace(history, tables=turned), 90).frame.equals(scores.frame)


def test_what_comes_after_the_cut_off_does_not_matter(recipe: Any, store, scores) -> None:
    midnight = dt.datetime.combine(CUTOFF, dt.time())
    known = store.orders.filter(_.ordered_at < midnight)
    late = store.orders.filter(_.ordered_at >= midnight).limit(1)
    fewer = replace(store, orders=known.union(late))
    history = cut(fewer, CUTOFF, 900)[0]
    assert recipe.fit(history, SEED).score(history, 90).frame.equals(scores.frame)


def test_no_two_personas_have_one_name(fitted: Any) -> None:
    assert len(set(fitted.names)) == len(fitted.names) == len(fitted.ids)


def test_nearly_all_get_back_what_was_found(fitted: Any) -> None:
    assert fitted.recognised > 0.85
    assert 0 <= fitted.noise_share < 1
    assert {p.name for p in fitted.parameters()} >= {"personas", "noise_share", "recognised"}
    assert fitted.log_likelihood() == {}
    assert isinstance(fitted.notes(), tuple)


def test_customers_never_seen_go_to_the_nearest_or_to_nobody(fitted: Any, store) -> None:
    later = cut(store, dt.date(2023, 9, 1), 90)[0]
    told = fitted.score(later, 90).frame
    assert len(told) > 1_000
    far = told["persona"] == -1
    assert (told["distance"][far].to_numpy() > fitted.caps.min()).all()


def test_somebody_beyond_every_cap_is_nobodys(fitted: Any) -> None:
    if fitted.kind == "grid":
        return
    z = np.vstack([fitted.centroids(), np.full((1, fitted.points.shape[1]), 1e3)])
    assert fitted.labels(z)[-1] == -1


def test_a_membership_that_is_broken_is_named(scores: Membership) -> None:
    frame = scores.frame.assign(persona=999)
    with pytest.raises(ValueError, match="a persona is not known"):
        membership(frame, scores.personas, scores.probabilities)
    with pytest.raises(ValueError, match="not sorted"):
        membership(scores.frame.iloc[::-1], scores.personas, scores.probabilities)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"features": ["recenty_days"]}, "did you mean 'recency_days'"),
        ({"features": ["frequency", "frequency"]}, "named twice"),
        ({"features": []}, "none are named"),
        ({"features": ["treatments", "frequency"]}, "there is no 'treatments'"),
        ({"half_lives": {"purchases": 0, "value": 1}}, "purchases"),
        ({"personas": 1}, "personas"),
    ],
)
def test_wrong_words_are_named(history: History, change: dict[str, Any], says: str) -> None:
    spelled = yaml.safe_load(FILES["personas_kmeans"].read_text())
    with pytest.raises(InputError, match=says):
        build("model", spelled | change).fit(history, SEED)


def test_a_feature_that_is_one_number_for_all_is_told(history: History) -> None:
    spelled = yaml.safe_load(FILES["personas_kmeans"].read_text())
    flat = replace(
        history.tables, orders=history.tables.orders.mutate(discount_cents=0 * _.amount_cents)
    )
    made = build("model", spelled | {"features": ["frequency", "discount_share"]})
    with pytest.raises(InputError, match="'discount_share' is 0 for all"):
        made.fit(replace(history, tables=flat), SEED)


def test_categories_are_one_block(history: History) -> None:
    """Seven coordinates of eight categories, whose variances sum to the square of the weight."""
    spelled = yaml.safe_load(FILES["personas_kmeans"].read_text())
    features = ["purchase_rate", "recency_days", "categories"]
    plan = build(
        "model",
        spelled | {"features": features, "categories": {"prior": 5.0, "weight": 0.7}},
    ).plan()
    z = found(plan, history, SEED).z
    assert z.shape[1] == 2 + 7
    assert z[:, 2:].var(axis=0).sum() ** 0.5 == pytest.approx(0.7)


def test_a_category_that_came_later_counts_as_unknown(history: History) -> None:
    spelled = yaml.safe_load(FILES["personas_kmeans"].read_text())
    made = found(build("model", spelled | {"features": ["categories"]}).plan(), history, SEED)
    first, *_, last = made.personas.space.levels
    space = replace(made.personas.space, levels=("unknown", *made.personas.space.levels[1:]))
    assert made.raw.counts is not None
    counts = made.raw.counts.rename(columns={first: "unknown"})
    renamed = counts.rename(columns={last: "later"})
    merged = counts.assign(**{"unknown": counts["unknown"] + counts[last], last: 0.0})
    places = [space.place(made.raw._replace(counts=c)) for c in (counts, renamed, merged)]
    np.testing.assert_allclose(places[1], places[2])
    assert np.abs(places[1] - places[0]).max() > 0.01


def test_logs_have_mean_0_and_sd_1(history: History) -> None:
    spelled = yaml.safe_load(FILES["personas_kmeans"].read_text())
    z = found(build("model", spelled | {"scale": "log"}).plan(), history, SEED).z
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-10)
