"""Meta-learners over any regressor of scikit-learn: S, T, X, R, DR, and none."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from lifeworth.models.core import recipe
from lifeworth.models.uplift.bases import Base
from lifeworth.models.uplift.fitted import Uplift, fit
from lifeworth.models.uplift.learners import LEARNERS, Models
from lifeworth.models.uplift.trial import Trial

Folds = Annotated[int, Field(ge=2, le=20)]

Settings = dict[str, bool | int | float | str | None]


@recipe
class MetaLearner:
    """How regressions are put together to say what each arm changes.

    Attributes
    ----------
    kind
        As `learners` tells them; "none" gives every arm its mean effect, so that the policy is the
        best single arm.
    learner
        A regressor of scikit-learn by name, or, for outcomes of 1 and 0, a classifier where
        outcomes alone are regressed (S, T and none).
    settings
        Of the learner.
    folds
        Parts of the customers that are left out in turn.
    """

    kind: Literal["s", "t", "x", "r", "dr", "none"]
    learner: str
    settings: Settings
    folds: Folds

    def fit(self, trial: Trial, seed: NonNegativeInt) -> Uplift:
        """Fit to a randomised campaign; `seed` is the only source of randomness."""
        base = Base(self.learner, self.settings)

        def learn(own: Trial, number: int) -> Models:
            return LEARNERS[self.kind].learn(own, base, number)

        return fit(trial, (self.kind, learn), base, self.folds, seed)
