"""The pipeline of a ranking: which products come next, judged by what did."""

import datetime as dt
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from lifeworth.asof.baskets import Trails, catalogue, numbered, trails
from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.evaluate.ranking import (
    Places,
    Spread,
    expected,
    joined,
    listed,
    mean_intervals,
    means,
    places,
    spread_of,
)
from lifeworth.models.basket.attach import Attached
from lifeworth.models.ranker.repeat import Repeats
from lifeworth.models.ranker.union import Blend
from lifeworth.models.ranking import Ranking, Ranks, Top, parts, ranking, top, unseen
from lifeworth.report.page import write as write_report
from lifeworth.report.ranking import RankingEvidence, print_ranking
from lifeworth.run import outputs, tracking
from lifeworth.run.config import RunConfig
from lifeworth.run.kinds import kind_of
from lifeworth.run.progress import steps
from lifeworth.tables.sources.shape import HasProducts
from lifeworth.tables.visits import Unit, Visits

CHANCES: dict[type, tuple[Unit, ...]] = {
    Attached: ("cart",),
    Blend: ("session", "customer"),
    Repeats: ("session", "customer", "basket"),
}
"""Fitted models whose scores are chances that a product is among what comes next, and of what."""

SHOWN = 20
"""Touches of an example that are told."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """Visits that are asked about, and what came next.

    Attributes
    ----------
    learnt, asked
        Visits to learn from, and the others.
    visit, product
        What came next, by visit of `asked`; -1 for a product nobody touched before.
    cluster
        Of each visit of `asked`.
    """

    learnt: Trails
    asked: Trails
    visit: np.ndarray
    product: np.ndarray
    cluster: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """One model's lists, and where what came next stands in them."""

    name: str
    fitted: Ranks
    places: Places
    top: Top
    spread: Spread
    seconds_fit: float
    seconds_score: float


def run(config: RunConfig, folder: Path) -> dict[str, Any]:
    """Fit rankers to visits, judge their lists on other visits, and report.

    Leaves everything in `folder` and a run in MLflow; returns the scorecard.
    """
    console, now = Console(), dt.datetime.now(dt.UTC).replace(tzinfo=None)
    others = {
        name: recipe for name, recipe in config.baselines.items() if kind_of(recipe) == "ranking"
    }
    models = {config.names.model: config.model, **others}
    with steps(console, 3 + len(models)) as step:
        step(f"reading {config.names.data}")
        visits: Visits = config.data.load(latest=now)
        if config.ranking.visits is not None:
            visits = visits.first(config.ranking.visits)
        question = question_of(visits)
        judged = []
        for name, recipe in models.items():
            step(f"fitting and asking {name}")
            judged.append(judge(name, recipe, question, config))
        step("resampling")
        resampling = Resampling(resamples=config.resamples, seed=config.seed)
        measured = measures(judged, question, config, resampling)
        apart = differences(judged, question, config, resampling)
        step("writing")
        card = scorecard(config, visits, question, judged[0], measured)
        lists = ranking(question.asked.visit_id, question.asked.product_id, judged[0].top)
        left = {
            outputs.RECOMMENDATIONS: lists.frame,
            outputs.MEASURES: measured,
            outputs.WANTED: visits.wanted,
        }
        if isinstance(config.data, HasProducts):
            left[outputs.PRODUCTS] = config.data.products()
        outputs.write(folder, card, None, judged[0].fitted, left)
        shown = evidence(config, visits, judged, (measured, apart), lists, card)
        report = write_report(shown, folder / outputs.REPORT)
    print_ranking(shown, console, report)
    with console.status("keeping the run in MLflow"):
        tracking.keep(config, card, folder)
    return card


def question_of(visits: Visits) -> Question:
    """Return visits as numbers; the catalogue is what was touched in those to learn from."""
    products, ids = catalogue(visits.train), visits.asked_ids
    wanted = pd.DataFrame(
        {
            "visit": ids.get_indexer(pd.Index(visits.wanted["visit_id"])),
            "product": numbered(visits.wanted["product_id"], products),
        }
    ).sort_values(["visit", "product"])
    return Question(
        learnt=trails(visits.train, products),
        asked=trails(visits.asked, products, ids),
        visit=wanted["visit"].to_numpy(dtype=np.int64),
        product=wanted["product"].to_numpy(dtype=np.int64),
        cluster=visits.clusters.loc[ids].to_numpy(),
    )


def judge(name: str, recipe: Any, question: Question, config: RunConfig) -> Judged:
    """Fit a recipe, rank the whole catalogue for every visit, and find what came next."""
    new = config.ranking.seen == "leave_out"
    longest = max(*config.ranking.lengths, config.ranking.at)
    most = longest + (int(np.diff(question.asked.start).max()) if new else 0)
    began = time.perf_counter()
    fitted: Ranks = recipe.fit(question.learnt, config.seed)
    done = time.perf_counter()
    found: list[Places] = []
    tops: list[Top] = []
    first = 0
    for own, told in parts(fitted, question.asked, most):
        scores = unseen(told, own) if new else told
        rows = slice(*np.searchsorted(question.visit, [first, first + own.visits]))
        found.append(places(scores, question.visit[rows] - first, question.product[rows]))
        tops.append(top(scores, config.ranking.at))
        first += own.visits
    whole = Top(*(np.concatenate(columns) for columns in zip(*tops, strict=True)))
    return Judged(
        name=name,
        fitted=fitted,
        places=joined(found),
        top=whole,
        spread=spread_of(whole.product, question.asked.products),
        seconds_fit=done - began,
        seconds_score=time.perf_counter() - done,
    )


def measures(
    judged: list[Judged], question: Question, config: RunConfig, resampling: Resampling
) -> pd.DataFrame:
    """Return model, length, measure, value, low, high and expected.

    `expected` is the value with ties in any order; low and high, the 90 % interval, are given at
    the length of the scorecard.
    """
    rows = []
    for model in judged:
        for length in sorted({*config.ranking.lengths, config.ranking.at}):
            by_visit = listed(model.places, length)
            value, tied = means(by_visit), means(expected(model.places, length))
            ends = {}
            if length == config.ranking.at:
                ends = mean_intervals(by_visit, question.cluster, resampling)
            for name in value:
                low, high = ends.get(name, (float("nan"), float("nan")))
                rows.append((model.name, length, name, value[name], low, high, tied[name]))
    columns = ["model", "length", "measure", "value", "low", "high", "expected"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def differences(
    judged: list[Judged], question: Question, config: RunConfig, resampling: Resampling
) -> pd.DataFrame:
    """Return other, measure, difference, low, high: the first model less each other one."""
    rows = []
    own = listed(judged[0].places, config.ranking.at)
    for other in judged[1:]:
        apart = own - listed(other.places, config.ranking.at)
        ends = mean_intervals(apart, question.cluster, resampling)
        rows += [(other.name, n, value, *ends[n]) for n, value in means(apart).items()]
    columns = ["other", "measure", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def scorecard(
    config: RunConfig, visits: Visits, question: Question, own: Judged, measured: pd.DataFrame
) -> dict[str, Any]:
    """Return the flat scorecard of the model: hit_at_20 and the others, with intervals, and facts.

    <measure>_at_<k>_ties_averaged is the measure with equal scores in any order.
    """
    at = config.ranking.at
    rows = measured[(measured["model"] == own.name) & (measured["length"] == at)]
    numbers: dict[str, float] = {
        "visits": float(question.asked.visits),
        "products": float(question.asked.products),
        "unknown_wanted": float((question.product < 0).sum()),
    }
    for row in rows.to_dict("records"):
        name = f"{row['measure']}_at_{at}"
        numbers |= {
            name: float(row["value"]),
            f"{name}_low": float(row["low"]),
            f"{name}_high": float(row["high"]),
            f"{name}_ties_averaged": float(row["expected"]),
        }
    return {
        **numbers,
        f"coverage_at_{at}": own.spread.coverage,
        f"gini_at_{at}": own.spread.gini,
        "model": own.name,
        "score_is": "chance" if visits.unit in CHANCES.get(type(own.fitted), ()) else "score",
        "cutoff": "as published",
        "seconds_fit": own.seconds_fit,
        "seconds_score": own.seconds_score,
        "data_hash": visits.content_hash(),
        "value_is": "hits",
        "currency": "none",
        "lifeworth_version": version("lifeworth"),
    }


def evidence(
    config: RunConfig,
    visits: Visits,
    judged: list[Judged],
    tables: tuple[pd.DataFrame, pd.DataFrame],
    lists: Ranking,
    card: dict[str, Any],
) -> RankingEvidence:
    """Return what the report of a ranking shows."""
    own = judged[0]
    notes = []
    if config.ranking.visits is not None:
        notes.append(f"Only the first {config.ranking.visits:,} visits are judged.")
    if config.names.debug:
        notes.append(f"debug={config.names.debug}: made in a hurry, the figures mean nothing.")
    facts = {
        "source": f"{config.names.data}: {config.data.about.what}",
        "data hash": card["data_hash"],
        "a visit is": visits.unit,
        "learnt from": f"{visits.train['visit_id'].nunique():,} visits, {len(visits.train):,} "
        "touches",
        "products": f"{int(card['products']):,}, all of them ranked for every visit",
        "products touched before": config.ranking.seen.replace("_", " "),
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
        examples=examples(visits, lists, config.ranking.examples),
        facts=facts,
        notes=notes,
    )


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
