"""The page of a targeting: who, for how much, and whether simple rules would have done as well."""

from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from lifeworth.decide.rivals import CHOSEN, LESS, RANDOM
from lifeworth.decide.target import REASONS, Targeting
from lifeworth.report.captions import Caption
from lifeworth.report.grids import Cell, Grid, Row
from lifeworth.report.page import Document
from lifeworth.report.sections import Picture, Section
from lifeworth.report.spending import budgets, dots, policy_name
from lifeworth.report.wording import change, counted, money, number, share

FIRST = 20
"""Customers that the page lists; the files have them all."""

WHY = {
    "chosen": "are targeted",
    "budget": "would pay, but the budget is spent on better ones",
    "not certain": "would pay by expectation, not by the cautious score",
    "loses money": "add no more than the action costs",
}
"""What a reason means, said of customers."""

Measure = Literal["forecast", "realised"]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the page of a targeting shows; money in cents.

    Attributes
    ----------
    policies, curve
        As `decide.rivals` gives them, with the measure forecast and, once the horizon is over,
        realised.
    """

    title: str
    subtitle: str
    currency: str
    horizon_days: int
    targeting: Targeting
    policies: pd.DataFrame
    curve: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def measures(self) -> list[str]:
        """Return the measures there are."""
        return list(self.policies["measure"].unique())

    def of(self, policy: str, measure: str) -> pd.Series:
        """Return the row of a policy and a measure."""
        rows = self.policies
        return rows[(rows["policy"] == policy) & (rows["measure"] == measure)].iloc[0]


def document(shown: Shown) -> Document:
    """Return the page."""
    made = [_policies(shown), _budgets(shown), _scored(shown), _who(shown)]
    return Document(
        title=shown.title,
        subtitle=shown.subtitle,
        headline=headline(shown),
        tiles=_tiles(shown),
        sections=[section for section in made if section is not None],
        notes=shown.notes,
        facts=shown.facts,
    )


def headline(shown: Shown) -> str:
    """Return one sentence: how many for how much, and what that is expected to bring."""
    totals, currency = shown.targeting.totals(), shown.currency
    if not totals["customers"]:
        return "Target nobody: the action costs more than any customer's score, or than the budget"
    spend = money(totals["spend"], currency)
    return (
        f"Target {counted(int(totals['customers']), 'customer')} for {spend}: expected to bring "
        f"{money(totals['gain'], currency)}, net {money(totals['net'], currency)}"
    )


def comparison(shown: Shown) -> Grid:
    """Return one row per policy: customers, spend, net and the lead of the chosen by measure."""
    nets = [f"Net, {measure}" for measure in shown.measures]
    less = [f"Lead, {measure}" for measure in shown.measures]
    rows = [_policy_row(shown, str(name)) for name in shown.policies["policy"].unique()]
    return Grid(head=["", "Customers", "Spend", *nets, *less], groups={"": rows})


def _policy_row(shown: Shown, name: str) -> Row:
    by = [shown.of(name, measure) for measure in shown.measures]
    start = [policy_name(name), number(by[0]["customers"]), money(by[0]["spend"])]
    nets = [_with_ends(row, ("net", "low", "high")) for row in by]
    less = [_with_ends(row, LESS) for row in by]
    return [*(Cell(text=text) for text in start), *nets, *less]


def _with_ends(row: pd.Series, names: tuple[str, str, str]) -> Cell:
    middle, low, high = (money(row[name]) for name in names)
    known = pd.notna(row[names[1]])
    proven = known and names == LESS and row["measure"] == "realised" and row["less_low"] > 0
    return Cell(text=middle, small=f"{low} to {high}" if known else "", strong=bool(proven))


def _tiles(shown: Shown) -> list[tuple[str, Cell]]:
    totals, currency, found = shown.targeting.totals(), shown.currency, shown.targeting
    realised = shown.of(CHOSEN, "realised") if "realised" in shown.measures else None
    later = "" if realised is None else f"realised {money(realised['gain'], currency)}"
    net = "" if realised is None else f"realised {money(realised['net'], currency)}"
    back = change(totals["return"], 0)
    return [
        (
            "Customers",
            Cell(text=number(totals["customers"]), small=f"of {number(len(found.customers))}"),
        ),
        (
            "Spend",
            Cell(
                text=money(totals["spend"], currency),
                small=f"budget {money(found.action.budget, currency)}",
            ),
        ),
        ("Expected gain", Cell(text=money(totals["gain"], currency), small=later)),
        (
            "Net of cost",
            Cell(text=money(totals["net"], currency), small=f"return {back}\n{net}".rstrip()),
        ),
    ]


def _policies(shown: Shown) -> Section:
    words = Caption(
        "Against simple rules",
        "Every rule may spend the same budget and is judged by the same measure: uplift x value - "
        f"cost over whom it picked, in {shown.currency}. Forecast: value as forecast, not "
        "winsorised; whoever was chosen by a forecast leads by it, so that this proves nothing. "
        f"Realised: what customers were in fact worth in the {shown.horizon_days} days after, had "
        "the action raised it by the same share. Intervals (90 %) are from resampling customers. "
        "The lead is how much more the chosen bring than the rule, on the same resampled "
        "customers; bold where they were in fact ahead. At random is its exact expectation, and "
        "customers who tie have equal chances.",
        "A realised lead whose interval holds zero: the simple rule would have done as well. A "
        "forecast far above the realised: the best forecasts are also the luckiest ones.",
    )
    rows = shown.policies
    pictures = [
        Picture(title=f"Net, {shown.currency}", figure=dots(rows, ("net", "low", "high"))),
        Picture(
            title=f"Lead of the chosen over a rule, {shown.currency}",
            figure=dots(rows[~rows["policy"].isin([CHOSEN, RANDOM])], LESS),
        ),
    ]
    table = {"": comparison(shown)}
    return Section(anchor="policies", words=words, pictures=pictures, tables=table)


def _budgets(shown: Shown) -> Section:
    found, currency = shown.targeting, shown.currency
    totals, price = found.totals(), found.certificate.budget_price
    paying = counted(int(totals["paying"]), "customer")
    more = (
        f"One more {currency} of budget would bring about {number(1 + price, 2)} {currency}, "
        f"{number(price, 2)} on top of itself."
        if price > 0
        else "More budget would bring nothing: everybody who pays is targeted already."
    )
    words = Caption(
        "What the budget brings",
        f"Customers are bought in the order of each rule; the dotted line is the budget. {more} "
        f"{paying} would pay by their score; they would cost "
        f"{money(totals['paying_cost'], currency)}.",
        "A line that falls: these customers bring less than they cost, and a budget that has to "
        "be spent is lost on them.",
    )
    pictures = [
        Picture(
            title=f"Net of cost as {measure}, {currency}",
            figure=budgets(
                shown.curve[shown.curve["measure"] == measure], float(found.action.budget), currency
            ),
        )
        for measure in shown.measures
    ]
    return Section(anchor="budget", words=words, pictures=pictures)


def _scored(shown: Shown) -> Section | None:
    found = shown.targeting
    if found.cap is None and found.caution.risk == "mean":
        return None
    how = _how_scored(shown)
    rows = [
        [
            Cell(text=policy_name(str(row["policy"]))),
            Cell(text=money(row["score"])),
            Cell(text=money(row["gain"])),
        ]
        for _, row in shown.policies[shown.policies["measure"] == "forecast"].iterrows()
    ]
    own = shown.of(CHOSEN, "forecast")["score"]
    above = [
        policy_name(str(row["policy"]))
        for _, row in shown.policies[shown.policies["measure"] == "forecast"].iterrows()
        if row["policy"] != CHOSEN and row["gain"] > own
    ]
    trap = (
        f" The trap is open here: beside the scores of the chosen, the gains of {_listed(above)} "
        "look better."
        if above
        else ""
    )
    words = Caption(
        "By the score, and as forecast",
        f"Gain before cost, {shown.currency}. Customers were chosen by a score: {how} Its sum "
        "compares with nothing but other sums of scores; compare within a column.",
        "The score of one rule beside the gains of the others: a capped sum looks worse than "
        f"uncapped ones whoever is chosen.{trap}",
    )
    grid = Grid(head=["", "Sum of scores", "Sum of gains as forecast"], groups={"": rows})
    return Section(anchor="score", words=words, tables={"": grid})


def _how_scored(shown: Shown) -> str:
    caution, cap = shown.targeting.caution, shown.targeting.cap
    what = {
        "mean": "the expected gain",
        "quantile": f"the {share(caution.share, 0)} quantile of the draws of the gain",
        "cvar": f"the mean of the worst {share(caution.share, 0)} of the draws of the gain",
    }[caution.risk]
    if cap is None or caution.winsorise is None:
        return f"{what}."
    return (
        f"{what}, at most {money(cap, shown.currency)}, the {share(caution.winsorise, 0)} quantile."
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _who(shown: Shown) -> Section:
    found = shown.targeting
    words = Caption(
        "Who",
        f"{_break_even(shown)}Below: why customers are targeted or not, then the first "
        f"{FIRST} targets, money in {shown.currency}. targets.csv and targets.parquet have all "
        "targets, candidates.parquet everybody with the reason.",
        "Few customers who carry most of the gain: look at them one by one before money is spent.",
    )
    tables = {"": _reasons(found)}
    if found.chosen.any():
        tables[f"The first {min(FIRST, int(found.chosen.sum()))} targets"] = _first(found)
    return Section(anchor="who", words=words, tables=tables)


def _break_even(shown: Shown) -> str:
    action = shown.targeting.action
    if action.cost is None or action.uplift is None or action.uplift <= 0:
        return ""
    worth = money(action.cost / action.uplift, shown.currency)
    return (
        f"At a cost of {money(action.cost, shown.currency)} and an uplift of "
        f"{share(action.uplift)} only customers worth more than {worth} in "
        f"{counted(shown.horizon_days, 'day')} pay. "
    )


def _reasons(found: Targeting) -> Grid:
    rows = []
    for reason in REASONS:
        own = found.customers[found.customers["reason"] == reason]
        if own.empty:
            continue
        sums = [money(own[name].sum(), decimals=0) for name in ("expected_value", "gain", "cost")]
        cells = [number(len(own)), *sums]
        rows.append([Cell(text=reason, small=WHY[reason]), *(Cell(text=text) for text in cells)])
    return Grid(head=["", "Customers", "Expected value", "Gain", "Cost"], groups={"": rows})


def _first(found: Targeting) -> Grid:
    ranked = found.customers.assign(place=found.rank())
    best = ranked[ranked["chosen"]].sort_values("place").head(FIRST)
    names = ("expected_value", "gain", "score", "cost")
    rows = [
        [Cell(text=str(row["customer_id"])), *(Cell(text=money(row[name])) for name in names)]
        for _, row in best.iterrows()
    ]
    return Grid(
        head=["Customer", "Expected value", "Gain", "Score", "Cost"],
        groups={"": rows},
    )
