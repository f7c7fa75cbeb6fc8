"""BG/NBD and Gamma-Gamma that segments share in part."""

from dataclasses import replace
from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from lifeworth.asof.split import History
from lifeworth.engines.posterior import Sampling
from lifeworth.models.btyd.fit import fit, plan_of
from lifeworth.models.btyd.fitted import FittedBtyd
from lifeworth.models.btyd.priors import HierarchicalPriors, Rate
from lifeworth.models.btyd.spend import SpendName
from lifeworth.models.core import recipe

APART = 3.0
"""Standard deviation of segments on their own: a factor of 140 either way."""


@recipe
class Hierarchical:
    """Partial pooling over columns of customers, and covariates, of purchases and spend at once.

    Every quantity of the priors is the population's, what each of the customer's segments differs
    by, and what covariates change, added on the log (of chances: logit) scale.

    Attributes
    ----------
    process
        "bgnbd" or "mbgnbd".
    pool
        Columns of customers: cohort_month, cohort_quarter, cohort_year (of the first purchase), or
        what the source knows, such as country, segment, channel.
    covariates
        Numbers known at the first purchase: first_value, first_value_log, or numeric columns of the
        customers.
    pooling
        "partial"; "none" for segments on their own, with a wide prior around the population.
    inference
        "map", "laplace", "svi" or "nuts": a hierarchy has no maximum of the likelihood.
    spend_follows_rate
        Whether mean spend may rise or fall with how often a customer has bought.
    time_unit_days, priors, sampling, spend, draws, discount_rate
        As of `BgNbd`.
    """

    process: Literal["bgnbd", "mbgnbd"]
    pool: tuple[str, ...]
    covariates: tuple[str, ...]
    pooling: Literal["partial", "none"]
    inference: Literal["map", "laplace", "svi", "nuts"]
    spend_follows_rate: bool
    time_unit_days: PositiveFloat
    priors: HierarchicalPriors
    sampling: Sampling
    spend: SpendName
    draws: PositiveInt
    discount_rate: Rate

    def fit(self, history: History, seed: int) -> FittedBtyd:
        """Fit to `history`; of a peak `seed` matters to the draws alone."""
        plan = plan_of(self, self.process, seed)
        how = replace(
            plan.how,
            spread=APART if self.pooling == "none" else None,
            spend_follows_rate=self.spend_follows_rate,
        )
        plan = replace(plan, how=how, columns=self.pool, covariates=self.covariates)
        return fit(plan, history)
