"""What a network sees: codes, standard columns, levels, and that the currency leaves no trace."""

import datetime as dt
import mmap
from dataclasses import replace

import numpy as np
import pytest

from lifeworth.asof import cut
from lifeworth.asof.attributes import categories
from lifeworth.asof.features import features
from lifeworth.asof.sequence import sequences
from lifeworth.models.deep import inputs as inputs_module
from lifeworth.models.deep.borrowed import BORROWED, borrowed, lent
from lifeworth.models.deep.inputs import in_units, learn_encoder, wide_frame
from lifeworth.models.deep.shelf import Shelf

MOST, DAYS = 6, 60
EARLIER = dt.date(2022, 4, 1)


@pytest.fixture(scope="module")
def encoder(history):
    return learn_encoder(history, MOST, ("country", "channel"), (DAYS,), borrows=True)


@pytest.fixture(scope="module")
def plain(history):
    """Return an encoder without columns and without a BG/NBD."""
    return learn_encoder(history, MOST, (), (DAYS,), borrows=False)


@pytest.fixture(scope="module")
def known(encoder, history):
    """Return customer_id and inputs, which fit in one chunk."""
    return only(encoder, history)


def only(encoder, history):
    """Return the customers and inputs of the only chunk there is."""
    [chunk] = encoder.read(history)
    return chunk


def priced(history, times):
    """Return the history with all money multiplied."""

    def dearer(_name, table):
        money = [column for column in table.columns if column.endswith("_cents")]
        return table.mutate(**{column: table[column] * times for column in money})

    return replace(history, tables=history.tables.mapped(dearer))


def test_the_unit_is_the_mean_positive_purchase_of_the_events_that_are_read(encoder, history):
    value = sequences(history, MOST).value_cents
    assert encoder.unit == value[value > 0].sum() / (value > 0).sum()
    assert (value < 0).any()


def test_events_become_numbers_by_their_formulas(encoder, known, history):
    seen = sequences(history, MOST)
    ids, inputs = known
    numbers = inputs.numbers
    assert inputs.start.tolist() == (np.cumsum(seen.length) - seen.length).tolist()
    assert inputs.length.tolist() == seen.length.tolist()
    assert ids.tolist() == seen.customer_id.tolist()
    np.testing.assert_allclose(np.expm1(4 * numbers[:, 0]), seen.gap_days, rtol=1e-5, atol=1e-5)
    ratio = np.sign(numbers[:, 1]) * np.expm1(np.abs(numbers[:, 1]))
    # six digits are kept of a log, which float32 holds to seven
    np.testing.assert_allclose(ratio * encoder.unit, seen.value_cents, rtol=3e-6, atol=1e-2)
    day = (history.cutoff - dt.date(1970, 1, 1)).days - seen.days_ago
    turn = np.exp(2j * np.pi * day / 365.2425)
    found = numbers[:, 3] + 1j * numbers[:, 2]
    np.testing.assert_allclose(found, turn, atol=1e-6)


def test_codes_name_what_the_fit_has_met_and_are_0_for_the_rest(encoder, known, history):
    seen = sequences(history, MOST)
    kinds, names = np.unique(seen.kind.astype(str), return_counts=True)
    frequent = [str(kind) for kind in kinds[np.argsort(-names, kind="stable")]]
    assert encoder.kinds == tuple(sorted(frequent, key=lambda kind: kind != "purchase"))
    assert np.array(["", *encoder.kinds])[known[1].kind].tolist() == seen.kind.tolist()
    named = np.array(["", *encoder.categories])[known[1].category]
    assert named.tolist() == seen.category.tolist()
    assert set(seen.kind) == {"purchase", "view", "complaint"}
    fewer = replace(encoder, kinds=("purchase",), categories=encoder.categories[1:])
    codes = only(fewer, history)[1]
    assert (codes.kind == (seen.kind == "purchase")).all()
    assert set(codes.category[seen.category == encoder.categories[0]]) == {0}


def test_wide_columns_are_standard_on_the_history_they_were_learnt_from(encoder, history):
    """Mean 0 and spread 1, or 0 where all are alike; of what is not cut off at 8."""
    _, wide = encoder.wide(history)
    numbers = wide[:, : len(encoder.columns)].astype(np.float64)
    inside = (np.abs(numbers) < 8).all(axis=0)
    same = np.ptp(numbers, axis=0) == 0
    assert inside.sum() > 15
    assert 0 < same.sum() < 5
    eps = np.finfo(np.float32).eps
    np.testing.assert_allclose(numbers[:, inside].mean(axis=0), 0.0, atol=8 * eps)
    np.testing.assert_allclose(numbers[:, inside & ~same].std(axis=0), 1.0, rtol=8 * eps)
    assert (numbers[:, same] == 0).all()


def test_an_earlier_cutoff_is_measured_by_the_same_centre_and_spread(plain, store):
    earlier = cut(store, EARLIER, 30)[0]
    _, wide = plain.wide(earlier)
    frame = wide_frame(earlier, plain.unit, None, 0)
    true = (frame.to_numpy() - plain.centre) / plain.spread
    np.testing.assert_allclose(wide, np.clip(true, -8, 8), rtol=1e-6, atol=1e-6)
    assert abs(wide.mean(axis=0)).max() > 0.1


def test_features_are_on_the_log_scale_and_money_in_units(plain, history):
    frame, raw = wide_frame(history, plain.unit, None, 0), features(history)
    assert tuple(frame.columns) == plain.columns == tuple(raw.columns[1:])
    for name in plain.columns:
        column = raw[name].to_numpy() / (plain.unit if "_cents" in name else 1.0)
        back = np.sign(frame[name]) * np.expm1(np.abs(frame[name]))
        # rounded to 5e-7 on the log scale
        np.testing.assert_allclose(back, column, rtol=1e-6, atol=1e-6)


def test_the_clock_is_of_features_as_they_are(plain, history):
    frame = np.log1p(features(history)[["days_since_last", "age_days", "frequency"]])
    np.testing.assert_allclose(plain.wide(history)[0], frame, rtol=1e-6)


def test_levels_are_one_indicator_each_and_what_is_new_has_none(encoder, history):
    _, wide = encoder.wide(history)
    told = categories(history, ["country", "channel"])
    assert encoder.levels == {c: tuple(sorted(set(told[c]))) for c in ("country", "channel")}
    assert encoder.names[len(encoder.columns) :] == (
        "country DE", "country FR", "country US",
        "channel direct", "channel search", "channel social",
    )  # fmt: skip
    assert wide.shape[1] == encoder.width == len(encoder.names)
    for place, name in enumerate(encoder.names[len(encoder.columns) :], len(encoder.columns)):
        column, level = name.split()
        assert (wide[:, place] == (told[column] == level)).all()
    fewer = replace(encoder, levels={"country": ("DE", "XX")}).wide(history)[1]
    indicators = fewer[:, len(encoder.columns) :]
    assert indicators[(told["country"] != "DE").to_numpy()].sum() == 0


def test_money_leaves_no_trace_to_the_last_bit(history):
    one = learn_encoder(history, MOST, ("country",), (DAYS,), borrows=True)
    dear = priced(history, 3)
    other = learn_encoder(dear, MOST, ("country",), (DAYS,), borrows=True)
    assert other.unit == pytest.approx(3 * one.unit, rel=1e-15)
    for part, same in zip(only(one, history)[1], only(other, dear)[1], strict=True):
        assert np.array_equal(part, same)


def test_borrowed_columns_are_what_a_bgnbd_says(history):
    fit = lent(history)
    frame = borrowed(fit, history, DAYS)
    ahead = fit.outlook(history, 0.0, float(DAYS))
    assert tuple(frame.columns) == BORROWED
    for name, column in zip(BORROWED, ("expected_purchases", "p_alive", "p_active"), strict=False):
        assert np.array_equal(frame[name], ahead[column])
    value = fit.value(history, [float(DAYS)], 0.0)
    assert np.array_equal(frame["bgnbd_value_cents"], value[f"{DAYS}"])
    assert ahead["customer_id"].tolist() == features(history)["customer_id"].tolist()


def test_borrowed_columns_come_last_and_are_0_without_a_fit(encoder, plain, history):
    assert encoder.columns == (*plain.columns, *BORROWED)
    nothing = borrowed(None, history, DAYS)
    assert nothing.shape == (history.customers().count().execute(), len(BORROWED))
    assert (nothing == 0).all(axis=None)


def test_at_an_earlier_cutoff_the_bgnbd_knows_nothing_of_later(encoder, plain, store):
    earlier = cut(store, EARLIER, 30)[0]
    then, true, later = (
        [parameter.estimate for parameter in fit.parameters()]
        for fit in (encoder.at(earlier).lender, lent(earlier), encoder.lender)
    )
    assert then == true
    assert then != later
    assert plain.at(earlier) is plain


def test_without_a_bgnbd_customers_are_in_the_middle_of_what_it_says(encoder, history):
    alone = replace(encoder, lender=None)
    assert alone.base(history) == pytest.approx(
        np.broadcast_to(encoder.nobody.astype(np.float32), alone.base(history).shape)
    )
    size = len(encoder.columns)
    wide = alone.wide(history)[1][:, :size]
    lent_columns = [name in BORROWED for name in encoder.columns]
    assert (wide[:, lent_columns] == 0).all()
    assert (encoder.wide(history)[1][:, :size][:, lent_columns] != 0).any()


def test_inputs_are_read_some_customers_at_a_time(encoder, known, history, monkeypatch):
    monkeypatch.setattr(inputs_module, "STREAMED", 40)
    parts = list(encoder.read(history))
    assert [len(ids) for ids, _ in parts[:-1]] == [40] * (len(parts) - 1)
    assert np.concatenate([ids for ids, _ in parts]).tolist() == known[0].tolist()
    same_customers([part for _, part in parts], known[1])


def test_a_shelf_keeps_inputs_one_after_another_outside_the_memory(plain, store, history):
    parts = [only(plain, h)[1] for h in (cut(store, EARLIER, 30)[0], history)]
    with Shelf() as shelf:
        for part in parts:
            shelf.add(part)
        whole = shelf.inputs()
    assert shelf.customers == whole.customers == sum(part.customers for part in parts)
    same_customers(parts, whole)
    later = whole.rows(slice(parts[0].customers, None))
    same_customers(parts[1:], later)
    assert np.shares_memory(later.numbers, whole.numbers)
    for column, part in zip(whole, parts[0], strict=True):
        assert column.dtype == part.dtype
        base = column
        while isinstance(base, np.ndarray):
            base = base.base
        assert isinstance(base, memoryview)
        assert isinstance(base.obj, mmap.mmap)


def test_a_shelf_of_customers_without_events_has_none(plain, history):
    nobody = only(plain, history)[1]
    none = nobody._replace(
        length=np.zeros_like(nobody.length),
        **{name: getattr(nobody, name)[:0] for name in ("numbers", "kind", "category")},
    )
    with Shelf() as shelf:
        shelf.add(none)
        found = shelf.inputs()
    assert found.numbers.shape == (0, nobody.numbers.shape[1])
    assert np.array_equal(found.wide, nobody.wide)


def same_customers(parts, whole):
    """Check customer by customer that the whole has what the parts have."""
    at = 0
    for part in parts:
        for i in range(part.customers):
            own, all_ = (
                slice(p.start[j], p.start[j] + p.length[j]) for p, j in ((part, i), (whole, at))
            )
            for name in ("numbers", "kind", "category"):
                assert np.array_equal(getattr(whole, name)[all_], getattr(part, name)[own])
            for name in ("wide", "clock", "base"):
                assert np.array_equal(getattr(whole, name)[at], getattr(part, name)[i])
            at += 1
    assert at == whole.customers


@pytest.mark.parametrize("cents", [-500.0, -1.0, 0.0, 1.0, 12_345.0])
def test_money_in_units_keeps_its_sign(cents):
    found = in_units(np.array([cents]), 250.0)[0]
    true = np.sign(cents) * np.log1p(abs(cents) / 250.0)
    assert found == pytest.approx(true, abs=5.1e-7)
