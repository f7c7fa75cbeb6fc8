"""An experiment that ran, from the frame of its customers to what may be said of it.

The groups are checked first. If their sizes are not those of the design nothing else is read: what
lost the customers may have lost them by their outcome.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from lifeworth.decide.comparison import (
    Difference,
    adjusted_difference,
    difference,
    ratio_difference,
)
from lifeworth.decide.designed import Groups
from lifeworth.decide.peeking import Peeking, peek
from lifeworth.decide.sample_ratio import ALARM, SampleRatio, assigned_ratio
from lifeworth.tables.errors import InputError

LOOKS = 30
"""Looks of which a confidence sequence is shown."""

PLAIN, ADJUSTED = "as counted", "adjusted"
"""How a difference was estimated."""

Flags = Bool[np.ndarray, " customers"]
Numbers = Float[np.ndarray, " customers"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of the customers of an experiment.

    Attributes
    ----------
    outcomes
        Columns; the first is what the experiment was for.
    covariates
        Columns that were known before the arm was drawn; none with a denominator.
    denominator
        Column, for outcomes that are ratios of sums; None: means of customers.
    planned
        Customers, all arms together, that the experiment is to end with; None: there is no looking
        before the end, and no confidence sequence.
    first
        Customers of each group before which nothing is shown.
    ordered
        Whether rows are in the order in which customers came.
    """

    outcomes: Sequence[str]
    covariates: Sequence[str] = ()
    denominator: str | None = None
    planned: int | None = None
    first: int = 100
    ordered: bool = False

    def called(self, outcome: str) -> str:
        """Return what is read of an outcome: itself, or what it is per."""
        return outcome if self.denominator is None else f"{outcome} per {self.denominator}"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What may be said of an experiment; the frames are empty where the groups mismatch.

    Attributes
    ----------
    ratio
        Of the sizes of all arms.
    differences
        A row for each outcome, arm and way (PLAIN, and ADJUSTED where there are covariates): the
        fields of `comparison.Difference`, with intervals at the level of one comparison; p_holm,
        the p-value adjusted for several arms (Holm); always_low, always_high, always_p, the
        confidence sequence, NaN without one.
    looks
        A row for each outcome, arm and look: customers, effect, low, high (the interval if read
        once), always_low, always_high.
    unbalanced
        covariate, arm and p_value where a covariate differs between an arm and the control by more
        than chance does once in a thousand.
    level
        Of one interval.
    """

    ratio: SampleRatio
    differences: pd.DataFrame
    looks: pd.DataFrame
    unbalanced: pd.DataFrame
    level: float


def read(customers: pd.DataFrame, groups: Groups, asked: Question) -> Reading:
    """Return what may be said; each arm is compared with the control.

    Parameters
    ----------
    customers
        customer_id, arm, and the columns asked for; rows are customers.
    groups
        Shares by arm as designed, control, level.
    asked
        Outcomes, covariates, how often it is looked at.

    Raises
    ------
    InputError
        If a customer is there twice, an arm has no share, covariates come with a denominator,
        nobody has any of the main outcome; and as `sample_ratio` and `comparison`.
    """
    _check(customers, groups, asked)
    arms = customers["arm"].to_numpy()
    counts = {name: int(np.sum(arms == name)) for name in groups.shares}
    ratio = assigned_ratio(counts, groups.shares)
    level = 1 - groups.alpha
    none = pd.DataFrame()
    if ratio.mismatch:
        return Reading(ratio=ratio, differences=none, looks=none, unbalanced=none, level=level)
    _refuse_nothing(customers, asked)
    pairs = {arm: _pair(customers, arm, groups) for arm in groups.arms}
    rows = [
        _row(pairs[arm], name, (outcome, way), asked)
        for outcome in asked.outcomes
        for name, way in ((PLAIN, False), (ADJUSTED, True))[: 1 + bool(asked.covariates)]
        for arm in groups.arms
    ]
    differences = _with_holm(pd.DataFrame(rows))
    looks = [row for pair in pairs.values() for row in _looks(pair, asked)]
    return Reading(
        ratio=ratio,
        differences=differences,
        looks=pd.DataFrame(looks),
        unbalanced=_unbalanced(pairs, asked.covariates),
        level=level,
    )


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """The customers of an arm and of the control, and how they are compared."""

    arm: str
    frame: pd.DataFrame
    treated: Flags
    level: float
    part: float

    def first(self, rows: int) -> "_Pair":
        """Return the pair after so many rows."""
        return _Pair(
            arm=self.arm,
            frame=self.frame.iloc[:rows],
            treated=self.treated[:rows],
            level=self.level,
            part=self.part,
        )

    def numbers(self, column: str) -> Numbers:
        """Return a column as numbers."""
        return self.frame[column].to_numpy(float)

    def compared(self, outcome: str, asked: Question, *, adjusted: bool) -> Difference:
        """Return the difference in an outcome."""
        y = self.numbers(outcome)
        if asked.denominator is not None:
            x = self.numbers(asked.denominator)
            return ratio_difference(y, x, self.treated, level=self.level)
        if not adjusted:
            return difference(y, self.treated, level=self.level)
        covariates = self.frame[list(asked.covariates)].to_numpy(float)
        return adjusted_difference(y, self.treated, covariates, level=self.level)

    def fewest(self) -> int:
        """Return the customers of the smaller group."""
        return int(min(self.treated.sum(), (~self.treated).sum()))

    def peeking(self, asked: Question) -> Peeking | None:
        """Return the sequence of this pair, None where there is none."""
        if asked.planned is None:
            return None
        best = max(round(asked.planned * self.part), 1)
        return Peeking(best_at=best, level=self.level, first=asked.first)


def _pair(customers: pd.DataFrame, arm: str, groups: Groups) -> _Pair:
    arms = customers["arm"].to_numpy()
    rows = np.flatnonzero((arms == arm) | (arms == groups.control))
    return _Pair(
        arm=arm,
        frame=customers.iloc[rows],
        treated=arms[rows] == arm,
        level=1 - groups.alpha,
        part=groups.part(arm),
    )


def _row(pair: _Pair, name: str, what: tuple[str, bool], asked: Question) -> dict[str, object]:
    outcome, adjusted = what
    found = pair.compared(outcome, asked, adjusted=adjusted)
    ends = _always(found, pair, asked)
    own = {"outcome": asked.called(outcome), "arm": pair.arm, "way": name}
    return {**own, **found._asdict(), **ends}


def _always(found: Difference, pair: _Pair, asked: Question) -> dict[str, float]:
    plan = pair.peeking(asked)
    if plan is None or pair.fewest() < plan.first:
        return dict.fromkeys(("always_low", "always_high", "always_p"), np.nan)
    seen = peek(found, plan)
    return {"always_low": seen.low, "always_high": seen.high, "always_p": seen.p_value}


def _looks(pair: _Pair, asked: Question) -> list[dict[str, object]]:
    plan = pair.peeking(asked)
    if plan is None or not asked.ordered or pair.fewest() < plan.first:
        return []
    both = np.minimum(np.cumsum(pair.treated), np.cumsum(~pair.treated))
    start = int(np.searchsorted(both, plan.first)) + 1
    rows = []
    for at in np.unique(np.linspace(start, len(pair.frame), LOOKS).astype(int)):
        then = pair.first(int(at))
        for outcome in asked.outcomes:
            found = then.compared(outcome, asked, adjusted=bool(asked.covariates))
            seen = peek(found, plan)
            rows.append({
                "outcome": asked.called(outcome), "arm": pair.arm, "customers": int(at),
                "effect": found.effect, "low": found.low, "high": found.high,
                "always_low": seen.low, "always_high": seen.high,
            })  # fmt: skip
    return rows


def _with_holm(rows: pd.DataFrame) -> pd.DataFrame:
    """Add p_holm: the p-values of one outcome and way, adjusted for the number of arms."""
    adjusted = np.ones(len(rows))
    for group in rows.groupby(["outcome", "way"], sort=False).indices.values():
        p = rows["p_value"].to_numpy(float)[group]
        order = np.argsort(p, kind="stable")
        steps = (len(p) - np.arange(len(p))) * p[order]
        adjusted[group[order]] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return rows.assign(p_holm=adjusted)


def _unbalanced(pairs: dict[str, _Pair], covariates: Sequence[str]) -> pd.DataFrame:
    found = [
        (covariate, arm, difference(pair.numbers(covariate), pair.treated).p_value)
        for covariate in covariates
        for arm, pair in pairs.items()
    ]
    frame = pd.DataFrame(found, columns=["covariate", "arm", "p_value"])
    return frame.loc[frame["p_value"] < ALARM, :]


def _refuse_nothing(customers: pd.DataFrame, asked: Question) -> None:
    """Refuse a main outcome of which nobody has any: its interval would be 0 to 0."""
    main = asked.outcomes[0]
    if not customers[main].to_numpy(dtype=np.float64).any():
        raise InputError(
            f"experiment: there is no sale in it: {main} is 0 for all {len(customers):,} customers "
            "of all arms, which says nothing about a difference, not that there is none; wait "
            "until outcomes are complete, or look whether sales were joined by customer_id"
        )


def _check(customers: pd.DataFrame, groups: Groups, asked: Question) -> None:
    if asked.covariates and asked.denominator is not None:
        raise InputError(
            "experiment: covariates adjust means and not ratios; leave out the covariates or the "
            "denominator"
        )
    if not asked.outcomes:
        raise InputError("experiment: there is no outcome; name a column, as in outcome=margin")
    twice = np.flatnonzero(customers.duplicated("customer_id"))
    if len(twice):
        raise InputError(
            f"experiment: {len(twice):,} of {len(customers):,} rows repeat a customer, first "
            f"{customers['customer_id'].iloc[twice[0]]!r}; rows are "
            "customers: add up the rows of each, and look whether one had two arms"
        )
    strange = sorted(set(customers["arm"]) - set(groups.shares))
    if strange:
        raise InputError(
            f"experiment: {strange[0]!r} is an arm of the customers and has no share; shares are "
            f"of {', '.join(groups.shares)}: name every arm of the design, the control among them"
        )
