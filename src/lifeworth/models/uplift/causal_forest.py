"""Causal forest: honest trees that split where effects differ (Athey et al. 2019)."""

from pydantic import NonNegativeInt, PositiveInt

from lifeworth.models.core import recipe
from lifeworth.models.uplift.bases import Base
from lifeworth.models.uplift.fitted import Uplift, fit
from lifeworth.models.uplift.forest import Forest
from lifeworth.models.uplift.learners import Models, learn_forest
from lifeworth.models.uplift.meta_learner import Folds, Settings
from lifeworth.models.uplift.trial import Trial


@recipe
class CausalForest:
    """EconML's generalised random forest on residuals of outcome and arm.

    Attributes
    ----------
    learner, settings
        A regressor of scikit-learn for the outcomes whose residuals are taken.
    trees
        A multiple of 4.
    fewest
        Customers in a leaf, at least.
    folds
        Parts of the customers that are left out in turn.
    """

    learner: str
    settings: Settings
    trees: PositiveInt
    fewest: PositiveInt
    folds: Folds

    def fit(self, trial: Trial, seed: NonNegativeInt) -> Uplift:
        """Fit to a randomised campaign; `seed` is the only source of randomness."""
        base = Base(self.learner, self.settings)
        growth = Forest(trees=self.trees, fewest=self.fewest, depth=None)

        def learn(own: Trial, number: int) -> Models:
            return learn_forest(own, base, growth, number)

        return fit(trial, ("forest", learn), base, self.folds, seed)
