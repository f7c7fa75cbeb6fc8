"""Pareto/NBD: customers leave at any moment."""

from pydantic import PositiveFloat, PositiveInt

from lifeworth.asof.split import History
from lifeworth.engines.posterior import InferenceName, Sampling
from lifeworth.models.btyd.fit import fit, plan_of
from lifeworth.models.btyd.fitted import FittedBtyd
from lifeworth.models.btyd.priors import ParetoNbdPriors, Rate
from lifeworth.models.btyd.spend import SpendName
from lifeworth.models.core import recipe


@recipe
class ParetoNbd:
    """Schmittlein, Morrison and Colombo (1987), with a model of spend.

    Attributes
    ----------
    time_unit_days, inference, priors, sampling, spend, draws, discount_rate
        As of `BgNbd`.
    """

    time_unit_days: PositiveFloat
    inference: InferenceName
    priors: ParetoNbdPriors
    sampling: Sampling
    spend: SpendName
    draws: PositiveInt
    discount_rate: Rate

    def fit(self, history: History, seed: int) -> FittedBtyd:
        """Fit to `history`; of a maximum or a peak `seed` matters to the draws alone."""
        return fit(plan_of(self, "pareto_nbd", seed), history)
