"""Fields that the recipes of the room share."""

from typing import Annotated

from pydantic import Field

Folds = Annotated[int, Field(ge=2, le=20)]

Settings = dict[str, bool | int | float | str | None]

LEARNER = "HistGradientBoostingRegressor"

SETTINGS: Settings = {
    "max_iter": 60,
    "learning_rate": 0.05,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 200,
}
"""Shallow trees with large leaves: effects are small beside what outcomes vary."""
