"""Hillstrom: a randomised e-mail campaign of a shop for clothes, three arms."""

from datetime import date, datetime
from typing import ClassVar

import ibis
import ibis.expr.types as ir
from pydantic.dataclasses import dataclass

from lifeworth.tables.campaign import CONTROL, Campaign
from lifeworth.tables.faults import Rule
from lifeworth.tables.reading import Field
from lifeworth.tables.sources.about import About
from lifeworth.tables.sources.one_file import Published
from lifeworth.tables.sources.shape import STRICT

FIELDS = {
    "segment": Field("segment", "text"),
    "visited": Field("visit", "truth"),
    "responded": Field("conversion", "truth"),
    "value_cents": Field("spend", "money"),
    "recency": Field("recency", "count"),
    "history_cents": Field("history", "money"),
    "history_segment": Field("history_segment", "text"),
    "mens": Field("mens", "truth"),
    "womens": Field("womens", "truth"),
    "zip_code": Field("zip_code", "text"),
    "newbie": Field("newbie", "truth"),
    "channel": Field("channel", "text"),
}

FEATURES = (
    *("recency", "history_cents", "history_segment", "mens", "womens", "zip_code", "newbie"),
    "channel",
)

ARM_OF = {"No E-Mail": CONTROL, "Mens E-Mail": "mens", "Womens E-Mail": "womens"}

FOREIGN_ARM = Rule(
    name="arm",
    column="segment",
    faulty=lambda t: t.segment.isnull() | ~t.segment.isin(list(ARM_OF)),
    says=f"have a segment other than {', '.join(ARM_OF)}",
    remedy="take the file as it was published",
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Hillstrom:
    """Hillstrom's e-mail campaign; value is revenue in USD of the two weeks after it.

    Each customer drew e-mail about men's clothes, about women's, or none, with a chance of 1/3. The
    customer_id is the number of the line. Features: recency (months since the last order),
    history_cents (spent in the last year), history_segment, mens and womens (bought such clothes),
    zip_code (with the file's spelling "Surburban"), newbie, channel.

    The file has no dates and no costs: `assigned_on` is nominal, the features are known the day
    before, and an e-mail costs `contact_cents`. It offered no discount, so nobody redeemed.
    """

    about: ClassVar[About] = About(
        name="hillstrom",
        what="a randomised e-mail campaign of a shop for clothes: 64,000 customers, 3 arms, USD,"
        " revenue",
        files={"hillstrom": ", ".join(f.column for f in FIELDS.values())},
        where="the MineThatData E-Mail Analytics and Data Mining Challenge (Kevin Hillstrom, 2008)",
        terms="none stated; released to the public for the challenge",
        convert="none needed for the CSV file: name it hillstrom.csv",
    )
    folder: str | None = None
    assigned_on: date = date(2008, 3, 1)
    contact_cents: int = 0

    def load(self, latest: datetime | None = None) -> Campaign:
        """Return the campaign, with visited among the outcomes.

        Raises
        ------
        InputError
            If the file is not there or not as it should be, or `assigned_on` is after `latest`.
        """
        offers = [name for name in ARM_OF.values() if name != CONTROL]
        arm = {"contact_cents": self.contact_cents, "discount_cents": 0}
        free = {"discount_share": 0.0, "funded_share": 0.0}
        arms = [arm | free | {"arm": name} for name in offers]
        return FILE.load(self.about.find(self.folder, "hillstrom"), arms, self.assigned_on, latest)


def _rows(told: ir.Table) -> ir.Table:
    return told.mutate(arm=told.segment.cases(*ARM_OF.items()), redeemed=ibis.literal(False))


FILE = Published(
    name="hillstrom",
    fields=FIELDS,
    rule=FOREIGN_ARM,
    rows=_rows,
    chance=lambda _: 1 / ibis.literal(3.0),
    features=FEATURES,
    outcomes=("responded", "visited"),
)
