"""A simulated campaign as a source, for figures whose truth is known."""

from datetime import datetime
from typing import ClassVar

import ibis
from pydantic import Field
from pydantic.dataclasses import dataclass

from lifeworth.tables.campaign import Campaign, checked_campaign
from lifeworth.tables.reading import connect
from lifeworth.tables.simulate_campaign import CampaignWorld, Simulated, Truth, simulate_campaign
from lifeworth.tables.sources.about import About
from lifeworth.tables.sources.shape import STRICT


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SimulatedCampaign:
    """A campaign simulated by `tables.simulate_campaign`; value is margin in USD.

    Features: orders, recency_days, tenure_days, mean_margin_cents, discounted_share. The same seed
    and world give the same campaign.
    """

    about: ClassVar[About] = About(
        name="simulated_campaign",
        what="a simulated randomised campaign with known truth: features, arms with costs, margin",
        files={},
        where="nowhere, it is made on the spot",
        terms="none",
    )
    folder: str | None = None
    seed: int = 0
    world: CampaignWorld = Field(default_factory=CampaignWorld)

    def load(self, latest: datetime | None = None) -> Campaign:
        """Return the campaign.

        Raises
        ------
        InputError
            If it was assigned after `latest`.
        """
        con = connect()
        made = {
            name: con.create_table(name, ibis.memtable(frame))
            for name, frame in self._simulated().frames.items()
        }
        return checked_campaign(**made, money=("USD", "margin"), latest=latest)

    def truth(self) -> Truth:
        """Return what is usually hidden; rows and arms are in the order of `Campaign.frame`."""
        return self._simulated().truth

    def _simulated(self) -> Simulated:
        return simulate_campaign(self.world, self.seed)
