"""The page of a board: what is said, what stands in its tables, names that would be markup."""

import numpy as np
import pandas as pd
import pytest

from lifeworth.decide.acting import Terms, act
from lifeworth.decide.board import Action, Board, Rule
from lifeworth.evaluate.triggers import Judged
from lifeworth.report.board import Shown, document, headline, rules_grid, warnings_grid
from lifeworth.report.page import rendered

HOSTILE = "<script>alert('5')</script>"


@pytest.fixture
def shown() -> Shown:
    frame = pd.DataFrame({
        "customer_id": ["a", "b", HOSTILE],
        "expected_value": [10_000.0, 4_000.0, 9_000.0],
        "p_alive": [0.2, 0.9, 0.1],
    })  # fmt: skip
    board = Board(
        actions=(Action(name="call", cost=500.0, channel="phone"),),
        rules=(
            Rule(name="save", when="p_alive < .5", action="call", priority=1, uplift=0.2),
            Rule(name="keep", when="p_alive > .8", action="call", priority=2, uplift=0.1),
            Rule(name="met", when="persona = 'x'", action="call", priority=3, uplift=0.1),
        ),
        optional=("persona",),
    )
    terms = Terms(budget=500.0)
    rows = {"flagged": [2, 0], "share": [0.5, 0.0], "precision": [0.75, np.nan]}
    table = pd.DataFrame({
        "trigger": ["recency_long", "complaint"], **rows,
        "low": [0.6, np.nan], "high": [0.9, np.nan], "recall": [0.4, 0.0],
        "lift": [1.5, np.nan], "own_base": [0.5, 0.5], "own_lift": [1.5, np.nan],
        "model_precision": [0.9, np.nan],
    })  # fmt: skip
    judged = Judged(table, 0.5, 4, 90, 0.8, (0.2, 0.25))
    return Shown(
        title="A shop: who gets which action", subtitle="s", currency="EUR",
        acted=act(board, frame, terms), terms=terms, judged=judged, notes=["a note"],
        facts={"run": "r"},
    )  # fmt: skip


def test_the_headline_counts_customers_actions_and_money(shown):
    said = "1 of 3 customers get 1 action: expected to bring 20.00 EUR of margin"
    assert headline(shown) == f"{said} at a cost of 5.00 EUR"


def test_rules_that_rest_are_in_no_table(shown):
    rows = [[cell.text for cell in row] for row in rules_grid(shown).groups[""]]
    assert rows == [
        ["save", "call", "2", "1", "5.00", "20.00", "300 %", "5.0 %"],
        ["keep", "call", "1", "0", "0.00", "0.00", "–", "12.5 %"],
        ["all", "", "", "1", "5.00", "20.00", "300 %", ""],
    ]


def test_warnings_stand_beside_the_model(shown):
    rows = [[cell.text for cell in row] for row in warnings_grid(shown.judged).groups[""]]
    assert rows == [
        ["recency_long", "2", "75.0 %", "40.0 %", "1.50", "1.50", "90.0 %", "1.80"],
        ["complaint", "0", "–", "0.0 %", "–", "–", "–", "–"],
    ]


def test_the_page_says_what_was_left_out_and_escapes_names(shown):
    page = document(shown)
    assert [s.anchor for s in page.sections] == ["rules", "left-out", "why", "warnings"]
    left = [[cell.text for cell in row] for row in page.sections[1].tables[""].groups[""]]
    assert left == [["save", "2", "0", "0", "0", "0", "1"], ["keep", "1", "0", "1", "0", "0", "0"]]
    html = rendered(page)
    assert "alert('5')</script>" not in html
    assert "AUC 0.800" in html
    assert "a note" in html
