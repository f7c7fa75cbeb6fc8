"""Where tables come from: a class per source, by the name that data=... takes."""

from lifeworth.tables.sources.campaign_files import CampaignFiles
from lifeworth.tables.sources.cdnow import Cdnow
from lifeworth.tables.sources.charitable_matching import CharitableMatching
from lifeworth.tables.sources.files import Files
from lifeworth.tables.sources.hillstrom import Hillstrom
from lifeworth.tables.sources.online_retail import OnlineRetail
from lifeworth.tables.sources.online_retail_ii import OnlineRetailII
from lifeworth.tables.sources.retailrocket import Retailrocket
from lifeworth.tables.sources.retailrocket_events import RetailrocketEvents
from lifeworth.tables.sources.shape import Source
from lifeworth.tables.sources.simulated import Simulated
from lifeworth.tables.sources.simulated_campaign import SimulatedCampaign
from lifeworth.tables.sources.simulated_catalogue import SimulatedCatalogue
from lifeworth.tables.sources.superstore import Superstore
from lifeworth.tables.sources.tafeng import Tafeng

SOURCES: dict[str, type[Source]] = {
    "cdnow": Cdnow,
    "online_retail": OnlineRetail,
    "online_retail_ii": OnlineRetailII,
    "superstore": Superstore,
    "files": Files,
    "simulated": Simulated,
}

WITH_LINES = {name: source for name, source in SOURCES.items() if name != "cdnow"}
"""Stores whose orders have lines (`files` if it is told which), of which carts can be made."""

CAMPAIGNS: dict[
    str, type[CampaignFiles] | type[CharitableMatching] | type[Hillstrom] | type[SimulatedCampaign]
] = {
    "campaign_files": CampaignFiles,
    "charitable_matching": CharitableMatching,
    "hillstrom": Hillstrom,
    "simulated_campaign": SimulatedCampaign,
}
"""Sources of randomised campaigns, whose `load` returns a `tables.campaign.Campaign`."""

VISITS: dict[
    str, type[Retailrocket] | type[RetailrocketEvents] | type[SimulatedCatalogue] | type[Tafeng]
] = {
    "retailrocket": Retailrocket,
    "retailrocket_events": RetailrocketEvents,
    "simulated_catalogue": SimulatedCatalogue,
    "tafeng": Tafeng,
}
"""Sources of visits, whose `load` returns a `tables.visits.Visits`."""
