"""The space personas live in: which features, how they are scaled, frozen when first fitted."""

from dataclasses import replace
from typing import Annotated, Literal, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import Field, PositiveFloat, PositiveInt
from scipy.special import ndtri
from scipy.stats import rankdata

from lifeworth.asof.attributes import numbers
from lifeworth.asof.persona_features import NUMBERS, category_counts, persona_features
from lifeworth.asof.split import History
from lifeworth.models.btyd.gamma_poisson import GammaPoisson, fit_gamma_poisson
from lifeworth.models.btyd.statistics import statistics
from lifeworth.models.core import fitted, recipe
from lifeworth.models.personas.math import Columns, ilr, smoothed
from lifeworth.tables.errors import InputError, did_you_mean

RATE, CATEGORIES = "purchase_rate", "categories"
OURS = (*NUMBERS, RATE, CATEGORIES)
"""Features that need no column of the shop's own."""

SHARES = ("discount_share", "returned_share")
"""Features whose log says nothing: they lie between 0 and 1."""

KNOTS = 1_024
"""Values of a feature whose ranks are kept; in between lies a straight line."""

Scale = Literal["normal_scores", "log"]


@recipe
class HalfLives:
    """Days after which a purchase, and what it was worth, count half in the recent features."""

    purchases: PositiveInt
    value: PositiveInt


@recipe
class Categories:
    """How shares of categories are drawn to those of all customers, and what they weigh.

    Attributes
    ----------
    prior
        Lines of an order that the shares of all customers count for.
    weight
        Sd of the whole block; that of every other feature is 1.
    """

    prior: PositiveFloat
    weight: PositiveFloat


@recipe
class Outliers:
    """Who belongs to no persona.

    Attributes
    ----------
    distance
        Times the distance within which 99 % of a persona's customers lie; farther is nobody's.
    high_value
        Quantile of value from which an outlier is of high value.
    """

    distance: PositiveFloat
    high_value: Annotated[float, Field(gt=0, lt=1)]


class Look(NamedTuple):
    """What a recipe says of the space."""

    features: tuple[str, ...]
    scale: Scale
    half_lives: HalfLives
    categories: Categories
    outliers: Outliers


class Raw(NamedTuple):
    """Customers as they are: NUMBERS and the shop's own columns; x and T; lines by category."""

    frame: pd.DataFrame
    x: Float[np.ndarray, " customers"]
    T: Float[np.ndarray, " customers"]
    counts: pd.DataFrame | None


@fitted
class Space:
    """Features and their scale.

    Attributes
    ----------
    knots, scores
        By feature: values, and the normal score of each; of scale "log" the mean and sd of the
        logs, in two knots.
    rate
        r and alpha (days) of the gamma-Poisson; empty where the rate is no feature.
    levels, shares
        Categories and their shares in the population; empty where they are no feature.
    block
        What the coordinates of the categories are divided by.
    """

    features: tuple[str, ...]
    scale: Scale
    half_lives: HalfLives
    prior: float
    knots: dict[str, np.ndarray]
    scores: dict[str, np.ndarray]
    rate: np.ndarray
    levels: tuple[str, ...]
    shares: np.ndarray
    block: float

    def columns(self, raw: Raw) -> pd.DataFrame:
        """Return the features before they are scaled, but for categories; one row per customer."""
        plain = [name for name in self.features if name != CATEGORIES]
        return pd.DataFrame({name: self._value(raw, name) for name in plain})

    def place(self, raw: Raw) -> Columns:
        """Return customers in the space; the same customers are always in the same place."""
        values = self.columns(raw)
        scaled = [self._scaled(name, values[name].to_numpy())[:, None] for name in values]
        if CATEGORIES in self.features:
            scaled.append(self._coordinates(raw) / self.block)
        return np.hstack(scaled)

    def _value(self, raw: Raw, name: str) -> np.ndarray:
        if name == RATE:
            return GammaPoisson(*map(float, self.rate)).posterior_mean(raw.x, raw.T)
        return raw.frame[name].to_numpy(dtype=np.float64)

    def _scaled(self, name: str, value: np.ndarray) -> np.ndarray:
        if self.scale == "normal_scores":
            return np.interp(value, self.knots[name], self.scores[name])
        mean, sd = self.knots[name]
        return (_logs(name, value) - mean) / sd

    def _coordinates(self, raw: Raw) -> Columns:
        if raw.counts is None:
            raise InputError("personas: this model needs categories of products; give them")
        known = raw.counts.reindex(columns=list(self.levels), fill_value=0.0)
        if "unknown" in known:  # categories that came later
            known["unknown"] += raw.counts.drop(columns=list(self.levels), errors="ignore").sum(
                axis=1
            )
        return ilr(smoothed(known.to_numpy(dtype=np.float64), self.shares, self.prior))


def read(history: History, look: Look | Space) -> Raw:
    """Return the customers of `history` with what the features need.

    Raises
    ------
    InputError
        If a feature is not known, named twice, or the store has no table it needs.
    """
    _refuse_odd(look.features, history)
    frame = persona_features(history, look.half_lives.purchases, look.half_lives.value)
    own = [name for name in look.features if name not in OURS]
    if own:
        frame = frame.merge(numbers(history, own), on="customer_id", validate="one_to_one")
    stats = statistics(history)
    counts = category_counts(history) if CATEGORIES in look.features else None
    return Raw(frame.sort_values("customer_id", ignore_index=True), stats.x, stats.T, counts)


def fit_space(raw: Raw, look: Look) -> Space:
    """Return the space in which these customers are spread evenly.

    Raises
    ------
    InputError
        If a feature is the same for all customers.
    """
    empty = np.zeros(0)
    space = Space(
        features=look.features,
        scale=look.scale,
        half_lives=look.half_lives,
        prior=look.categories.prior,
        knots={},
        scores={},
        rate=empty,
        levels=(),
        shares=empty,
        block=1.0,
    )
    if RATE in look.features:
        space = replace(space, rate=np.array(fit_gamma_poisson(raw.x, raw.T)))
    values = space.columns(raw)
    _refuse_flat(values)
    kept = {name: _knots(look.scale, name, values[name].to_numpy()) for name in values}
    knots, scores = ({name: pair[side] for name, pair in kept.items()} for side in (0, 1))
    space = replace(space, knots=knots, scores=scores)
    return _with_categories(space, raw, look) if raw.counts is not None else space


def _with_categories(space: Space, raw: Raw, look: Look) -> Space:
    counts = raw.counts
    if counts is None or counts.shape[1] < 2:
        raise InputError("personas: 'categories' needs two categories of products or more")
    n = counts.to_numpy(dtype=np.float64)
    shares = n.sum(axis=0) / n.sum()
    levels = tuple(map(str, counts.columns))
    spread = ilr(smoothed(n, shares, look.categories.prior)).var(axis=0).sum() ** 0.5
    block = float(spread / look.categories.weight) or 1.0
    return replace(space, levels=levels, shares=shares, block=block)


def _knots(scale: Scale, name: str, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values and their normal scores; mean and sd, and nothing, of logs."""
    if scale == "log":
        logs = _logs(name, value)
        return np.array([logs.mean(), logs.std()]), np.zeros(0)
    values, first = np.unique(value, return_index=True)
    scores = ndtri((rankdata(value) - 0.5) / len(value))[first]
    few = np.unique(np.linspace(0, len(values) - 1, min(KNOTS, len(values))).round().astype(int))
    return values[few], scores[few]


def _logs(name: str, value: np.ndarray) -> np.ndarray:
    """Return log1p of the positive part; log of a rate; a share as it is."""
    if name in SHARES:
        return value
    if name == RATE:
        return np.log(value)
    units = value / 100.0 if name.endswith("_cents") else value
    return np.log1p(np.maximum(units, 0.0))


def _refuse_odd(features: tuple[str, ...], history: History) -> None:
    if not features:
        raise InputError("model.features: none are named; name two or three, as purchase_rate")
    customers = history.tables.customers
    own = [] if customers is None else [c for c in customers.columns if c != "customer_id"]
    for place, name in enumerate(features):
        if name in features[:place]:
            raise InputError(f"model.features: '{name}' is named twice; name it once")
        if name not in (*OURS, *own):
            hint = did_you_mean(name, [*OURS, *own])
            raise InputError(
                f"model.features: there is no '{name}'{hint}; there are {', '.join(OURS)}, and the "
                "numeric columns of customers"
            )


def _refuse_flat(values: pd.DataFrame) -> None:
    flat = [name for name in values if len(np.unique(values[name])) < 2]
    if flat:
        raise InputError(
            f"model.features: '{flat[0]}' is {values[flat[0]].iloc[0]:g} for all {len(values):,} "
            "customers and tells nobody apart; leave it out"
        )
