"""The rate so far goes on: repeat purchases a day, times the horizon, times the mean value."""

import numpy as np
from pydantic import PositiveInt

from lifeworth.asof.split import History
from lifeworth.models.btyd.heuristic import Guess, poisson_forecast
from lifeworth.models.btyd.statistics import statistics
from lifeworth.models.core import Forecast, Parameter, fitted, recipe


@recipe
class HeuristicRate:
    """x / T, times the horizon; customers without a repeat purchase are worth nothing.

    Attributes
    ----------
    draws
        Futures drawn for each customer (Poisson), for spread and quantiles.
    """

    draws: PositiveInt

    def fit(self, history: History, seed: int) -> "FittedHeuristicRate":
        """Fit nothing; `seed` is kept for the draws."""
        del history  # the rate is each customer's own
        return FittedHeuristicRate(recipe=self, seed=seed)


@fitted
class FittedHeuristicRate:
    """The rule, ready to score."""

    recipe: HeuristicRate
    seed: int

    def score(self, history: History, horizon: int) -> Forecast:
        """Forecast every customer of `history` over `horizon` days."""
        stats = statistics(history)
        rate = np.divide(stats.x, stats.T, out=np.zeros_like(stats.x), where=stats.T > 0)
        guess = Guess(stats.customer_id, rate, stats.m)
        return poisson_forecast(history, guess, horizon, draws=self.recipe.draws, seed=self.seed)

    def parameters(self) -> list[Parameter]:
        """Return none."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return none."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return none."""
        return ()
