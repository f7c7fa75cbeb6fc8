"""Priors in words: the interval in which the quantity lies, as sure as nine in ten."""

import math
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field, PositiveFloat
from pydantic.dataclasses import dataclass

from lifeworth.engines.pooled import Priors
from lifeworth.models.btyd.process import Coordinate, Link

Z90 = 1.6448536269514722
"""Half-width of a 90 % normal interval in standard errors."""

STRICT = ConfigDict(extra="forbid")


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    if not ends[0] < ends[1]:
        raise ValueError(f"the interval [{ends[0]:g}, {ends[1]:g}] does not ascend")
    return ends


Chance = Annotated[float, Field(gt=0, lt=1)]
Interval = Annotated[tuple[PositiveFloat, PositiveFloat], AfterValidator(_ascending)]
Chances = Annotated[tuple[Chance, Chance], AfterValidator(_ascending)]
Factor = Annotated[float, Field(gt=1)]
Rate = Annotated[float, Field(ge=0, lt=10)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BetaGeometricPriors:
    """Of BG/NBD and its kin; mean_spend is a multiple of the mean repeat purchase observed."""

    purchases_per_year: Interval
    rate_shape: Interval
    leave_chance: Chances
    leave_concentration: Interval
    mean_spend: Interval
    spend_shape: Interval
    spend_likeness: Interval


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HierarchicalPriors(BetaGeometricPriors):
    """Of a hierarchy.

    Attributes
    ----------
    segments_differ_by
        Factor (of odds, for chances) within which 90 % of segments lie around the population, if
        they differ as much as they well may.
    covariates_change_by
        Factor within which one standard deviation of a covariate changes a quantity.
    """

    segments_differ_by: Factor
    covariates_change_by: Factor


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ParetoNbdPriors:
    """Of the Pareto/NBD."""

    purchases_per_year: Interval
    rate_shape: Interval
    departures_per_year: Interval
    departure_shape: Interval
    mean_spend: Interval
    spend_shape: Interval
    spend_likeness: Interval


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BgBbPriors:
    """Of the BG/BB."""

    purchase_chance: Chances
    purchase_concentration: Interval
    leave_chance: Chances
    leave_concentration: Interval
    mean_spend: Interval
    spend_shape: Interval
    spend_likeness: Interval


def priors_of(
    said: Any, coordinates: tuple[Coordinate, ...], spread: float | None = None
) -> Priors:
    """Return the normal priors of these coordinates; `said` is one of the above."""
    ends = np.array([[linked(c, v) for v in getattr(said, c.name)] for c in coordinates])
    return Priors(
        mean=ends.mean(axis=1),
        sd=(ends[:, 1] - ends[:, 0]) / (2 * Z90),
        between=math.log(getattr(said, "segments_differ_by", math.e)) / Z90,
        effect=math.log(getattr(said, "covariates_change_by", math.e)) / Z90,
        spread=spread,
    )


def linked(coordinate: Coordinate, quantity: float) -> float:
    """Return the coordinate of a quantity."""
    return _LINKS[coordinate.link](quantity / coordinate.unit)


def unlinked(coordinate: Coordinate, eta: Any) -> Any:
    """Return the quantities of coordinates (NumPy)."""
    if coordinate.link == "log":
        return coordinate.unit * np.exp(eta)
    return coordinate.unit / (1.0 + np.exp(-eta))


_LINKS: dict[Link, Any] = {"log": math.log, "logit": lambda p: math.log(p / (1.0 - p))}
