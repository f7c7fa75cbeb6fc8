"""The sections of a report in order; a part without evidence gives none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import plotly.graph_objects as go

from lifeworth.report import chains, curves, figures, grids, history, posterior, segments
from lifeworth.report.captions import BAND, CLIMB, STOP, Caption, caption
from lifeworth.report.density import by_quantity
from lifeworth.report.evidence import Evidence
from lifeworth.report.grids import Grid
from lifeworth.report.wording import counted, number

MOST = 8
"""Quantities that are shown together; the others are folded away, as many at a time."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure and the line above it, which may be empty."""

    title: str
    figure: go.Figure


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of the page; a table with a title is folded away under it.

    Attributes
    ----------
    folded
        Further pictures by the title they are folded away under.
    look
        How many pictures stand in a row where the page is wide: two; "pairs": two also where it is
        less wide; "narrow": three.
    """

    anchor: str
    words: Caption
    pictures: list[Picture] = field(default_factory=list)
    folded: dict[str, list[Picture]] = field(default_factory=dict)
    look: Literal["", "pairs", "narrow"] = ""
    tables: dict[str, Grid] = field(default_factory=dict)


def sections(evidence: Evidence) -> list[Section]:
    """Return the sections for which there is evidence."""
    judged = (
        *(_holdout, _tracking, _calibration, _tiers, _reasons, _treated),
        *(_alive, _pit, _by_segment, _backtest),
    )
    believed = (_posterior, _forest, _prior_predictive, _diagnostics, _chains, _curves, _params)
    return [made for make in judged + believed if (made := make(evidence)) is not None]


def _holdout(evidence: Evidence) -> Section | None:
    frame = evidence.frame("holdout")
    if frame is None:
        return None
    words = caption("holdout", currency=evidence.currency)
    tables = {"": grids.holdout(frame)}
    if (less := evidence.frame("differences")) is not None:
        tables["How much better than the others, with intervals"] = grids.differences(less)
    return Section(anchor="holdout", words=words, tables=tables)


def _tracking(evidence: Evidence) -> Section | None:
    frame = evidence.frame("weekly")
    if frame is None:
        return None
    words = caption(
        "tracking", cutoff=str(evidence.cutoff), band=BAND if figures.has_bands(frame) else ""
    )
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


def _reasons(evidence: Evidence) -> Section | None:
    frame = evidence.frame("reasons")
    if frame is None:
        return None
    as_of = evidence.facts.get("scores as of", str(evidence.cutoff))
    return Section(
        anchor="reasons",
        words=caption("reasons", currency=evidence.currency, as_of=as_of),
        pictures=[Picture(title="", figure=figures.reasons(frame, evidence.currency))],
        tables={"": grids.reasons(frame)},
    )


def _treated(evidence: Evidence) -> Section | None:
    frame = evidence.frame("treated")
    if frame is None:
        return None
    words = caption("treated", currency=evidence.currency)
    return Section(
        anchor="treated", words=words, tables={"": grids.treated(frame, evidence.currency)}
    )


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


def _by_segment(evidence: Evidence) -> Section | None:
    frame = evidence.frame("by_segment")
    if frame is None:
        return None
    spent = segments.means(frame, evidence.currency)
    drawn = {"Inside the interval": segments.coverage(frame), "Value per customer": spent}
    return Section(
        anchor="by_segment",
        words=caption("by_segment"),
        pictures=_pictures(drawn),
        tables={
            f"{side.capitalize()} per customer, as a table": grids.by_segment(frame, side)
            for side in ("purchases", "value")
        },
    )


def _pictures(drawn: dict[str, go.Figure | None]) -> list[Picture]:
    return [Picture(title=t, figure=figure) for t, figure in drawn.items() if figure is not None]


def _folded(pictures: Sequence[Picture], each: int = 1) -> dict[str, list[Picture]]:
    """Return the pictures after those of the first 8 quantities; `each` quantity has so many."""
    size = MOST * each
    starts = range(size, len(pictures), size)
    groups = [list(pictures[start : start + size]) for start in starts]
    last = len(pictures) // each
    titles = [f"Quantities {i // each + 1} to {min(i // each + MOST, last)}" for i in starts]
    return dict(zip(titles, groups, strict=True))


def _backtest(evidence: Evidence) -> Section | None:
    rows = evidence.frame("backtest")
    if rows is None:
        return None
    frame = history.by_cutoff(rows)
    words = caption("backtest", count=counted(frame["cutoff"].nunique(), "cut-off"))
    picture = Picture(title="", figure=history.backtest(frame, evidence.currency))
    tables = {"": grids.backtest(frame)}
    return Section(anchor="backtest", words=words, pictures=[picture], tables=tables)


def _posterior(evidence: Evidence) -> Section | None:
    frame = evidence.frame("posterior")
    if frame is None or not (quantities := by_quantity(frame)):
        return None
    drawn = {name: posterior.learned(own) for name, own in quantities.items()}
    pictures = _pictures(drawn)
    return Section(
        anchor="posterior",
        words=caption("posterior"),
        pictures=pictures[:MOST],
        folded=_folded(pictures),
        look="narrow",
        tables={"Prior and posterior, as a table": grids.learned(frame)},
    )


def _forest(evidence: Evidence) -> Section | None:
    frame = evidence.frame("forest")
    if frame is None:
        return None
    drawn = {str(n): posterior.forest(own) for n, own in frame.groupby("quantity", sort=False)}
    pictures = _pictures(drawn)
    if not pictures:
        return None
    return Section(
        anchor="forest",
        words=caption("forest"),
        pictures=pictures[:MOST],
        folded=_folded(pictures),
    )


def _prior_predictive(evidence: Evidence) -> Section | None:
    frame = evidence.frame("prior_predictive")
    if frame is None or not (quantities := by_quantity(frame)):
        return None
    drawn = {name: posterior.foreseen(own) for name, own in quantities.items()}
    pictures = _pictures(drawn)
    return Section(
        anchor="prior_predictive",
        words=caption("prior_predictive"),
        pictures=pictures[:MOST],
        folded=_folded(pictures),
        look="narrow",
        tables={"Prior and observed, as a table": grids.foreseen(frame)},
    )


def _diagnostics(evidence: Evidence) -> Section | None:
    measures, steps = evidence.frame("diagnostics"), evidence.frame("elbo")
    if measures is None and steps is None:
        return None
    climbs = "" if steps is None else CLIMB
    words = caption("diagnostics", climb=climbs, stop=STOP if climbs else "")
    parts = [] if steps is None else steps.groupby("quantity", sort=False)
    drawn = {f"Evidence lower bound (ELBO), {name}": chains.elbo(own) for name, own in parts}
    tables = {} if measures is None else {"": grids.diagnostics(measures)}
    return Section(anchor="diagnostics", words=words, pictures=_pictures(drawn), tables=tables)


def _chains(evidence: Evidence) -> Section | None:
    frame = evidence.frame("chains")
    if frame is None or not (quantities := by_quantity(frame)):
        return None
    pictures: list[Picture] = []
    for name, own in quantities.items():
        pictures.append(Picture(title=name, figure=chains.trace(own)))
        pictures.append(Picture(title=f"{name}: ranks", figure=chains.ranks(own)))
    return Section(
        anchor="chains",
        words=caption("chains"),
        pictures=pictures[: 2 * MOST],
        folded=_folded(pictures, each=2),
        look="pairs",
    )


def _curves(evidence: Evidence) -> Section | None:
    frame = evidence.frame("curves")
    if frame is None:
        return None
    picture = Picture(title="", figure=curves.losses(frame))
    return Section(anchor="curves", words=caption("curves"), pictures=[picture])


def _params(evidence: Evidence) -> Section | None:
    frame = evidence.frame("params")
    if frame is None:
        return None
    words = caption("params")
    return Section(anchor="params", words=words, tables={"": grids.params(frame)})
