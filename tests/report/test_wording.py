"""Numbers and sentences, checked against what a reader would write."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeworth.report.evidence import Totals
from lifeworth.report.wording import change, headline, money, number, share, significant


@pytest.mark.parametrize(
    ("cents", "shown"),
    [
        (0.0, "0.00 USD"),
        (-0.2, "0.00 USD"),
        (5.0, "0.05 USD"),
        (9_999.0, "99.99 USD"),
        (10_000.0, "100 USD"),
        (-1_234_567.0, "-12,346 USD"),
        (61_200_049.0, "612,000 USD"),
        (float("nan"), "–"),
        (float("inf"), "–"),
        (None, "–"),
    ],
)
def test_money(cents: float | None, shown: str) -> None:
    assert money(cents, "USD") == shown


@given(st.integers(-(10**15), 10**15))
def test_money_with_decimals_loses_no_cent(cents: int) -> None:
    # floats hold every integer below 2**53 > 1e15 exactly, and a hundredth to well under a cent
    assert round(float(money(cents, decimals=2).replace(",", "")) * 100) == cents


def test_numpy_scalars_are_numbers() -> None:
    assert money(np.float64(5.0), "USD") == "0.05 USD"
    assert number(np.int64(23_570)) == "23,570"


def test_shares_and_changes() -> None:
    assert share(0.9149) == "91.5 %"
    assert change(0.56) == "+56.0 %"
    assert change(-0.00001) == "+0.0 %"
    assert change(None) == number(None) == share(float("nan")) == "–"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0.000"), (30.8945, "30.89"), (1e-7, "1.000e-07"), (0.01234, "0.01234")],
)
def test_significant(value: float, shown: str) -> None:
    assert significant(value) == shown


def test_headline(totals: Totals) -> None:
    assert headline(totals, "USD") == (
        "Forecast 612,000 USD against 684,000 USD realised by 23,570 customers in 273 days: -10.5 %"
    )


def test_headline_before_the_horizon_is_over(totals: Totals) -> None:
    early = replace(totals, realised_value=None, customers=1, horizon_days=1)
    assert headline(early, "EUR") == "Forecast 612,000 EUR from 1 customer in 1 day"


def test_headline_when_nothing_was_realised(totals: Totals) -> None:
    assert headline(replace(totals, realised_value=0.0), "USD") == (
        "Forecast 612,000 USD against 0.00 USD realised by 23,570 customers in 273 days"
    )
