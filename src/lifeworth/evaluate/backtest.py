"""Backtests: a recipe at several cut-offs and seeds, as one tidy table with intervals."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from scipy import special

from lifeworth.asof.split import Future, History
from lifeworth.evaluate.scorecard import evaluate
from lifeworth.models.core import Recipe

Score = TypeVar("Score")


def backtest(
    recipe: Recipe[Score],
    splits: Iterable[tuple[History, Future]],
    seeds: Sequence[int],
    judge: Callable[[Score, Future], dict[str, float]] = evaluate,
) -> pd.DataFrame:
    """Fit, score and judge a recipe at every cut-off with every seed.

    Returns
    -------
    pandas.DataFrame
        cutoff (date), seed, metric, value: one row per number of each scorecard.
    """
    rows = []
    for history, future in splits:
        for seed in seeds:
            scores = recipe.fit(history, seed).score(history, future.horizon)
            rows += [(future.cutoff, seed, *number) for number in judge(scores, future).items()]
    return pd.DataFrame(rows, columns=["cutoff", "seed", "metric", "value"])


def summarise(table: pd.DataFrame, level: float = 0.90) -> pd.DataFrame:
    """Return each metric's mean over cut-offs with a t-interval.

    Seeds are averaged within a cut-off first: they are repetitions, not evidence about other times.
    Horizons that overlap make cut-offs dependent and the interval too narrow.

    Returns
    -------
    pandas.DataFrame
        metric, cutoffs (how many), mean, sd (between cut-offs), low, high; sorted by metric. A
        metric seen at one cut-off alone has no sd and no interval: these are missing.
    """
    by_cutoff = table.groupby(["metric", "cutoff"], as_index=False).agg(value=("value", "mean"))
    done = by_cutoff.groupby("metric", as_index=False).agg(
        cutoffs=("value", "count"), mean=("value", "mean"), sd=("value", "std")
    )
    count = done["cutoffs"].to_numpy(dtype=float)
    half = special.stdtrit(count - 1, (1 + level) / 2) * done["sd"] / np.sqrt(count)
    return done.assign(low=done["mean"] - half, high=done["mean"] + half)


def paired(table: pd.DataFrame, model: str, level: float = 0.90) -> pd.DataFrame:
    """Return how much each metric of a model differs from that of the others at the same cut-offs.

    What makes a cut-off hard is hard for all models, so that differences vary less than metrics.

    Parameters
    ----------
    table
        cutoff, model, metric, value: one row each.

    Returns
    -------
    pandas.DataFrame
        metric, baseline, cutoffs (how many both have), value (mean of the model), difference (mean
        of the model less the baseline), low, high: its t-interval, missing for a single cut-off.
    """
    wide = table.pivot_table(index=["metric", "cutoff"], columns="model", values="value")
    parts = [_differences(wide, model, other) for other in wide.columns if other != model]
    names = ["metric", "baseline", "cutoffs", "value", "difference", "low", "high"]
    if not parts:
        return pd.DataFrame(columns=pd.Index(names))
    done = pd.concat(parts, ignore_index=True)
    half = special.stdtrit(done["cutoffs"] - 1.0, (1 + level) / 2)
    half = half * done["sd"] / np.sqrt(done["cutoffs"])
    ends = {"low": done["difference"] - half, "high": done["difference"] + half}
    return pd.DataFrame(done.assign(**ends), columns=pd.Index(names))


def _differences(wide: pd.DataFrame, model: str, other: str) -> pd.DataFrame:
    own, off = wide[model], wide[model] - wide[other]
    both = pd.DataFrame({"value": own, "difference": off}).dropna()
    by_metric = both.groupby("metric")
    return pd.DataFrame({
        "cutoffs": by_metric["difference"].count(),
        "value": by_metric["value"].mean(),
        "difference": by_metric["difference"].mean(),
        "sd": by_metric["difference"].std(),
        "baseline": other,
    }).reset_index()  # fmt: skip
