"""Uplift models on customers they have not seen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lifeworth.models.uplift.fitted import Effects
from lifeworth.models.uplift.trial import ByArm, Trial, split


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossFitted:
    """What models of the other folds say of each customer.

    Attributes
    ----------
    fold
        Of each customer.
    effects, expected
        `models.uplift.fitted`.
    best
        By fold, the arm of the highest mean effect among the customers learnt from, 0 if none is
        above 0.
    """

    fold: Int[np.ndarray, " customers"]
    effects: Effects
    expected: ByArm
    best: Int[np.ndarray, " folds"]


def cross_fit(recipe: Any, trial: Trial, folds: int, seed: int) -> CrossFitted:
    """Fit a recipe to all but each fold in turn, and ask it about the fold."""
    fold = split(trial, folds, seed + 1)
    shape = (len(trial.arm), len(trial.arms))
    told: dict[str, Float[np.ndarray, "customers arms"]] = {
        name: np.empty(shape) for name in ("raw", "value", "error", "cost", "expected")
    }
    best = np.zeros(folds, dtype=np.int64)
    for number in range(folds):
        rows = np.flatnonzero(fold == number)
        fitted = recipe.fit(trial.rows(np.flatnonzero(fold != number)), seed)
        x = trial.features.iloc[rows]
        effects = fitted.effects(x)
        for name in ("raw", "value", "error", "cost"):
            told[name][rows] = getattr(effects, name)
        told["expected"][rows] = fitted.expected(x)
        average = np.concatenate([[0.0], fitted.average])
        best[number] = int(average.argmax())
    expected = told.pop("expected")
    return CrossFitted(fold=fold, effects=Effects(**told), expected=expected, best=best)
