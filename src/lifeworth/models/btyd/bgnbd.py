"""BG/NBD for how often, a model of spend for how much: both by maximum likelihood."""

import math

import numpy as np
import pandas as pd
from jax import Array
from jaxtyping import Float
from pydantic import PositiveFloat, PositiveInt

from lifeworth.asof.split import History
from lifeworth.engines.likelihood import FitError, Maximum, Positive, maximise, padded
from lifeworth.models.btyd.math import (
    BgNbdParams,
    bgnbd_by_frequency,
    bgnbd_by_timing,
    bgnbd_p_alive,
)
from lifeworth.models.btyd.predict import crowd, draw_purchases, expectations
from lifeworth.models.btyd.spend import FittedSpend, SpendName, fit_spend
from lifeworth.models.btyd.statistics import Statistics, distinct, statistics
from lifeworth.models.btyd.tracking import tracking
from lifeworth.models.core import (
    Draws,
    Forecast,
    Parameter,
    block_draws,
    fitted,
    forecast,
    recipe,
)

REMEDY = (
    "take a longer History (split.window_days=null, or a later split.cutoff), "
    "check that orders are not all first orders, or use model=btyd_heuristic_rate"
)


@recipe
class BgNbd:
    """Fader, Hardie and Lee (2005), with a model of spend.

    Attributes
    ----------
    time_unit_days
        Length of the unit in which alpha and the likelihood are reported: 7 for the papers' weeks,
        1 for days. Forecasts do not depend on it.
    spend
        "gamma_gamma", "credibility" (values may be negative) or "gamma_gamma_swapped" (see
        `math.gamma_gamma_mean_swapped`).
    draws
        Futures drawn for each customer, for spread and quantiles.
    """

    time_unit_days: PositiveFloat
    spend: SpendName
    draws: PositiveInt

    def fit(self, history: History, seed: int) -> "FittedBgNbd":
        """Fit to `history`; the fit is deterministic, `seed` is kept for the draws."""
        stats = statistics(history)
        return FittedBgNbd(
            recipe=self,
            seed=seed,
            repeat_purchases=int(stats.x.sum()),
            maximum=fit_bgnbd(stats.x, stats.t_x, stats.T),
            spend=fit_spend(self.spend, stats, history),
        )


@fitted
class FittedBgNbd:
    """A BG/NBD, in days, and a model of spend that have seen a History."""

    recipe: BgNbd
    seed: int
    repeat_purchases: int
    maximum: Maximum
    spend: FittedSpend

    @property
    def theta(self) -> BgNbdParams:
        """Return r, alpha (days), a, b."""
        return BgNbdParams(*self.maximum.values())

    def score(self, history: History, horizon: int) -> Forecast:
        """Forecast every customer of `history` over `horizon` days."""
        theta, stats = self.theta, statistics(history)
        expected = expectations(theta, stats, float(horizon))
        value = expected.purchases * self.spend.mean(stats)

        def draw(rows: slice, rng: np.random.Generator) -> Draws:
            some = stats.rows(rows)
            purchases = draw_purchases(theta, some, float(horizon), self.recipe.draws, rng)
            return Draws(purchases, self.spend.totals(some, purchases, rng))

        return forecast(
            stats.customer_id,
            horizon,
            history.cutoff,
            expected._replace(value=value),
            self._tracking(history, stats, horizon),
            block_draws(draw, len(stats.x), self.seed),
        )

    def alive_grid(
        self,
        frequency: Float[np.ndarray, " n"],
        recency_days: Float[np.ndarray, " n"],
        age_days: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, " n"]:
        """Return P(alive) of customers with these repeat purchases, recencies and ages."""
        return bgnbd_p_alive(self.theta, frequency, recency_days, age_days)

    def parameters(self) -> list[Parameter]:
        """Return r, alpha, a, b, then those of the model of spend."""
        unit = self.recipe.time_unit_days
        r, alpha, a, b = self.maximum.estimates.values()
        in_unit = (alpha.value / unit, alpha.se / unit, alpha.low / unit, alpha.high / unit)
        of_rates, of_leaving = "of the customers' purchase rates", "of the Beta of drop-out"
        return [
            Parameter("r", r.value, r.se, r.low, r.high, f"shape {of_rates}"),
            Parameter("alpha", *in_unit, f"rate {of_rates}, units of {unit:g} days"),
            Parameter("a", a.value, a.se, a.low, a.high, f"{of_leaving} after a purchase"),
            Parameter("b", b.value, b.se, b.low, b.high, f"{of_leaving} after a purchase"),
            *self.spend.parameters(),
        ]

    def log_likelihood(self) -> dict[str, float]:
        """Return that of the purchases, in the recipe's unit of time, and of the spend."""
        unit = self.repeat_purchases * math.log(self.recipe.time_unit_days)
        return {"bgnbd": self.maximum.log_likelihood + unit, **self.spend.log_likelihood()}

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know about both fits."""
        return tuple(f"BG/NBD: {n}" for n in self.maximum.notes) + self.spend.notes()

    def _tracking(self, history: History, stats: Statistics, horizon: int) -> pd.DataFrame:
        everybody = crowd(self.theta, stats, float(horizon))
        return tracking(
            history,
            stats.first_day,
            horizon,
            from_birth=everybody.repeats_by,
            from_now=everybody.purchases_within,
        )


def fit_bgnbd(
    x: Float[np.ndarray, " customers"],
    t_x: Float[np.ndarray, " customers"],
    T: Float[np.ndarray, " customers"],
) -> Maximum:
    """Maximise the BG/NBD likelihood over the distinct (x, t_x, T); estimates r, alpha, a, b.

    Raises
    ------
    FitError
        If nobody has a repeat purchase, or no maximum is found.
    """
    if not (x > 0).any():
        raise FitError(
            f"BG/NBD: 0 of {len(x):,} customers have a repeat purchase, "
            f"nothing tells how often they buy; {REMEDY}"
        )
    return maximise(
        _log_likelihood, sufficient(x, t_x, T), _parameters(float(T.mean())), remedy=REMEDY
    )


def sufficient(
    x: Float[np.ndarray, " customers"],
    t_x: Float[np.ndarray, " customers"],
    T: Float[np.ndarray, " customers"],
) -> dict[str, np.ndarray | np.float64]:
    """Return what the likelihood needs.

    How many customers have x > j, for every j, and the distinct (x, t_x, T) with how many they are.
    """
    same = distinct(x, t_x, T)
    at_least = np.cumsum(np.bincount(x.astype(np.int64))[::-1])[::-1]
    return {
        "customers": np.float64(len(x)),
        "above": padded(at_least[1:].astype(np.float64), 0.0),
        "x": padded(x[same.first], 0.0),
        "t_x": padded(t_x[same.first], 0.0),
        "T": padded(T[same.first], 1.0),
        "times": padded(same.times.astype(np.float64), 0.0),
    }


def _parameters(age: float) -> dict[str, Positive]:
    """Start from a shop like the papers', whose customers buy once in the mean age."""
    return {
        "r": Positive(start=0.5, low=1e-4, high=1e4, ran_high="all customers buy at one rate"),
        "alpha": Positive(
            start=age, low=1e-6 * age, high=1e6 * age, per="r", ran_high="hardly anybody buys"
        ),
        "a": Positive(
            start=0.8,
            low=1e-4,
            high=1e4,
            ran_low="customers leave at once or never",
            ran_high="all customers are as likely to leave",
        ),
        "b": Positive(
            start=3.0,
            low=1e-5,
            high=1e5,
            per="a",
            ran_low="everybody seems to leave at once",
            ran_high="nobody seems to leave, everybody is taken to be alive",
        ),
    }


def _log_likelihood(theta: Float[Array, " 4"], data: dict[str, Array]) -> Float[Array, ""]:
    th = BgNbdParams(*theta)
    counting = bgnbd_by_frequency(th, data["above"], data["customers"])
    timing = bgnbd_by_timing(th, data["x"], data["t_x"], data["T"])
    return counting + (data["times"] * timing).sum()
