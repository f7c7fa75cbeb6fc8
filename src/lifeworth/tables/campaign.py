"""Campaign: randomised campaigns, their arms and outcomes, refused where they cannot be judged.

An experiment that leaks gives figures that look right, so nothing is repaired here: features that
were not known before the arm was drawn, redemptions in the control, missing chances, customers
twice in one campaign and rows of one table alone are refused.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import ibis.expr.types as ir
import pandas as pd

from lifeworth.tables.check import check
from lifeworth.tables.content import row_sum
from lifeworth.tables.core import ValueIs
from lifeworth.tables.errors import InputError, did_you_mean
from lifeworth.tables.faults import Rule, broken, refuse, sentence
from lifeworth.tables.money import whole

CONTROL = "control"
"""The arm of those who were given nothing."""

ROW_KEY = ("customer_id", "campaign_id")

NO_CHANCE = Rule(
    name="no chance",
    column="propensity",
    faulty=lambda t: ~(t.propensity > 0),
    says="have propensity 0",
    remedy="it is the chance with which this arm was drawn, as designed; nobody draws an arm of 0",
)

CONTROL_COSTS = Rule(
    name="control costs",
    column="arm",
    faulty=lambda t: (
        (t.arm == CONTROL) & (t.contact_cents + t.discount_cents + t.discount_share > 0)
    ),
    says="are the control and cost something",
    remedy="the control is given nothing: make an arm of what it was given",
)


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """Randomised campaigns of one store, as `checked_campaign` made it; columns in `tables.schema`.

    Attributes
    ----------
    treatments, outcomes, arms
        Always there; every treatment has an outcome.
    currency
        ISO 4217 code of every amount.
    value_is
        What value_cents is.
    features
        One row for each treatment, or None.
    """

    treatments: ir.Table
    outcomes: ir.Table
    arms: ir.Table
    currency: str
    value_is: ValueIs
    features: ir.Table | None = None

    def tables(self) -> dict[str, ir.Table]:
        """Return the tables that are there, by name."""
        named = {"treatments": self.treatments, "outcomes": self.outcomes, "arms": self.arms}
        return named if self.features is None else {**named, "features": self.features}

    def content_hash(self) -> str:
        """Return a hash of all rows, whatever their order."""
        text = json.dumps({n: row_sum(table) for n, table in self.tables().items()}, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def paid(self) -> ir.Table:
        """Return customer_id, campaign_id and cost_cents: what each customer in fact cost.

        The contact, and for whoever redeemed the discount less what a supplier paid, whether they
        would have bought without it or not; whole cents, halves to even.
        """
        told = self.treatments.left_join(self.arms, ["campaign_id", "arm"])
        both = told.inner_join(self.outcomes, [*ROW_KEY])
        share = both.discount_share.fill_null(0.0) * both.value_cents
        off = both.discount_cents.fill_null(0) + share
        redeemed = both.redeemed.ifelse((1 - both.funded_share.fill_null(0.0)) * off, 0.0)
        cost = whole(both.contact_cents.fill_null(0) + redeemed)
        return both.select(*ROW_KEY, cost_cents=cost)

    def ids(self) -> list[str]:
        """Return the campaigns, by name."""
        named = self.treatments.select("campaign_id").distinct().order_by("campaign_id")
        return [str(name) for name in named.to_pandas()["campaign_id"]]

    def only(self, campaign_id: str) -> "Campaign":
        """Return one of the campaigns.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        there = self.ids()
        if campaign_id not in there:
            hint = did_you_mean(campaign_id, there)
            raise InputError(
                f"there is no campaign '{campaign_id}'{hint}; there are {', '.join(there)}"
            )
        own = {name: t.filter(t.campaign_id == campaign_id) for name, t in self.tables().items()}
        return replace(self, **own)

    def frame(self) -> pd.DataFrame:
        """Return one row per customer and campaign, ordered by campaign and customer.

        Columns of treatments and outcomes, cost_cents, and those of features. `arm` is categorical,
        the control first, so that its codes number the arms from 0.
        """
        whole_table = self.treatments.inner_join(self.outcomes, [*ROW_KEY])
        whole_table = whole_table.inner_join(self.paid(), [*ROW_KEY])
        if self.features is not None:
            whole_table = whole_table.inner_join(self.features, [*ROW_KEY])
        frame = whole_table.order_by("campaign_id", "customer_id").to_pandas()
        offers = sorted(set(frame["arm"]) - {CONTROL})
        return frame.assign(arm=pd.Categorical(frame["arm"], categories=[CONTROL, *offers]))


def checked_campaign(
    treatments: ir.Table,
    outcomes: ir.Table,
    arms: ir.Table,
    features: ir.Table | None = None,
    *,
    money: tuple[str, ValueIs],
    latest: datetime | None = None,
) -> Campaign:
    """Return campaigns that can be judged.

    Parameters
    ----------
    treatments, outcomes, arms, features
        Tables on one backend; features may have any further columns.
    money
        Currency (ISO 4217) and what value_cents is.
    latest
        A moment (UTC) after which nothing can have happened, or None for no bound.

    Raises
    ------
    InputError
        A line per fault: what `check` finds in a table, customers twice in a campaign and missing
        propensities among it; a propensity of 0; features known at or after the assignment;
        redemptions in the control; an arm that `arms` does not have; a campaign without a control;
        a control that costs something; a row without its counterpart in another table.
    """
    given, done = check("treatments", treatments, latest), check("outcomes", outcomes, latest)
    costs = check("arms", arms, latest)
    known = None if features is None else check("features", features, latest)
    refuse([
        *(sentence("treatments", given, r, "customer_id") for r in broken(given, [NO_CHANCE])),
        *(sentence("arms", costs, r, "campaign_id") for r in broken(costs, [CONTROL_COSTS])),
        *_arm_faults(given, costs),
        *_pair_faults(given, done, "outcomes"),
        *_redeemed_in_control(given, done),
    ])  # fmt: skip
    if known is not None:
        refuse([*_pair_faults(given, known, "features"), *_known_late(given, known)])
    currency, value_is = money
    return Campaign(
        treatments=given,
        outcomes=done,
        arms=costs,
        features=known,
        currency=currency,
        value_is=value_is,
    )


def _arm_faults(given: ir.Table, costs: ir.Table) -> Iterator[str]:
    offered = given.filter(given.arm != CONTROL)
    strange = offered.anti_join(costs, ["campaign_id", "arm"])
    yield from _complaint(
        ("treatments", given),
        strange,
        "have an arm that the arms do not have",
        "add its costs to arms, or correct its name",
        ["arm"],
    )
    controls = given.filter(given.arm == CONTROL)
    yield from _complaint(
        ("treatments", given),
        given.anti_join(controls, "campaign_id"),
        "are of a campaign without a control",
        f"nothing can be said about what it changed: name those given nothing '{CONTROL}', or leave"
        " it out",
        [],
    )


def _pair_faults(given: ir.Table, other: ir.Table, name: str) -> Iterator[str]:
    yield from _complaint(
        ("treatments", given),
        given.anti_join(other, [*ROW_KEY]),
        f"have no row in {name}",
        f"add what is missing to {name}: leaving out who did nothing flatters an arm",
        [],
    )
    yield from _complaint(
        (name, other),
        other.anti_join(given, [*ROW_KEY]),
        "have no treatment",
        "add who was given what, the control too, or leave them out",
        [],
    )


def _redeemed_in_control(given: ir.Table, done: ir.Table) -> Iterator[str]:
    both = done.inner_join(given.select(*ROW_KEY, "arm"), [*ROW_KEY])
    yield from _complaint(
        ("outcomes", done),
        both.filter((both.arm == CONTROL) & both.redeemed),
        "are redemptions in the control",
        "the offer leaked or the arms are mixed up: find out which before you compare them",
        [],
    )


def _known_late(given: ir.Table, known: ir.Table) -> Iterator[str]:
    both = known.inner_join(given.select(*ROW_KEY, "assigned_at"), [*ROW_KEY])
    yield from _complaint(
        ("features", known),
        both.filter(both.known_at >= both.assigned_at),
        "have known_at >= assigned_at",
        "features must be known before the arm is drawn: take them as of an earlier moment",
        ["known_at", "assigned_at"],
    )


def _complaint(
    of: tuple[str, ir.Table],
    faulty: ir.Table,
    says: str,
    remedy: str,
    shown: Sequence[str],
) -> Iterator[str]:
    """Say how many rows are faulty, and name the first by campaign and customer."""
    name, table = of
    bad = faulty.count().to_pyarrow().as_py()
    if not bad:
        return
    columns = faulty.select("campaign_id", "customer_id", *shown)
    first = columns.order_by("campaign_id", "customer_id").limit(1).to_pyarrow().to_pylist()[0]
    values = "".join(f", {column} {first[column]}" for column in shown)
    total = table.count().to_pyarrow().as_py()
    yield (
        f"{name}: {bad:,} of {total:,} rows {says}, such as customer '{first['customer_id']}' of"
        f" campaign '{first['campaign_id']}'{values}; {remedy}"
    )
