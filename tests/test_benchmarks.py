"""The benchmarks run, and write figures that can be read."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SIDES = {
    "cold_start": {"lifeworth"},
    "score": {"lifeworth", "lifetimes"},
    "fit": {"lifeworth, cold", "lifeworth, warm", "lifetimes", "lifetimes, weights"},
    "summary": {"lifeworth", "lifetimes", "lifetimes, numbered"},
    "end_to_end": {"lifeworth, cold", "lifeworth, warm"},
    "pareto": {"lifeworth, cold", "lifeworth, warm", "lifetimes", "lifetimes, weights"},
    "posterior": {f"lifeworth, {how}" for how in ("cold", "warm", "Laplace, warm", "SVI, warm")},
    "posterior_scores": {"lifeworth", "NumPy, dense"},
    "pooling": {f"lifeworth, {pooling}" for pooling in ("partial", "none", "complete")},
    "coverage": {f"lifeworth, {how}" for how in ("mle", "laplace", "nuts", "hierarchical laplace")},
    "calibration": {f"lifeworth, {how}" for how in ("laplace", "svi", "nuts")},
    "assign": {"lifeworth", "greedy", "HiGHS", "HiGHS, linear"},
    "board": {"lifeworth", "row by row"},
    "personas": {
        *("lifeworth, fit", "hdbscan, fit", "hdbscan, score"),
        *("lifeworth, score", "lifeworth, score from orders"),
    },
    "personas_truth": {"lifeworth, personas"},
    "index": {f"lifeworth, {how}" for how in ("exact", "index", "batch")},
    "ledger": {f"lifeworth, {how}" for how in ("at once", "again", "killed")},
    "uplift_truth": {f"lifeworth, {what}" for what in ("measures", "gate", "plans")},
    "offpolicy_truth": {"lifeworth, estimates"},
    "networks_truth": {"lifeworth, networks"},
    "networks": {"lifeworth", "PyTorch, plain loop", "lifeworth, score"},
}
LONG = (
    "fit", "summary", "pareto", "posterior", "pooling", "coverage", "calibration", "ledger",
    "networks", "networks_truth", "personas", "personas_truth", "uplift_truth", "offpolicy_truth",
    "index",
)  # fmt: skip
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in LONG]


def benchmarks(*words: str | Path) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT,
        env=os.environ | {"LIFEWORTH_PEER_PYTHON": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a function that runs a claim with --small, and returns what it wrote."""
    folder = tmp_path_factory.mktemp("results")

    @functools.cache
    def measured(name: str) -> dict:
        benchmarks(name, "--small", "--results", folder)
        return json.loads((folder / f"{name}.json").read_text())

    return measured


def test_the_page_and_the_command_know_every_claim():
    code = "from benchmarks import __main__, page; print(*__main__.CLAIMS); print(*page.ORDER)"
    told = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    command, page = (line.split() for line in told.splitlines())
    assert sorted(command) == sorted(page) == sorted(SIDES)


@pytest.mark.parametrize("name", SIDES)
def test_every_claim_is_there_and_says_what_it_takes(name):
    told = benchmarks(name, "--help")
    assert {"--small", "--repeats", "--results"} <= set(told.replace(",", " ").split())


@pytest.mark.parametrize("name", ["score", "posterior_scores", *SLOW])
def test_a_claim_measures_every_side(small, name):
    result = small(name)
    sides = [(label, side) for case in result["cases"] for label, side in case["sides"].items()]
    assert {label for label, _ in sides} == SIDES[name]
    costs = {c: [side[c] for _, side in sides] for c in ("cpu_seconds", "peak_mib")}
    assert all(0.05 < cpu < 600 for cpu in costs["cpu_seconds"])
    assert all(20 < peak < 10_000 for peak in costs["peak_mib"])
    assert {"cpu", "cores", "memory_gib", "os"} <= result["machine"].keys()
    assert result["commit"] == "" or len(result["commit"]) == 40


def test_both_sides_score_alike(small):
    (case,) = small("score")["cases"]
    told = {side["told"]["not_finite"] for side in case["sides"].values()}
    assert told == {0}
    # lifetimes takes a difference of numbers near 1 (its series), which costs it three digits
    assert case["checks"]["purchases_max_relative_difference"] < 1e-10
    assert case["checks"]["p_alive_max_relative_difference"] < 1e-12
    assert abs(case["checks"]["worst_ours_relative_error"]) < 1e-12


@pytest.mark.slow
def test_both_sides_summarise_alike(small):
    (case,) = small("summary")["cases"]
    apart = {what: off for what, off in case["checks"].items() if what != "same_customers"}
    assert case["checks"]["same_customers"]
    assert set(apart.values()) == {0.0}


@pytest.mark.slow
def test_the_fit_is_no_worse_by_an_independent_likelihood(small):
    (case,) = small("fit")["cases"]
    assert case["checks"]["log_likelihood_minus_peer"] > -1e-6
    assert abs(case["checks"]["reported_minus_scipy"]) < 1e-6


def test_streamed_scores_are_those_of_dense_arrays(small):
    (case,) = small("posterior_scores")["cases"]
    assert case["ratios"] == {}  # of unequal work
    assert case["checks"]["dense_max_difference_over_mean"] < 1e-9
    assert "left out" in case["checks"]["pymc_marketing"]


@pytest.mark.slow
def test_the_pareto_nbd_has_no_poles(small):
    (case,) = small("pareto")["cases"]
    checks = case["checks"]
    assert checks["slope_not_finite"] == checks["random_not_finite"] == 0
    # of central differences, relative steps of 1e-5 in float64
    assert checks["slope_max_relative_error"] < 1e-4
    assert checks["ours"]["log_likelihood"] == pytest.approx(-9594.976, abs=5e-3)


@pytest.mark.slow
def test_every_inference_finds_the_published_parameters_of_cdnow(small):
    (case,) = small("posterior")["cases"]
    published = {"r": (0.246, 0.012), "alpha": (4.53, 0.37), "a": (0.78, 0.20), "b": (2.42, 0.81)}
    for method in ("nuts", "laplace", "svi"):
        for letter, (mean, sd) in published.items():
            assert abs(case["checks"][method][letter] - mean) < 1.5 * sd


@pytest.mark.slow
def test_partial_pooling_is_best(small):
    (case,) = small("pooling")["cases"]
    assert case["checks"]["all_inside_99"]
    assert case["checks"]["smallest_rmse"]["purchases"] == "partial"


@pytest.mark.slow
def test_calibration_keeps_ranks_and_pictures(small):
    (case,) = small("calibration")["cases"]
    for method in ("laplace", "svi", "nuts"):
        told = case["sides"][f"lifeworth, {method}"]["told"]
        counts = [cell["counts"] for cells in told["cells"].values() for cell in cells.values()]
        assert {sum(some) for some in counts} == {4}
        assert set(told["failed"].values()) == {0}


@pytest.mark.slow
def test_a_ledger_that_was_killed_lost_and_moved_nobody(small):
    (case,) = small("ledger")["cases"]
    checks = case["checks"]
    wrong = ("rows_lost", "rows_reassigned", "customers_missing", "customers_twice")
    assert [checks[name] for name in wrong] == [0] * 4
    assert checks["uniform_p"] > 1e-3
    assert checks["parts_p"] > 1e-3


def test_both_loops_over_networks_learn_alike_and_all_customers_are_scored(small):
    *epochs, scored = small("networks")["cases"]
    for case in epochs:
        ours, plain = (side["told"]["loss"] for side in case["sides"].values())
        assert ours == pytest.approx(plain, rel=0.02)  # another order of the same 3,000 customers
    told = scored["sides"]["lifeworth, score"]["told"]
    assert (told["scored"], told["finite"]) == (scored["sizes"]["customers"], True)


@pytest.mark.slow
def test_a_plan_with_the_truth_loses_nothing_and_others_overspend(small):
    (case,) = small("uplift_truth")["cases"]
    plans = {n: c for n, c in case["checks"].items() if n.startswith("plan, true chances")}
    assert len(plans) == 4
    right = plans["plan, true chances, true cost"]
    assert set(right.values()) == {0.0}
    assert all(cell["lost"] > -1e-3 for cell in plans.values())
    own = plans["plan, true chances, cost of incremental redemptions"]
    assert own["overspent"] > 0.2
    assert own["promised"] > 0.1


def test_a_board_gives_what_going_row_by_row_gives_within_its_budget(small):
    (case,) = small("board")["cases"]
    assert case["checks"]["as_row_by_row"]
    assert case["checks"]["within_budget"]
    assert case["checks"]["gap"] < 0.01


@pytest.mark.slow
def test_new_customers_are_placed_as_well_as_by_the_training_customers(small):
    checks = small("personas")["cases"][-1]["checks"]
    assert checks["same_vectors"]
    assert checks["from_orders_as_from_vectors"]
    assert checks["groups_ours"] == checks["groups_hdbscan"]
    assert checks["rand_with_each_other"] > 0.9
    assert checks["rand_with_truth_ours"] > checks["rand_with_truth_hdbscan"] - 0.02
