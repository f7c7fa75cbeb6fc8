"""One recipe's lists: fitted, asked, and where what came next stands in them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int

from lifeworth.asof.baskets import Trails, catalogue, numbered, trails
from lifeworth.evaluate.ranking import Places, Spread, joined, listed, places, spread_of
from lifeworth.models.ranking import GivesChances, Ranks, Top, parts, shape_of, top, unseen
from lifeworth.run.config import RankingRules, RunConfig
from lifeworth.tables.visits import Unit, Visits


@runtime_checkable
class Calibrates(Ranks, Protocol):
    """A model whose chances are calibrated ones of raw scores."""

    def raw(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the raw scores, taken for chances."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """Visits that are asked about, and what came next.

    Attributes
    ----------
    learnt, asked
        Visits to learn from, and the others.
    unit
        What a visit is; None where what is wanted is more than the next place.
    visit, product
        What came next, by visit of `asked`; -1 for a product nobody touched before.
    value
        What each of it was worth, cents; None where no money is known.
    cluster
        Of each visit of `asked`.
    money
        What a purchase of each product of the catalogue brings, cents, as far as it is known (0
        otherwise); None where no money is known.
    new
        Whether lists hold only what a visit has not touched.
    """

    learnt: Trails
    asked: Trails
    unit: Unit | None
    visit: np.ndarray
    product: np.ndarray
    value: Float[np.ndarray, " wanted"] | None
    cluster: np.ndarray
    money: Float[np.ndarray, " products"] | None
    new: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """What the lists of a model of chances show, one row each.

    Attributes
    ----------
    visit, product
        Numbers of the visit and of the product.
    chance, raw
        That it is wanted; `raw` before calibration, None where the model has no such step.
    came
        Whether it was wanted.
    earned, earned_raw
        By visit, the value of what was wanted among the first of the list by chance x money, and by
        raw chance x money; None where no money is known (or no raw chance).
    """

    visit: Int[np.ndarray, " shown"]
    product: Int[np.ndarray, " shown"]
    chance: Float[np.ndarray, " shown"]
    raw: Float[np.ndarray, " shown"] | None
    came: Bool[np.ndarray, " shown"]
    earned: Float[np.ndarray, " visits"] | None
    earned_raw: Float[np.ndarray, " visits"] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """One model's lists, and where what came next stands in them.

    `shown` is None where scores are no chances.
    """

    name: str
    fitted: Ranks
    places: Places
    top: Top
    spread: Spread
    shown: Shown | None
    seconds_fit: float
    seconds_score: float


def question_of(visits: Visits, rules: RankingRules) -> Question:
    """Return visits as numbers.

    The catalogue is what was touched in those to learn from, and products of a known category.
    """
    kind = _kind(visits.products)
    products, ids = catalogue(visits.train, kind), visits.asked_ids
    wanted = visits.wanted.assign(
        visit=ids.get_indexer(pd.Index(visits.wanted["visit_id"])),
        product=numbered(visits.wanted["product_id"], products),
    ).sort_values(["visit", "product"])
    own_carts = visits.unit == "cart" and visits.products is not None
    value = wanted["value_cents"].to_numpy(dtype=np.float64) if "value_cents" in wanted else None
    return Question(
        learnt=trails(visits.train, products, kind=kind),
        asked=trails(visits.asked, products, ids, kind),
        unit=visits.unit if visits.days is None else None,
        visit=wanted["visit"].to_numpy(dtype=np.int64),
        product=wanted["product"].to_numpy(dtype=np.int64),
        value=value,
        cluster=visits.clusters.loc[ids].to_numpy(),
        money=_money(visits.products, products),
        new=(rules.seen or ("leave_out" if own_carts else "keep")) == "leave_out",
    )


def _kind(known: pd.DataFrame | None) -> pd.Series | None:
    """Return the category of products, by product_id; missing where it is empty."""
    if known is None or "category" not in known:
        return None
    own = known.set_index("product_id")["category"]
    return own.where(own != "")


def _money(
    known: pd.DataFrame | None, product_id: np.ndarray
) -> Float[np.ndarray, " products"] | None:
    if known is None or "margin_cents" not in known:
        return None
    cents = known.set_index("product_id")["margin_cents"].reindex(product_id.astype(object))
    return cents.fillna(0.0).to_numpy(dtype=np.float64)


def gives_chances(fitted: Ranks, question: Question) -> bool:
    """Say whether the scores are chances that a product is among what is wanted."""
    return isinstance(fitted, GivesChances) and question.unit in fitted.chance_of


@dataclass(frozen=True, eq=False)
class _Part:
    """Scores of some visits, and the rows of what they wanted."""

    first: int
    rows: slice
    asked: Trails
    scores: sp.csr_array


def judge(name: str, recipe: Any, question: Question, config: RunConfig) -> Judged:
    """Fit a recipe, rank the whole catalogue for every visit, and find what came next."""
    at = config.ranking.at
    most = max(*config.ranking.lengths, at)
    most += int(np.diff(question.asked.start).max()) if question.new else 0
    began = time.perf_counter()
    fitted: Ranks = recipe.fit(question.learnt, config.seed)
    done = time.perf_counter()
    chances = gives_chances(fitted, question)
    found: list[Places] = []
    tops: list[Top] = []
    shown: list[Shown] = []
    for part in _parts(fitted, question, most):
        found.append(_places(part.scores, part, question))
        tops.append(top(part.scores, at))
        if chances:
            shown.append(_shown(fitted, part, tops[-1], question, (at, most)))
    whole = Top(*(np.concatenate(columns) for columns in zip(*tops, strict=True)))
    return Judged(
        name=name,
        fitted=fitted,
        places=joined(found),
        top=whole,
        spread=spread_of(whole.product, question.asked.products),
        shown=_together(shown) if chances else None,
        seconds_fit=done - began,
        seconds_score=time.perf_counter() - done,
    )


def _parts(fitted: Ranks, question: Question, most: int) -> Iterator[_Part]:
    first = 0
    for own, told in parts(fitted, question.asked, most):
        rows = slice(*np.searchsorted(question.visit, [first, first + own.visits]))
        yield _Part(first, rows, own, unseen(told, own) if question.new else told)
        first += own.visits


def _places(scores: sp.csr_array, part: _Part, question: Question) -> Places:
    visit = question.visit[part.rows] - part.first
    return places(scores, visit, question.product[part.rows])


def _shown(
    fitted: Ranks, part: _Part, best: Top, question: Question, sizes: tuple[int, int]
) -> Shown:
    """Return what the lists of some visits show; `sizes`: of a list, and to ask the model for."""
    at, most = sizes
    row, place = np.nonzero(best.product >= 0)
    product = best.product[row, place]
    width = question.asked.products
    wanted = (question.visit[part.rows] - part.first) * width + question.product[part.rows]
    known = question.product[part.rows] >= 0
    raw = fitted.raw(part.asked, most) if isinstance(fitted, Calibrates) else None
    if raw is not None and question.new:
        raw = unseen(raw, part.asked)
    return Shown(
        visit=row.astype(np.int64) + part.first,
        product=product,
        chance=best.score[row, place],
        raw=None if raw is None else np.asarray(raw[row, product]).ravel(),
        came=np.isin(row * width + product, wanted[known]),
        earned=_earned(part.scores, part, question, at),
        earned_raw=None if raw is None else _earned(raw, part, question, at),
    )


def _earned(
    chance: sp.csr_array, part: _Part, question: Question, at: int
) -> Float[np.ndarray, " visits"] | None:
    """Return the value of what was wanted among the first `at` by chance x money above 0."""
    if question.money is None or question.value is None:
        return None
    worth = chance.data * question.money[chance.indices]
    row = np.repeat(np.arange(shape_of(chance)[0]), np.diff(chance.indptr))
    kept = worth > 0
    entries = worth[kept], (row[kept], chance.indices[kept])
    by_worth = sp.csr_array(entries, shape=shape_of(chance))
    told = listed(_places(by_worth, part, question), at, question.value[part.rows])
    return told["value"].to_numpy(dtype=np.float64)


def _together(of: list[Shown]) -> Shown:
    def whole(name: str) -> Any:
        own = [getattr(part, name) for part in of]
        return None if own[0] is None else np.concatenate(own)

    return Shown(**{name: whole(name) for name in Shown.__dataclass_fields__})
