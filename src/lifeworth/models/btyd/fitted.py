"""A fitted BTYD model, whichever its process and however it was fitted."""

import math

import numpy as np
import pandas as pd
from jaxtyping import Float

from lifeworth.asof.split import History
from lifeworth.models.btyd.estimate import Estimate
from lifeworth.models.btyd.known import Known, known
from lifeworth.models.btyd.learnt import learnt
from lifeworth.models.btyd.newcomers import newborn_repeats, newcomers
from lifeworth.models.btyd.outlook import Outlook, Span, draw_counts
from lifeworth.models.btyd.pool import Grouped, Pool
from lifeworth.models.btyd.process import DAYS_PER_YEAR, Process
from lifeworth.models.btyd.processes import ProcessName, process_of
from lifeworth.models.btyd.spend import FittedSpend
from lifeworth.models.btyd.statistics import Statistics
from lifeworth.models.btyd.tracking import tracking
from lifeworth.models.core import (
    QUANTILES,
    DrawBlock,
    Draws,
    Expectations,
    Forecast,
    Learnt,
    Parameter,
    block_draws,
    fitted,
    forecast,
)
from lifeworth.tables.errors import InputError

WEEK = 7
"""Days whose purchases are discounted alike."""

ALONE = (
    "segments are on their own: one that the fit has not met, or a newcomer of none, is taken for "
    "their mean and told with too little doubt; model.pooling=partial says how segments differ"
)


@fitted
class FittedBtyd:
    """Purchases and spend that have seen a History.

    Attributes
    ----------
    k
        Ticks a purchase of regular buyers; 1 for the others.
    period_days
        Length of the period a discrete model counts in; None where time is continuous (days).
    per_period
        Purchases in a period in which there is one; 1 where time is continuous.
    time_unit_days
        Unit in which times and the likelihood are told.
    draws
        Futures drawn for each customer.
    discount_rate
        Of value, effective, a year.
    constant
        What the likelihood, in days, has besides the parameters.
    """

    process: ProcessName
    k: int
    period_days: int | None
    per_period: float
    time_unit_days: float
    draws: int
    discount_rate: float
    seed: int
    repeat_purchases: int
    constant: float
    pool: Pool
    purchases: Estimate
    spend: FittedSpend

    @property
    def model(self) -> Process:
        """Return the process."""
        return process_of(self.process, self.k)

    def score(self, history: History, horizon: int) -> Forecast:
        """Forecast every customer of `history` over `horizon` days.

        Raises
        ------
        InputError
            If the horizon is below 1 day, or is no whole periods of a discrete model.
        """
        if horizon < 1:
            raise InputError(f"score: the horizon is {horizon} days; the shortest is 1 day")
        who = self._known(history)
        view = self._outlook(who, Span(0.0, float(horizon)))
        means = view.means()
        purchases = means.purchases * self.per_period
        fading = self._fading(view, float(horizon))
        value = purchases * self.spend.mean(who.stats, who.spend) * fading
        return forecast(
            who.stats.customer_id,
            horizon,
            history.cutoff,
            Expectations(purchases, means.p_alive, means.p_active, value),
            self._tracking(history, who, view, float(purchases.sum())),
            block_draws(self._drawer(who, horizon, fading), len(purchases), self.seed),
        )

    def outlook(self, history: History, start: float, end: float) -> pd.DataFrame:
        """Say what customers do from `start` to `end` days after the end of observation.

        Returns
        -------
        pandas.DataFrame
            customer_id; expected_purchases, the posterior mean of what is expected, and its sd and
            quantiles (purchases_sd, purchases_q05, ...: what the parameters leave open, without
            the chance of the single future); p_alive (at the end of observation), p_active (a
            purchase in the span).

        Raises
        ------
        InputError
            If the span does not begin at 0 or later, and end after that.
        """
        if not 0.0 <= start < end < math.inf:
            raise InputError(
                f"outlook: from {start:g} to {end:g} days is no span ahead; "
                "give a start of 0 or more and an end after it, such as 30, 90"
            )
        who = self._known(history)
        view = self._outlook(who, Span(start, end))
        spread, means = view.spread(), view.means()
        columns = {"expected_purchases": spread.mean, "purchases_sd": spread.sd}
        names = [name.replace("value", "purchases") for name in QUANTILES]
        columns |= dict(zip(names, spread.quantiles, strict=True))
        frame = pd.DataFrame({n: v * self.per_period for n, v in columns.items()})
        frame.insert(0, "customer_id", who.stats.customer_id)
        return frame.assign(p_alive=means.p_alive, p_active=means.p_active)

    def counts(self, history: History, horizon: int, most: int) -> pd.DataFrame:
        """Return the chances of 0 ... `most` purchases in the horizon, and of more.

        customer_id; "0", "1", ..., and "more". Of discrete models: of periods with a purchase.

        Raises
        ------
        InputError
            If the horizon is below 1 day, or `most` below 0.
        """
        if horizon < 1 or most < 0:
            raise InputError(
                f"counts: a horizon of {horizon} days and at most {most} purchases; "
                "give a horizon of 1 or more and 0 or more purchases"
            )
        who = self._known(history)
        chances = self._outlook(who, Span(0.0, float(horizon))).counts(most)
        names = [*map(str, range(most + 1)), "more"]
        frame = pd.DataFrame(chances, columns=pd.Index(names))
        frame.insert(0, "customer_id", who.stats.customer_id)
        return frame

    def value(self, history: History, days: list[float], discount_rate: float) -> pd.DataFrame:
        """Return the expected value (cents) by each of these days, discounted to the cut-off.

        customer_id, and a column for each day, named by it. Purchases between two days of the grid
        count as in their middle. When they are made is at the posterior mean of the coordinates;
        how many there are by the last day is their posterior mean, as in `score`.

        Raises
        ------
        InputError
            If the days do not ascend from above 0.
        """
        ends = _grid("value", days)
        who = self._known(history)
        view = self._outlook(who, Span(0.0, ends[-1]))
        made, kept = self._discounted(view, ends, discount_rate)
        total, known = made.sum(axis=0), view.purchases()
        made *= np.divide(known, total, out=np.ones_like(total), where=total > 0)
        each = (made * kept[:, None]).cumsum(axis=0) * self.per_period
        each *= self.spend.mean(who.stats, who.spend)
        frame = pd.DataFrame(each.T, columns=pd.Index([f"{day:g}" for day in days]))
        frame.insert(0, "customer_id", who.stats.customer_id)
        return frame

    def newcomers(
        self,
        days: list[float],
        segments: dict[str, str] | None = None,
        discount_rate: float = 0.0,
    ) -> pd.DataFrame:
        """Say what a customer who has just bought for the first time will do.

        Parameters
        ----------
        segments
            Level by column of the hierarchy; where a column or level is not known, a new one is
            drawn from the population. It is as the mean level in a fit of a single draw, or of
            segments on their own.
        discount_rate
            Of value, effective, a year, to the first purchase; purchases between two of the days
            count as in their middle.

        Returns
        -------
        pandas.DataFrame
            days; expected_purchases (repeat), purchases_sd and quantiles as in `outlook`;
            expected_value (cents, of the repeat purchases).

        Raises
        ------
        InputError
            If the days do not ascend from above 0, or a segment is of a column that is not pooled.
        """
        ends = _grid("newcomers", days)
        grouped = self.pool.group_of(segments or {})
        seen = self.purchases.seen(grouped, self.seed)
        ages = np.array([self._in_unit(day) for day in days])
        eta = seen.block(slice(0, 1), seen.draws)[0]
        repeats = self.per_period * newborn_repeats(self.model, eta, ages)
        between = np.diff(repeats.mean(axis=0), prepend=0.0)
        value = (between * _faded(ends, discount_rate)).cumsum() * self._mean_spend(grouped)
        return newcomers(repeats, days, value)

    def learnt(self, history: History) -> Learnt | None:
        """Return what the data taught, for a report; None of a maximum of the likelihood."""
        return learnt(self, self._known(history), history.tables.currency)

    def alive_grid(
        self,
        frequency: Float[np.ndarray, " n"],
        recency_days: Float[np.ndarray, " n"],
        age_days: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, " n"]:
        """Return P(alive) with these repeat purchases, recencies and ages, of the population."""
        past = frequency, recency_days, age_days
        if self.period_days:
            past = _in_periods(*past, self.period_days)
        th = self.model.params(self.purchases.posterior.draws["population"].mean(axis=0))
        return self.model.alive(th, *past).sum(axis=0)

    def parameters(self) -> list[Parameter]:
        """Return those of the purchases in the paper's letters, then those of the spend."""
        told = []
        letters = self.purchases.letters(self.model.params)
        for (name, meaning), e in zip(self.model.meanings.items(), letters, strict=True):
            time = meaning.endswith(" (time)")
            unit = self.time_unit_days if time else 1.0
            said = meaning.replace(" (time)", f", units of {self.time_unit_days:g} days")
            value, se, low, high = (v / unit for v in (e.value, e.se, e.low, e.high))
            told.append(Parameter(name, value, se, low, high, said))
        covariates = tuple(self.pool.scale)
        told += self.purchases.differences(self.model.coordinates, covariates)
        names = {p.name for p in told}  # gamma is a letter of the BG/BB and of the Gamma-Gamma
        return told + [
            p._replace(name=f"spend_{p.name}") if p.name in names else p
            for p in self.spend.parameters()
        ]

    def log_likelihood(self) -> dict[str, float]:
        """Return that of the purchases, in the recipe's unit of time, and of the spend.

        At the mean of the draws, where there are several.
        """
        unit = 0.0 if self.period_days else self.repeat_purchases * math.log(self.time_unit_days)
        found = self.purchases.posterior.log_likelihood + self.constant + unit
        name = self.process if self.k == 1 else f"{self.process}_{self.k}"
        return {name: found, **self.spend.log_likelihood()}

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know about both fits."""
        own = tuple(f"{self.model.title}: {n}" for n in self.purchases.notes())
        priors = self.purchases.priors
        alone = bool(self.pool.levels) and priors is not None and priors.spread is not None
        return self.pool.notes() + (ALONE,) * alone + own + self.spend.notes()

    def _known(self, history: History) -> Known:
        fits = (self.purchases, self.spend)
        return known(history, self.pool, self.period_days, fits, self.seed)

    def _outlook(self, who: Known, days: Span) -> Outlook:
        return Outlook(self.model, who.past, who.seen, Span(*(self._in_unit(t) for t in days)))

    def _in_unit(self, days: float) -> float:
        """Return days as the process counts: whole periods of a discrete one."""
        periods = days / (self.period_days or 1)
        if self.period_days and periods != round(periods):
            raise InputError(
                f"{self.model.title}: {days:g} days are not whole periods of {self.period_days} "
                f"days; choose {self.period_days * max(round(periods), 1)} days "
                "(split.horizon_days), or model.period_days=1"
            )
        return periods

    def _mean_spend(self, grouped: Grouped) -> float:
        """Return the value (cents) of a purchase of whom nothing is known yet."""
        nobody = Statistics(np.array([""], dtype=object), *np.zeros((5, 1)))
        seen = self.spend.estimate.seen(grouped, self.seed + 1)
        return float(self.spend.mean(nobody, seen)[0])

    def _fading(self, view: Outlook, horizon: float) -> Float[np.ndarray, " customers"]:
        """Return what part of each customer's value discounting leaves."""
        whole = np.ones(view.customers)
        if not self.discount_rate:
            return whole
        ends = np.append(np.arange(0.0, horizon, self._step), horizon)
        made, kept = self._discounted(view, ends, self.discount_rate)
        total = made.sum(axis=0)
        return np.divide(kept @ made, total, out=whole, where=total > 0)

    def _discounted(
        self, view: Outlook, ends: Float[np.ndarray, " ends"], discount_rate: float
    ) -> tuple[Float[np.ndarray, "cells customers"], Float[np.ndarray, " cells"]]:
        """Return purchases between each two of these days, and what a unit of value then is now."""
        in_unit = np.array([self._in_unit(float(day)) for day in ends])
        return np.diff(view.by_time(in_unit), axis=0), _faded(ends, discount_rate)

    @property
    def _step(self) -> float:
        """Return a week, or a whole period: days whose purchases are told together."""
        unit = self.period_days or 1
        return float(WEEK if WEEK % unit == 0 else unit)

    def _drawer(
        self, who: Known, horizon: int, fading: Float[np.ndarray, " customers"]
    ) -> DrawBlock:
        """Return what draws the futures of a block of customers."""
        H = self._in_unit(float(horizon))

        def draw(rows: slice, rng: np.random.Generator) -> Draws:
            known = who.seen.block(rows, min(self.draws, who.seen.draws))
            th = self.model.params(known)
            counts = draw_counts(self.model, th, who.past.rows(rows), H, self.draws, rng)
            if self.per_period > 1.0:
                counts = counts + rng.poisson(counts * (self.per_period - 1.0))
            eta = who.spend.block(rows, self.draws)
            value = self.spend.totals(who.stats.rows(rows), eta, counts, rng)
            return Draws(counts, value * fading[rows, None])

        return draw

    def _tracking(self, history: History, who: Known, view: Outlook, total: float) -> pd.DataFrame:
        """Spread the expected total over the weeks; before the cut-off nothing but births is known.

        Curves are at the posterior mean of the coordinates; what comes is scaled to `total`.
        """
        unit = self.period_days or 1
        end = view.span.end * unit
        weeks = np.arange(0.0, end + 1e-9, 7.0)
        every = np.append(np.arange(0.0, end, self._step), end)
        upto = view.by_time(every / unit).sum(axis=1)
        ahead = np.diff(np.interp(weeks, every, upto)) * (total / upto[-1] if upto[-1] else 0.0)
        groups, middle = who.seen.tracked()

        def from_birth(ages: Float[np.ndarray, " ages"]) -> Float[np.ndarray, "groups ages"]:
            in_unit = np.floor(ages / self.period_days) if self.period_days else ages
            return self.per_period * newborn_repeats(self.model, middle, in_unit)

        return tracking(history, who.stats.first_day, groups, from_birth, ahead)


def _grid(what: str, days: list[float]) -> Float[np.ndarray, " ends"]:
    """Return 0 and the days, which ascend from there."""
    ends = np.array([0.0, *days])
    if not (days and (np.diff(ends) > 0).all() and ends[-1] < math.inf):
        raise InputError(
            f"{what}: the days {', '.join(f'{d:g}' for d in days) or '(none)'} do not ascend from "
            "above 0; give a grid such as [30, 60, 90]"
        )
    return ends


def _faded(ends: Float[np.ndarray, " ends"], discount_rate: float) -> Float[np.ndarray, " spans"]:
    """Return what a unit of value between each two of these days is worth on day 0."""
    middle = (ends[1:] + ends[:-1]) / 2
    return (1.0 + discount_rate) ** (-middle / DAYS_PER_YEAR)


def _in_periods(
    frequency: Float[np.ndarray, " n"],
    recency_days: Float[np.ndarray, " n"],
    age_days: Float[np.ndarray, " n"],
    days: int,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return periods with a purchase, the last of them, and all, as `rhythm.active_periods` does.

    As many purchases as can be: each in a period of its own.
    """
    age = np.floor(age_days / days)
    last = np.minimum(np.ceil(recency_days / days), age)
    return np.minimum(frequency, last), np.where(frequency > 0, last, 0.0), age
