"""Intervals of measures by resampling customers (Efron's percentile bootstrap)."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lifeworth.tables.errors import InputError

Measures = Callable[[Float[np.ndarray, " customers"]], dict[str, float]]
"""Frequency weights of the customers -> measures by name; an undefined measure is left out."""

MOSTLY = 0.95
"""Share of the resamples in which a measure must be defined to be given an interval."""


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """How to resample: how often, the coverage of the interval, and the seed."""

    resamples: int = 200
    level: float = 0.90
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resamples < 1 or not 0 < self.level < 1:
            raise InputError(
                f"resampling: resamples = {self.resamples}, level = {self.level}; "
                "resamples must be at least 1 and level inside (0, 1)"
            )


class Interval(NamedTuple):
    """Ends of a percentile interval."""

    low: float
    high: float


def intervals(measures: Measures, customers: int, resampling: Resampling) -> dict[str, Interval]:
    """Return a percentile interval for every measure; all measures see the same resamples.

    A resample is how often each customer was drawn (whole weights that sum to `customers`), so
    `measures` can sort once and reweight. A measure undefined in more than 5 % of the resamples
    gets no interval. The interval of a distance (never negative) leans upward: a resample lies
    farther from the ideal than the sample does.
    """
    seen = defaultdict(list)
    for weights in _weights(customers, resampling):
        for name, value in measures(weights).items():
            seen[name].append(value)
    tail = (1 - resampling.level) / 2
    return {
        name: Interval(*map(float, np.quantile(values, [tail, 1 - tail])))
        for name, values in seen.items()
        if len(values) >= MOSTLY * resampling.resamples
    }


def _weights(customers: int, resampling: Resampling) -> Iterator[Float[np.ndarray, " customers"]]:
    rng = np.random.default_rng(resampling.seed)
    for _ in range(resampling.resamples):
        drawn = rng.integers(customers, size=customers)
        yield np.bincount(drawn, minlength=customers).astype(float)
