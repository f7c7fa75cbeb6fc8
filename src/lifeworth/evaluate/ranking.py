"""Rankings against what came next: hits, recall, reciprocal rank, gain; coverage, concentration.

The whole catalogue is ranked: no wanted product is compared with a sample of others. Rules:

- A visit with w wanted products has, at list length k: hit, 1 if any of them is among the first k;
  recall, the share of the w among the first k; mrr, 1 / place of the first of them, 0 beyond k;
  ndcg, the sum of 1 / log2(1 + place) over those among the first k, divided by the same sum for an
  ideal list, which has min(w, k) of them at its head. Every wanted product has gain 1.
- Where what a wanted product was worth is known: value, the sum over those among the first k.
- Equal scores stand in the order of product ids (`listed`), which is what is shown; or in any
  order, all equally likely, and the measures are expectations over it (`expected`).
- A product that is no candidate, and one that the catalogue did not know, has no place: a miss.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.special import gammaln

from lifeworth.evaluate.bootstrap import Interval, Resampling, intervals

Numbers = Int[np.ndarray, " _"]
Reals = Float[np.ndarray, " _"]

NEVER = 2**40
"""The place of what is no candidate."""

MEASURES = ("hit", "recall", "mrr", "ndcg")
"""The measures; and value, where it is known."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where the wanted products of visits stand, one row each.

    Attributes
    ----------
    visit
        Number of the visit, ascending; each of 0 .. visits - 1 has a row or more.
    place
        Candidates before it, of equal ones those with a lower id.
    above
        Candidates of a higher score.
    tied
        Candidates of its score, itself among them.
    """

    visit: Numbers
    place: Numbers
    above: Numbers
    tied: Numbers

    @property
    def wanted(self) -> Numbers:
        """Return how many products each visit wanted."""
        return np.bincount(self.visit)


def places(scores: sp.csr_array, visit: Numbers, product: Numbers) -> Places:
    """Return where wanted products stand; `visit` ascending, `product` -1 for an unknown one."""
    found = np.full((3, len(visit)), NEVER)
    found[2] = 1
    scores.sort_indices()
    for n, (row, column) in enumerate(zip(visit, product, strict=True)):
        own = slice(scores.indptr[row], scores.indptr[row + 1])
        at = int(np.searchsorted(scores.indices[own], column))
        if own.start + at < own.stop and scores.indices[own.start + at] == column:
            size, value = scores.data[own], scores.data[own.start + at]
            above, level = int((size > value).sum()), size == value
            found[:, n] = above + int(level[:at].sum()), above, int(level.sum())
    return Places(visit, *found)


def joined(parts: list[Places]) -> Places:
    """Return the places of visits that were scored in parts."""
    ahead = np.cumsum([0, *(len(p.wanted) for p in parts)])
    visit = np.concatenate([p.visit + a for p, a in zip(parts, ahead[:-1], strict=True)])
    rest = [np.concatenate([getattr(p, n) for p in parts]) for n in ("place", "above", "tied")]
    return Places(visit, *rest)


def listed(of: Places, k: int, value: Reals | None = None) -> pd.DataFrame:
    """Return the measures of each visit, equal scores in the order of ids.

    Parameters
    ----------
    value
        What each wanted product was worth, cents, in the rows of `of`; None if it is not known.
    """
    visits = len(of.wanted)
    inside = of.place < k
    hits = np.bincount(of.visit, inside, visits)
    nearest = np.full(visits, NEVER)
    np.minimum.at(nearest, of.visit, of.place)
    gains = np.where(inside, 1 / np.log2(2.0 + np.minimum(of.place, k)), 0.0)
    told = pd.DataFrame(
        {
            "hit": (hits > 0).astype(float),
            "recall": hits / of.wanted,
            "mrr": np.where(nearest < k, 1 / (1.0 + nearest), 0.0),
            "ndcg": np.bincount(of.visit, gains, visits) / _ideal(of.wanted, k),
        }
    )
    return told if value is None else told.assign(value=_summed(of, inside * value))


def _summed(of: Places, value: Reals) -> Reals:
    return np.bincount(of.visit, value, len(of.wanted))


def expected(of: Places, k: int, value: Reals | None = None) -> pd.DataFrame:
    """Return the expected measures of each visit over all orders of equal scores; as `listed`."""
    visits = len(of.wanted)
    room = np.clip(k - of.above, 0, of.tied)
    sums = _discounts(k)
    gains = (sums[np.minimum(of.above + of.tied, k)] - sums[np.minimum(of.above, k)]) / of.tied
    head = _first_group(of)
    chance = _chance_of_first(head, k)
    place = head.above[:, None] + np.arange(1, k + 1)
    told = pd.DataFrame(
        {
            "hit": chance.sum(axis=1),
            "recall": np.bincount(of.visit, room / of.tied, visits) / of.wanted,
            "mrr": (chance / place).sum(axis=1),
            "ndcg": np.bincount(of.visit, gains, visits) / _ideal(of.wanted, k),
        }
    )
    return told if value is None else told.assign(value=_summed(of, room / of.tied * value))


class _Head(NamedTuple):
    """The best group of equal scores that holds a wanted product, of each visit."""

    above: Numbers
    tied: Numbers
    wanted: Numbers


def _first_group(of: Places) -> _Head:
    visits = len(of.wanted)
    above = np.full(visits, NEVER)
    np.minimum.at(above, of.visit, of.above)
    inside = of.above == above[of.visit]
    tied = np.ones(visits, dtype=np.int64)
    np.maximum.at(tied, of.visit[inside], of.tied[inside])
    wanted = np.bincount(of.visit[inside], minlength=visits)
    return _Head(above, tied, np.minimum(wanted, tied))


def _chance_of_first(head: _Head, k: int) -> Float[np.ndarray, "visits k"]:
    """Return the chance that the first wanted product of the group is its j-th, j = 1 .. k.

    C(n - j, w - 1) / C(n, w) of n tied with w wanted, where above + j <= k and j <= n - w + 1.
    """
    n, w = (x[:, None].astype(np.float64) for x in (head.tied, head.wanted))
    j = np.arange(1, k + 1)[None, :]
    ok = (j <= n - w + 1) & (head.above[:, None] + j <= k)
    left = np.where(ok, n - j, w)

    def log_choose(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1)

    return np.where(ok, np.exp(log_choose(left, w - 1) - log_choose(n, w)), 0.0)


def _discounts(k: int) -> Reals:
    """Return the sums of 1 / log2(1 + place) over the first 0, 1, ..., k places."""
    return np.append(0.0, np.cumsum(1 / np.log2(np.arange(2, k + 2))))


def _ideal(wanted: Numbers, k: int) -> Reals:
    return _discounts(k)[np.minimum(wanted, k)]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How lists spread over the catalogue.

    Attributes
    ----------
    coverage
        Share of the products that any list shows.
    gini
        Of how often each product of the catalogue is shown: 0 if all equally, near 1 if few alone.
    """

    coverage: float
    gini: float


def spread_of(shown: Int[np.ndarray, "visits k"], products: int) -> Spread:
    """Return coverage and concentration of lists; -1 stands for no product."""
    count = np.sort(np.bincount(shown[shown >= 0], minlength=products))
    total = count.sum()
    if not total:
        return Spread(coverage=0.0, gini=0.0)
    place = 2 * np.arange(1, products + 1) - products - 1
    gini = float((place * count).sum() / (products * total))
    return Spread(coverage=float((count > 0).mean()), gini=gini)


def means(frame: pd.DataFrame) -> dict[str, float]:
    """Return the mean over visits of each measure."""
    return {str(name): float(value) for name, value in frame.mean().items()}


def mean_intervals(
    frame: pd.DataFrame, cluster: np.ndarray, resampling: Resampling
) -> dict[str, Interval]:
    """Return a percentile interval for each mean; visits of one cluster are drawn together."""
    of, names = pd.factorize(cluster)
    sums = np.column_stack([np.bincount(of, frame[c]) for c in frame] + [np.bincount(of)])

    def measured(weights: Float[np.ndarray, " clusters"]) -> dict[str, float]:
        *numbers, size = weights @ sums
        return {str(c): float(n / size) for c, n in zip(frame, numbers, strict=True)}

    return intervals(measured, len(names), resampling)
