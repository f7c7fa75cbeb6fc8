"""The next basket by boosted trees, learnt on the last basket of each known customer.

It needs the extra `basket`.
"""

from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from jaxtyping import Float, Int
from pydantic import Field, PositiveFloat, PositiveInt
from sklearn.ensemble import HistGradientBoostingClassifier

from lifeworth.asof.baskets import Trails
from lifeworth.models.basket.attach import Pairs, baskets_of, last_basket, pairs_of
from lifeworth.models.basket.tifuknn import Faded, TifuKnn
from lifeworth.models.boosting import Growth
from lifeworth.models.core import Parameter, fitted, recipe
from lifeworth.models.keeping import Kept, keep, unkeep
from lifeworth.models.ranking import PART, best, shape_of
from lifeworth.tables.errors import InputError
from lifeworth.tables.visits import Unit

Numbers = Int[np.ndarray, " _"]
Reals = Float[np.ndarray, " _"]
Features = Float[np.ndarray, "candidates features"]

FEATURES = {
    "times": "baskets of the customer that held it",
    "share": "the same, of all their baskets",
    "recent": "1 / (1 + baskets after the last that held it); 0 if none did",
    "since": "1 + baskets after the first that held it; 0 if none did",
    "faded": "frequency that fades, as TIFU-KNN takes it",
    "alike": "mean of that over the nearest customers",
    "popular": "share of all baskets that held it",
    "lately": "share of customers whose last basket held it",
    "again": "of baskets after a customer's first with it, the share that held it again, shrunken",
    "baskets": "of the customer",
    "size": "log of 1 + mean products of a basket of the customer",
    "beside": "of baskets with a product of the last basket, the share that held it: their mean",
}
"""What the trees know of a customer and a product; nothing grows with the number of customers or
baskets, so that it means the same where trees learn and where they are asked."""

FEWEST = 50
"""Customers with two baskets without whom nothing is learnt."""

SHRINK, OFTEN = 20.0, 0.05
"""Of `again`: so many baskets are added, of which this share held it."""


@recipe
class Learnt:
    """Candidates of four kinds, ranked by the chance to be in the next basket.

    Candidates are what the customer bought, and each `candidates` of the products that are bought
    most, that the nearest customers buy, and that go with the last basket. The trees learn, from
    all baskets but the last of each customer, what is in that. A score is the chance that the
    product is in the next basket.

    Attributes
    ----------
    frequencies
        Fading, and the nearest customers.
    candidates
        Of each kind beside what the customer bought.
    prior, least, keep
        Of pairs of products, as `attach.Attach` takes them.
    customers
        Who teach the trees, at most.
    trees, leaves, learning_rate, fewest
        How trees are grown; `fewest` candidates in a leaf.
    """

    frequencies: TifuKnn
    candidates: PositiveInt
    prior: PositiveFloat
    least: PositiveInt
    keep: PositiveInt
    customers: PositiveInt
    trees: PositiveInt
    leaves: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    fewest: PositiveInt

    def fit(self, visits: Trails, seed: int) -> "NextBasket":
        """Learn from baskets but the last what the last holds, then count in all baskets."""
        early, able = _without_last(visits)
        if len(able) < FEWEST:
            raise InputError(
                f"basket_learnt: {len(able):,} of {visits.visits:,} customers have two baskets or "
                f"more, and trees need {FEWEST}; give more of the past, or choose "
                "model=basket_gp_topfreq (of carts, which are one basket each, basket_ease)"
            )
        some = _drawn(able, self.customers, seed)
        asked, came = _only(early, some), last_basket(visits)[some]
        found = self._sources(early, seed).together(asked)
        held = np.asarray(came[found.row, found.product]).ravel() > 0
        if held.all() or not held.any():
            every = "all candidates" if held.any() else "no candidates"
            raise InputError(
                f"basket_learnt: last baskets hold {every}, so there is nothing to learn; give "
                "more products, or another model.candidates"
            )
        growth = Growth(self.trees, self.leaves, self.learning_rate, self.fewest)
        model = HistGradientBoostingClassifier(**growth.words(seed)).fit(found.x, held)
        chance = model.predict_proba(found.x)[:, 1]
        return NextBasket(
            product_id=visits.product_id,
            sources=self._sources(visits, seed),
            trees=keep(model),
            taught=asked.visits,
            inside=float(held.sum() / max(came.sum(), 1.0)),
            fit_quality=float(np.log(np.where(held, chance, 1.0 - chance)).sum()),
        )

    def _sources(self, visits: Trails, seed: int) -> "Sources":
        times, after = _times(visits), _ages(visits)[1]
        baskets, ends = _baskets(visits), visits.back() == 0
        more = np.bincount(times.indices, times.data - 1.0, minlength=visits.products)
        chances = np.bincount(after.indices, after.data - 1.0, minlength=visits.products)
        count = np.bincount(visits.product, minlength=visits.products)
        late = np.bincount(visits.product[ends], minlength=visits.products)
        return Sources(
            candidates=self.candidates,
            faded=self.frequencies.fit(visits, seed),
            pairs=pairs_of(baskets_of(visits), self.prior, self.least, self.keep),
            popular=count / max(baskets.sum(), 1),
            lately=late / max((baskets > 0).sum(), 1),
            again=(more + SHRINK * OFTEN) / (chances + SHRINK),
        )


class Candidates(NamedTuple):
    """Candidates by visit and product, sorted, and their features."""

    row: Numbers
    product: Numbers
    x: Features


@fitted
class Sources:
    """What is known of products and customers.

    Attributes
    ----------
    faded
        Frequencies of customers, without their ids.
    pairs
        Which products are bought with which.
    popular, lately, again
        Of each product, as in FEATURES.
    """

    candidates: int
    faded: Faded
    pairs: Pairs
    popular: Float[np.ndarray, " products"]
    lately: Float[np.ndarray, " products"]
    again: Float[np.ndarray, " products"]

    def together(self, asked: Trails) -> Candidates:
        """Return the candidates of many visits, some visits at a time."""
        found = [
            self.of(asked.part(first, min(first + PART, asked.visits)), first)
            for first in range(0, asked.visits, PART)
        ]
        return Candidates(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def of(self, asked: Trails, first: int = 0) -> Candidates:
        """Return the candidates of visits, that are numbered from `first` on."""
        k, times = self.candidates, _times(asked)
        own = self.faded.recipe.frequencies(asked)
        alike = self.faded.nearest(own)
        beside = self.pairs.beside(last_basket(asked))
        kinds = (times, best(alike, k), best(beside, k), self._popular(asked.visits))
        union = sp.csr_array(sum(_marked(kind) for kind in kinds))
        union.sort_indices()
        row = np.repeat(np.arange(asked.visits), np.diff(union.indptr))
        product = union.indices.astype(np.int64)
        key = row * asked.products + product

        def at(matrix: sp.csr_array) -> Reals:
            return _entries(matrix, key)

        recent, since = _ages(asked)
        baskets = _baskets(asked)
        products = np.bincount(asked.visit, minlength=asked.visits)
        columns = {
            "times": at(times),
            "share": at(times) / np.maximum(baskets[row], 1),
            "recent": at(recent),
            "since": at(since),
            "faded": at(own),
            "alike": at(alike),
            "popular": self.popular[product],
            "lately": self.lately[product],
            "again": self.again[product],
            "baskets": baskets[row].astype(np.float64),
            "size": np.log1p(products / np.maximum(baskets, 1))[row],
            "beside": at(beside),
        }
        x = np.column_stack([columns[name] for name in FEATURES])
        return Candidates(row + first, product, x)

    def _popular(self, visits: int) -> sp.csr_array:
        """Return the products that are bought most, for each visit."""
        products = len(self.popular)
        head = np.lexsort((np.arange(products), -self.popular))[: self.candidates]
        head = head[self.popular[head] > 0]
        row = np.repeat(np.arange(visits), len(head))
        shape = (visits, products)
        return sp.csr_array((np.ones(len(row)), (row, np.tile(head, visits))), shape=shape)


@fitted
class NextBasket:
    """The trees, what they ask for, and how well they learnt.

    Attributes
    ----------
    taught
        Customers whose last basket taught the trees.
    inside
        Share of the products of those baskets that were candidates.
    """

    chance_of: ClassVar[tuple[Unit, ...]] = ("basket",)

    product_id: np.ndarray
    sources: Sources
    trees: Kept
    taught: int
    inside: float
    fit_quality: float

    @cached_property
    def model(self) -> Any:
        """Return the trees."""
        return unkeep(self.trees)

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the chance of each candidate to be in the next basket."""
        del k  # candidates are as many as the recipe says
        shape = (asked.visits, len(self.product_id))
        if not asked.visits:
            return sp.csr_array(shape)
        found = self.sources.of(asked)
        chance = self.model.predict_proba(found.x)[:, 1]
        return sp.csr_array((chance, (found.row, found.product)), shape=shape)

    def parameters(self) -> list[Parameter]:
        """Return nothing: trees have no parameters that mean anything one by one."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return that of which candidates the last baskets held; the trees have seen them."""
        return {"candidates": self.fit_quality}

    def notes(self) -> tuple[str, ...]:
        """Return who taught the trees, and how often what came was a candidate."""
        share = f"{self.inside:.1%}".replace("%", " %")
        return (
            f"The last baskets of {self.taught:,} customers taught the trees; {share} of what they "
            "held was among the candidates.",
            *self.sources.faded.notes(),
        )


def _without_last(visits: Trails) -> tuple[Trails, Numbers]:
    """Return visits without the last basket of those who have more, and who these are.

    Who has one basket keeps it: they are among those from whom is counted later, too.
    """
    back = visits.back()
    able = np.bincount(visits.visit[back > 0], minlength=visits.visits) > 0
    rows = (back > 0) | ~able[visits.visit]
    early = replace(
        visits,
        visit=visits.visit[rows],
        place=visits.place[rows],
        product=visits.product[rows],
    )
    return early, np.flatnonzero(able)


def _drawn(able: Numbers, most: int, seed: int) -> Numbers:
    if len(able) <= most:
        return able
    return np.sort(np.random.default_rng(seed).permutation(able)[:most])


def _only(visits: Trails, kept: Numbers) -> Trails:
    """Return some visits, numbered anew."""
    number = np.full(visits.visits, -1)
    number[kept] = np.arange(len(kept))
    rows = number[visits.visit] >= 0
    return replace(
        visits,
        visit_id=visits.visit_id[kept],
        visit=number[visits.visit[rows]],
        place=visits.place[rows],
        product=visits.product[rows],
    )


def _times(visits: Trails) -> sp.csr_array:
    """Return in how many of a customer's baskets each product is."""
    shape = (visits.visits, visits.products)
    entries = np.ones(len(visits.visit)), (visits.visit, visits.product)
    return sp.csr_array(sp.coo_array(entries, shape=shape))  # entries at one place are summed


def _baskets(visits: Trails) -> Numbers:
    """Return how many baskets each customer has."""
    frame = pd.DataFrame({"visit": visits.visit, "place": visits.place}).drop_duplicates()
    return np.bincount(frame["visit"], minlength=visits.visits)


def _ages(visits: Trails) -> tuple[sp.csr_array, sp.csr_array]:
    """Return `recent` and `since` of what customers bought."""
    frame = pd.DataFrame({"v": visits.visit, "p": visits.product, "back": visits.back()})
    of = frame.groupby(["v", "p"])["back"]
    told = of.agg(least="min", most="max").reset_index()
    at = told["v"].to_numpy(), told["p"].to_numpy()
    shape = (visits.visits, visits.products)
    recent = sp.csr_array((1.0 / (1.0 + told["least"].to_numpy()), at), shape=shape)
    return recent, sp.csr_array((1.0 + told["most"].to_numpy(), at), shape=shape)


def _marked(matrix: sp.csr_array) -> sp.csr_array:
    """Return 1 at each entry above 0."""
    kept = sp.csr_array(matrix > 0)
    return sp.csr_array((np.ones(kept.nnz), kept.indices, kept.indptr), shape=kept.shape)


def _entries(matrix: sp.csr_array, key: Numbers) -> Reals:
    """Return the entries of a matrix at row * columns + column; 0 where there is none."""
    rows, width = shape_of(matrix)
    own = np.repeat(np.arange(rows), np.diff(matrix.indptr)) * width + matrix.indices
    found = np.zeros(len(key))
    if not len(key):
        return found
    at = np.minimum(np.searchsorted(key, own), len(key) - 1)
    there = key[at] == own
    found[at[there]] = matrix.data[there]
    return found
