"""Two towers: visits and products in one space, learnt by contrast within batches.

It needs the extra `ranker`.
"""

from dataclasses import replace
from typing import Annotated

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import Field, PositiveFloat, PositiveInt

from lifeworth.asof.baskets import Trails
from lifeworth.engines.task import Task, Training
from lifeworth.engines.training import Trained, seeded, train
from lifeworth.models.core import recipe
from lifeworth.models.ranker.tower_net import (
    Cost,
    JudgedBatches,
    Kinds,
    QuestionBatches,
    Questions,
    TowerNet,
)
from lifeworth.models.ranker.towers import Towers, last_touched
from lifeworth.models.search import Search, cells
from lifeworth.tables.errors import InputError

FEWEST = 50
"""Questions without which nothing is learnt, and nothing is judged."""

TOGETHER = 500
"""Questions that are judged at once."""


@recipe
class TwoTower:
    """In-batch softmax, corrected for how often each product is drawn (Yi et al. 2019).

    A visit is the mean of the vectors of its last touches, weighted by how long ago each was, and a
    linear map of that mean and the last; a score is the cosine between visit and product, divided
    by a temperature, plus a number of the product's own (one space for both: Hou et al. 2022). The
    latest visits say how many epochs are best; then it learns from all. Where kinds of products
    (categories) are known, a vector is the sum of the product's own and its kind's, and a product
    nobody touched yet is found by its kind (Volkovs, Yu and Poutanen 2017: DropoutNet).

    Attributes
    ----------
    size
        Numbers of a vector.
    reach
        Last touches that are read.
    longest
        Touches of a visit that are learnt from, its first.
    temperature
        That cosines are divided by.
    dropout
        Share of the numbers of touches that are left out by chance in training.
    blind
        Share of products of a known kind whose own vector is left out in training, so that the kind
        learns to do without.
    held_out
        Share of the visits, the latest, by which training is stopped.
    questions
        Beginnings of them that are asked about, at most.
    training
        How it is trained; `batch` is also the number of candidates.
    search
        How products are searched.
    """

    size: PositiveInt
    reach: PositiveInt
    longest: PositiveInt
    temperature: PositiveFloat
    dropout: Annotated[float, Field(ge=0, lt=1)]
    blind: Annotated[float, Field(ge=0, lt=1)]
    held_out: Annotated[float, Field(gt=0, lt=1)]
    questions: PositiveInt
    training: Training
    search: Search

    def fit(self, visits: Trails, seed: int) -> Towers:
        """Find the number of epochs on the latest visits, then learn from all.

        Raises
        ------
        InputError
            If too few visits went on, or an index does not reach its recall.
        FitError
            If the loss is not finite.
        """
        first = visits.visits - max(int(visits.visits * self.held_out), 1)
        early = questions_of(visits.part(0, first), self)
        late = questions_of(visits.part(first, visits.visits), self)
        _refuse_few(early, late)
        judged = JudgedBatches(_some(late, self.questions, seed), TOGETHER)
        stopped = self._trained(visits, early, judged, seed)
        whole = questions_of(visits, self)
        done = self._trained(visits, whole, stopped.epochs, seed)
        made = Towers(
            product_id=visits.product_id,
            weights=folded(done.weights),
            temperature=self.temperature,
            search=self.search,
            cells=None,
            curves=_curves(stopped, done),
            epochs=stopped.epochs,
        )
        return self._searched(made, whole, seed)

    def _trained(
        self, visits: Trails, taught: Questions, judged: JudgedBatches | int, seed: int
    ) -> Trained:
        """Train until the judged batches say stop, or for so many epochs."""
        count = np.bincount(taught.wanted, minlength=visits.products)
        log_q = np.log(np.maximum(count, 1) / len(taught.wanted))
        batches = QuestionBatches(taught, min(self.training.batch, len(taught.wanted)), log_q)
        with seeded(seed):
            kinds = _kinds(visits, taught, self.blind)
            net = TowerNet(visits.products, self.size, self.reach, self.dropout, kinds)
        stops = isinstance(judged, JudgedBatches)
        return train(
            Task(
                net,
                Cost(self.temperature),
                batches,
                self.training,
                seed,
                validation=judged if stops else None,
                epochs=None if stops else judged,
                name="judged" if stops else "whole",
            )
        )

    def _searched(self, made: Towers, taught: Questions, seed: int) -> Towers:
        """Return the towers with cells, where there are so many products."""
        asked = _some(taught, self.search.sample, seed).touched
        found = cells(made.index.products, made.visits(asked), self.search, seed)
        return replace(made, cells=found)


def _kinds(visits: Trails, taught: Questions, blind: float) -> Kinds | None:
    if visits.kinds is None or (visits.kinds < 0).all():
        return None
    touched = np.zeros(visits.products, dtype=np.bool_)
    touched[taught.wanted] = True
    touched[taught.touched[taught.touched >= 0]] = True
    return Kinds(visits.kinds, touched, blind)


def folded(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return weights in which what is learnt of a kind is part of each of its products."""
    if "kind" not in weights:
        return weights
    kind = weights["kind"]
    known = kind > 0
    product = weights["product"] + weights["group"][kind] * known[:, None]
    bias = weights["bias"] + weights["group_bias"][kind] * known
    whole = {n: w for n, w in weights.items() if n not in ("kind", "group", "group_bias")}
    return whole | {"product": product, "bias": bias}


def questions_of(visits: Trails, recipe: TwoTower) -> Questions:
    """Return every touch with others at earlier places, and these."""
    number = visits.before()
    target = np.flatnonzero((number > 0) & (number < recipe.longest))
    end = visits.start[visits.visit[target]] + number[target]
    touched = last_touched(visits, end, number[target], recipe.reach)
    return Questions(touched, visits.product[target])


def _some(questions: Questions, most: int, seed: int) -> Questions:
    """Return questions drawn at random."""
    rows = np.random.default_rng(seed).permutation(len(questions.wanted))[:most]
    return Questions(*(column[np.sort(rows)] for column in questions))


def _refuse_few(early: Questions, late: Questions) -> None:
    for which, questions in (("earlier", early), ("held-out", late)):
        found = len(questions.wanted)
        if found < FEWEST:
            raise InputError(
                f"ranker_two_tower: {which} visits go on {found:,} times after a first touch, it "
                f"takes {FEWEST} or more; give more visits, or another model.held_out"
            )


def _curves(stopped: Trained, done: Trained) -> dict[str, Float[np.ndarray, " epochs"]]:
    """Return the loss by epoch; that of validation is 1 less the mean gain."""
    curve = pd.concat([stopped.curve, done.curve.assign(part="all visits")])
    return {str(part): rows["loss"].to_numpy(np.float64) for part, rows in curve.groupby("part")}
