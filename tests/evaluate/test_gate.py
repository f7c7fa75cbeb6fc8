"""The gate: a personalised policy must beat every simple rule for certain."""

import numpy as np
import pytest
from scipy import stats

from lifeworth.evaluate.estimates import Estimate
from lifeworth.evaluate.gate import RULES, customers_needed, gate
from lifeworth.tables.errors import InputError

SURE = {rule: Estimate(10.0 + i, 2.0) for i, rule in enumerate(RULES)}


def test_better_than_every_rule():
    verdict = gate(SURE, 1_000)
    assert verdict.personalised
    assert verdict.rule == "best single arm"
    assert verdict.sentence == (
        "Follow the personalised policy: it earns 10 cents (90 % interval 6.71 to 13.3) more per"
        " customer than 'best single arm', the strongest of 4 simple rules, and more than each of"
        " the others."
    )


def test_no_better_than_one_rule():
    verdict = gate(SURE | {"monetary": Estimate(1.0, 2.0)}, 10_000, unit="c")
    assert not verdict.personalised
    assert verdict.rule == "monetary"
    assert verdict.sentence == (
        "Follow 'monetary': the gain of the personalised policy over 'monetary' is 1 c (90 %"
        " interval -2.29 to 4.29) per customer, not surely above 0; to see such a gain takes about"
        " 250,000 customers."
    )


def test_worse_than_a_rule_no_number_of_customers_would_show_a_gain():
    verdict = gate(SURE | {"random": Estimate(-1.0, 0.1)}, 1_000)
    assert verdict.rule == "random"
    assert "to see such a gain" not in verdict.sentence


def test_the_rule_that_stops_it_need_not_be_the_strongest():
    verdict = gate(SURE | {"frequency": Estimate(30.0, 40.0)}, 1_000)
    assert not verdict.personalised
    assert verdict.rule == "best single arm"
    assert "over 'frequency' is 30 cents" in verdict.sentence


def test_an_interval_that_ends_at_0_does_not_pass():
    assert not gate({rule: Estimate(0.0, 0.0) for rule in RULES}, 10).personalised


def test_a_useless_policy_passes_rarely():
    rng = np.random.default_rng(0)
    passed = [
        gate({rule: Estimate(float(rng.normal()), 1.0) for rule in RULES}, 100).personalised
        for _ in range(500)
    ]
    alone = [
        gate(SURE | {"monetary": Estimate(float(rng.normal()), 1.0)}, 100).personalised
        for _ in range(500)
    ]
    assert np.mean(passed) < 0.01
    assert np.mean(alone) < 0.05 + 5 * np.sqrt(0.05 * 0.95 / 500)


def test_customers_needed_have_the_promised_chance_of_seeing_it():
    gain = Estimate(0.5, 0.4)
    needed = customers_needed(gain, 1_000)
    error = 0.4 * np.sqrt(1_000 / needed)
    assert stats.norm.sf((1.6449 * error - 0.5) / error) == pytest.approx(0.8, abs=1e-3)


def test_all_rules_must_have_been_compared():
    with pytest.raises(InputError, match="no gain over 'monetary', 'frequency', 'random'"):
        gate({"best single arm": Estimate(1.0, 0.1)}, 10)
    with pytest.raises(InputError, match="over 'random' is nan"):
        gate(SURE | {"random": Estimate(float("nan"), 1.0)}, 10)
