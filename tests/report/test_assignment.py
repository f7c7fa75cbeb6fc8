"""The pages of assignments and experiments: what is said, and what stands in their figures."""

import numpy as np
import pandas as pd
import pytest

from lifeworth.decide.campaign import Asked, Given, plan_everybody
from lifeworth.decide.designed import Designed, Groups
from lifeworth.decide.reading import Question, Reading, read
from lifeworth.report import assignment, design, experiment
from lifeworth.report.page import rendered

HOSTILE = "<script>alert('5')</script>"


@pytest.fixture
def given() -> Given:
    rows = [("a", "mail", 900.0, 100.0), ("b", "mail", 500.0, 100.0), ("c", HOSTILE, -1.0, 1.0)]
    offers = pd.DataFrame(rows, columns=["customer_id", "arm", "value", "cost"])
    return plan_everybody(offers, Asked(budget=100.0, caps={"mail": 2}))


def test_an_assignment_in_words(given: Given) -> None:
    terms = assignment.Terms(budget=100.0, currency="EUR")
    said = "1 of 3 customers get an offer: expected to bring 9.00 EUR at a cost of 1.00 EUR"
    assert assignment.headline(given, terms) == said
    # one more place in the budget gives b their mail: 5 EUR for 1 EUR, and a's would be bought at 9
    assert 5 <= given.certificate.budget_price <= 9
    assert assignment.next_unit(given, terms).startswith("One more EUR of budget would bring about")
    assert assignment.next_unit(given, assignment.Terms(budget=None)) == "No budget was set."


def test_the_page_of_an_assignment_shows_limits_and_escapes_names(given: Given) -> None:
    terms = assignment.Terms(budget=100.0, currency="EUR")
    page = assignment.document(given, terms, {"offers": HOSTILE}, ["a note"])
    assert [section.anchor for section in page.sections] == ["arms", "rule", "reasons"]
    rows = assignment.arms_grid(given, "EUR").groups[""]
    assert [cell.text for cell in rows[1][:3]] == ["mail", "1", "2"]
    assert [cell.text for cell in rows[-2][:2]] == ["none", "2"]
    bars, cap = assignment.customers_by_arm(given.arms).data
    assert list(bars.x) == [0, 1]
    assert np.isnan(cap.x[0])
    assert cap.x[1] == 2
    html = rendered(page)
    assert "alert('5')</script>" not in html
    assert "a note" in html


@pytest.fixture
def reading() -> Reading:
    rng = np.random.default_rng(0)
    arm = np.repeat(["control", "mail"], 500)
    frame = pd.DataFrame({
        "customer_id": np.arange(1000).astype(str), "arm": arm,
        "margin": rng.normal(10, 1, 1000) + (arm == "mail"),
    }).sample(frac=1, random_state=0)  # fmt: skip
    groups = Groups(shares={"control": 1, "mail": 1})
    return read(frame, groups, Question(outcomes=["margin"], planned=1000, ordered=True))


def test_the_page_of_an_experiment(reading: Reading) -> None:
    page = experiment.document(reading, ["margin"], [], {"planned": "1,000"})
    assert page.headline.startswith("mail: margin +")
    assert [section.anchor for section in page.sections] == ["ratio", "differences", "looks"]
    dots = experiment.forest(reading.differences).data[-1]
    assert list(dots.x) == reading.differences["effect"].tolist()
    wide = reading.looks["always_high"] - reading.looks["always_low"]
    assert (wide > reading.looks["high"] - reading.looks["low"]).all()
    assert reading.looks["customers"].iloc[-1] == 1000
    assert reading.looks["effect"].iloc[-1] == reading.differences["effect"].iloc[0]
    assert "At every look" in experiment.differences_grid(reading).head
    assert "margin" in rendered(page)


def test_the_page_of_a_plan_has_the_plan_on_its_curves() -> None:
    trial = Designed(groups=Groups(shares={"control": 1, "mail": 1}), sd=10.0)
    planned = design.Planned(designed=trial, effect=1.0, customers=3142, mean=20.0, per_day=100)
    assert planned.days(3142) == 35
    page = design.document(planned, {})
    assert page.headline == "3,142 customers see an effect of 1.00 (5.0 %) with 80 % power"
    curve, dot = page.sections[0].pictures[0].figure.data
    assert dot.y[0] == pytest.approx(0.8, abs=1e-3)
    assert curve.y[list(curve.x).index(3142)] == dot.y[0]
    assert np.all(np.diff(curve.y) > 0)
