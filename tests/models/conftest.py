"""Stores that the tests of models share."""

import datetime as dt

import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def float64():
    from lifeworth.engines.device import use

    use("cpu")


@pytest.fixture(scope="session")
def cdnow_cut():
    """Cut the sample of the papers after 39 of its 78 weeks."""
    from lifeworth.asof import cut
    from lifeworth.tables.sources import Cdnow

    return cut(Cdnow(which="sample").load(), dt.date(1997, 10, 1), 273)


@pytest.fixture(scope="session")
def cdnow(cdnow_cut):
    """Return the BTYD statistics of the sample in weeks."""
    from lifeworth.models.btyd.statistics import statistics

    days = statistics(cdnow_cut[0])
    return days._replace(t_x=days.t_x / 7, T=days.T / 7)


@pytest.fixture(scope="session")
def crowd():
    """Simulate 20,000 customers of known truth: the World, x, t_x, T (days)."""
    from lifeworth.tables.simulate import World, purchases

    world = World(customers=20_000)
    bought = purchases(world, np.random.default_rng(11))
    last = np.zeros(world.customers)
    np.maximum.at(last, bought.customer, bought.day)
    x = np.bincount(bought.customer, minlength=world.customers) - 1.0
    return world, x, last - bought.arrived, world.days - bought.arrived
