"""A plan for a campaign: who is held out, controls or explores is drawn first, the rest is planned.

What was written in the ledger stands. Budget, caps and minimums are those of all customers of the
offers: what those of them have who were there before, and who explore, counts, and the plan gets
what is left. To whom it may give nothing it is shown offers of value 0.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from lifeworth.decide.assign import Certificate, greedy
from lifeworth.decide.holdout import (
    EXPLORE,
    NOTHING,
    PARTS,
    POLICY,
    Design,
    checked_ids,
    explored_arms,
    parts,
)
from lifeworth.decide.ledger import Ledger, Written
from lifeworth.decide.plan import REASONS, Plan, Problem, plan, problem
from lifeworth.tables.errors import InputError

BEFORE = "assigned before"
"""The reason of who was in the policy of an earlier call."""

WHY = (*REASONS, *PARTS[:POLICY], BEFORE)
"""All reasons: those of a plan, parts that no plan decides about, and what stands from before."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Limits by the names of arms, as `decide.plan` takes them; the budget in the unit of cost."""

    budget: float | None = None
    caps: Mapping[str, int] = field(default_factory=dict)
    minimums: Mapping[str, int] = field(default_factory=dict)


class Rule(NamedTuple):
    """What the greedy rule would make of the same offers and limits."""

    customers: int
    value: float
    spend: float


class Outside(NamedTuple):
    """What of a campaign the plan did not decide.

    Attributes
    ----------
    before
        Customers of the offers who were in the ledger before.
    spent_before, explored
        What they cost, and what those cost who explore since this call.
    unknown
        Of those before, how many have an arm that the offers do not have for them any more; it
        counts as value 0 and cost 0.
    elsewhere
        Customers of the campaign who are not among the offers; they count for nothing here.
    """

    before: int
    spent_before: float
    explored: float
    unknown: int
    elsewhere: int


class Given(NamedTuple):
    """Who gets what.

    Attributes
    ----------
    customers
        customer_id, part (one of `holdout.PARTS`), arm ("" for none), value, cost, reason (`WHY`);
        by customer_id.
    arms
        arm, customers, cap, cap_price, minimum, minimum_price, value, cost: of all customers.
    certificate
        Of the plan, which decided about those of the policy who are new.
    left
        The budget that the plan had; None: any.
    rule
        The greedy rule where the plan decided; None where there are minimums, which it cannot keep.
    outside
        None without a ledger.
    """

    customers: pd.DataFrame
    arms: pd.DataFrame
    certificate: Certificate
    left: float | None
    rule: Rule | None
    outside: Outside | None = None


def plan_everybody(offers: pd.DataFrame, asked: Asked) -> Given:
    """Return a plan for all customers, without a ledger.

    Raises
    ------
    InputError
        As `decide.plan`.
    """
    found = plan(offers, asked.budget, asked.caps, asked.minimums)
    customers = found.customers.assign(part=PARTS[POLICY])
    return _given(customers, found, asked, greedily(_problem(offers, asked)))


def plan_campaign(
    offers: pd.DataFrame,
    asked: Asked,
    ledger: Ledger,
    campaign: str,
    design: Design,
    at: dt.datetime,
) -> Given:
    """Draw who is new, plan for those of the policy, write all to the ledger once; return all.

    Explorers have the arms of the design or, where it has none, those of the offers. The propensity
    of who is not in the policy rests on what the prices of the plan would have chosen for them.

    Parameters
    ----------
    offers
        As `decide.plan` takes them; customer_id is text.
    asked, ledger, campaign, design, at
        Limits; where to write, under which name, how drawn, and when (a time with a zone).

    Raises
    ------
    InputError
        As `decide.plan` and `Ledger.assign`; if an arm is called "control"; if someone explores an
        arm that the offers do not have for them, or exploring costs more than the budget.
    """
    whole = problem(offers)
    if NOTHING in whole.names:
        raise InputError(
            f"assign: an arm is called {NOTHING!r}, which in a ledger means nothing; leave its "
            "rows out, or name it for what it gives"
        )
    if design.explore and not design.arms:
        design = replace(design, arms=tuple(whole.names))
    ids = checked_ids([] if whole.offers.ids is None else whole.offers.ids.tolist(), "customers")
    draft = _drafted(offers, ids, ledger.assigned(campaign), (campaign, design))
    _check_exploring(draft, asked)
    left = _left(asked, draft)
    theirs = offers["customer_id"].isin(draft.open)
    shown = offers.assign(value=offers["value"].where(theirs, 0.0))
    found = plan(shown, left.budget, left.caps, left.minimums)
    own = found.customers.set_index("customer_id")["arm"]
    would = _at_prices(whole, found.certificate)
    policy = np.where(own.index.isin(draft.open), own, would)
    written = ledger.assign(ids, campaign, design, np.where(policy == "", NOTHING, policy), at=at)
    customers = _told(written, found, offers, at)
    rule = greedily(_problem(shown, left))
    made = _given(customers, found, asked, rule)
    outside = draft.outside._replace(before=len(ids) - written.new)
    return made._replace(left=left.budget, outside=outside)


def greedily(of: Problem) -> Rule | None:
    """Return what the greedy rule makes of a problem, None if it has minimums."""
    if of.limits.minimums is not None and any(of.limits.minimums):
        return None
    arm = greedy(of.offers, of.limits)
    some = np.flatnonzero(arm >= 0)
    value, cost = (float(p[some, arm[some]].sum()) for p in (of.offers.value, of.offers.cost))
    return Rule(len(some), value, cost)


class _Draft(NamedTuple):
    """Before the plan: the ids it may decide about, what stands (arm and cost), what is outside."""

    open: list[str]
    stands: pd.DataFrame
    outside: Outside


def _drafted(
    offers: pd.DataFrame, ids: list[str], there: pd.DataFrame, how: tuple[str, Design]
) -> _Draft:
    campaign, design = how
    known = set(there["customer_id"])
    new = [name for name in ids if name not in known]
    part = parts(new, campaign, design)
    exploring = [new[i] for i in np.flatnonzero(part == EXPLORE)]
    chosen = explored_arms(exploring, campaign, design) if exploring else []
    explored = pd.DataFrame({"customer_id": exploring, "arm": chosen}, dtype="str")
    mine = there.loc[there["customer_id"].isin(ids), ["customer_id", "arm"]]
    before, after = (
        _priced(some.loc[some["arm"] != NOTHING, :], offers) for some in (mine, explored)
    )
    _check_offered(after)
    outside = Outside(
        before=len(ids) - len(new),
        spent_before=float(np.nansum(before["cost"].to_numpy())),
        explored=float(np.sum(after["cost"].to_numpy())),
        unknown=int(np.isnan(before["cost"].to_numpy()).sum()),
        elsewhere=len(known - set(ids)),
    )
    open_ = [new[i] for i in np.flatnonzero(part == POLICY)]
    return _Draft(open_, pd.concat([before, after]), outside)


def _priced(some: pd.DataFrame, offers: pd.DataFrame) -> pd.DataFrame:
    """Return customers and arms with value and cost, NaN where there is no such offer."""
    pairs = offers[["customer_id", "arm", "value", "cost"]]
    return some.merge(pairs, on=["customer_id", "arm"], how="left")


def _check_offered(explored: pd.DataFrame) -> None:
    lacking = explored[explored["cost"].isna()]
    if len(lacking):
        first = lacking.iloc[0]
        raise InputError(
            f"assign: {len(lacking):,} of {len(explored):,} customers who explore were drawn an "
            f"arm that the offers do not have for them, first {first['customer_id']!r} and "
            f"{first['arm']!r}; give every customer an offer of every arm, or set explore to 0"
        )


def _check_exploring(draft: _Draft, asked: Asked) -> None:
    before, explored = draft.outside.spent_before, draft.outside.explored
    if asked.budget is not None and explored > 0 and before + explored > asked.budget:
        raise InputError(
            f"assign: exploring costs {explored:,.10g} and what was assigned before "
            f"{before:,.10g}, more than the budget of {asked.budget:,.10g}; explore a smaller "
            "share, or give more"
        )


def _left(asked: Asked, draft: _Draft) -> Asked:
    """Return what the plan may take: the limits less what stands."""
    counts = Counter(draft.stands["arm"].tolist())
    spent = draft.outside.spent_before + draft.outside.explored
    return Asked(
        budget=None if asked.budget is None else max(asked.budget - spent, 0.0),
        caps={arm: max(cap - counts[arm], 0) for arm, cap in asked.caps.items()},
        minimums={n: max(least - counts[n], 0) for n, least in asked.minimums.items()},
    )


def _problem(offers: pd.DataFrame, asked: Asked) -> Problem:
    return problem(offers, asked.budget, asked.caps, asked.minimums)


def _at_prices(of: Problem, certificate: Certificate) -> np.ndarray:
    """Return the arm that is worth most at the prices of a plan, "" where none is worth any."""
    net = of.offers.value - certificate.budget_price * of.offers.cost
    net = np.where(
        of.offers.possible(), net - certificate.cap_prices + certificate.minimum_prices, -np.inf
    )
    best = net.argmax(axis=1)
    some = net.max(axis=1) > 0
    return np.where(some, np.array(of.names, object)[best], "")


def _told(written: Written, found: Plan, offers: pd.DataFrame, at: dt.datetime) -> pd.DataFrame:
    frame = written.frame.assign(arm=written.frame["arm"].replace(NOTHING, ""))
    priced = _priced(frame.loc[:, ["customer_id", "part", "arm"]], offers)
    moment = pd.Timestamp(at.astimezone(dt.UTC).replace(tzinfo=None))
    planned = found.customers["reason"].astype(object).to_numpy()
    later = np.where(frame["assigned_at"] == moment, planned, BEFORE)
    reason = np.where(priced["part"] == PARTS[POLICY], later, priced["part"])
    return priced.fillna({"value": 0.0, "cost": 0.0}).assign(
        reason=pd.Categorical(reason, categories=list(WHY))
    )


def _given(customers: pd.DataFrame, found: Plan, asked: Asked, rule: Rule | None) -> Given:
    names = found.arms["arm"].tolist()
    whose = {name: customers["arm"].to_numpy() == name for name in names}
    value, cost = customers["value"].to_numpy(), customers["cost"].to_numpy()
    arms = found.arms.assign(
        customers=[int(whose[name].sum()) for name in names],
        cap=pd.array([asked.caps.get(name) for name in names], dtype="Int64"),
        minimum=[asked.minimums.get(name, 0) for name in names],
        value=[float(value[whose[name]].sum()) for name in names],
        cost=[float(cost[whose[name]].sum()) for name in names],
    )
    columns = ["customer_id", "part", "arm", "value", "cost", "reason"]
    return Given(customers.loc[:, columns], arms, found.certificate, asked.budget, rule)
