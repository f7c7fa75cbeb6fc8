"""Spend of simulated truth, its posterior against a grid, and totals against their means."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from lifeworth.asof.summary import purchases
from lifeworth.models.deep.spend import LogNormalSpend, Spent, learn_spend

MU, WITHIN, BETWEEN = 0.4, 0.3, 0.5


def spent_of(who, cents, customers):
    """Return what Spent says of these purchases, positive or not."""
    who, cents = np.asarray(who), np.asarray(cents, dtype=np.float64)
    good, spent = cents > 0, object.__new__(Spent)  # without a History
    spent.positive, spent.total = good, float(cents.sum())
    spent.who, spent.cents = who[good], cents[good]
    spent.n = np.bincount(who[good], minlength=customers).astype(np.float64)
    return spent


def shop(customers, seed):
    """Draw one to a dozen purchases of each customer; return them and the customers' levels."""
    rng = np.random.default_rng(seed)
    level = rng.normal(MU, np.sqrt(BETWEEN), customers)
    who = np.repeat(np.arange(customers), 1 + rng.poisson(2.0, customers))
    cents = 1_000.0 * np.exp(rng.normal(level[who], np.sqrt(WITHIN)))
    return spent_of(who, cents, customers), level


@pytest.fixture(scope="module")
def spend():
    return LogNormalSpend(mu=0.1, within=0.3, between=0.5, unit=1_000.0, factor=0.9)


@pytest.mark.parametrize("seed", range(4))
def test_moments_recover_the_truth(seed):
    """Each within 5 standard errors: of a variance v of k normals sqrt(2/k) v."""
    customers = 3_000
    spent, _ = shop(customers, seed)
    found = learn_spend(spent)
    n, total = spent.n, spent.n.sum()
    assert abs(found.within - WITHIN) < 5 * WITHIN * np.sqrt(2 / (total - customers))
    of_mean = np.sqrt((BETWEEN * (n**2).sum() / total**2) + WITHIN / total)
    assert abs(found.mu + np.log(found.unit / 1_000.0) - MU) < 5 * of_mean
    # (means spread by between + within / n) of which the noisiest, one purchase, bounds the error
    of_between = (BETWEEN + WITHIN) * np.sqrt(2 / customers) * np.sqrt((n**2).mean()) / n.mean()
    assert abs(found.between - BETWEEN) < 5 * of_between
    assert found.unit == pytest.approx(spent.cents.mean())
    assert found.factor == pytest.approx(1.0)


def test_variances_are_those_of_a_one_way_table():
    """Three customers of two purchases each: the textbook's mean squares."""
    logs = np.array([[0.1, 0.5], [1.0, 1.6], [-0.4, -0.2]])
    cents = np.exp(logs)
    found = learn_spend(spent_of(np.repeat([0, 1, 2], 2), cents.ravel(), 3))
    within = logs.var(axis=1, ddof=1).mean()
    between = (2 * logs.mean(axis=1).var(ddof=1) - within) / 2
    assert found.within == pytest.approx(within, rel=1e-7)  # logs are kept to nine decimals
    assert found.between == pytest.approx(between, rel=1e-7)
    assert found.mu == pytest.approx(np.log(cents / cents.mean()).mean(), rel=1e-6)


def test_the_posterior_is_that_of_a_grid(spend):
    """Prior times likelihood on a grid, customer by customer; the prior where nothing is known."""
    cents = {0: [500.0, 800.0, 4_000.0], 1: [1_000.0], 2: []}
    who = np.repeat([0, 1, 2], [3, 1, 0])
    spent = spent_of(who, np.concatenate(list(cents.values())), 3)
    mean, variance = spend.posterior(spent)
    grid = np.linspace(-6.0, 6.0, 20_001)
    for customer, own in cents.items():
        weight = norm.pdf(grid, spend.mu, np.sqrt(spend.between))
        for value in own:
            weight = weight * norm.pdf(np.log(value / spend.unit), grid, np.sqrt(spend.within))
        weight /= weight.sum()
        true = (weight * grid).sum()
        assert mean[customer] == pytest.approx(true, abs=1e-9)
        assert variance[customer] == pytest.approx((weight * (grid - true) ** 2).sum(), abs=1e-9)


def test_totals_have_the_mean_of_counts_times_the_mean(spend):
    """And are spread: what one future knows of a customer's level is shared by its purchases."""
    spent, _ = shop(4, 1)
    draws, counts = 40_000, np.array([0.0, 1.0, 2.0, 7.0])
    own = spend.posterior(spent)
    many = np.repeat(counts[:, None], draws, axis=1)
    totals = spend.totals(own, many, np.random.default_rng(0))
    assert (totals[0] == 0).all()
    se = totals.std(axis=1, ddof=1) / np.sqrt(draws)
    assert (abs(totals.mean(axis=1) - counts * spend.mean(spent))[1:] < 5 * se[1:]).all()
    variance, mean = own[1][3], spend.mean(spent)[3]
    each, shared = np.expm1(variance + spend.within), np.expm1(variance)
    true = mean**2 * (7 * each + 42 * shared)
    of_square = (totals[3] - totals[3].mean()) ** 2
    assert abs(of_square.mean() - true) < 5 * of_square.std(ddof=1) / np.sqrt(draws)


def test_returns_and_gifts_take_their_share_of_every_purchase():
    """All alike: what is expected of a purchase is the mean of all, positive or not."""
    rng = np.random.default_rng(2)
    who = np.repeat(np.arange(500), 4)
    cents = 1_000.0 * np.exp(0.1 * rng.standard_normal(2_000))
    cents[rng.random(2_000) < 0.2] = -50.0
    cents[rng.random(2_000) < 0.1] = 0.0
    spent = spent_of(who, cents, 500)
    found = learn_spend(spent)
    # exp(mean + variance / 2) and the mean differ by chance: sd 0.1 of 1,400 purchases
    expected = (found.mean(spent) * 4).sum() / 2_000
    assert expected == pytest.approx(cents.mean(), rel=5 * 0.1**2)


def test_too_few_to_compare_are_all_alike():
    alone = learn_spend(spent_of([0, 0], [1_000.0, 1_200.0], 1))
    assert alone.between == pytest.approx(1e-4)
    nobody = learn_spend(spent_of([0, 0], [0.0, -5.0], 1))
    assert np.isfinite([nobody.mu, nobody.within, nobody.unit]).all()


def test_what_is_spent_is_read_from_the_purchases_of_a_history(history):
    ids = np.sort(history.customers().to_pandas()["customer_id"].to_numpy(dtype=object))
    spent, frame = Spent(history, ids), purchases(history.tables, "day").to_pandas()
    good = frame[frame.value_cents > 0]
    assert len(good) < len(frame) == len(spent.positive)
    assert spent.total == frame.value_cents.sum()
    assert sorted(zip(ids[spent.who], spent.cents, strict=True)) == sorted(
        zip(good.customer_id, good.value_cents, strict=True)
    )
    counted = good.customer_id.value_counts().reindex(pd.Index(ids), fill_value=0)
    assert np.array_equal(spent.n, counted)
