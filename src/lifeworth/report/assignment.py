"""The page of an assignment: who gets which offer, what that brings, and what the limits cost."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from lifeworth.decide.campaign import BEFORE, Given
from lifeworth.report.captions import Caption
from lifeworth.report.grids import Cell, Grid, Row
from lifeworth.report.page import Document
from lifeworth.report.sections import Picture, Section
from lifeworth.report.style import ACTUAL, EXPECTED_AREA, NUMBERS, styled
from lifeworth.report.wording import counted, money, number, share

ARMS = Caption(
    "Offers and their limits",
    "Every arm with its customers, expected value and cost. The price of a cap is what one more "
    "place in the arm would bring, the price of a minimum what one place fewer would bring; 0 "
    "means that the limit costs nothing.{outside}",
    "A high price: that limit, not the customers, decides who gets what. Ask whether it is meant.",
)

REASONS = Caption(
    "Why each customer has what they have",
    "Every customer has one of these reasons; it stands beside the name in the files.",
    "Many customers under limits: the budget or the caps are tight. Many under not certain: the "
    "effects are not known well enough, and an experiment would tell.",
)

RULE = Caption(
    "Against the usual rule",
    "The same offers and limits, given by the usual rule: the most value per cost first, while "
    "there is room. Nothing within the limits brings more than the upper bound.",
    "A gap of more than a per cent or so: something better may exist that was not found.",
)

MEANINGS = {
    "best arm": "of the arms that are possible, the one of most value",
    "other arm": "another arm, because of the limits",
    "limits": "nothing, although some arm would bring something: the limits",
    "not certain": "nothing: some arm seems to bring something, none surely (low is not above 0)",
    "no value": "nothing: no arm brings anything",
    "holdout": "nothing: held out of every campaign",
    "control": "nothing: the control of this campaign",
    "explore": "an arm at random, to learn from",
    BEFORE: "what the ledger has from an earlier call",
}
"""What the reasons of `decide.campaign` mean."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What was asked for.

    Attributes
    ----------
    budget
        In cents; None: any.
    currency
        Code of the currency, "" if it was not named.
    """

    budget: float | None
    currency: str = ""


def headline(given: Given, terms: Terms) -> str:
    """Return one sentence: how many get something, what it brings, what it costs."""
    some = int((given.customers["arm"] != "").sum())
    value, cost = (money(given.customers[name].sum(), terms.currency) for name in ("value", "cost"))
    there = counted(len(given.customers), "customer")
    return f"{number(some)} of {there} get an offer: expected to bring {value} at a cost of {cost}"


def next_unit(given: Given, terms: Terms) -> str:
    """Say what a little more budget would bring."""
    if terms.budget is None:
        return "No budget was set."
    if given.outside is not None and given.outside.before == len(given.customers):
        return "Everybody has their offer from before: there is nobody to plan for."
    price = given.certificate.budget_price
    if price <= 0:
        return "More budget would bring nothing: something else is the limit."
    unit = terms.currency or "unit of money"
    return f"One more {unit} of budget would bring about {money(100 * price, terms.currency)}."


def document(given: Given, terms: Terms, facts: dict[str, str], notes: list[str]) -> Document:
    """Return the page of an assignment."""
    return Document(
        title="Who gets which offer",
        subtitle=facts.get("offers", ""),
        headline=headline(given, terms),
        tiles=tiles(given, terms),
        notes=notes,
        sections=[_arms(given, terms), *_rule(given, terms), _reasons(given)],
        facts=facts,
    )


def tiles(given: Given, terms: Terms) -> list[tuple[str, Cell]]:
    """Return the few numbers at the top."""
    told, customers = given.certificate, given.customers
    budget = "no budget" if terms.budget is None else f"of {money(terms.budget, terms.currency)}"
    sums = {name: money(customers[name].sum(), terms.currency) for name in ("value", "cost")}
    price = money(100 * told.budget_price, terms.currency)
    return [
        ("Expected value", Cell(text=sums["value"], small=f"at most {_most(given, terms)}")),
        ("Cost", Cell(text=sums["cost"], small=budget)),
        ("Lost at most", Cell(text=share(told.gap, 2), small="of what is possible")),
        (
            "Price of the budget",
            Cell(
                text=price if terms.budget is not None else number(None),
                small=next_unit(given, terms),
            ),
        ),
    ]


def _most(given: Given, terms: Terms) -> str:
    """Return the upper bound of everybody's value: the plan's, and what was not its to decide."""
    told = given.certificate
    rest = float(given.customers["value"].sum()) - told.value
    return money(told.upper_bound + rest, terms.currency)


def arms_grid(given: Given, currency: str) -> Grid:
    """Return one row per arm: customers, limits and their prices, value and cost."""
    unit = f", {currency}" if currency else ""
    head = ["Arm", "Customers", "Cap", "Price of cap", "Minimum", "Price of minimum"]
    head += [f"Value{unit}", f"Cost{unit}"]
    rows = [_arm_row(row) for _, row in given.arms.iterrows()]
    nothing = int((given.customers["arm"] == "").sum())
    sums = [money(given.customers[name].sum()) for name in ("value", "cost")]
    none = _cells("none", number(nothing), "", "", "", "", "", "")
    total = _cells("all", number(len(given.customers)), "", "", "", "", *sums)
    return Grid(head=head, groups={"": [*rows, none, total]})


def _arm_row(row: pd.Series) -> Row:
    cap, minimum = row["cap"], int(row["minimum"])
    some = not pd.isna(cap)
    return _cells(
        row["arm"],
        number(row["customers"]),
        number(int(cap)) if some else "none",
        money(row["cap_price"], decimals=2) if some else "",
        number(minimum) if minimum else "none",
        money(row["minimum_price"], decimals=2) if minimum else "",
        money(row["value"]),
        money(row["cost"]),
    )


def _cells(*texts: object) -> Row:
    return [Cell(text=str(text)) for text in texts]


def _arms(given: Given, terms: Terms) -> Section:
    outside = (
        " Customers who were in the ledger before, and those who explore, are counted too; prices "
        "are of what was left to plan."
    )
    words = ARMS._replace(read=ARMS.read.format(outside=outside if given.outside else ""))
    unit = terms.currency or "units of money"
    pictures = [
        Picture(title="Customers by arm", figure=customers_by_arm(given.arms)),
        Picture(title="Value and cost by arm", figure=money_by_arm(given.arms, unit)),
    ]
    tables = {"": arms_grid(given, terms.currency)}
    return Section(anchor="arms", words=words, pictures=pictures, tables=tables)


def customers_by_arm(arms: pd.DataFrame) -> go.Figure:
    """Return the customers of each arm as bars, its cap and its minimum as lines across."""
    names = arms["arm"].astype(str)
    bars = go.Bar(y=names, x=arms["customers"], orientation="h", name="customers")
    figure = go.Figure([bars.update(marker_color=EXPECTED_AREA, hovertemplate="%{x:,}")])
    minimum = arms["minimum"].astype(float)
    limits = {
        "cap": ("line-ns", arms["cap"].astype("float64")),
        "minimum": ("triangle-up", minimum.where(minimum > 0)),
    }
    for name, (symbol, at) in limits.items():
        if at.notna().any():
            figure.add_trace(_marks(names, at, name, symbol))
    return _by_arm(figure, len(arms), "customers")


def _marks(names: pd.Series, at: pd.Series, name: str, symbol: str) -> go.Scatter:
    marks = go.Scatter(y=names, x=at, mode="markers", name=name, hovertemplate="%{x:,}")
    line = {"width": 2.5, "color": ACTUAL}
    return marks.update(
        marker={"symbol": symbol, "size": 20 if name == "cap" else 9, "line": line, "color": ACTUAL}
    )


def money_by_arm(arms: pd.DataFrame, unit: str) -> go.Figure:
    """Return value and cost of each arm as bars, in units of money."""
    names = arms["arm"].astype(str)
    figure = go.Figure()
    for column, colour in (("cost", ACTUAL), ("value", EXPECTED_AREA)):
        bars = go.Bar(y=names, x=arms[column] / 100, orientation="h", name=column)
        figure.add_trace(bars.update(marker_color=colour, hovertemplate="%{x:,.2f}"))
    figure.update_layout(barmode="group", bargroupgap=0.08)
    return _by_arm(figure, len(arms), unit)


def _by_arm(figure: go.Figure, arms: int, title: str) -> go.Figure:
    figure.update_xaxes(title_text=title, rangemode="tozero", tickformat=NUMBERS, nticks=6)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, automargin=True)
    legend = {"traceorder": "reversed"} if len(figure.data) > 1 else {}
    shown = styled(figure, 130 + 46 * arms).update_layout(bargap=0.35, legend=legend)
    return shown.update_layout(showlegend=True)


def _rule(given: Given, terms: Terms) -> list[Section]:
    told, rule = given.certificate, given.rule
    planned = int(told.customers.sum())
    if rule is None or told.upper_bound <= 0:  # minimums, or nobody to plan for
        return []
    rows = [
        _cells("this plan", number(planned), money(told.value), money(told.spend)),
        _cells("most value per cost first", number(rule.customers), money(rule.value),
               money(rule.spend)),
        _cells("upper bound", "", money(told.upper_bound), ""),
    ]  # fmt: skip
    unit = f", {terms.currency}" if terms.currency else ""
    grid = Grid(head=["", "Customers", f"Value{unit}", f"Cost{unit}"], groups={"": rows})
    return [Section(anchor="rule", words=RULE, tables={"": grid})]


def _reasons(given: Given) -> Section:
    counts = given.customers["reason"].value_counts()
    rows = [
        _cells(reason, number(int(counts[reason])), meaning)
        for reason, meaning in MEANINGS.items()
        if reason in counts.index and counts[reason]
    ]
    grid = Grid(head=["Reason", "Customers", "Meaning"], groups={"": rows}, words={0, 2})
    return Section(anchor="reasons", words=REASONS, tables={"": grid})
