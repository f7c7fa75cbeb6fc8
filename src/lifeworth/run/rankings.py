"""The pipeline of a ranking: which products come next, judged by what did."""

import datetime as dt
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.evaluate.chances import calibration_error, calibration_interval
from lifeworth.evaluate.ranking import expected, listed, mean_intervals, means
from lifeworth.models.ranking import ranking
from lifeworth.report.page import write as write_report
from lifeworth.report.ranking import print_ranking
from lifeworth.run import outputs, tracking
from lifeworth.run.config import RunConfig
from lifeworth.run.cutting import load_visits
from lifeworth.run.kinds import kind_of
from lifeworth.run.progress import steps
from lifeworth.run.ranking_evidence import evidence
from lifeworth.run.ranking_judging import (
    Judged,
    Question,
    Shown,
    gives_chances,
    judge,
    question_of,
)
from lifeworth.tables.visits import Visits


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
        visits = load_visits(config, now)
        if config.ranking.visits is not None:
            visits = visits.first(config.ranking.visits)
        question = question_of(visits, config.ranking)
        judged = []
        for name, recipe in models.items():
            step(f"fitting and asking {name}")
            judged.append(judge(name, recipe, question, config))
        step("resampling")
        resampling = Resampling(resamples=config.resamples, seed=config.seed)
        measured = measures(judged, question, config, resampling)
        apart = differences(judged, question, config, resampling)
        chances = calibration(judged, question, resampling)
        step("writing")
        card = scorecard(config, visits, question, judged[0], (measured, chances))
        lists = ranking(question.asked.visit_id, question.asked.product_id, judged[0].top)
        left = {
            outputs.RECOMMENDATIONS: lists.frame,
            outputs.MEASURES: measured,
            outputs.WANTED: visits.wanted,
            outputs.CHANCES: chances if len(chances) else None,
            outputs.PRODUCTS: visits.products,
            outputs.GRAPH: visits.graph,
        }
        outputs.write(folder, card, None, judged[0].fitted, left)
        shown = evidence(config, visits, judged, (measured, apart, chances), lists, card)
        report = write_report(shown, folder / outputs.REPORT)
    print_ranking(shown, console, report)
    with console.status("keeping the run in MLflow"):
        tracking.keep(config, card, folder)
    return card


def measures(
    judged: list[Judged], question: Question, config: RunConfig, resampling: Resampling
) -> pd.DataFrame:
    """Return model, length, measure, value, low, high (the 90 % interval) and expected.

    `expected` is the value with ties in any order. The measure "value" is in cents, and there where
    money is known.
    """
    rows = []
    for model in judged:
        for length in sorted({*config.ranking.lengths, config.ranking.at}):
            by_visit = listed(model.places, length, question.value)
            value = means(by_visit)
            tied = means(expected(model.places, length, question.value))
            ends = mean_intervals(by_visit, question.cluster, resampling)
            rows += [(model.name, length, n, value[n], *ends[n], tied[n]) for n in value]
    columns = ["model", "length", "measure", "value", "low", "high", "expected"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def differences(
    judged: list[Judged], question: Question, config: RunConfig, resampling: Resampling
) -> pd.DataFrame:
    """Return other, measure, difference, low, high: the first model less each other one."""
    rows = []
    at, value = config.ranking.at, question.value
    own = listed(judged[0].places, at, value)
    for other in judged[1:]:
        apart = own - listed(other.places, at, value)
        ends = mean_intervals(apart, question.cluster, resampling)
        rows += [(other.name, n, value, *ends[n]) for n, value in means(apart).items()]
    columns = ["other", "measure", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def calibration(judged: list[Judged], question: Question, resampling: Resampling) -> pd.DataFrame:
    """Return model, measure, value, low, high, of the models that give chances.

    `calibration_error` (and `calibration_error_raw`, before the model's calibration) is over what
    the lists show; `value_by_worth` is the value found by lists in the order of chance x money, and
    `value_by_calibration` how much of it lists by raw chance x money would not find; cents a visit.
    """
    rows = []
    for model in [m for m in judged if m.shown is not None and len(m.shown.visit)]:
        shown: Shown = model.shown
        cluster = question.cluster[shown.visit]
        said = {"calibration_error": shown.chance, "calibration_error_raw": shown.raw}
        for name, chance in said.items():
            if chance is not None:
                ends = calibration_interval(chance, shown.came, cluster, resampling)
                value = calibration_error(chance, shown.came)
                rows.append((model.name, name, value, *ends))
        if shown.earned is not None:
            earned = pd.DataFrame({"value_by_worth": shown.earned})
            if shown.earned_raw is not None:
                earned["value_by_calibration"] = shown.earned - shown.earned_raw
            ends = mean_intervals(earned, question.cluster, resampling)
            rows += [(model.name, n, value, *ends[n]) for n, value in means(earned).items()]
    columns = ["model", "measure", "value", "low", "high"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def scorecard(
    config: RunConfig,
    visits: Visits,
    question: Question,
    own: Judged,
    tables: tuple[pd.DataFrame, pd.DataFrame],
) -> dict[str, Any]:
    """Return the flat scorecard of the model: hit_at_20 and the others, with intervals, and facts.

    <measure>_at_<k>_ties_averaged is the measure with equal scores in any order; value_at_<k>, in
    cents a visit, is given for every length. chance_at_<k> and came_at_<k> are the mean chance of
    what lists show, and the share of it that came. `tables`: those of `measures` and `calibration`.
    """
    at = config.ranking.at
    measured, chances = (table[table["model"] == own.name] for table in tables)
    numbers: dict[str, float] = {
        "visits": float(question.asked.visits),
        "products": float(question.asked.products),
        "unknown_wanted": float((question.product < 0).sum()),
    }
    rows = measured[(measured["length"] == at) | (measured["measure"] == "value")]
    for row in rows.to_dict("records"):
        name = f"{row['measure']}_at_{row['length']}"
        numbers |= _with_ends(name, row)
        numbers[f"{name}_ties_averaged"] = float(row["expected"])
    for row in chances.to_dict("records"):
        numbers |= _with_ends(f"{row['measure']}_at_{at}", row)
    if own.shown is not None and len(own.shown.visit):
        numbers[f"chance_at_{at}"] = float(own.shown.chance.mean())
        numbers[f"came_at_{at}"] = float(own.shown.came.mean())
    return {
        **numbers,
        f"coverage_at_{at}": own.spread.coverage,
        f"gini_at_{at}": own.spread.gini,
        "model": own.name,
        "visit_is": visits.unit,
        "only_new": question.new,
        "score_is": "chance" if gives_chances(own.fitted, question) else "score",
        "cutoff": visits.cutoff,
        "seconds_fit": own.seconds_fit,
        "seconds_score": own.seconds_score,
        "data_hash": visits.content_hash(),
        "value_is": visits.value_is,
        "currency": visits.currency,
        "lifeworth_version": version("lifeworth"),
    }


def _with_ends(name: str, row: dict[Any, Any]) -> dict[str, float]:
    ends = {"": "value", "_low": "low", "_high": "high"}
    return {f"{name}{end}": float(row[column]) for end, column in ends.items()}
