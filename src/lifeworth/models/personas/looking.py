"""What every recipe of personas looks at, and how it is fitted: only the way of finding differs."""

from abc import ABC, abstractmethod
from typing import Annotated

from pydantic import Field

from lifeworth.asof.split import History
from lifeworth.models.core import recipe
from lifeworth.models.personas.fit import Find, Plan, found
from lifeworth.models.personas.fitted import Personas
from lifeworth.models.personas.space import Categories, HalfLives, Look, Outliers, Scale

PersonaCount = Annotated[int, Field(ge=2, le=50)]


@recipe
class Looking(ABC):
    """Customers in scaled features.

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
    """

    features: tuple[str, ...]
    scale: Scale
    half_lives: HalfLives
    categories: Categories
    outliers: Outliers

    @abstractmethod
    def find(self) -> Find:
        """Return how clusters are found."""

    def plan(self) -> Plan:
        """Return the space and how clusters are found in it."""
        look = Look(self.features, self.scale, self.half_lives, self.categories, self.outliers)
        return Plan(look, self.find())

    def fit(self, history: History, seed: int) -> Personas:
        """Fit to `history`; `seed` is the only source of randomness."""
        return found(self.plan(), history, seed).personas
