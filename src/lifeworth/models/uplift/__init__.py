"""Uplift: what an offer changes, and what it costs. Recipes need the extra `uplift`.

math             value and cost of an offer for each customer and arm
MetaLearner      S, T, X, R and DR over any regressor of scikit-learn, and none (`learners`)
CausalForest     honest trees that split where effects differ (Athey et al. 2019; EconML)
"""

from importlib import import_module
from typing import Any

RECIPES = {"MetaLearner": "meta_learner", "CausalForest": "causal_forest"}


def __getattr__(name: str) -> Any:
    """Import a recipe when it is asked for, so that the mathematics need no scikit-learn."""
    if name not in RECIPES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{RECIPES[name]}"), name)
