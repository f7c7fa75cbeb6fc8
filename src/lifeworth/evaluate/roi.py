"""What each further cent of budget brings: the path of purchases, and its measured curve.

From expected values and costs of every arm, the best plan for any budget buys *steps*: moves of one
customer to a better arm, those with the most value per cent first. The value per cent of the last
step bought is the marginal price of the budget: what one more cent would bring. Steps of one
customer lie on the upper convex hull of the arms, so their prices fall, and the path is optimal at
every point between whole steps (Sverdrup, Wu, Athey and Wager 2023, arXiv 2306.11979).

Plans come from expectations; what they earn and spend is measured by scores of an experiment that
the expectations have not seen.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from jaxtyping import Float, Int

from lifeworth.evaluate.estimates import Measured
from lifeworth.evaluate.policies import ByArm, policy_mean
from lifeworth.tables.errors import InputError, agreed


class Path(NamedTuple):
    """Steps in the order in which they are bought.

    price is the value per cent (infinite for a step that costs nothing), spend the expected total
    cost after the step.
    """

    customer: Int[np.ndarray, " steps"]
    arm: Int[np.ndarray, " steps"]
    price: Float[np.ndarray, " steps"]
    spend: Float[np.ndarray, " steps"]


class Plan(NamedTuple):
    """A policy, and its marginal price: value per cent of the last step it bought.

    Infinite if it bought only steps that cost nothing, or none.
    """

    policy: ByArm
    price: float


def path(value: ByArm, cost: ByArm) -> Path:
    """Return the steps worth buying: those of positive value.

    Parameters
    ----------
    value, cost
        Expected, per customer and arm, over the control, which is arm 0 and has value and cost 0.
        A value net of its cost finds the plan that earns most within a budget.

    Raises
    ------
    InputError
        If the control has a value or a cost, or anything is not finite.
    """
    _refuse(value, cost)
    customers, arms = value.shape
    rows, at = np.arange(customers), np.zeros(customers, dtype=int)
    found = []
    for _ in range(arms - 1):
        to, price = _next(value, cost, at)
        moved = price > 0
        step = cost[rows, to] - cost[rows, at]
        found.append((rows[moved], to[moved], price[moved], step[moved]))
        at = np.where(moved, to, at)
    customer, arm, price, step = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(-price, kind="stable")
    return Path(customer[order], arm[order], price[order], np.cumsum(step[order]))


def plan(steps: Path, budget: float, shape: tuple[int, int]) -> Plan:
    """Return the plan of the steps that come before the expected total cost exceeds `budget`.

    Parameters
    ----------
    steps
        From `path`.
    budget
        In the unit of cost, for all customers.
    shape
        Customers and arms.
    """
    within = np.maximum.accumulate(steps.spend) <= budget
    bought = int(within.sum())
    arm = np.zeros(shape[0], dtype=int)
    np.maximum.at(last := np.full(shape[0], -1), steps.customer[:bought], np.arange(bought))
    arm[last >= 0] = steps.arm[last[last >= 0]]
    price = float(steps.price[bought - 1]) if bought else float("inf")
    return Plan(np.eye(shape[1])[arm], price)


def roi_curve(
    steps: Path,
    value_scores: ByArm,
    cost_scores: ByArm,
    points: int = 20,
    customer: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Return gain and spend, per customer, along the path.

    One row for each of `points` budgets, evenly spaced up to the most that the path can spend.
    Columns: budget (per customer) and price, expected; treated, the share of customers given an
    arm; spend and gain, both measured against giving nobody anything, with spend_error and
    gain_error; roi, gain / spend; marginal_return, the measured gain over the measured spend since
    the row before. Ratios to a spend of 0 or less are missing.

    Parameters
    ----------
    steps
        From `path`, of the same customers.
    value_scores, cost_scores
        `policies.Logged.scores` of value and of money paid.
    points
        Rows.
    customer
        Who each row is about.
    """
    shape = (value_scores.shape[0], value_scores.shape[1])
    most = float(steps.spend.max(initial=0.0))
    rows = []
    before = {"spend": 0.0, "gain": 0.0}
    for budget in most * np.arange(1, points + 1) / points:
        chosen = plan(steps, float(budget), shape)
        nobody = np.eye(shape[1])[np.zeros(shape[0], dtype=int)]
        spend, gain = (
            policy_mean(chosen.policy, scores) - policy_mean(nobody, scores)
            for scores in (cost_scores, value_scores)
        )
        row = {
            "budget": float(budget) / shape[0],
            "price": chosen.price,
            "treated": float(1 - chosen.policy[:, 0].mean()),
        }
        row |= _with_error("spend", spend, customer) | _with_error("gain", gain, customer)
        row |= {
            "roi": _ratio(gain.value, spend.value),
            "marginal_return": _ratio(gain.value - before["gain"], spend.value - before["spend"]),
        }
        rows.append(row)
        before = row
    return pd.DataFrame(rows)


def _next(
    value: ByArm, cost: ByArm, at: Int[np.ndarray, " customers"]
) -> tuple[Int[np.ndarray, " customers"], Float[np.ndarray, " customers"]]:
    """Return for each customer the arm with the most value per cent from `at`, and its price."""
    rows = np.arange(len(at))
    more = value - value[rows, at][:, None]
    dearer = cost - cost[rows, at][:, None]
    price = np.divide(more, dearer, out=np.full_like(more, np.inf), where=dearer > 0)
    price = np.where(more > 0, price, 0.0)
    free = np.isinf(price)
    # Of arms that cost nothing more, the one that brings the most.
    best = np.where(free.any(axis=1), np.where(free, more, -1).argmax(axis=1), price.argmax(axis=1))
    return best, price[rows, best]


def _with_error(name: str, measured: Measured, customer: npt.ArrayLike | None) -> dict[str, float]:
    found = measured.estimate(customer)
    return {name: found.value, f"{name}_error": found.error}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _refuse(value: ByArm, cost: ByArm) -> None:
    for name, money in (("value", value), ("cost", cost)):
        broken = int((~np.isfinite(money)).sum())
        if broken:
            raise InputError(f"roi: {broken:,} of {money.size:,} of {name} are not finite")
        charged = np.flatnonzero(money[:, 0])
        if len(charged):
            raise InputError(
                f"roi: {agreed(len(charged), 'customer', 'have')} a {name} of the control other "
                f"than 0, first row {charged[0] + 1:,} ({money[charged[0], 0]}); give what each "
                "arm adds to it"
            )
