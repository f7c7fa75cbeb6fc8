"""All runs side by side, out of MLflow."""

import math
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run
from pydantic import Field
from rich.console import Console
from rich.table import Table

from lifeworth.report.metrics import metric, shown
from lifeworth.run.kept import client_of
from lifeworth.run.words import Words
from lifeworth.tables.errors import InputError

FACTS = (
    *("run_id", "name", "status", "started_at", "experiment", "kind", "model", "data"),
    *("cutoff", "horizon_days", "seed", "currency", "value_is", "folder"),
)
"""Columns that are not metrics."""

SHOWN = (
    *("value_mae", "value_bias", "value_gini", "value_crps", "value_coverage_90", "value_rmse"),
    *("purchases_mae", "purchases_rmse", "purchases_bias", "seconds_fit"),
)
"""Metrics the terminal shows, as many as fit."""

AHEAD = ("forecast", "personas")
"""Kinds of runs that look split.horizon_days ahead."""

EXAMPLES = """  lifeworth compare
  lifeworth compare data=cdnow sort=value_crps
  lifeworth compare csv=runs.csv"""


class Arguments(Words):
    """What to compare."""

    experiment: str | None = Field(None, description="only runs of this experiment")
    data: str | None = Field(None, description="only runs on this data")
    sort: str = Field("started_at", description="column to sort by, smallest first")
    csv: str | None = Field(None, description="also write every column of every run to this file")
    tracking_uri: str | None = Field(
        None, description="MLflow store; none for MLFLOW_TRACKING_URI or outputs/mlflow.db"
    )


def runs(tracking_uri: str | None = None) -> pd.DataFrame:
    """Return one row per run of lifeworth, newest last; other runs in the store are left out.

    run_id, name, status, started_at (UTC), experiment, kind (forecast, personas, campaign,
    ranking), model, data, cutoff (date of the last cut), horizon_days (NA of campaigns and
    rankings, which look no number of days ahead), seed, currency, value_is, folder, then one column
    per metric of the scorecards.
    """
    client = client_of(tracking_uri)
    found = sorted(_all(client), key=lambda run: run.info.start_time)
    frame = pd.DataFrame([_row(run) for run in found if _is_ours(run)])
    rest = [c for c in frame.columns if c not in FACTS]
    return frame.reindex(columns=[*FACTS, *rest])


def main(arguments: Arguments) -> int:
    """Print the runs."""
    found = runs(arguments.tracking_uri)
    for column in ("experiment", "data"):
        wanted = getattr(arguments, column)
        if wanted is not None and not found.empty:
            there = ", ".join(sorted(found[column].unique()))
            found = found[found[column] == wanted]
            if found.empty:
                raise InputError(
                    f"lifeworth compare: no run has {column}={wanted}; there are runs of {there}"
                )
    if found.empty:
        raise InputError(
            "lifeworth compare: no runs here; make one by lifeworth run experiment=clv_cdnow, "
            "or change to the folder where its outputs/ is"
        )
    if arguments.sort not in found.columns:
        there = ", ".join(c for c in found.columns if "/" not in c)
        raise InputError(
            f"lifeworth compare: there is no column '{arguments.sort}' to sort by; "
            f"there are {there}"
        )
    found = found.sort_values(arguments.sort)
    if arguments.csv:
        _write(found, arguments.csv)
    console = Console()
    console.print(_table(found, console.width))
    return 0


def _write(found: pd.DataFrame, path: str) -> None:
    try:
        found.to_csv(path, index=False)
    except OSError as error:
        raise InputError(
            f"lifeworth compare: csv={path} cannot be written ({error.strerror or error}); "
            "name a file in a folder that is there, for example csv=runs.csv"
        ) from error


def _all(client: MlflowClient) -> list[Run]:
    ids = [e.experiment_id for e in client.search_experiments()]
    found: list[Run] = []
    token = None
    while True:
        page = client.search_runs(ids, page_token=token, max_results=1_000)
        found += page
        token = page.token
        if not token:
            return found


def _is_ours(run: Run) -> bool:
    """Say whether `run.tracking` wrote the run and had time for its parameters."""
    return "model" in run.data.tags and {"split.horizon_days", "seed"} <= run.data.params.keys()


def _row(run: Run) -> dict[str, Any]:
    tags, params = run.data.tags, run.data.params
    kind = tags.get("kind", "forecast")
    return {
        "run_id": run.info.run_id,
        "name": run.info.run_name,
        "status": run.info.status,
        "started_at": pd.Timestamp(run.info.start_time, unit="ms"),
        "kind": kind,
        "horizon_days": int(params["split.horizon_days"]) if kind in AHEAD else pd.NA,
        "seed": int(params["seed"]),
        **{f: tags.get(f) for f in ("experiment", "model", "data", "cutoff", "currency")},
        **{f: tags.get(f) for f in ("value_is", "folder")},
        **run.data.metrics,
    }


def _table(found: pd.DataFrame, width: int) -> Table:
    """Return as many metrics as fit, the rest are in the frame and the csv."""
    table = Table(caption="money per customer, in units of the currency; times in UTC")
    table.add_column("run")
    table.add_column("cut-off", no_wrap=True)
    names = [m for m in SHOWN if m in found.columns][: max(2, (width - 50) // 12)]
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for row in found.to_dict("records"):
        what = f"{row['model']}\n{row['data']}, {row['started_at']:%m-%d %H:%M}"
        ahead = "" if pd.isna(row["horizon_days"]) else f"\n+ {row['horizon_days']} d"
        when = f"{row['cutoff']}{ahead}"
        table.add_row(what, when, *_cells(row, names))
    return table


def _cells(row: dict[Any, Any], names: list[str]) -> list[str]:
    return ["" if math.isnan(row[n]) else shown(metric(n), row[n]) for n in names]
