"""Visits to a simulated catalogue as a source, for lists whose true value is known."""

from datetime import datetime
from typing import Annotated, ClassVar

import pandas as pd
from pydantic import Field
from pydantic.dataclasses import dataclass

from lifeworth.tables.simulate_catalogue import Catalogue, CatalogueWorld, browsing, catalogue
from lifeworth.tables.sources.about import About
from lifeworth.tables.sources.shape import STRICT
from lifeworth.tables.visits import Visits, checked_visits


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SimulatedCatalogue:
    """Visits simulated by `tables.simulate_catalogue`; the same seed and world give the same.

    The latest visits are asked about: all of their touches but the last, which is wanted. Visits of
    one customer are one cluster.
    """

    about: ClassVar[About] = About(
        name="simulated_catalogue",
        what="a simulated catalogue with known truth: views by visit, products with margin and"
        " stock",
        files={},
        where="nowhere, it is made on the spot",
        terms="none",
    )
    folder: str | None = None
    seed: int = 0
    asked: Annotated[float, Field(gt=0, lt=1)] = 0.2
    world: CatalogueWorld = Field(default_factory=CatalogueWorld)

    def load(self, latest: datetime | None = None) -> Visits:
        """Return the visits."""
        del latest  # simulated visits have an order and no dates
        views = browsing(self.world, self.truth(), self.seed)
        ids = views["visit_id"].unique()
        later = views["visit_id"].isin(ids[round(len(ids) * (1 - self.asked)) :])
        last = views["place"] == views.groupby("visit_id")["place"].transform("max")
        touched = views.assign(kind="view")[["visit_id", "place", "product_id", "kind"]]
        return checked_visits(
            Visits(
                name=self.about.name,
                unit="session",
                train=touched[~later],
                asked=touched[later & ~last],
                wanted=touched.loc[later & last, ["visit_id", "product_id"]],
                clusters=views[later].groupby("visit_id")["customer"].first(),
                products=self.products(),
            )
        )

    def products(self) -> pd.DataFrame:
        """Return the products as a shop knows them, as `lifeworth recommend` takes them.

        `conversion` is the chance of a purchase after a click of the average product.
        """
        return self.truth().products.assign(conversion=self.world.buy)

    def truth(self) -> Catalogue:
        """Return what is usually hidden."""
        return catalogue(self.world, self.seed)
