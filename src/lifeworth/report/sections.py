"""The sections of a report in order; a part without evidence gives none."""

from dataclasses import dataclass, field

import plotly.graph_objects as go

from lifeworth.report import figures, grids, history
from lifeworth.report.captions import Caption, caption
from lifeworth.report.evidence import Evidence
from lifeworth.report.grids import Grid
from lifeworth.report.wording import counted, number


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure and the line above it, which may be empty."""

    title: str
    figure: go.Figure


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of the page; a table with a title is folded away under it."""

    anchor: str
    words: Caption
    pictures: list[Picture] = field(default_factory=list)
    tables: dict[str, Grid] = field(default_factory=dict)


def sections(evidence: Evidence) -> list[Section]:
    """Return the sections for which there is evidence."""
    makers = (_holdout, _tracking, _calibration, _tiers, _alive, _pit, _backtest, _params)
    return [made for make in makers if (made := make(evidence)) is not None]


def _holdout(evidence: Evidence) -> Section | None:
    frame = evidence.frame("holdout")
    if frame is None:
        return None
    words = caption("holdout", currency=evidence.currency)
    return Section(anchor="holdout", words=words, tables={"": grids.holdout(frame)})


def _tracking(evidence: Evidence) -> Section | None:
    frame = evidence.frame("weekly")
    if frame is None:
        return None
    words = caption("tracking", cutoff=str(evidence.cutoff))
    picture = Picture(title="", figure=figures.tracking(frame, evidence.cutoff))
    return Section(anchor="tracking", words=words, pictures=[picture])


def _calibration(evidence: Evidence) -> Section | None:
    purchases, value = evidence.frame("purchase_deciles"), evidence.frame("value_deciles")
    pictures: list[Picture] = []
    tables: dict[str, Grid] = {}
    if purchases is not None:
        chart = figures.calibration(purchases, "purchases")
        pictures.append(Picture(title="Purchases per customer", figure=chart))
        tables["Purchases per customer, as a table"] = grids.deciles(purchases, cents=False)
    if value is not None:
        chart = figures.calibration(value, evidence.currency, scale=0.01)
        pictures.append(Picture(title=f"Value per customer, {evidence.currency}", figure=chart))
        tables["Value per customer, as a table"] = grids.deciles(value, cents=True)
    if not pictures:
        return None
    words = caption("calibration")
    return Section(anchor="calibration", words=words, pictures=pictures, tables=tables)


def _tiers(evidence: Evidence) -> Section | None:
    frame = evidence.frame("tiers")
    if frame is None:
        return None
    pictures = [Picture(title="", figure=figures.tiers(frame))]
    tables = {"": grids.tiers(frame, evidence.currency)}
    return Section(anchor="tiers", words=caption("tiers"), pictures=pictures, tables=tables)


def _alive(evidence: Evidence) -> Section | None:
    frame = evidence.frame("alive")
    if frame is None:
        return None
    ages = list(frame["age_days"].unique()) if "age_days" in frame else []
    seen = f" first seen {number(ages[0])} days before the cut-off" if len(ages) == 1 else ""
    picture = Picture(title="", figure=figures.alive(frame))
    words = caption("alive", who=f"a customer{seen}")
    return Section(anchor="alive", words=words, pictures=[picture])


def _pit(evidence: Evidence) -> Section | None:
    frame = evidence.frame("pit")
    if frame is None:
        return None
    measured = [c for c in ("purchases", "value") if frame[c].notna().any()]
    drawn = [Picture(title=c.capitalize(), figure=figures.pit(frame, c)) for c in measured]
    return Section(anchor="pit", words=caption("pit"), pictures=drawn) if drawn else None


def _backtest(evidence: Evidence) -> Section | None:
    rows = evidence.frame("backtest")
    if rows is None:
        return None
    frame = history.by_cutoff(rows)
    words = caption("backtest", count=counted(frame["cutoff"].nunique(), "cut-off"))
    picture = Picture(title="", figure=history.backtest(frame, evidence.currency))
    tables = {"": grids.backtest(frame)}
    return Section(anchor="backtest", words=words, pictures=[picture], tables=tables)


def _params(evidence: Evidence) -> Section | None:
    frame = evidence.frame("params")
    if frame is None:
        return None
    words = caption("params")
    return Section(anchor="params", words=words, tables={"": grids.params(frame)})
