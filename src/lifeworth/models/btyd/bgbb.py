"""BG/BB: customers buy or not in each period, and leave between periods."""

from pydantic import PositiveFloat, PositiveInt

from lifeworth.asof.split import History
from lifeworth.engines.posterior import InferenceName, Sampling
from lifeworth.models.btyd.fit import fit, plan_of
from lifeworth.models.btyd.fitted import FittedBtyd
from lifeworth.models.btyd.priors import BgBbPriors, Rate
from lifeworth.models.btyd.spend import SpendName
from lifeworth.models.core import recipe


@recipe
class BgBb:
    """Fader, Hardie and Shang (2010), with a model of spend.

    Attributes
    ----------
    period_days
        Length of a period. It counts from a customer's first purchase, and the horizon, which is to
        be whole periods, from the end of their last whole one: what was bought since is left out.
        Of 1 day: a purchase is a customer-day, as in the other models.
    time_unit_days, inference, priors, sampling, spend, draws, discount_rate
        As of `BgNbd`.
    """

    period_days: PositiveInt
    time_unit_days: PositiveFloat
    inference: InferenceName
    priors: BgBbPriors
    sampling: Sampling
    spend: SpendName
    draws: PositiveInt
    discount_rate: Rate

    def fit(self, history: History, seed: int) -> FittedBtyd:
        """Fit to `history`; of a maximum or a peak `seed` matters to the draws alone."""
        return fit(plan_of(self, "bgbb", seed, period_days=self.period_days), history)
