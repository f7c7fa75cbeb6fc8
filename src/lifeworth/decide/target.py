"""Whom to target with a costed action under a budget.

An action raises the value of a customer by a share of it (uplift). What it adds is compared with
what it costs: customers are chosen for the largest sum of (score - cost) within the budget, by the
certified `decide.assign`. Whoever's score does not exceed the cost is left alone, also where there
is budget left.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from lifeworth.decide.assign import Certificate, assign
from lifeworth.decide.caution import Caution, Customers, Drawer, cautious_gain, winsorised
from lifeworth.decide.offers import Limits, Offers
from lifeworth.tables.errors import InputError
from lifeworth.tables.frames import numbers

REASONS = ("chosen", "budget", "not certain", "loses money")
"""Why a customer is targeted or not.

budget: would pay, and the budget is spent on better ones. not certain: would pay by expectation,
not by the cautious score. loses money: adds no more than it costs.
"""


@dataclass(frozen=True, kw_only=True)
class Action:
    """What an action does, what it costs, and what all of it may cost.

    Attributes
    ----------
    budget
        Cents, 0 or more.
    cost
        Cents of each customer who gets it, 0 or more; None: the column cost of customers.
    uplift
        Share by which it raises the value of a customer (0.15: 15 %); below 0 where it does harm.
        None: the column uplift of customers. An assumption until a campaign with a control group
        has measured it.
    """

    budget: float | int
    cost: float | int | None = None
    uplift: float | int | None = None

    def __post_init__(self) -> None:
        for name, number in (("budget", self.budget), ("cost", self.cost)):
            if number is not None and not (np.isfinite(number) and number >= 0):
                raise InputError(
                    f"target: the {name} is {number}; give a finite number of cents, 0 or more"
                )


@dataclass(frozen=True, kw_only=True)
class Targeting:
    """Who is targeted, and what that brings.

    Attributes
    ----------
    customers
        customer_id, expected_value, uplift, gain (uplift x expected value), score (the gain as
        caution counts it), cost, chosen (bool), reason (`REASONS`); sorted by customer_id; money in
        cents.
    cap
        The gain at which scores are winsorised; None where they are not.
    certificate
        Of the sum of (score - cost), as `decide.assign` gives it; its budget_price is what one more
        cent of budget would bring over the cent.
    """

    customers: pd.DataFrame
    action: Action
    caution: Caution
    cap: float | None
    certificate: Certificate

    def column(self, name: str) -> Customers:
        """Return a column of customers as floats."""
        return self.customers[name].to_numpy(dtype=np.float64)

    @property
    def chosen(self) -> Bool[np.ndarray, " customers"]:
        """Say who is targeted."""
        return self.customers["chosen"].to_numpy(dtype=bool)

    def totals(self) -> dict[str, float]:
        """Return the sums over the chosen, money in cents.

        customers; spend; gain, not winsorised; score; net (gain - spend); return (net / spend, NaN
        if nothing is spent); paying and paying_cost: how many would pay by their score, and what
        all of them would cost.
        """
        who, cost, gain = self.chosen, self.column("cost"), self.column("gain")
        spend, gained = float(cost[who].sum()), float(gain[who].sum())
        pays = self.column("score") > cost
        return {
            "customers": float(who.sum()),
            "spend": spend,
            "gain": gained,
            "score": float(self.column("score")[who].sum()),
            "net": gained - spend,
            "return": (gained - spend) / spend if spend > 0 else float("nan"),
            "paying": float(pays.sum()),
            "paying_cost": float(cost[pays].sum()),
        }

    def rank(self) -> Int[np.ndarray, " customers"]:
        """Return the place of each customer in the order of score per cost, the best at 0.

        Equals are in the order of `target`.
        """
        score, cost = self.column("score"), self.column("cost")
        free = np.where(score > 0, np.inf, -np.inf)
        ratio = np.divide(score, cost, out=free, where=cost > 0)
        return _places(ratio, self.column("gain"))


def target(
    customers: pd.DataFrame,
    action: Action,
    caution: Caution | None = None,
    draws: Drawer | None = None,
) -> Targeting:
    """Choose whom to target.

    Deterministic, and the order of rows does not matter. Of customers with the same score and the
    same cost those with the larger gain before winsorising come first, then those with the lower
    customer_id. So where all costs are equal winsorising changes nobody's place; where they differ
    it keeps a few very large forecasts from paying for dear customers.

    Parameters
    ----------
    customers
        customer_id, expected_value (cents), and cost (cents) or uplift where `action` leaves them
        to columns; one row per customer.
    caution
        How gains are counted; by default expected and winsorised at P95.
    draws
        Draws of value (cents) of the customers in the order of their ids; needed by a risk other
        than mean. `array.__getitem__` makes one of an array (customers x draws).

    Raises
    ------
    InputError
        If a column, an id or draws are missing, an id is there twice, or a number is not finite or
        a cost below 0.
    """
    caution = caution or Caution()
    frame = _checked(customers, action)
    value, uplift, cost = (frame[c].to_numpy() for c in ("expected_value", "uplift", "cost"))
    gain = uplift * value
    score, cap = winsorised(_counted(gain, uplift, caution, draws), caution.winsorise)
    found = assign(
        Offers(
            value=(score - cost)[:, None],
            cost=cost[:, None],
            ids=pd.Index(_places(np.zeros(len(gain)), gain)),
        ),
        Limits(budget=action.budget),
    )
    chosen = found.arm == 0
    cases = [chosen, score > cost, gain > cost]
    codes = np.select(cases, range(len(cases)), len(cases))
    reason = pd.Categorical.from_codes(codes, categories=list(REASONS))
    made = pd.DataFrame({
        "customer_id": frame["customer_id"],
        "expected_value": value,
        "uplift": uplift,
        "gain": gain,
        "score": score,
        "cost": cost,
        "chosen": chosen,
        "reason": reason,
    })  # fmt: skip
    return Targeting(
        customers=made,
        action=action,
        caution=caution,
        cap=cap,
        certificate=found.certificate,
    )


def _counted(
    gain: Customers, uplift: Customers, caution: Caution, draws: Drawer | None
) -> Customers:
    if caution.risk == "mean":
        return gain
    if draws is None:
        raise InputError(
            f"target: risk {caution.risk} needs draws of value, and there are none; "
            "give draws, or risk mean"
        )
    return cautious_gain(draws, uplift, caution)


def _places(first: Customers, gain: Customers) -> Int[np.ndarray, " customers"]:
    """Return places by `first`, then gain, both largest first, then row."""
    order = np.lexsort((np.arange(len(gain)), -gain, -first))
    places = np.empty(len(gain), dtype=np.int64)
    places[order] = np.arange(len(gain))
    return places


def _checked(customers: pd.DataFrame, action: Action) -> pd.DataFrame:
    """Return customer_id, expected_value, uplift and cost (float), sorted by customer_id."""
    given = {"uplift": action.uplift, "cost": action.cost}
    wanted = [
        "customer_id",
        "expected_value",
        *(n for n, number in given.items() if number is None),
    ]
    missing = [name for name in wanted if name not in customers]
    if missing or customers.empty:
        what = f"no column {missing[0]!r}" if missing else "no rows"
        raise InputError(
            f"target: customers have {what}; give {', '.join(wanted)}, a row for each customer"
        )
    frame = customers[wanted].assign(**{n: x for n, x in given.items() if x is not None})
    _check_ids(pd.Series(frame["customer_id"]))
    for name in ("expected_value", "uplift", "cost"):
        frame[name] = numbers("target", frame, name, ["customer_id"])
        fine = np.isfinite(frame[name]) & ((frame[name] >= 0) | (name != "cost"))
        _refuse(frame, name, np.flatnonzero(~fine))
    return frame.sort_values("customer_id", ignore_index=True)


def _check_ids(ids: pd.Series) -> None:
    bad = np.flatnonzero(ids.isna() | ids.duplicated())
    if len(bad):
        raise InputError(
            f"target: {len(bad):,} of {len(ids):,} rows have no customer_id or one that is there "
            f"before, first row {bad[0]:,} ({ids.iloc[bad[0]]!r}); give each customer one row"
        )


def _refuse(frame: pd.DataFrame, name: str, bad: Int[np.ndarray, " bad"]) -> None:
    if len(bad):
        row = frame.iloc[int(bad[0])]
        need = "a finite number of cents, 0 or more" if name == "cost" else "a finite number"
        raise InputError(
            f"target: {len(bad):,} of {len(frame):,} customers have a wrong {name}, first "
            f"{row['customer_id']!r} ({row[name]}); it has to be {need}"
        )
