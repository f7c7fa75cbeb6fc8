"""K-Means: every customer goes to the nearest mean."""

from functools import partial

from lifeworth.models.core import recipe
from lifeworth.models.personas.clusters import by_means
from lifeworth.models.personas.fit import Find
from lifeworth.models.personas.looking import Looking, PersonaCount


@recipe
class Means(Looking):
    """K-Means, by Lloyd's algorithm from ten starts.

    Attributes
    ----------
    personas
        How many.
    """

    personas: PersonaCount

    def find(self) -> Find:
        """Return K-Means."""
        return partial(by_means, k=self.personas)
