"""HDBSCAN: clusters are where customers are dense."""

from functools import partial
from typing import Annotated

from pydantic import Field, PositiveInt

from lifeworth.asof.split import History
from lifeworth.models.core import recipe
from lifeworth.models.personas.clusters import Density as Settings
from lifeworth.models.personas.clusters import by_density
from lifeworth.models.personas.fit import Plan, found
from lifeworth.models.personas.fitted import Personas
from lifeworth.models.personas.space import Categories, HalfLives, Look, Outliers, Scale


@recipe
class Density:
    """Campello, Moulavi and Sander (2013), with the package hdbscan.

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
    min_cluster_size, min_samples
        Of HDBSCAN: customers of the smallest cluster, and of a dense place.
    """

    features: tuple[str, ...]
    scale: Scale
    half_lives: HalfLives
    categories: Categories
    outliers: Outliers
    min_cluster_size: Annotated[int, Field(ge=2)]
    min_samples: PositiveInt

    def plan(self) -> Plan:
        """Return the space and how clusters are found in it."""
        look = Look(self.features, self.scale, self.half_lives, self.categories, self.outliers)
        return Plan(
            look, partial(by_density, density=Settings(self.min_cluster_size, self.min_samples))
        )

    def fit(self, history: History, seed: int) -> Personas:
        """Fit to `history`; `seed` matters to the points that stand for clusters."""
        return found(self.plan(), history, seed).personas
