"""What the report of a ranking shows, gathered."""

from typing import Any

import numpy as np
import pandas as pd

from lifeworth.evaluate.chances import reliability, reliability_by
from lifeworth.models.ranking import Ranking
from lifeworth.report.ranking import RankingEvidence
from lifeworth.run.config import RunConfig
from lifeworth.run.finished import chances_off
from lifeworth.run.ranking_judging import Judged
from lifeworth.tables.visits import Visits

CATEGORIES = 20
"""Categories whose chances are judged: those shown most."""

SHOWN = 20
"""Touches of an example that are told."""


def evidence(
    config: RunConfig,
    visits: Visits,
    judged: list[Judged],
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
    lists: Ranking,
    card: dict[str, Any],
) -> RankingEvidence:
    """Return what the report of a ranking shows.

    `tables`: those of `run.rankings`' measures, differences and calibration.
    """
    own = judged[0]
    notes = chances_off(card)
    if config.ranking.visits is not None:
        notes.append(f"Only the first {config.ranking.visits:,} visits are judged.")
    if config.names.debug:
        notes.append(f"debug={config.names.debug}: made in a hurry, the figures mean nothing.")
    facts = {
        "source": f"{config.names.data}: {config.data.about.what}",
        "data hash": card["data_hash"],
        "a visit is": _unit(visits, config),
        "cut-off": visits.cutoff,
        "money": f"{visits.value_is} in {visits.currency}",
        "learnt from": f"{visits.train['visit_id'].nunique():,} visits, {len(visits.train):,} "
        "touches",
        "products": f"{int(card['products']):,}, all of them ranked for every visit",
        "products touched before": "left out" if card["only_new"] else "kept",
        "wanted but never touched before": f"{int(card['unknown_wanted']):,}, counted as misses",
        "seed": str(config.seed),
        "what the model says": " ".join(own.fitted.notes()),
        "versions": f"lifeworth {card['lifeworth_version']}",
    }
    spread = [
        (m.name, m.spread.coverage, m.spread.gini, m.seconds_fit, m.seconds_score) for m in judged
    ]
    columns = ["model", "coverage", "gini", "seconds_fit", "seconds_score"]
    return RankingEvidence(
        title=config.title,
        subtitle=f"{own.name} on {config.names.data}",
        model=own.name,
        at=config.ranking.at,
        visits=int(card["visits"]),
        measures=tables[0],
        models=pd.DataFrame(spread, columns=pd.Index(columns)),
        differences=tables[1],
        chances=tables[2],
        reliability=_reliability(own),
        reliability_by=_reliability_by(own, visits.products, visits.currency),
        currency=visits.currency,
        examples=examples(visits, lists, config.ranking.examples),
        facts=facts,
        notes=notes,
    )


def _unit(visits: Visits, config: RunConfig) -> str:
    """Say what a visit is, and what of it is wanted."""
    if visits.products is None or visits.unit == "session":
        return visits.unit
    wanted = {
        "cart": f"{config.ranking.hide} of its products, hidden, are wanted",
        "basket": "what the customer buys next is wanted",
    }
    days = f"what the customer buys within {visits.days} days is wanted"
    return f"{visits.unit}; {wanted.get(visits.unit, days)}"


def _reliability(own: Judged) -> dict[str, pd.DataFrame]:
    """Return the reliability of what the lists show, by what is said of the chances."""
    if own.shown is None or not len(own.shown.visit):
        return {}
    said = {"chances": own.shown.chance, "before calibration": own.shown.raw}
    return {
        name: reliability(chance, own.shown.came)
        for name, chance in said.items()
        if chance is not None
    }


def _reliability_by(
    own: Judged, products: pd.DataFrame | None, currency: str
) -> dict[str, pd.DataFrame]:
    """Return the reliability by category and by price of what the lists show, where known."""
    if own.shown is None or not len(own.shown.visit) or products is None:
        return {}
    rows = own.fitted.product_id[own.shown.product].astype(object)
    told = products.set_index("product_id").reindex(rows).reset_index(drop=True)
    groups = {}
    if "category" in told:
        often = told["category"].value_counts().head(CATEGORIES).index
        groups["category"] = told["category"].where(told["category"].isin(often))
    money = next((name for name in ("price_cents", "margin_cents") if name in told), None)
    if money is not None:
        name = "price" if money == "price_cents" else "margin"
        groups[f"{name}, {currency}"] = _deciles(told[money])
    said = own.shown.chance, own.shown.came
    tables = {name: reliability_by(group, *said) for name, group in groups.items()}
    return {name: table for name, table in tables.items() if len(table)}


def _deciles(cents: pd.Series) -> pd.Series:
    """Return tenths of what is shown by money, as intervals in units of it."""
    units = cents.astype("float64") / 100
    return pd.qcut(units, 10, duplicates="drop", precision=2)


def examples(visits: Visits, lists: Ranking, count: int) -> pd.DataFrame:
    """Return visits at even steps: visit_id, touched (text), list and wanted (product ids)."""
    ids = visits.asked_ids
    taken = ids[np.unique(np.linspace(0, len(ids) - 1, min(count, len(ids))).astype(int))]
    touched = {v: f["product_id"].tolist() for v, f in _of(visits.asked, taken)}
    shown = {v: f["product_id"].tolist() for v, f in _of(lists.frame, taken)}
    wanted = {v: f["product_id"].tolist() for v, f in _of(visits.wanted, taken)}
    rows = [(v, _told(touched[v]), shown.get(v, []), wanted[v]) for v in taken]
    return pd.DataFrame(rows, columns=pd.Index(["visit_id", "touched", "list", "wanted"]))


def _of(frame: pd.DataFrame, ids: pd.Index) -> Any:
    return frame[frame["visit_id"].isin(ids)].groupby("visit_id", sort=False)


def _told(products: list[str]) -> str:
    last = ", ".join(products[-SHOWN:])
    return f"... {last}" if len(products) > SHOWN else last
