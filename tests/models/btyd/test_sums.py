"""Sums over purchases against an integral in mpmath, and against rules of quadrature."""

import mpmath as mp
import numpy as np
import pytest

from lifeworth.models.btyd import sums
from lifeworth.models.btyd.math import BgNbdParams
from lifeworth.models.btyd.processes import process_of
from lifeworth.models.btyd.sums import by_sums, purchases_by_sum

CASES = [  # r, alpha, a, b, x, T, H
    (0.243, 31.0, 0.793, 2.426, 2.0, 270.0, 273.0),
    (0.5, 3.0, 1.0, 0.3, 0.0, 20.0, 90.0),  # a = 1 is a pole of the textbook form
    (0.02, 200.0, 0.05, 4.0, 0.0, 300.0, 7.0),
    (40.0, 900.0, 3.0, 60.0, 25.0, 700.0, 365.0),
    (1.2, 10.0, 0.4, 2.0, 30.0, 100.0, 500.0),
]


def twin(*case):
    """Return E over p ~ Beta(a, b + x) of (1 - (1 + c p)^-(r + x)) / p."""
    with mp.workdps(30):
        r, alpha, a, b, x, T, H = map(mp.mpf, case)
        s, c, b = r + x, H / (alpha + T), b + x

        def part(u):  # p = u^(1/a): no pole of the density at 0
            p = u ** (1 / a)
            lost = -mp.expm1(-s * mp.log1p(c * p)) / p if p else s * c
            return lost * (1 - p) ** (b - 1) / a

        whole = mp.quad(part, [0, 1e-12, 1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999, 1])
        return float(whole / mp.beta(a, b))


@pytest.mark.parametrize("case", CASES)
def test_purchases_are_those_of_the_integral(case):
    r, alpha, a, b, x, T, H = (np.array([v]) for v in case)
    found = purchases_by_sum(BgNbdParams(r, alpha, a, b), x, b + x, T, H)
    assert found == pytest.approx([twin(*case)], rel=1e-9)


@pytest.mark.parametrize("name", ["bgnbd", "mbgnbd"])
def test_customers_of_a_beta_of_their_own_are_as_they_are_alone(name):
    """A single customer of numbers as parameters goes by a rule: 1e-10 is what that loses."""
    process, rng, n = process_of(name), np.random.default_rng(3), 200
    low, high = np.array([[-2, -3, -5, -2], [4, 3, 3, 4.0]])
    eta = rng.uniform(low, high, (n, 4))
    x, T = rng.integers(0, 30, n) + 0.0, rng.uniform(1.0, 900.0, n)
    H = 10.0 ** rng.uniform(-1.0, 2.7, n)
    th = process.params(eta)
    purchases, active = process.purchases(th, x, T, H, 0), process.p_active(th, x, T, H / 3, H, 0)
    for i in range(n):
        one, past = process.params(eta[i]), (x[i : i + 1], T[i : i + 1])
        ends = H[i : i + 1] / 3, H[i : i + 1]
        true = process.purchases(one, *past, ends[1], 0), process.p_active(one, *past, *ends, 0)
        found = purchases[i : i + 1], active[i : i + 1]
        assert np.stack(found) == pytest.approx(np.stack(true), rel=1e-10)


def test_who_needs_many_terms_gets_a_rule(monkeypatch):
    """Every row once, by one of the two, whatever their order."""
    monkeypatch.setattr(sums, "PIECE", 3)
    rng = np.random.default_rng(1)
    s, c = 10.0 ** rng.uniform(-2, 3.5, 50), 10.0 ** rng.uniform(-2, 1.5, 50)
    pieces = []

    def summed(rows):
        pieces.append(len(rows))
        return rows + 0.5

    found = by_sums(s, c, summed, lambda rows: rows + 0.25)
    assert max(pieces) == 3
    by = found - np.arange(50)
    assert set(by) == {0.25, 0.5}
    assert (by == 0.25)[s * c > sums.MOST_TERMS].all()
    assert (by == 0.5)[(s * c < 100) & (c < 5)].all()  # 100 + 8 sqrt(600) + 180 terms
    assert sum(pieces) == (by == 0.5).sum()


def test_the_first_term_of_many_has_not_underflowed():
    """s log1p(c) is at most s c, which is below MOST_TERMS less its deviations."""
    mean = np.linspace(1.0, sums.MOST_TERMS, 1_000)
    taken = mean[mean + 8.0 * np.sqrt(mean) + 30.0 < sums.MOST_TERMS]
    assert np.exp(-taken.max()) > np.finfo(np.float64).tiny


def test_nothing_is_bought_in_no_time():
    th = BgNbdParams(*(np.array([v]) for v in (0.5, 10.0, 0.8, 2.0)))
    assert purchases_by_sum(th, np.array([1.0]), th.b + 1.0, np.array([9.0]), np.zeros(1)) == [0.0]
