"""Uplift: what an offer changes, and what it costs.

math             value and cost of an offer for each customer and arm
SLearner         one model of outcomes with the arm among its inputs (Kuenzel et al. 2019)
TLearner         a model of outcomes for each arm (Kuenzel et al. 2019)
XLearner         imputed effects, mixed by the chances (Kuenzel et al. 2019)
RLearner         residuals on residuals (Nie and Wager 2021)
DrLearner        doubly robust scores on features (Kennedy 2023)
CausalForest     honest trees that split where effects differ (Athey et al. 2019; EconML)
NoLearner        the mean effect of each arm: the best single arm
"""

from importlib import import_module
from typing import Any

RECIPES = {
    "SLearner": "s_learner",
    "TLearner": "t_learner",
    "XLearner": "x_learner",
    "RLearner": "r_learner",
    "DrLearner": "dr_learner",
    "CausalForest": "causal_forest",
    "NoLearner": "no_learner",
}


def __getattr__(name: str) -> Any:
    """Import a recipe when it is asked for, so that the mathematics need no scikit-learn."""
    if name not in RECIPES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{RECIPES[name]}"), name)
