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
