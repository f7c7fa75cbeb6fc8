"""What learners are made of: any regressor or classifier of scikit-learn."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import all_estimators

from lifeworth.models.uplift.trial import ByArm, Row, Trial
from lifeworth.tables.errors import InputError, did_you_mean

RAREST = 20
"""Customers of a level of text that is told apart from other rare ones."""

KINDS = ("regressor", "classifier")


class Base(NamedTuple):
    """An estimator of scikit-learn by name, and its settings."""

    name: str
    settings: Mapping[str, Any]

    def make(self, seed: int) -> Pipeline:
        """Return a new one that reads features as they are.

        Raises
        ------
        InputError
            If scikit-learn has no regressor or classifier of that name, or it refuses a setting.
        """
        known = dict(found for kind in KINDS for found in all_estimators(type_filter=kind))
        if self.name not in known:
            hint = did_you_mean(self.name, known)
            raise InputError(
                f"model.learner: scikit-learn has no regressor or classifier '{self.name}'{hint}; "
                "name one of them, as HistGradientBoostingRegressor"
            )
        try:
            made = known[self.name](**self.settings)
        except TypeError as error:
            raise InputError(
                f"model.settings: {self.name} does not take them ({error}); see the names in "
                "scikit-learn's documentation"
            ) from error
        if "random_state" in made.get_params():
            made.set_params(random_state=seed)
        return make_pipeline(columns_of(), made)

    def fit(self, x: pd.DataFrame, y: Row, seed: int, weight: Row | None = None) -> Pipeline:
        """Fit a new one; weights are those of squared errors.

        Raises
        ------
        InputError
            If a classifier is given an outcome other than 0 and 1, or settings are wrong.
        """
        made = self.make(seed)
        last = made.steps[-1][0]
        if is_classifier(made) and not set(np.unique(y)) <= {0.0, 1.0}:
            raise InputError(
                f"model.learner: {self.name} tells yes from no, and the outcome is an amount; "
                "choose a regressor, as HistGradientBoostingRegressor"
            )
        words = {} if weight is None else {f"{last}__sample_weight": weight}
        try:
            return made.fit(x, y, **words)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"model.settings: {self.name} cannot learn with them ({error}); correct them, or "
                "leave them out"
            ) from error


def told(model: Pipeline, x: pd.DataFrame) -> Row:
    """Return what a model expects: the chance of 1 of a classifier."""
    if not is_classifier(model):
        return np.asarray(model.predict(x), dtype=np.float64)
    classes = list(model.classes_)
    if 1.0 not in classes:
        return np.zeros(len(x))
    return np.asarray(model.predict_proba(x), dtype=np.float64)[:, classes.index(1.0)]


def outcomes(trial: Trial, base: Base, seed: int) -> list[Pipeline]:
    """Return a model of the outcome in each arm, the control first."""
    return [
        base.fit(trial.features.iloc[rows], trial.outcome[rows], seed)
        for rows in map(trial.of_arm, range(len(trial.arms)))
    ]


def expected(models: list[Pipeline], x: pd.DataFrame) -> ByArm:
    """Return the expected outcome of each customer in each arm."""
    return np.column_stack([told(model, x) for model in models])


def chances(trial: Trial, seed: int) -> tuple[Pipeline | None, ByArm]:
    """Return the chance of each arm for each customer, and the model of it if it varies.

    As designed, where every arm was drawn with one chance for all; a multinomial logistic
    regression on the features otherwise, for a log has only the chance of the arm that was drawn.
    """
    if trial.is_constant():
        return None, np.tile(trial.shares(), (len(trial.arm), 1))
    model = make_pipeline(columns_of(), LogisticRegression(max_iter=1_000, random_state=seed))
    model.fit(trial.features, trial.arm)
    return model, np.asarray(model.predict_proba(trial.features), dtype=np.float64)


def columns_of() -> Any:
    """Return what makes numbers of features: text by level, numbers centred, gaps told."""
    text = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=RAREST, sparse_output=False
    )
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    return clone(
        make_column_transformer(
            (text, make_column_selector(dtype_exclude=["number", "bool"])),
            (numbers, make_column_selector(dtype_include=["number", "bool"])),
        )
    )
