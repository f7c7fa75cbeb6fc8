"""The page of a planned experiment: how many customers, how long, and what they would see."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from scipy import stats

from lifeworth.decide.designed import Designed, chance, detectable, needed
from lifeworth.decide.peeking import Peeking
from lifeworth.decide.power import duration_days
from lifeworth.report.captions import Caption
from lifeworth.report.grids import Cell, Grid
from lifeworth.report.page import Document
from lifeworth.report.sections import Picture, Section
from lifeworth.report.style import ACTUAL, EXPECTED, NUMBERS, WARM, styled
from lifeworth.report.wording import counted, number, share, significant
from lifeworth.tables.errors import InputError

POWER = Caption(
    "Would it be seen?",
    "The probability that the experiment finds the effect, by the customers of all arms together. "
    "The dot is the plan; the dotted line is the power that was asked for.",
    "A dot far below the line: such an experiment mostly ends with nothing, whatever is true.",
)

SMALLEST = Caption(
    "What is the smallest effect it sees?",
    "The smallest effect that is found with the power asked for. A quarter of the effect takes "
    "sixteen times the customers.",
    "An effect larger than anyone expects: the experiment is too small, or the outcome too noisy; "
    "adjusting for what customers did before makes it less so.",
)

ARMS = Caption(
    "Who is in it",
    "Customers of each arm.{several}",
    "An arm too small for its own comparison: shares near each other see most, and a control that "
    "serves several arms may be larger than each of them.",
)

SEVERAL = (
    " Each of {arms} arms is compared with the control at {level} instead of {whole}, so that "
    "all of them together are wrong no more often than one may be (Bonferroni)."
)

LOOKING = Caption(
    "Looking before the end",
    "An interval read every day is wrong on some day far more often than one read once. If this "
    "is to be looked at before its end, give planned={customers} when it is analysed: the "
    "intervals that then hold at all looks are {wider} times as wide at the end, as if only "
    "{fewer} of the customers were there.",
    "A decision at the first interval, of those read once, that leaves out 0.",
)

POINTS = 60
"""Points of a curve."""

TIMES = (0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
"""Multiples of the plan in the table."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan as it was asked for.

    Attributes
    ----------
    designed
        Arms, outcome, power.
    effect
        To be seen, or None: whatever the customers see.
    customers
        All arms together.
    mean
        Of the outcome in the control, or None.
    per_day, outcome_days
        Customers who enter in a day (None: not known), and how long an outcome takes.
    """

    designed: Designed
    effect: int | float | None
    customers: int
    mean: int | float | None = None
    per_day: int | float | None = None
    outcome_days: int = 0

    @property
    def smallest(self) -> float:
        """The smallest effect that is seen."""
        return detectable(self.designed, self.customers)

    @property
    def shown(self) -> float:
        """The effect whose power is shown."""
        return self.smallest if self.effect is None else self.effect

    def days(self, customers: int) -> int | None:
        """Return the days it takes, None if customers per day are not known."""
        if self.per_day is None:
            return None
        return duration_days(customers, self.per_day, self.outcome_days)


def of_effect(effect: int | float, planned: Planned) -> str:
    """Return an effect in words: points of a share, or the unit of the mean."""
    if planned.designed.rate is not None:
        return f"{significant(100 * effect, 3)} percentage points"
    relative = f" ({share(effect / planned.mean)})" if planned.mean else ""
    return significant(effect, 3) + relative


def headline(planned: Planned) -> str:
    """Return one sentence: who sees what, with which power."""
    there = counted(planned.customers, "customer")
    if planned.effect is None:
        told = of_effect(planned.smallest, planned)
        return f"{there} see an effect of {told} with {share(planned.designed.power, 0)} power"
    told = share(chance(planned.designed, planned.effect, planned.customers), 0)
    return f"{there} see an effect of {of_effect(planned.effect, planned)} with {told} power"


def document(planned: Planned, facts: dict[str, str]) -> Document:
    """Return the page of a plan."""
    return Document(
        title="Plan of an experiment",
        subtitle=_outcome(planned),
        headline=headline(planned),
        tiles=tiles(planned),
        sections=[_power(planned), _smallest(planned), _arms(planned), _looking(planned)],
        facts=facts,
    )


def _outcome(planned: Planned) -> str:
    designed = planned.designed
    if designed.rate is not None:
        return f"share of the control that buys: {share(designed.rate, 2)}"
    mean = "" if planned.mean is None else f"mean {significant(planned.mean)}, "
    return f"{mean}standard deviation {significant(designed.sd)}"


def tiles(planned: Planned) -> list[tuple[str, Cell]]:
    """Return the few numbers at the top."""
    designed, days = planned.designed, planned.days(planned.customers)
    smallest, _, unit = of_effect(planned.smallest, planned).partition(" ")
    found = chance(designed, planned.shown, planned.customers)
    entering = ""
    if planned.per_day is not None:
        entering = f"{number(planned.per_day)} customers a day, entering in whole weeks"
    lacking = ""
    if (
        planned.effect is not None
        and (more := needed(designed, planned.effect)) != planned.customers
    ):
        lacking = f"{number(more)} for {share(designed.power, 0)} power"
    return [
        ("Customers", Cell(text=number(planned.customers), small=lacking or "all arms together")),
        ("Power", Cell(text=share(found), small=f"for {of_effect(planned.shown, planned)}")),
        ("Smallest rise seen", Cell(text=smallest, small=unit)),
        (
            "Duration",
            Cell(
                text=number(None) if days is None else counted(days, "day"),
                small=entering or "give customers_per_day=...",
            ),
        ),
    ]


def _sizes(planned: Planned) -> list[int]:
    """Return numbers of customers, from few to twice the plan."""
    low = max(planned.customers / 50, _fewest(planned))
    sizes = np.linspace(low, max(2.0 * planned.customers, 2 * low), POINTS)
    return sorted({round(size) for size in sizes} | {planned.customers})


def _fewest(planned: Planned) -> float:
    """Return customers of whom every group has three."""
    shares = [s for s in planned.designed.groups.shares.values() if s > 0]
    return 3 * sum(shares) / min(shares)


def _power(planned: Planned) -> Section:
    sizes = _sizes(planned)
    found = [chance(planned.designed, planned.shown, size) for size in sizes]
    curve = go.Scatter(x=sizes, y=found, mode="lines", line={"color": EXPECTED, "width": 2.5})
    figure = go.Figure(curve.update(hovertemplate="%{x:,} customers: %{y:.1%}<extra></extra>"))
    at = chance(planned.designed, planned.shown, planned.customers)
    figure.add_trace(_plan(planned.customers, at, share(at)))
    figure.add_hline(y=planned.designed.power, line={"color": WARM, "width": 1.5, "dash": "dot"})
    figure.update_yaxes(title_text="power", tickformat=".0%", range=[0, 1.04])
    words = POWER._replace(title=f"Would an effect of {of_effect(planned.shown, planned)} be seen?")
    return Section(anchor="power", words=words, pictures=[_picture(figure)], tables=_table(planned))


def _table(planned: Planned) -> dict[str, Grid]:
    head = ["Of the plan", "Customers", "Days", "Power", "Smallest effect seen"]
    rows = []
    for times in TIMES:
        size = max(round(times * planned.customers), round(_fewest(planned)))
        days = planned.days(size)
        texts = [
            *(share(times, 0), number(size), number(days)),
            *(share(chance(planned.designed, planned.shown, size)), _seen(planned, size)),
        ]
        rows.append([Cell(text=text, strong=times == 1) for text in texts])
    return {"": Grid(head=head, groups={"": rows})}


def _seen(planned: Planned, customers: int) -> str:
    try:
        return of_effect(detectable(planned.designed, customers), planned)
    except InputError:  # of a share, that few may see no rise at all
        return number(None)


def _smallest(planned: Planned) -> Section:
    unit = 1.0 if planned.designed.rate is None else 100.0
    sizes, effects = [], []
    for size in _sizes(planned):
        try:
            effects.append(unit * detectable(planned.designed, size))
        except InputError:
            continue
        sizes.append(size)
    curve = go.Scatter(x=sizes, y=effects, mode="lines", line={"color": EXPECTED, "width": 2.5})
    figure = go.Figure(curve.update(hovertemplate="%{x:,} customers: %{y:.4g}<extra></extra>"))
    smallest = unit * planned.smallest
    figure.add_trace(_plan(planned.customers, smallest, significant(smallest, 3)))
    title = "effect" if planned.designed.rate is None else "effect, percentage points"
    figure.update_yaxes(title_text=title, range=[0, 5 * smallest])
    return Section(anchor="smallest", words=SMALLEST, pictures=[_picture(figure)])


def _plan(x: int | float, y: float, text: str) -> go.Scatter:
    dot = go.Scatter(x=[x], y=[y], mode="markers+text", text=[f"  {text}"], hoverinfo="skip")
    return dot.update(marker={"color": ACTUAL, "size": 10}, textposition="bottom right")


def _picture(figure: go.Figure) -> Picture:
    figure.update_xaxes(title_text="customers, all arms together", tickformat=NUMBERS)
    figure.update_xaxes(rangemode="tozero", showgrid=False)
    return Picture(
        title="", figure=styled(figure, 340).update_layout(showlegend=False, margin_t=16)
    )


def _arms(planned: Planned) -> Section:
    groups = planned.designed.groups
    whole = sum(groups.shares.values())
    rows = [
        [
            Cell(text=name),
            Cell(text=share(part / whole)),
            Cell(text=number(planned.customers * part / whole)),
        ]
        for name, part in groups.shares.items()
    ]
    several = SEVERAL.format(
        arms=len(groups.arms), level=share(1 - groups.alpha, 2), whole=share(groups.level, 0)
    )
    words = ARMS._replace(read=ARMS.read.format(several=several if len(groups.arms) > 1 else ""))
    grid = Grid(head=["Arm", "Share", "Customers"], groups={"": rows})
    return Section(anchor="arms", words=words, tables={"": grid})


def _looking(planned: Planned) -> Section:
    level = 1 - planned.designed.groups.alpha
    sequence = Peeking(best_at=planned.customers, level=level)
    once = float(stats.norm.isf((1 - level) / 2))
    wider = float(sequence.multiplier(planned.customers)[0]) / once
    read = LOOKING.read.format(
        customers=planned.customers, wider=number(wider, 2), fewer=share(1 / wider**2, 0)
    )
    return Section(anchor="looking", words=LOOKING._replace(read=read))
