"""What is known of the customers of a History, as a fitted model reads it."""

from dataclasses import dataclass

import numpy as np

from lifeworth.asof.rhythm import active_periods
from lifeworth.asof.split import History
from lifeworth.models.btyd.estimate import Estimate, Seen
from lifeworth.models.btyd.pool import Pool
from lifeworth.models.btyd.purchases import Past
from lifeworth.models.btyd.spend import FittedSpend
from lifeworth.models.btyd.statistics import Statistics, statistics


@dataclass(frozen=True, kw_only=True)
class Known:
    """Customers of a History, sorted by customer_id.

    Attributes
    ----------
    past
        In the unit of the process.
    seen, spend
        How draws of the purchases and of the spend apply to them.
    """

    stats: Statistics
    past: Past
    seen: Seen
    spend: Seen


def known(
    history: History,
    pool: Pool,
    period_days: int | None,
    fits: tuple[Estimate, FittedSpend],
    seed: int,
) -> Known:
    """Read the customers of `history` for these fits of purchases and spend."""
    stats = statistics(history)
    grouped = pool.group(history, len(stats.x))
    purchases, spend = fits
    return Known(
        stats=stats,
        past=past_of(history, stats, period_days),
        seen=purchases.seen(grouped, seed),
        spend=spend.estimate.seen(grouped, seed + 1),
    )


def past_of(history: History, stats: Statistics, period_days: int | None) -> Past:
    """Return (x, t_x, T): in days, or in periods of so many days."""
    if period_days is None:
        return Past(stats.x, stats.t_x, stats.T)
    frame = active_periods(history, period_days).to_pandas().sort_values("customer_id")
    columns = ("frequency", "recency_periods", "age_periods")
    return Past(*(np.asarray(frame[name], dtype=np.float64) for name in columns))
