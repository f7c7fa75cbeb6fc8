"""Reasons add up, agree with captum, and lie where the money is."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeworth.engines.task import Training
from lifeworth.models.deep import LstmZiln, WideAndDeepZiln
from lifeworth.models.deep.batches import padded
from lifeworth.models.deep.heads import span
from lifeworth.models.deep.nets import HistoryNet
from lifeworth.models.deep.reasons import (
    BGNBD,
    CONTACT,
    PURCHASES,
    SPEND,
    TIMING,
    _events,
    expected_value,
    kind_of,
    parts,
)
from lifeworth.models.deep.shapley import shapley

TRAINING = Training(
    epochs=4, patience=4, batch=64, learning_rate=0.02, weight_decay=1e-4, clip=1.0,
    checkpoints=None,
)  # fmt: skip
COMMON = {
    "borrow": True, "horizons": (30,), "events": 6, "moments": 2, "every_days": 45, "hidden": 8,
    "layers": 1, "dropout": 0.1, "members": 2, "uncertainty": "ensemble", "conformal": False,
    "training": TRAINING, "draws": 40,
}  # fmt: skip
WIDE = WideAndDeepZiln(**COMMON, columns=("country",), blend=0.5, blind=0.1, loss="ziln")
LSTM = LstmZiln(**COMMON, blend=0.0, shuffled=False, loss="ziln")


def by_orders(worth, groups: int) -> list[np.ndarray]:
    """Return what each group adds, the mean over all orders in which the groups come."""
    added = [np.zeros(1)] * groups
    orders = list(itertools.permutations(range(groups)))
    for order in orders:
        for place, group in enumerate(order):
            before = frozenset(order[:place])
            added[group] = added[group] + (worth(before | {group}) - worth(before)) / len(orders)
    return added


@given(st.integers(1, 4), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_shapley_values_are_means_over_orders(groups: int, seed: int):
    rng = np.random.default_rng(seed)
    table = {
        frozenset(own): rng.normal(size=1)
        for size in range(groups + 1)
        for own in itertools.combinations(range(groups), size)
    }
    base, added = shapley(table.__getitem__, groups)
    assert base == table[frozenset()]
    for own, wanted in zip(added, by_orders(table.__getitem__, groups), strict=True):
        assert own == pytest.approx(wanted, abs=1e-12)


def test_shapley_values_agree_with_captum():
    from captum.attr import ShapleyValues

    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 1))
    net = net.double()
    x, reference = torch.randn(4, 5).double(), torch.randn(1, 5).double()
    mask = torch.tensor([[0, 0, 1, 2, 2]])

    def worth(own: frozenset[int]) -> np.ndarray:
        kept = torch.tensor([int(g) in own for g in mask[0]])
        with torch.no_grad():
            return net(torch.where(kept, x, reference))[:, 0].numpy()

    with torch.no_grad():
        wanted = ShapleyValues(net).attribute(x, baselines=reference, feature_mask=mask)
    wanted = wanted.reshape(4, 5)
    added = shapley(worth, 3)[1]
    for group, column in ((0, 0), (1, 2), (2, 3)):
        # captum adds up in single precision
        assert added[group] == pytest.approx(wanted[:, column].numpy(), abs=1e-6)


@pytest.fixture(scope="module")
def wide(history):
    return WIDE.fit(history, 1)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"blend": 0.0},
        {"columns": ()},
        {"loss": "mse"},
        {"loss": "two_head"},
        {"borrow": False, "blend": 0.0},
        {"horizons": (20, 40)},
    ],
    ids=str,
)
def test_reasons_add_up_to_the_score(history, change):
    fitted = dataclasses.replace(WIDE, **change).fit(history, 1)
    adds_up(fitted, history)


@pytest.mark.parametrize("change", [{}, {"borrow": False}, {"blend": 0.25}], ids=str)
def test_reasons_of_an_lstm_add_up_to_the_score(history, change):
    fitted = dataclasses.replace(LSTM, **change).fit(history, 1)
    adds_up(fitted, history)


def adds_up(fitted, history) -> None:
    frame = fitted.score(history, 25).frame
    told = fitted.explain(history, 25)
    assert told["customer_id"].tolist() == frame["customer_id"].tolist()
    total = told.drop(columns="customer_id").sum(axis=1).to_numpy()
    assert total == pytest.approx(frame["expected_value"].to_numpy(), rel=1e-9, abs=1e-6)
    assert np.ptp(told["base"].to_numpy()) < 1e-3


def test_reasons_do_not_depend_on_who_else_is_there(wide, history):
    ids = sorted(history.customers().to_pandas()["customer_id"])[:60]

    def first(_name, table):
        return (
            table.filter(table.customer_id.isin(ids)) if "customer_id" in table.columns else table
        )

    some = dataclasses.replace(history, tables=history.tables.mapped(first))
    known = wide.explain(some, 30).set_index("customer_id")
    assert list(known.index) == ids
    whole = wide.explain(history, 30).set_index("customer_id").loc[known.index]
    assert whole.to_numpy() == pytest.approx(known.to_numpy(), rel=1e-5, abs=1e-2)


def test_kinds_are_named_by_columns():
    assert kind_of("bgnbd_value_cents") == BGNBD
    assert kind_of("value_cents_30d") == kind_of("mean_value_cents") == SPEND
    assert kind_of("days_since_last") == kind_of("sd_gap_days") == TIMING
    assert kind_of("complaints") == kind_of("events_90d") == CONTACT
    assert kind_of("frequency") == kind_of("orders_365d") == PURCHASES


def test_a_kind_that_is_not_read_is_not_named(history):
    told = dataclasses.replace(LSTM, borrow=False).fit(history, 1).explain(history, 30)
    assert set(told.columns) == {"customer_id", "base", PURCHASES, SPEND, TIMING, CONTACT}


def test_what_everybody_shares_is_no_reason(history):
    fitted = WIDE.fit(history, 1)
    only = tuple(sorted(fitted.encoder.levels["country"]))[:1]
    at = len(fitted.encoder.columns)
    encoder = dataclasses.replace(
        fitted.encoder,
        levels={"country": only},
        middle=np.append(fitted.encoder.middle[:at], 1.0),
        columns=fitted.encoder.columns,
    )
    inputs = next(encoder.read(history))[1]
    same = inputs._replace(wide=np.where(np.arange(at + 1) < at, inputs.wide, np.float32(1.0)))
    shape = dataclasses.replace(fitted.shape, wide=at + 1)
    net = HistoryNet(shape)
    worth = expected_value("ziln", np.ones(1), span((30,), 30.0))
    kinds, _, added = parts([net.eval()], same, encoder, (0.0, 1.0), worth)
    assert np.abs(added[kinds.index("their country")]).max() < 1e-9
    assert np.abs(added[kinds.index(SPEND)]).max() > 1e-6


def test_events_that_are_no_purchases_are_contacts(history):
    """With another's contacts, purchases and spend stay what they were."""
    fitted = dataclasses.replace(LSTM, borrow=False).fit(history, 1)
    seen = padded(next(fitted.encoder.read(history))[1], np.arange(150))
    purchase = fitted.encoder.kinds.index("purchase") + 1
    there = torch.arange(seen.kind.shape[1]) < seen.length[:, None]
    bought = ((seen.kind == purchase) & there).sum(dim=1)
    assert (bought < seen.length).any()
    alone = _events(seen, purchase, (0.0, 1.0), frozenset({PURCHASES, SPEND}))
    assert (alone.length == bought).all()
    left = _events(seen, purchase, (0.0, 1.0), frozenset({CONTACT}))
    assert (left.length == seen.length - bought + 1).all()
    last = left.kind[torch.arange(150), left.length - 1]
    assert (last == purchase).all()
    whole = _events(seen, purchase, (0.0, 1.0), frozenset({PURCHASES, SPEND, CONTACT}))
    assert (whole.length == seen.length).all()
    assert torch.equal(
        whole.numbers * there[..., None], seen.numbers * there[..., None]
    )  # in their order


def test_dropout_has_no_reasons(history):
    fitted = dataclasses.replace(WIDE, uncertainty="dropout").fit(history, 1)
    assert fitted.explain(history, 30) is None


def test_members_that_agree_leave_nothing_to_learn(wide, history):
    same = dataclasses.replace(
        wide, blend=0.0, weights={n: np.stack([w[0], w[0]]) for n, w in wide.weights.items()}
    )
    assert same.epistemic(history, 30) == pytest.approx(
        np.zeros(len(wide.made(history)[0])), abs=1e-3
    )
    assert (wide.epistemic(history, 30) > 0).all()


def test_the_doubt_of_a_blend_is_that_of_its_parts(wide, history):
    each = [
        dataclasses.replace(
            wide, blend=0.0, weights={n: w[i : i + 1] for n, w in wide.weights.items()}
        )
        .score(history, 30)
        .frame["expected_value"]
        .to_numpy()
        for i in range(2)
    ]
    lender = wide.encoder.lender.score(history, 30).frame["expected_value"].to_numpy()
    values = np.stack([*each, lender])
    weights = np.array([0.25, 0.25, 0.5])
    mean = np.average(values, axis=0, weights=weights)
    wanted = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights))
    assert wide.epistemic(history, 30) == pytest.approx(wanted, rel=1e-4)
