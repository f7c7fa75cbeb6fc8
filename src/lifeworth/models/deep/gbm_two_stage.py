"""Boosted trees in two stages: who buys, then how often and for how much. The baseline."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import PositiveFloat, PositiveInt

from lifeworth.asof.split import History
from lifeworth.asof.summary import summary
from lifeworth.models.boosting import Growth
from lifeworth.models.core import Forecast, Parameter, fitted, recipe
from lifeworth.models.deep.blend import Blend, blended, lent_forecast, lent_value
from lifeworth.models.deep.examples import Examples
from lifeworth.models.deep.forecasting import Made, between, forecast_of
from lifeworth.models.deep.horizons import Horizons
from lifeworth.models.deep.inputs import Encoder
from lifeworth.models.deep.taught import Study, Taught, factors
from lifeworth.models.deep.trees import Outcomes, Trees, grow, heads, judged, kept, unkept


@recipe
class GbmTwoStage:
    """A hurdle of boosted trees over features as of a cut-off.

    Chance of buying, purchases beyond the first (Poisson), log of the value (squared error), each
    interval on its own; what the trees leave over on the latest earlier cut-off says how much
    outcomes vary. Members are fitted to customers drawn with replacement.

    Attributes
    ----------
    columns
        Static text columns of customers, such as country or segment.
    borrow
        Whether what a BG/NBD, fitted at the same cut-off, expects of a customer is a feature.
    blend
        Share of the futures that are the BG/NBD's own.
    horizons
        Days ahead that are learnt, ascending; what lies between is interpolated.
    moments, every_days
        Earlier cut-offs to learn from, at most, and how far apart.
    trees, leaves, learning_rate, fewest
        Of the boosting; `fewest` customers in a leaf.
    members
        Boosted models, from other draws of customers.
    draws
        Futures drawn for each customer, for spread and quantiles.
    """

    columns: tuple[str, ...]
    borrow: bool
    blend: Blend
    horizons: Horizons
    moments: PositiveInt
    every_days: PositiveInt
    trees: PositiveInt
    leaves: PositiveInt
    learning_rate: PositiveFloat
    fewest: PositiveInt
    members: PositiveInt
    draws: PositiveInt

    def fit(self, history: History, seed: int) -> "FittedGbmTwoStage":
        """Fit to `history`."""
        study = Study(
            horizons=self.horizons,
            moments=self.moments,
            every_days=self.every_days,
            columns=self.columns,
            borrow=self.borrow,
        )
        taught = Taught(study, history)
        growth = Growth(self.trees, self.leaves, self.learning_rate, self.fewest)
        left = _left_over(taught, growth)
        members = [
            [
                trees._replace(shape=shape, scale=scale)
                for trees, (shape, scale) in zip(
                    _grown(taught.whole, growth, [seed, member]), left, strict=True
                )
            ]
            for member in range(self.members)
        ]
        whole = taught.whole
        said = heads(members, whole.inputs.wide.astype(np.float64))
        return FittedGbmTwoStage(
            encoder=taught.encoder,
            horizons=taught.horizons,
            factor=factors(said, whole.targets),
            trees={
                f"{member}.{interval}": kept(trees)
                for member, own in enumerate(members)
                for interval, trees in enumerate(own)
            },
            members=self.members,
            blend=self.blend,
            draws=self.draws,
            seed=seed,
            told=taught.told(),
        )


def _grown(examples: Examples, growth: Growth, seed: list[int] | None) -> list[Trees]:
    """Grow trees for each interval, from customers drawn with replacement where there is a seed."""
    rng = None if seed is None else np.random.default_rng(seed)
    made = []
    for interval in range(examples.targets.seen.shape[1]):
        x, done = _of(examples, interval)
        if rng is not None:
            rows = np.sort(rng.integers(len(x), size=len(x)))
            x, done = x[rows], done.rows(rows)
        made.append(grow(x, done, growth, 0 if seed is None else seed[0]))
    return made


def _left_over(taught: Taught, growth: Growth) -> list[tuple[float, float]]:
    """Return shape and scale of each interval, of the latest examples where others come before.

    Of an interval that is not over there, those of the one before it.
    """
    early, found = taught.early, []
    for interval, trees in enumerate(_grown(early or taught.whole, growth, None)):
        x, done = _of(taught.judged if early else taught.whole, interval)
        told = judged(trees, x, done) if len(x) else None
        found.append(found[-1] if told is None else (told.shape, told.scale))
    return found


def _of(examples: Examples, interval: int) -> tuple[np.ndarray, Outcomes]:
    """Return features and outcomes of an interval, of those for whom it is over."""
    targets = examples.targets
    seen = targets.seen[:, interval]
    columns = (targets.purchases, targets.value)
    done = Outcomes(*(c[seen, interval].astype(np.float64) for c in columns))
    return examples.inputs.wide[seen].astype(np.float64), done


@fitted
class FittedGbmTwoStage:
    """Boosted trees that have learnt from the earlier cut-offs of a History.

    Attributes
    ----------
    horizons
        Ends of the intervals, in days.
    factor
        What the value of each interval is multiplied by (`taught.factors`).
    trees
        By "member.interval" (`trees.kept`).
    """

    encoder: Encoder
    horizons: tuple[int, ...]
    factor: np.ndarray
    trees: dict[str, np.ndarray]
    members: int
    blend: float
    draws: int
    seed: int
    told: tuple[str, ...]

    def score(self, history: History, horizon: int) -> Forecast:
        """Forecast every customer of `history` over `horizon` days."""
        made = self.made(history)
        own = forecast_of(history, made, horizon, draws=self.draws, seed=self.seed)
        return blended(own, self._lent(history, horizon), self.blend)

    def _lent(self, history: History, horizon: int) -> Forecast | None:
        """Return the BG/NBD's forecast, where it is a part of this one."""
        if not self.blend:
            return None
        return lent_forecast(self.encoder, history, horizon, self.draws, self.seed)

    def explain(self, history: History, horizon: int) -> pd.DataFrame | None:
        """Return None: only networks are explained."""
        del history, horizon

    def epistemic(self, history: History, horizon: int) -> Float[np.ndarray, " customers"]:
        """Return the sd (cents) of the expected value between members, the BG/NBD among them."""
        told = between(self.made(history), horizon)
        other = lent_value(self.encoder, history, horizon) if self.blend else None
        return told.with_other(other, self.blend)

    def made(self, history: History) -> Made:
        """Return the heads of every customer of `history`; value in cents."""
        ids = summary(history).select("customer_id").to_pandas()["customer_id"]
        _, wide = self.encoder.wide(history)
        said = heads(self._trees(), wide.astype(np.float64))
        money = np.log(self.factor * self.encoder.unit).astype(np.float32)
        return Made(
            np.sort(ids.to_numpy(dtype=object)), said._replace(loc=said.loc + money), self.horizons
        )

    def parameters(self) -> list[Parameter]:
        """Return none: trees have thousands."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return none."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know about the fit."""
        return self.told

    def _trees(self) -> list[list[Trees]]:
        intervals = range(len(self.horizons))
        return [
            [unkept(self.trees[f"{member}.{i}"]) for i in intervals]
            for member in range(self.members)
        ]
