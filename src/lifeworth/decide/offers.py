"""What arms would bring and cost, what all may take together, and what is refused of either."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from lifeworth.tables.errors import InputError

Pairs = Float[np.ndarray, "customers arms"]
"""A number of each customer and arm."""

AnyPairs = Float[np.ndarray, "_ _"]
"""The same, of a shape that `checked` compares, to say what is wrong in words."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What all assignments together may take.

    Attributes
    ----------
    budget
        The most that is spent, in the unit of costs; savings (costs below 0) add to it. None: any.
    caps
        The most customers of each arm. An entry of None, or None for all: any.
    minimums
        The least customers of each arm. None: none.
    """

    budget: float | int | None = None
    caps: Sequence[int | None] | None = None
    minimums: Sequence[int] | None = None

    def cap_of_each(self, arms: int) -> Sequence[int | None]:
        """Return the caps of `arms` arms."""
        return [None] * arms if self.caps is None else self.caps


@dataclass(frozen=True, kw_only=True)
class Offers:
    """What each arm would bring and cost with each customer.

    Attributes
    ----------
    value
        Expected incremental value. An arm that brings nothing, or less, is never assigned.
    cost
        Expected cost, in any unit: that of the budget. 0 and less (a saving) are fine.
    evidence
        None, or numbers that have to be above 0 too for an arm to be assigned: the lower bound of
        the effect or the shrunken effect (`decide.evidence`). -inf rules a pair out.
    ids
        One for each customer; None: the places of rows. Among equals the lowest comes first.
    """

    value: Pairs
    cost: AnyPairs
    evidence: AnyPairs | None = None
    ids: pd.Index | None = None

    def possible(self) -> Bool[np.ndarray, "customers arms"]:
        """Say which pairs may be assigned."""
        positive = self.value > 0
        return positive if self.evidence is None else positive & (self.evidence > 0)


def checked(offers: Offers, limits: Limits) -> Bool[np.ndarray, "customers arms"]:
    """Return which pairs may be assigned.

    Raises
    ------
    InputError
        If shapes differ, a number is not finite, ids repeat, or limits are not what they should be.
    """
    shape = offers.value.shape
    if shape[1] == 0:
        raise InputError("assign: there are no arms; give at least one column of value and cost")
    given = {"cost": offers.cost, "evidence": offers.evidence}
    for name, pairs in given.items():
        if pairs is not None and pairs.shape != shape:
            raise InputError(
                f"assign: value has {shape[0]:,} customers and {shape[1]} arms, {name} has "
                f"{' and '.join(f'{n:,}' for n in pairs.shape)}; give one for each"
            )
    _refuse("value", offers.value, ~np.isfinite(offers.value), "finite")
    _refuse("cost", offers.cost, ~np.isfinite(offers.cost), "finite")
    if offers.evidence is not None:
        _refuse("evidence", offers.evidence, np.isnan(offers.evidence), "known")
    _check_ids(offers.ids, shape[0])
    _check_limits(limits, shape[1])
    return offers.possible()


def _refuse(name: str, pairs: Pairs, bad: Bool[np.ndarray, "customers arms"], what: str) -> None:
    if bad.any():
        row, arm = (int(place) for place in np.argwhere(bad)[0])
        raise InputError(
            f"assign: {bad.sum():,} of {pairs.size:,} entries of {name} are not {what}, first at "
            f"row {row}, column {arm} ({pairs[row, arm]}); score these customers first, or rule "
            "the pairs out by value and cost 0"
        )


def _check_ids(ids: pd.Index | None, customers: int) -> None:
    if ids is None:
        return
    if len(ids) != customers:
        raise InputError(f"assign: {customers:,} customers but {len(ids):,} ids; give one for each")
    twice = np.flatnonzero(ids.duplicated())
    if len(twice):
        raise InputError(
            f"assign: {len(twice):,} of {customers:,} ids are there before, first at row "
            f"{twice[0]} ({ids[twice[0]]}); give each customer one row"
        )


def _check_limits(limits: Limits, arms: int) -> None:
    if limits.budget is not None and not np.isfinite(limits.budget):
        raise InputError(
            f"assign: the budget is {limits.budget}; give a finite number, or None for no budget"
        )
    for name, numbers in (("caps", limits.caps), ("minimums", limits.minimums)):
        _check_numbers(name, numbers, arms)
    for arm, (cap, least) in enumerate(
        zip(limits.cap_of_each(arms), limits.minimums or (0,) * arms, strict=True)
    ):
        if cap is not None and cap < least:
            raise InputError(
                f"assign: arm {arm} has a cap of {cap:,} and a minimum of {least:,}; "
                f"a minimum of at most {cap:,} could be kept"
            )


def _check_numbers(name: str, numbers: Sequence[int | None] | None, arms: int) -> None:
    if numbers is None:
        return
    if len(numbers) != arms:
        raise InputError(f"assign: {arms} arms but {len(numbers)} {name}; give one for each")
    for arm, number in enumerate(numbers):
        none_is_fine = name == "caps" and number is None
        if not none_is_fine and not (isinstance(number, Integral) and number >= 0):
            raise InputError(
                f"assign: {name} of arm {arm} is {number!r}; give a whole number, 0 or more"
            )
