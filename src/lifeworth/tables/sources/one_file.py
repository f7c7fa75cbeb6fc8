"""A randomised campaign published as one file, a line for each customer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import ibis
import ibis.expr.types as ir

from lifeworth.tables.campaign import Campaign, checked_campaign
from lifeworth.tables.faults import Rule, broken, refuse, sentence
from lifeworth.tables.reading import Field, connect, read_file, typed


@dataclass(frozen=True, kw_only=True)
class Published:
    """How the lines of a file become a campaign; features are known the day before it.

    Attributes
    ----------
    name
        Of the source and the campaign.
    fields, rule
        The file's columns, and what a line must not break.
    rows
        From the lines to rows with arm and everything that is named below, in their own order.
    chance
        From the rows to the propensity of their arm.
    features, outcomes
        Columns; outcomes beside redeemed and value_cents.
    """

    name: str
    fields: dict[str, Field]
    rule: Rule
    rows: Callable[[ir.Table], ir.Table]
    chance: Callable[[ir.Table], ir.Value]
    features: Sequence[str]
    outcomes: Sequence[str]

    def load(
        self, path: Path, arms: list[dict[str, object]], on: date, latest: datetime | None
    ) -> Campaign:
        """Return the campaign of USD revenue that was assigned on a day.

        Raises
        ------
        InputError
            If the file is not as it should be, or the day is after `latest`.
        """
        con = connect()
        told = typed(self.name, read_file(con, path), self.fields)
        refuse(sentence(self.name, told, rule) for rule in broken(told, [self.rule]))
        numbered = told.mutate(
            customer_id=(ibis.row_number() + 1).cast("string"),
            campaign_id=ibis.literal(self.name),
        )
        rows = con.create_table("rows", self.rows(numbered))
        key, assigned = ("customer_id", "campaign_id"), ibis.literal(on).cast("timestamp")
        before = assigned - ibis.interval(days=1)
        parts = {
            "treatments": rows.select(
                *key, "arm", assigned_at=assigned, propensity=self.chance(rows)
            ),
            "outcomes": rows.select(*key, *self.outcomes, "redeemed", "value_cents"),
            "arms": ibis.memtable([{"campaign_id": self.name} | arm for arm in arms]).mutate(
                cap=ibis.null("int64")
            ),
            "features": rows.select(*key, *self.features, known_at=before),
        }
        made = {name: con.create_table(name, table) for name, table in parts.items()}
        return checked_campaign(**made, money=("USD", "revenue"), latest=latest)
