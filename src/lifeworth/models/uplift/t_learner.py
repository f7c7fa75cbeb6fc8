"""The T-learner: a model of outcomes for each arm."""

from dataclasses import field

from pydantic import NonNegativeInt

from lifeworth.models.core import recipe
from lifeworth.models.uplift.bases import Base
from lifeworth.models.uplift.fitted import Uplift, fit, plain
from lifeworth.models.uplift.settings import LEARNER, SETTINGS, Folds, Settings
from lifeworth.models.uplift.trial import Trial


@recipe
class TLearner:
    """T-learner.

    Attributes
    ----------
    learner
        A regressor of scikit-learn by name, or, for outcomes of 1 and 0, a classifier where the
        learner regresses outcomes alone (S and T).
    settings
        Its settings.
    folds
        Parts of the customers that are left out in turn.
    """

    learner: str = LEARNER
    settings: Settings = field(default_factory=lambda: dict(SETTINGS))
    folds: Folds = 3

    def fit(self, trial: Trial, seed: NonNegativeInt) -> Uplift:
        """Fit to a randomised campaign; `seed` is the only source of randomness."""
        base = Base(self.learner, self.settings)
        return fit(trial, ("t", plain("t", base)), base, self.folds, seed)
