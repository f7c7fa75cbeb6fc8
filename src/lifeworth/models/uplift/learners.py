"""Meta-learners: from models of outcomes to what each arm changes.

m_a(x) is the expected outcome under arm a, e_a the chance of the arm; 0 is the control. Two-stage
learners cross-fit their first stage in two halves, so that no residual knows its own outcome.

    S   one m(x, a), and m(x, a) - m(x, 0)                                (Kuenzel et al. 2019)
    T   one m_a(x) for each arm, and m_a(x) - m_0(x)                      (Kuenzel et al. 2019)
    X   y - m_0(x) of the treated and m_a(x) - y of the control, each regressed on x, and mixed by
        the chances                                                       (Kuenzel et al. 2019)
    R   (y - m(x)) / (w - e), weighted by (w - e)^2, regressed on x       (Nie and Wager 2021)
    DR  doubly robust scores of a less those of the control, regressed on x (Kennedy 2023)
    forest   generalised random forest of the same residuals as R         (Athey et al. 2019)
    none     the mean effect, for everybody
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifeworth.models.uplift.bases import Base, chances, expected, outcomes, told
from lifeworth.models.uplift.forest import Forest, grow
from lifeworth.models.uplift.math import doubly_robust
from lifeworth.models.uplift.trial import ByArm, Trial, split

Models = dict[str, Any]
"""Fitted parts by name; names are kept with them."""

HALVES = 2
"""Folds of a first stage."""

ARM = "_arm_"
"""Before the names of the columns that tell an S-learner the arm."""


class Learner(NamedTuple):
    """How parts are learnt from a trial, and how they say what arms change."""

    learn: Callable[[Trial, Base, int], Models]
    say: Callable[[Models, pd.DataFrame, int], ByArm]


class First(NamedTuple):
    """The first stage, from customers other than the one it speaks of."""

    m: ByArm
    e: ByArm


def first_stage(trial: Trial, base: Base, seed: int) -> First:
    """Return expected outcomes and chances of all arms, cross-fitted in halves."""
    fold = split(trial, HALVES, seed)
    m = np.empty((len(trial.arm), len(trial.arms)))
    for half in range(HALVES):
        models = outcomes(trial.rows(np.flatnonzero(fold != half)), base, seed)
        rows = np.flatnonzero(fold == half)
        m[rows] = expected(models, trial.features.iloc[rows])
    return First(m, chances(trial, seed)[1])


def with_arm(x: pd.DataFrame, arm: np.ndarray, arms: int) -> pd.DataFrame:
    """Return the features with a column for each arm but the control."""
    flags = {f"{ARM}{a}": (arm == a).astype(np.float64) for a in range(1, arms)}
    return x.assign(**flags)


def _learn_s(trial: Trial, base: Base, seed: int) -> Models:
    x = with_arm(trial.features, trial.arm, len(trial.arms))
    return {"outcome": base.fit(x, trial.outcome, seed)}


def _say_s(models: Models, x: pd.DataFrame, arms: int) -> ByArm:
    every = [np.full(len(x), arm) for arm in range(arms)]
    mean = np.column_stack([told(models["outcome"], with_arm(x, arm, arms)) for arm in every])
    return mean - mean[:, :1]


def _learn_t(trial: Trial, base: Base, seed: int) -> Models:
    return {str(arm): model for arm, model in enumerate(outcomes(trial, base, seed))}


def _say_t(models: Models, x: pd.DataFrame, arms: int) -> ByArm:
    mean = expected([models[str(arm)] for arm in range(arms)], x)
    return mean - mean[:, :1]


def _learn_x(trial: Trial, base: Base, seed: int) -> Models:
    found, models = first_stage(trial, base, seed), {}
    own = trial.of_arm(0)
    for arm in range(1, len(trial.arms)):
        rows = trial.of_arm(arm)
        treated = trial.outcome[rows] - found.m[rows, 0]
        spared = found.m[own, arm] - trial.outcome[own]
        models[f"{arm}/treated"] = base.fit(trial.features.iloc[rows], treated, seed)
        models[f"{arm}/control"] = base.fit(trial.features.iloc[own], spared, seed)
    model, e = chances(trial, seed)
    return models | ({"shares": e.mean(axis=0)} if model is None else {"chances": model})


def _say_x(models: Models, x: pd.DataFrame, arms: int) -> ByArm:
    model = models.get("chances")
    e = models["shares"][None, :] if model is None else model.predict_proba(x)
    effects = np.zeros((len(x), arms))
    for arm in range(1, arms):
        share = e[:, arm] / (e[:, arm] + e[:, 0])
        treated, control = (told(models[f"{arm}/{part}"], x) for part in ("treated", "control"))
        effects[:, arm] = share * control + (1.0 - share) * treated
    return effects


def _pair(trial: Trial, found: First, arm: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of an arm and the control, and both residuals: of the outcome, of the arm."""
    rows = np.flatnonzero((trial.arm == 0) | (trial.arm == arm))
    e = found.e[rows, arm] / (found.e[rows, arm] + found.e[rows, 0])
    mean = e * found.m[rows, arm] + (1.0 - e) * found.m[rows, 0]
    return rows, trial.outcome[rows] - mean, (trial.arm[rows] == arm) - e


def _learn_r(trial: Trial, base: Base, seed: int) -> Models:
    found, models = first_stage(trial, base, seed), {}
    for arm in range(1, len(trial.arms)):
        rows, left, drawn = _pair(trial, found, arm)
        models[str(arm)] = base.fit(trial.features.iloc[rows], left / drawn, seed, drawn**2)
    return models


def _learn_dr(trial: Trial, base: Base, seed: int) -> Models:
    found = first_stage(trial, base, seed)
    drawn = found.e[np.arange(len(trial.arm)), trial.arm]
    scores = doubly_robust(trial.outcome, trial.arm, drawn, found.m)
    return {
        str(arm): base.fit(trial.features, scores[:, arm] - scores[:, 0], seed)
        for arm in range(1, len(trial.arms))
    }


def _say_second(models: Models, x: pd.DataFrame, arms: int) -> ByArm:
    """Return what one model for each arm says."""
    found = [told(models[str(arm)], x) for arm in range(1, arms)]
    return np.column_stack([np.zeros(len(x)), *found])


def learn_forest(trial: Trial, base: Base, growth: Forest, seed: int) -> Models:
    """Grow a causal forest for each arm on what the first stage leaves over."""
    found, models = first_stage(trial, base, seed), {}
    for arm in range(1, len(trial.arms)):
        rows, left, drawn = _pair(trial, found, arm)
        models[str(arm)] = grow(trial.features.iloc[rows], drawn, left, growth, seed)
    return models


def say_forest(models: Models, x: pd.DataFrame, arms: int) -> ByArm:
    """Return what the forest of each arm says."""
    found = [models[str(arm)].effect(x) for arm in range(1, arms)]
    return np.column_stack([np.zeros(len(x)), *found])


def _learn_none(trial: Trial, base: Base, seed: int) -> Models:
    del base, seed
    weight = 1.0 / trial.propensity
    sums = np.bincount(trial.arm, weights=weight * trial.outcome, minlength=len(trial.arms))
    return {"mean": sums / np.bincount(trial.arm, weights=weight, minlength=len(trial.arms))}


def _say_none(models: Models, x: pd.DataFrame, arms: int) -> ByArm:
    del arms
    return np.tile(models["mean"] - models["mean"][0], (len(x), 1))


LEARNERS = {
    "s": Learner(_learn_s, _say_s),
    "t": Learner(_learn_t, _say_t),
    "x": Learner(_learn_x, _say_x),
    "r": Learner(_learn_r, _say_second),
    "dr": Learner(_learn_dr, _say_second),
    "none": Learner(_learn_none, _say_none),
}
