"""Boosted trees that say what a head says, and how they are kept without pickle."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from lifeworth.models.boosting import Growth
from lifeworth.models.deep.heads import Heads
from lifeworth.models.keeping import Kept, keep, unkeep

FEWEST = 40
"""Customers of either kind without whom all are taken for alike."""

Columns = Float[np.ndarray, "customers columns"]
Row = Float[np.ndarray, " customers"]


class Trees(NamedTuple):
    """Of one interval: who buys, how often again, the log of the value.

    `shape` and `scale` are those of `math.Head`.
    """

    buys: Any
    extra: Any
    value: Any
    shape: float
    scale: float


class Outcomes(NamedTuple):
    """What customers did in one interval: purchases, value in units."""

    purchases: Row
    value: Row

    def rows(self, kept: np.ndarray) -> "Outcomes":
        """Return the customers in the rows `kept`."""
        return Outcomes(self.purchases[kept], self.value[kept])


def grow(x: Columns, done: Outcomes, growth: Growth, seed: int) -> Trees:
    """Grow the trees of one interval; what they leave over is not known yet (`judged`)."""
    bought, worth = done.purchases > 0, done.value > 0
    words = growth.words(seed)
    often = HistGradientBoostingRegressor(loss="poisson", **words)
    again = done.purchases[bought] - 1.0
    logs = np.log(np.where(worth, done.value, 1.0))[worth]
    return Trees(
        buys=_fitted(HistGradientBoostingClassifier(**words), x, bought.astype(np.float64)),
        extra=_fitted(often, x[bought], again),
        value=_fitted(HistGradientBoostingRegressor(**words), x[worth], logs),
        shape=1.0,
        scale=1.0,
    )


def _fitted(model: Any, x: Columns, y: Row) -> Any:
    """Fit trees, or the mean where there is too little to tell customers apart by."""
    chance = isinstance(model, HistGradientBoostingClassifier)
    fewer = min((y > 0).sum(), (y <= 0).sum()) if chance else len(y)
    if fewer >= FEWEST and np.ptp(y) > 0:
        return model.fit(x, y)
    if not len(y):
        x, y = np.zeros((1, x.shape[1])), np.zeros(1)
    never = len(x) + 2  # customers of a node that is split: the mean of all
    if chance:
        return DecisionTreeClassifier(min_samples_split=never).fit(x, y)
    return DecisionTreeRegressor(min_samples_split=never).fit(x, y)


def judged(trees: Trees, x: Columns, done: Outcomes) -> Trees:
    """Learn shape and scale from what trees leave over of outcomes they have not seen."""
    head = say(trees, x)
    bought, worth = done.purchases > 0, done.value > 0
    mean = head.extra[bought]
    over = ((done.purchases[bought] - 1.0 - mean) ** 2 - mean).sum()
    shape = (mean**2).sum() / over if over > 0 else 200.0
    off = np.log(np.where(worth, done.value, 1.0))[worth] - head.loc[worth]
    scale = float(np.sqrt((off**2).mean())) if worth.any() else 1.0
    return trees._replace(
        shape=float(np.clip(shape, 0.05, 200.0)), scale=float(np.clip(scale, 0.05, 2.5))
    )


class Said(NamedTuple):
    """The head of each customer in one interval."""

    logit: Row
    extra: Row
    shape: Row
    loc: Row
    scale: Row


def say(trees: Trees, x: Columns) -> Said:
    """Return the head of each customer."""
    chances = trees.buys.predict_proba(x)
    never = chances.shape[1] == 1  # one kind of customer alone: nobody, or everybody
    p = np.full(len(x), float(trees.buys.classes_[0])) if never else chances[:, 1]
    p = np.clip(p, 1e-6, 1.0 - 1e-6)
    extra = np.clip(trees.extra.predict(x), 1e-4, 1e3)
    whole = np.ones(len(x))
    return Said(
        np.log(p / (1.0 - p)), extra, trees.shape * whole, trees.value.predict(x),
        trees.scale * whole,
    )  # fmt: skip


def heads(grown: list[list[Trees]], x: Columns) -> Heads:
    """Return the heads of every member (outer list) and interval (inner list)."""
    said = [[say(trees, x) for trees in member] for member in grown]
    parts = ([[s[i] for s in member] for member in said] for i in range(len(Said._fields)))
    return Heads(*(np.array(part, dtype=np.float32).transpose(0, 2, 1) for part in parts))


def kept(trees: Trees) -> Kept:
    """Return the trees as bytes."""
    return keep(trees._asdict())


def unkept(content: Kept) -> Trees:
    """Return the trees of `kept`."""
    return Trees(**unkeep(content))
