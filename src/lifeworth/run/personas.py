"""The pipeline of personas: who is alike, whether that is true, and whether it tells anything."""

import datetime as dt
import math
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from rich.console import Console

from lifeworth.asof.split import latest
from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.evaluate.persona_use import Usefulness
from lifeworth.evaluate.personas import Verdict, gate, legacy_gate, unsteady
from lifeworth.models.membership import Membership
from lifeworth.models.personas.fit import Found, found
from lifeworth.report.page import write as write_report
from lifeworth.report.personas import PersonaEvidence, print_personas
from lifeworth.report.wording import spaced
from lifeworth.run import outputs, tracking
from lifeworth.run.config import RunConfig
from lifeworth.run.kinds import kind_of
from lifeworth.run.main import cuts
from lifeworth.run.persona_judging import (
    Judged,
    Months,
    Pairs,
    customers,
    flat,
    judged,
    over_time,
    snake,
    use_of,
)
from lifeworth.run.progress import Steps, steps
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError


class Done(NamedTuple):
    """What a run found: uses by model, months where there are several cut-offs, both verdicts.

    `missing` says what could not be found beside the model: a baseline, or an earlier month.
    """

    own: Judged
    uses: pd.DataFrame
    months: Months | None
    verdict: Verdict
    legacy: Verdict
    seconds: float
    missing: tuple[str, ...]


def run(config: RunConfig, folder: Path) -> dict[str, Any]:
    """Find personas, judge them, and report.

    Leaves everything in `folder` and a run in MLflow; returns the scorecard.
    """
    console, now = Console(), dt.datetime.now(dt.UTC).replace(tzinfo=None)
    with steps(
        console, 4 + sum(kind_of(r) == "personas" for r in config.baselines.values())
    ) as step:
        step(f"reading {config.names.data}")
        tables = config.data.load(latest=now)
        pairs = list(cuts(tables, config.split))
        done = find(config, pairs, step)
        step("writing")
        card = scorecard(config, tables, done, str(pairs[-1][0].cutoff))
        members = _members(config, tables, done)
        outputs.write(folder, card, None, done.own.fit.personas, left(done, members))
        shown = evidence(config, done, card)
        report = write_report(shown, folder / outputs.REPORT)
    print_personas(shown, console, report)
    with console.status("keeping the run in MLflow"):
        tracking.keep(config, card, folder)
    return card


def find(config: RunConfig, pairs: Pairs, step: Steps) -> Done:
    """Find and judge the personas of the model at the last cut-off, and those of the baselines."""
    resampling = Resampling(resamples=config.resamples, seed=config.seed)
    history, future = pairs[-1]
    step(f"finding and judging {config.names.model}")
    began = time.perf_counter()
    own = judged(config.model.plan(), pairs[-1], config.seed, resampling)
    seconds = time.perf_counter() - began
    rows, missing = [_row(config.names.model, own.fit, own.judgement.usefulness)], []
    for name, recipe in config.baselines.items():
        if kind_of(recipe) == "personas":
            step(f"finding {name}")
            try:
                other = found(recipe.plan(), history, config.seed)
            except InputError as error:
                missing.append(f"{name} is not compared: {error}.")
                continue
            members = other.personas.score(history, future.horizon)
            rows.append(_row(name, other, use_of(other, members, future, resampling)))
    step("fitting again, cut-off by cut-off")
    as_chosen, months = config.model.plan()._replace(find=own.fit.clusters.again), None
    try:
        months = over_time(as_chosen, pairs, config.seed)
    except InputError as error:
        missing.append(f"There is no story from month to month: {error}.")
    return Done(
        own=own,
        uses=pd.DataFrame(rows),
        months=months,
        verdict=gate(own.judgement),
        legacy=legacy_gate(own.judgement.structure),
        seconds=seconds,
        missing=tuple(missing),
    )


def _row(name: str, fit: Found, use: Usefulness) -> dict[str, Any]:
    return {"model": name, "personas": fit.clusters.count} | flat(use)


def scorecard(config: RunConfig, tables: Tables, done: Done, cutoff: str) -> dict[str, Any]:
    """Return the flat scorecard: measures under their own names, both verdicts, and facts.

    Measures that a model has not (the persistence of K-Means) are left out.
    """
    of, personas = done.own.judgement, done.own.fit.personas
    numbers = {
        "customers": float(personas.customers),
        **{name: float(value) for name, value in asdict(of.structure).items()},
        "stability_mean": of.mean_stability,
        "stability_least": float(of.stability.min()),
        "artefact_adjusted_rand": of.artefact.adjusted_rand,
        "artefact_adjusted_mutual_information": of.artefact.adjusted_mutual_information,
        "null_p": of.null.p_value,
        **flat(of.usefulness),
        "unassigned_share": personas.noise_share,
        "outlier_value_share": personas.outlier_value_share,
        "recognised": personas.recognised,
        "passed": float(done.verdict.passed),
        "legacy_passed": float(done.legacy.passed),
        "seconds_fit": done.seconds,
    }
    if done.months is not None:
        means = done.months.refits[["changed", "anew", "anew_raw"]].mean()
        names = ("changed_by_refit", "changed_by_refit_anew", "changed_by_refit_anew_raw")
        numbers |= dict(zip(names, map(float, means), strict=True))
    return {
        **{name: value for name, value in numbers.items() if not math.isnan(value)},
        "verdict": done.verdict.sentence,
        "legacy_verdict": done.legacy.sentence,
        "artefact_column": of.artefact.column,
        "kind": personas.kind,
        "model": config.names.model,
        "cutoff": cutoff,
        "data_hash": tables.content_hash(),
        "value_is": tables.value_is,
        "currency": tables.currency,
        "lifeworth_version": version("lifeworth"),
        "debug": config.names.debug or "",
    }


def left(done: Done, members: Membership) -> dict[str, pd.DataFrame | None]:
    """Return the tables a run leaves, by file name."""
    frame = members.frame.rename(columns={"persona_name": "name", "nearest_persona": "nearest"})
    return {
        outputs.PERSONAS: frame,
        outputs.PROFILES: done.own.profiles,
        outputs.USES: done.uses,
        outputs.REFITS: None if done.months is None else done.months.refits,
        outputs.MIGRATION: None if done.months is None else done.months.moved,
    }


def evidence(config: RunConfig, done: Done, card: dict[str, Any]) -> PersonaEvidence:
    """Return what the report shows."""
    notes = [*done.own.fit.personas.notes(), *done.missing]
    if done.months is not None:
        moved = unsteady(done.months.refits.set_index("cutoff")["changed"])
        notes += [moved] if moved else []
    if config.names.debug:
        notes.append(f"debug={config.names.debug}: made in a hurry, the figures mean nothing.")
    split = config.split
    return PersonaEvidence(
        title=config.title,
        subtitle=f"{config.names.model} on {config.names.data}, as of {card['cutoff']}, "
        f"{split.horizon_days} days ahead",
        currency=card["currency"],
        verdict=done.verdict._replace(sentence=spaced(done.verdict.sentence)),
        legacy=done.legacy._replace(sentence=spaced(done.legacy.sentence)),
        judgement=done.own.judgement,
        profiles=done.own.profiles,
        snake=snake(done.own.fit, done.own.members),
        customers=customers(done.own.fit, done.own.members),
        uses=done.uses,
        refits=None if done.months is None else done.months.refits,
        shares=None if done.months is None else done.months.shares,
        moved=None if done.months is None else done.months.moved,
        notes=[spaced(note) for note in notes],
        facts={
            "source": f"{config.names.data}: {config.data.about.what}",
            "data hash": card["data_hash"],
            "cut-off": f"{card['cutoff']}, {split.horizon_days} days ahead",
            "features": ", ".join(done.own.fit.personas.space.features),
            "clusters by": card["kind"],
            "value is": f"{card['value_is']}, {card['currency']}",
            "seed": str(config.seed),
            "seconds to fit and judge": f"{card['seconds_fit']:.1f}",
            "versions": f"lifeworth {card['lifeworth_version']}",
        },
    )


def _members(config: RunConfig, tables: Tables, done: Done) -> Membership:
    """Return who belongs where: at the cut-off, or (split.score_at) at the end of the data."""
    split = config.split
    if split.score_at == "cutoff":
        return done.own.members
    history = latest(tables, window=split.window_days, purchase=split.purchase)
    return done.own.fit.personas.score(history, split.horizon_days)
