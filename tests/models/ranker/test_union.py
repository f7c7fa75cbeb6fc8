"""The union: it beats its parts where they know different things, and its scores are chances."""

import numpy as np
import pandas as pd
import pytest
import yaml

from lifeworth.asof.baskets import Trails, catalogue, trails
from lifeworth.evaluate.ranking import listed, places
from lifeworth.models.ranker import Union
from lifeworth.models.ranker.union import Blend
from lifeworth.models.ranking import parts
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.tables.errors import InputError

PRODUCTS = 60


def visits(seed: int, count: int) -> pd.DataFrame:
    """Return walks on a ring: on by one with chance .5, back to an earlier product with .4."""
    rng = np.random.default_rng(seed)
    rows = []
    for visit in range(count):
        seen = [int(rng.integers(PRODUCTS))]
        for _ in range(int(rng.integers(2, 9))):
            kind = rng.choice(3, p=[0.5, 0.4, 0.1])
            on, back = (seen[-1] + 1) % PRODUCTS, seen[int(rng.integers(len(seen)))]
            seen.append((on, back, int(rng.integers(PRODUCTS)))[kind])
        rows += [(f"v{visit:05d}", place, f"p{at:02d}", "view") for place, at in enumerate(seen)]
    return pd.DataFrame(rows, columns=["visit_id", "place", "product_id", "kind"])


@pytest.fixture(scope="module")
def recipe() -> Union:
    return build("model", yaml.safe_load((conf_folder() / "model/ranker_union.yaml").read_text()))


@pytest.fixture(scope="module")
def learnt() -> Trails:
    frame = visits(1, 3_000)
    return trails(frame, catalogue(frame))


@pytest.fixture(scope="module")
def question(learnt: Trails) -> tuple[Trails, np.ndarray]:
    """Return visits without their last touch, and that."""
    frame = visits(2, 1_000)
    last = ~frame.duplicated("visit_id", keep="last")
    wanted = np.searchsorted(learnt.product_id, frame.loc[last, "product_id"].to_numpy(dtype=str))
    return trails(frame[~last], learnt.product_id), wanted


@pytest.fixture(scope="module")
def fitted(recipe: Union, learnt: Trails) -> Blend:
    return recipe.fit(learnt, 5)


def mrr(model, question) -> float:
    asked, wanted = question
    (scores,) = (scores for _, scores in parts(model, asked, 20))
    return listed(places(scores, np.arange(asked.visits), wanted), 20)["mrr"].mean()


def test_it_beats_each_retriever(recipe: Union, fitted: Blend, learnt: Trails, question) -> None:
    alone = [r.fit(learnt, 0) for r in (recipe.vsknn, recipe.rules, recipe.repeat)]
    assert mrr(fitted, question) > max(mrr(model, question) for model in alone) + 0.01


def test_scores_are_chances(fitted: Blend, question) -> None:
    """Of candidates said to come next with chances in a tenth, as many did: 4 standard errors."""
    asked, wanted = question
    (scores,) = (scores for _, scores in parts(fitted, asked, 20))
    row = np.repeat(np.arange(asked.visits), np.diff(scores.indptr))
    np.testing.assert_allclose(scores.sum(axis=1), fitted.inside, rtol=1e-9)
    hit = scores.indices == wanted[row]
    for low in (0.02, 0.1, 0.3, 0.5):
        own = (scores.data >= low) & (scores.data < low + 0.15)
        said, error = scores.data[own].mean(), np.sqrt(hit[own].var() / own.sum())
        assert abs(hit[own].mean() - said) < 4 * error + 0.02  # the weights have errors, too


def test_its_weights_are_told(fitted: Blend) -> None:
    assert [p.name for p in fitted.parameters()] == list(fitted.names())
    assert fitted.log_likelihood()["choice"] < 0
    assert "went on with a candidate" in fitted.notes()[0]


def test_visits_that_never_go_on_are_refused_as_too_few(recipe: Union) -> None:
    rows = [(f"v{n:03d}", 0, f"p{n % 7}", "view") for n in range(200)]
    frame = pd.DataFrame(rows, columns=["visit_id", "place", "product_id", "kind"])
    with pytest.raises(InputError, match="0 of 0 held-out beginnings went on with a candidate"):
        recipe.fit(trails(frame, catalogue(frame)), 0)


def test_too_few_visits_are_refused(recipe: Union, learnt: Trails) -> None:
    with pytest.raises(InputError, match="weights need 50 or more"):
        recipe.fit(learnt.part(0, 60), 0)
