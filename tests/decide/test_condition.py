"""The language of rules: what it reads, what it refuses, and a row by row twin."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeworth.decide.condition import Compare, Flag, columns_of, contradiction, parsed
from lifeworth.decide.fires import Columns
from lifeworth.tables.errors import InputError


@pytest.fixture
def columns() -> Columns:
    tiers = pd.Categorical(
        ["VIP", "Low", None, "High"], categories=["Low", "Med", "High", "VIP"], ordered=True
    )
    frame = pd.DataFrame({
        "p_alive": [0.23, 0.8, 0.1, np.nan],
        "tier": tiers,
        "persona": pd.Series(["At Risk", "Champions", None, "At Risk"], dtype="str"),
        "crossed": [True, False, True, False],
        "days": [47.0, 3.0, 100.0, 45.0],
    })  # fmt: skip
    return Columns(frame, {"crossed": "days"})


def fires(columns: Columns, text: str) -> list[int]:
    condition = parsed("rule r", text)
    columns.check("rule r", condition)
    return np.flatnonzero(columns.mask(condition)).tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("p_alive < .3", [0, 2]),
        ("not p_alive < .3", [1]),  # the unknown one is on neither side
        (".2 < p_alive <= 0.8", [0, 1]),
        ("not (.2 < p_alive <= .5)", [1, 2]),
        ("tier = 'VIP'", [0]),
        ("tier != 'VIP'", [1, 3]),
        ("tier >= 'High'", [0, 3]),
        ("persona in ['At Risk', 'Lost']", [0, 3]),
        ("persona not in ['At Risk']", [1]),
        ("crossed", [0, 2]),
        ("not crossed and days > 10", [3]),
        ("crossed == False or p_alive < .2", [1, 2, 3]),
        ("days in [3, 45]", [1, 3]),
        ("days not in [3, 45] and days != 100", [0]),
        ("days > -1", [0, 1, 2, 3]),
    ],
)
def test_for_whom_a_condition_holds(columns, text, rows):
    assert fires(columns, text) == rows


@pytest.mark.parametrize(
    ("text", "row", "said"),
    [
        ("tier = 'VIP' and p_alive < .3", 0, "tier = VIP and p_alive .23 < .3"),
        ("crossed and days > 45", 0, "crossed (days 47) and days 47 > 45"),
        ("tier = 'VIP' and (p_alive < .1 or days > 10 or crossed)", 0,
         "tier = VIP and (days 47 > 10 or crossed (days 47))"),
        ("not tier = 'VIP'", 1, "tier = Low"),
        ("days in [3, 45]", 1, "days = 3"),
        ("p_alive < .3 or days = 45", 3, "days = 45"),  # nothing is known of p_alive
        ("(tier = 'Low' or persona = 'Champions') or crossed", 2, "crossed (days 100)"),
        ("p_alive < .2301", 0, "p_alive .23 < .2301"),
    ],
)  # fmt: skip
def test_why_it_holds_in_values(columns, text, row, said):
    assert columns.why(parsed("rule r", text), np.array([row])).to_pylist() == [said]


def test_a_rounded_number_never_seems_to_say_the_opposite():
    columns = Columns(pd.DataFrame({"p": [0.29996, 0.2]}))
    said = columns.why(parsed("rule r", "p < .3"), np.array([0, 1])).to_pylist()
    assert said == ["p .29996 < .3", "p .2 < .3"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("p_aliv < .3", "rule r: there is no column p_aliv, did you mean 'p_alive'?"),
        ("tier == VIP", "compared with VIP, which is neither a number nor a word in quotes"),
        ("tier == 'VPI'", "tier is never 'VPI', did you mean 'VIP'?; it is Low, Med, High, VIP"),
        ("tier > 3", "tier holds words and is compared with 3"),
        ("days == 'many'", "days is a number and is compared with 'many'"),
        ("persona > 'A'", "persona holds words without an order"),
        ("persona", "persona holds words, and stands alone as if it were yes or no"),
        ("days < ", "'days <' cannot be read"),
        ("len(persona) > 3", "'len(persona) > 3' is not of the language"),
        ("__import__('os').system('ls')", "is not of the language"),
        ("days + 1 > 3", "is not of the language"),
        ("days is 3", "is not of the language"),
        ("1 < 2", "is not of the language"),
        ("tier in 'VIP'", "after 'in' stands 'VIP'; write a list"),
        ("lambda: 1", "is not of the language"),
    ],
)
def test_what_is_not_of_the_language_is_refused_in_words(columns, text, says):
    with pytest.raises(InputError) as error:
        fires(columns, text)
    assert str(error.value).startswith("rule r: ")
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("p < .3 and p > .5", "p"),
        ("p < .3 and p >= .3", "p"),
        ("p <= .3 and p >= .3", None),
        ("p <= .3 and p >= .3 and p != .3", "p"),
        ("t == 'a' and t in ['b', 'c']", "t"),
        ("t == 'a' and t != 'a'", "t"),
        ("f and not f", "f"),
        ("(p < .3 or q > 1) and p > .5", None),
        ("(p < .3 or q > 1) and p > .5 and q < 1", "q"),
        ("not (p < .3 or p >= .3)", "p"),
    ],
)
def test_contradictions(text, column):
    assert contradiction(parsed("rule r", text)) == column


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("tier >= 'High' and tier < 'High'", "tier"),
        ("tier > 'Med' and tier < 'High'", "tier"),
        ("tier < 'Low' or p_alive < .3 and p_alive > .5", "p_alive"),
        ("tier > 'Med' and tier < 'VIP'", None),
        ("tier not in ['Low', 'Med', 'High', 'VIP']", "tier"),
        ("not (tier < 'VIP') and tier != 'VIP'", "tier"),
    ],
)
def test_contradictions_of_words_that_are_known(columns, text, column):
    """Where the categories and their order are known; a mask of theirs is empty then."""
    condition = parsed("rule r", text)
    spelled = columns.spelled_out(condition)
    assert contradiction(spelled) == column
    np.testing.assert_array_equal(columns.mask(spelled), columns.mask(condition))


def test_what_a_condition_is():
    condition = parsed("rule r", "not (a < 1 or b) and c in ('x',)")
    assert columns_of(condition) == ["a", "b", "c"]
    first, second, third = condition.parts[0].parts + condition.parts[1:]
    assert first == Compare("a", ">=", (1.0,))
    assert second == Flag("b", False)
    assert third == Compare("c", "in", ("x",))


LEAVES = st.builds(
    lambda column, operator, value: f"{column} {operator} {value}",
    st.sampled_from("ab"),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.integers(-1, 2),
)
TEXTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda x, y, w: f"({x}) {w} ({y})", inner, inner, st.sampled_from(["and", "or"]))
        | inner.map(lambda x: f"not ({x})")
    ),
    max_leaves=6,
)


@given(TEXTS)
def test_a_condition_means_what_python_says(text):
    rows = [(a, b) for a in (-1.0, 0.0, 0.5, 2.0, 3.0) for b in (-2.0, 0.0, 1.0, 2.0)]
    condition = parsed("rule r", text)
    mask = Columns(pd.DataFrame(rows, columns=["a", "b"])).mask(condition)
    expected = [bool(eval(text, {"a": a, "b": b})) for a, b in rows]  # noqa: S307
    assert mask.tolist() == expected
    if contradiction(condition):
        assert not mask.any()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a < 1" + "0" * 400, "cannot be read"),
        ("a > 1 # and b > 3", "cannot be read"),
        ("not " * 3_000 + "a", "characters are more than the 2,000"),
        ("not " * 41 + "a", None),
        ("not " * 499 + "a", "cannot be read"),
        ("(" * 900 + "a > 1" + ")" * 900, "cannot be read"),
    ],
)
def test_texts_beyond_all_measure_are_read_or_refused_in_words(text, says):
    if says is None:
        assert parsed("rule r", text) == Flag("a", False)
    else:
        with pytest.raises(InputError, match=says):
            parsed("rule r", text)


def test_many_alternatives_are_not_all_written_down():
    """2 to the power of 60 of them; the contradiction lies beyond those that are looked at."""
    many = " and ".join(f"(a{i} > 1 or b{i} > 1)" for i in range(60))
    assert contradiction(parsed("rule r", f"({many}) and c < 0")) is None
    assert contradiction(parsed("rule r", f"({many}) and c < 0 and c > 1")) == "c"


def test_a_column_of_numbers_is_neither_yes_nor_no():
    frame = pd.DataFrame({"visits": [0.0, 1.0, 3.0], "late": [0.0, 1.0, np.nan]})
    columns = Columns(frame)
    columns.check("rule r", parsed("rule r", "late"))
    with pytest.raises(InputError, match=r"rule r: visits holds numbers such as 3, .* visits > 0"):
        columns.check("rule r", parsed("rule r", "not visits"))
