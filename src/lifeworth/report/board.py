"""The page of an action board: who gets what and why, what rules bring, what warnings are worth."""

from dataclasses import dataclass, field

import pandas as pd

from lifeworth.decide.acting import Acted, Terms
from lifeworth.evaluate.triggers import Judged
from lifeworth.report.assignment import money_by_arm
from lifeworth.report.captions import Caption
from lifeworth.report.grids import Cell, Grid, Row
from lifeworth.report.page import Document
from lifeworth.report.sections import Picture, Section
from lifeworth.report.wording import counted, money, number, share

RULES = Caption(
    "Rules and what they bring",
    "Rules in the order in which they are followed. Margin is what their actions are expected to "
    "bring over what would come anyway: uplift times expected value. The return is (margin - cost) "
    "/ cost; the break-even uplift is the least uplift at which an action would bring what it "
    "costs.",
    "A break-even uplift near the uplift of the rule: a small error of an assumption makes it a "
    "loss. A rule that gives nothing: its action does not pay, or others come first.",
)

OUT = Caption(
    "What was left out",
    "Of the customers for whom each rule fires: how many a guardrail keeps from the action, for "
    "how many it would cost more than it brings, how many have as many actions already, and for "
    "how many there was no room and no budget.",
    "Many without room or budget: ask whether that limit is meant. Many where it does not pay: the "
    "action is too dear for them.",
)

EXAMPLES = Caption(
    "Reasons, in examples",
    "The first customers of each rule, with the values that made it fire. The files have all.",
    "A reason nobody would give to a customer: change the rule.",
)

WARNINGS = Caption(
    "What early warnings are worth",
    "Each trigger at an earlier moment, against what came after: the customer does not buy in the "
    "next {horizon}. {base} of {customers} did not, flagged or not. Precision is the share of them "
    "among the flagged (with a 90 % interval), recall the share of them that was flagged, lift "
    "precision over that base, own lift precision over the base of those who could be flagged at "
    "all (a drop of frequency needs a baseline). Model's precision is that of as many customers, "
    "those whom a model puts first that was trained one horizon earlier.",
    "A lift near 1: the flag says nothing. Below 1: it marks customers who are more likely to buy "
    "than others. A model far above: rank by the model, and let the flag explain.",
)

FIRST = 2
"""Examples of each rule."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the page of a board shows; money in cents."""

    title: str
    subtitle: str
    currency: str
    acted: Acted
    terms: Terms
    judged: Judged | None = None
    notes: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


def headline(shown: Shown) -> str:
    """Return one sentence: how many get what, what it brings, what it costs."""
    given = shown.acted.given
    who = number(given["customer_id"].nunique())
    margin, cost = (money(given[name].sum(), shown.currency) for name in ("margin", "cost"))
    return (
        f"{who} of {counted(shown.acted.customers, 'customer')} get {counted(len(given), 'action')}"
        f": expected to bring {margin} of margin at a cost of {cost}"
    )


def document(shown: Shown) -> Document:
    """Return the page of a board."""
    made = [_rules(shown), _out(shown), _examples(shown), _warnings(shown)]
    return Document(
        title=shown.title,
        subtitle=shown.subtitle,
        headline=headline(shown),
        tiles=_tiles(shown),
        notes=shown.notes,
        sections=[section for section in made if section is not None],
        facts=shown.facts,
    )


def rules_grid(shown: Shown) -> Grid:
    """Return a row per rule: whom it reaches, what that costs and brings."""
    unit = f", {shown.currency}" if shown.currency else ""
    head = ["Rule", "Action", "Fires", "Get it", f"Cost{unit}", f"Margin{unit}", "Return"]
    head += ["Break-even uplift"]
    awake = shown.acted.rules[shown.acted.rules["resting"] == ""]
    rows = [
        _cells(
            row["rule"], row["action"], number(row["fires"]), number(row["customers"]),
            money(row["cost"]), money(row["margin"]), share(row["roi"], 0),
            share(row["break_even_uplift"]),
        )
        for _, row in awake.iterrows()
    ]  # fmt: skip
    sums = awake[["customers", "cost", "margin"]].sum()
    spent = sums["cost"] > 0
    total = _cells(
        "all", "", "", number(sums["customers"]), money(sums["cost"]), money(sums["margin"]),
        share((sums["margin"] - sums["cost"]) / sums["cost"] if spent else None, 0), "",
    )  # fmt: skip
    return Grid(head=head, groups={"": [*rows, total]}, words={0, 1})


def warnings_grid(judged: Judged) -> Grid:
    """Return a row per trigger: precision, recall and lift, and the model beside it."""
    head = ["Trigger", "Flagged", "Precision", "Recall", "Lift", "Own lift", "Model's precision"]
    head += ["Its lift"]
    rows = [_warning(row, judged.base) for _, row in judged.table.iterrows()]
    return Grid(head=head, groups={"": rows})


def model_line(judged: Judged) -> str:
    """Return one sentence about the model beside the triggers."""
    own, base = judged.brier
    return (
        f"A model trained one horizon earlier ranks with AUC {number(judged.auc, 3)}; its Brier "
        f"score is {number(own, 3)}, that of the base {number(base, 3)}."
    )


def _warning(row: pd.Series, base: float) -> Row:
    interval = f"{share(row['low'])} to {share(row['high'])}" if row["flagged"] else ""
    return [
        *_cells(row["trigger"], number(row["flagged"])),
        Cell(text=share(row["precision"]), small=interval),
        Cell(text=share(row["recall"])),
        Cell(text=number(row["lift"], 2)),
        Cell(text=number(row["own_lift"], 2), small=f"of {share(row['own_base'])}"),
        *_cells(share(row["model_precision"]), number(row["model_precision"] / base, 2)),
    ]


def _tiles(shown: Shown) -> list[tuple[str, Cell]]:
    given, budget = shown.acted.given, shown.terms.budget
    margin, cost = float(given["margin"].sum()), float(given["cost"].sum())
    limit = "no budget" if budget is None else f"of {money(budget, shown.currency)}"
    some = given["customer_id"].nunique() / max(shown.acted.customers, 1)
    tiles = [
        ("Customers with an action", Cell(text=share(some), small=counted(len(given), "action"))),
        ("Expected margin", Cell(text=money(margin, shown.currency), small="over what would come")),
        ("Cost", Cell(text=money(cost, shown.currency), small=limit)),
        ("Return", Cell(text=share((margin - cost) / cost if cost > 0 else None, 0))),
    ]  # fmt: skip
    certificate = shown.acted.certificate
    if certificate is None:
        return tiles
    price = money(100 * certificate.budget_price, shown.currency)
    lost = f"after its cost; lost at most {share(certificate.gap, 2)} of what is possible"
    return [*tiles, ("One more unit of budget brings", Cell(text=price, small=lost))]


def _rules(shown: Shown) -> Section:
    active = shown.acted.rules[shown.acted.rules["customers"] > 0]
    bars = active.rename(columns={"rule": "arm", "margin": "value"})
    picture = Picture(
        title="Cost and expected margin (value) by rule",
        figure=money_by_arm(bars, shown.currency or "units of money"),
    )
    pictures = [picture] if len(bars) else []
    return Section(anchor="rules", words=RULES, pictures=pictures, tables={"": rules_grid(shown)})


def _out(shown: Shown) -> Section:
    rules = shown.acted.rules[shown.acted.rules["resting"] == ""]
    head = ["Rule", "Fires", "Guardrail", "Does not pay", "Others first", "No room", "No budget"]
    rows = [
        _cells(
            row["rule"],
            *(number(n) for n in (
                row["fires"], row["guarded"], row["fires"] - row["pays"], row["pays"] - row["turn"],
                row["no_room"], row["no_budget"],
            )),
        )
        for _, row in rules.iterrows()
    ]  # fmt: skip
    return Section(anchor="left-out", words=OUT, tables={"": Grid(head=head, groups={"": rows})})


def _examples(shown: Shown) -> Section | None:
    first = shown.acted.given.groupby("rule", sort=False).head(FIRST)
    rows = [
        _cells(row["customer_id"], row["rule"], row["action"], row["why"], money(row["margin"]))
        for _, row in first.sort_values("rule", kind="stable").iterrows()
    ]
    head = ["Customer", "Rule", "Action", "Why", "Margin"]
    grid = Grid(head=head, groups={"": rows}, words={0, 1, 2, 3})
    return Section(anchor="why", words=EXAMPLES, tables={"": grid}) if rows else None


def _warnings(shown: Shown) -> Section | None:
    judged = shown.judged
    if judged is None:
        return None
    read = WARNINGS.read.format(
        horizon=counted(judged.horizon, "day"),
        base=share(judged.base),
        customers=counted(judged.customers, "customer"),
    )
    if judged.auc == judged.auc:  # not NaN: there is a model
        read = f"{read} {model_line(judged)}"
    words = WARNINGS._replace(read=read)
    return Section(anchor="warnings", words=words, tables={"": warnings_grid(judged)})


def _cells(*texts: object) -> Row:
    return [Cell(text=str(text)) for text in texts]
