"""What is paid for within a budget: what brings most over its cost, with a proof of how near.

Actions are independent here, so that only those near the price of the budget are open: the others
are clearly worth it or not. `decide.assign` decides about the open ones; the proof counts all.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse

from lifeworth.decide.assign import NOTHING, Certificate, assign
from lifeworth.decide.offers import Limits, Offers

OPEN = 2_000
"""Actions nearest to the price of the budget that are decided by `decide.assign`."""

Pairs = Float[np.ndarray, " pairs"]
Units = Float[np.ndarray, " units"]
Numbers = Int[np.ndarray, " pairs"]


def paid(
    margin: Pairs, cost: Pairs, unit: Numbers, budget: float
) -> tuple[Bool[np.ndarray, " pairs"], Certificate]:
    """Say which actions are paid for, those of one unit together or none of them.

    Parameters
    ----------
    margin, cost
        Of each action, in one unit of money.
    unit
        The number of the unit of each action, from 0 on without gaps.

    Returns
    -------
    tuple
        Yes or no for each action; and the certificate of the choice between units, whose value is
        the sum of (margin - cost).
    """
    price = np.bincount(unit, cost)
    net = np.bincount(unit, margin) - price
    chosen, certificate = _chosen(net, price, budget)
    return chosen[unit], certificate


def units(pairs: int, joined: Int[np.ndarray, "2 edges"]) -> Numbers:
    """Return the number of each action's unit: those joined, directly or through others."""
    weights = np.ones(joined.shape[1], dtype=np.int8)
    graph = sparse.csr_array((weights, (joined[0], joined[1])), shape=(pairs, pairs))
    return sparse.csgraph.connected_components(graph, directed=False)[1].astype(np.int64)


def _chosen(
    net: Units, cost: Units, budget: float
) -> tuple[Bool[np.ndarray, " units"], Certificate]:
    order = np.argsort(-_ratio(net, cost), kind="stable")
    spent = np.cumsum(cost[order])
    over = np.flatnonzero(spent > budget)
    at = int(over[0]) if len(over) else len(net)
    start, stop = max(0, at - OPEN // 2), at + OPEN // 2
    open_ = np.sort(order[start:stop])
    before = float(spent[start - 1]) if start else 0.0
    offers = Offers(value=net[open_, None], cost=cost[open_, None])
    found = assign(offers, Limits(budget=budget - before))
    chosen = np.zeros(len(net), dtype=bool)
    chosen[order[:start]] = net[order[:start]] > 0
    chosen[open_[found.arm == 0]] = True
    return chosen, _certified(found.certificate, chosen, net, cost, budget)


def _ratio(net: Units, cost: Units) -> Units:
    """Return what each brings per cost; savings that bring something come first, losses last."""
    free = np.where(net > 0, np.inf, -np.inf)
    return np.divide(net, cost, out=free, where=(cost > 0) & (net > 0))


def _certified(
    part: Certificate, chosen: Bool[np.ndarray, " units"], net: Units, cost: Units, budget: float
) -> Certificate:
    """Return the certificate of all from that of the open ones: the dual at their price."""
    if len(net) <= OPEN // 2:
        return part
    price = part.budget_price
    bound = float(np.maximum(net - price * cost, 0.0).sum()) + price * budget
    value = float(net[chosen].sum())
    lost = bound - value
    return replace(
        part,
        value=value,
        spend=float(cost[chosen].sum()),
        upper_bound=bound,
        gap=lost / bound if lost > NOTHING * float(np.abs(net).mean()) else 0.0,
        customers=np.array([chosen.sum()], dtype=np.int64),
    )
