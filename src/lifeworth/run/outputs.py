"""What a run leaves in its folder, beside the report."""

import json
import math
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from lifeworth.evaluate.backtest import summarise
from lifeworth.models import store
from lifeworth.models.core import QUANTILES, Fitted, Forecast
from lifeworth.run.judging import Judged
from lifeworth.tables.core import Tables

REPORT = "report.html"

FILES = ("scorecard.json", "scores.parquet", "params.json", "fitted")
"""What `write` leaves, beside the report."""

COUNTS = ("customers", "new_customers")
"""Numbers of a card that count rows, of which there is no mean."""

MONEY = ("expected_value", "value_sd", *QUANTILES)
"""Columns of scores.parquet in integer cents."""


def scorecard(judged: Sequence[Judged], tables: Tables, data_hash: str) -> dict[str, Any]:
    """Return the flat scorecard of a model.

    Over several cut-offs every metric is the mean, and <metric>_low and <metric>_high are the 90 %
    t-interval between cut-offs; counts of customers are those of the last, seconds those of all.
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


def write(
    folder: Path, card: dict[str, Any], scores: pd.DataFrame, fitted: Fitted[Forecast]
) -> None:
    """Write scorecard.json, scores.parquet, params.json and fitted/."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "scorecard.json", card)
    in_cents(scores).to_parquet(folder / "scores.parquet", index=False)
    _write_json(
        folder / "params.json",
        {
            "parameters": {p.name: p._asdict() for p in fitted.parameters()},
            "log_likelihood": fitted.log_likelihood(),
            "notes": list(fitted.notes()),
        },
    )
    store.save(fitted, folder / "fitted")


def in_cents(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores as they are stored: money in integer cents, tier as text."""
    rounded = {c: scores[c].round().astype("int64") for c in MONEY}
    return scores.assign(**rounded, tier=scores["tier"].astype("str"))


def mean_card(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the card of one cut-off, or the mean of several with the t-interval between them."""
    if len(judged) == 1:
        return dict(judged[0].card)
    table = by_cutoff(judged)
    own = table[~table["metric"].str.endswith(("_low", "_high")) & ~table["metric"].isin(COUNTS)]
    card: dict[str, Any] = {}
    for row in summarise(own).itertuples():
        ends = {f"{row.metric}_low": row.low, f"{row.metric}_high": row.high}
        card |= {str(row.metric): row.mean, **ends}
    return card


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(_finite(content), indent=2) + "\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    """Write what is not a number as null: JSON knows no NaN."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
