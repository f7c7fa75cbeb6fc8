"""BG/CNBD-k: the BG/NBD of customers who buy regularly."""

from pydantic import PositiveFloat, PositiveInt

from lifeworth.asof.split import History
from lifeworth.engines.posterior import InferenceName, Sampling
from lifeworth.models.btyd.fit import fit, plan_of
from lifeworth.models.btyd.fitted import FittedBtyd
from lifeworth.models.btyd.priors import BetaGeometricPriors, Rate
from lifeworth.models.btyd.spend import SpendName
from lifeworth.models.core import recipe


@recipe
class BgCnbd:
    """Platzer and Reutterer (2016), with a model of spend.

    Attributes
    ----------
    k
        Ticks a purchase, 1 and more; None for the most likely.
    time_unit_days, inference, priors, sampling, spend, draws, discount_rate
        As of `BgNbd`.
    """

    k: PositiveInt | None
    time_unit_days: PositiveFloat
    inference: InferenceName
    priors: BetaGeometricPriors
    sampling: Sampling
    spend: SpendName
    draws: PositiveInt
    discount_rate: Rate

    def fit(self, history: History, seed: int) -> FittedBtyd:
        """Fit to `history`; of a maximum or a peak `seed` matters to the draws alone."""
        return fit(plan_of(self, "bgnbd", seed, k=self.k), history)
