"""Whether groups have the sizes they were to have: if not, nothing else about them is to be read.

A sample-ratio mismatch is a fault of the machinery (a redirect that loses people, a log that drops
events), which the outcomes cannot tell from an effect.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import stats

from lifeworth.tables.errors import InputError

ALARM = 0.001
"""P-value below which the ratio is not to be believed: the check runs daily, on many campaigns."""

LEAST = 5.0
"""Expected customers of a group from which chi-square holds."""


class SampleRatio(NamedTuple):
    """What the check found.

    Attributes
    ----------
    counts, expected
        Customers of each group: there, and wanted.
    statistic, p_value
        Chi-square, and the probability of one as large.
    mismatch
        Whether the p-value is below ALARM.
    """

    counts: dict[str, int]
    expected: dict[str, float]
    statistic: float
    p_value: float
    mismatch: bool


def assigned_ratio(counts: Mapping[str, int], shares: Mapping[str, int | float]) -> SampleRatio:
    """Check customers assigned to each group against the shares of the design (chi-square).

    Parameters
    ----------
    counts
        Distinct customers of each group.
    shares
        What each was to have, such as `Design.expected` gives; need not sum to 1. A group of share
        0 must be empty and is left out.

    Raises
    ------
    InputError
        If names differ, if customers are in a group of share 0, or if a group expects under 5.
    """
    names = _same_names(counts, shares)
    observed = np.array([counts[name] for name in names], float)
    weights = np.array([shares[name] for name in names], float)
    if np.any(observed < 0) or not np.all((weights >= 0) & np.isfinite(weights)):
        raise InputError("sample ratio: a count or a share is negative; give numbers of customers")
    _check_empty(names, observed, weights)
    wanted = weights / (weights.sum() or 1) * observed.sum()
    live = weights > 0
    _check_large(names, wanted, live)
    statistic, p = stats.chisquare(observed[live], wanted[live])
    return _result(names, observed, wanted, float(statistic), float(p))


def exposed_ratio(exposed: Mapping[str, int], assigned: Mapping[str, int]) -> SampleRatio:
    """Check that the same share of each group's assigned customers was exposed (chi-square).

    Only of groups where exposure can be seen alike: a control that is never sent anything counts as
    exposed when it would have been, or is left out. `expected` is of the common share.

    Raises
    ------
    InputError
        If names differ, if more are exposed than assigned, or if a cell expects under 5.
    """
    names = _same_names(exposed, assigned)
    shown = np.array([exposed[name] for name in names], float)
    whole = np.array([assigned[name] for name in names], float)
    over = [name for name, s, w in zip(names, shown, whole, strict=True) if not 0 <= s <= w]
    if over:
        raise InputError(
            f"sample ratio: {exposed[over[0]]:,} of {assigned[over[0]]:,} customers of "
            f"{over[0]!r} are exposed; count each customer once, and only those assigned"
        )
    share = shown.sum() / (whole.sum() or 1)
    wanted = share * whole
    if share in (0.0, 1.0):  # nobody or everybody, in all groups alike
        return _result(names, shown, wanted, 0.0, 1.0)
    _check_large(names, np.minimum(wanted, whole - wanted), np.ones(len(names), bool))
    cells, hoped = np.append(shown, whole - shown), np.append(wanted, whole - wanted)
    # Of 2 k cells, k - 1 are free: the k groups and the common share are given.
    statistic, p = stats.chisquare(cells, hoped, ddof=len(names))
    return _result(names, shown, wanted, float(statistic), float(p))


def _result(
    names: list[str], counts: np.ndarray, wanted: np.ndarray, statistic: float, p: float
) -> SampleRatio:
    there = {name: int(n) for name, n in zip(names, counts, strict=True)}
    hoped = {name: float(n) for name, n in zip(names, wanted, strict=True)}
    return SampleRatio(there, hoped, statistic, p, p < ALARM)


def _same_names(some: Mapping[str, object], others: Mapping[str, object]) -> list[str]:
    if set(some) != set(others) or len(some) < 2:
        raise InputError(
            f"sample ratio: groups {sorted(some)} and {sorted(others)}; name the same, at least 2, "
            "with 0 where there is nobody"
        )
    return list(some)


def _check_empty(names: list[str], observed: np.ndarray, weights: np.ndarray) -> None:
    odd = [i for i in range(len(names)) if observed[i] and not weights[i]]
    if odd:
        raise InputError(
            f"sample ratio: {observed[odd[0]]:,.0f} customers in {names[odd[0]]!r}, which was to "
            "have none; the shares are not those they were assigned by"
        )


def _check_large(names: list[str], wanted: np.ndarray, live: np.ndarray) -> None:
    small = [i for i in np.flatnonzero(live) if wanted[i] < LEAST]
    if small or live.sum() < 2:
        which = f"{names[small[0]]!r} expects {wanted[small[0]]:.1f}" if small else "one group"
        raise InputError(
            f"sample ratio: {which}; chi-square needs two groups with {LEAST:g} customers each: "
            "wait, or put small groups together"
        )
