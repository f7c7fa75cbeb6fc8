"""The default: HDBSCAN first, others where it finds too little."""

from functools import partial
from typing import Annotated

from pydantic import Field, PositiveInt

from lifeworth.models.core import recipe
from lifeworth.models.personas.clusters import Density, Rule, by_policy
from lifeworth.models.personas.fit import Find
from lifeworth.models.personas.looking import Looking, PersonaCount


@recipe
class Policy(Looking):
    """HDBSCAN; with too few clusters or too much noise K-Means or a mixture (`clusters.by_policy`).

    Attributes
    ----------
    min_cluster_size, min_samples
        Of HDBSCAN.
    fewest, most_noise
        Fewer clusters than this, or a larger share of noise, is too little.
    numbers
        Of personas that are tried then: which by BIC, K-Means or mixture by silhouette.
    """

    min_cluster_size: Annotated[int, Field(ge=2)]
    min_samples: PositiveInt
    fewest: PositiveInt
    most_noise: Annotated[float, Field(ge=0, le=1)]
    numbers: Annotated[tuple[PersonaCount, ...], Field(min_length=1)]

    def find(self) -> Find:
        """Return the policy."""
        density = Density(self.min_cluster_size, self.min_samples)
        rule = Rule(self.fewest, self.most_noise, self.numbers)
        return partial(by_policy, density=density, rule=rule)
