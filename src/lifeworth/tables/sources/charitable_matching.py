"""Charitable matching: letters that ask for gifts and promise to match them, four arms."""

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
    "treated": Field("treatment", "truth"),
    "ratio_2": Field("treat_ratio2", "truth"),
    "ratio_3": Field("treat_ratio3", "truth"),
    "responded": Field("out_gavedum", "truth"),
    "value_cents": Field("out_amountgive", "money"),
    "highest_cents": Field("hpa", "money"),
    "gifts": Field("freq", "count"),
    "years": Field("years", "count"),
    "months": Field("mrm2", "count"),
    "dormant": Field("dormant", "truth"),
    "female": Field("female", "count"),
    "couple": Field("couple", "count"),
    "years_missing": Field("years_missing", "truth"),
    "months_missing": Field("mrm2_missing", "truth"),
    "female_missing": Field("fem_missing", "truth"),
    "couple_missing": Field("couple_missing", "truth"),
}

FEATURES = ("highest_cents", "gifts", "years", "months", "dormant", "female", "couple")

RATIOS = {"1:1": 1.0, "2:1": 2.0, "3:1": 3.0}
"""Paid by the matching donor for each dollar given."""

TWO_RATIOS = Rule(
    name="ratios",
    column="treated",
    faulty=lambda t: (t.ratio_2 & t.ratio_3) | ((t.ratio_2 | t.ratio_3) & ~t.treated),
    says="have two ratios, or one in the control",
    remedy="take the file as it was published",
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CharitableMatching:
    """Karlan and List's field experiment; value is the gift in USD, cost the match.

    Past donors got a letter, and two in three the promise of another donor to add 1, 2 or 3 dollars
    to each dollar, in equal parts: chances 1/3 (control, the letter alone) and 2/9 each. Whoever
    gives in such an arm redeems; the match is a discount_share of 1, 2 or 3, for every gift, also
    those that would have come anyway. `funded_share` of it is not the shop's own money.

    The customer_id is the number of the line. Two gifts have no amount and are left out (50,083
    lines make 50,081 customers). Features: highest_cents (largest gift so far), gifts (their
    number), years (since the first), months (since the last), dormant, female, couple; missing
    where the file says so. It has no dates: `assigned_on` is nominal.
    """

    about: ClassVar[About] = About(
        name="charitable_matching",
        what="a randomised letter to 50,083 past donors, 4 arms that match gifts, USD, revenue",
        files={"charitable": ", ".join(f.column for f in FIELDS.values())},
        where="the R package experimentdatar (Karlan and List 2007, American Economic Review)",
        terms="CC0",
        convert="in R, write.csv(experimentdatar::charitable, 'charitable.csv', row.names = FALSE)",
    )
    folder: str | None = None
    assigned_on: date = date(2005, 8, 1)
    funded_share: float = 0.0

    def load(self, latest: datetime | None = None) -> Campaign:
        """Return the campaign.

        Raises
        ------
        InputError
            If the file is not there or not as it should be, or `assigned_on` is after `latest`.
        """
        arm = {"contact_cents": 0, "discount_cents": 0, "funded_share": self.funded_share}
        arms = [arm | {"arm": name, "discount_share": ratio} for name, ratio in RATIOS.items()]
        return FILE.load(self.about.find(self.folder, "charitable"), arms, self.assigned_on, latest)


def _rows(told: ir.Table) -> ir.Table:
    arm = ibis.cases(
        (~told.treated, CONTROL), (told.ratio_2, "2:1"), (told.ratio_3, "3:1"), else_="1:1"
    )
    known = {
        name: told[f"{name}_missing"].ifelse(None, told[name])
        for name in ("years", "months", "female", "couple")
    }
    rows = told.mutate(
        arm=arm,
        redeemed=told.treated & told.responded,
        **known,
    )
    return rows.filter(rows.value_cents.notnull())


def _chance(rows: ir.Table) -> ir.Value:
    return (rows.arm == CONTROL).ifelse(1 / ibis.literal(3.0), 2 / ibis.literal(9.0))


FILE = Published(
    name="charitable_matching",
    fields=FIELDS,
    rule=TWO_RATIOS,
    rows=_rows,
    chance=_chance,
    features=FEATURES,
    outcomes=("responded",),
)
