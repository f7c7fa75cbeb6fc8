"""EASE on carts as a chance: its order, its curve, and carts whose truth is known."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from lifeworth.asof.baskets import Trails, catalogue, trails
from lifeworth.evaluate.chances import calibration_error
from lifeworth.models.basket import Attach, CartEase
from lifeworth.models.basket.curve import Later, hide_some
from lifeworth.models.linear import weights_of
from lifeworth.models.ranking import top
from lifeworth.tables.errors import InputError

LATER = Later(held_out=0.3, hide=1, candidates=40)
RECIPE = CartEase(penalty=5.0, products=99, keep=99, later=LATER)
PRODUCTS, GROUPS = 40, 8


def carts(seed: int, count: int) -> pd.DataFrame:
    """Return carts of a theme: five products of a group of eight, three of ten, now and then more.

    The theme's products are in a cart with a chance of a half each, all others with one in forty.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for cart in range(count):
        theme = int(rng.integers(GROUPS))
        chance = np.where(np.arange(PRODUCTS) % GROUPS == theme, 0.5, 0.025)
        held = np.flatnonzero(rng.random(PRODUCTS) < chance)
        rows += [(f"v{cart:05d}", 0, f"p{p:02d}", "buy") for p in held]
    return pd.DataFrame(rows, columns=["visit_id", "place", "product_id", "kind"])


@pytest.fixture(scope="module")
def learnt() -> Trails:
    frame = carts(1, 3_000)
    return trails(frame, catalogue(frame))


@pytest.fixture(scope="module")
def fitted(learnt: Trails):
    return RECIPE.fit(learnt, 0)


@pytest.fixture(scope="module")
def attached(learnt: Trails):
    return Attach(prior=5.0, least=1, keep=99, later=LATER).fit(learnt, 0)


@pytest.fixture(scope="module")
def asked(learnt: Trails) -> tuple[Trails, sp.csr_array]:
    """Return new carts with one product hidden, and which one."""
    frame = carts(2, 3_000)
    shown, hidden = hide_some(trails(frame, learnt.product_id).matrix(), 1, 7)
    cart = shown.tocoo()
    order = np.lexsort((cart.col, cart.row))
    return Trails(
        visit_id=np.arange(shown.shape[0]).astype(object),
        product_id=learnt.product_id,
        visit=cart.row[order].astype(np.int64),
        place=np.zeros(cart.nnz, dtype=np.int64),
        product=cart.col[order].astype(np.int64),
    ), hidden


@pytest.mark.parametrize("model", ["fitted", "attached"])
def test_chances_come_as_often_as_they_say_and_raw_scores_do_not(model, asked, request) -> None:
    fitted = request.getfixturevalue(model)
    trail, hidden = asked
    best = top(fitted.scores(trail, 5), 5)
    row = np.repeat(np.arange(trail.visits), 5)
    product = best.product.ravel()
    came = np.asarray(hidden[row, product]).ravel() > 0
    chance = best.score.ravel()
    raw = np.asarray(fitted.raw(trail, 5)[row, product]).ravel()
    # ten groups of n/10: each is off by about sqrt(p / (n / 10)) x .8 where chances are right
    noise = np.sqrt(came.mean() / (len(came) / 10))
    assert calibration_error(chance, came) < 3 * noise
    assert calibration_error(raw, came) > 6 * noise
    found = best.product, top(fitted.raw(trail, 5), 5).product
    np.testing.assert_array_equal(*found)


def test_the_order_is_that_of_ease(fitted, learnt, asked) -> None:
    trail, _ = asked
    x = learnt.matrix().toarray()
    weights = weights_of(x.T @ x, 5.0)
    said = fitted.scores(trail, 5).toarray()
    cart = trail.matrix().toarray()
    for visit in range(50):
        score = np.where(cart[visit] > 0, -np.inf, cart[visit] @ weights)
        able = np.flatnonzero(score > 1e-3)
        order = able[np.argsort(-score[able])]
        assert (np.diff(said[visit, order]) < 0).all()
        assert (said[visit, cart[visit] > 0] == 0).all()


def test_every_product_is_hidden_as_often_as_another() -> None:
    held = sp.csr_array(np.array([[1.0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 1]]))
    count = np.zeros(4)
    for seed in range(600):
        shown, hidden = hide_some(held, 1, seed)
        assert ((shown + hidden).toarray() == held.toarray()[:2]).all()
        assert hidden.sum(axis=1).tolist() == [1, 1]
        count += hidden.toarray()[0]
    assert count[1] == 0
    # 200 each, within four standard errors
    assert (abs(count[[0, 2, 3]] - 200) < 4 * np.sqrt(600 * 2 / 9)).all()
    assert hide_some(held, 2, 0)[0].shape[0] == 1


def test_a_cart_of_which_nothing_is_said_has_the_chances_of_any(fitted, attached, learnt) -> None:
    """Nothing of it is known: the shares of all touches."""
    none, visit = np.zeros(0, int), np.array(["x"], dtype=object)
    empty = Trails(
        visit_id=visit, product_id=learnt.product_id, visit=none, place=none, product=none
    )
    share = np.bincount(learnt.product, minlength=PRODUCTS) / len(learnt.product)
    for model in (fitted, attached):
        said = model.scores(empty, PRODUCTS).toarray()[0]
        np.testing.assert_allclose(said, share, rtol=0.02)  # attach counts baskets, not touches


def test_products_that_only_later_carts_have_do_not_bend_the_curve() -> None:
    """Three of forty are new in the last 30 %; the weight of the score keeps most of its size."""
    frame = carts(1, 3_000)
    late = frame["visit_id"] >= "v02100"
    new = frame[late & frame["product_id"].isin(["p00", "p09", "p18"])]
    old = frame["product_id"].isin(["p00", "p09", "p18"])
    weight = []
    for own in (frame[~old], pd.concat([frame[~old], new])):
        rows = own.sort_values(["visit_id", "product_id"], ignore_index=True)
        model = Attach(prior=5.0, least=1, keep=99, later=LATER)
        told = model.fit(trails(rows, catalogue(rows)), 0).parameters()
        weight.append({p.name: p for p in told}["score"].estimate)
    assert weight[1] > weight[0] / 2  # it was a thousandth


@pytest.mark.parametrize("model", [RECIPE, Attach(prior=5.0, least=1, keep=99, later=LATER)])
def test_carts_that_hold_too_little_to_hide_are_refused(model) -> None:
    frame = carts(1, 300).drop_duplicates("visit_id")
    with pytest.raises(InputError, match="later baskets holds more than 1 products"):
        model.fit(trails(frame, catalogue(frame)), 0)


def test_the_curve_is_told_with_its_errors(fitted) -> None:
    told = {p.name: p for p in fitted.parameters()}
    assert set(told) == {"constant", "score", "cart", "rivals"}
    assert told["score"].low > 0  # the score tells something
    assert fitted.log_likelihood()["curve"] < 0


def test_too_few_later_carts_are_refused(learnt: Trails) -> None:
    with pytest.raises(InputError, match="later baskets are candidates; chances need 50 or more"):
        RECIPE.fit(learnt.part(0, 60), 0)
