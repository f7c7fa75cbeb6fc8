"""Gauss rules of the Beta against scipy's, its moments, and 100-digit integrals."""

import mpmath as mp
import numpy as np
import pytest
from scipy import special

from lifeworth.models.btyd.quadrature import MOST_NODES, beta_rules, nodes_needed

PAIRS = [(0.3, 0.4), (0.8, 2.5), (1.0, 1.0), (1.0, 30.0), (2.0, 2.0), (0.05, 7.0), (15.0, 3.0)]


@pytest.mark.parametrize(("a", "b"), PAIRS)
@pytest.mark.parametrize("K", [2, 5, 24])
def test_rules_are_those_of_scipy(a, b, K):
    nodes, weights = beta_rules(a, np.array([b]), K)
    true_nodes, true_weights = special.roots_sh_jacobi(K, a + b - 1, a)
    assert nodes[0] == pytest.approx(true_nodes, rel=1e-9, abs=1e-13)
    assert weights[0] == pytest.approx(true_weights / true_weights.sum(), rel=1e-8, abs=1e-13)


@pytest.mark.parametrize(("a", "b"), [*PAIRS, (0.8, 1_000.0), (0.02, 500.0)])
def test_moments_are_exact_to_twice_the_nodes_less_one(a, b):
    K = 6
    nodes, weights = beta_rules(a, np.array([b]), K)
    true = np.cumprod([1.0, *((a + i) / (a + b + i) for i in range(2 * K))])
    found = [(weights * nodes**power).sum() for power in range(2 * K + 1)]
    assert found[:-1] == pytest.approx(true[:-1], rel=1e-10, abs=0)
    assert found[-1] != pytest.approx(true[-1], rel=1e-10, abs=0)


def test_each_row_has_its_own_rule():
    b = np.array([0.5, 3.0, 900.0])
    together = beta_rules(0.8, b, 16)
    for row in range(3):
        alone = beta_rules(0.8, b[row : row + 1], 16)
        assert (together[0][row] == alone[0][0]).all()
        assert (together[1][row] == alone[1][0]).all()


def relative_error(a, b, s, c, K):
    """Compare the rule for E[(1 - (1 + c p)^-s) / p] with its closed form at 100 digits."""
    nodes, weights = beta_rules(a, np.array([b]), K)
    found = (weights * -np.expm1(-s * np.log1p(c * nodes)) / nodes).sum()
    with mp.workdps(100):
        a, b, s, c = map(mp.mpf, (a, b, s, c))
        hyper = mp.hyp2f1(s, a - 1, a + b - 1, -c)
        true = (a + b - 1) / (a - 1) * (1 - hyper)
        return float(abs(found / true - 1))


@pytest.mark.parametrize("s", [0.05, 1.0, 20.0, 200.0])
@pytest.mark.parametrize("c", [0.1, 1.0, 10.0, 100.0])
@pytest.mark.parametrize(("a", "b"), [(0.03, 0.3), (0.8, 2.5), (7.0, 9.0)])
def test_nodes_needed_are_enough_and_not_far_too_many(a, b, s, c):
    K = nodes_needed(np.array([s]), np.array([c]))
    assert relative_error(a, b + s, s, c, K) < 5e-12
    assert K < MOST_NODES
    if (a, b) == (0.8, 2.5):
        assert relative_error(a, b + s, s, c, max(K // 4, 1)) > 1e-12


def test_nodes_needed_are_those_of_the_worst_row():
    s, c = np.array([0.5, 30.0, 2.0]), np.array([3.0, 4.0, 0.1])
    each = [nodes_needed(s[i : i + 1], c[i : i + 1]) for i in range(3)]
    assert nodes_needed(s, c) == max(each)
    assert nodes_needed(np.array([1_000.0]), np.array([1_000.0])) == MOST_NODES
