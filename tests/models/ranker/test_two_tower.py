"""Two towers: the loss by hand, what it estimates, scoring without torch, and what is learnt."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from scipy.optimize import minimize

from lifeworth.asof.baskets import Trails, catalogue, trails
from lifeworth.models.ranker import Popularity
from lifeworth.models.ranker.tower_net import (
    Batch,
    Cost,
    Judged,
    JudgedBatches,
    Kinds,
    QuestionBatches,
    Questions,
    TowerNet,
    corrected,
)
from lifeworth.models.ranker.towers import Towers, last_touched
from lifeworth.models.ranker.two_tower import TwoTower, folded, questions_of
from lifeworth.models.ranking import parts, rank, top
from lifeworth.models.search import Search
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.tables.errors import InputError

PRODUCTS = 60


@pytest.fixture(scope="module")
def recipe() -> TwoTower:
    """Return the recipe of conf/model, small."""
    spelled = yaml.safe_load((conf_folder() / "model/ranker_two_tower.yaml").read_text())
    spelled["training"] |= {"epochs": 12, "batch": 256, "learning_rate": 0.01}
    return build("model", spelled | {"size": 32, "dropout": 0.1})


def ring(seed: int, count: int) -> pd.DataFrame:
    """Return visits along a ring of products; every third of these is often where they begin."""
    rng = np.random.default_rng(seed)
    rows = []
    for visit in range(count):
        at = int(rng.integers(PRODUCTS // 3)) * 3
        for place in range(int(rng.integers(2, 9))):
            rows.append((f"v{visit:05d}", place, f"p{at:02d}", "view"))
            at = (at + int(rng.choice([0, 1, 2], p=[0.2, 0.6, 0.2]))) % PRODUCTS
    return pd.DataFrame(rows, columns=["visit_id", "place", "product_id", "kind"])


@pytest.fixture(scope="module")
def learnt() -> Trails:
    frame = ring(1, 1_500)
    return trails(frame, catalogue(frame))


@pytest.fixture(scope="module")
def fitted(recipe: TwoTower, learnt: Trails) -> Towers:
    return recipe.fit(learnt, 5)


# ---- the loss


def test_the_loss_is_what_a_loop_says() -> None:
    """-log of exp(s_ii) / q_i over the sum of exp(s_ij) / q_j, of every question i."""
    rng = np.random.default_rng(1)
    scores, q = rng.normal(size=(7, 7)), rng.uniform(0.01, 0.3, 7)
    by_hand = 0.0
    for i in range(7):
        total = sum(np.exp(scores[i, j]) / q[j] for j in range(7))
        by_hand -= np.log(np.exp(scores[i, i]) / q[i] / total) / 7
    said = corrected(torch.from_numpy(scores), torch.from_numpy(np.log(q)))
    assert float(said) == pytest.approx(by_hand, rel=1e-12)


def estimated(p: np.ndarray, context: np.ndarray, wanted: np.ndarray, batch: int, how: str):
    """Return p(product | context) by the scores of least loss, one free for every pair."""
    share = np.bincount(wanted, minlength=p.shape[1]) / len(wanted)
    log_q = torch.from_numpy(np.log(share) if how == "corrected" else np.zeros(p.shape[1]))
    to = torch.from_numpy(wanted).reshape(-1, batch)
    of, drawn = (torch.eye(n, dtype=torch.float64) for n in p.shape)
    of = of[torch.from_numpy(context)].reshape(-1, batch, len(p))

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = torch.tensor(flat.reshape(p.shape), requires_grad=True)
        losses = [corrected(c @ table @ drawn[w].T, log_q[w]) for c, w in zip(of, to, strict=True)]
        total = torch.stack(losses).mean()
        total.backward()
        assert table.grad is not None
        return total.item(), table.grad.numpy().ravel()

    found = minimize(loss, np.zeros(p.size), jac=True, method="L-BFGS-B", options={"gtol": 1e-5})
    raised = np.exp(found.x.reshape(p.shape))
    return raised / raised.sum(axis=1, keepdims=True)


def test_scores_of_least_loss_are_chances_only_when_corrected() -> None:
    """Shares of 8 products between .01 and .4, 5 contexts, 24,000 questions.

    An estimate has the variance of a share, p (1 - p) / n of the context, and that of the sum over
    a batch beside it, smaller by about products / batch: 5 standard errors hold for all 40 pairs.
    """
    rng = np.random.default_rng(2)
    popular = np.geomspace(1, 40, 8)
    p = popular * np.exp(rng.normal(size=(5, 8)))
    p /= p.sum(axis=1, keepdims=True)
    context = rng.integers(5, size=24_000)
    wanted = (p[context].cumsum(axis=1) < rng.random((24_000, 1))).sum(axis=1)
    error = np.sqrt(p * (1 - p) / np.bincount(context)[:, None])
    off = {
        how: np.abs(estimated(p, context, wanted, 400, how) - p) / error
        for how in ("corrected", "plain")
    }
    assert off["corrected"].max() < 5
    assert np.median(off["plain"]) > 10


# ---- questions and batches


def test_questions_are_what_loops_find(recipe: TwoTower) -> None:
    """Of baskets, what else is in the same one is not told."""
    frame = pd.DataFrame(
        [("a", 0, "x"), ("a", 0, "y"), ("a", 1, "z"), ("a", 1, "x"), ("a", 2, "y"), ("b", 0, "y")],
        columns=["visit_id", "place", "product_id"],
    ).assign(kind="buy")
    visits = trails(frame, np.array(["x", "y", "z"]))
    small = replace(recipe, reach=3)
    found = questions_of(visits, small)
    assert found.wanted.tolist() == [2, 0, 1]
    assert found.touched.tolist() == [[1, 0, -1], [1, 0, -1], [0, 2, 1]]
    assert questions_of(visits, replace(small, longest=3)).wanted.tolist() == [2, 0]


def test_batches_have_every_question_once_and_say_how_often_its_answer_is_drawn() -> None:
    questions = Questions(np.arange(40).reshape(20, 2), np.repeat(np.arange(10), 2))
    log_q = np.linspace(-3, -1, 10)
    batches = QuestionBatches(questions, 5, log_q)
    made = list(batches.epoch(np.random.default_rng(0)))
    assert len(made) == len(batches) == 4
    rows = np.concatenate([b.touched.numpy()[:, 0] // 2 for b in made])
    assert sorted(rows) == list(range(20))
    for batch in made:
        np.testing.assert_array_equal(batch.wanted, batch.touched[:, 0] // 4)
        np.testing.assert_allclose(batch.log_q, log_q[batch.wanted.numpy()], rtol=1e-6)
    assert sum(len(b.wanted) for b in JudgedBatches(questions, 8).epoch(None)) == 16


def test_what_is_judged_is_the_gain_over_the_whole_catalogue() -> None:
    torch.manual_seed(0)
    net, cost = TowerNet(9, 4, 3, 0.0).eval(), Cost(0.1)
    batch = Judged(torch.tensor([[1, 2, -1], [3, -1, -1]]), torch.tensor([5, 3]))
    with torch.no_grad():
        scores = net.scores(net.visits(batch.touched), torch.arange(9), 0.1)
        place = [(scores[i] > scores[i, y]).sum().item() + 1 for i, y in enumerate((5, 3))]
        assert float(cost(net, batch)) == pytest.approx(1 - np.mean(1 / np.log2(np.add(place, 1))))
        drawn = Batch(*batch, log_q=torch.tensor([-1.0, -2.0]))
        two = net.scores(net.visits(batch.touched), batch.wanted, 0.1)
        assert float(cost(net, drawn)) == pytest.approx(float(corrected(two, drawn.log_q)))


# ---- what is fitted


def test_scores_without_torch_are_those_of_the_network(fitted: Towers, recipe, learnt) -> None:
    """Up to float32."""
    net = TowerNet(learnt.products, recipe.size, recipe.reach, recipe.dropout).eval()
    net.load_state_dict({k: torch.from_numpy(v) for k, v in fitted.weights.items()})
    asked = learnt.part(0, 40)
    size = np.diff(asked.start)
    touched = last_touched(asked, asked.start[1:], size, recipe.reach)
    every = torch.arange(learnt.products)
    with torch.no_grad():
        told = net.scores(net.visits(torch.from_numpy(touched)), every, recipe.temperature)
    said = fitted.scores(asked, learnt.products).toarray()
    np.testing.assert_allclose(said, told.numpy(), rtol=1e-4, atol=1e-4)


def test_it_learns_what_comes_next(fitted: Towers, learnt: Trails) -> None:
    """The next product on the ring has a chance of .6: nobody can hit more with one product."""
    frame = ring(2, 500)
    last = ~frame.duplicated("visit_id", keep="last")
    wanted = np.searchsorted(learnt.product_id, frame.loc[last, "product_id"].to_numpy(dtype=str))
    asked = trails(frame[~last], learnt.product_id)
    popular = Popularity(recent=1.0).fit(learnt, 0)
    hits = {}
    for name, model in (("towers", fitted), ("popular", popular)):
        (scores,) = (scores for _, scores in parts(model, asked, 3))
        hits[name] = [
            (top(scores, k).product == wanted[:, None]).any(axis=1).mean() for k in (1, 3)
        ]
    assert hits["towers"][0] > 0.5
    assert hits["towers"][1] > 0.9
    assert hits["popular"][1] < 0.2


def test_training_stops_by_the_held_out_visits(fitted: Towers, recipe: TwoTower) -> None:
    judged = fitted.curves["validation"]
    assert fitted.epochs == judged.argmin() + 1
    assert len(fitted.curves["all visits"]) == fitted.epochs
    assert len(judged) <= recipe.training.epochs
    assert f"trained for {fitted.epochs} epochs" in fitted.notes()[0]


def test_what_is_not_allowed_takes_no_place_and_who_touched_nothing_has_no_list(
    fitted: Towers, learnt: Trails
) -> None:
    rows = [("v", 0, "p03", "view"), ("w", 0, "never seen", "view"), ("x", 0, "p30", "view")]
    frame = pd.DataFrame(rows, columns=["visit_id", "place", "product_id", "kind"])
    asked = trails(frame, learnt.product_id)
    whole = fitted.best(asked, 60).product
    assert (whole[1] == -1).all()
    assert sorted(whole[0]) == sorted(whole[2]) == list(range(60))
    allowed = np.arange(PRODUCTS) % 2 == 0
    left = [row[row % 2 == 0][:5] for row in whole[[0, 2]]]
    np.testing.assert_array_equal(fitted.best(asked, 5, allowed).product[[0, 2]], left)
    assert set(rank(fitted, asked, 5).frame["visit_id"]) == {"v", "x"}


def test_large_catalogues_are_searched_by_cells(recipe: TwoTower, learnt: Trails) -> None:
    pytest.importorskip("faiss")
    how = Search(exact_below=10, recall=0.5, at=5, sample=200)
    short = replace(recipe, search=how, training=replace(recipe.training, epochs=2))
    model = short.fit(learnt, 5)
    assert model.cells is not None
    assert model.cells.recall >= 0.5
    assert "cells of products" in model.notes()[1]
    assert (rank(model, learnt.part(0, 50), 5).frame.groupby("visit_id").size() == 5).all()


def test_too_few_visits_are_refused(recipe: TwoTower, learnt: Trails) -> None:
    with pytest.raises(InputError, match=r"held-out visits go on \d+ times"):
        recipe.fit(learnt.part(0, 60), 0)


# ---- products nobody touched


def shelves(seed: int, count: int) -> pd.DataFrame:
    """Return visits that each stay on one of 6 shelves of 12 products."""
    rng = np.random.default_rng(seed)
    rows = []
    for visit in range(count):
        shelf, products = int(rng.integers(6)), rng.integers(12, size=int(rng.integers(3, 8)))
        rows += [
            (f"v{visit:05d}", place, f"s{shelf}p{product:02d}", "view")
            for place, product in enumerate(products)
        ]
    return pd.DataFrame(rows, columns=["visit_id", "place", "product_id", "kind"])


@pytest.fixture(scope="module")
def cold(recipe: TwoTower) -> tuple[Towers, Trails]:
    """Return towers that never saw two products of each shelf, and visits that are asked about."""
    frame, later = shelves(7, 1_500), shelves(8, 200)
    every = sorted(set(frame["product_id"]))
    shelf = pd.Series([name[:2] for name in every], index=every)
    new = frame["product_id"].str.endswith(("p10", "p11"))
    known = frame[~new]
    asked = later[~later["product_id"].str.endswith(("p10", "p11"))]
    ids = catalogue(known, shelf)
    towers = replace(recipe, blind=0.2).fit(trails(known, ids, kind=shelf), 3)
    return towers, trails(asked, ids, kind=shelf)


def test_products_that_nobody_touched_are_found_by_their_kind(cold) -> None:
    """Of the new products, those of the visit's own shelf come before those of the other five."""
    towers, asked = cold
    ids = towers.product_id
    assert len(ids) == 72
    scores = towers.scores(asked, len(ids)).toarray()
    new = np.char.endswith(ids, "p10") | np.char.endswith(ids, "p11")
    start = asked.start[:-1]
    shelf = np.array([ids[asked.product[at]][:2] for at in start])
    own = np.char.startswith(ids[None, :], shelf[:, None])
    wins = [
        (scores[v, new & own[v]][:, None] > scores[v, new & ~own[v]][None, :]).mean()
        for v in range(asked.visits)
    ]
    assert np.mean(wins) > 0.97
    best = top(towers.scores(asked, 12), 12)
    found = [new[products[products >= 0]].sum() for products in best.product]
    assert np.mean(found) > 1.0  # two of twelve belong there


def test_without_kinds_a_product_that_nobody_touched_is_never_known() -> None:
    frame = shelves(7, 300)
    known = frame[~frame["product_id"].str.endswith(("p10", "p11"))]
    assert len(catalogue(known)) == 60
    told = trails(known, catalogue(known))
    assert told.kinds is None
    net = TowerNet(60, 8, 4, 0.0)
    assert {name for name, _ in net.named_parameters()} == {"product", "bias", "fall", "on.weight"}


def test_what_is_kept_scores_as_the_network_does_where_kinds_are_known() -> None:
    kinds = Kinds(np.array([0, 0, 1, -1, 1]), np.array([True, True, True, True, False]), 0.5)
    torch.manual_seed(1)
    net = TowerNet(5, 8, 3, 0.0, kinds).eval()
    with torch.no_grad():
        net.group_bias += torch.randn(3)
        net.bias[:4] += torch.randn(4)
    weights = {name: w.numpy() for name, w in net.state_dict().items()}
    assert (weights["product"][4] == 0.0).all()
    towers = Towers(
        product_id=np.array(list("abcde")), weights=folded(weights), temperature=0.5,
        search=Search(exact_below=100, recall=0.9, at=3, sample=5), cells=None, curves={}, epochs=1,
    )  # fmt: skip
    touched = np.array([[0, 2, -1], [3, -1, -1], [4, 1, 0]])
    with torch.no_grad():
        u = net.visits(torch.from_numpy(touched))
        said = net.scores(u, torch.arange(5), 0.5).numpy()
    vectors = towers.visits(touched)
    np.testing.assert_allclose(vectors @ towers.index.products.T, said, rtol=1e-5, atol=1e-5)
