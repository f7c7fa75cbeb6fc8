"""HDBSCAN: clusters are where customers are dense."""

from functools import partial
from typing import Annotated

from pydantic import Field, PositiveInt

from lifeworth.models.core import recipe
from lifeworth.models.personas.clusters import Density as Settings
from lifeworth.models.personas.clusters import by_density
from lifeworth.models.personas.fit import Find
from lifeworth.models.personas.looking import Looking


@recipe
class Density(Looking):
    """Campello, Moulavi and Sander (2013), with the package hdbscan.

    Attributes
    ----------
    min_cluster_size, min_samples
        Of HDBSCAN: customers of the smallest cluster, and of a dense place.
    """

    min_cluster_size: Annotated[int, Field(ge=2)]
    min_samples: PositiveInt

    def find(self) -> Find:
        """Return HDBSCAN."""
        return partial(by_density, density=Settings(self.min_cluster_size, self.min_samples))
