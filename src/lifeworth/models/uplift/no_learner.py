"""No learner: every arm has its mean effect, so that the policy is the best single arm."""

from dataclasses import field

from pydantic import NonNegativeInt

from lifeworth.models.core import recipe
from lifeworth.models.uplift.bases import Base
from lifeworth.models.uplift.fitted import Uplift, fit, plain
from lifeworth.models.uplift.settings import LEARNER, SETTINGS, Folds, Settings
from lifeworth.models.uplift.trial import Trial


@recipe
class NoLearner:
    """The mean effect of each arm, for everybody.

    Attributes
    ----------
    learner, settings
        A regressor of scikit-learn for the outcomes, which make means more exact.
    folds
        Parts of the customers that are left out in turn.
    """

    learner: str = LEARNER
    settings: Settings = field(default_factory=lambda: dict(SETTINGS))
    folds: Folds = 3

    def fit(self, trial: Trial, seed: NonNegativeInt) -> Uplift:
        """Fit to a randomised campaign; `seed` is the only source of randomness."""
        base = Base(self.learner, self.settings)
        return fit(trial, ("none", plain("none", base)), base, self.folds, seed)
