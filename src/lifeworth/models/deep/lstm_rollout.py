"""LSTM from period to period, rolled forward by Monte Carlo (Valendin et al. 2022)."""

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pydantic import PositiveInt

from lifeworth.asof.split import History
from lifeworth.asof.summary import epoch_day
from lifeworth.asof.weekly import periods
from lifeworth.engines.likelihood import FitError
from lifeworth.engines.task import Task, Training
from lifeworth.engines.training import seeded, train
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
from lifeworth.models.deep.forecasting import blocks, weeks_of
from lifeworth.models.deep.members import SEEDS_APART, Weights, curves_of, loaded, stacked
from lifeworth.models.deep.rollout import Past, Roller, RolloutNet, WeekBatches, cost, seasons
from lifeworth.models.deep.spend import LogNormalSpend, Spent, learn_spend

DAYS = 7
"""Length of a period."""

FEWEST = 2
"""Periods from which something can be learnt: the second follows the first."""

JUDGED = 0.25
"""Share of the periods, the last ones, by which training stops."""


@recipe
class LstmRollout:
    """The network says what a week brings, given all weeks before; futures are rolled forward.

    Every horizon has the same futures. Spend is log-normal around each customer's own level.

    Attributes
    ----------
    hidden
        Size of the state.
    members
        Networks, from other seeds; futures are shared out evenly among them.
    training
        How they are trained.
    draws
        Futures of each customer.
    """

    hidden: PositiveInt
    members: PositiveInt
    training: Training
    draws: PositiveInt

    def fit(self, history: History, seed: int) -> "FittedLstmRollout":
        """Fit to `history`.

        Raises
        ------
        FitError
            If it has not two weeks.
        """
        ids, past = past_of(history)
        weeks = past.counts.shape[1]
        if weeks < FEWEST:
            raise FitError(
                f"deep: the history of {weeks} week is too short to learn what follows a week; "
                "take a longer one (a later split.cutoff, split.window_days=null) or a "
                "model=btyd_..."
            )
        weights, curve, epochs = self._trained(past, seed)
        return FittedLstmRollout(
            hidden=self.hidden,
            weights=weights,
            spend=learn_spend(Spent(history, ids)),
            draws=self.draws,
            seed=seed,
            curves=curves_of(curve),
            told=(
                f"{self.members} networks trained for {epochs} epochs on {weeks} weeks; "
                "P(alive) is the chance of a purchase in the horizon.",
            ),
        )

    def _trained(self, past: Past, seed: int) -> tuple[Weights, pd.DataFrame, int]:
        """Stop the first member by the last weeks, then train all on all weeks, as long."""
        width, size = past.counts.shape[1], self.training.batch
        start = int(width * (1.0 - JUDGED))
        epochs, curve, first = self.training.epochs, pd.DataFrame(), seed * SEEDS_APART
        if start >= FEWEST:
            early, judged = WeekBatches(past, size, 0, start), WeekBatches(past, size, start, width)
            net = self._net(first, early.base)
            done = train(
                Task(net, cost, early, self.training, first, validation=judged, name="judged")
            )
            epochs, curve = done.epochs, done.curve
        made, whole = [], WeekBatches(past, size, 0, width)
        for member in range(self.members):
            own, name = first + member, f"member-{member}"
            net = self._net(own, whole.base)
            done = train(Task(net, cost, whole, self.training, own, epochs=epochs, name=name))
            made.append(done.weights)
            curve = pd.concat([curve, done.curve.assign(part=f"member {member + 1}")])
        return stacked(made), curve, epochs

    def _net(self, seed: int, base: np.ndarray) -> RolloutNet:
        with seeded(seed):
            return RolloutNet(self.hidden).start_at(base)


def past_of(history: History) -> tuple[np.ndarray, Past]:
    """Return customer_id (sorted) and purchases by period."""
    ids, counts = periods(history, DAYS)
    back = np.arange(counts.shape[1], dtype=np.float64)[::-1]
    return ids, Past(counts, seasons(epoch_day(history.cutoff) - DAYS * back))


@fitted
class FittedLstmRollout:
    """Networks that have learnt from the weeks of a History."""

    hidden: int
    weights: dict[str, np.ndarray]
    spend: LogNormalSpend
    draws: int
    seed: int
    curves: dict[str, np.ndarray]
    told: tuple[str, ...]

    @property
    def futures(self) -> int:
        """Return how many futures of each customer expectations are over."""
        return self.draws

    def score(self, history: History, horizon: int) -> Forecast:
        """Forecast every customer of `history` over `horizon` days."""
        ids, past = past_of(history)
        ends = epoch_day(history.cutoff) + DAYS * (1.0 + np.arange(-(-horizon // DAYS)))
        bought, weekly = self._futures(past, seasons(ends), horizon)
        purchases, active = bought.mean(axis=1), (bought > 0).mean(axis=1)
        spent = Spent(history, ids)
        mean, variance = self.spend.posterior(spent)

        def draw(rows: slice, rng: np.random.Generator) -> Draws:
            some = bought[rows].astype(np.float64)
            return Draws(some, self.spend.totals((mean[rows], variance[rows]), some, rng))

        return forecast(
            ids,
            horizon,
            history.cutoff,
            Expectations(purchases, active, active, purchases * self.spend.mean(spent)),
            weeks_of(history, weekly),
            block_draws(draw, len(ids), self.seed),
        )

    def _futures(
        self, past: Past, coming: Float[np.ndarray, "periods 2"], horizon: int
    ) -> tuple[Int[np.ndarray, "customers draws"], Float[np.ndarray, " weeks"]]:
        """Return purchases of every customer and future; and expected purchases of whole weeks."""
        nets = list(loaded(lambda: RolloutNet(self.hidden), self.weights))
        shares = np.array_split(np.arange(self.draws), len(nets))
        bought = np.zeros((len(past.counts), self.draws), dtype=np.int32)
        weekly = np.zeros(horizon // DAYS)
        streams = _streams(past.counts, self.seed)
        for rows in blocks(len(bought)):
            some = past._replace(counts=past.counts[rows])
            rolling = [Roller(net, some, own) for net, own in zip(nets, shares, strict=True)]
            for week, drawn in enumerate(_rolled(rolling, streams[rows], coming)):
                if week < len(weekly):
                    weekly[week] += drawn.sum() / self.draws
                    bought[rows] += drawn
                else:  # the days after the last whole week
                    bought[rows] += _part(drawn, horizon % DAYS / DAYS, streams[rows])
        return bought, weekly

    def parameters(self) -> list[Parameter]:
        """Return those of the spend."""
        none = float("nan")
        said = {"mu": "mean log of a purchase over the mean purchase"}
        return [Parameter(n, getattr(self.spend, n), none, none, none, m) for n, m in said.items()]

    def log_likelihood(self) -> dict[str, float]:
        """Return none."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know about the training."""
        return self.told


def _streams(counts: Int[np.ndarray, "customers periods"], seed: int) -> list[np.random.Generator]:
    """Return a stream for each customer, by their past: who else is there does not matter.

    Those of one past are told apart by which of them comes first.
    """
    met: dict[int, int] = {}
    made = []
    for row in counts:
        own = int.from_bytes(blake2b(row[row >= 0].tobytes(), digest_size=8).digest())
        met[own] = met.get(own, -1) + 1
        made.append(np.random.default_rng([seed, own, met[own]]))
    return made


def _rolled(
    rolling: list[Roller], streams: list[np.random.Generator], coming: Float[np.ndarray, "weeks 2"]
) -> Iterator[Int[np.ndarray, "customers draws"]]:
    """Yield what each week brings to some customers, whose futures the networks share."""
    draws = sum(len(roller.own) for roller in rolling)
    for season in coming:
        u = np.stack([stream.random(draws) for stream in streams])
        yield np.concatenate([roller.step(season, u) for roller in rolling], axis=1)


def _part(
    drawn: Int[np.ndarray, "customers draws"], part: float, streams: list[np.random.Generator]
) -> Int[np.ndarray, "customers draws"]:
    """Keep each purchase of a week with the chance that it falls into a part of it."""
    kept = [stream.binomial(row, part) for stream, row in zip(streams, drawn, strict=True)]
    return np.stack(kept)
