"""BG/NBD for how often, a model of spend for how much: both by maximum likelihood."""

from functools import cached_property

import jax.numpy as jnp
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
    bgnbd_counts_if_alive,
    bgnbd_p_active_if_alive,
    bgnbd_p_alive,
    bgnbd_purchases_if_alive,
)
from lifeworth.models.btyd.quadrature import beta_rules, nodes_needed
from lifeworth.models.btyd.spend import FittedSpend, SpendName, fit_spend
from lifeworth.models.btyd.statistics import Statistics, distinct, statistics
from lifeworth.models.btyd.tracking import tracking
from lifeworth.models.core import (
    Draws,
    Expectations,
    Forecast,
    Parameter,
    block_draws,
    fitted,
    forecast,
    recipe,
)

Rules = tuple[Float[np.ndarray, "n K"], Float[np.ndarray, "n K"]]

REMEDY = "take a longer History (split.cutoff), check that orders are not all first orders, or use model=btyd_heuristic_rate"


@recipe
class BgNbd:
    """Fader, Hardie and Lee (2005), with a model of spend.

    Attributes
    ----------
    time_unit_days
        Length of the unit in which alpha is reported: 7 for the papers' weeks, 1 for days.
        Forecasts do not depend on it.
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
        stats = statistics(history, self.time_unit_days)
        return FittedBgNbd(
            recipe=self, seed=seed, maximum=fit_bgnbd(stats.x, stats.t_x, stats.T), spend=fit_spend(self.spend, stats, history)
        )  # fmt: skip


@fitted
class FittedBgNbd:
    """A BG/NBD and a model of spend that have seen a History."""

    recipe: BgNbd
    seed: int
    maximum: Maximum
    spend: FittedSpend

    @cached_property
    def theta(self) -> BgNbdParams:
        """Return r, alpha (in the recipe's time unit), a, b."""
        return BgNbdParams(*self.maximum.values())

    def score(self, history: History, horizon: int) -> Forecast:
        """Forecast every customer of `history` over `horizon` days."""
        stats = statistics(history, self.recipe.time_unit_days)
        H = horizon / self.recipe.time_unit_days
        expected = expectations(self.theta, stats, H)
        value = expected.purchases * self.spend.mean(stats)

        def draw(rows: slice, rng: np.random.Generator) -> Draws:
            some = stats.rows(rows)
            purchases = draw_purchases(self.theta, some, H, self.recipe.draws, rng)
            return Draws(purchases, self.spend.totals(some, purchases, rng))

        return forecast(
            stats.customer_id, horizon, history.cutoff, expected._replace(value=value), self._tracking(history, stats, horizon),
            block_draws(draw, len(stats.x), self.seed),
        )  # fmt: skip

    def alive_grid(
        self,
        frequency: Float[np.ndarray, " n"],
        recency_days: Float[np.ndarray, " n"],
        age_days: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, " n"]:
        """Return P(alive) of customers with these repeat purchases, recencies and ages."""
        unit = self.recipe.time_unit_days
        return bgnbd_p_alive(self.theta, frequency, recency_days / unit, age_days / unit)

    def parameters(self) -> list[Parameter]:
        """Return r, alpha, a, b, then those of the model of spend."""
        unit = f"{self.recipe.time_unit_days:g} days"
        meanings = (
            "shape of the customers' purchase rates", f"rate of the customers' purchase rates, units of {unit}",
            "of the Beta of drop-out after a purchase", "of the Beta of drop-out after a purchase",
        )  # fmt: skip
        own = zip(self.maximum.estimates.items(), meanings, strict=True)
        return [
            Parameter(n, e.value, e.se, e.low, e.high, m) for (n, e), m in own
        ] + self.spend.parameters()

    def log_likelihood(self) -> dict[str, float]:
        """Return the log-likelihood of the purchases, and of the spend where it has one."""
        return {"bgnbd": self.maximum.log_likelihood, **self.spend.log_likelihood()}

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know about both fits."""
        return tuple(f"BG/NBD: {n}" for n in self.maximum.notes) + self.spend.notes()

    def _tracking(self, history: History, stats: Statistics, horizon: int) -> pd.DataFrame:
        th, unit = self.theta, self.recipe.time_unit_days
        alive = bgnbd_p_alive(th, stats.x, stats.t_x, stats.T)
        pairs = distinct(stats.x, stats.T)
        weight = np.bincount(pairs.inverse, weights=alive, minlength=len(pairs.first))
        x, T = stats.x[pairs.first], stats.T[pairs.first]
        fixed = rules(th, x, T, horizon / unit)

        def from_birth(days: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
            zero, H = np.zeros_like(days), days / unit
            rule = rules(th, zero, zero, float(H.max()))
            return bgnbd_purchases_if_alive(th, zero, zero, H, *rule)

        def from_now(days: float) -> float:
            H = np.full_like(T, days / unit)
            return float((weight * bgnbd_purchases_if_alive(th, x, T, H, *fixed)).sum())

        return tracking(history, stats.first_day, horizon, from_birth=from_birth, from_now=from_now)


def fit_bgnbd(
    x: Float[np.ndarray, " customers"],
    t_x: Float[np.ndarray, " customers"],
    T: Float[np.ndarray, " customers"],
) -> Maximum:
    """Maximise the BG/NBD likelihood over the distinct (x, t_x, T), weighted; estimates r, alpha, a, b.

    Raises
    ------
    FitError
        If nobody has a repeat purchase, or no maximum is found.
    """
    if not (x > 0).any():
        raise FitError(
            f"BG/NBD: 0 of {len(x):,} customers have a repeat purchase, nothing tells how often they buy; {REMEDY}"
        )
    unit = float(T.mean()) or 1.0
    return maximise(
        _bgnbd, sufficient(x, t_x, T),
        {
            "r": Positive(start=0.5, low=1e-4, high=1e4, ran_high="all customers buy at one rate"),
            "alpha": Positive(start=0.5 * unit, low=1e-6 * unit, high=1e6 * unit, ran_high="all customers buy at one rate"),
            "a": Positive(start=0.8, low=1e-4, high=1e4, ran_low="nobody seems to leave", ran_high="all customers leave alike"),
            "b": Positive(start=2.5, low=1e-4, high=1e5, ran_low="everybody seems to leave at once",
                          ran_high="nobody seems to leave, or all leave alike"),
        },
        remedy=REMEDY,
    )  # fmt: skip


def sufficient(
    x: Float[np.ndarray, " customers"],
    t_x: Float[np.ndarray, " customers"],
    T: Float[np.ndarray, " customers"],
) -> dict[str, Array]:
    """Return what the likelihood needs: customers with x > j for every j, and the distinct (x, t_x, T) with their counts."""
    times = distinct(x, t_x, T)
    at_least = np.cumsum(np.bincount(x.astype(np.int64))[::-1])[::-1]
    return {
        "customers": jnp.asarray(float(len(x))),
        "above": padded(at_least[1:].astype(np.float64), 0.0),
        "x": padded(x[times.first], 0.0),
        "t_x": padded(t_x[times.first], 0.0),
        "T": padded(T[times.first], 1.0),
        "count": padded(times.count.astype(np.float64), 0.0),
    }


def rules(th: BgNbdParams, x: np.ndarray, T: np.ndarray, longest: float) -> Rules:
    """Return nodes and weights for every row, enough of them for horizons up to `longest`."""
    frequencies = distinct(x)
    nodes, weights = beta_rules(
        th.a, th.b + x[frequencies.first], nodes_needed(longest / (th.alpha + float(T.min())))
    )
    return nodes[frequencies.inverse], weights[frequencies.inverse]


def expectations(th: BgNbdParams, stats: Statistics, H: float) -> Expectations:
    """Return what is expected of each customer over H; value is left at zero."""
    pairs = distinct(stats.x, stats.T)
    x, T = stats.x[pairs.first], stats.T[pairs.first]
    alive = bgnbd_p_alive(th, stats.x, stats.t_x, stats.T)
    if_alive = bgnbd_purchases_if_alive(th, x, T, np.full_like(T, H), *rules(th, x, T, H))
    return Expectations(
        purchases=alive * if_alive[pairs.inverse],
        p_alive=alive,
        p_active=alive * bgnbd_p_active_if_alive(th, x, T, H)[pairs.inverse],
        value=np.zeros_like(alive),
    )


def draw_purchases(
    th: BgNbdParams, stats: Statistics, H: float, draws: int, rng: np.random.Generator
) -> Float[np.ndarray, "customers draws"]:
    """Draw the number of purchases in the horizon, by inverting its exact distribution.

    A draw is the count of n with u > P(N <= n): each step looks only at the draws not yet found.
    """
    alive = bgnbd_p_alive(th, stats.x, stats.t_x, stats.T)
    u = rng.random((len(alive), draws)).ravel()
    counts = np.zeros(len(u))
    left = np.arange(len(u))
    below = 1.0 - alive
    for p in bgnbd_counts_if_alive(th, stats.x, stats.T, np.full_like(stats.T, H)):
        more = alive * p
        below = below + more
        left = left[u[left] > below[left // draws]]
        if not len(left) or below.min() > 1.0 - 1e-15:
            break
        counts[left] += 1
    return counts.reshape(len(alive), draws)


def _bgnbd(theta: Float[Array, " 4"], data: dict[str, Array]) -> Float[Array, ""]:
    th = BgNbdParams(*theta)
    counting = bgnbd_by_frequency(th, data["above"], data["customers"])
    return counting + data["count"] @ bgnbd_by_timing(th, data["x"], data["t_x"], data["T"])
