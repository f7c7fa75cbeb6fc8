"""What a run leaves in its folder, beside the report."""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifeworth.decide.tiers import TIERS, Labels, guardrails, tier_floors
from lifeworth.evaluate.backtest import summarise
from lifeworth.models import store
from lifeworth.models.core import QUANTILES, Fitted, Forecast, Told, Trains
from lifeworth.run.judging import COUNTS, SEEDS_SD, Judged
from lifeworth.run.reasons import IN_CENTS
from lifeworth.tables.core import Tables

REPORT = "report.html"

FILES = ("scorecard.json", "scores.parquet", "params.json", "fitted")
"""What `write` leaves, beside the report; personas and rankings have no scores.parquet."""

SEGMENTS, BACKTEST, CURVES = "segments.parquet", "backtest.parquet", "curves.parquet"
DIFFERENCES, EXPLANATIONS = "differences.parquet", "explanations.parquet"
"""What `write` leaves where there are segments, several models or cut-offs, epochs, baselines, and
reasons."""

OFFERS, POLICIES, TARGETING = "offers.parquet", "policies.parquet", "targeting.parquet"
"""What the run of a campaign leaves."""

PERSONAS, PROFILES = "personas.parquet", "profiles.parquet"
REFITS, MIGRATION, USES = "refits.parquet", "migration.parquet", "uses.parquet"
"""What the run of personas leaves; the second line where there are several cut-offs, and always."""

RECOMMENDATIONS, MEASURES = "recommendations.parquet", "measures.parquet"
WANTED, CHANCES, PRODUCTS = "wanted.parquet", "chances.parquet", "products.parquet"
GRAPH = "product_graph.parquet"
"""What the run of a ranking leaves; chances where scores are, products where they are known, and
which of them are bought together where visits are carts."""

OPTIONAL = (
    *(SEGMENTS, BACKTEST, CURVES, DIFFERENCES, EXPLANATIONS),
    *(OFFERS, POLICIES, TARGETING),
    *(PERSONAS, PROFILES, REFITS, MIGRATION, USES),
    *(RECOMMENDATIONS, MEASURES, WANTED, CHANCES, PRODUCTS, GRAPH),
)

FLOORS = "tier_floors_cents"
"""In params.json: where tiers begin, by which later customers get theirs."""

MONEY = ("expected_value", "value_sd", *QUANTILES, *IN_CENTS)
"""Columns of scores.parquet in integer cents; those of `run.reasons` where a model has them."""


def scorecard(judged: Sequence[Judged], tables: Tables, data_hash: str) -> dict[str, Any]:
    """Return the flat scorecard of a model.

    Over several cut-offs every metric is the mean, and <metric>_low and <metric>_high are the 90 %
    t-interval between cut-offs (metrics of segments, and sds between seeds, have none); counts of
    customers are those of the last, seconds those of all cut-offs with the first seed.
    """
    facts = {
        **{name: judged[-1].card[name] for name in COUNTS},
        "model": judged[-1].scored.name,
        "cuts": len(judged),
        "cutoff": str(judged[-1].future.cutoff),
        "seconds_fit": sum(j.scored.seconds_fit for j in judged),
        "seconds_score": sum(j.scored.seconds_score for j in judged),
        "data_hash": data_hash,
        "value_is": tables.value_is,
        "currency": tables.currency,
        "lifeworth_version": version("lifeworth"),
    }
    return mean_card(judged) | facts


def by_cutoff(judged: Sequence[Judged]) -> pd.DataFrame:
    """Return one row per cut-off and metric: cutoff, metric, value."""
    rows = [(j.future.cutoff, metric, value) for j in judged for metric, value in j.card.items()]
    return pd.DataFrame(rows, columns=["cutoff", "metric", "value"])


def backtest(judged: Sequence[Sequence[Judged]]) -> pd.DataFrame:
    """Return the cards of all cut-offs and models: cutoff (date), model, metric, value."""
    tables = [
        by_cutoff([model]).assign(model=model.scored.name) for models in judged for model in models
    ]
    return pd.concat(tables, ignore_index=True)[["cutoff", "model", "metric", "value"]]


def segments(judged: Sequence[Sequence[Judged]]) -> pd.DataFrame | None:
    """Return the segment tables of all cut-offs and models, or None where there are none.

    cutoff (date), model, then the columns of `evaluate.segments.segment_table`.
    """
    tables = [
        model.segments.assign(cutoff=model.future.cutoff, model=model.scored.name)
        for models in judged
        for model in models
        if model.segments is not None
    ]
    if not tables:
        return None
    table = pd.concat(tables, ignore_index=True)
    return table[["cutoff", "model", *table.columns.drop(["cutoff", "model"])]]


def curves(fitted: Fitted[Forecast]) -> pd.DataFrame | None:
    """Return the loss by part and epoch (part, epoch from 1, loss) of what was trained so."""
    if not isinstance(fitted, Trains):
        return None
    parts = [
        pd.DataFrame({"part": part, "epoch": np.arange(1, len(loss) + 1), "loss": loss})
        for part, loss in fitted.curves.items()
    ]
    return pd.concat(parts, ignore_index=True)


def write(
    folder: Path,
    card: dict[str, Any],
    scores: pd.DataFrame | None,
    fitted: Told,
    tables: Mapping[str, pd.DataFrame | None],
    floors: Mapping[str, float] | None = None,
) -> None:
    """Write scorecard.json, scores.parquet, params.json, fitted/, and those of `tables` there are.

    Parameters
    ----------
    scores
        As they are to be stored (`in_cents` for those of a forecast); None of personas and
        rankings, which have tables of their own.
    tables
        By file name (`OPTIONAL`).
    floors
        Values (cents, not rounded) above which a customer is in each tier, of a forecast.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "scorecard.json", card)
    if scores is not None:
        scores.to_parquet(folder / "scores.parquet", index=False)
    _write_json(
        folder / "params.json",
        {
            "parameters": {p.name: p._asdict() for p in fitted.parameters()},
            "log_likelihood": fitted.log_likelihood(),
            "notes": list(fitted.notes()),
            **({} if floors is None else {FLOORS: dict(floors)}),
        },
    )
    store.save(fitted, folder / "fitted")
    for name, table in tables.items():
        if table is not None:
            table.to_parquet(folder / name, index=False)


def put(folder: Path, tables: Mapping[str, pd.DataFrame], texts: Sequence[str] = ()) -> None:
    """Write tables as <name>.parquet, and those named in `texts` as <name>.csv too.

    A reader finds the old file or the new one, never half of one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with whole(folder / f"{name}.parquet") as part:
            table.to_parquet(part, index=False)
    for name in texts:
        with whole(folder / f"{name}.csv") as part:
            tables[name].to_csv(part, index=False, lineterminator="\n")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which becomes `path` when all is written."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def with_tiers(frame: pd.DataFrame, tiers: Labels) -> pd.DataFrame:
    """Return a forecast's frame with the tier of each customer, and what that keeps them from."""
    flags = guardrails(tiers)
    return frame.assign(**{column: flags[column].to_numpy() for column in flags.columns})


def floors_of(scores: pd.DataFrame) -> dict[str, float]:
    """Return the values above which customers are in each tier but the lowest."""
    value = scores["expected_value"].to_numpy(dtype=np.float64)
    return dict(zip(TIERS[:-1], tier_floors(value, scores["tier"]), strict=True))


def in_cents(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores as they are stored: money in integer cents, tier as text."""
    rounded = {c: scores[c].round().astype("int64") for c in MONEY if c in scores}
    return scores.assign(**rounded, tier=scores["tier"].astype("str"))


def mean_card(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the card of one cut-off, or the mean of several with the t-interval between them.

    A metric of a segment is the mean over the cut-offs that have the segment, without an interval.
    """
    if len(judged) == 1:
        return dict(judged[0].card)
    table = by_cutoff(judged)
    metric, segmented = table["metric"], of_segment(table["metric"])
    spread = metric.str.endswith(SEEDS_SD)
    own = ~segmented & ~spread & ~metric.str.endswith(("_low", "_high")) & ~metric.isin(COUNTS)
    card: dict[str, Any] = {}
    for row in summarise(table[own]).itertuples():
        ends = {f"{row.metric}_low": row.low, f"{row.metric}_high": row.high}
        card |= {str(row.metric): row.mean, **ends}
    means = table[segmented | spread].groupby("metric", sort=False)["value"].mean()
    return card | means.to_dict()


def of_segment(metrics: pd.Series) -> pd.Series:
    """Say which metrics are of one segment: those with a slash in their name."""
    return metrics.str.contains("/", regex=False)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(_finite(content), indent=2) + "\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    """Write what is not a number as null: JSON knows no NaN."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
