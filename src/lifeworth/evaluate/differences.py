"""How much better one model is than others on the same customers, with intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lifeworth.evaluate import errors
from lifeworth.evaluate.bootstrap import Interval, Resampling, intervals
from lifeworth.evaluate.errors import Customers
from lifeworth.evaluate.scorecard import Standing, defined
from lifeworth.tables.errors import InputError

METRICS = (
    *("purchases_mae", "purchases_rmse", "purchases_gini", "purchases_crps"),
    *("value_mae", "value_rmse", "value_gini", "value_spearman", "value_crps"),
)
"""Measures that are compared: those with a best value that no model passes by missing."""

Standings = Sequence[Sequence[Standing]]
"""Of a model: for each cut-off, one of each seed."""


def differences(
    models: Mapping[str, Standings], model: str, resampling: Resampling
) -> pd.DataFrame:
    """Return how much each measure of a model differs from that of every other model.

    A measure is the mean over cut-offs of the mean over seeds. A resample draws customers, and the
    same draw weighs them at all cut-offs and in all models: what makes a customer hard is hard for
    all models, and stays so. The interval speaks of other customers; how much cut-offs differ is
    said by `backtest.paired`.

    Parameters
    ----------
    models
        By name; all at the same cut-offs.
    model
        The one that is compared with every other.

    Returns
    -------
    pandas.DataFrame
        other, metric, difference (model less other), low, high: no row where a measure is undefined
        at a cut-off, no ends where it mostly is in the resamples.

    Raises
    ------
    InputError
        If there is no such model.
    """
    if model not in models:
        raise InputError(f"differences: no model '{model}'; there are {', '.join(models)}")
    cuts = [cut for standings in models.values() for cut in standings]
    everyone = pd.Index(np.unique(np.concatenate([cut[0].customers for cut in cuts])))
    others = [name for name in models if name != model]

    def less(weights: Customers) -> dict[str, float]:
        taken = {name: _measures(own, everyone, weights) for name, own in models.items()}
        return {
            f"{other}/{metric}": value - taken[other][metric]
            for other in others
            for metric, value in taken[model].items()
            if metric in taken[other]
        }

    ends = intervals(less, len(everyone), resampling)
    nothing = Interval(float("nan"), float("nan"))
    rows = [
        (*name.rsplit("/", 1), value, *ends.get(name, nothing))
        for name, value in less(np.ones(len(everyone))).items()
    ]
    return pd.DataFrame(rows, columns=["other", "metric", "difference", "low", "high"])


def _measures(standings: Standings, everyone: pd.Index, weights: Customers) -> dict[str, float]:
    """Return the measures that are defined at every cut-off and seed."""
    taken = []
    for cut in standings:
        here = weights[everyone.get_indexer(cut[0].customers)]
        taken.append([_taken(standing, here) for standing in cut])
    return {
        metric: float(np.mean([np.mean([seed[metric] for seed in cut]) for cut in taken]))
        for metric in METRICS
        if all(metric in seed for cut in taken for seed in cut)
    }


def _taken(standing: Standing, weights: Customers) -> dict[str, float]:
    if not errors.mean(weights) > 0:
        return {}
    attempts = standing.attempts(weights)
    return defined({name: attempts[name] for name in METRICS}, quiet=True)
