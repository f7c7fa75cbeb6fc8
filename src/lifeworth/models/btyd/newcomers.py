"""What is expected of a customer who has just bought for the first time."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from lifeworth.models.btyd.outlook import LEVELS
from lifeworth.models.btyd.process import Process
from lifeworth.models.core import QUANTILES

NEVER = 1e-12
"""Chance of a stage below which nobody is in it."""


def newborn_repeats(
    process: Process, eta: Float[np.ndarray, "rows coordinates"], ages: Float[np.ndarray, " ages"]
) -> Float[np.ndarray, "rows ages"]:
    """Return repeat purchases expected by these ages, one row for each row of coordinates.

    Row by row: a quadrature of many takes as many nodes as the worst of them needs.
    """
    return np.stack([_grown(process, process.params(row), ages) for row in eta])


def _grown(process: Process, th: Any, ages: Float[np.ndarray, " ages"]) -> np.ndarray:
    none, total = np.zeros_like(ages), np.zeros_like(ages)
    for stage, there in enumerate(process.alive(th, none, none, none)):
        if (there > NEVER).any():
            total += there * process.purchases(th, none, none, ages, stage)
    return total


def newcomers(
    draws: Float[np.ndarray, "draws ages"], days: list[float], value: Any
) -> pd.DataFrame:
    """Return days, expected_purchases, their sd and quantiles, and expected_value."""
    names = [name.replace("value", "purchases") for name in QUANTILES]
    quantiles = np.quantile(draws, LEVELS, axis=0)
    return pd.DataFrame(
        {
            "days": days,
            "expected_purchases": draws.mean(axis=0),
            "purchases_sd": draws.std(axis=0),
            **dict(zip(names, quantiles, strict=True)),
            "expected_value": value,
        }
    )
