"""What a purchase of each customer is worth, where a network says only when they buy."""

import numpy as np
from jaxtyping import Float

from lifeworth.asof.split import History
from lifeworth.asof.summary import purchases
from lifeworth.models.core import fitted

Row = Float[np.ndarray, " customers"]


class Spent:
    """Positive purchases of each customer of a History: how many, and the mean of their logs."""

    def __init__(self, history: History, customer_id: np.ndarray) -> None:
        bought = purchases(history.tables, history.purchase).to_pandas()
        frame = bought.sort_values(["customer_id", "at"], ignore_index=True)
        value = frame["value_cents"].to_numpy(np.float64)
        self.positive, self.total = value > 0, float(value.sum())
        whose = frame["customer_id"].to_numpy(dtype=object)
        self.who = np.searchsorted(customer_id, whose)[self.positive]
        self.cents = value[self.positive]
        self.n = np.bincount(self.who, minlength=len(customer_id)).astype(np.float64)


@fitted
class LogNormalSpend:
    """Logs of purchases are normal around the customer's mean, which are normal around `mu`.

    Attributes
    ----------
    mu
        Mean log of a purchase in units of `unit`.
    within, between
        Variances of the logs.
    unit
        Mean positive purchase (cents).
    factor
        Mean value of all purchases over that of the positive ones: what returns and losses take.
    """

    mu: float
    within: float
    between: float
    unit: float
    factor: float

    def posterior(self, spent: Spent) -> tuple[Row, Row]:
        """Return mean and variance of each customer's own mean log."""
        logs = np.log(spent.cents / self.unit)
        total = np.bincount(spent.who, weights=logs, minlength=len(spent.n))
        precision = spent.n / self.within + 1.0 / self.between
        return (total / self.within + self.mu / self.between) / precision, 1.0 / precision

    def mean(self, spent: Spent) -> Row:
        """Return the expected value (cents) of a purchase of each customer."""
        own, variance = self.posterior(spent)
        return self.factor * self.unit * np.exp(own + (variance + self.within) / 2.0)

    def totals(
        self,
        own: tuple[Row, Row],
        counts: Float[np.ndarray, "customers draws"],
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "customers draws"]:
        """Draw the value (cents) of so many purchases; `own` is the posterior of the customers."""
        mean, variance = (part[:, None] for part in own)
        level = mean + np.sqrt(variance) * rng.standard_normal(counts.shape)
        flat = counts.ravel().astype(np.int64)
        which = np.repeat(np.arange(len(flat)), flat)
        noise = np.sqrt(self.within) * rng.standard_normal(len(which))
        each = np.exp(level.ravel()[which] + noise)
        sums = np.bincount(which, weights=each, minlength=len(flat)).reshape(counts.shape)
        return self.factor * self.unit * sums


def learn_spend(spent: Spent) -> LogNormalSpend:
    """Estimate by moments (one-way analysis of variance)."""
    unit = float(spent.cents.mean()) if len(spent.cents) else 100.0
    logs = np.round(np.log(spent.cents / unit), 9)
    there = spent.n > 0
    sums = np.bincount(spent.who, weights=logs, minlength=len(spent.n))
    means = np.divide(sums, spent.n, out=np.zeros(len(sums)), where=there)
    free = max(float(spent.n.sum() - there.sum()), 1.0)
    within = max(float(((logs - means[spent.who]) ** 2).sum() / free), 1e-4)
    grand = float(logs.mean()) if len(logs) else 0.0
    n = spent.n[there]
    if len(n) < 2:
        return LogNormalSpend(mu=grand, within=within, between=1e-4, unit=unit, factor=1.0)
    spread = n.sum() - (n**2).sum() / n.sum()
    excess = float((n * (means[there] - grand) ** 2).sum() - (len(n) - 1) * within)
    return LogNormalSpend(
        mu=grand,
        within=within,
        between=max(excess / spread, 1e-4),
        unit=unit,
        factor=max(spent.total / len(spent.positive) / float(spent.cents.mean()), 0.0),
    )
