"""A log of lists read again: what was drawn with which chance, what a target would have done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from lifeworth.decide.rerank import KEYS, ListCaps
from lifeworth.decide.shelf import NOTHING, Scores, Shelf, Walk, Which, shelf
from lifeworth.evaluate.cascade import Described
from lifeworth.evaluate.offpolicy import Lists, Target
from lifeworth.tables.errors import InputError, agreed
from lifeworth.tables.frames import numbers, refuse_columns

Choice = Int[np.ndarray, "visits places"]
Features = Float[np.ndarray, "visits candidates features"]

SAME = 1e-6
"""By how much a logged propensity may miss, as a part of itself, what its rules give."""


@runtime_checkable
class Chooses(Protocol):
    """What gives chances of the next place: `decide.explore.Exploration`, or a policy of one's own.

    Rows sum to 1 where anything is admissible, and are 0 elsewhere.
    """

    def chances(self, score: Scores, admissible: Which) -> Scores:
        """Return the chance of each candidate."""
        ...


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How lists are filled.

    Attributes
    ----------
    how
        Chances of the next place.
    caps
        Of a list.
    score
        Column of the candidates, in cents; what is worth no more than 0 is not shown.
    """

    how: Chooses
    caps: ListCaps
    score: str = "score_cents"


class Replayed(NamedTuple):
    """A log as `evaluate.offpolicy` and `evaluate.cascade` take it.

    Attributes
    ----------
    visit_id
        Of each list, sorted; a visit whose list is empty is there and earns nothing.
    """

    visit_id: np.ndarray
    lists: Lists
    target: Target
    described: Described


def replay(
    log: pd.DataFrame,
    candidates: pd.DataFrame,
    drawn: Policy,
    target: Policy,
    reward: str,
    features: Sequence[str],
) -> Replayed:
    """Return what was drawn and earned, and the chances the target has of the same lists.

    Parameters
    ----------
    log
        As `decide.explore.explore` returns it, with a column of what each place brought.
    candidates
        Of every visit, as they were when the lists were drawn.
    drawn, target
        How the lists were drawn, and the other policy.
    reward
        Column of the log: money in cents, clicks or purchases.
    features
        Columns of the candidates that the reward model is to know; a constant is added.

    Raises
    ------
    InputError
        If a column is missing, a product of the log is no candidate, places are not 1, 2, ...,
        or a propensity is not the one that `drawn` gives.
    """
    refuse_columns("log", log, ["visit_id", "place", "product_id", "propensity", reward])
    refuse_columns("candidates", candidates, list(features))
    on, other = (shelf(candidates, policy.caps, policy.score) for policy in (drawn, target))
    at = _located(log, on)
    shape = len(on.visit_id), drawn.caps.size
    choice, propensity = np.full(shape, NOTHING, dtype=np.int64), np.ones(shape)
    earned = np.zeros(shape)
    place = _places(log, drawn.caps.size)
    choice[at.row, place] = at.column
    propensity[at.row, place] = numbers("log", log, "propensity", KEYS)
    earned[at.row, place] = numbers("log", log, reward, KEYS)
    _refuse_gaps(choice, on)
    lists = Lists(propensity=propensity, reward=earned)
    found = _followed(choice, (on, other), (drawn, target), _features(candidates, on, features))
    _refuse_other_chances(found.own, propensity, on)
    return Replayed(on.visit_id, lists, found.target, found.described)


class _Located(NamedTuple):
    row: Int[np.ndarray, " placed"]
    column: Int[np.ndarray, " placed"]


def _located(log: pd.DataFrame, on: Shelf) -> _Located:
    """Return where the products of the log lie on the shelf."""
    row, column = np.nonzero(on.product_id != "")
    keys = pd.MultiIndex.from_arrays([on.visit_id[row], on.product_id[row, column]])
    asked = pd.MultiIndex.from_arrays([log[n].astype(object) for n in ("visit_id", "product_id")])
    found = keys.get_indexer(asked)
    if (found < 0).any():
        first = log.iloc[int((found < 0).argmax())]
        raise InputError(
            f"log: {int((found < 0).sum()):,} of {len(log):,} rows have a product that is no "
            f"candidate of its visit, first '{first['product_id']}' of '{first['visit_id']}'; give "
            "the candidates that the lists were drawn from"
        )
    return _Located(row[found].astype(np.int64), column[found].astype(np.int64))


class _Followed(NamedTuple):
    own: Scores
    target: Target
    described: Described


def _followed(
    choice: Choice, on: tuple[Shelf, Shelf], policy: tuple[Policy, Policy], x: Features
) -> _Followed:
    """Walk along the lists of the log by both policies."""
    walks = [Walk(s, p.caps.caps()) for s, p in zip(on, policy, strict=True)]
    shape, rows = choice.shape, np.arange(len(choice))
    own, chance, lost = np.ones(shape), np.ones(shape), np.zeros(shape)
    ends = np.zeros(shape, dtype=np.bool_)
    placed, mean = np.zeros((*shape, x.shape[2])), np.zeros((*shape, x.shape[2]))
    for k in range(shape[1]):
        e, t = (
            p.how.chances(s.score, walk.admissible())
            for s, p, walk in zip(on, policy, walks, strict=True)
        )
        there = choice[:, k] != NOTHING
        at = np.where(there, choice[:, k], 0)
        own[:, k] = np.where(there, e[rows, at], 1.0 - (e > 0).any(axis=1))  # a list ends if full
        chance[:, k] = np.where(there, t[rows, at], 1.0)
        lost[:, k] = np.minimum((t * (e == 0)).sum(axis=1), 1.0)
        ends[:, k] = there & ~(t > 0).any(axis=1)
        placed[:, k] = x[rows, at] * there[:, None]
        mean[:, k] = np.einsum("vc,vcd->vd", t, x)
        for walk in walks:
            walk.place(choice[:, k])
    return _Followed(own, Target(chance=chance, lost=lost, ends=ends), Described(placed, mean))


def _features(candidates: pd.DataFrame, on: Shelf, names: Sequence[str]) -> Features:
    frame = candidates.sort_values(["visit_id", "product_id"], ignore_index=True)
    row, column = np.nonzero(on.product_id != "")
    found = np.zeros((*on.score.shape, len(names) + 1))
    found[row, column, 0] = 1.0
    for n, name in enumerate(names, start=1):
        found[row, column, n] = numbers("candidates", frame, name, KEYS)
    return found


def _places(log: pd.DataFrame, size: int) -> Int[np.ndarray, " placed"]:
    place = numbers("log", log, "place", KEYS)
    wrong = (
        (place != np.round(place))
        | (place < 1)
        | (place > size)
        | log.duplicated(["visit_id", "place"]).to_numpy()
    )
    if wrong.any():
        first = log.iloc[int(wrong.argmax())]
        raise InputError(
            f"log: {int(wrong.sum()):,} of {len(log):,} rows have a place that is not one of 1 to "
            f"{size}, or is there twice, first {first['place']} of visit '{first['visit_id']}'; "
            "give each place once, and the caps as they were"
        )
    return place.astype(np.int64) - 1


def _refuse_gaps(choice: Choice, on: Shelf) -> None:
    there = choice != NOTHING
    gap = (there[:, 1:] & ~there[:, :-1]).any(axis=1)
    if gap.any():
        raise InputError(
            f"log: {agreed(int(gap.sum()), 'list', 'have')} a place without the one above it, "
            f"first visit '{on.visit_id[int(gap.argmax())]}'; give every place that was shown, "
            "from 1"
        )


def _refuse_other_chances(own: Scores, propensity: Scores, on: Shelf) -> None:
    wrong = np.abs(own - propensity) > SAME * propensity
    if wrong.any():
        row, place = (int(n) for n in np.argwhere(wrong)[0])
        raise InputError(
            f"log: {agreed(int(wrong.sum()), 'place', 'have')} another propensity than these "
            f"candidates and rules give, first place {place + 1} of visit '{on.visit_id[row]}' "
            f"({propensity[row, place]:.6g}, not {own[row, place]:.6g}); give the candidates, "
            "size, caps, temperature and floor as they were when the lists were drawn, and the "
            "whole of each list"
        )
