"""A union of retrievers; a conditional logit learnt on later visits ranks their candidates."""

from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from pydantic import Field, PositiveFloat, PositiveInt

from lifeworth.asof.baskets import Trails, spread
from lifeworth.models.choice import Choices, chances
from lifeworth.models.choice import fit as fit_choice
from lifeworth.models.core import Parameter, fitted, recipe
from lifeworth.models.ranker.repeat import Repeat, Repeats
from lifeworth.models.ranker.sequential_rules import Rules, SequentialRules
from lifeworth.models.ranker.towers import Towers
from lifeworth.models.ranker.vsknn import Neighbours, VsKnn
from lifeworth.models.ranking import PART, Ranks, best, order_of, places_in_row, shape_of
from lifeworth.tables.errors import InputError
from lifeworth.tables.visits import Unit

Numbers = Int[np.ndarray, " _"]
Reals = Float[np.ndarray, " _"]

MEANINGS = {
    "share": "log of its share of the scores that {} gives",
    "rank": "1 / (1 + its place by {})",
    "there": "whether {} has it among its candidates",
}
BESIDE = {
    "popularity": "log of 1 + visits that touched it",
    "repeat_of_long": "whether it was touched before, times the log of the visit's length",
    "last": "whether it was touched last",
    "last_of_long": "the same, times the log of the visit's length",
}
FEWEST = 50
"""Questions without which nothing is learnt."""


@recipe
class Union:
    """What each retriever finds, ranked by weights learnt on the latest visits.

    `union_towers.UnionWithTowers` has the two towers, too.

    The retrievers learn from the earlier visits, and are asked what the latest touch next, after
    beginnings drawn at random; the weights are those under which what came next is likeliest. Then
    the retrievers learn from all visits. A score is the chance that the product comes next; of
    baskets, in which several come next, it is the share of them.

    Attributes
    ----------
    vsknn, rules, repeat
        The retrievers.
    candidates
        Of each retriever.
    held_out
        Share of the visits, the latest, that teach the weights.
    questions
        Beginnings of held-out visits that are asked about, at most.
    penalty
        On the square of the weights of scaled features.
    gate
        Least share of held-out beginnings that go on with a candidate; candidates are `candidates`
        of each retriever, of which lists can be no better.
    """

    vsknn: VsKnn
    rules: SequentialRules
    repeat: Repeat
    candidates: PositiveInt
    held_out: Annotated[float, Field(gt=0, lt=1)]
    questions: PositiveInt
    penalty: PositiveFloat
    gate: Annotated[float, Field(ge=0, le=1)]

    def fit(self, visits: Trails, seed: int) -> "Blend":
        """Learn the weights on the latest visits, then the retrievers on all."""
        asked, product = _questions(visits, self, seed)
        early = self._blend(visits.part(0, visits.visits - _held(visits, self)), seed)
        row, column, x = early.candidates_in_parts(asked)
        chosen = column == product[row]
        inside = np.bincount(row[chosen], minlength=asked.visits) > 0
        if inside.sum() < FEWEST:
            raise InputError(
                f"ranker_union: {int(inside.sum()):,} of {asked.visits:,} held-out beginnings went "
                f"on with a candidate; weights need {FEWEST} or more, so give more visits, or a "
                "larger model.held_out"
            )
        if inside.mean() < self.gate:
            raise InputError(
                f"ranker_union: {inside.mean():.1%} of {asked.visits:,} held-out beginnings went "
                f"on with a candidate, and model.gate asks for {self.gate:.0%}; give a larger "
                "model.candidates, or a lower model.gate"
            )
        own = inside[row]
        start = np.append(np.flatnonzero(np.diff(row[own], prepend=-1)), own.sum())
        found = fit_choice(Choices(x[own], start, np.flatnonzero(chosen[own])), self.penalty)
        return replace(
            self._blend(visits, seed),
            beta=found.beta,
            error=found.error,
            inside=float(inside.mean()),
            fit_quality=found.log_likelihood,
        )

    def _blend(self, visits: Trails, seed: int) -> "Blend":
        """Return the retrievers fitted, with weights of 0."""
        towers = self._towers(visits, seed)
        made = Blend(
            product_id=visits.product_id,
            candidates_each=self.candidates,
            neighbours=self.vsknn.fit(visits, seed),
            after=self.rules.fit(visits, seed),
            repeats=self.repeat.fit(visits, seed),
            towers=towers,
            visits=np.diff(visits.matrix().tocsc().indptr).astype(np.int64),
            beta=np.zeros(0),
            error=np.zeros(0),
            inside=1.0,
            fit_quality=0.0,
        )
        none = np.zeros(len(made.names()))
        return replace(made, beta=none, error=none)

    def _towers(self, visits: Trails, seed: int) -> Towers | None:
        """Return the two towers fitted; this union has none."""
        del visits, seed


def _held(visits: Trails, recipe: Union) -> int:
    return max(int(visits.visits * recipe.held_out), 1)


def _questions(visits: Trails, recipe: Union, seed: int) -> tuple[Trails, Numbers]:
    """Return beginnings of held-out visits, any as likely as any other, and what came next."""
    late = visits.part(visits.visits - _held(visits, recipe), visits.visits)
    number = late.before()
    able = np.flatnonzero(number > 0)
    rng = np.random.default_rng(seed)
    target = np.sort(rng.permutation(able)[: recipe.questions])
    question, row = spread(late.start[late.visit[target]], number[target])
    asked = replace(
        late,
        visit_id=late.visit_id[late.visit[target]],
        visit=question,
        place=late.place[row],
        product=late.product[row],
    )
    return asked, late.product[target]


@fitted
class Blend:
    """The retrievers, candidates of each, and the weights of the features of these (`names`)."""

    chance_of: ClassVar[tuple[Unit, ...]] = ("session", "customer")

    product_id: np.ndarray
    candidates_each: int
    neighbours: Neighbours
    after: Rules
    repeats: Repeats
    towers: Towers | None
    visits: Int[np.ndarray, " products"]
    beta: Float[np.ndarray, " features"]
    error: Float[np.ndarray, " features"]
    inside: float
    fit_quality: float

    def retrievers(self) -> dict[str, Ranks]:
        """Return the retrievers by name."""
        found: dict[str, Ranks] = {
            "vsknn": self.neighbours,
            "rules": self.after,
            "repeat": self.repeats,
        }
        return found if self.towers is None else found | {"towers": self.towers}

    def names(self) -> dict[str, str]:
        """Return the names of the features, and what each says."""
        own = {
            f"{name}_{kind}": text.format(name)
            for name in self.retrievers()
            for kind, text in MEANINGS.items()
        }
        return own | BESIDE

    def candidates(self, asked: Trails) -> tuple[Numbers, Numbers, Float[np.ndarray, "n features"]]:
        """Return visit and product of the candidates, and their features."""
        k = self.candidates_each
        lists = [best(model.scores(asked, k), k) for model in self.retrievers().values()]
        if self.towers is not None:
            lists[-1] = _raised(lists[-1])
        found = sp.csr_array((asked.visits, len(self.product_id)))
        for s in lists:
            found = found + sp.csr_array((np.ones(s.nnz), s.indices, s.indptr), shape=s.shape)
        found = sp.csr_array(found)
        found.sort_indices()
        row = np.repeat(np.arange(asked.visits), np.diff(found.indptr))
        column = found.indices.astype(np.int64)
        key = row * len(self.product_id) + column
        columns = [f for s in lists for f in _features(s, key)]
        return row, column, np.column_stack([*columns, *self._beside(asked, row, column, key)])

    def candidates_in_parts(
        self, asked: Trails
    ) -> tuple[Numbers, Numbers, Float[np.ndarray, "n features"]]:
        """Return the same, found PART visits at a time: retrievers say much of long visits."""
        found = []
        for first in range(0, max(asked.visits, 1), PART):  # of none, too: no candidates
            row, *rest = self.candidates(asked.part(first, min(first + PART, asked.visits)))
            found.append((row + first, *rest))
        row, column, x = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return row, column, x

    def _beside(self, asked: Trails, row: Numbers, column: Numbers, key: Numbers) -> list[Reals]:
        """Return the features that no retriever gives."""
        width = len(self.product_id)
        length = np.log1p(np.bincount(asked.visit, minlength=asked.visits))[row]
        before = np.isin(key, asked.visit * width + asked.product)
        ends = asked.back() == 0
        last = np.isin(key, asked.visit[ends] * width + asked.product[ends])
        return [np.log1p(self.visits[column]), before * length, last * 1.0, last * length]

    def scores(self, asked: Trails, k: int) -> sp.csr_array:
        """Return the chance that each candidate comes next."""
        del k  # candidates are as many as the recipe says
        row, column, x = self.candidates(asked)
        shape = (asked.visits, len(self.product_id))
        if not len(row):
            return sp.csr_array(shape)
        start = np.append(np.flatnonzero(np.diff(row, prepend=-1)), len(row))
        chance = self.inside * chances(x @ self.beta, start)
        return sp.csr_array((chance, (row, column)), shape=shape)

    def parameters(self) -> list[Parameter]:
        """Return the weights, with the standard errors of the conditional logit."""
        told = zip(self.names().items(), self.beta, self.error, strict=True)
        return [
            Parameter(name, float(b), float(e), float(b - 1.96 * e), float(b + 1.96 * e), meaning)
            for (name, meaning), b, e in told
        ]

    def log_likelihood(self) -> dict[str, float]:
        """Return that of what came next among the candidates of held-out visits."""
        return {"choice": self.fit_quality}

    def notes(self) -> tuple[str, ...]:
        """Return how often the candidates held what came next."""
        return (
            f"Of held-out beginnings, {self.inside:.1%} went on with a candidate.".replace(
                "%", " %"
            ),
            *(note for model in self.retrievers().values() for note in model.notes()),
        )


def _raised(scores: sp.csr_array) -> sp.csr_array:
    """Return the exponentials of scores that are logarithms, the largest of each row as 1."""
    row = np.repeat(np.arange(shape_of(scores)[0]), np.diff(scores.indptr))
    largest = np.full(shape_of(scores)[0], -np.inf)
    np.maximum.at(largest, row, scores.data)
    raised = np.exp(scores.data - largest[row])
    return sp.csr_array((raised, scores.indices, scores.indptr), shape=scores.shape)


def _features(scores: sp.csr_array, key: Numbers) -> list[Reals]:
    """Return share, rank and presence by a retriever of the pairs in `key`, sorted."""
    rows, width = shape_of(scores)
    order, row = order_of(scores)
    place = np.empty(scores.nnz)
    place[order] = places_in_row(row)
    total = np.bincount(row, scores.data, minlength=rows)
    share = np.log(np.maximum(scores.data, 1e-12) / np.maximum(total[row], 1e-12))
    own = row * width + scores.indices
    at = np.searchsorted(key, own)
    found = [np.zeros(len(key)) for _ in range(3)]
    for column, value in zip(found, (share, 1 / (1 + place), 1.0), strict=True):
        column[at] = value
    return found
