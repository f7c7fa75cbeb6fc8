"""Plans that believe something of values and costs, judged by the truth."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from lifeworth.decide.assign import assign
from lifeworth.decide.offers import Limits, Offers
from lifeworth.evaluate.roi import path, plan
from lifeworth.tables.simulate_campaign import Truth

Pairs = Float[np.ndarray, "customers offers"]


class Belief(NamedTuple):
    """What a plan takes for the value an offer adds, net of cost, and for that cost; cents."""

    net: Pairs
    cost: Pairs


def beliefs(chances: Truth) -> dict[str, Belief]:
    """Return what is believed of the same chances, by how it is reckoned."""
    t = chances
    more = (t.purchase - t.purchase[:, :1])[:, 1:]
    value, d, k = t.margin_cents[:, None] * more, t.discount_cents[:, 1:], t.contact_cents[1:]
    true, other = t.cost_cents[:, 1:], t.incremental_redemptions_cost_cents[:, 1:]
    short = value - d * more - k
    return {
        "true cost": Belief(value - true, true),
        "cost of incremental redemptions": Belief(value - other, other),
        "shortcut, true cost": Belief(short, true),
        "shortcut, its own cost": Belief(short, k + d * more),
    }


class Shop(NamedTuple):
    """Customers to plan for: what is right, and how much may be spent.

    `most` is the true net value of the best plan within the budget.
    """

    right: Belief
    budget: float
    most: float

    def judged(self, belief: Belief) -> dict[str, float]:
        """Return what the best plan of `belief` within the budget really does.

        lost: the share by which its true net value is short of the best for what it really spends
        (for the budget, if it spends less); overspent: above the budget; promised: its net value
        as believed, above the true one, as a share of that; lost_without_budget: the same as lost
        if everybody gets the best offer as believed, or none.
        """
        arm = assign(Offers(value=belief.net, cost=belief.cost), Limits(budget=self.budget)).arm
        net, spend = _sum(self.right.net, arm), _sum(self.right.cost, arm)
        as_much = self.most if spend <= self.budget else self._best(spend)
        return {
            "lost": 1 - net / as_much,
            "overspent": max(spend / self.budget - 1, 0.0),
            "promised": _sum(belief.net, arm) / net - 1,
            "lost_without_budget": 1 - self._free(belief) / self._free(self.right),
        }

    def _free(self, belief: Belief) -> float:
        return _sum(self.right.net, _best_offer(belief))

    def _best(self, budget: float) -> float:
        """Return the best true net value within another budget, to 1e-4 (the path stops early)."""
        net, cost = (np.pad(pairs, ((0, 0), (1, 0))) for pairs in self.right)
        return float((plan(path(net, cost), budget, net.shape).policy * net).sum())


def shop(truth: Truth, part: float) -> Shop:
    """Return customers whose budget is `part` of the true cost of everybody's best offer."""
    right = beliefs(truth)["true cost"]
    budget = part * _sum(right.cost, _best_offer(right))
    arm = assign(Offers(value=right.net, cost=right.cost), Limits(budget=budget)).arm
    return Shop(right, budget, _sum(right.net, arm))


def _best_offer(belief: Belief) -> Int[np.ndarray, " customers"]:
    """Return the offer of most net value of each customer, -1 if it has none."""
    return np.where(belief.net.max(axis=1) > 0, belief.net.argmax(axis=1), -1)


def _sum(pairs: Pairs, arm: Int[np.ndarray, " customers"]) -> float:
    some = np.flatnonzero(arm >= 0)
    return float(pairs[some, arm[some]].sum())
