"""What each loss teaches: at its least, heads that say the same of everybody say what was."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from lifeworth.models.deep.losses import ASSUMED, OBJECTIVES
from lifeworth.models.deep.math import counts_mean, ziln_mean

CUSTOMERS = 400


class Told(NamedTuple):
    """What a loss reads of a batch."""

    seen: None
    purchases: torch.Tensor
    value: torch.Tensor
    over: torch.Tensor


class Alike(torch.nn.Module):
    """A network that says the same of everybody."""

    def __init__(self):
        super().__init__()
        self.raw = torch.nn.Parameter(torch.zeros(1, 1, 5, dtype=torch.float64))

    def forward(self, seen):
        del seen
        return self.raw.expand(CUSTOMERS, 1, 5)


@pytest.fixture(scope="module")
def told():
    """Return 400 customers, of whom about a third buy, a tenth of these for less than nothing."""
    rng = np.random.default_rng(8)
    n = np.where(rng.random(CUSTOMERS) < 0.3, 1.0 + rng.poisson(0.8, CUSTOMERS), 0.0)
    y = np.where(n > 0, np.exp(rng.normal(0.2, 0.6, CUSTOMERS)), 0.0)
    y = np.where(rng.random(CUSTOMERS) < 0.1, -0.2 * y, y)
    over = rng.random(CUSTOMERS) < 0.8
    columns = (torch.from_numpy(column[:, None]) for column in (n, y, over))
    return Told(None, *columns)


def least(loss, told):
    """Return the heads at the least loss, found by L-BFGS in double precision."""
    net, objective = Alike(), OBJECTIVES[loss]
    search = torch.optim.LBFGS(
        net.parameters(), max_iter=500, tolerance_grad=1e-9, tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def step():
        search.zero_grad()
        cost = objective.cost(net, told)
        cost.backward()
        return cost

    search.step(step)
    with torch.no_grad():
        return objective.read(net(None)[0])


@pytest.mark.parametrize("loss", OBJECTIVES)
def test_the_chance_of_buying_and_the_purchases_are_those_that_were(loss, told):
    n = told.purchases[told.over]
    head = least(loss, told)
    mean = float(counts_mean(head.counts))
    if loss != "mse":  # there the error of value has a say in the chance
        assert float(head.counts.buys) == pytest.approx(float((n > 0).double().mean()), rel=1e-5)
        assert mean == pytest.approx(float(n.mean()), rel=1e-4)
    assert 0.5 < mean / float(n.mean()) < 2.0


@pytest.mark.parametrize("loss", ["mse", "two_head"])
def test_squared_errors_teach_the_mean_of_all_value(loss, told):
    head = least(loss, told)
    true = float(told.value[told.over].mean())
    assert float(ziln_mean(head.ziln)) == pytest.approx(true, rel=1e-5)
    assert float(head.scale) == ASSUMED


def test_the_likelihood_teaches_logs_of_positive_value_alone(told):
    head = least("ziln", told)
    logs = told.value[told.over & (told.value > 0)].log()
    assert float(head.loc) == pytest.approx(float(logs.mean()), rel=1e-5)
    assert float(head.scale) == pytest.approx(float(logs.std(correction=0)), rel=1e-5)


@pytest.mark.parametrize("loss", OBJECTIVES)
def test_what_is_not_over_does_not_count(loss, told):
    """Other targets, not a number among them, cost the same."""
    net, cost = Alike(), OBJECTIVES[loss].cost
    odd = told._replace(
        purchases=torch.where(told.over, told.purchases, 7.0),
        value=torch.where(told.over, told.value, torch.nan),
    )
    assert cost(net, odd) == cost(net, told)
    none = told._replace(over=torch.zeros_like(told.over))
    assert cost(net, none) == 0
