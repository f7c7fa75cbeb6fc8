"""Places by hash, parts and arms of a campaign: uniform, stable, and growing without moves."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lifeworth.decide.holdout import (
    CONTROL,
    EXPLORE,
    HOLDOUT,
    PARTS,
    POLICY,
    Design,
    draw,
    explored_arms,
    parts,
    places,
)
from lifeworth.tables.errors import InputError

MANY = [f"c{i:06d}" for i in range(100_000)]
ALL = {"holdout": 0.0, "control": 0.0, "explore": 1.0}
MOST = {"holdout": 0.1, "control": 0.2, "explore": 0.5}
words = st.text(st.characters(codec="utf-8"), max_size=6)


def bits(text):
    raw = text.encode()
    return len(raw).to_bytes(8, "big") + raw


def test_a_place_is_the_published_hash_and_never_changes():
    # `b2sum -l 64` of the framed bytes "part", "salt", "spring", "c1" prints 5898350489806b9f.
    framed = b"".join(map(bits, ["part", "salt", "spring", "c1"]))
    assert hashlib.blake2b(framed, digest_size=8).hexdigest() == "5898350489806b9f"
    assert places(["c1"], "part", "salt", "spring")[0] == (0x5898350489806B9F >> 11) / 2**53


@given(st.lists(words, min_size=1, max_size=4), st.lists(words, min_size=1, max_size=4))
def test_two_lists_of_words_are_never_the_same_bytes(some, others):
    same = places([some[-1]], *some[:-1])[0] == places([others[-1]], *others[:-1])[0]
    assert same == (some == others)


def test_words_that_run_together_are_told_apart():
    assert places(["bc"], "a")[0] != places(["c"], "ab")[0]
    assert places(["b|c"], "a")[0] != places(["c"], "a|b")[0]
    assert places(["c"], "a", "b")[0] != places(["c"], "ab")[0]


def test_places_are_uniform_and_purposes_independent():
    # All lots are fixed: these p values are what they are; 1e-3 is one false alarm in a thousand.
    one, other = places(MANY, "part", "s", "spring"), places(MANY, "part", "s", "summer")
    for column in (one, other, places(MANY, "holdout", "s"), places(MANY, "arm", "s", "spring")):
        assert stats.chisquare(np.histogram(column, 100, (0, 1))[0]).pvalue > 1e-3
        assert column.min() >= 0
        assert column.max() < 1
    table = np.histogram2d(one, other, 10, ((0, 1), (0, 1)))[0]
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_parts_have_their_shares():
    design = Design(salt="s", holdout=0.05, control=0.1, explore=0.2, arms=("a", "b"))
    counts = np.bincount(parts(MANY, "spring", design), minlength=len(PARTS))
    shares = design.expected()
    assert sum(shares.values()) == pytest.approx(1)
    wanted = [len(MANY) * shares[name] for name in PARTS]
    assert stats.chisquare(counts, wanted).pvalue > 1e-3


def test_the_holdout_is_the_same_in_every_campaign_and_controls_are_not():
    design = Design(salt="s", holdout=0.1, control=0.2)
    spring, summer = (parts(MANY, name, design) for name in ("spring", "summer"))
    np.testing.assert_array_equal(spring == HOLDOUT, summer == HOLDOUT)
    both = np.mean((spring == CONTROL) & (summer == CONTROL))
    # of those not held out, 0.2 squared; 5 standard errors
    assert both == pytest.approx(0.9 * 0.04, abs=5 * np.sqrt(0.036 / len(MANY)))


@given(
    st.lists(st.floats(0, 0.5), min_size=2, max_size=2).map(sorted),
    st.lists(st.floats(0, 0.5), min_size=2, max_size=2).map(sorted),
    st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted),
)
def test_shares_that_grow_let_nobody_go(control, explore, holdout):
    some = MANY[:2000]
    small, large = (
        Design(salt="s", holdout=h, control=c, explore=e, arms=("a",))
        for h, c, e in zip(holdout, control, explore, strict=True)
    )
    before, after = parts(some, "spring", small), parts(some, "spring", large)
    moved = before != after
    assert set(after[moved & (before == POLICY)]) <= {CONTROL, EXPLORE, HOLDOUT}
    assert set(after[moved & (before != POLICY)]) <= {HOLDOUT}
    np.testing.assert_array_equal(after[before == HOLDOUT], HOLDOUT)


def test_others_and_their_order_change_nothing():
    design = Design(salt="s", explore=0.5, arms=("a", "b", "c"))
    some = MANY[:500]
    together = dict(zip(some, draw(some, "spring", design, "a").arm, strict=True))
    backwards = draw(some[::-7], "spring", design, "a").arm
    assert [together[name] for name in some[::-7]] == list(backwards)


def test_arms_have_their_weights_and_are_independent_of_the_part():
    design = Design(
        salt="s",
        holdout=0.0,
        control=0.0,
        explore=1.0,
        arms=("a", "b", "c"),
        weights=(1.0, 0.0, 3.0),
    )
    arms = explored_arms(MANY, "spring", design)
    counts = [np.sum(arms == name) for name in ("a", "b", "c")]
    assert counts[1] == 0
    assert stats.chisquare([counts[0], counts[2]], [25_000, 75_000]).pvalue > 1e-3
    low = parts(MANY, "spring", Design(salt="s", holdout=0.0, control=0.5)) == CONTROL
    table = [[np.sum((arms == name) & part) for name in ("a", "c")] for part in (low, ~low)]
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_an_arm_at_the_very_end_is_one_that_has_weight(monkeypatch):
    # Ten weights of 0.1 sum to 0.9999999999999999, and a place may lie beyond.
    weights = (1.0,) * 10 + (0.0,)
    design = Design(salt="s", explore=1.0, control=0.0, arms=tuple("abcdefghijk"), weights=weights)
    monkeypatch.setattr("lifeworth.decide.holdout.places", lambda *_: np.array([1 - 2.0**-53]))
    assert list(explored_arms(["c"], "spring", design)) == ["j"]


def test_propensities_by_hand():
    design = Design(
        salt="s",
        holdout=0.1,
        control=0.2,
        explore=0.5,
        arms=("mail", "control"),
        weights=(3.0, 1.0),
    )
    some = MANY[:4000]
    policy = np.array(["mail", "call"] * 2000, object)
    part, arm, chance = draw(some, "spring", design, policy)
    share = {"holdout": 0.1, "control": 0.9 * 0.2, "explore": 0.9 * 0.5, "policy": 0.9 * 0.3}
    nothing = share["holdout"] + share["control"] + 0.25 * share["explore"]
    for wants in ("mail", "call"):
        theirs = policy == wants
        told = {name: set(chance[theirs & (arm == name)].round(12)) for name in set(arm[theirs])}
        mail = 0.75 * share["explore"] + (share["policy"] if wants == "mail" else 0)
        assert told["control"] == {round(nothing, 12)}
        assert told["mail"] == {round(mail, 12)}
        assert told.get("call", {round(share["policy"], 12)}) == {round(share["policy"], 12)}
    assert set(arm[part == POLICY]) == {"mail", "call"}
    assert set(arm[(part == HOLDOUT) | (part == CONTROL)]) == {"control"}


def test_weighting_by_propensity_gives_every_arm_everybody():
    design = Design(salt="s", holdout=0.1, control=0.2, explore=0.5, arms=("mail", "call"))
    drawn = draw(MANY, "spring", design, np.array(["mail", "call"] * (len(MANY) // 2), object))
    for name in ("control", "mail", "call"):
        weights = (drawn.arm == name) / drawn.propensity
        # 5 standard errors of a mean whose expectation is 1
        assert weights.mean() == pytest.approx(1, abs=5 * weights.std() / np.sqrt(len(MANY)))


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"holdout": 1.2}, r"holdout = 1.2; a share is at least 0 and at most 1"),
        ({"control": float("nan")}, r"control = nan; a share is"),
        ({"control": 0.6, "explore": 0.5, "arms": ("a",)}, r"together more than 1"),
        ({"explore": 0.5}, r"explore = 0.5, but there are no arms"),
        ({"arms": ("a", "a")}, r"name each once"),
        ({"arms": ("a", "b"), "weights": (1.0,)}, r"2 arms have weights \(1.0,\)"),
        ({"arms": ("a",), "weights": (0.0,)}, r"not all 0"),
        ({"salt": ""}, r"give some text"),
    ],
)
def test_designs_that_cannot_be(given_, says):
    with pytest.raises(InputError, match=says):
        Design(**({"salt": "s"} | given_))


@pytest.mark.parametrize(
    ("customers", "policy", "says"),
    [
        (["a", ""], "x", r"1 of 2 ids are no text, or empty, first at row 1 \(''\)"),
        (["a\0"], "x", r"no NUL"),
        (["\ud800"], "x", r"1 of 1 ids are no text"),
        (np.array([7, 8], object), "x", r"2 of 2 ids are no text.*row 0 \(7\)"),
        (["a", "b", "a"], "x", r"1 of 3 rows repeat a customer, first 'a'; rows are customers"),
        (["a", "b"], ["x"], r"1 arms for 2 customers"),
        (["a", "b"], ["x", ""], r"1 of 2 arms are no text, first at row 1"),
    ],
)
def test_customers_that_cannot_be_drawn(customers, policy, says):
    with pytest.raises(InputError, match=says):
        draw(customers, "spring", Design(salt="s"), policy)


def test_nobody_is_drawn_without_complaint():
    drawn = draw([], "spring", Design(salt="s"), "x")
    assert [len(column) for column in drawn] == [0, 0, 0]
