"""Reliability and the calibration error: loops, the meaning of both, and rows of one cluster."""

import numpy as np
import pytest
from scipy import stats

from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.evaluate.chances import (
    bins_of,
    calibration_error,
    calibration_interval,
    reliability,
)


def drawn(seed: int, n: int, wrong: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return chances, and outcomes that come `wrong` times as often."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(1, 8, n)
    return chance, rng.random(n) < wrong * chance


def test_the_error_is_what_loops_find() -> None:
    chance, came = drawn(1, 997)
    chance = chance.round(2)  # ties
    edges = np.unique(np.quantile(chance, np.arange(1, 10) / 10))
    groups: dict[int, list[int]] = {}
    for n, p in enumerate(chance):
        groups.setdefault(int((edges < p).sum()), []).append(n)
    error = 0.0
    for rows in groups.values():
        error += abs(sum(chance[n] - came[n] for n in rows) / len(rows)) * len(rows) / len(chance)
    assert calibration_error(chance, came) == pytest.approx(error)
    table = reliability(chance, came)
    assert (table["shown"] * abs(table["chance_mean"] - table["came_share"])).sum() / len(
        chance
    ) == pytest.approx(error)


def test_equal_chances_are_in_one_group_whatever_the_order() -> None:
    chance, came = drawn(2, 500)
    chance = chance.round(1)
    order = np.random.default_rng(0).permutation(500)
    assert calibration_error(chance[order], came[order]) == pytest.approx(
        calibration_error(chance, came)
    )
    group = bins_of(chance)
    for value in np.unique(chance):
        assert len(np.unique(group[chance == value])) == 1
    assert bins_of(np.full(5, 0.3)).tolist() == [0] * 5


def test_right_chances_have_little_error_and_wrong_ones_theirs() -> None:
    """Outcomes at half of the chances: the error is half the mean chance."""
    n = 40_000
    chance, came = drawn(3, n)
    # the sum of ten groups of about sqrt(p / n_b) x .8 each, over ten: below four times that
    noise = np.sqrt(chance.mean() / (n / 10))
    assert calibration_error(chance, came) < 4 * noise
    chance, came = drawn(3, n, wrong=0.5)
    assert calibration_error(chance, came) == pytest.approx(chance.mean() / 2, abs=4 * noise)


def test_wilson_intervals_are_scipys() -> None:
    chance, came = drawn(4, 400)
    for row in reliability(chance, came).to_dict("records"):
        hits = round(row["came_share"] * row["shown"])
        ends = stats.binomtest(hits, int(row["shown"])).proportion_ci(0.90, method="wilson")
        assert (row["low"], row["high"]) == pytest.approx((ends.low, ends.high), abs=1e-9)


def test_rows_of_one_cluster_are_drawn_together() -> None:
    """Each row four times in one cluster has the same interval; in clusters of its own less."""
    chance, came = drawn(5, 600, wrong=0.7)
    cluster, resampling = np.arange(600), Resampling(resamples=200, seed=1)
    once = calibration_interval(chance, came, cluster, resampling)
    four = [np.repeat(x, 4) for x in (chance, came, cluster)]
    together = calibration_interval(*four, resampling)
    np.testing.assert_allclose(together, once)
    apart = calibration_interval(four[0], four[1], np.arange(2_400), resampling)
    assert apart.high - apart.low < 0.7 * (once.high - once.low)
