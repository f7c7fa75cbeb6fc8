"""Any randomised campaign: a CSV or Parquet file with a row per customer, its columns named."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import ClassVar, Literal

import ibis
import ibis.expr.types as ir
from pydantic import NonNegativeFloat
from pydantic.dataclasses import dataclass

from lifeworth.tables.campaign import CONTROL, Campaign, checked_campaign
from lifeworth.tables.core import ValueIs
from lifeworth.tables.errors import InputError, did_you_mean
from lifeworth.tables.faults import Rule, broken, refuse, sentence
from lifeworth.tables.options import Options
from lifeworth.tables.parsing import Kind
from lifeworth.tables.reading import Field, Style, connect, read_file, typed
from lifeworth.tables.sources.about import About, existing
from lifeworth.tables.sources.shape import STRICT

KINDS: dict[str, Kind] = {
    "customer_id": "text",
    "campaign_id": "text",
    "arm": "text",
    "value": "money",
    "responded": "truth",
    "visited": "truth",
    "redeemed": "truth",
    "propensity": "number",
    "assigned_at": "time",
    "known_at": "time",
}
"""What may be mapped."""

NEEDED = ("customer_id", "arm")

KEY = ("customer_id", "campaign_id")

TAKEN = {*KINDS, "value_cents", "cost_cents"}
"""Names that features may not have."""

FeatureKind = Literal["text", "number", "count", "money", "truth"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ArmCosts:
    """What an arm costs, in the file's units: the contact, and what a redemption takes off."""

    contact: NonNegativeFloat = 0.0
    discount: NonNegativeFloat = 0.0
    discount_share: NonNegativeFloat = 0.0
    funded_share: NonNegativeFloat = 0.0


OPTIONS = Options(
    columns="name columns in data.columns and data.features as the file does",
    delimiter="data.delimiter",
    encoding="data.encoding",
    date_format="data.date_format",
    units="data.units",
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CampaignFiles:
    """A file with a row for each customer who could have been given something.

    Nothing about the design is guessed: a chance, a day of assignment or a day on which features
    were known that nobody states is refused.

    Attributes
    ----------
    folder
        Where the file is, or where its sub-folder `campaign_files` is.
    file
        Its name; .csv (with a header), .tsv, .txt or .parquet.
    columns
        For each column of ours the file's, or None: customer_id and arm, which are needed;
        campaign_id, where the file has several campaigns (of the same arms); value (before the
        discount), responded, visited, redeemed, propensity (the chance of the row's own arm),
        assigned_at, known_at. Without value, all are 0; without responded, who has a value above 0
        responded; without redeemed, who responded outside the control redeemed where their arm has
        a discount, and nobody else did.
    features
        Columns that were known before the arm was drawn, and their kinds; money becomes
        `<name>_cents`.
    arms
        Costs of each arm but the control.
    control
        How the file calls the arm of those who were given nothing.
    chances
        Chance of each arm, where it is the same for all and not in a column.
    assigned_on, known_on
        Days, where they are not in a column.
    currency, units, date_format, delimiter, encoding
        As in `Files`.
    value_is
        What the value is.
    """

    about: ClassVar[About] = About(
        name="campaign_files",
        what="your own randomised campaign, in one CSV or Parquet file with a row per customer",
        files={},
        where="your shop",
        terms="yours",
    )
    file: str
    columns: dict[str, str | None]
    currency: str
    features: dict[str, FeatureKind] | None = None
    arms: dict[str, ArmCosts] | None = None
    folder: str | None = None
    control: str = CONTROL
    chances: dict[str, float] | None = None
    assigned_on: date | None = None
    known_on: date | None = None
    value_is: ValueIs = "revenue"
    units: Literal["cents", "money"] = "money"
    date_format: str | None = None
    delimiter: str = ","
    encoding: Literal["utf-8", "latin-1", "utf-16"] = "utf-8"

    def load(self, latest: datetime | None = None) -> Campaign:
        """Return the campaign.

        Raises
        ------
        InputError
            If a mapping is unknown or missing, the design is not stated, or the file is not there,
            cannot be read or cannot be judged (`checked_campaign`).
        """
        given = {name: column for name, column in self.columns.items() if column is not None}
        refuse([*_mapping_faults(given), *self._design_faults(given)])
        con = connect()
        raw = read_file(con, self._path(), Style(self.delimiter, self.encoding, OPTIONS))
        fields = {name: Field(column, self._kind(KINDS[name])) for name, column in given.items()}
        told = typed(self.file, raw, fields | self._features(), self.date_format, OPTIONS)
        foreign = _foreign(tuple(self.chances)) if self.chances else None
        refuse(
            sentence(self.file, told, rule) for rule in broken(told, [foreign] if foreign else [])
        )
        rows = con.create_table("rows", self._rows(told))
        parts = {
            "treatments": rows.select(*KEY, "arm", "assigned_at", "propensity"),
            "outcomes": rows.select(*KEY, *self._outcomes(given), "redeemed", "value_cents"),
            "arms": rows.select("campaign_id").distinct().cross_join(self._costs()),
            "features": rows.select(*KEY, *self._features(), "known_at"),
        }
        made = {name: con.create_table(name, table) for name, table in parts.items()}
        money = (self.currency, self.value_is)
        try:
            return checked_campaign(**made, money=money, latest=latest)
        except InputError as error:
            raise InputError(
                f"{self.file} was read as treatments (who was given what), outcomes (what came of "
                f"it) and features (what was known before):\n{error}"
            ) from error

    @property
    def _offers(self) -> dict[str, ArmCosts]:
        return self.arms or {}

    def _path(self) -> Path:
        folder = Path(existing(self.folder, "files"))
        inside = folder / self.about.name / self.file
        return inside if inside.is_file() else folder / self.file

    def _kind(self, kind: Kind) -> Kind:
        return self.units if kind == "money" else kind

    def _features(self) -> dict[str, Field]:
        return {
            f"{name.removesuffix('_cents')}_cents" if kind == "money" else name: Field(
                name, self._kind(kind)
            )
            for name, kind in (self.features or {}).items()
        }

    def _outcomes(self, given: dict[str, str]) -> tuple[str, ...]:
        return ("responded", "visited") if "visited" in given else ("responded",)

    def _costs(self) -> ir.Table:
        times = {"money": 100, "cents": 1}[self.units]
        rows = [
            {
                "arm": arm,
                "contact_cents": round(own.contact * times),
                "discount_cents": round(own.discount * times),
                "discount_share": own.discount_share,
                "funded_share": own.funded_share,
            }
            for arm, own in self._offers.items()
        ]
        return ibis.memtable(rows).mutate(cap=ibis.null("int64"))

    def _rows(self, told: ir.Table) -> ir.Table:
        """Return the rows with all that is stated elsewhere than in columns."""
        value = told.value.fill_null(0) if "value" in told.columns else ibis.literal(0, "int64")
        responded = told.responded if "responded" in told.columns else value > 0
        discounted = [n for n, a in self._offers.items() if a.discount + a.discount_share > 0]
        used = responded & told.arm.isin([*discounted, ""])
        stated = {
            "campaign_id": ibis.literal(self.about.name),
            "assigned_at": _day(self.assigned_on),
            "known_at": _day(self.known_on),
            "propensity": told.arm.cases(*(self.chances or {"": 0.0}).items()),
            "redeemed": used,
        }
        rows = told.mutate(
            value_cents=value,
            responded=responded,
            **{name: made for name, made in stated.items() if name not in told.columns},
        )
        return rows.mutate(arm=(rows.arm == self.control).ifelse(CONTROL, rows.arm))

    def _design_faults(self, given: dict[str, str]) -> Iterator[str]:
        """Say what of the design is not stated."""
        if self.control in self._offers:
            yield (
                f"campaign_files: arms has the control '{self.control}', which costs nothing; "
                "leave it out of arms, or name another arm as control"
            )
        if not self._offers:
            yield (
                "campaign_files: arms names none but the control; name what was given and what it "
                "costs, such as {coupon: {contact: 0.1, discount_share: 0.15}}, or {mail: {}}"
            )
        arms = (self.control, *self._offers)
        if self._offers and "propensity" not in given and self.chances is None:
            equal = ", ".join(f"{arm}: {1 / len(arms):.4g}" for arm in arms)
            yield (
                "campaign_files: with which chance was each arm drawn? map columns.propensity, or "
                f"give chances, such as {{{equal}}} where all were alike"
            )
        if self.chances is not None:
            yield from self._chance_faults(arms, given)
        for name, on, what in (
            ("assigned_at", self.assigned_on, "when were the arms drawn"),
            ("known_at", self.known_on, "from when on were the features known"),
        ):
            if name not in given and on is None:
                day = name.removesuffix("_at") + "_on"
                yield f"campaign_files: {what}? map columns.{name}, or give {day}=2026-01-31"
        yield from self._feature_faults(given)
        if not self.features:
            yield (
                "campaign_files: features names no column, and without one all customers are "
                "alike; name some that were known before the arms were drawn, such as "
                "{orders_so_far: count, spent_so_far: money, country: text}"
            )

    def _feature_faults(self, given: dict[str, str]) -> Iterator[str]:
        """Say which features are what came after, or bear a name that is taken."""
        mapped = {column: name for name, column in given.items()}
        for name, field in self._features().items():
            if field.column in mapped:
                yield (
                    f"campaign_files: the feature '{field.column}' is mapped as "
                    f"columns.{mapped[field.column]}; a feature is known before the arm is drawn"
                )
            elif name in TAKEN:
                yield (
                    f"campaign_files: a feature cannot be called '{field.column}' here, which is "
                    f"the name of a column of ours; rename it in the file, such as {name}_before"
                )

    def _chance_faults(self, arms: tuple[str, ...], given: dict[str, str]) -> Iterator[str]:
        chances = self.chances or {}
        if "propensity" in given:
            yield "campaign_files: both columns.propensity and chances are given; give one"
        if set(chances) != set(arms):
            yield (
                f"campaign_files: chances are of {', '.join(chances) or 'nothing'}, and the arms "
                f"are {', '.join(arms)}; give each arm one"
            )
        total = sum(chances.values())
        if abs(total - 1.0) > 1e-3:
            yield f"campaign_files: chances sum to {total:.4g}; together they are 1"


def _day(on: date | None) -> ir.Value:
    return ibis.null("timestamp") if on is None else ibis.literal(on).cast("timestamp")


def _foreign(arms: tuple[str, ...]) -> Rule:
    return Rule(
        name="arm",
        column="arm",
        faulty=lambda t: t.arm.isnull() | ~t.arm.isin(list(arms)),
        says=f"have an arm other than {', '.join(arms)}",
        remedy="add it to arms and to chances, or correct its name",
    )


def _mapping_faults(given: dict[str, str]) -> Iterator[str]:
    for name in given:
        if name not in KINDS:
            hint = did_you_mean(name, KINDS)
            yield f"campaign_files: columns has '{name}', unknown{hint}; it has {', '.join(KINDS)}"
    for name in NEEDED:
        if name not in given:
            yield f"campaign_files: columns does not name '{name}'; it needs {', '.join(NEEDED)}"
    if not {"value", "responded", "visited"} & set(given):
        yield (
            "campaign_files: columns names no outcome; map value (money), responded or visited "
            "(yes or no)"
        )
