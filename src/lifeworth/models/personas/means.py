"""K-Means: every customer goes to the nearest mean."""

from functools import partial
from typing import Annotated

from pydantic import Field

from lifeworth.asof.split import History
from lifeworth.models.core import recipe
from lifeworth.models.personas.clusters import by_means
from lifeworth.models.personas.fit import Plan, found
from lifeworth.models.personas.fitted import Personas
from lifeworth.models.personas.space import Categories, HalfLives, Look, Outliers, Scale


@recipe
class Means:
    """K-Means, by Lloyd's algorithm from ten starts.

    Attributes
    ----------
    features
        Columns of `asof.persona_features`, purchase_rate, categories, or numeric columns of
        customers.
    scale
        "normal_scores": ranks as the quantiles of a normal distribution; "log": logs, mean 0 and
        sd 1.
    half_lives, categories, outliers
        See `space`.
    personas
        How many.
    """

    features: tuple[str, ...]
    scale: Scale
    half_lives: HalfLives
    categories: Categories
    outliers: Outliers
    personas: Annotated[int, Field(ge=2, le=50)]

    def plan(self) -> Plan:
        """Return the space and how clusters are found in it."""
        look = Look(self.features, self.scale, self.half_lives, self.categories, self.outliers)
        return Plan(look, partial(by_means, k=self.personas))

    def fit(self, history: History, seed: int) -> Personas:
        """Fit to `history`; `seed` is the only source of randomness."""
        return found(self.plan(), history, seed).personas
