"""What a purchase of each customer is worth: the models of spend that the BTYD recipes share."""

from typing import Annotated, Literal

from pydantic import Field

from lifeworth.asof.split import History
from lifeworth.models.btyd.credibility import FittedCredibility, fit_credibility
from lifeworth.models.btyd.estimate import Inference
from lifeworth.models.btyd.gamma_gamma import FittedGammaGamma, fit_gamma_gamma
from lifeworth.models.btyd.pool import Grouped
from lifeworth.models.btyd.statistics import Statistics
from lifeworth.tables.errors import InputError

SpendName = Literal["gamma_gamma", "gamma_gamma_swapped", "credibility"]
"""The second is a formula in circulation; the third is for margins that can be negative."""

FittedSpend = Annotated[FittedGammaGamma | FittedCredibility, Field(discriminator="kind")]


def fit_spend(
    name: SpendName, history: History, stats: Statistics, grouped: Grouped, how: Inference
) -> FittedGammaGamma | FittedCredibility:
    """Fit the named model of spend to the repeat purchases.

    Raises
    ------
    InputError
        If spend is to follow the rate in a model that cannot.
    """
    if name == "credibility":
        if how.spend_follows_rate:
            raise InputError(
                "model.spend_follows_rate: with credibility spend cannot follow the rate; "
                "use model.spend=gamma_gamma, or model.spend_follows_rate=false"
            )
        columns = (*grouped.groups.columns, *grouped.groups.covariates)
        return fit_credibility(history, columns)
    return fit_gamma_gamma(stats, grouped, how, name)
