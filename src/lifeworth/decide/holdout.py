"""Who is held out, who is a control, who gets an arm at random: by stable hash, with no state.

A customer's place is a number in [0, 1): the hash (BLAKE2b, 64 bits) of what the place is for, the
salt, the campaign and the customer. Shares are fixed ranges of it:

    place in the shop        [0, holdout) held out of every campaign, the same people each time
    place in the campaign    [0, control) control, [1 - explore, 1) an arm at random, policy between

so that a share that grows only takes in people of the policy (or, the holdout, of the campaign) and
lets nobody go. What was drawn once is kept by `lifeworth.decide.ledger`: there later shares and
weights are for new customers only.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from lifeworth.tables.errors import InputError

NOTHING = "control"
"""The arm of those who get nothing."""

PARTS = ("holdout", "control", "explore", "policy")
"""What a customer can be in a campaign."""

HOLDOUT, CONTROL, EXPLORE, POLICY = range(len(PARTS))

Places = Float[np.ndarray, " customers"]
Names = np.ndarray | Sequence[str]
"""Text, one for each customer."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """How a campaign is drawn.

    Attributes
    ----------
    salt
        Text that stays the same as long as the holdout is to stay the same people.
    holdout
        Share of all customers that no campaign may touch.
    control
        Share of the others that gets nothing in this campaign.
    explore
        Share of the others that gets one of `arms` at random, whatever the policy says.
    arms
        Arms of the exploration, "control" for nothing among them if it is to be one.
    weights
        Their probabilities; None: equal. Need not sum to 1.

    Raises
    ------
    InputError
        If shares are outside [0, 1] or too large together, or arms and weights do not fit.
    """

    salt: str
    holdout: float = 0.05
    control: float = 0.10
    explore: float = 0.0
    arms: tuple[str, ...] = ()
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _check_shares(self)
        _check_arms(self)

    @property
    def chances(self) -> Float[np.ndarray, " arms"]:
        """Probability of each arm within the exploration."""
        weights = np.ones(len(self.arms)) if self.weights is None else np.array(self.weights, float)
        return weights / weights.sum() if len(weights) else weights

    def expected(self) -> dict[str, float]:
        """Return the share of all customers each part is to have; they sum to 1."""
        rest = 1 - self.holdout
        policy = max(1 - self.control - self.explore, 0.0)
        return {
            "holdout": self.holdout,
            "control": rest * self.control,
            "explore": rest * self.explore,
            "policy": rest * policy,
        }


class Drawn(NamedTuple):
    """What customers were drawn to be.

    Attributes
    ----------
    part
        Index into PARTS.
    arm
        What each is to be given.
    propensity
        Probability of that arm over all salts: of the holdout, the control, the exploration and the
        policy together, the policy's own choice being given.
    """

    part: Int[np.ndarray, " customers"]
    arm: np.ndarray
    propensity: Places


def draw(customers: Names, campaign: str, design: Design, policy: str | Names) -> Drawn:
    """Draw customers for a campaign; who else is drawn, when, and in what order, changes nothing.

    Parameters
    ----------
    customers
        Ids, each once: rows are customers.
    campaign
        Its id; another campaign draws its control and its exploration afresh.
    design
        Salt, shares, arms.
    policy
        The arm that targeting chose for each customer (used where the customer is in the policy),
        or one arm for all.

    Raises
    ------
    InputError
        If an id is empty, no text, or there twice; if the policy has another length.
    """
    ids = checked_ids(customers, "customers")
    chosen = policy_arms(policy, len(ids))
    part = parts(ids, campaign, design)
    arm = np.where(part == POLICY, chosen, NOTHING).astype(object)
    exploring = np.flatnonzero(part == EXPLORE)
    if len(exploring):
        arm[exploring] = explored_arms([ids[i] for i in exploring], campaign, design)
    return Drawn(part, arm, _propensity(arm, chosen, design))


def parts(customers: Names, campaign: str, design: Design) -> Int[np.ndarray, " customers"]:
    """Return the part of each customer in a campaign: an index into PARTS."""
    shop = places(customers, "holdout", design.salt)
    own = places(customers, "part", design.salt, campaign)
    part = np.full(len(shop), POLICY)
    part[own >= 1 - design.explore] = EXPLORE
    part[own < design.control] = CONTROL
    part[shop < design.holdout] = HOLDOUT
    return part


def explored_arms(customers: Names, campaign: str, design: Design) -> np.ndarray:
    """Return the arm each customer has where exploring, by a place apart from that of the part."""
    own = places(customers, "arm", design.salt, campaign)
    ends = np.cumsum(design.chances)
    last = np.flatnonzero(design.chances)[-1]  # rounding may leave the last end below 1
    return np.array(design.arms, object)[np.minimum(np.searchsorted(ends, own, "right"), last)]


def places(customers: Names, *purpose: str) -> Places:
    """Return each customer's place in [0, 1) for a purpose: 53 bits of the hash.

    The hash is of all words of the purpose and the id, as UTF-8, each after its length in eight
    bytes, big end first: no two lists of words are the same bytes.

    Examples
    --------
    >>> places(["c1", "c2"], "part", "salt", "spring").round(4).tolist()
    [0.3461, 0.4905]
    """
    start = hashlib.blake2b(b"".join(map(_framed, purpose)), digest_size=8)
    digests = bytearray()
    for customer in customers:
        one = start.copy()
        one.update(_framed(customer))
        digests += one.digest()
    whole = np.frombuffer(bytes(digests), ">u8").astype(np.uint64)
    return (whole >> np.uint64(11)).astype(float) * 2.0**-53


def checked_ids(customers: Names, what: str) -> list[str]:
    """Return ids as a list if all are text that can be kept, and no two the same.

    Raises
    ------
    InputError
        If not so.
    """
    ids = list(customers)
    bad = [i for i, name in enumerate(ids) if not _keepable(name)]
    if bad:
        raise InputError(
            f"{what}: {len(bad):,} of {len(ids):,} ids are no text, or empty, first at row "
            f"{bad[0]} ({ids[bad[0]]!r}); an id is text with at least one character and no NUL, "
            "so that 7 and '7' are not two customers"
        )
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        again = [name for name in ids if name in seen or seen.add(name)]
        raise InputError(
            f"{what}: {len(again):,} of {len(ids):,} rows repeat a customer, first {again[0]!r}; "
            "rows are customers: give each once"
        )
    return ids


def policy_arms(policy: str | Names, customers: int) -> np.ndarray:
    """Return the arm the policy has for each of so many customers.

    Raises
    ------
    InputError
        If there are more or fewer, or one is no text.
    """
    if isinstance(policy, str):
        policy = [policy] * customers
    chosen = np.array(list(policy), object)
    if len(chosen) != customers:
        raise InputError(
            f"policy: {len(chosen):,} arms for {customers:,} customers; give one for each"
        )
    bad = [i for i, arm in enumerate(chosen) if not _keepable(arm)]
    if bad:
        raise InputError(
            f"policy: {len(bad):,} of {customers:,} arms are no text, first at row {bad[0]} "
            f"({chosen[bad[0]]!r}); name an arm, {NOTHING!r} for nothing"
        )
    return chosen


def _propensity(arm: np.ndarray, chosen: np.ndarray, design: Design) -> Places:
    share = design.expected()
    explored = dict(zip(design.arms, share["explore"] * design.chances, strict=True))
    chance = np.array([explored.get(name, 0.0) for name in arm], float)
    chance += (arm == NOTHING) * (share["holdout"] + share["control"])
    return chance + (arm == chosen) * share["policy"]


def _framed(word: str) -> bytes:
    raw = word.encode()
    return len(raw).to_bytes(8, "big") + raw


def _keepable(name: object) -> bool:
    # NUL is what PostgreSQL does not keep in text; lone surrogates are what UTF-8 does not.
    return isinstance(name, str) and bool(name) and "\0" not in name and _is_unicode(name)


def _is_unicode(name: str) -> bool:
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def _check_shares(design: Design) -> None:
    shares = {name: getattr(design, name) for name in ("holdout", "control", "explore")}
    bad = [f"{name} = {share}" for name, share in shares.items() if not 0 <= share <= 1]
    if bad:
        raise InputError(f"design: {', '.join(bad)}; a share is at least 0 and at most 1")
    if design.control + design.explore > 1 + 1e-12:
        raise InputError(
            f"design: control = {design.control} and explore = {design.explore} are together more "
            "than 1; what they leave is the policy's"
        )
    if not _keepable(design.salt):
        raise InputError(f"design: salt = {design.salt!r}; give some text, and keep it")


def _check_arms(design: Design) -> None:
    if design.explore and not design.arms:
        raise InputError(
            f"design: explore = {design.explore}, but there are no arms; name what to explore"
        )
    if len(set(design.arms)) < len(design.arms) or not all(map(_keepable, design.arms)):
        raise InputError(f"design: arms are {design.arms}; name each once, by some text")
    weights = design.weights
    if weights is None:
        return
    fine = len(weights) == len(design.arms) and all(0 <= w < np.inf for w in weights)
    if not fine or not sum(weights) > 0:
        raise InputError(
            f"design: {len(design.arms)} arms have weights {weights}; give one for each, none "
            "below 0 and not all 0"
        )
