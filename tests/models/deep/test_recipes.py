"""Every recipe, fitted to a small store: it learns, says how sure it is, and refuses what it must.

What holds of all rooms alike stands in tests/test_rooms.py.
"""

import datetime as dt
from dataclasses import replace

import ibis
import numpy as np
import pytest
from ibis import _
from pydantic import ValidationError

from lifeworth.asof import cut
from lifeworth.asof.features import features
from lifeworth.asof.summary import outcomes
from lifeworth.engines.likelihood import FitError
from lifeworth.engines.task import Training
from lifeworth.models.core import QUANTILES
from lifeworth.models.deep import (
    GbmTwoStage,
    GraphSage,
    LstmRollout,
    LstmZiln,
    WideAndDeepZiln,
)
from lifeworth.models.deep.conformal import widths

SEED = 2
HORIZON = 30
HORIZONS = (30, 60)
TRAINING = Training(
    epochs=15, patience=15, batch=64, learning_rate=0.02, weight_decay=1e-4, clip=1.0,
    checkpoints=None,
)  # fmt: skip
STUDY = {"horizons": HORIZONS, "moments": 2, "every_days": 45}
NET = {"hidden": 8, "members": 2, "training": TRAINING, "draws": 40}
HISTORY_NET = {
    **STUDY, **NET, "events": 6, "loss": "ziln", "layers": 1, "dropout": 0.1,
    "uncertainty": "ensemble", "conformal": False,
}  # fmt: skip
RECIPES = {
    "lstm": LstmZiln(**HISTORY_NET, borrow=False, blend=0.0, shuffled=False),
    "wide_and_deep": WideAndDeepZiln(
        **HISTORY_NET, columns=("country",), borrow=False, blend=0.0, blind=0.25
    ),
    "graph": GraphSage(
        **STUDY, **NET, neighbours="co_purchase", most_neighbours=20, rounds=1, columns=(),
        borrow=False, loss="ziln",
    ),
    "rollout": LstmRollout(**NET),
    "trees": GbmTwoStage(
        **STUDY, columns=(), borrow=False, blend=0.0, trees=10,
        leaves=4, learning_rate=0.1, fewest=10,
        members=2, draws=40,
    ),
}  # fmt: skip
NETS = ["lstm", "wide_and_deep", "graph", "rollout"]
HEADS = ["lstm", "wide_and_deep", "graph", "trees"]


CUTOFF = dt.date(2022, 12, 1)
AHEAD = 100
"""Days of the window by which intervals are calibrated."""


def dearer(store, which, factor):
    """Return the store with the money of some orders so many times what it was."""
    cents = [column for column in store.orders.columns if column.endswith("_cents")]
    many = which.ifelse(factor, 1)
    orders = store.orders.mutate(**{column: _[column] * many for column in cents})
    return replace(store, orders=ibis.memtable(orders.to_pyarrow()))


@pytest.fixture(scope="module")
def rich(store):
    """Return a history in which the French pay five times as much."""
    french = store.customers.filter(_.country == "FR").customer_id.to_pandas()
    return cut(dearer(store, _.customer_id.isin(list(french)), 5), CUTOFF, HORIZON)[0]


@pytest.fixture(scope="module")
def fits(rich):
    """Return a fit of each recipe."""
    return {name: recipe.fit(rich, SEED) for name, recipe in RECIPES.items()}


@pytest.fixture(scope="module")
def frames(fits, rich):
    return {name: fit.score(rich, HORIZON).frame for name, fit in fits.items()}


@pytest.fixture(scope="module")
def dropped(rich):
    """Return one LSTM that is scored four times, parts of it left out by chance."""
    few = replace(TRAINING, epochs=1)
    recipe = replace(RECIPES["lstm"], uncertainty="dropout", members=4, training=few)
    return recipe.fit(rich, SEED)


def assert_sound(frame):
    """Finite numbers that can be what they say they are."""
    assert np.isfinite(frame.select_dtypes("number").to_numpy()).all()
    assert frame["p_active"].between(0.0, 1.0).all()
    assert (frame["p_active"] <= frame["p_alive"]).all()
    assert frame["p_alive"].le(1.0).all()
    assert (frame["p_active"] <= frame["expected_purchases"] + 1e-12).all()
    assert (np.diff(frame[list(QUANTILES)], axis=1) >= 0).all()


# ---- learning


@pytest.mark.parametrize("name", NETS)
def test_losses_of_training_fall(fits, name):
    """Of the network that was judged and of every member; from the heads of the population on."""
    curves = fits[name].curves
    assert {"training", "validation", "member 1", "member 2"} == curves.keys()
    for part in curves.keys() - {"validation"}:
        assert len(curves[part]) > 1
        assert curves[part][-1] < curves[part][0]
    assert min(curves["validation"]) < curves["validation"][0]
    assert not np.array_equal(curves["member 1"], curves["member 2"])


@pytest.mark.parametrize("name", RECIPES)
def test_who_bought_often_and_lately_is_expected_to_buy(frames, rich, name):
    frame = frames[name].set_index("customer_id")
    known = features(rich).set_index("customer_id").loc[frame.index]
    lately = (known["frequency"] >= 2) & (known["days_since_last"] < 60)
    silent = known["days_since_last"] > 150
    assert lately.sum() > 5
    assert silent.sum() > 5
    for column in ("expected_purchases", "p_active"):
        assert frame[column][lately].mean() > 1.2 * frame[column][silent].mean()


@pytest.mark.parametrize("name", RECIPES)
def test_members_differ(fits, rich, name):
    """Each from a seed, or from customers, of its own."""
    fit = fits[name]
    if name == "rollout":
        apart = [weights[0] - weights[1] for weights in fit.weights.values()]
    else:
        heads = fit.made(rich).heads
        assert {part.shape[0] for part in heads} == {2}
        apart = [heads.logit[0] - heads.logit[1], heads.loc[0] - heads.loc[1]]
    assert all(np.abs(part).max() > 1e-3 for part in apart)


def test_passes_with_dropout_differ_and_are_the_same_again(dropped, rich):
    heads = dropped.made(rich).heads
    assert {weights.shape[0] for weights in dropped.weights.values()} == {1}
    for part in (heads.logit, heads.loc):
        assert part.shape == (4, len(rich.customers().to_pandas()), len(HORIZONS))
        for one in range(4):
            for other in range(one):
                assert np.abs(part[one] - part[other]).max() > 1e-3
    assert np.array_equal(dropped.made(rich).heads.logit, heads.logit)
    whole = replace(dropped, shape=replace(dropped.shape, dropout=0.0)).made(rich).heads.logit
    assert np.array_equal(whole[0], whole[3])


# ---- other settings


def test_calibration_widens_intervals_where_the_latest_window_brought_more_than_they_hold(store):
    """Prices rose a hundredfold in it. Ends move by what was missed, in logs; nothing else does."""
    since = ibis.timestamp((CUTOFF - dt.timedelta(days=AHEAD)).isoformat())
    history = cut(dearer(store, _.ordered_at >= since, 100), CUTOFF, HORIZON)[0]
    few = {"horizons": (AHEAD,), "every_days": AHEAD, "training": replace(TRAINING, epochs=2)}
    fit = replace(RECIPES["lstm"], conformal=True, **few).fit(history, SEED)
    outer, inner = fit.widths
    assert outer > 0.5
    assert inner >= 0.0
    wide, plain = (f.score(history, AHEAD).frame for f in (fit, replace(fit, widths=np.empty(0))))
    assert_sound(wide)
    levels = list(QUANTILES)
    others = wide.columns.drop(levels)
    assert wide[others].equals(plain[others])
    logs, before = (np.log1p(f[levels] / fit.encoder.unit).to_numpy() for f in (wide, plain))
    assert logs[:, 4] == pytest.approx(before[:, 4] + outer, abs=1e-9)
    assert logs[:, 0] == pytest.approx(np.maximum(before[:, 0] - outer, 0.0), abs=1e-9)


def test_intervals_are_calibrated_by_a_fit_that_has_not_seen_the_window(rich):
    few = {"horizons": (AHEAD,), "every_days": AHEAD, "training": replace(TRAINING, epochs=2)}
    recipe = replace(RECIPES["lstm"], **few)
    fit = replace(recipe, conformal=True).fit(rich, SEED)
    inner, future = cut(rich.tables, CUTOFF - dt.timedelta(days=AHEAD), AHEAD)
    frame = recipe.fit(inner, SEED).score(inner, AHEAD).frame
    value = outcomes(future)["value"].to_numpy(np.float64)
    unit = fit.encoder.unit
    wanted = widths(frame[list(QUANTILES)].to_numpy().T / unit, value / unit)
    assert fit.widths == pytest.approx(wanted, abs=1e-6)


def test_intervals_are_not_calibrated_unless_asked_for(fits):
    assert all(len(fits[name].widths) == 0 for name in ("lstm", "wide_and_deep"))


@pytest.mark.parametrize("name", ["wide_and_deep", "graph"])
@pytest.mark.parametrize("loss", ["mse", "two_head"])
def test_every_loss_gives_sound_scores(frames, rich, name, loss):
    few = {"training": replace(TRAINING, epochs=2), "moments": 1, "members": 1}
    fit = replace(RECIPES[name], loss=loss, **few).fit(rich, SEED)
    frame = fit.score(rich, HORIZON).frame
    assert_sound(frame)
    assert frame["expected_value"].nunique() > 10
    assert not np.allclose(frame["expected_value"], frames[name]["expected_value"])


def test_newcomers_are_told_apart_by_their_country(fits):
    """The French, who pay five times as much, and others, who pay alike."""
    fit = fits["wide_and_deep"]
    told = {c: fit.newcomers(HORIZON, {"country": c}).iloc[0] for c in ("DE", "FR", "US")}
    for row in told.values():
        assert np.isfinite(row).all()
        assert 0 < row["p_active"] < 1
        assert row["value_sd_epistemic"] > 0
    worth = {c: row["expected_value"] / row["expected_purchases"] for c, row in told.items()}
    assert worth["FR"] > 1.5 * max(worth["DE"], worth["US"])
    assert 0.5 < worth["DE"] / worth["US"] < 2.0
    longer = fit.newcomers(2 * HORIZON, {"country": "FR"}).iloc[0]
    assert longer["expected_value"] > told["FR"]["expected_value"]


# ---- horizons


@pytest.mark.parametrize("name", HEADS)
def test_beyond_all_learnt_horizons_customers_go_on_as_in_the_last_interval(
    fits, frames, rich, name
):
    """Three more intervals of 30 days have three times what the last one has."""
    first, last = HORIZONS
    near, found = (
        frames[name],
        [fits[name].score(rich, d).frame for d in (last, 4 * last - 3 * first)],
    )
    for frame in found:
        assert_sound(frame)
    for column in ("expected_purchases", "expected_value"):
        one, two, five = (frame[column].to_numpy() for frame in (near, *found))
        assert (two > one).all()
        assert five - two == pytest.approx(3.0 * (two - one), rel=1e-9)


def test_a_rollout_goes_on_beyond_its_history(fits, rich):
    frames = [fits["rollout"].score(rich, days).frame for days in (HORIZON, 10 * HORIZON)]
    assert_sound(frames[1])
    near, far = (frame["expected_purchases"].to_numpy() for frame in frames)
    assert (far >= near).all()
    assert far.sum() > 4.0 * near.sum()


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize(("horizons", "told"), [((90, 30), "90, 30"), ((7, 30, 30), "7, 30, 30")])
def test_horizons_that_do_not_ascend_are_refused_by_name(name, horizons, told):
    recipe = RECIPES[name]
    words = {field: getattr(recipe, field) for field in recipe.__dataclass_fields__}
    with pytest.raises(ValidationError, match=f"the horizons {told} do not ascend"):
        type(recipe)(**words | {"horizons": horizons})


# ---- too little


@pytest.mark.parametrize("name", RECIPES)
def test_a_history_of_a_few_days_is_refused_with_a_remedy(store, name):
    """On the second day and the third nothing is known of what follows."""
    first = store.orders.ordered_at.min().execute().date()
    for days in (1, 2):
        history = cut(store, first + dt.timedelta(days=days), HORIZON)[0]
        with pytest.raises(FitError, match=r"^deep: .*take a longer .*model=btyd_"):
            RECIPES[name].fit(history, SEED)
