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
    """

    fold: Int[np.ndarray, " customers"]
    effects: Effects
    expected: ByArm


def cross_fit(recipe: Any, trial: Trial, folds: int, seed: int) -> CrossFitted:
    """Fit a recipe to all but each fold in turn, and ask it about the fold."""
    fold = split(trial, folds, seed + 1)
    shape = (len(trial.arm), len(trial.arms))
    told: dict[str, Float[np.ndarray, "customers arms"]] = {
        name: np.empty(shape) for name in ("raw", "value", "error", "cost", "expected")
    }
    for number in range(folds):
        rows = np.flatnonzero(fold == number)
        fitted = recipe.fit(trial.rows(np.flatnonzero(fold != number)), seed)
        x = trial.features.iloc[rows]
        effects = fitted.effects(x)
        for name in ("raw", "value", "error", "cost"):
            told[name][rows] = getattr(effects, name)
        told["expected"][rows] = fitted.expected(x)
    expected = told.pop("expected")
    return CrossFitted(fold=fold, effects=Effects(**told), expected=expected)
