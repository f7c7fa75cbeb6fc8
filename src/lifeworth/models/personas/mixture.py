"""A Gaussian mixture: personas are ellipsoids, and overlap."""

from functools import partial

from lifeworth.models.core import recipe
from lifeworth.models.personas.clusters import by_mixture
from lifeworth.models.personas.fit import Find
from lifeworth.models.personas.looking import Looking, PersonaCount


@recipe
class Mixture(Looking):
    """Gaussian mixture with full covariances, by expectation maximisation.

    Attributes
    ----------
    personas
        How many; fewer where one of them is nobody's most likely.
    """

    personas: PersonaCount

    def find(self) -> Find:
        """Return the mixture."""
        return partial(by_mixture, k=self.personas)
