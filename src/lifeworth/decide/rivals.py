"""The customers that were chosen beside those that simple rules pick, judged by one measure.

A rule orders customers, and buys down the order until the budget is spent; those who tie where it
ends share what is left, each with the same chance, so that every rule spends what it may to the
last cent in expectation. Random is the rule by which all tie. All are judged alike: by the sum of
uplift x value - cost over whom they picked, where value is either the forecast, not winsorised, or
what customers were worth in the time after it. Both take the uplift as given.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from lifeworth.decide.caution import Customers
from lifeworth.decide.target import Targeting
from lifeworth.evaluate.bootstrap import Interval, Resampling, intervals
from lifeworth.tables.errors import InputError

CHOSEN, RANDOM = "chosen", "random"

LESS = ("less", "less_low", "less_high")
"""Columns of the difference from the chosen policy."""

POINTS = 200
"""Budgets at which a curve is kept."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """An order in which customers are bought.

    Attributes
    ----------
    place
        Of each customer; equal places tie.
    cost
        Cents.
    open
        Who is bought at all.
    """

    place: Int[np.ndarray, " customers"]
    cost: Customers
    open: Bool[np.ndarray, " customers"]

    def chances(self, budget: float | int, copies: Customers | None = None) -> Customers:
        """Return the chance of each customer to be bought.

        Parameters
        ----------
        budget
            Cents.
        copies
            How often each customer is there; once if None.
        """
        weight = self.open.astype(np.float64) if copies is None else self.open * copies
        asked = np.bincount(self.place, weights=weight * self.cost)
        left = budget - (np.cumsum(asked) - asked)
        free = (left >= 0).astype(np.float64)
        share = np.clip(np.divide(left, asked, out=free, where=asked > 0), 0.0, 1.0)
        return share[self.place] * self.open


def rules(targeting: Targeting, keys: Mapping[str, Customers]) -> dict[str, Rule]:
    """Return the rules by name: the chosen one first, those of `keys`, then random.

    Parameters
    ----------
    keys
        What a rule goes by, the largest first: purchases so far, money spent so far. Rows as in
        `targeting.customers`.

    Raises
    ------
    InputError
        If a key is not one finite number for each customer.
    """
    cost = targeting.column("cost")
    every = np.ones(len(cost), dtype=bool)
    pays = targeting.column("score") > cost
    made = {CHOSEN: Rule(place=targeting.rank(), cost=cost, open=pays)}
    for name, key in keys.items():
        _check(name, key, len(cost))
        _, place = np.unique(-key, return_inverse=True)
        made[name] = Rule(place=place.astype(np.int64), cost=cost, open=every)
    return made | {RANDOM: Rule(place=np.zeros(len(cost), dtype=np.int64), cost=cost, open=every)}


def compared(
    targeting: Targeting,
    keys: Mapping[str, Customers],
    values: Mapping[str, Customers],
    resampling: Resampling,
) -> pd.DataFrame:
    """Return what every policy brings by every measure, and how much less than the chosen one.

    A resample draws customers, and every rule is applied to them anew with the same budget (gains
    stay capped where they were): the interval says what the same rule would bring with other
    customers such as these. Differences are paired, as all rules see the same customers. The
    figures themselves are those of the customers that `decide.target` chose.

    Parameters
    ----------
    keys
        As of `rules`.
    values
        By measure (forecast, realised): value of each customer, cents.

    Returns
    -------
    pandas.DataFrame
        policy, measure, customers and spend (expected), gain, net, low, high; score (the sum by
        which customers were chosen, which compares with nothing but itself); less, less_low,
        less_high: net of the chosen less net of this policy, missing for the chosen. Money in
        cents.

    Raises
    ------
    InputError
        If a key or a value is not one finite number for each customer.
    """
    by_name = rules(targeting, keys)
    cost, uplift = targeting.column("cost"), targeting.column("uplift")
    budget = targeting.action.budget
    nets = {}
    for measure, value in values.items():
        _check(measure, value, len(cost))
        nets[measure] = uplift * value - cost

    def taken(copies: Customers) -> dict[str, float]:
        weights = {n: copies * rule.chances(budget, copies) for n, rule in by_name.items()}
        return _with_less({(n, m): float(w @ nets[m]) for n, w in weights.items() for m in nets})

    ends = intervals(taken, len(cost), resampling)
    sure = {name: rule.chances(budget) for name, rule in by_name.items()}
    sure[CHOSEN] = targeting.chosen.astype(np.float64)
    points = _with_less({(n, m): float(w @ nets[m]) for n, w in sure.items() for m in nets})
    sums = pd.DataFrame({name: _sums(targeting, weight) for name, weight in sure.items()}).T
    rows = [
        {"policy": name, "measure": measure, **_row(f"{name}/{measure}", points, ends)}
        for name in sure
        for measure in nets
    ]
    made = pd.DataFrame(rows).join(sums, on="policy")
    columns = ["policy", "measure", "customers", "spend", "gain", "net", "low", "high", "score"]
    return made.assign(gain=made["net"] + made["spend"]).reindex(columns=[*columns, *LESS])


def curve(
    targeting: Targeting, keys: Mapping[str, Customers], values: Mapping[str, Customers]
) -> pd.DataFrame:
    """Return the net value of every policy at growing budgets, up to all customers.

    policy, measure, spend, customers, net (cents); the chosen order goes on to those who do not pay
    and falls there, which no budget makes `decide.target` do.
    """
    cost, uplift = targeting.column("cost"), targeting.column("uplift")
    parts = []
    for name, rule in rules(targeting, keys).items():
        spend, count = _running(rule, cost), _running(rule, np.ones(len(cost)))
        kept = np.unique(np.searchsorted(spend, np.linspace(0.0, spend[-1], POINTS)))
        for measure, value in values.items():
            net = _running(rule, uplift * value - cost)
            drawn = {"spend": spend[kept], "customers": count[kept], "net": net[kept]}
            parts.append(pd.DataFrame({"policy": name, "measure": measure, **drawn}))
    return pd.concat(parts, ignore_index=True)


def _running(rule: Rule, number: Customers) -> Float[np.ndarray, " groups"]:
    """Return the running sum over who is bought, from 0 for nobody."""
    return np.concatenate([[0.0], np.cumsum(np.bincount(rule.place, weights=number))])


def _sums(targeting: Targeting, weight: Customers) -> dict[str, float]:
    """Return what a policy is apart from its measure."""
    return {
        "customers": float(weight.sum()),
        "spend": float(weight @ targeting.column("cost")),
        "score": float(weight @ targeting.column("score")),
    }


def _row(name: str, points: dict[str, float], ends: dict[str, Interval]) -> dict[str, float]:
    none = Interval(float("nan"), float("nan"))
    net, less = ends.get(name, none), ends.get(f"{name}/less", none)
    numbers = (points.get(f"{name}/less", float("nan")), *less)
    return {"net": points[name], "low": net.low, "high": net.high} | dict(
        zip(LESS, numbers, strict=True)
    )


def _with_less(nets: dict[tuple[str, str], float]) -> dict[str, float]:
    named = {f"{name}/{measure}": net for (name, measure), net in nets.items()}
    less = {
        f"{name}/{measure}/less": nets[CHOSEN, measure] - net
        for (name, measure), net in nets.items()
        if name != CHOSEN
    }
    return named | less


def _check(name: str, numbers: Customers, customers: int) -> None:
    bad = int((~np.isfinite(numbers)).sum())
    if len(numbers) != customers or bad:
        raise InputError(
            f"target: {name} has {len(numbers):,} numbers, {bad:,} of them not finite, for "
            f"{customers:,} customers; give one finite number for each, by customer_id"
        )
