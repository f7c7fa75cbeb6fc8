"""Estimates from random lists against all lists of tiny cases: right on average, to rounding."""

import itertools

import numpy as np
import pandas as pd
import pytest

from lifeworth.decide.explore import Exploration, explore
from lifeworth.decide.replay import Policy, replay
from lifeworth.decide.rerank import ListCaps
from lifeworth.evaluate.cascade import guess
from lifeworth.evaluate.offpolicy import NAMES, Guess, Lists, judge, measured, shown
from lifeworth.tables.errors import InputError

CANDIDATES = pd.DataFrame(
    {
        "visit_id": "v",
        "product_id": ["a", "b", "c", "d"],
        "score_cents": [30.0, 50.0, 20.0, 45.0],
        "other_cents": [10.0, 15.0, 60.0, 40.0],
        "category": ["x", "x", "y", "y"],
    }
)
CAPS = ListCaps(size=3, per_category=1)
LOOSE = ListCaps(size=3, per_category=2)
DRAWN = Policy(how=Exploration(temperature=25.0, floor=0.05), caps=LOOSE)
TARGET = Policy(how=Exploration(temperature=10.0, floor=0.0), caps=LOOSE, score="other_cents")
ATTRACTS = {"a": 0.3, "b": 0.5, "c": 0.2, "d": 0.6}
EARNS = {"a": 900.0, "b": 200.0, "c": 2_000.0, "d": 400.0}
GOES_ON = 0.7


def outcomes(products, cascade):
    """Return what each place earns on average. Not a cascade: a product lends its charm upwards."""
    looks, found = 1.0, []
    for place, name in enumerate(products):
        charm = ATTRACTS[name] * (0.5 if "b" in products[:place] else 1.0)
        if not cascade and "c" in products[place + 1 :]:
            charm *= 0.25
        found.append(looks * charm * EARNS[name])
        looks *= GOES_ON * (1 - charm)
    return found


def chances(products, policy):
    """Return the chance of a list at each place, written out for lists of three of four."""
    score = CANDIDATES.set_index("product_id")[policy.score]
    category = CANDIDATES.set_index("product_id")["category"]
    left, found = list(score.index), []
    for place, name in enumerate(products):
        held = [category[other] for other in products[:place]]
        free = [o for o in left if held.count(category[o]) < policy.caps.per_category]
        size = np.exp((score[free] - score[free].max()) / policy.how.temperature)
        floor = policy.how.floor
        found.append((floor + (1 - len(free) * floor) * size / size.sum()).get(name, 0.0))
        left.remove(name)
    return found


def every_list(cascade=True, drawn=DRAWN, length=3):
    """Return a log that holds each list once, as a visit of its own, and the lists' chances."""
    lists = list(itertools.permutations("abcd", length))
    lists = [own for own in lists if np.prod(chances(own, drawn)) > 0]
    rows = [
        (f"v{n:02d}", place + 1, name, e, r)
        for n, own in enumerate(lists)
        for place, (name, e, r) in enumerate(
            zip(own, chances(own, drawn), outcomes(own, cascade), strict=True)
        )
    ]
    columns = ["visit_id", "place", "product_id", "propensity", "earned"]
    log = pd.DataFrame(rows, columns=pd.Index(columns))
    candidates = pd.concat(
        [CANDIDATES.assign(visit_id=f"v{n:02d}") for n in range(len(lists))], ignore_index=True
    )
    return lists, log, candidates


def replayed(cascade=True, drawn=DRAWN, target=TARGET, length=3):
    lists, log, candidates = every_list(cascade, drawn, length)
    found = replay(log, candidates, drawn, target, "earned", ["score_cents", "other_cents"])
    return lists, found


def expected(values, lists, policy):
    """Return the mean of values of lists under a policy."""
    return float(
        sum(np.prod(chances(own, policy)) * v for own, v in zip(lists, values, strict=True))
    )


def by_row(name, found, guessed=None):
    """Return what each list adds to the mean: its influence and the value."""
    one = measured(name, found.lists, found.target, guessed)
    return one.influence + one.value


def test_chances_of_a_target_are_those_written_out() -> None:
    lists, found = replayed()
    assert len(lists) == 24
    assert found.target.chance == pytest.approx(np.array([chances(own, TARGET) for own in lists]))
    assert not found.target.lost.any()
    assert not found.target.ends.any()


def test_estimates_are_those_of_a_plain_loop() -> None:
    _, found = replayed()
    rng = np.random.default_rng(0)
    guessed = Guess(rng.normal(size=(24, 3)), rng.normal(size=(24, 3)))
    sums = dict.fromkeys(NAMES, 0.0)
    whole = 0.0
    for n in range(24):
        w, before, total = 1.0, 1.0, found.lists.reward[n].sum()
        for k in range(3):
            before, w = w, w * found.target.chance[n, k] / found.lists.propensity[n, k]
            r = found.lists.reward[n, k]
            sums["cascade_ips"] += w * r / 24
            sums["cascade_dr"] += (
                w * (r - guessed.placed[n, k]) + before * guessed.mean[n, k]
            ) / 24
        sums["ips"] += w * total / 24
        whole += w / 24
    sums["snips"] = sums["ips"] / whole
    for name in NAMES:
        one = measured(name, found.lists, found.target, guessed)
        assert one.value == pytest.approx(sums[name], rel=1e-12)
        assert one.influence.mean() == pytest.approx(0, abs=1e-9)
    by_list = shown(found.lists)
    assert by_list.value == pytest.approx(found.lists.reward.sum() / 24)


@pytest.mark.parametrize("guesses", ["none", "wrong", "learnt elsewhere"])
def test_a_cascade_is_estimated_without_bias_whatever_is_guessed(guesses) -> None:
    """The mean over all lists, each by its chance, is the truth to 1e-9 of it.

    A guess may be any function of what is placed so far whose mean is taken under the target.
    """
    lists, found = replayed()
    truth = expected([sum(outcomes(own, True)) for own in lists], lists, TARGET)
    if guesses == "none":
        guessed = Guess(np.zeros((24, 3)), np.zeros((24, 3)))
    elif guesses == "wrong":
        guessed = Guess(
            found.described.placed @ [500.0, -7, 3], found.described.mean @ [500.0, -7, 3]
        )
    else:
        slopes = np.array([10.0, 4.0, -2.0])
        above = np.cumsum(found.described.placed, axis=1) - found.described.placed
        lifted = above @ [3.0, 1.0, 1.0]  # features of what is above may be in it, too
        guessed = Guess(
            found.described.placed @ slopes + lifted, found.described.mean @ slopes + lifted
        )
    for name in ("ips", "cascade_ips", "cascade_dr"):
        own = expected(by_row(name, found, guessed), lists, DRAWN)
        assert own == pytest.approx(truth, rel=1e-9)


def test_only_whole_lists_are_right_where_it_is_no_cascade() -> None:
    lists, found = replayed(cascade=False)
    truth = expected([sum(outcomes(own, False)) for own in lists], lists, TARGET)
    assert expected(by_row("ips", found), lists, DRAWN) == pytest.approx(truth, rel=1e-9)
    assert abs(expected(by_row("cascade_ips", found), lists, DRAWN) / truth - 1) > 0.02


def test_a_perfect_guess_leaves_nothing_to_the_draw() -> None:
    """With q the true mean of what follows, every list that could be drawn gives the same."""
    lists, found = replayed()
    truth = expected([sum(outcomes(own, True)) for own in lists], lists, TARGET)

    def follows(prefix):
        """Return what the target earns from the last of the prefix on."""
        longer = [own for own in lists if own[: len(prefix)] == prefix]
        after = [np.prod(chances(own, TARGET)[len(prefix) :]) for own in longer]
        earned = [sum(outcomes(own, True)[len(prefix) - 1 :]) for own in longer]
        return float(np.dot(after, earned))

    q = np.array([[follows(own[: k + 1]) for k in range(3)] for own in lists])
    v = np.zeros((24, 3))
    for n, own in enumerate(lists):
        for k in range(3):
            ways = [(*own[:k], name) for name in "abcd" if name not in own[:k]]
            v[n, k] = sum(chances(way, TARGET)[-1] * follows(way) for way in ways)
    assert by_row("cascade_dr", found, Guess(q, v)) == pytest.approx(np.full(24, truth), rel=1e-9)
    assert np.ptp(by_row("cascade_ips", found)) > truth


def test_learnt_guesses_have_not_seen_the_row_and_cut_the_error() -> None:
    """Real draws, one purchase or none at a place: the error falls, the estimate stays."""
    many = pd.concat([CANDIDATES.assign(visit_id=f"v{n:05d}") for n in range(6_000)])
    log = explore(many, DRAWN.how, LOOSE, "salt")
    lists = log.groupby("visit_id")["product_id"].agg(tuple)
    mean = np.concatenate([outcomes(own, True) for own in lists])
    price = log["product_id"].map(EARNS).to_numpy()
    happened = np.random.default_rng(1).random(len(log)) < mean / price
    found = replay(log.assign(earned=price * happened), many, DRAWN, TARGET, "earned",
                   ["score_cents", "other_cents"])  # fmt: skip
    every, _ = replayed()
    truth = expected([sum(outcomes(own, True)) for own in every], every, TARGET)
    learnt = guess(found.lists, found.described)
    errors = {}
    for name in NAMES:
        one = judge(name, found.lists, found.target, guess=learnt)
        errors[name] = one.estimate.error
        assert abs(one.estimate.value - truth) < 5 * one.estimate.error
        assert abs(one.mean_weight - 1) < 5 * one.weight_error
    assert errors["cascade_dr"] < errors["cascade_ips"] < errors["ips"]
    half = np.arange(6_000) % 2 == 0
    other = Lists(
        propensity=found.lists.propensity,
        reward=np.where(half[:, None], 1e6, found.lists.reward),
    )
    again = guess(other, found.described)
    # a row's own reward, and those of its fold, move nothing of its guess
    assert again.placed[half] == pytest.approx(learnt.placed[half])
    assert np.abs(again.placed[~half] - learnt.placed[~half]).min() > 1e3


# ---- lists that end, support, refusals


def test_a_target_of_tighter_caps_ends_its_lists_and_a_cascade_knows_it() -> None:
    """One of each category: the target ends after two, which only cascade estimators can judge."""
    tight = Policy(how=TARGET.how, caps=CAPS, score="other_cents")
    lists, found = replayed(target=tight)
    two = [own for own in itertools.permutations("abcd", 2) if np.prod(chances(own, tight)) > 0]
    truth = sum(np.prod(chances(own, tight)) * sum(outcomes(own, True)) for own in two)
    assert len(two) == 8
    zero = Guess(found.described.placed[..., 0] * 7, found.described.mean[..., 0] * 7)
    for name in ("cascade_ips", "cascade_dr"):
        own = expected(by_row(name, found, zero), lists, DRAWN)
        assert own == pytest.approx(truth, rel=1e-9)
    with pytest.raises(InputError, match="the target would end before the log's does, first"):
        measured("ips", found.lists, found.target)


def test_a_target_beyond_the_log_is_refused() -> None:
    tight = Policy(how=DRAWN.how, caps=CAPS)
    lists, log, candidates = every_list(drawn=tight, length=2)
    loose = Policy(how=TARGET.how, caps=LOOSE, score="other_cents")
    found = replay(log, candidates, tight, loose, "earned", [])
    assert len(lists) == 8
    for name in NAMES:
        with pytest.raises(InputError, match="it would place what the log could not have placed"):
            measured(name, found.lists, found.target)
    greedy = Policy(how=Exploration(temperature=0.0, floor=0.0), caps=LOOSE)
    best = every_list()[1].query("visit_id == 'v10'").assign(propensity=1.0)  # b, d, a
    assert best["product_id"].tolist() == ["b", "d", "a"]
    own = CANDIDATES.assign(visit_id="v10")
    with pytest.raises(InputError, match=r"in 1 of 1 lists .* in list 1 at place 1 with a chance"):
        measured("ips", *replay(best, own, greedy, TARGET, "earned", [])[1:3])


def test_a_visit_without_a_list_earns_nothing() -> None:
    _, log, candidates = every_list()
    none = CANDIDATES.assign(visit_id="z", score_cents=-1.0, other_cents=-1.0)
    both = pd.concat([candidates, none], ignore_index=True)
    found = replay(log, both, DRAWN, TARGET, "earned", [])
    alone = replay(log, candidates, DRAWN, TARGET, "earned", [])
    assert len(found.visit_id) == 25
    for name in ("ips", "cascade_ips"):
        one, less = (measured(name, f.lists, f.target).value for f in (found, alone))
        assert one == pytest.approx(less * 24 / 25)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="earned"), "log: there is no column 'earned'"),
        (lambda f: f.assign(product_id="q"), "72 of 72 rows have a product that is no candidate"),
        (lambda f: f.assign(earned="a lot"), "log: 72 of 72 rows have a 'earned' that is not a n"),
        (lambda f: f.assign(place="first"), "log: 72 of 72 rows have a 'place' that is not a num"),
        (lambda f: f.assign(propensity=np.nan), r"72 of 72 places have none in \(0, 1\]"),
        (lambda f: f.assign(propensity=0.0), r"first in list 1 at place 1 \(0.0\)"),
        (lambda f: f.assign(propensity=1.5), r"first in list 1 at place 1 \(1.5\)"),
        (lambda f: f.assign(propensity=0.5), "another propensity than these candidates and rules"),
        (lambda f: f.assign(earned=np.inf), "reward: 72 of 72 places have none that is a number"),
        (lambda f: f.assign(place=f["place"] + 1), "24 of 72 rows have a place that is not one"),
        (lambda f: f[f["place"] != 1], "24 lists have a place without the one above it"),
        (
            lambda f: f[(f["place"] != 1) | (f["visit_id"] != "v00")],
            "log: 1 list has a place without the one above it, first visit 'v00'",
        ),
        (lambda f: f[f["place"] != 3], r"place 3 of visit 'v00' \(1, not 0\)"),
    ],
)
def test_logs_that_cannot_be_read_are_refused(change, says) -> None:
    _, log, candidates = every_list()
    with pytest.raises(InputError, match=says):
        replay(change(log), candidates, DRAWN, TARGET, "earned", [])
