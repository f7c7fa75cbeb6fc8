"""Credibility against Bühlmann and Straub's own formulas and simulated truth, losses included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeworth.engines.likelihood import FitError
from lifeworth.engines.pooled import Groups
from lifeworth.models.btyd.credibility import QUANTILES, credibility, credibility_of
from lifeworth.models.btyd.estimate import Seen, nothing
from lifeworth.models.btyd.pool import Grouped
from lifeworth.models.btyd.statistics import Statistics

MU, SIGMA, TAU = -40.0, 900.0, 500.0


def shop(customers, seed, mu=MU, sigma=SIGMA, tau=TAU):
    """Draw whose purchase each is, its value, and the true means."""
    rng = np.random.default_rng(seed)
    truth = mu + tau * rng.standard_normal(customers)
    customer = np.repeat(np.arange(customers), 1 + rng.poisson(2.0, customers))
    skewed = rng.gamma(2.0, 1.0, len(customer)) - 2.0  # mean 0, variance 2
    return customer.astype(float), truth[customer] + sigma * skewed / np.sqrt(2.0), truth


def buhlmann_straub(customer, value):
    """Return mu, sigma2, tau2 by the estimators of Bühlmann and Gisler (2005), section 4.8."""
    risks = [value[customer == c] for c in np.unique(customer)]
    w = [len(risk) for risk in risks]
    means = [sum(risk) / len(risk) for risk in risks]
    within = sum(((risk - mean) ** 2).sum() for risk, mean in zip(risks, means, strict=True))
    sigma2 = within / sum(n - 1 for n in w)
    total, count = sum(w), len(risks)
    overall = sum(n * m for n, m in zip(w, means, strict=True)) / total
    spread = sum(n / total * (m - overall) ** 2 for n, m in zip(w, means, strict=True))
    c = (count - 1) / count / sum(n / total * (1 - n / total) for n in w)
    tau2 = c * (count / (count - 1) * spread - count * sigma2 / total)
    alpha = [n / (n + sigma2 / tau2) for n in w]
    mu = sum(z * m for z, m in zip(alpha, means, strict=True)) / sum(alpha)
    return mu, sigma2, tau2


def some(x, m):
    zero = np.zeros_like(x)
    return Statistics(np.arange(len(x)).astype(str).astype(object), x, zero, zero, m, zero)


def no_eta(draws):
    return np.empty((1, draws, 0))


def unseen(stats):
    """Return the draws of what has none."""
    n = len(stats.x)
    one = Groups(codes=np.zeros((1, 0), dtype=np.int64), values=np.zeros((1, 0)))
    return Seen(nothing().posterior, Grouped(one, np.zeros(n, dtype=np.int64)), 0)


@pytest.mark.parametrize("seed", range(3))
def test_estimates_are_those_of_the_textbook(seed):
    customer, value, _ = shop(200, seed)
    fitted = credibility_of(customer, value)
    found = fitted.mu, fitted.sigma2, fitted.tau2
    assert found == pytest.approx(buhlmann_straub(customer, value), rel=1e-10)
    assert fitted.notes() == ()
    assert [p.estimate for p in fitted.parameters()] == pytest.approx(
        [fitted.mu, fitted.sigma2**0.5, fitted.tau2**0.5]
    )


def test_variances_are_without_bias():
    """Over 60 shops, within 5 standard errors."""
    fits = [credibility_of(*shop(400, seed)[:2]) for seed in range(60)]
    for found, true in [
        ([f.mu for f in fits], MU),
        ([f.sigma2 for f in fits], SIGMA**2),
        ([f.tau2 for f in fits], TAU**2),
    ]:
        assert abs(np.mean(found) - true) < 5 * np.std(found) / np.sqrt(len(fits))


def test_premiums_beat_means_and_are_without_bias():
    customer, value, truth = shop(20_000, seed=77)
    x = np.bincount(customer.astype(int)).astype(float)
    m = np.bincount(customer.astype(int), weights=value) / x
    premium = credibility_of(customer, value).mean(some(x, m), unseen(some(x, m)))
    assert (premium < 0).any()
    for known in (np.ones_like(x), x, m / 1_000):
        error = (premium - truth) * known
        assert abs(error.mean()) < 5 * error.std() / np.sqrt(len(x))
    assert ((premium - truth) ** 2).mean() < 0.8 * ((m - truth) ** 2).mean()


@given(
    st.lists(st.integers(0, 1_000), min_size=1, max_size=20),
    st.floats(0, 1e12),
    st.floats(0, 1e12),
)
def test_z_lies_between_0_and_1_and_grows_with_purchases(x, sigma2, tau2):
    z = credibility(np.array(sorted(x), dtype=float), sigma2, tau2)
    assert ((z >= 0) & (z <= 1)).all()
    assert (np.diff(z) >= -(2.0**-52)).all()  # a quotient near 1 is rounded


def test_draws_have_the_mean_and_variance_of_the_model():
    """n purchases: variance n sigma2 within, n^2 tau2 (1 - Z) of the customer's own mean."""
    customer, value, _ = shop(5_000, seed=78)
    fitted = credibility_of(customer, value)
    stats = some(np.array([0.0, 1.0, 12.0]), np.array([0.0, -700.0, 300.0]))
    n, draws = 4.0, 200_000
    totals = fitted.totals(stats, no_eta(draws), np.full((3, draws), n), np.random.default_rng(14))
    z = credibility(stats.x, fitted.sigma2, fitted.tau2)
    variance = n * fitted.sigma2 + n**2 * fitted.tau2 * (1 - z)
    noise = np.sqrt(variance / draws)
    own = fitted.residuals.mean()
    assert abs(own) < 1e-9 * SIGMA
    assert (np.abs(totals.mean(axis=1) - n * fitted.mean(stats, unseen(stats))) < 5 * noise).all()
    fourth = ((totals - totals.mean(axis=1)[:, None]) ** 4).mean(axis=1)
    spread = np.sqrt((fourth - variance**2) / draws)
    assert (np.abs(totals.var(axis=1) - variance) < 5 * spread).all()
    nothing = fitted.totals(stats, no_eta(7), np.zeros((3, 7)), np.random.default_rng(14))
    assert (nothing == 0).all()


def test_residuals_have_the_variance_within():
    fitted = credibility_of(*shop(300, seed=79)[:2])
    assert (fitted.residuals**2).mean() == pytest.approx(fitted.sigma2, rel=1e-12)


# ---- edges


def test_nobody_with_two_purchases_is_refused():
    with pytest.raises(FitError, match="no customer has two repeat purchases"):
        credibility_of(np.arange(50.0), np.linspace(-1, 1, 50))


def test_customers_that_do_not_differ_get_the_mean_of_the_shop():
    customer = np.repeat(np.arange(3.0), 2)
    fitted = credibility_of(customer, np.array([1.0, 9, 2, 8, 3, 7]))
    stats = some(np.array([0.0, 2, 2]), np.array([0.0, 4, 6]))
    assert fitted.tau2 == 0
    assert fitted.mean(stats, unseen(stats)) == pytest.approx([5.0, 5, 5])
    assert "everybody gets the store's mean" in fitted.notes()[0]


def test_one_price_for_all_is_no_trouble():
    fitted = credibility_of(np.array([0.0, 0, 1, 1]), np.full(4, 250.0))
    stats = some(np.array([0.0, 2.0]), np.array([0.0, 250.0]))
    assert fitted.mean(stats, unseen(stats)) == pytest.approx([250.0, 250.0])
    totals = fitted.totals(stats, no_eta(3), np.full((2, 3), 2.0), np.random.default_rng(0))
    assert totals == pytest.approx(np.full((2, 3), 500.0))


def test_each_customer_with_one_price_is_believed_at_once():
    fitted = credibility_of(np.array([0.0, 0, 1, 1]), np.array([100.0, 100, 300, 300]))
    stats = some(np.array([0.0, 1.0]), np.array([0.0, 120.0]))
    assert fitted.sigma2 == 0
    assert fitted.mean(stats, unseen(stats)) == pytest.approx([200.0, 120.0])


def test_a_single_customer_is_no_trouble():
    fitted = credibility_of(np.zeros(3), np.array([1.0, 2.0, 6.0]))
    stats = some(np.array([0.0, 3.0]), np.array([0.0, 3.0]))
    assert fitted.mean(stats, unseen(stats)) == pytest.approx([3, 3])


def test_a_fit_keeps_few_deviations_and_their_distribution():
    rng = np.random.default_rng(8)
    customer = np.repeat(np.arange(5_000.0), 4)
    value = 3_000.0 + 500.0 * rng.standard_exponential(20_000)
    fitted = credibility_of(customer, value)
    assert len(fitted.residuals) == QUANTILES
    assert fitted.residuals.mean() == pytest.approx(0.0, abs=1e-9)
    off = (value.reshape(-1, 4) - value.reshape(-1, 4).mean(axis=1, keepdims=True)).ravel()
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    true = np.quantile(off * np.sqrt(4 / 3), levels)
    assert np.quantile(fitted.residuals, levels) == pytest.approx(true, abs=5.0)
