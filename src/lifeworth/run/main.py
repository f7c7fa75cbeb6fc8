"""The pipeline of a run, from source to report, read top to bottom."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from lifeworth.asof.attributes import categories
from lifeworth.asof.split import Future, History, latest, rolling
from lifeworth.asof.summary import summary
from lifeworth.decide.tiers import assign_tiers
from lifeworth.engines.device import use
from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.evaluate.differences import differences
from lifeworth.report.page import write as write_report
from lifeworth.report.terminal import print_summary
from lifeworth.run import outputs, tracking
from lifeworth.run.config import Hardware, RunConfig, Split
from lifeworth.run.cutting import last_cut
from lifeworth.run.evidence import evidence
from lifeworth.run.judging import Judged, Scored, judge, over_seeds, score
from lifeworth.run.progress import Steps, steps
from lifeworth.run.reasons import by_tier, told
from lifeworth.tables.core import Tables

TIER, SO_FAR = "tier", "purchases_so_far"
"""Among segments: the tier of the forecast, and 1, 2 or "3 or more" purchases before the cut-off;
these change in time, so that they are no column of customers."""

ONCE = Resampling(resamples=1)
"""Of further seeds no intervals are shown."""


def run(config: RunConfig, folder: Path) -> dict[str, Any]:
    """Fit, score, judge, decide and report.

    Leaves everything in `folder` and a run in MLflow; returns the scorecard.
    """
    console = Console()
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    with steps(console, _steps(config)) as step:
        step("starting the device")
        device = start(config.hardware)
        step(f"reading {config.names.data}")
        tables = config.data.load(latest=now)
        data_hash = tables.content_hash()
        judged = [list(_judge_all(config, pair, step)) for pair in cuts(tables, config.split)]
        final = _final(config, tables, judged[-1][0].scored, step)
        step("writing")
        beside = _beside(config, judged)
        card = outputs.scorecard([models[0] for models in judged], tables, data_hash)
        card["debug"] = config.names.debug or ""
        reasons = told(final)
        scores = _with_tiers(config, final.forecast.frame)
        left = {
            outputs.SEGMENTS: outputs.segments(judged),
            outputs.BACKTEST: outputs.backtest(judged),
            outputs.DIFFERENCES: beside,
            outputs.CURVES: outputs.curves(final.fitted),
            outputs.EXPLANATIONS: reasons.explanations,
        }
        full = pd.concat([scores, reasons.scores], axis=1)
        floors = outputs.floors_of(scores)
        outputs.write(folder, card, outputs.in_cents(full), final.fitted, left, floors)
        facts = {
            "device": device,
            "acquired_earlier": _earlier(tables, judged[-1][0].scored.history),
        }
        why = by_tier(reasons.explanations, scores["tier"])
        shown = evidence(config, judged, final, card | facts, why, beside)
        report = write_report(shown, folder / outputs.REPORT)
    print_summary(shown, console, _short(report))
    with console.status("keeping the run in MLflow"):
        tracking.keep(config, card, folder)
    return card


def start(hardware: Hardware) -> str:
    """Start what numbers are computed on, and return its name."""
    return use(hardware.platform, precision=hardware.precision, devices=hardware.devices)


def cuts(tables: Tables, split: Split) -> Iterator[tuple[History, Future]]:
    """Cut the store as `split` says, the last cut at its cut-off.

    Raises
    ------
    InputError
        If the last horizon ends after the data do, or as `asof.cut`.
    """
    last = last_cut(tables, split)
    first = last - dt.timedelta(days=(split.cuts - 1) * split.every_days)
    return rolling(
        tables,
        first,
        split.every_days,
        split.cuts,
        split.horizon_days,
        window=split.window_days,
        purchase=split.purchase,
    )


def _judge_all(config: RunConfig, pair: tuple[History, Future], step: Steps) -> Iterator[Judged]:
    """Judge the model, then the baselines."""
    history, future = pair
    resampling = Resampling(resamples=config.resamples, seed=config.seed)
    labels = _labels(history, config.segments) if config.segments else None
    for name, recipe in {config.names.model: config.model, **config.baselines}.items():
        step(f"{future.cutoff}: {name}")
        scored = score(name, recipe, history, future.horizon, config.seed)
        step(f"{future.cutoff}: judging {name}")
        own = labels
        if labels is not None and TIER in config.segments:
            tiers = _with_tiers(config, scored.forecast.frame)["tier"].astype("str")
            own = labels.assign(**{TIER: tiers.to_numpy(dtype=object)})
        first = judge(scored, future, resampling, own)
        others = []
        for seed in range(config.seed + 1, config.seed + config.seeds):
            step(f"{future.cutoff}: {name}, seed {seed}")
            again = score(name, recipe, history, future.horizon, seed)
            others.append(judge(again, future, ONCE))
        yield over_seeds(first, others) if others else first


def _labels(history: History, segments: Sequence[str]) -> pd.DataFrame:
    """Return the segments of customers that no forecast is needed for, sorted by customer_id."""
    labels = categories(history, [s for s in segments if s not in (TIER, SO_FAR)])
    if SO_FAR not in segments:
        return labels
    known = summary(history).order_by("customer_id").to_pandas()
    levels = pd.Series({0: "1", 1: "2", 2: "3 or more"})
    return labels.assign(**{SO_FAR: levels.loc[known["frequency"].clip(0, 2)].to_numpy()})


def _beside(config: RunConfig, judged: Sequence[Sequence[Judged]]) -> pd.DataFrame | None:
    """Return how much the model's errors differ from those of the baselines."""
    if not config.baselines:
        return None
    standings = {
        of_model[0].scored.name: [cut.standings for cut in of_model]
        for of_model in zip(*judged, strict=True)
    }
    resampling = Resampling(resamples=config.resamples, seed=config.seed)
    return differences(standings, config.names.model, resampling)


def _final(config: RunConfig, tables: Tables, judged: Scored, step: Steps) -> Scored:
    """Return the scores to use: those that were judged, or new ones from the end of the data."""
    split = config.split
    if split.score_at == "cutoff":
        return judged
    step("scoring from the end of the data")
    history = latest(tables, window=split.window_days, purchase=split.purchase)
    return score(config.names.model, config.model, history, split.horizon_days, config.seed)


def _earlier(tables: Tables, history: History) -> int:
    """Count the customers of `history` whose first order lies before it begins."""
    began = history.tables.orders.ordered_at.min().execute()
    before = tables.orders.filter(tables.orders.ordered_at < began)
    return int(history.customers().semi_join(before, "customer_id").count().execute())


def _short(path: Path) -> Path:
    """Return the path from the working directory, if it lies below it."""
    here = Path.cwd()
    return path.resolve().relative_to(here) if path.resolve().is_relative_to(here) else path


def _with_tiers(config: RunConfig, frame: pd.DataFrame) -> pd.DataFrame:
    tiers = assign_tiers(frame["expected_value"].to_numpy(), config.tiers.edges())
    return outputs.with_tiers(frame, tiers)


def _steps(config: RunConfig) -> int:
    ends = {"cutoff": 3, "end": 4}[config.split.score_at]
    return ends + (1 + config.seeds) * config.split.cuts * (1 + len(config.baselines))
