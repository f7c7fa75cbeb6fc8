"""Personas over time: those of a refit matched to those before, so that an id means one thing."""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from lifeworth.asof.split import History
from lifeworth.models.membership import NO_PERSONA
from lifeworth.models.personas.clusters import from_centres
from lifeworth.models.personas.fit import Plan, found
from lifeworth.models.personas.fitted import Personas
from lifeworth.models.personas.math import squared_distances
from lifeworth.models.personas.names import names_of

Labels = Int[np.ndarray, " customers"]

ENOUGH = 0.1
"""Jaccard similarity below which two personas are not the same one."""

PART = 0.3
"""Share of a persona's customers that make a split or a merge."""

NEARNESS = 0.25
"""What being in the same place weighs beside having the same customers."""


class Matched(NamedTuple):
    """A refit under the old ids.

    Attributes
    ----------
    personas
        The refit: old ids and names where matched, new ids and names elsewhere.
    log
        One row per thing that happened: what ("kept", "new", "gone", "split", "merge"), old, new
        (ids; -1 for none), share (of the customers of the one that splits or is merged into, else
        the Jaccard similarity).
    changed_raw, changed
        Share of the customers whose label the refit alone changed: before matching, and after.
    """

    personas: Personas
    log: pd.DataFrame
    changed_raw: float
    changed: float


def refit(plan: Plan, old: Personas, history: History, seed: int) -> Matched:
    """Fit again in the space of `old`, whose scales are frozen, and match.

    K-Means begins at the personas of `old` and keeps their number, so that a policy does not choose
    again every month; others are found anew.
    Both models are asked about the same `history`, so that whatever changes is the refit's doing.
    """
    if old.kind == "kmeans":
        plan = plan._replace(find=partial(from_centres, centres=old.points))
    return refit_anew(plan, old, history, seed)


def refit_anew(plan: Plan, old: Personas, history: History, seed: int) -> Matched:
    """Fit again in the space of `old`, as if nothing had been found before, and match."""
    new = found(plan, history, seed, old.space)
    before, after = old.labels(new.z), new.personas.labels(new.z)
    return match(old, new.personas, before, after)


def match(old: Personas, new: Personas, before: Labels, after: Labels) -> Matched:
    """Give the personas of `new` the ids of those of `old` they are the same as.

    By the Hungarian method on Jaccard similarity and nearness of centroids together. What is not
    matched gets an id that was never given.

    Parameters
    ----------
    before, after
        Ids that both give the same customers, -1 for none.
    """
    overlap = _overlaps(before, after, old.ids, new.ids)
    near = np.exp(-np.sqrt(squared_distances(old.centroids(), new.centroids())))
    rows, columns = linear_sum_assignment(-(overlap + NEARNESS * near))
    pairs = {int(c): int(r) for r, c in zip(rows, columns, strict=True) if overlap[r, c] >= ENOUGH}
    ids, names, last = _named(old, new, pairs)
    given = replace(new, ids=ids, names=names, last_id=last)
    lookup = dict(zip(map(int, new.ids), map(int, ids), strict=True)) | {NO_PERSONA: NO_PERSONA}
    told = np.array([lookup[int(label)] for label in after], dtype=np.int64)
    return Matched(
        personas=given,
        log=_log(old, given, pairs, (before, told)),
        changed_raw=float((before != after).mean()),
        changed=float((before != told).mean()),
    )


def migration(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return how many customers went from which persona to which.

    Parameters
    ----------
    before, after
        Frames of two Memberships, of an earlier and a later cut-off.

    Returns
    -------
    pandas.DataFrame
        One row per persona_name before ("new customer" of those not known then), one column per
        persona_name after ("no longer known" of those whom the later History does not reach),
        counts.
    """
    own = ["customer_id", "persona_name"]
    both = before[own].merge(after[own], on="customer_id", how="outer", suffixes=("_old", "_new"))
    old = both["persona_name_old"].fillna("new customer").astype(object)
    new = both["persona_name_new"].fillna("no longer known").astype(object)
    table = pd.crosstab(old, new)
    return table.rename_axis(index="before", columns="after")


def _named(
    old: Personas, new: Personas, pairs: dict[int, int]
) -> tuple[np.ndarray, tuple[str, ...], int]:
    """Return ids, names and the highest id ever given; new personas get no old one's name."""
    rest = [place for place in range(len(new.ids)) if place not in pairs]
    fresh = names_of(new.ranks[rest], old.names)
    ids, names = np.empty(len(new.ids), dtype=np.int64), [""] * len(new.ids)
    for place, own in pairs.items():
        ids[place], names[place] = old.ids[own], old.names[own]
    for number, place in enumerate(rest):
        ids[place], names[place] = old.last_id + 1 + number, fresh[number]
    return ids, tuple(names), old.last_id + len(rest)


def _overlaps(
    before: Labels, after: Labels, old: np.ndarray, new: np.ndarray
) -> Float[np.ndarray, "old new"]:
    """Return Jaccard similarities."""
    a, b = (labels[:, None] == ids[None] for labels, ids in ((before, old), (after, new)))
    both = a.T.astype(float) @ b.astype(float)
    either = a.sum(axis=0)[:, None] + b.sum(axis=0)[None] - both
    return both / np.maximum(either, 1.0)


def _log(
    old: Personas, new: Personas, pairs: dict[int, int], labels: tuple[Labels, Labels]
) -> pd.DataFrame:
    before, told = labels
    jaccard = _overlaps(before, told, old.ids, new.ids)
    rows = [
        ("kept", int(old.ids[r]), int(new.ids[c]), float(jaccard[r, c])) for c, r in pairs.items()
    ]
    matched = set(pairs.values())
    rows += [("gone", int(i), -1, 0.0) for r, i in enumerate(old.ids) if r not in matched]
    rows += [("new", -1, int(i), 0.0) for c, i in enumerate(new.ids) if c not in pairs]
    rows += _parts("split", before, told, old.ids)
    rows += [(what, b, a, share) for what, a, b, share in _parts("merge", told, before, new.ids)]
    return pd.DataFrame(rows, columns=["what", "old", "new", "share"])


def _parts(
    what: str, whole: Labels, pieces: Labels, ids: np.ndarray
) -> list[tuple[str, int, int, float]]:
    """Return the personas that hold PART or more of another one each, where there are several."""
    rows = []
    for own in map(int, ids):
        inside = pieces[(whole == own) & (pieces != NO_PERSONA)]
        names, counts = np.unique(inside, return_counts=True)
        large = counts >= PART * max(int((whole == own).sum()), 1)
        if large.sum() > 1:
            size = float((whole == own).sum())
            rows += [
                (what, own, int(n), float(c / size))
                for n, c in zip(names[large], counts[large], strict=True)
            ]
    return rows
