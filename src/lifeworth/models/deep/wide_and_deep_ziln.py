"""Wide and deep: what is known of a customer, beside what an LSTM reads in their history."""

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
class WideAndDeepZiln:
    """The deep part reads the history, the wide part features and static columns (Cheng 2016).

    Who has no history is scored by the wide part: `FittedNets.newcomers`.

    Attributes
    ----------
    columns
        Static text columns of customers, such as country or segment.
    borrow
        Whether what a BG/NBD, fitted at the same cut-off, expects of a customer is a wide feature.
    blend
        Share of the futures that are the BG/NBD's own.
    blind
        Share of the examples that are shown without their past, to learn about newcomers.
    horizons, events, moments, every_days, loss, hidden, layers, dropout, members, uncertainty, \
conformal, training, draws
        As of `LstmZiln`.
    """

    columns: tuple[str, ...]
    borrow: bool
    blend: Blend
    blind: Share
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
            columns=self.columns,
            borrow=self.borrow,
        )
        plan = Plan(
            net="wide_and_deep",
            loss=self.loss,
            hidden=self.hidden,
            layers=self.layers,
            dropout=self.dropout,
            members=self.members,
            uncertainty=self.uncertainty,
            conformal=self.conformal,
            training=self.training,
            draws=self.draws,
            blind=self.blind,
            blend=self.blend,
        )
        return fit_nets(study, plan, history, seed)
