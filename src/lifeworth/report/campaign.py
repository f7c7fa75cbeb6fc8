"""The report of a randomised campaign: what arms change, and which policy to follow."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lifeworth.evaluate.estimates import Estimate, half_width
from lifeworth.evaluate.gate import Verdict
from lifeworth.report.captions import Caption
from lifeworth.report.grids import Cell, Grid, Row
from lifeworth.report.sections import Picture, Section
from lifeworth.report.style import ACTUAL, EXPECTED, INK, QUIET, SERIES, styled
from lifeworth.report.wording import money, number, share, significant

MEASURES = {
    "effect": "Mean effect",
    "uplift_at_30": "Effect among the best 30 %",
    "qini": "Qini",
    "autoc": "AUTOC",
    "auuc": "AUUC",
    "slope": "Slope of calibration",
}

PRICE = "Price: gain of one more unit of budget, as the plan expects"


@dataclass(frozen=True, kw_only=True)
class CampaignEvidence:
    """What the report of a campaign shows; frames as `run.campaign_policies.Judged`.

    Attributes
    ----------
    currency
        Of value in cents; "" where the outcome is yes or no.
    best_arm
        The arm that the simple rules give.
    assigned
        arm, drawn (customers in the experiment), chosen (by the personalised policy).
    """

    title: str
    subtitle: str
    currency: str
    verdict: Verdict
    best_arm: str
    arms: pd.DataFrame
    assigned: pd.DataFrame
    policies: pd.DataFrame
    targeting: pd.DataFrame
    calibration: pd.DataFrame
    roi: pd.DataFrame | None
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def headline(self) -> str:
        """Return what to do."""
        if self.verdict.personalised:
            return "Follow the personalised policy"
        if self.verdict.rule == "best single arm":
            return f"Give everybody the best single arm: {self.best_arm}"
        return f"Follow the rule '{self.verdict.rule}' with the best single arm, {self.best_arm}"

    def tiles(self) -> list[tuple[str, Cell]]:
        """Return the few numbers at the top."""
        rows = self.policies.set_index("policy")
        shown = ["personalised", "best single arm", "random"]
        made = [
            (name[0].upper() + name[1:], _cell(self, rows.loc[name], "value")) for name in shown
        ]
        return [("Customers", Cell(text=number(int(self.assigned["drawn"].sum())))), *made]

    def sections(self) -> list[Section]:
        """Return the sections of the page."""
        made = [_verdict(self), _policies(self), _arms(self), _qini(self), _calibration(self)]
        costs = [] if self.roi is None else [_roi(self, self.roi)]
        return [*made, *costs, _assigned(self)]


def print_campaign(evidence: CampaignEvidence, console: Console, report: Path) -> None:
    """Print the verdict, notes, the policies and the path of the report."""
    console.print()
    console.print(Text(evidence.title, style="bold"))
    console.print(Text(f"{evidence.headline}."))
    console.print(Text(evidence.verdict.sentence))
    for note in evidence.notes:
        console.print(Text(f"Note: {note}", style="yellow"))
    grid = _policy_grid(evidence)
    table = Table(caption=_unit(evidence, "per customer"), caption_justify="left")
    for place, name in enumerate(grid.head):
        table.add_column(name, justify="left" if place == 0 else "right")
    for row in grid.groups[""]:
        table.add_row(*(Text(c.text, style="bold" if c.strong else "") for c in row))
    console.print(table)
    link = f"link {report.resolve().as_uri()}"
    console.print(Text("Report: ").append(str(report), style=link), soft_wrap=True)


def _said(evidence: CampaignEvidence, value: float) -> str:
    return money(value, decimals=2) if evidence.currency else significant(value, 3)


def _cell(evidence: CampaignEvidence, row: pd.Series, name: str) -> Cell:
    if name not in row or pd.isna(row[name]):
        return Cell(text=number(None))
    low, high = Estimate(float(row[name]), float(row[f"{name}_error"])).interval()
    text = f"{_said(evidence, low)} to {_said(evidence, high)}"
    return Cell(text=_said(evidence, float(row[name])), small=text)


def _unit(evidence: CampaignEvidence, of: str) -> str:
    return f"{evidence.currency} {of}" if evidence.currency else "share of customers"


def _verdict(evidence: CampaignEvidence) -> Section:
    words = Caption(
        "What to do",
        evidence.verdict.sentence,
        "A personalised policy is recommended only if the 90 % interval of its paired, doubly "
        "robust gain lies above zero against the best single arm and the monetary, frequency and "
        "random rules.",
    )
    rows = evidence.policies[evidence.policies["policy"] != "personalised"]
    figure = _dots(
        [f"over {p}" for p in rows["policy"]],
        rows["gain"].to_numpy(dtype=float),
        rows["gain_error"].to_numpy(dtype=float),
        evidence,
    )
    title = _unit(evidence, "per customer, 90 % intervals")
    picture = Picture(title=f"Gain of the personalised policy, {title}", figure=figure)
    return Section(anchor="verdict", words=words, pictures=[picture])


def _dots(
    names: Sequence[str], value: object, error: object, evidence: CampaignEvidence
) -> go.Figure:
    scale = 0.01 if evidence.currency else 1.0
    half = half_width()
    x, spread = pd.Series(value) * scale, pd.Series(error) * scale * half
    trace = go.Scatter(
        x=x,
        y=list(names),
        mode="markers",
        marker={"size": 10, "color": EXPECTED},
        error_x={"array": spread, "thickness": 1.5, "width": 4},
        showlegend=False,
        hovertemplate="%{y}: %{x:,.4~f}<extra></extra>",
    )
    figure = styled(go.Figure(trace), 110 + 32 * len(names))
    figure.add_vline(x=0, line={"color": INK, "width": 1, "dash": "dot"})
    figure.update_yaxes(autorange="reversed")
    return figure.update_layout(margin_t=16)


def _policies(evidence: CampaignEvidence) -> Section:
    words = Caption(
        "Policies compared",
        "What each policy would have earned and spent per customer, by doubly robust estimates on "
        "customers its models have not seen; beside it the plain estimate by inverse chances. "
        "Simple rules give the best single arm to as many customers, or at the same budget.",
        "If both estimates differ by more than their intervals, the chances in the log are wrong.",
    )
    return Section(anchor="policies", words=words, tables={"": _policy_grid(evidence)})


def _policy_grid(evidence: CampaignEvidence) -> Grid:
    frame = evidence.policies
    budget = "over" in frame
    head = ["Policy", "Value", "By inverse chances", "Spend", "Reached"]
    head += ["P(over budget)"] if budget else []
    rows: list[Row] = []
    top = float(frame["value"].max())
    for _, row in frame.iterrows():
        value = _cell(evidence, row, "value")
        value = Cell(text=value.text, small=value.small, strong=float(row["value"]) == top)
        cells = [Cell(text=str(row["policy"])), value, _cell(evidence, row, "ips")]
        spend = Cell(text=money(float(row["spend"]), decimals=2))
        cells += [spend, Cell(text=share(float(row["treated"])))]
        rows.append([*cells, *([Cell(text=share(float(row["over"])))] if budget else [])])
    return Grid(head=head, groups={"": rows})


def _arms(evidence: CampaignEvidence) -> Section:
    words = Caption(
        "What the arms change",
        "The mean outcome of each arm, its mean effect over the control, and how well the model "
        "orders customers: Qini and AUTOC are 0 for an order that says nothing; a slope of 1 means "
        "that effects are as far apart as the model says. Small figures are 90 % intervals.",
        "Intervals of Qini, AUTOC and slope that reach 0: customers are not told apart.",
    )
    named = {n: t for n, t in MEASURES.items() if n in evidence.arms}
    rows: list[Row] = []
    for _, row in evidence.arms.iterrows():
        cells = [Cell(text=str(row["arm"])), Cell(text=_said(evidence, float(row["mean"])))]
        for name in named:
            plain = name == "slope"
            cells.append(_plain(row, name) if plain else _cell(evidence, row, name))
        rows.append(cells)
    grid = Grid(head=["Arm", "Mean", *named.values()], groups={"": rows})
    return Section(anchor="arms", words=words, tables={"": grid})


def _plain(row: pd.Series, name: str) -> Cell:
    if pd.isna(row[name]):
        return Cell(text=number(None))
    low, high = Estimate(float(row[name]), float(row[f"{name}_error"])).interval()
    return Cell(text=number(float(row[name]), 2), small=f"{number(low, 2)} to {number(high, 2)}")


def _qini(evidence: CampaignEvidence) -> Section:
    words = Caption(
        "Whom to reach first",
        "Gain per customer when the arm goes to the given share of customers, those first whom the "
        "model expects to change most. The band is the 90 % interval, the dotted line a random "
        "order.",
        "A curve inside whose band the dotted line lies: the order says nothing.",
    )
    pictures = [
        Picture(title=f"{arm}: gain, {_unit(evidence, 'per customer')}", figure=_curve(own, scale))
        for arm, own in evidence.targeting.groupby("arm", sort=False)
        for scale in [0.01 if evidence.currency else 1.0]
    ]
    return Section(anchor="qini", words=words, pictures=pictures)


def _curve(own: pd.DataFrame, scale: float) -> go.Figure:
    half = half_width()
    zero = pd.DataFrame({"share": [0.0], "gain": [0.0], "gain_error": [0.0], "random": [0.0]})
    frame = pd.concat([zero, own[list(zero.columns)]], ignore_index=True)
    x, gain = frame["share"], frame["gain"] * scale
    high, low = (gain + side * half * frame["gain_error"] * scale for side in (1, -1))
    hidden = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    figure = go.Figure(
        [
            go.Scatter(x=x, y=low, **hidden),
            go.Scatter(x=x, y=high, fill="tonexty", fillcolor="rgba(0,114,178,.15)", **hidden),
            go.Scatter(x=x, y=gain, name="by the model", line={"color": EXPECTED, "width": 2.5}),
            go.Scatter(
                x=x,
                y=frame["random"] * scale,
                name="at random",
                line={"color": QUIET, "dash": "dot"},
            ),
        ]
    )
    figure = styled(figure, 320).update_xaxes(title_text="share reached", tickformat=".0%")
    return figure.update_yaxes(rangemode="tozero")


def _calibration(evidence: CampaignEvidence) -> Section:
    words = Caption(
        "Are effects as large as expected?",
        "Ten groups of customers by expected (shrunken) effect: dots are effects measured in the "
        "experiment with 90 % intervals, the line is where they should lie.",
        "Dots level while the line rises: the model tells apart what is alike.",
    )
    scale = 0.01 if evidence.currency else 1.0
    pictures = [
        Picture(title=f"{arm}: effect, {_unit(evidence, 'per customer')}", figure=_cal(own, scale))
        for arm, own in evidence.calibration.groupby("arm", sort=False)
    ]
    return Section(anchor="calibration", words=words, pictures=pictures)


def _cal(own: pd.DataFrame, scale: float) -> go.Figure:
    x, y = own["expected_mean"] * scale, own["actual_mean"] * scale
    above, below = own["high"] * scale - y, y - own["low"] * scale
    ends = [float(x.min()), float(x.max())]
    figure = go.Figure(
        [
            go.Scatter(x=ends, y=ends, mode="lines", name="as expected", line={"color": EXPECTED}),
            go.Scatter(
                x=x,
                y=y,
                mode="markers",
                name="measured",
                marker={"color": ACTUAL, "size": 8},
                error_y={"array": above, "arrayminus": below, "thickness": 1.2, "width": 3},
            ),
        ]
    )
    return styled(figure, 320).update_xaxes(title_text="expected effect")


def _roi(evidence: CampaignEvidence, frame: pd.DataFrame) -> Section:
    words = Caption(
        "What each budget brings",
        "Gain measured in the experiment against money spent, as the budget grows along the best "
        "plan; the price is what the plan expects of one more unit of money.",
        "A gain that stops growing: the rest of the budget is wasted.",
    )
    half = half_width()
    x, y = frame["spend"] * 0.01, frame["gain"] * (0.01 if evidence.currency else 1.0)
    spread = frame["gain_error"] * half * (0.01 if evidence.currency else 1.0)
    trace = go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line={"color": SERIES[0]},
        error_y={"array": spread, "thickness": 1, "width": 3},
    )
    figure = styled(go.Figure(trace), 340).update_xaxes(title_text="spend per customer")
    rows: list[Row] = []
    for _, row in frame.iterrows():
        price = float(row["price"])
        rows.append(
            [
                Cell(text=money(float(row["budget"]), decimals=2)),
                Cell(text=share(float(row["treated"]))),
                Cell(text=money(float(row["spend"]), decimals=2)),
                _cell(evidence, row, "gain"),
                Cell(text="free" if price == float("inf") else number(price, 2)),
            ]
        )
    head = ["Budget per customer", "Reached", "Spend", "Gain", "Price"]
    table = Grid(head=head, groups={"": rows})
    title = f"Gain, {_unit(evidence, 'per customer')}"
    pictures = [Picture(title=title, figure=figure), Picture(title=PRICE, figure=_prices(frame))]
    return Section(
        anchor="roi",
        words=words,
        pictures=pictures,
        tables={"As a table": table},
    )


def _prices(frame: pd.DataFrame) -> go.Figure:
    """Return the price of one more unit of budget, budget by budget; where it is free, none."""
    dear = frame[np.isfinite(frame["price"])]
    line = go.Scatter(
        x=dear["budget"] * 0.01, y=dear["price"], mode="lines+markers", line={"color": SERIES[1]}
    )
    figure = styled(go.Figure(line), 260).update_xaxes(title_text="budget per customer")
    return figure.update_yaxes(rangemode="tozero")


def _assigned(evidence: CampaignEvidence) -> Section:
    words = Caption(
        "Who would get what",
        "Customers of the experiment by the arm they drew, and by the arm that the model fitted to "
        "all of them would choose.",
        "Nearly all in one arm: the best single arm by another name.",
    )
    frame = evidence.assigned
    names = {"drawn": ("drawn in the experiment", QUIET), "chosen": ("personalised", EXPECTED)}
    bars = [
        go.Bar(x=frame["arm"], y=frame[n], name=t, marker={"color": c})
        for n, (t, c) in names.items()
    ]
    picture = Picture(title="Customers by arm", figure=styled(go.Figure(bars), 300))
    return Section(anchor="assigned", words=words, pictures=[picture])
