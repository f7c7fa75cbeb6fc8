"""Random lists: against all lists of tiny cases written out, within every cap, by stable chance."""

import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lifeworth.decide.capped import greedy_list
from lifeworth.decide.explore import Exploration, explore
from lifeworth.decide.rerank import ListCaps
from lifeworth.tables.errors import InputError

TINY = pd.DataFrame(
    {
        "visit_id": "v",
        "product_id": ["a", "b", "c", "d", "e", "f"],
        "score_cents": [30.0, 50.0, 20.0, 45.0, -5.0, 60.0],
        "category": ["x", "x", "y", "y", "y", "x"],
        "seller": ["s", "t", "s", "s", "t", "t"],
        "stock_units": [3, 3, 3, 3, 3, 0],
    }
)
CAPS = ListCaps(size=3, per_category=1, per_seller=2)
LOOSE = ListCaps(size=3, per_seller=2)
SOFT = Exploration(temperature=20.0, floor=0.05)


def all_lists(frame, how, caps):
    """Return every list with its chance, from the rules as a shopkeeper would write them down."""
    rows = {row["product_id"]: row for row in frame.to_dict("records")}

    def may(name, listed):
        own = rows[name]
        same = {
            kind: sum(rows[other][kind] == own[kind] for other in listed)
            for kind in ("category", "seller")
        }
        return (
            name not in listed
            and own["score_cents"] > 0
            and own["stock_units"] > 0
            and same["category"] < (caps.per_category or 99)
            and same["seller"] < (caps.per_seller or 99)
        )

    def grown(listed, chance):
        free = [name for name in rows if may(name, listed)] if len(listed) < caps.size else []
        if not free:
            return {listed: chance}
        best = max(rows[name]["score_cents"] for name in free)
        size = {
            name: math.exp((rows[name]["score_cents"] - best) / how.temperature) for name in free
        }
        found = {}
        for name in free:
            share = size[name] / sum(size.values())
            own = how.floor + (1 - len(free) * how.floor) * share
            found |= grown((*listed, name), chance * own)
        return found

    return grown((), 1.0)


def copies(frame, visits):
    """Return the same candidates for many visits."""
    one = [frame.assign(visit_id=f"v{n:06d}") for n in range(visits)]
    return pd.concat(one, ignore_index=True)


def lists_of(log):
    return log.groupby("visit_id")["product_id"].agg(tuple)


@pytest.mark.parametrize("caps", [CAPS, LOOSE])
@pytest.mark.parametrize("how", [SOFT, Exploration(temperature=8.0, floor=0.0)])
def test_lists_come_as_often_as_their_chances_say(caps, how) -> None:
    """All lists are known, their chances sum to 1; each list's count is binomial of 4,000."""
    truth = all_lists(TINY, how, caps)
    assert sum(truth.values()) == pytest.approx(1, abs=1e-12)
    log = explore(copies(TINY, 4_000), how, caps, "salt")
    told = log.groupby("visit_id")["list_propensity"].first()
    lists = lists_of(log)
    assert told.to_numpy() == pytest.approx([truth[own] for own in lists], abs=1e-12)
    seen = Counter(lists)
    for own, chance in truth.items():
        # 40 lists at most: one p-value below 1e-6 has a chance of 4e-5
        assert stats.binomtest(seen[own], 4_000, chance).pvalue > 1e-6, own


def test_chances_of_places_make_those_of_lists_and_keep_the_floor() -> None:
    log = explore(copies(TINY, 300), SOFT, LOOSE, "salt")
    by = log.groupby("visit_id")
    assert by["propensity"].prod().to_numpy() == pytest.approx(by["list_propensity"].first())
    assert (log["propensity"] >= 0.05).all()
    assert (1 / log["list_propensity"] <= SOFT.largest_weight(3)).all()
    assert SOFT.largest_weight() == pytest.approx(20)
    assert log["admissible"].iloc[0] == 4
    assert log["place"].tolist()[:3] == [1, 2, 3]


def test_no_cap_is_ever_broken() -> None:
    rng = np.random.default_rng(3)
    n = 6_000
    frame = pd.DataFrame(
        {
            "visit_id": rng.integers(0, 300, n).astype(str),
            "product_id": [f"p{i:03d}" for i in rng.integers(0, 60, n)],
            "score_cents": rng.normal(20, 20, n),
            "stock_units": rng.integers(0, 3, n),
        }
    ).drop_duplicates(["visit_id", "product_id"])
    code = frame["product_id"].str[1:].astype(int)
    frame = frame.assign(category=code % 7, seller=code % 5)
    caps = ListCaps(size=6, per_category=2, per_seller=2)
    log = explore(frame, Exploration(temperature=15.0, floor=0.005), caps, "s")
    both = log.merge(frame, on=["visit_id", "product_id"], validate="one_to_one")
    assert len(both) == len(log) > 1_500
    assert both.groupby("visit_id").size().max() == 6
    assert both.groupby(["visit_id", "category"]).size().max() == 2
    assert both.groupby(["visit_id", "seller"]).size().max() == 2
    assert both["stock_units"].min() > 0
    assert both["score_cents"].min() > 0


def test_without_temperature_the_list_is_the_greedy_one() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        n = int(rng.integers(1, 20))
        scores = rng.normal(1, 1, n).round(1)
        category, seller = rng.integers(0, 3, n), rng.integers(0, 3, n)
        frame = pd.DataFrame(
            {"visit_id": "v", "product_id": [f"p{i:02d}" for i in range(n)],
             "score_cents": scores, "category": category, "seller": seller}
        )  # fmt: skip
        caps = ListCaps(size=4, per_category=2, per_seller=2)
        log = explore(frame, Exploration(temperature=0.0, floor=0.0), caps, "s")
        best = greedy_list(scores, category, seller, caps.caps()).rows
        assert log["product_id"].tolist() == [f"p{i:02d}" for i in best]
        assert (log["propensity"] == 1).all()


def test_the_best_has_all_but_the_floor_without_a_temperature() -> None:
    log = explore(copies(TINY, 500), Exploration(temperature=0.0, floor=0.1), LOOSE, "s")
    first = log[log["place"] == 1].set_index("product_id")["propensity"]
    assert first.groupby(level=0).first().to_dict() == pytest.approx(
        {"a": 0.1, "b": 0.7, "c": 0.1, "d": 0.1}
    )


def test_a_draw_depends_on_salt_and_visit_alone() -> None:
    many = copies(TINY, 200)
    log = explore(many, SOFT, LOOSE, "salt")
    shuffled = explore(many.sample(frac=1, random_state=1), SOFT, LOOSE, "salt")
    pd.testing.assert_frame_equal(log, shuffled)
    few = explore(many[many["visit_id"] > "v000150"], SOFT, LOOSE, "salt")
    same = log[log["visit_id"] > "v000150"].reset_index(drop=True)
    pd.testing.assert_frame_equal(few, same)
    other = lists_of(explore(many, SOFT, LOOSE, "other"))
    assert 0 < (other == lists_of(log)).mean() < 0.5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="seller"), "no column 'seller'"),
        (lambda f: f.assign(score_cents=np.nan), "6 of 6 rows lack a value"),
        (
            lambda f: pd.concat([f, f.iloc[:1]]),
            "1 of 7 rows repeat another, first visit_id v, product_id a",
        ),
        (lambda f: f.iloc[:0], "there is no row"),
    ],
)
def test_wrong_candidates_are_named(change, says) -> None:
    with pytest.raises(InputError, match=says):
        explore(change(TINY), SOFT, CAPS, "s")


def test_wrong_rules_are_named() -> None:
    for wrong in (
        {"temperature": -1.0},
        {"temperature": np.nan},
        {"temperature": 1.0, "floor": 1.0},
    ):
        with pytest.raises(InputError, match="give a temperature of 0 or more cents"):
            Exploration(**wrong)
    with pytest.raises(InputError, match=r"floor = 0.3, but 4 candidates .* at most 1 / 4"):
        explore(TINY, Exploration(temperature=1.0, floor=0.3), CAPS, "s")
    with pytest.raises(InputError, match="the salt is empty"):
        explore(TINY, SOFT, CAPS, "")
