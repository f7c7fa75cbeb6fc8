"""The page of customers scored today: what they are worth, whom they are like, what they get."""

from dataclasses import dataclass, field

import pandas as pd

from lifeworth.decide.acting import Acted, Terms
from lifeworth.decide.tiers import TIERS
from lifeworth.report import board
from lifeworth.report.captions import Caption
from lifeworth.report.grids import Cell, Grid, Row
from lifeworth.report.page import Document
from lifeworth.report.sections import Section
from lifeworth.report.wording import counted, money, number, share

WHO = Caption(
    "Value, persona and actions side by side",
    "All customers of today, scored by models that were fitted before. New ones were not there "
    "then. Chance is the mean probability of the persona that is nearest. The file has a row for "
    "each customer.",
    "A persona or tier that is mostly new customers: the models have seen few of their kind, fit "
    "them again. A low chance: customers lie between personas.",
)


BRIEF = ("", "Customers", "New", "Expected value", "Actions", "Margin")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the page shows.

    Attributes
    ----------
    customers
        One row per customer: new, expected_value (cents), tier, and where there are personas
        persona and persona_probability.
    """

    title: str
    subtitle: str
    currency: str
    horizon_days: int
    customers: pd.DataFrame
    acted: Acted
    terms: Terms
    notes: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


def headline(shown: Shown) -> str:
    """Return one sentence: how many, what they bring, who gets something."""
    new = int(shown.customers["new"].sum())
    value = money(shown.customers["expected_value"].sum(), shown.currency)
    return (
        f"{counted(len(shown.customers), 'customer')}, {number(new)} of them new, are expected to "
        f"bring {value} in {counted(shown.horizon_days, 'day')}; "
        f"{number(shown.acted.given['customer_id'].nunique())} get "
        f"{counted(len(shown.acted.given), 'action')}"
    )


def groups_grid(shown: Shown) -> Grid:
    """Return a row per persona and per tier: customers, new ones, value, actions."""
    unit = f", {shown.currency}" if shown.currency else ""
    head = ["", "Customers", "New", f"Expected value{unit}", "Of all", "Chance", "Actions"]
    head += [f"Cost{unit}", f"Margin{unit}"]
    given = shown.acted.given.groupby("customer_id")[["cost", "margin"]].agg(["size", "sum"])
    sums = pd.DataFrame({
        "actions": given["cost"]["size"], "cost": given["cost"]["sum"],
        "margin": given["margin"]["sum"],
    })  # fmt: skip
    frame = shown.customers.join(sums, on="customer_id").fillna(dict.fromkeys(sums, 0.0))
    groups = {
        "By tier": _rows(frame, "tier", [name for name in TIERS if (frame["tier"] == name).any()])
    }
    if "persona" in frame:
        by_value = frame.groupby("persona")["expected_value"].sum().sort_values(ascending=False)
        groups = {"By persona": _rows(frame, "persona", list(by_value.index)), **groups}
    return Grid(head=head, groups=groups | {"Together": [_row("all", frame, frame)]})


def brief_grid(shown: Shown) -> Grid:
    """Return the columns of `groups_grid` for which a narrow terminal has room."""
    whole = groups_grid(shown)
    kept = [i for i, title in enumerate(whole.head) if title.split(",")[0] in BRIEF]
    groups = {k: [[row[i] for i in kept] for row in rows] for k, rows in whole.groups.items()}
    return Grid(head=[whole.head[i] for i in kept], groups=groups)


def document(shown: Shown) -> Document:
    """Return the page."""
    rules = board.Shown(
        title="", subtitle="", currency=shown.currency, acted=shown.acted, terms=shown.terms
    )
    return Document(
        title=shown.title,
        subtitle=shown.subtitle,
        headline=headline(shown),
        tiles=_tiles(shown),
        notes=shown.notes,
        sections=[
            Section(anchor="who", words=WHO, tables={"": groups_grid(shown)}),
            Section(anchor="rules", words=board.RULES, tables={"": board.rules_grid(rules)}),
        ],
        facts=shown.facts,
    )


def _tiles(shown: Shown) -> list[tuple[str, Cell]]:
    customers, given = shown.customers, shown.acted.given
    ahead = f"in {counted(shown.horizon_days, 'day')}"
    return [
        ("Customers", Cell(
            text=number(len(customers)), small=f"{number(customers['new'].sum())} of them new",
        )),
        ("Expected value", Cell(
            text=money(customers["expected_value"].sum(), shown.currency), small=ahead,
        )),
        ("Actions", Cell(
            text=number(len(given)), small=f"cost {money(given['cost'].sum(), shown.currency)}",
        )),
        ("They bring", Cell(
            text=money(given["margin"].sum(), shown.currency), small="of margin, over what would "
            "come",
        )),
    ]  # fmt: skip


def _rows(frame: pd.DataFrame, column: str, names: list[str]) -> list[Row]:
    return [_row(name, frame[frame[column] == name], frame) for name in names]


def _row(name: str, own: pd.DataFrame, every: pd.DataFrame) -> Row:
    value = own["expected_value"].sum()
    chance = own["persona_probability"].mean() if "persona_probability" in own else None
    return [
        Cell(text=str(name) or "not in the window of personas"),
        Cell(text=number(len(own))),
        Cell(text=number(own["new"].sum())),
        Cell(text=money(value)),
        Cell(text=share(value / max(every["expected_value"].sum(), 1))),
        Cell(text="" if chance is None else share(chance)),
        Cell(text=number(own["actions"].sum())),
        Cell(text=money(own["cost"].sum())),
        Cell(text=money(own["margin"].sum())),
    ]
