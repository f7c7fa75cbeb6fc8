"""A simulated shop, of which everything that is usually hidden is known."""

from datetime import datetime
from typing import ClassVar

import ibis
import pandas as pd
from pydantic import Field
from pydantic.dataclasses import dataclass

from lifeworth.tables.check import checked
from lifeworth.tables.core import Tables
from lifeworth.tables.reading import connect
from lifeworth.tables.simulate import Store, World, simulate
from lifeworth.tables.sources.about import About
from lifeworth.tables.sources.shape import STRICT


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Simulated:
    """A shop simulated by `tables.simulate`; the same seed and world give the same store."""

    about: ClassVar[About] = About(
        name="simulated",
        what="a simulated shop with known truth: orders, customers, products, events, margin",
        files={},
        where="nowhere, it is made on the spot",
        terms="none",
    )
    folder: str | None = None
    seed: int = 0
    world: World = Field(default_factory=World)

    def load(self, latest: datetime | None = None) -> Tables:
        """Return every table but treatments."""
        con = connect()
        frames = self._store().frames
        made = {
            name: con.create_table(name, ibis.memtable(frame)) for name, frame in frames.items()
        }
        orders = made.pop("orders").cast({"cogs_cents": "int64"})
        return checked(orders, made, currency=self.world.currency, latest=latest)

    def truth(self) -> pd.DataFrame:
        """Return what is usually hidden, a row per customer, as `tables.simulate.Store` says."""
        return self._store().truth

    def _store(self) -> Store:
        return simulate(self.world, self.seed)
