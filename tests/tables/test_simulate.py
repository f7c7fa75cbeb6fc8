"""The simulated store against the truth it was made from."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from lifeworth.tables.margin import order_value
from lifeworth.tables.simulate import World, purchases
from lifeworth.tables.sources.simulated import Simulated

CUSTOMERS = 4_000


@pytest.fixture(scope="module")
def source():
    return Simulated(seed=3, world=World(customers=CUSTOMERS))


@pytest.fixture(scope="module")
def store(source):
    return source.load()


@pytest.fixture(scope="module")
def orders(store):
    table = store.orders
    return table.mutate(value=order_value(table, "margin")).order_by("order_id").to_pandas()


def test_the_same_seed_gives_the_same_store(store):
    world = World(customers=CUSTOMERS)
    assert Simulated(seed=3, world=world).load().content_hash() == store.content_hash()
    assert Simulated(seed=4, world=world).load().content_hash() != store.content_hash()


def test_hidden_parameters_have_their_distributions(source):
    """Kolmogorov and Smirnov at the 0.1 % level, with a seed that does not change."""
    truth, world = source.truth(), source.world
    for draws, law in [
        (truth.lambda_per_day, stats.gamma(world.r, scale=1 / world.alpha)),
        (truth.p, stats.beta(world.a, world.b)),
        (truth.nu, stats.gamma(world.q, scale=1 / world.gamma)),
    ]:
        assert stats.kstest(draws, law.cdf).pvalue > 0.001


def test_repeat_purchases_are_bg_nbd():
    """E[X] = (1 - exp(-p L T)) / p given rate, drop-out and time, within 5 standard errors."""
    world = World(customers=20_000)
    bought = purchases(world, np.random.default_rng(0))
    repeats = np.bincount(bought.customer, minlength=world.customers) - 1
    time = world.days - bought.arrived
    expected = -np.expm1(-bought.dropout * bought.rate * time) / bought.dropout
    error = repeats - expected
    assert abs(error.mean()) < 5 * error.std() / np.sqrt(world.customers)
    gone = ~np.isnan(bought.died)
    surely = -np.expm1(-bought.dropout * bought.rate * time)
    assert abs((gone - surely).mean()) < 5 * (gone - surely).std() / np.sqrt(world.customers)


def test_the_share_without_a_repeat_is_the_integral_over_the_gamma():
    """P(X = 0) = E (alpha / (alpha + T))^r, within 5 standard errors."""
    world = World(customers=20_000)
    bought = purchases(world, np.random.default_rng(1))
    none = np.bincount(bought.customer, minlength=world.customers) == 1

    def zero(arrived):
        return (world.alpha / (world.alpha + world.days - arrived)) ** world.r

    share = integrate.quad(zero, 0, world.arrival_days)[0] / world.arrival_days
    assert abs(none.mean() - share) < 5 * np.sqrt(share * (1 - share) / world.customers)


def test_kept_margins_are_gamma_gamma(orders, source):
    truth = source.truth().set_index("customer_id")
    kept = orders[~orders.returned]
    scaled = kept.value * kept.customer_id.map(truth.nu)
    assert stats.kstest(scaled, stats.gamma(source.world.p).cdf).pvalue > 0.001
    assert (orders[orders.returned].value == -orders[orders.returned].shipping_cents).all()
    assert 0.02 < orders.returned.mean() < 0.04


def test_times_agree_with_the_truth(orders, source):
    truth = source.truth().set_index("customer_id")
    times = orders.groupby("customer_id").ordered_at.agg(["min", "max"])
    assert (times["min"] == truth.arrived_at).all()
    died = truth.died_at.dropna()
    assert (times["max"].reindex(died.index) == died).all()
    assert orders.ordered_at.max() < pd.Timestamp("2024-01-01")
    assert not orders.ordered_at.duplicated().any()
    back = orders[orders.returned]
    assert (back.returned_at > back.ordered_at).all()
    assert orders[~orders.returned].returned_at.isna().all()


def test_lines_add_up_to_their_orders(store, orders):
    names = ["amount_cents", "discount_cents", "cogs_cents"]
    lines = store.order_lines.to_pandas()
    sums = lines.groupby("order_id")[names].sum()
    pd.testing.assert_frame_equal(sums, orders.set_index("order_id")[names].sort_index())
    assert set(lines.product_id) <= set(store.products.to_pandas().product_id)
    assert (lines.groupby("order_id").line_number.max() == lines.groupby("order_id").size()).all()


def test_events_belong_to_customers_inside_the_period(store):
    events = store.events.to_pandas()
    assert set(events.kind) == {"view", "complaint"}
    assert events.happened_at.between(pd.Timestamp("2022-01-01"), pd.Timestamp("2024-01-01")).all()
    assert set(events.customer_id) <= set(store.customers.to_pandas().customer_id)
