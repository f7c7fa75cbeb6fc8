"""The page of an experiment that ran: whether it can be believed, and then what it found."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lifeworth.decide.reading import ADJUSTED, PLAIN, Reading
from lifeworth.decide.sample_ratio import ALARM
from lifeworth.report.captions import Caption
from lifeworth.report.grids import Cell, Grid, Row
from lifeworth.report.page import Document
from lifeworth.report.sections import Picture, Section
from lifeworth.report.style import ACTUAL, EXPECTED, NUMBERS, QUIET, WARM, styled
from lifeworth.report.wording import change, number, share, significant

RATIO = Caption(
    "Are the groups what they were to be?",
    "Customers of each arm beside those that the design expects of as many (chi-square). This is "
    "looked at first: what loses customers of one arm may lose them by their outcome.",
    "A p-value below {alarm}: some fault moves or loses customers, and no difference below could "
    "be told from it.",
)

DIFFERENCES = Caption(
    "What the arms changed",
    "Each arm less the control, in the unit of the column, with intervals at {level}.{several}"
    "{adjusted}{always}",
    "An interval that holds 0: the experiment does not tell whether there is an effect, which is "
    "not the same as none.",
)

SEVERAL = (
    " {arms} arms are compared with one control, so each interval is at {level} instead of "
    "{whole} (Bonferroni: all of them hold together at {whole}), and p-values are Holm's, below "
    "{alpha} for an arm that differs. Several outcomes are not corrected for: the first one is "
    "what the experiment was for."
)

BY_COVARIATES = (
    " Adjusted differences take out what customers were like before ({covariates}), by a "
    "regression in each group (CUPED, Lin 2013); variance removed is what that in fact saved."
)

ALWAYS = (
    " Intervals at every look are a confidence sequence: they hold however often they were read, "
    "if the planned end of {planned} customers was fixed before the first look."
)

LOOKS = Caption(
    "Look by look",
    "The difference after so many customers of the arm and the control. The wide band holds at all "
    "looks together; the narrow one only if it is read once.",
    "Stopping where the narrow band first leaves 0: with enough looks it does so without any "
    "effect.",
)

BROKEN = (
    "The groups are not what they were to be ({p}): nothing else of this experiment is to be "
    "trusted, and so nothing else is shown. Find what moves or loses customers (redirects, "
    "filters, logs that drop events, customers who were drawn twice), and run it again."
)

INTERVALS = (("low", "high", "read once", EXPECTED, 5.0),
             ("always_low", "always_high", "at every look", QUIET, 2.0))  # fmt: skip
"""Ends of an interval, its name, colour and width."""


LAST = ("At every look", "Variance removed")
"""Columns of the differences that are there with a planned end, and with covariates."""


def headline(reading: Reading, outcome: str) -> str:
    """Return one sentence: the mismatch, or what the arms did to the first outcome.

    Where looks before the end were planned, by the intervals that hold at every look.
    """
    if reading.ratio.mismatch:
        return "The groups are not what they were to be: nothing else is to be trusted"
    best = main_rows(reading, outcome)
    looked = bool(best["always_low"].notna().all())
    low, high = ("always_low", "always_high") if looked else ("low", "high")
    if len(best) == 1:
        row = best.iloc[0]
        ends = f"{signed(row[low])} to {signed(row[high])}"
        level = share(reading.level, 0)
        kind = f"{level} interval at every look" if looked else f"{level} interval"
        return f"{row['arm']}: {outcome} {signed(row['effect'])} ({kind} {ends})"
    sure = best.loc[(best[low] > 0) | (best[high] < 0), "arm"].tolist()
    told = ", ".join(sure) if sure else "none"
    return f"{len(sure)} of {len(best)} arms differ from the control in {outcome}: {told}"


def main_rows(reading: Reading, outcome: str) -> pd.DataFrame:
    """Return the differences of an outcome, the adjusted ones where there are any."""
    rows = reading.differences
    way = ADJUSTED if (rows["way"] == ADJUSTED).any() else PLAIN
    return rows.loc[(rows["outcome"] == outcome) & (rows["way"] == way), :]


def notes(reading: Reading) -> list[str]:
    """Return warnings in words."""
    if reading.ratio.mismatch:
        return [BROKEN.format(p=chance(reading.ratio.p_value))]
    nothing = [
        f"{name} is 0 for everybody: that is no sign that nothing differs; are its outcomes "
        "complete, and joined by customer_id?"
        for name, own in reading.differences.groupby("outcome", sort=False)
        if not own[["treated", "control", "standard_error"]].any(axis=None)
    ]
    return nothing + [
        f"{row['covariate']} differs between {row['arm']} and the control "
        f"({chance(row['p_value'])}): was it measured before the arm was drawn? What "
        "the arm can change takes away its own effect."
        for _, row in reading.unbalanced.iterrows()
    ]


def document(
    reading: Reading, outcomes: list[str], covariates: list[str], facts: dict[str, str]
) -> Document:
    """Return the page; after a mismatch it has the sizes of the groups and nothing else."""
    shown = [_ratio(reading)]
    if not reading.ratio.mismatch:
        shown += [_differences(reading, outcomes, covariates, facts), *_looks(reading)]
    return Document(
        title="Experiment",
        subtitle=facts.get("file", ""),
        headline=headline(reading, outcomes[0]),
        tiles=tiles(reading, outcomes[0]),
        notes=notes(reading),
        sections=shown,
        facts=facts,
    )


def tiles(reading: Reading, outcome: str) -> list[tuple[str, Cell]]:
    """Return the few numbers at the top: the groups, and the surest arm in the first outcome."""
    ratio = reading.ratio
    believed = "do not match" if ratio.mismatch else "match"
    first = [
        ("Customers", Cell(text=number(sum(ratio.counts.values())))),
        ("Groups", Cell(text=believed, small=chance(ratio.p_value))),
    ]
    if ratio.mismatch:
        shown = Cell(text="not shown", small="they cannot be told from the fault")
        return [*first, ("Differences", shown)]
    best = main_rows(reading, outcome)
    row = best.iloc[int(np.argmin(best["p_holm"]))]
    ends = f"{change(row['relative_low'])} to {change(row['relative_high'])}"
    return [
        *first,
        (
            f"{outcome}, {row['arm']}",
            Cell(text=signed(row["effect"]), small=f"of {significant(row['control'])}"),
        ),
        ("Relative", Cell(text=change(row["relative"]), small=ends)),
    ]


def signed(value: float) -> str:
    """Return a difference to three digits, with its sign."""
    text = significant(value, 3)
    return text if text.startswith("-") or not np.isfinite(value) else f"+{text}"


def chance(p: float) -> str:
    """Return a p-value in words, none smaller than anybody needs to know.

    Examples
    --------
    >>> chance(0.0312), chance(1e-30)
    ('p = 0.031', 'p < 0.0001')
    """
    return "p < 0.0001" if p < 1e-4 else f"p = {significant(p, 2)}"


def ratio_grid(reading: Reading) -> Grid:
    """Return one row per arm: customers there and expected."""
    ratio = reading.ratio
    rows = [
        [
            Cell(text=name, alarm=ratio.mismatch),
            Cell(text=number(count)),
            Cell(text=number(ratio.expected[name], 1)),
            Cell(text=change(count / ratio.expected[name] - 1 if ratio.expected[name] else None)),
        ]
        for name, count in ratio.counts.items()
    ]
    verdict = "do not match" if ratio.mismatch else "match"
    sentence = f"{chance(ratio.p_value)}: {verdict}"
    told = [Cell(text="all", small=sentence, alarm=ratio.mismatch)]
    whole = Cell(text=number(sum(ratio.counts.values())))
    rows.append([*told, whole, Cell(text=""), Cell(text="")])
    return Grid(head=["Arm", "Customers", "Expected", "Apart"], groups={"": rows})


def _ratio(reading: Reading) -> Section:
    words = RATIO._replace(bad=RATIO.bad.format(alarm=ALARM))
    return Section(anchor="ratio", words=words, tables={"": ratio_grid(reading)})


def differences_grid(reading: Reading) -> Grid:
    """Return one row per arm and way, grouped by outcome; what an interval proves stands out."""
    head = ["", "Control", "Arm", "Difference", "Relative", "p", *LAST]
    rows = reading.differences
    there = (bool(rows["always_low"].notna().any()), bool((rows["way"] == ADJUSTED).any()))
    kept = [i for i in range(len(head)) if i < len(head) - 2 or there[i - len(head)]]
    groups: dict[str, list[Row]] = {}
    for _, row in rows.iterrows():
        cells = _difference_row(row)
        groups.setdefault(str(row["outcome"]), []).append([cells[i] for i in kept])
    return Grid(head=[head[i] for i in kept], groups=groups)


def _difference_row(row: pd.Series) -> Row:
    proved = bool(row["low"] > 0 or row["high"] < 0)
    removed = share(row["variance_removed"]) if row["way"] == ADJUSTED else ""
    always = np.isfinite(row["always_low"])
    both = int(row["customers_treated"] + row["customers_control"])
    return [
        Cell(text=str(row["arm"]), small=f"{row['way']}, of {number(both)}"),
        Cell(text=significant(row["control"])),
        Cell(text=significant(row["treated"])),
        Cell(text=signed(row["effect"]), small=_ends(row, "low", "high"), strong=proved),
        Cell(
            text=change(row["relative"]),
            small=f"{change(row['relative_low'])} to {change(row['relative_high'])}",
        ),
        Cell(text=chance(row["p_holm"]).removeprefix("p = ").removeprefix("p ")),
        Cell(text=_ends(row, "always_low", "always_high") if always else number(None)),
        Cell(text=removed),
    ]


def _ends(row: pd.Series, low: str, high: str) -> str:
    return f"{signed(row[low])} to {signed(row[high])}"


def _differences(
    reading: Reading, outcomes: list[str], covariates: list[str], facts: dict[str, str]
) -> Section:
    arms = reading.differences["arm"].nunique()
    level, whole = share(reading.level, 2), facts.get("level", "")
    alpha = significant((1 - reading.level) * arms, 2)
    several = SEVERAL.format(arms=arms, level=level, whole=whole, alpha=alpha)
    always = bool(np.isfinite(reading.differences["always_low"].to_numpy(float)).any())
    read = DIFFERENCES.read.format(
        level=level,
        several=several if arms > 1 else "",
        adjusted=BY_COVARIATES.format(covariates=", ".join(covariates)) if covariates else "",
        always=ALWAYS.format(planned=facts.get("planned", "")) if always else "",
    )
    pictures = [
        Picture(title=outcome, figure=forest(own))
        for outcome in outcomes
        if len(own := reading.differences.loc[reading.differences["outcome"] == outcome, :])
    ]
    return Section(
        anchor="differences",
        words=DIFFERENCES._replace(read=read),
        pictures=pictures,
        tables={"": differences_grid(reading)},
    )


def forest(rows: pd.DataFrame) -> go.Figure:
    """Return the differences of one outcome as dots with their intervals, 0 a dotted line."""
    names = [
        f"{arm}<br>{way}" for arm, way in zip(rows["arm"], rows["way"].astype(str), strict=True)
    ]
    figure = go.Figure()
    for low, high, name, colour, width in reversed(INTERVALS):
        if rows[low].notna().any():
            figure.add_trace(_lines(names, rows[[low, high]].to_numpy(float), name))
            figure.data[-1].line.update(color=colour, width=width)
    dots = go.Scatter(x=rows["effect"], y=names, mode="markers", name="difference")
    figure.add_trace(dots.update(marker={"color": ACTUAL, "size": 9}, hovertemplate="%{x:,.4g}"))
    figure.add_vline(x=0, line={"color": WARM, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(title_text="difference from the control", tickformat=NUMBERS)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, automargin=True)
    return styled(figure, 150 + 48 * len(names))


def _lines(names: list[str], ends: np.ndarray, name: str) -> go.Scatter:
    x = np.column_stack([ends, np.full(len(ends), np.nan)]).ravel().tolist()
    y = [text for text in names for _ in range(3)]
    return go.Scatter(x=x, y=y, mode="lines", name=name, hovertemplate="%{x:,.4g}")


def _looks(reading: Reading) -> list[Section]:
    if reading.looks.empty:
        return []
    several = reading.looks["arm"].nunique() > 1
    pictures = [
        Picture(title=f"{outcome}, {arm}" if several else str(outcome), figure=looks(own))
        for (outcome, arm), own in reading.looks.groupby(["outcome", "arm"], sort=False)
    ]
    return [Section(anchor="looks", words=LOOKS, pictures=pictures)]


def looks(rows: pd.DataFrame) -> go.Figure:
    """Return the difference look by look, with the sequence and the interval that is read once."""
    x, figure = rows["customers"], go.Figure()
    bands = (("always", "at every look", "0.16"), ("", "read once", "0.32"))
    for start, name, strength in bands:
        low, high = (rows[f"{start}_{end}" if start else end] for end in ("low", "high"))
        figure.add_trace(_edge(x, high))
        area = _edge(x, low).update(fill="tonexty", name=name, showlegend=True)
        figure.add_trace(area.update(fillcolor=f"rgba(0, 114, 178, {strength})"))
    line = go.Scatter(x=x, y=rows["effect"], mode="lines", name="difference")
    figure.add_trace(line.update(line={"color": ACTUAL, "width": 2}, hovertemplate="%{y:,.4g}"))
    figure.add_hline(y=0, line={"color": WARM, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(title_text="customers of the arm and the control", tickformat=NUMBERS)
    figure.update_yaxes(title_text="difference", tickformat=NUMBERS)
    return styled(figure, 340)


def _edge(x: pd.Series, y: pd.Series) -> go.Scatter:
    edge = go.Scatter(x=x, y=y, mode="lines", line={"width": 0}, showlegend=False)
    return edge.update(hoverinfo="skip")
