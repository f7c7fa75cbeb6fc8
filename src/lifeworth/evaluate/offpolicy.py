"""What another policy's lists would have brought: estimates from lists drawn with known chances.

A list is placed from the top, each product with a chance given those before it. With e_k the chance
that the log had of what it placed k-th, t_k the chance that the other policy (the target) has of
it, r_k what was earned there, and w_k = (t_1 ... t_k) / (e_1 ... e_k), n lists give the value of
the target per visit:

    ips          mean of w_K (r_1 + ... + r_K)
    snips        the same, divided by the mean of w_K
    cascade_ips  mean of sum_k w_k r_k
    cascade_dr   mean of sum_k [ w_k (r_k - q_k) + w_{k-1} v_k ]

The first two hold whatever the customer does. The last two hold under a cascade: what happens at a
place depends on what stands there and above, not below (a customer reads from the top); their
weights are of fewer places and vary less. q_k is a guess of what place k and those below it bring
under the target once the k-th product is placed, v_k its mean over what the target would place
there; the estimate is right on average whatever the guess, if it has not seen the row, and precise
where the guess is good (Kiyohara, Saito, Matsuhiro, Narita, Shimizu and Yamamoto 2022; McInerney et
al. 2020 for cascade_ips). Errors are clustered by customer.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from jaxtyping import Bool, Float

from lifeworth.evaluate.estimates import LEVEL, Estimate, Measured, mean_of
from lifeworth.tables.errors import InputError

Placed = Float[np.ndarray, "visits places"]
Visitors = Float[np.ndarray, " visits"]
Name = Literal["ips", "snips", "cascade_ips", "cascade_dr"]

NAMES: tuple[Name, ...] = ("ips", "snips", "cascade_ips", "cascade_dr")

LEAST = 100.0
"""Effective customers below which no estimate is given, unless told: a normal interval of fewer,
whose weights are skewed, covers less than it says."""

WHOLE = ("ips", "snips")
"""Estimators that weigh whole lists."""

CLOSE = 1e-9
"""A chance of the target that counts as none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lists:
    """Lists that were shown.

    Attributes
    ----------
    propensity
        Chance with which each place got what it has, given those before it, as drawn; above 0, at
        most 1; 1 after the end of a list.
    reward
        What each place brought, in cents, clicks or purchases; 0 after the end.

    Raises
    ------
    InputError
        If a propensity is missing or out of bounds, or a reward is not finite.
    """

    propensity: Placed
    reward: Placed

    def __post_init__(self) -> None:
        _refuse("propensity", self.propensity, (self.propensity > 0) & (self.propensity <= 1),
                "none in (0, 1]; it is the chance with which the product was drawn for its place, "
                "as logged")  # fmt: skip
        _refuse("reward", self.reward, np.isfinite(self.reward),
                "none that is a number; give 0 where nothing happened")  # fmt: skip

    @property
    def total(self) -> Visitors:
        """Return what each list brought."""
        return self.reward.sum(axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """What another policy would do at the places of the same lists.

    Attributes
    ----------
    chance
        Its chance of what was placed, given those before it; from 0 to 1; 1 after the end.
    lost
        Its chance, given the same, of what the log could not have placed there.
    ends
        Whether its list would have ended there, where the log's goes on. Under a cascade what was
        earned above counts as it is; whole lists that end so were never shown.

    Raises
    ------
    InputError
        If a chance is missing or out of bounds.
    """

    chance: Placed
    lost: Placed
    ends: Bool[np.ndarray, "visits places"]

    def __post_init__(self) -> None:
        for what, value in (("target", self.chance), ("target's chance elsewhere", self.lost)):
            fine = (value >= 0) & (value <= 1 + CLOSE)
            says = "none in [0, 1]; give its chance of the product, given those before it"
            _refuse(what, value, fine, says)


class Guess(NamedTuple):
    """A reward model, of rows it has not seen.

    Attributes
    ----------
    placed
        q_k: what place k and those below it bring under the target, given what was placed so far.
    mean
        v_k: the mean of q_k over what the target would place k-th. 0 after the end, as q_k.
    """

    placed: Placed
    mean: Placed


def weights(name: Name, lists: Lists, target: Target) -> Placed:
    """Return w_k: how many times as likely the first k places are under the target.

    Raises
    ------
    InputError
        If the target would place what the log could not have placed, or, of an estimator of whole
        lists, would end its list where the log's goes on.
    """
    w = (target.chance / lists.propensity).cumprod(axis=1)
    before = _before(w)
    bad = (target.lost > CLOSE) & (before > 0)
    if bad.any():
        row, place = (int(n) for n in np.argwhere(bad)[0])
        raise InputError(
            f"target: in {int(bad.any(axis=1).sum()):,} of {len(w):,} lists it would place what the"
            f" log could not have placed, first in list {row + 1:,} at place {place + 1} with a "
            f"chance of {target.lost[row, place]:.3g}; nothing is known of that: give the target "
            "the candidates, caps and stock of the log; draw lists with a floor above 0, and by "
            "the mildest penalties that will be asked about, for what is worth no more than 0 is "
            "not drawn"
        )
    short = target.ends & (before > 0)
    if name in WHOLE and short.any():
        row, place = (int(n) for n in np.argwhere(short)[0])
        raise InputError(
            f"{name}: in {int(short.any(axis=1).sum()):,} of {len(w):,} lists the target would end "
            f"before the log's does, first list {row + 1:,} before place {place + 1}; no list that "
            "ends there was shown: use cascade_ips or cascade_dr, which need none"
        )
    return w


def _before(w: Placed) -> Placed:
    return np.column_stack([np.ones(len(w)), w[:, :-1]])


def measured(name: Name, lists: Lists, target: Target, guess: Guess | None = None) -> Measured:
    """Return the target's value per visit by one estimator; two subtract to a paired difference.

    Raises
    ------
    InputError
        If the support is lacking, or cascade_dr has no guess.
    """
    w = weights(name, lists, target)
    if name == "ips":
        return mean_of(w[:, -1] * lists.total)
    if name == "snips":
        return _self_normalised(w[:, -1], lists.total)
    if name == "cascade_ips":
        return mean_of((w * lists.reward).sum(axis=1))
    if guess is None:
        raise InputError("cascade_dr: there is no guess of rewards; give one (evaluate.cascade)")
    return mean_of((w * (lists.reward - guess.placed) + _before(w) * guess.mean).sum(axis=1))


def _self_normalised(w: Visitors, total: Visitors) -> Measured:
    whole = w.mean()
    if whole == 0:
        raise InputError(
            "snips: no list that was shown could be the target's, so it has no value from them; "
            "show more lists, or ask about a target that is nearer to what was shown"
        )
    value = float((w * total).mean() / whole)
    return Measured(value, w * (total - value) / whole)


def shown(lists: Lists) -> Measured:
    """Return what the lists that were shown brought per visit."""
    return mean_of(lists.total)


def effective(w: Visitors, customer: npt.ArrayLike | None = None) -> float:
    """Return how many equally weighted customers say as much as these: (sum w)^2 / sum w^2.

    Weights of one customer's visits are summed first, so it is at most the number of customers.
    """
    if customer is not None:
        w = np.bincount(np.unique(np.asarray(customer), return_inverse=True)[1], weights=w)
    square = float((w**2).sum())
    return float(w.sum()) ** 2 / square if square else 0.0


def effective_of(
    name: Name, lists: Lists, target: Target, customer: npt.ArrayLike | None = None
) -> float:
    """Return the effective customers behind an estimator.

    Of a cascade each place has its own weights: the harmonic mean over places, each counting by its
    share of what the target earns there (in absolute terms).
    """
    w = weights(name, lists, target)
    if name in WHOLE:
        return effective(w[:, -1], customer)
    earned = (w * np.abs(lists.reward)).sum(axis=0)
    if not earned.any():
        return effective(w[:, -1], customer)
    each = np.array([effective(own, customer) for own in w.T])
    some = earned > 0
    return float(earned.sum() / (earned[some] / each[some]).sum())


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An estimate of a target's value per visit, and how much stands behind it.

    Attributes
    ----------
    effective
        Customers, as `effective_of` says.
    mean_weight
        Of whole lists; near 1 if the chances are true. Its standard error is `weight_error`.
    largest_share
        The part of the weight of whole lists that the heaviest one has.
    """

    name: Name
    estimate: Estimate
    effective: float
    mean_weight: float
    weight_error: float
    largest_share: float


def judge(
    name: Name,
    lists: Lists,
    target: Target,
    *,
    guess: Guess | None = None,
    customer: npt.ArrayLike | None = None,
    least: float = LEAST,
) -> Judged:
    """Return the estimate of one estimator.

    Parameters
    ----------
    customer
        Whose each visit is; every visit is a customer of its own if None.
    least
        Effective customers that it takes.

    Raises
    ------
    InputError
        If the support is lacking, or there are fewer effective customers.
    """
    behind = effective_of(name, lists, target, customer)
    if behind < least:
        raise InputError(
            f"{name}: {len(lists.total):,} visits say as much about this target as {behind:,.1f} "
            f"customers of its own would; it takes {least:,.0f}: show more lists, at a higher "
            "temperature, or ask about a target that is nearer to what was shown"
        )
    w = weights(name, lists, target)[:, -1]
    whole = mean_of(w).estimate(customer)
    return Judged(
        name=name,
        estimate=measured(name, lists, target, guess).estimate(customer),
        effective=behind,
        mean_weight=whole.value,
        weight_error=whole.error,
        largest_share=float(w.max() / max(w.sum(), 1e-300)),
    )


def table(judged: list[Judged], level: float = LEVEL) -> pd.DataFrame:
    """Return estimator, value, error, low, high, effective, mean_weight and largest_share."""
    rows = [
        (
            *(one.name, *one.estimate, *one.estimate.interval(level)),
            *(one.effective, one.mean_weight, one.largest_share),
        )
        for one in judged
    ]
    columns = ["estimator", "value", "error", "low", "high"]
    columns += ["effective", "mean_weight", "largest_share"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def _refuse(what: str, values: Placed, fine: npt.NDArray[np.bool_], says: str) -> None:
    wrong = np.argwhere(~fine)
    if len(wrong):
        row, place = (int(n) for n in wrong[0])
        raise InputError(
            f"{what}: {len(wrong):,} of {values.size:,} places have {says}; first in list "
            f"{row + 1:,} at place {place + 1} ({values[row, place]})"
        )
