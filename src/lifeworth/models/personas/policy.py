"""The default: HDBSCAN first, others where it finds too little."""

from functools import partial
from typing import Annotated

from pydantic import Field, PositiveInt

from lifeworth.asof.split import History
from lifeworth.models.core import recipe
from lifeworth.models.personas.clusters import Density, Rule, by_policy
from lifeworth.models.personas.fit import Plan, found
from lifeworth.models.personas.fitted import Personas
from lifeworth.models.personas.space import Categories, HalfLives, Look, Outliers, Scale

PersonaCount = Annotated[int, Field(ge=2, le=50)]


@recipe
class Policy:
    """HDBSCAN; with too few clusters or too much noise K-Means or a mixture (`clusters.by_policy`).

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
        Of HDBSCAN.
    fewest, most_noise
        Fewer clusters than this, or a larger share of noise, is too little.
    numbers
        Of personas that are tried then: which by BIC, K-Means or mixture by silhouette.
    """

    features: tuple[str, ...]
    scale: Scale
    half_lives: HalfLives
    categories: Categories
    outliers: Outliers
    min_cluster_size: Annotated[int, Field(ge=2)]
    min_samples: PositiveInt
    fewest: PositiveInt
    most_noise: Annotated[float, Field(ge=0, le=1)]
    numbers: Annotated[tuple[PersonaCount, ...], Field(min_length=1)]

    def plan(self) -> Plan:
        """Return the space and how clusters are found in it."""
        look = Look(self.features, self.scale, self.half_lives, self.categories, self.outliers)
        density = Density(self.min_cluster_size, self.min_samples)
        rule = Rule(self.fewest, self.most_noise, self.numbers)
        return Plan(look, partial(by_policy, density=density, rule=rule))

    def fit(self, history: History, seed: int) -> Personas:
        """Fit to `history`; `seed` is the only source of randomness."""
        return found(self.plan(), history, seed).personas
