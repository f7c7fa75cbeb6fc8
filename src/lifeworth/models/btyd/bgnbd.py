"""BG/NBD: customers may leave after every repeat purchase."""

from pydantic import PositiveFloat, PositiveInt

from lifeworth.asof.split import History
from lifeworth.engines.posterior import InferenceName, Sampling
from lifeworth.models.btyd.fit import fit, plan_of
from lifeworth.models.btyd.fitted import FittedBtyd
from lifeworth.models.btyd.priors import BetaGeometricPriors, Rate
from lifeworth.models.btyd.spend import SpendName
from lifeworth.models.core import recipe


@recipe
class BgNbd:
    """Fader, Hardie and Lee (2005), with a model of spend.

    Attributes
    ----------
    time_unit_days
        Length of the unit in which times and the likelihood are reported: 7 for the papers' weeks,
        1 for days. Forecasts do not depend on it.
    inference
        "mle", "map", "laplace", "svi" or "nuts".
    priors
        90 % intervals; "mle" has no use for them.
    sampling
        How much work "laplace", "svi" and "nuts" may do.
    spend
        "gamma_gamma", "credibility" (values may be negative) or "gamma_gamma_swapped" (see
        `math.gamma_gamma_mean_swapped`).
    draws
        Futures drawn for each customer, for spread and quantiles.
    discount_rate
        Of value, effective, a year; 0 for none.
    """

    time_unit_days: PositiveFloat
    inference: InferenceName
    priors: BetaGeometricPriors
    sampling: Sampling
    spend: SpendName
    draws: PositiveInt
    discount_rate: Rate

    def fit(self, history: History, seed: int) -> FittedBtyd:
        """Fit to `history`; of a maximum or a peak `seed` matters to the draws alone."""
        return fit(plan_of(self, "bgnbd", seed), history)
