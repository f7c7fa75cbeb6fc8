"""Boards made by hand, a twin that goes row by row, and what is wrong with a board in words."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lifeworth.decide import paying
from lifeworth.decide.acting import Acted, Terms, act
from lifeworth.decide.board import Action, Board, Rule, in_order
from lifeworth.decide.paying import paid
from lifeworth.decide.tiers import ASCENDING, assign_tiers
from lifeworth.tables.errors import InputError

CALL = Action(name="call", cost=500.0, channel="phone", capacity=2)
MAIL = Action(name="mail", cost=10.0, channel="e-mail")
GIFT = Action(name="gift", cost=300.0, channel="post")


def rule(
    name: str, when: str, action: str, priority: int, uplift: float | str = 0.1, **more
) -> Rule:
    return Rule(name=name, when=when, action=action, priority=priority, uplift=uplift, **more)


def customers() -> pd.DataFrame:
    value = [20_000.0, 9_000.0, 8_000.0, 3_000.0, 1_000.0, 50.0]
    tiers = ["VIP", "High", "High", "Med", "Med", "Low"]
    return pd.DataFrame({
        "customer_id": list("abcdef"),
        "expected_value": value,
        "p_alive": [0.23, 0.2, 0.9, 0.5, 0.1, 0.05],
        "tier": pd.Categorical(tiers, categories=list(ASCENDING), ordered=True),
        "lift": [0.2, 0.0, 0.1, 0.1, 0.1, 0.1],
    })  # fmt: skip


def board(*rules: Rule, **more) -> Board:
    return Board(actions=(CALL, MAIL, GIFT), rules=rules, **more)


SAVE = rule("save", "tier >= 'High' and p_alive < .3", "call", 1)
WRITE = rule("write", "expected_value > 500", "mail", 2, 0.05)


def given(acted: Acted) -> dict[str, list[str]]:
    return acted.given.groupby("customer_id")["action"].agg(list).to_dict()


def test_the_first_rule_that_pays_gives_its_action_and_says_why():
    acted = act(board(SAVE, WRITE), customers())
    # b's call brings 900 for 500; a's 2,000
    assert given(acted) == {
        "a": ["call"],
        "b": ["call"],
        "c": ["mail"],
        "d": ["mail"],
        "e": ["mail"],
    }
    first = acted.given.iloc[0]
    assert first["why"] == "tier = VIP and p_alive .23 < .3"
    assert (first["channel"], first["rule"], first["cost"]) == ("phone", "save", 500.0)
    assert first["margin"] == pytest.approx(2000.0)
    rules = acted.rules.set_index("rule")
    assert rules.loc["save", ["fires", "customers", "cost", "margin"]].tolist() == [
        2,
        2,
        1000,
        2900,
    ]
    assert rules.loc["save", "roi"] == pytest.approx(1.9)
    assert rules.loc["save", "break_even_uplift"] == pytest.approx(1000 / 29_000)


def test_several_actions_of_a_customer_have_places():
    acted = act(board(SAVE, WRITE), customers(), Terms(most=2))
    assert given(acted)["a"] == ["call", "mail"]
    assert acted.given.loc[acted.given["customer_id"] == "a", "place"].tolist() == [1, 2]


def test_what_does_not_pay_is_not_given_and_leaves_room_for_the_next():
    dear = rule("dear", "tier >= 'Med'", "gift", 1, 0.1)
    acted = act(board(dear, WRITE), customers())
    assert given(acted)["e"] == ["mail"]  # 100 for 300
    assert acted.rules.set_index("rule").loc["dear", ["fires", "pays", "customers"]].tolist() == [
        5,
        3,
        3,
    ]
    assert given(act(board(dear, WRITE), customers(), Terms(margin=0.3)))["c"] == ["mail"]


def test_capacity_goes_to_whom_it_brings_most_and_the_others_get_what_comes_next():
    few = replace(CALL, capacity=1)
    acted = act(Board(actions=(few, MAIL), rules=(SAVE, WRITE)), customers())
    assert given(acted)["a"] == ["call"]
    assert given(acted)["b"] == ["mail"]
    assert acted.rules["no_room"].tolist() == [1, 0]


def best_within(budget: float, all_of: pd.DataFrame) -> float:
    """Return what the best of all subsets within the budget brings over its cost."""
    pairs = list(zip(all_of["margin"] - all_of["cost"], all_of["cost"], strict=True))
    subsets = itertools.product([0, 1], repeat=len(pairs))
    told = ((sum(k * n for k, (n, _) in zip(s, pairs, strict=True)),
             sum(k * c for k, (_, c) in zip(s, pairs, strict=True))) for s in subsets)  # fmt: skip
    return max(net for net, cost in told if cost <= budget)


def test_a_budget_pays_for_what_brings_most():
    acted = act(board(SAVE, WRITE), customers(), Terms(budget=530.0))
    assert given(acted) == {"a": ["call"], "c": ["mail"], "d": ["mail"], "e": ["mail"]}
    assert acted.given["cost"].sum() <= 530
    assert acted.certificate is not None
    everything = act(board(SAVE, WRITE), customers()).given
    assert acted.certificate.value == pytest.approx(best_within(530.0, everything))
    assert acted.certificate.upper_bound >= acted.certificate.value
    assert acted.rules["no_budget"].tolist() == [1, 0]


def test_an_uplift_may_be_a_column():
    by_column = rule("save", "tier >= 'High'", "call", 1, "lift")
    acted = act(board(by_column), customers())
    assert given(acted) == {"a": ["call"], "c": ["call"]}
    assert acted.given["margin"].tolist() == [4000.0, 800.0]


def test_a_rule_beyond_the_bounds_of_a_column_is_refused():
    beyond = rule("beyond", "p_alive > 1.5 or p_alive < 0", "mail", 1)
    assert act(board(beyond), customers()).given.empty
    said = r"rule beyond: nobody can fulfil .* \(p_alive is always 0 to 1\); mend what it says"
    with pytest.raises(InputError, match=said):
        act(board(beyond), customers(), bounds={"p_alive": (0.0, 1.0)})
    at_the_end = rule("end", "p_alive >= 1", "mail", 1)
    assert act(board(at_the_end), customers(), bounds={"p_alive": (0.0, 1.0)}).given.empty
    with pytest.raises(InputError, match="lift is always 0 or more"):
        act(board(rule("less", "lift < 0", "mail", 1)), customers(), bounds={"lift": (0.0, np.inf)})


def test_a_rule_that_fires_for_nobody_is_told_with_what_its_columns_are():
    frame = customers().assign(gone=False, score=np.nan, same=2.0)
    silent = [
        rule("silent", "p_alive > .95 and tier = 'VIP' and not gone", "mail", 1),
        rule("unknown", "score > 1 and same > 2 and gone", "mail", 2),
        rule("kept", "p_alive > .85", "mail", 3, unless="tier = 'High'"),
        replace(WRITE, priority=4),
    ]
    assert act(board(*silent), frame).idle == {
        "silent": ["p_alive is .05 to .9", "tier is Low, Med, High, VIP", "gone holds for 0 of 6"],
        "unknown": ["score is known of nobody", "same is always 2", "gone holds for 0 of 6"],
    }


def test_an_uplift_in_words_is_refused_with_an_example():
    with pytest.raises(InputError, match=r"uplift: '2 %' is neither .* such as \.02 for 2 %"):
        act(board(replace(WRITE, uplift="2 %")), customers())


@pytest.mark.parametrize(
    ("uplift", "says"),
    [
        (5.0, r"its uplift is 5; write shares, such as 0\.05 for 5 %"),
        (float("nan"), r"its uplift is nan; write \.05 for 5 %"),
        ("many", r"many is up to 10; write shares, such as 0\.1 for 10 %"),
    ],
)
def test_an_uplift_that_is_no_share_is_refused(uplift, says):
    frame = customers().assign(many=[10.0, 0.1, 0.1, 0.1, 0.1, 0.1])
    with pytest.raises(InputError, match=says):
        act(board(replace(WRITE, uplift=uplift)), frame)


def test_an_action_that_saves_may_deter():
    saving, deters = Action(name="save", cost=-900.0), replace(WRITE, uplift=-0.05, action="save")
    acted = act(Board(actions=(saving,), rules=(deters,)), customers())
    # a loses 1,000 cents by it, and 900 are saved
    assert set(given(acted)) == {"b", "c", "d", "e"}


def test_the_ends_of_a_column_do_not_seem_to_fulfil_what_they_do_not():
    frame = customers().assign(p_alive=[0.19992, 0.1, 0.1, 0.1, 0.1, 0.1])
    acted = act(board(rule("late", "p_alive >= .2", "mail", 1)), frame)
    assert acted.idle == {"late": ["p_alive is .1 to .19992"]}


def test_a_word_that_a_column_never_holds_is_told_with_the_one_that_was_meant():
    frame = customers().assign(persona=["Champions", "At Risk", "Lost", "Lost", "Lost", "Lost"])
    acted = act(board(rule("best", "persona = 'Champion'", "mail", 1)), frame)
    assert acted.idle == {"best": ["persona is never 'Champion', did you mean 'Champions'?"]}


def test_a_guardrail_keeps_customers_and_is_counted():
    acted = act(board(replace(SAVE, unless="tier = 'VIP'")), customers())
    assert given(acted) == {"b": ["call"]}
    assert acted.rules["guarded"].tolist() == [1]


def test_an_action_that_needs_another_comes_after_it_and_falls_with_it():
    beside = rule("gift beside", "expected_value > 0", "gift", 0, 0.5, needs=("call",))
    acted = act(board(SAVE, beside), customers(), Terms(most=2))
    assert given(acted) == {"a": ["call", "gift"], "b": ["call", "gift"]}
    # the gift to a brings most, and it needs the call: 800 pays for both
    acted = act(board(SAVE, beside), customers(), Terms(most=2, budget=800.0))
    assert given(acted) == {"a": ["call", "gift"]}
    # 700 does not, and they are paid for together or not at all
    assert given(act(board(SAVE, beside), customers(), Terms(most=2, budget=700.0))) == {}


def test_actions_that_exclude_each_other_are_never_beside():
    apart = replace(SAVE, excludes=("mail",))
    for rules in ((apart, WRITE), (replace(WRITE, priority=0), apart)):
        acted = act(board(*rules), customers(), Terms(most=2))
        assert {len(actions) for actions in given(acted).values()} == {1}


def test_a_rule_rests_where_an_optional_column_is_absent():
    personal = rule("at risk", "persona = 'At Risk'", "gift", 0)
    acted = act(board(personal, WRITE, optional=("persona",)), customers())
    assert acted.rules.set_index("rule").loc["at risk", "resting"] == "persona"
    frame = customers().assign(persona=["At Risk"] + [None] * 5)
    acted = act(board(personal, WRITE, optional=("persona",)), frame)
    assert given(acted)["a"] == ["gift"]
    assert acted.given["why"].iloc[0] == "persona = At Risk"


def test_the_order_of_rows_changes_nothing():
    frame = customers()
    one = act(board(SAVE, WRITE), frame, Terms(budget=530.0, most=2))
    other = act(
        board(SAVE, WRITE), frame.sample(frac=1.0, random_state=3), Terms(budget=530.0, most=2)
    )
    pd.testing.assert_frame_equal(one.given, other.given)
    pd.testing.assert_frame_equal(one.rules, other.rules)


CIRCLE = (
    rule("one", "p_alive < .5", "call", 1, needs=("mail",)),
    rule("two", "p_alive < .6", "mail", 2, needs=("gift",)),
    rule("three", "p_alive < .7", "gift", 3, needs=("call",)),
)


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ((rule("x", "p_aliv < .3", "call", 1),), "rule x: there is no column p_aliv, did you"),
        ((rule("x", "p_alive < .3", "cal", 1),), "rule x: there is no action cal, did you"),
        ((rule("x", "p_alive < .3", "call", 1, "lfit"),), "rule x, uplift: there is no column l"),
        ((rule("x", "p_alive < .3", "call", 1, "tier"),), "rule x, uplift: tier holds words"),
        ((replace(SAVE, unless="teir = 'VIP'"),), "rule save, unless: there is no column teir"),
        ((SAVE, replace(WRITE, priority=1)), "rule write: it has priority 1 as rule save has, and "
         "both fire for 2 of 6 customers, first 'a'"),
        ((SAVE, SAVE), "rule save is there twice"),
        ((rule("x", "p_alive < .3 and p_alive > .4", "call", 1),), "rule x: nobody can fulfil"),
        ((rule("x", "tier >= 'High' and tier < 'High'", "call", 1),), "rule x: nobody can fulfil"),
        ((WRITE, replace(SAVE, priority=3)), "rule save: it never gets its turn"),
        (CIRCLE, "rule one: rules need each other in a circle, one (call) needs two (mail) needs "
         "three (gift) needs one (call)"),
        ((rule("x", "p_alive < .3", "call", 1, needs=("call",)),), "in a circle, x (call) needs x"),
        ((), "board: there are no rules"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_board_names_the_rule(rules, says):
    with pytest.raises(InputError) as error:
        act(board(*rules), customers())
    assert says in str(error.value)


def test_a_rule_behind_others_may_be_told_instead():
    acted = act(board(WRITE, replace(SAVE, priority=3)), customers(), Terms(strict=False))
    assert acted.shadowed == {"save": ["write"]}
    assert act(board(WRITE, replace(SAVE, priority=3)), customers(), Terms(most=2)).shadowed == {}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"customer_id": list("aacdef")}, "1 of 6 rows have no customer_id or one that is there"),
        (
            {"expected_value": [1.0, np.nan, 1, 1, 1, 1]},
            "expected_value of 1 of 6 customers is not",
        ),
        ({"expected_value": "high"}, "6 of 6 rows have a 'expected_value' that is not a number"),
        ({"lift": [1.0, np.inf, 1, 1, 1, 1]}, "rule save, uplift: lift of 1 of 6 customers is not"),
    ],
)
def test_customers_that_cannot_be_used(change, says):
    with pytest.raises(InputError, match=says):
        act(board(replace(SAVE, uplift="lift")), customers().assign(**change))


def test_terms_and_actions_that_cannot_be():
    for make in (
        lambda: Terms(most=0), lambda: Terms(margin=0.0), lambda: replace(CALL, cost=np.nan),
        lambda: replace(CALL, capacity=-1),
    ):  # fmt: skip
        with pytest.raises(InputError, match=r"give|gets"):
            make()


def slow(rules: list[Rule], actions: dict[str, Action], frame: pd.DataFrame, most: int) -> set:
    """Follow rules one by one, customers one by one."""
    has: dict[str, list[str]] = {name: [] for name in frame["customer_id"]}
    for r in rules:
        who = []
        for row in frame.to_dict("records"):
            mine = has[row["customer_id"]]
            words = {**row, "tier": str(row["tier"])}
            fires = eval(r.when.replace(" = ", " == "), {}, words)  # noqa: S307
            kept = bool(r.unless) and eval(r.unless, {}, words)  # noqa: S307
            pays = r.uplift * row["expected_value"] > actions[r.action].cost
            apart = {o.action for o in rules if r.action in o.excludes} | set(r.excludes)
            if (
                fires and not kept and pays and len(mine) < most and r.action not in mine
                and set(r.needs) <= set(mine) and not apart & set(mine)
            ):  # fmt: skip
                who.append((-row["expected_value"], row["customer_id"]))
        room = actions[r.action].capacity
        taken = sum(r.action in mine for mine in has.values())
        for _, name in sorted(who)[: None if room is None else room - taken]:
            has[name].append(r.action)
    return {(name, i + 1, a) for name, mine in has.items() for i, a in enumerate(mine)}


@pytest.mark.parametrize("seed", range(12))
def test_a_board_does_what_going_row_by_row_does(seed):
    rng = np.random.default_rng(seed)
    value = rng.lognormal(7, 1, 60)
    frame = pd.DataFrame({
        "customer_id": [f"c{i:03d}" for i in range(60)],
        "expected_value": value,
        "tier": assign_tiers(value),
        "p": rng.random(60).round(2),
        "q": rng.integers(0, 5, 60),
    })  # fmt: skip
    actions = tuple(
        Action(name=n, cost=float(c), capacity=k)
        for n, c, k in zip("wxyz", rng.integers(0, 60, 4), [None, 20, 9, 15], strict=True)
    )
    rules = tuple(
        rule(
            f"r{i}", f"p < {rng.random():.2f} or (q == {rng.integers(5)} and tier = 'VIP')",
            "wxyz"[i % 4], int(i), float(rng.choice([0.02, 0.1])),
            unless="q == 3" if i % 3 == 0 else "", needs=("w",) if i == 6 else (),
            excludes=("x",) if i == 3 else (),
        )
        for i in rng.permutation(8)
    )  # fmt: skip
    made = Board(actions=actions, rules=rules)
    most = int(rng.integers(1, 4))
    acted = act(made, frame, Terms(most=most, strict=False))
    keys = zip(acted.given["customer_id"], acted.given["place"], acted.given["action"], strict=True)
    assert set(keys) == slow(in_order(made), {a.name: a for a in actions}, frame, most)


@pytest.mark.parametrize("seed", range(4))
def test_what_a_budget_pays_for_is_the_best_of_all_subsets(seed):
    rng = np.random.default_rng(seed)
    frame = customers().assign(expected_value=rng.lognormal(9, 1, 6))
    made = board(rule("a", "p_alive < .4", "call", 1), rule("b", "p_alive > 0", "mail", 2))
    every = act(made, frame, Terms(most=2)).given
    net, cost = (every["margin"] - every["cost"]).to_numpy(), every["cost"].to_numpy()
    budget = 0.6 * cost.sum()
    subsets = (np.array(s) for s in itertools.product((False, True), repeat=len(net)))
    best = max(net[s].sum() for s in subsets if cost[s].sum() <= budget)
    found = act(made, frame, Terms(most=2, budget=budget)).given
    assert (found["margin"] - found["cost"]).sum() == pytest.approx(best)


@pytest.mark.parametrize("seed", range(6))
def test_only_what_is_near_the_price_of_the_budget_is_open(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    margin, cost = rng.lognormal(2, 1, 5000), rng.choice([1.0, 2.0, 5.0, -0.5], 5000)
    keep = margin > cost
    margin, cost = margin[keep], cost[keep]
    unit = np.minimum(np.arange(len(margin)), len(margin) - 3)  # the last three are one
    budget = rng.uniform(0.1, 1.2) * cost.sum()
    whole, full = paid(margin, cost, unit, budget)
    monkeypatch.setattr(paying, "OPEN", 200)
    few, part = paid(margin, cost, unit, budget)
    assert len(set(few[-3:])) == 1
    assert cost[few].sum() <= budget * (1 + 1e-12)
    net = margin - cost
    assert part.value == pytest.approx(net[few].sum())
    assert net[few].sum() >= net[whole].sum() * (1 - 1e-4)
    assert full.value <= part.upper_bound * (1 + 1e-9)
    assert 0 <= part.gap < 1e-3
    assert part.spend == pytest.approx(cost[few].sum())


def test_a_rule_for_those_without_room_has_its_turn():
    """One call, and mail for whom there was no room: nothing hides the second rule."""
    few = replace(CALL, capacity=1)
    same = replace(WRITE, when=SAVE.when)
    acted = act(Board(actions=(few, MAIL), rules=(SAVE, same)), customers())
    assert acted.shadowed == {}
    assert given(acted) == {"a": ["call"], "b": ["mail"]}


def test_rules_that_give_the_same_leave_a_turn_to_those_after_them():
    twice = rule("again", "p_alive < .9", "call", 2)
    acted = act(board(SAVE, twice, replace(WRITE, priority=3)), customers(), Terms(most=2))
    assert acted.shadowed == {}
    assert given(acted)["a"] == ["call", "mail"]


def test_a_reason_is_whole_where_the_number_behind_a_flag_is_not_known():
    frame = customers().assign(late=[True, False] * 3, days=[46.0, np.nan, np.nan, 1.0, 60.0, 2.0])
    acted = act(
        board(rule("some", "late or not late", "mail", 1, 0.5)), frame, beside={"late": "days"}
    )
    why = acted.given.set_index("customer_id")["why"]
    assert why["a"] == "late (days 46)"
    assert why["c"] == "late"
    assert why["b"] == why["d"] == "not late"
