"""The benchmarks run, and write figures that can be read."""

import functools
import json
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
}
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("fit", "summary")]


def benchmarks(*words: str | Path) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT,
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


@pytest.mark.parametrize("name", SIDES)
def test_every_claim_is_there_and_says_what_it_takes(name):
    told = benchmarks(name, "--help")
    assert {"--small", "--repeats", "--results"} <= set(told.replace(",", " ").split())


@pytest.mark.parametrize("name", ["score", *SLOW])
def test_a_claim_measures_every_side(small, name):
    result = small(name)
    (case,) = result["cases"]
    assert case["sides"].keys() == SIDES[name]
    costs = {c: [side[c] for side in case["sides"].values()] for c in ("cpu_seconds", "peak_mib")}
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
