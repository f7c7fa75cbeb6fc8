"""The scorecard: scores against the Future, by kind of score, as one flat table of numbers."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from typing import NamedTuple

import numpy as np
import pandas as pd

from lifeworth.asof.split import Future
from lifeworth.asof.summary import outcomes, weekly_purchases
from lifeworth.evaluate import errors
from lifeworth.evaluate.bootstrap import Resampling, intervals
from lifeworth.evaluate.calibration import (
    decile_means,
    inside,
    pit_distance,
    pit_histogram,
    tracking_table,
)
from lifeworth.evaluate.errors import Customers, Ties, UndefinedError
from lifeworth.evaluate.predictive import Predictive, judge_draws
from lifeworth.models.core import Forecast
from lifeworth.tables.errors import InputError

logger = logging.getLogger(__name__)

Attempts = dict[str, Callable[[], float]]
"""Measures that may turn out to be undefined, by name."""

RESAMPLING = Resampling()


@singledispatch
def evaluate(
    scores: object, future: Future, resampling: Resampling = RESAMPLING
) -> dict[str, float]:
    """Judge scores by what happened afterwards.

    For a Forecast the keys are those of `forecast_card` and new_customers: how many customers who
    were not known at the cut-off bought in the horizon, whom no forecast of known customers counts.

    Parameters
    ----------
    scores
        A kind of score (`models.core`).
    future
        What happened to the customers who were scored.
    resampling
        The bootstrap behind the intervals.

    Raises
    ------
    TypeError
        If there is no scorecard for this kind of score.
    InputError
        If the scored customers are not those known at the cut-off, or a score is not finite.
    """
    del future, resampling
    raise TypeError(
        f"evaluate: no scorecard for {type(scores).__name__}; "
        "register one in lifeworth.evaluate.scorecard"
    )


@evaluate.register(Forecast)
def _forecast(
    scores: Forecast, future: Future, resampling: Resampling = RESAMPLING
) -> dict[str, float]:
    return judged(scores, future, resampling)[1]


def judged(
    forecast: Forecast, future: Future, resampling: Resampling = RESAMPLING
) -> tuple["Standing", dict[str, float]]:
    """Return how every customer of a forecast fared, and what `evaluate` returns.

    Raises
    ------
    InputError
        As `evaluate`.
    """
    standing = stand(forecast, outcomes(future))
    card = _card(standing, _tracking(forecast, weekly_purchases(future)), resampling)
    return standing, card | {"new_customers": float(future.new_customers())}


def forecast_card(
    forecast: Forecast,
    actual: pd.DataFrame,
    weekly: pd.DataFrame,
    resampling: Resampling = RESAMPLING,
) -> dict[str, float]:
    """Return the scorecard of a forecast; money is in cents.

    customers; actual_purchases, expected_purchases, actual_value, expected_value (sums);
    tracking_mape_weekly, tracking_mape_cumulative; and, each with <key>_low and <key>_high from the
    bootstrap: p_active_brier, p_active_auc, and for both purchases_ and value_: mae, rmse, bias,
    gini, spearman, decile_mape, crps, coverage_50, coverage_90, pit_distance. Intervals of
    purchases are quantiles of the draws, those of value the quantiles of the frame. A measure that
    these outcomes leave undefined (`errors.UndefinedError`) has no key, and a warning is logged.

    Parameters
    ----------
    forecast
        Of every customer known at the cut-off.
    actual
        customer_id, purchases, value (cents): one row for each of them (`asof.summary.outcomes`).
    weekly
        week_start, purchases: every whole week of the horizon (`asof.summary.weekly_purchases`).
    resampling
        The bootstrap behind the intervals.

    Raises
    ------
    InputError
        If forecast and outcomes are not of the same customers, a score is not finite, or a week is
        not tracked.
    """
    return _card(stand(forecast, actual), _tracking(forecast, weekly), resampling)


def _card(standing: "Standing", tracking: Attempts, resampling: Resampling) -> dict[str, float]:
    weights = errors.ones(standing.p_active)
    card = _sums(standing) | defined(tracking) | defined(standing.attempts(weights))
    ends = intervals(lambda w: defined(standing.attempts(w), quiet=True), len(weights), resampling)
    for name, interval in ends.items():
        card |= {f"{name}_low": interval.low, f"{name}_high": interval.high}
    return card


def align(actual: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the outcomes in the rows of a forecast's frame.

    Raises
    ------
    InputError
        If the two do not have the same customers, each once, or there are none.
    """
    scored, known = pd.Index(frame["customer_id"]), pd.Index(actual["customer_id"])
    odd = scored.symmetric_difference(known)
    if len(odd) or not (len(scored) and scored.is_unique and known.is_unique):
        example = f", such as '{odd[0]}'" if len(odd) else ""
        raise InputError(
            f"scorecard: {len(scored):,} customers were scored and {len(known):,} known at the "
            f"cut-off, {len(odd):,} in one list only{example}; "
            "score the History of the same cut, each customer once"
        )
    return actual.set_index("customer_id").loc[scored].reset_index()


class Compared(NamedTuple):
    """One outcome of all customers: what happened, what was expected, how it fell."""

    actual: Customers
    expected: Customers
    fell: Predictive


def compared(forecast: Forecast, aligned: pd.DataFrame) -> tuple[Compared, Compared]:
    """Return purchases and value of a forecast beside outcomes that `align` put in its rows.

    Intervals of purchases are quantiles of the draws, those of value the quantiles of the frame.
    Draws are read once, a chunk of customers at a time.
    """
    frame = forecast.frame
    purchases, value = _numbers(aligned, "purchases"), _numbers(aligned, "value")
    counts, money = judge_draws(forecast.draws, purchases, value)
    stated = money._replace(
        inside_50=inside(value, _numbers(frame, "value_q25"), _numbers(frame, "value_q75")),
        inside_90=inside(value, _numbers(frame, "value_q05"), _numbers(frame, "value_q95")),
    )
    return (
        Compared(purchases, _numbers(frame, "expected_purchases"), counts),
        Compared(value, _numbers(frame, "expected_value"), stated),
    )


@dataclass(frozen=True, kw_only=True)
class Side:
    """One outcome of all customers, with all that does not depend on how they are weighted."""

    actual: Customers
    expected: Customers
    fell: Predictive
    best: Ties
    model: Ties

    def attempts(self, weights: Customers) -> Attempts:
        """Return the measures of the weighted customers, not yet taken, by name."""
        a, e, w, fell = self.actual, self.expected, weights, self.fell
        best, model = self.best.ranks(w), self.model.ranks(w)
        return {
            "mae": lambda: errors.mae(a, e, w),
            "rmse": lambda: errors.rmse(a, e, w),
            "bias": lambda: errors.bias(a, e, w),
            "gini": lambda: errors.gini_of_ranks(a, best, model, w),
            "spearman": lambda: errors.rank_correlation(best, model, w),
            "decile_mape": lambda: self._decile_mape(w),
            "crps": lambda: errors.mean(fell.crps, w),
            "coverage_50": lambda: errors.mean(fell.inside_50.astype(float), w),
            "coverage_90": lambda: errors.mean(fell.inside_90.astype(float), w),
            "pit_distance": lambda: pit_distance(pit_histogram(fell.pit, w)),
        }

    def _decile_mape(self, weights: Customers) -> float:
        means = decile_means(self.actual, self.model, self.expected, weights)
        return errors.mape(means.actual, means.expected)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How every customer of a forecast fared: all that measures need, whatever the weights.

    Attributes
    ----------
    customers
        Identifiers, in the order of the arrays.
    """

    customers: pd.Index
    purchases: Side
    value: Side
    p_active: Customers
    activity: Ties

    def attempts(self, weights: Customers) -> Attempts:
        """Return the measures of the weighted customers, not yet taken, by name."""
        active = (self.purchases.actual > 0).astype(float)
        ranks = self.activity.ranks(weights)
        return {
            **{
                f"purchases_{name}": attempt
                for name, attempt in self.purchases.attempts(weights).items()
            },
            **{f"value_{name}": attempt for name, attempt in self.value.attempts(weights).items()},
            "p_active_brier": lambda: errors.brier(active, self.p_active, weights),
            "p_active_auc": lambda: errors.auc_of_ranks(active, ranks, weights),
        }


def stand(forecast: Forecast, actual: pd.DataFrame) -> Standing:
    """Return how every customer fared.

    Raises
    ------
    InputError
        If forecast and outcomes are not of the same customers, or a score is not finite.
    """
    purchases, value = compared(forecast, align(actual, forecast.frame))
    p_active = _numbers(forecast.frame, "p_active")
    return Standing(
        customers=pd.Index(forecast.frame["customer_id"]),
        purchases=_side(purchases),
        value=_side(value),
        p_active=p_active,
        activity=Ties.of(p_active),
    )


def _side(of: Compared) -> Side:
    return Side(
        actual=of.actual,
        expected=of.expected,
        fell=of.fell,
        best=Ties.of(of.actual),
        model=Ties.of(of.expected),
    )


def _numbers(frame: pd.DataFrame, column: str) -> Customers:
    return frame[column].to_numpy(dtype=np.float64)


def _sums(sides: Standing) -> dict[str, float]:
    return {
        "customers": float(len(sides.p_active)),
        "actual_purchases": float(sides.purchases.actual.sum()),
        "expected_purchases": float(sides.purchases.expected.sum()),
        "actual_value": float(sides.value.actual.sum()),
        "expected_value": float(sides.value.expected.sum()),
    }


def _tracking(forecast: Forecast, weekly: pd.DataFrame) -> Attempts:
    weeks = tracking_table(weekly, forecast.tracking)
    actual, expected = _numbers(weeks, "actual"), _numbers(weeks, "expected")
    return {
        "tracking_mape_weekly": lambda: errors.mape(actual, expected),
        "tracking_mape_cumulative": lambda: errors.mape(actual.cumsum(), expected.cumsum()),
    }


def defined(attempts: Attempts, *, quiet: bool = False) -> dict[str, float]:
    """Return the measures that have a value; say which have none unless `quiet`."""
    done: dict[str, float] = {}
    for name, attempt in attempts.items():
        try:
            done[name] = attempt()
        except UndefinedError as error:
            if not quiet:
                logger.warning("scorecard: no %s (%s)", name, error)
    return done
