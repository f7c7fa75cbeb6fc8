"""At most one arm for each customer, within a budget and limits of arms, with a certificate."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from lifeworth.decide.classes import ByArm, Classes, Room, classes_of, spread
from lifeworth.decide.feasible import check_counts, check_spend
from lifeworth.decide.offers import Limits, Offers, Pairs, checked
from lifeworth.decide.repair import Bounded, Sizes, solved, within, worth
from lifeworth.tables.errors import InputError

Chosen = Int[np.ndarray, " customers"]
"""The place of each customer's arm among the arms, -1 for none."""

Arms = Float[np.ndarray, " arms"]


NOTHING = 1e-9
"""A gap of this many mean values of a pair is rounding."""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """How good an assignment is, and what its limits cost.

    Attributes
    ----------
    value, spend
        Of the assignment, in the units of values and of costs.
    upper_bound
        No assignment within the limits is worth more: the Lagrangian dual at the prices below.
    gap
        What is lost at most, as a share of the upper bound; 0 below 1e-9 of a mean value.
    budget_price
        What one more unit of budget is worth, to first order; 0 if the budget does not bind.
    cap_prices, minimum_prices
        What one more place in an arm is worth, and one customer fewer that has to be in it.
    customers
        Of each arm.
    """

    value: float
    spend: float
    upper_bound: float
    gap: float
    budget_price: float
    cap_prices: Arms
    minimum_prices: Arms
    customers: Int[np.ndarray, " arms"]


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """The arm of each customer, and how good that is."""

    arm: Chosen
    certificate: Certificate


def assign(offers: Offers, limits: Limits, sizes: Sizes | None = None) -> Assignment:
    """Return an assignment of nearly the greatest value, and a proof of how near.

    Prices of the limits come from a smoothed dual (`decide.prices`), whole customers from the few
    that are near a threshold (`decide.repair`). Nothing is random, and the order of rows does not
    matter; equal prices mean that the earlier arm is taken, and of customers with equal rows the
    lowest id gets the earliest of their arms, the highest none.

    The budget is kept as float64 adds: to within 1e-12 of all that is spent.

    Parameters
    ----------
    offers
        At least one arm; any number of customers.
    limits
        Of the arms in the order of columns.
    sizes
        How many classes of equal customers are decided exactly.

    Raises
    ------
    InputError
        If a number is not finite, shapes differ, or no assignment keeps the limits; it says what
        could be kept.
    """
    possible = checked(offers, limits)
    scale = _scale(offers.value, possible), _scale(offers.cost, possible)
    classes = classes_of(offers.value / scale[0], offers.cost / scale[1], possible)
    room = _room(classes, limits, scale[1])
    sizes = sizes or Sizes()
    check_counts(np.isfinite(classes.value), classes.weight, room)
    cheapest = check_spend(classes, room, sizes, scale[1])
    found = solved(classes, room, sizes)
    counts = _better(classes, room, found, cheapest)
    ids = pd.RangeIndex(len(offers.value)) if offers.ids is None else offers.ids
    binds = limits.budget is not None and bool(limits.budget / scale[1] < _most(classes))
    certificate = _certificate(classes, counts, found, scale, binds=binds)
    return Assignment(arm=spread(classes, counts.astype(np.int64), ids), certificate=certificate)


def greedy(offers: Offers, limits: Limits) -> Chosen:
    """Return the arms that go to the pairs of most value per cost first, while there is room.

    What is usually done, to compare with: a pair of cost 0 or less comes first (of these the most
    valuable), equal pairs by id, then by arm. It can lose any share of the value.

    Raises
    ------
    InputError
        As `assign`, and for minimums, which it does not know how to keep.
    """
    possible = checked(offers, limits)
    if limits.minimums is not None and any(limits.minimums):
        raise InputError("assign: greedy keeps no minimums; use assign, or leave them out")
    customer, arm = np.nonzero(possible)
    value, cost = offers.value[customer, arm], offers.cost[customer, arm]
    ratio = np.divide(value, cost, out=np.full(len(value), np.inf), where=cost > 0)
    rank = customer if offers.ids is None else _ranks(offers.ids)[customer]
    order = np.lexsort((arm, rank, -value, -ratio))
    left = np.inf if limits.budget is None else limits.budget
    places = [np.inf if cap is None else cap for cap in limits.cap_of_each(offers.value.shape[1])]
    chosen = [-1] * len(offers.value)
    walk = zip(*(a[order].tolist() for a in (customer, arm, cost)), strict=True)
    for who, which, price in walk:
        if chosen[who] < 0 and places[which] > 0 and price <= left:
            chosen[who] = which
            places[which] -= 1
            left -= price
    return np.array(chosen, dtype=np.int64)


def _better(classes: Classes, room: Room, found: Bounded, cheapest: ByArm | None) -> ByArm:
    """Return the better of what was found and what is surely possible."""
    sure = np.zeros_like(classes.value) if cheapest is None else cheapest
    if found.counts is None or not within(classes, room, found.counts):
        return sure
    return found.counts if worth(classes, found.counts) >= worth(classes, sure) else sure


def _certificate(
    classes: Classes, counts: ByArm, found: Bounded, scale: tuple[float, float], *, binds: bool
) -> Certificate:
    """Certify counts; a budget that nobody could overdraw does not bind, and has no price."""
    value, bound = worth(classes, counts), found.bound
    theta = found.theta if np.isfinite(classes.value).any() else np.zeros_like(found.theta)
    arms = scale[0] * theta[1:]
    return Certificate(
        value=scale[0] * value,
        spend=scale[1] * float((classes.cost * counts).sum()),
        upper_bound=scale[0] * bound,
        gap=(bound - value) / bound if bound - value > NOTHING else 0.0,
        budget_price=scale[0] / scale[1] * float(theta[0]) if binds else 0.0,
        cap_prices=np.maximum(arms, 0.0),
        minimum_prices=np.maximum(-arms, 0.0),
        customers=counts.sum(axis=1).astype(np.int64),
    )


def _most(classes: Classes) -> float:
    """Return what cannot be overdrawn, whoever gets what."""
    return float(classes.weight @ np.abs(classes.cost).max(axis=0, initial=0.0))


def _room(classes: Classes, limits: Limits, unit: float) -> Room:
    """Return the limits as finite numbers: what nobody could overdraw bounds what is unbounded."""
    most = _most(classes)
    there = np.isfinite(classes.value) @ classes.weight
    budget = most if limits.budget is None else min(limits.budget / unit, most)
    caps = [np.inf if cap is None else cap for cap in limits.cap_of_each(len(there))]
    minimums = np.zeros(len(there)) if limits.minimums is None else np.array(limits.minimums, float)
    return Room(budget, np.minimum(caps, np.maximum(there, minimums)), minimums)


def _scale(numbers_: Pairs, possible: Bool[np.ndarray, "customers arms"]) -> float:
    """Return a power of 2 near the mean size, so that scaling rounds nothing."""
    size = np.abs(numbers_).mean(where=possible) if possible.any() else 1.0
    return float(2.0 ** np.round(np.log2(size))) if size > 0 else 1.0


def _ranks(ids: pd.Index) -> Int[np.ndarray, " customers"]:
    ranks = np.empty(len(ids), dtype=np.int64)
    ranks[ids.argsort()] = np.arange(len(ids))
    return ranks
