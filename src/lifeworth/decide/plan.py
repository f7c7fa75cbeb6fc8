"""Assignment from a frame to a frame."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int

from lifeworth.decide.assign import Certificate, assign
from lifeworth.decide.offers import Limits, Offers
from lifeworth.tables.errors import InputError
from lifeworth.tables.frames import numbers

REASONS = ("best arm", "other arm", "limits", "not certain", "no value")
"""Why a customer has this arm or none.

best arm: of the possible arms, the one of most value. other arm: another, by the limits. limits:
none, and some arm was possible. not certain: some arm has value above 0, none has evidence above 0.
no value: no arm has value above 0.
"""


class Plan(NamedTuple):
    """Who gets which arm, and what that takes.

    Attributes
    ----------
    customers
        customer_id, arm ("" for none), value, cost, reason (`REASONS`); by customer_id.
    arms
        arm, customers, cap, cap_price, minimum, minimum_price; by arm. A cap is missing if there is
        none.
    certificate
        As `decide.assign` gives it.
    """

    customers: pd.DataFrame
    arms: pd.DataFrame
    certificate: Certificate


class Problem(NamedTuple):
    """A frame of offers as arrays: rows are customers by id, columns arms by name.

    Attributes
    ----------
    names
        Of the arms.
    offers
        With ids; a pair without a row brings and costs 0.
    limits
        In the order of the arms.
    """

    names: list[str]
    offers: Offers
    limits: Limits


def problem(
    offers: pd.DataFrame,
    budget: float | int | None = None,
    caps: Mapping[str, int] | None = None,
    minimums: Mapping[str, int] | None = None,
) -> Problem:
    """Return what `plan` solves: for `decide.greedy`, or an assignment by hand.

    Raises
    ------
    InputError
        As `plan`, but for limits that cannot be kept.
    """
    _check_columns(offers)
    customer, ids = pd.factorize(offers["customer_id"], sort=True)
    arm, names = pd.factorize(offers["arm"], sort=True)
    _check_pairs(offers, customer, arm, len(names))
    value, cost, low = _wide(offers, (customer, arm), (len(ids), len(names)))
    limits = _limits(list(names), budget, caps or {}, minimums or {})
    given = Offers(value=value, cost=cost, evidence=low, ids=pd.Index(ids))
    return Problem(list(names), given, limits)


def plan(
    offers: pd.DataFrame,
    budget: float | int | None = None,
    caps: Mapping[str, int] | None = None,
    minimums: Mapping[str, int] | None = None,
) -> Plan:
    """Return at most one arm for each customer, within a budget and limits of arms by name.

    The order of rows does not matter: arms are taken by name, customers by id.

    Parameters
    ----------
    offers
        customer_id, arm, value, cost, and if wanted low (evidence: the lower bound or the shrunken
        effect, above 0 for an arm to be assigned): a row for each pair that may be assigned.
    budget
        The most that is spent, in the unit of cost; None: any.
    caps, minimums
        Customers of an arm, at most and at least; arms that are not named have none.

    Raises
    ------
    InputError
        If a column or an id is missing, a pair is there twice, a limit names an unknown arm; and as
        `assign`.
    """
    names, given, limits = problem(offers, budget, caps, minimums)
    try:
        found = assign(given, limits)
    except InputError as error:
        raise InputError(_by_name(str(error), names)) from error
    some, each = found.arm >= 0, np.arange(len(found.arm))
    labels = np.append(np.asarray(names, dtype=object), "")[found.arm]
    customers = pd.DataFrame({
        "customer_id": given.ids,
        "arm": pd.Series(labels, dtype="str"),
        "value": np.where(some, given.value[each, found.arm], 0.0),
        "cost": np.where(some, given.cost[each, found.arm], 0.0),
        "reason": _reasons(given, found.arm),
    })  # fmt: skip
    return Plan(customers, _arms(names, limits, found.certificate), found.certificate)


def _reasons(offers: Offers, arm: Int[np.ndarray, " customers"]) -> pd.Categorical:
    possible, worth = offers.possible(), offers.value > 0
    open_ = np.where(possible, offers.value, -np.inf)
    best = open_[np.arange(len(arm)), arm] >= open_.max(axis=1)
    some = arm >= 0
    cases = [some & best, some, np.any(possible, axis=1), np.any(worth, axis=1)]
    codes = np.select(cases, range(len(cases)), len(cases))
    return pd.Categorical.from_codes(codes, categories=list(REASONS))


def _arms(names: list[str], limits: Limits, certificate: Certificate) -> pd.DataFrame:
    return pd.DataFrame({
        "arm": pd.Series(names, dtype="str"),
        "customers": certificate.customers,
        "cap": pd.array(list(limits.cap_of_each(len(names))), dtype="Int64"),
        "cap_price": certificate.cap_prices,
        "minimum": np.array(limits.minimums, dtype=np.int64),
        "minimum_price": certificate.minimum_prices,
    })  # fmt: skip


def _wide(
    offers: pd.DataFrame,
    place: tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " rows"]],
    shape: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return value, cost and evidence of all pairs; a pair without a row brings and costs 0."""
    wide = []
    for name in ("value", "cost", "low"):
        if name in offers:
            pairs = np.zeros(shape)
            pairs[place] = offers[name].to_numpy(dtype=float, na_value=np.nan)
            wide.append(pairs)
    return wide[0], wide[1], wide[2] if len(wide) > 2 else None


def _by_name(message: str, names: list[str]) -> str:
    """Return what `assign` says of arms by their place, with their names."""

    def told(found: re.Match[str]) -> str:
        which = [repr(names[int(place)]) for place in found[2].split(", ")]
        return f"{found[1]} {', '.join(which)}"

    return re.sub(r"\b(arms?) (\d+(?:, \d+)*)", told, message)


def _limits(
    names: list[str],
    budget: float | int | None,
    caps: Mapping[str, int],
    minimums: Mapping[str, int],
) -> Limits:
    for what, given in (("caps", caps), ("minimums", minimums)):
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise InputError(
                f"assign: {what} name {unknown[0]!r}, and the arms are {', '.join(names)}; "
                "name one of these"
            )
    return Limits(
        budget=budget,
        caps=[caps.get(name) for name in names],
        minimums=[minimums.get(name, 0) for name in names],
    )


def _check_columns(offers: pd.DataFrame) -> None:
    missing = [n for n in ("customer_id", "arm", "value", "cost") if n not in offers]
    if missing:
        raise InputError(
            f"assign: the offers have no column {missing[0]!r}; give customer_id, arm, value, cost "
            "and, if arms need evidence, low"
        )
    for name in ("customer_id", "arm"):
        bad = np.flatnonzero(offers[name].isna())
        if len(bad):
            raise InputError(
                f"assign: {len(bad):,} of {len(offers):,} offers have no {name}, first at row "
                f"{bad[0]}; name it or leave the row out"
            )


def _check_pairs(
    offers: pd.DataFrame,
    customer: Int[np.ndarray, " rows"],
    arm: Int[np.ndarray, " rows"],
    arms: int,
) -> None:
    for name in [n for n in ("value", "cost", "low") if n in offers]:
        found = numbers("assign", offers, name, ("customer_id", "arm"))
        bad = np.flatnonzero(~np.isfinite(found))
        if len(bad):
            raise InputError(
                f"assign: {len(bad):,} of {len(offers):,} offers have a {name} that is not finite, "
                f"first at row {bad[0]} (customer {offers['customer_id'].iloc[bad[0]]!r}, arm "
                f"{offers['arm'].iloc[bad[0]]!r}); score these first, or leave the rows out"
            )
    twice = np.flatnonzero(pd.Series(customer * arms + arm).duplicated())
    if len(twice):
        first = offers.iloc[int(twice[0])]
        raise InputError(
            f"assign: {len(twice):,} of {len(offers):,} offers are there before, first at row "
            f"{twice[0]} (customer {first['customer_id']!r}, arm {first['arm']!r}); "
            "give each pair one row"
        )
