"""The last period again: what each customer bought in the horizon before the cut-off, once more."""

import numpy as np
from pydantic import PositiveInt

from lifeworth.asof.split import History
from lifeworth.asof.summary import last_period
from lifeworth.models.btyd.heuristic import Guess, poisson_forecast
from lifeworth.models.core import Forecast, Parameter, fitted, recipe


@recipe
class HeuristicLastPeriod:
    """Purchases and value of the last `horizon` days, first purchases included.

    Attributes
    ----------
    draws
        Futures drawn for each customer (Poisson), for spread and quantiles.
    """

    draws: PositiveInt

    def fit(self, history: History, seed: int) -> "FittedHeuristicLastPeriod":
        """Fit nothing; `seed` is kept for the draws."""
        del history  # the last period is each customer's own
        return FittedHeuristicLastPeriod(recipe=self, seed=seed)


@fitted
class FittedHeuristicLastPeriod:
    """The rule, ready to score."""

    recipe: HeuristicLastPeriod
    seed: int

    def score(self, history: History, horizon: int) -> Forecast:
        """Forecast every customer of `history` over `horizon` days."""
        done = last_period(history, horizon)
        purchases, value = (done[c].to_numpy(dtype=np.float64) for c in ("purchases", "value"))
        worth = np.divide(value, purchases, out=np.zeros_like(value), where=purchases > 0)
        guess = Guess(done["customer_id"].to_numpy(dtype=object), purchases / horizon, worth)
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
