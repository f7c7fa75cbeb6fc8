"""Fitted uplift models: what each arm changes for each customer, and what it costs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import special

from lifeworth.models.core import Parameter, fitted
from lifeworth.models.keeping import Kept, keep, unkeep
from lifeworth.models.uplift.bases import Base, expected, outcomes, told
from lifeworth.models.uplift.forest import Grown, keep_grown, unkeep_grown
from lifeworth.models.uplift.learners import LEARNERS, Learner, Models, say_forest
from lifeworth.models.uplift.math import doubly_robust
from lifeworth.models.uplift.shrinking import Line, line, shrunken
from lifeworth.models.uplift.trial import ByArm, Trial, split
from lifeworth.tables.errors import InputError

Learn = Callable[[Trial, int], Models]

NORMAL_90, NORMAL_95 = (float(special.ndtri(level)) for level in (0.95, 0.975))
"""Half widths of normal intervals, in standard errors."""

Numbers = Float[np.ndarray, " offers"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """What each arm changes, by customer and arm; the control is the first arm and changes nothing.

    Attributes
    ----------
    raw
        As the learner says.
    value
        Shrunken (`shrinking`).
    error
        Standard error of `value`.
    cost
        What the arm is expected to cost, cents; not part of `value` unless the outcome is net.
    """

    raw: ByArm
    value: ByArm
    error: ByArm
    cost: ByArm

    def low(self) -> ByArm:
        """Return the lower ends of the 90 % intervals."""
        return self.value - NORMAL_90 * self.error


@fitted
class Uplift:
    """Models of every fold of the customers, whose mean is the effect."""

    learner: str
    arms: tuple[str, ...]
    features: tuple[str, ...]
    folds: int
    kept: dict[str, Kept | dict[str, Kept]]
    average: Numbers
    average_error: Numbers
    slope: Numbers
    slope_error: Numbers
    centre: Numbers
    customers: int

    @cached_property
    def parts(self) -> list[tuple[Models, dict[str, Any]]]:
        """Return, for every fold, the learner's parts and the models of outcome and cost."""
        found: list[tuple[Models, dict[str, Any]]] = []
        for fold in range(self.folds):
            named: dict[str, dict[str, Any]] = {"learner": {}, "beside": {}}
            for name, kept in self.kept.items():
                number, kind, part = name.split("/", 2)
                if int(number) == fold:
                    named[kind][part] = _unkept(kept)
            found.append((named["learner"], named["beside"]))
        return found

    def effects(self, features: pd.DataFrame) -> Effects:
        """Return what arms change for customers with these features.

        Raises
        ------
        InputError
            If a feature is missing.
        """
        x = self._checked(features)
        say = say_of(self.learner)
        size = len(self.arms)
        raw = np.mean([say(own, x, size) for own, _ in self.parts], axis=0)
        costs = [[_cost(beside, arm, x) for arm in range(size)] for _, beside in self.parts]
        value, error = shrunken(self._line(), raw)
        return Effects(raw=raw, value=value, error=error, cost=np.mean(costs, axis=0).T)

    def expected(self, features: pd.DataFrame) -> ByArm:
        """Return the expected outcome of each customer in each arm, as doubly robust scores need.

        Raises
        ------
        InputError
            If a feature is missing.
        """
        x = self._checked(features)
        every = [
            expected([beside[f"outcome/{arm}"] for arm in range(len(self.arms))], x)
            for _, beside in self.parts
        ]
        return np.mean(every, axis=0)

    def parameters(self) -> list[Parameter]:
        """Return by arm the average effect, and how far apart customers are of what is said."""
        found = []
        meanings = {
            "average": "mean effect over the control",
            "slope": "effects found for effects said: 1 is right, 0 tells nobody apart",
        }
        for name, meaning in meanings.items():
            values, errors = getattr(self, name), getattr(self, f"{name}_error")
            for arm, value, error in zip(self.arms[1:], values, errors, strict=True):
                low, high = value - NORMAL_95 * error, value + NORMAL_95 * error
                ends = float(low), float(high)
                found.append(Parameter(f"{name}_{arm}", float(value), float(error), *ends, meaning))
        return found

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing: learners have no likelihood."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return for which arms the effects of customers are not told apart."""
        flat = [
            arm
            for arm, slope, error in zip(self.arms[1:], self.slope, self.slope_error, strict=True)
            if slope - NORMAL_95 * error <= 0
        ]
        if not flat or self.learner == "none":
            return ()
        names = ", ".join(f"'{arm}'" for arm in flat)
        return (
            f"The experiment does not show that effects of {names} differ between customers as the "
            "model says (slope of the calibration not surely above 0).",
        )

    def _line(self) -> Line:
        return Line(self.average, self.average_error, self.slope, self.slope_error, self.centre)

    def _checked(self, features: pd.DataFrame) -> pd.DataFrame:
        missing = [name for name in self.features if name not in features]
        if missing:
            raise InputError(
                f"uplift: {len(missing)} of {len(self.features)} features are missing, first "
                f"'{missing[0]}'; give the columns that the model was fitted to"
            )
        return features.loc[:, list(self.features)]


def fit(trial: Trial, learner: tuple[str, Learn], base: Base, folds: int, seed: int) -> Uplift:
    """Fit a learner to all but each fold in turn, and draw the line with the fold left out.

    Parameters
    ----------
    learner
        Its name (`learners`), and what learns the parts from a trial and a seed.
    base
        Of the outcomes by arm and of costs that vary.
    """
    name, learn = learner
    say, fold = say_of(name), split(trial, folds, seed)
    raw = np.empty((len(trial.arm), len(trial.arms)))
    mean = np.empty_like(raw)
    kept: dict[str, Kept | dict[str, Kept]] = {}
    for number in range(folds):
        own = trial.rows(np.flatnonzero(fold != number))
        models, beside = learn(own, seed), _beside(own, base, seed)
        rows = np.flatnonzero(fold == number)
        x = trial.features.iloc[rows]
        raw[rows] = say(models, x, len(trial.arms))
        mean[rows] = expected([beside[f"outcome/{a}"] for a in range(len(trial.arms))], x)
        kept |= {f"{number}/learner/{part}": _kept(model) for part, model in models.items()}
        kept |= {f"{number}/beside/{part}": _kept(model) for part, model in beside.items()}
    found = line(raw, doubly_robust(trial.outcome, trial.arm, trial.propensity, mean))
    return Uplift(
        learner=name,
        arms=trial.arms,
        features=tuple(map(str, trial.features.columns)),
        folds=folds,
        kept=kept,
        customers=len(trial.arm),
        **found._asdict(),
    )


def say_of(name: str) -> Callable[[Models, pd.DataFrame, int], ByArm]:
    """Return how the parts of a learner say what arms change."""
    learner: Learner | None = LEARNERS.get(name)
    return say_forest if learner is None else learner.say


def _beside(trial: Trial, base: Base, seed: int) -> dict[str, Any]:
    """Return the models of the outcome in each arm, and of the cost: a number where it is one."""
    found: dict[str, Any] = {f"outcome/{a}": m for a, m in enumerate(outcomes(trial, base, seed))}
    for arm in range(len(trial.arms)):
        rows = trial.of_arm(arm)
        paid = trial.cost[rows]
        found[f"cost/{arm}"] = (
            np.array([paid[0]])
            if np.ptp(paid) == 0
            else base.fit(trial.features.iloc[rows], paid, seed)
        )
    return found


def _cost(beside: Mapping[str, Any], arm: int, x: pd.DataFrame) -> np.ndarray:
    model = beside[f"cost/{arm}"]
    return np.full(len(x), model[0]) if isinstance(model, np.ndarray) else told(model, x)


def _kept(model: Any) -> Kept | dict[str, Kept]:
    if isinstance(model, Grown):
        return keep_grown(model)
    return keep(model)


def _unkept(kept: Any) -> Any:
    return unkeep_grown(kept) if isinstance(kept, dict) else unkeep(kept)
