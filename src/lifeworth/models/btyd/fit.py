"""From a plan to a fitted model: what all recipes of the room share."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from lifeworth.asof.rhythm import active_periods, log_gaps
from lifeworth.asof.split import History
from lifeworth.engines.posterior import InferenceName, Sampling
from lifeworth.models.btyd.estimate import Estimate, Inference, at_maximum, estimate
from lifeworth.models.btyd.fitted import FittedBtyd
from lifeworth.models.btyd.known import past_of
from lifeworth.models.btyd.pool import Grouped, pool_of
from lifeworth.models.btyd.process import Process
from lifeworth.models.btyd.processes import ProcessName, process_of
from lifeworth.models.btyd.processes.beta_geometric import tick_constant
from lifeworth.models.btyd.purchases import Past, maximum_of_purchases, pooled_purchases
from lifeworth.models.btyd.spend import SpendName, fit_spend
from lifeworth.models.btyd.statistics import statistics

MOST_REGULAR = 12
"""Ticks a purchase that are tried at most."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to fit, and how; fields that are not of `Inference` are those of `FittedBtyd`.

    Attributes
    ----------
    k
        None for the most likely.
    columns, covariates
        Of the hierarchy.
    """

    process: ProcessName
    time_unit_days: float
    spend: SpendName
    draws: int
    discount_rate: float
    how: Inference
    k: int | None = 1
    period_days: int | None = None
    columns: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()


@runtime_checkable
class Choices(Protocol):
    """What every recipe of the room lets a user choose; see `BgNbd`."""

    @property
    def time_unit_days(self) -> float:
        """Return the unit of reported times."""
        ...

    @property
    def inference(self) -> InferenceName:
        """Return how to fit."""
        ...

    @property
    def priors(self) -> Any:
        """Return the priors in words (`priors`)."""
        ...

    @property
    def sampling(self) -> Sampling:
        """Return how much work may be done."""
        ...

    @property
    def spend(self) -> SpendName:
        """Return the model of spend."""
        ...

    @property
    def draws(self) -> int:
        """Return how many futures of a customer are drawn."""
        ...

    @property
    def discount_rate(self) -> float:
        """Return by how much value is discounted a year."""
        ...


def plan_of(
    recipe: Choices,
    process: ProcessName,
    seed: int,
    *,
    k: int | None = 1,
    period_days: int | None = None,
) -> Plan:
    """Return the plan of one population."""
    how = Inference(
        method=recipe.inference, sampling=recipe.sampling, seed=seed, said=recipe.priors
    )
    return Plan(
        process=process,
        time_unit_days=recipe.time_unit_days,
        spend=recipe.spend,
        draws=recipe.draws,
        discount_rate=recipe.discount_rate,
        how=how,
        k=k,
        period_days=period_days,
    )


def fit(plan: Plan, history: History) -> FittedBtyd:
    """Fit purchases and spend to `history`.

    Their priors and segments are independent, so the joint posterior is the product of the two.

    Raises
    ------
    FitError
        If there is nothing to learn from, or no maximum or peak is found.
    """
    stats = statistics(history)
    past = past_of(history, stats, plan.period_days)
    pool = pool_of(history, plan.columns, plan.covariates)
    grouped = pool.group(history, len(stats.x))
    k, constant = _regular(plan, history, past)
    process = process_of(plan.process, k)
    purchases = _purchases(process, past, grouped, plan.how)
    return FittedBtyd(
        process=plan.process,
        k=k,
        period_days=plan.period_days,
        per_period=_per_period(history, plan.period_days),
        time_unit_days=plan.time_unit_days,
        draws=plan.draws,
        discount_rate=plan.discount_rate,
        seed=plan.how.seed,
        repeat_purchases=int(past.x.sum()),
        constant=constant,
        pool=pool,
        purchases=purchases,
        spend=fit_spend(plan.spend, history, stats, grouped, plan.how),
    )


def _purchases(process: Process, past: Past, grouped: Grouped, how: Inference) -> Estimate:
    if how.method == "mle":
        found = maximum_of_purchases(process, past)
        kind = type(process.params(np.zeros(len(process.coordinates))))
        return at_maximum(found, process.eta(kind(*found.values())))
    priors = how.priors(process.coordinates)
    return estimate(pooled_purchases(process, past, grouped, priors), how, how.seed)


def _per_period(history: History, days: int | None) -> float:
    """Return purchases in a period in which there is one, of the periods that the fit has seen."""
    if days is None:
        return 1.0
    seen = active_periods(history, days).to_pandas()
    columns = ("purchases", "frequency")
    bought, active = (seen[name].to_numpy(np.float64).sum() for name in columns)
    return float(bought / active) if active else 1.0


def _regular(plan: Plan, history: History, past: Past) -> tuple[int, float]:
    """Return ticks a purchase, and what the likelihood has besides the parameters.

    The likelihood rises in k to its maximum and falls from there (Platzer and Reutterer 2016).
    """
    if plan.k == 1:
        return 1, 0.0
    frame = log_gaps(history).to_pandas().sort_values("customer_id")
    gaps = frame["log_gaps"].to_numpy(dtype=np.float64)

    def constant(k: int) -> float:
        return float(tick_constant(k, past.x, gaps).sum())

    if plan.k is not None:
        return plan.k, constant(plan.k)
    best, most = 1, -np.inf
    for k in range(1, MOST_REGULAR + 1):
        found = maximum_of_purchases(process_of(plan.process, k), past).log_likelihood
        if found + constant(k) <= most:
            break
        best, most = k, found + constant(k)
    return best, constant(best)
