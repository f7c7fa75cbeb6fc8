"""Cells of recency by frequency and money: what personas have to beat."""

from functools import partial
from typing import Annotated

from pydantic import Field

from lifeworth.asof.persona_features import RFM
from lifeworth.asof.split import History
from lifeworth.models.core import recipe
from lifeworth.models.personas.clusters import by_grid
from lifeworth.models.personas.fit import Plan, found
from lifeworth.models.personas.fitted import Personas
from lifeworth.models.personas.space import Categories, HalfLives, Look, Outliers


@recipe
class RfmGrid:
    """Quantiles of recency by quantiles of log frequency plus log money; nobody is an outlier.

    Attributes
    ----------
    cells
        Along each side: 5 are quintiles, and 25 cells.
    """

    cells: Annotated[int, Field(ge=2, le=20)]

    def plan(self) -> Plan:
        """Return the space and how clusters are found in it."""
        look = Look(
            features=RFM,
            scale="log",
            half_lives=HalfLives(purchases=90, value=180),
            categories=Categories(prior=1.0, weight=1.0),
            outliers=Outliers(distance=1.0, high_value=0.95),
        )
        return Plan(look, partial(by_grid, cells=self.cells))

    def fit(self, history: History, seed: int) -> Personas:
        """Fit to `history`; no chance is involved."""
        return found(self.plan(), history, seed).personas
