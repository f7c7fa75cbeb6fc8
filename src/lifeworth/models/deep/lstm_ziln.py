"""LSTM over a customer's events, to a zero-inflated log-normal."""

from pydantic import PositiveInt

from lifeworth.asof.split import History
from lifeworth.engines.task import Training
from lifeworth.models.core import recipe
from lifeworth.models.deep.blend import Blend, Share
from lifeworth.models.deep.fit import Plan, Uncertainty, fit_nets
from lifeworth.models.deep.fitted import FittedNets
from lifeworth.models.deep.horizons import Horizons
from lifeworth.models.deep.losses import LossName
from lifeworth.models.deep.taught import Study


@recipe
class LstmZiln:
    """An LSTM reads each customer's last events; nothing else but how long they have been silent.

    With `borrow` it says how a customer differs from what a BG/NBD expects.

    The head is of Wang, Liu and Miao (2019), with purchases beside value.

    Attributes
    ----------
    borrow
        Whether heads begin at what a BG/NBD, fitted at the same cut-off, expects of a customer.
    blend
        Share of the futures that are the BG/NBD's own.
    shuffled
        Whether each customer's events are read in an order of chance: what is lost by it was in the
        order.
    horizons
        Days ahead that are learnt, ascending; what lies between is interpolated.
    events
        Last events that are read.
    moments, every_days
        Earlier cut-offs to learn from, at most, and how far apart.
    loss
        "ziln"; or, to compare with, "mse" or "two_head" (churn and value).
    hidden, layers, dropout
        Of the network.
    members
        Networks, from other seeds; or passes with dropout.
    uncertainty
        "ensemble" or "dropout".
    conformal
        Whether quantiles of value are calibrated on the latest earlier cut-off.
    training
        How it is trained.
    draws
        Futures drawn for each customer, for spread and quantiles.
    """

    borrow: bool
    blend: Blend
    shuffled: bool
    horizons: Horizons
    events: PositiveInt
    moments: PositiveInt
    every_days: PositiveInt
    loss: LossName
    hidden: PositiveInt
    layers: PositiveInt
    dropout: Share
    members: PositiveInt
    uncertainty: Uncertainty
    conformal: bool
    training: Training
    draws: PositiveInt

    def fit(self, history: History, seed: int) -> FittedNets:
        """Fit to `history`."""
        study = Study(
            horizons=self.horizons,
            moments=self.moments,
            every_days=self.every_days,
            events=self.events,
            borrow=self.borrow,
            shuffled=self.shuffled,
        )
        plan = Plan(
            net="lstm",
            loss=self.loss,
            hidden=self.hidden,
            layers=self.layers,
            dropout=self.dropout,
            members=self.members,
            uncertainty=self.uncertainty,
            conformal=self.conformal,
            training=self.training,
            draws=self.draws,
            blend=self.blend,
        )
        return fit_nets(study, plan, history, seed)
