"""Personas: groups of customers alike in what they do. Recipes need the extra `personas`.

Density      HDBSCAN, Campello, Moulavi and Sander (2013)
Means        K-Means
Mixture      Gaussian mixture
RfmGrid      cells of recency by frequency and money: what personas have to beat
Policy       HDBSCAN first; K-Means or a mixture where it finds too little
"""

from importlib import import_module
from typing import Any

RECIPES = {
    "Density": "density",
    "Means": "means",
    "Mixture": "mixture",
    "RfmGrid": "rfm_grid",
    "Policy": "policy",
}


def __getattr__(name: str) -> Any:
    """Import a recipe when it is asked for, so that the mathematics need no scikit-learn."""
    if name not in RECIPES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{RECIPES[name]}"), name)
