"""Whether minimums of arms and the budget can be kept at all, and if not, what could be."""

import numpy as np
from jaxtyping import Bool, Float

from lifeworth.decide.classes import ByArm, Classes, Room
from lifeworth.decide.repair import Sizes, solved, within
from lifeworth.tables.errors import InputError

MOST = 16
"""Arms with a minimum, at most: every set of them is looked at."""


def check_counts(
    open_: Bool[np.ndarray, "arms classes"], weight: Float[np.ndarray, " classes"], room: Room
) -> None:
    """Refuse minimums that there are too few customers for.

    By Hall's theorem they can be kept if and only if every set of arms has as many customers to
    whom at least one of them is possible as its minimums add up to.
    """
    arms = np.flatnonzero(room.minimums > 0)
    if len(arms) > MOST:
        raise InputError(
            f"assign: {len(arms)} arms have a minimum, and {MOST} may; drop the smallest minimums"
        )
    bits = 2 ** np.arange(len(arms))
    pattern = bits @ open_[arms].astype(np.int64)
    each = np.bincount(pattern, weights=weight, minlength=2 ** len(arms))
    some_of = _inside(each.astype(float))
    # customers to whom nothing of a set is possible are those whose arms are all outside of it
    reached = weight.sum() - some_of[::-1]
    member = (np.arange(2 ** len(arms))[:, None] & bits) > 0
    short = member @ room.minimums[arms] - reached
    if short.max() > 0:
        worst = int(np.argmax(short))
        raise InputError(_too_few(arms[member[worst]].tolist(), room, int(reached[worst])))


def check_spend(classes: Classes, room: Room, sizes: Sizes, unit: float) -> ByArm | None:
    """Return the cheapest assignment if one is needed to begin with, else None.

    Without minimums nobody has to be assigned, and that costs nothing.

    Raises
    ------
    InputError
        If even the cheapest costs more than the budget.
    """
    if room.budget >= 0 and not room.minimums.any():
        return None
    anything = room._replace(budget=_most(classes))
    dear = classes._replace(value=np.where(np.isfinite(classes.value), -classes.cost, -np.inf))
    found = solved(dear, anything, sizes)
    if found.counts is None or not within(classes, room, found.counts):
        raise InputError(_too_dear(classes, room, found.counts, (unit, -found.bound)))
    return found.counts


def _most(classes: Classes) -> float:
    return float(classes.weight @ np.abs(classes.cost).max(axis=0, initial=0.0))


def _inside(patterns: Float[np.ndarray, " sets"]) -> Float[np.ndarray, " sets"]:
    """Return the customers whose possible arms are all in a set, for every set."""
    total = patterns.copy()
    for bit in range(len(total).bit_length() - 1):
        halves = total.reshape(-1, 2, 2**bit)
        halves[:, 1] += halves[:, 0]
    return total


def _too_few(arms: list[int], room: Room, there: int) -> str:
    asked = int(room.minimums[arms].sum())
    which = f"arm {arms[0]}" if len(arms) == 1 else f"arms {', '.join(map(str, arms))} together"
    return (
        f"assign: minimums ask for {asked:,} customers of {which}, and {there:,} have a value and "
        f"evidence above 0 there; minimums that add up to {there:,} could be kept"
    )


def _too_dear(
    classes: Classes, room: Room, counts: ByArm | None, money: tuple[float, float]
) -> str:
    unit, bound = money
    limits = "the minimums" if room.minimums.any() else "the caps"
    least = bound if counts is None else float((classes.cost * counts).sum())
    return (
        f"assign: the budget is {unit * room.budget:,.10g}, and the cheapest assignment that keeps "
        f"{limits} costs {unit * least:,.10g}; give at least that, or change {limits}"
    )
