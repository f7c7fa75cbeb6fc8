"""Every run goes to MLflow: parameters, metrics and files."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from lifeworth.run.config import RunConfig
from lifeworth.run.kept import client_of, file_of, locked
from lifeworth.run.kinds import run_kind
from lifeworth.run.outputs import CURVES, FILES, OPTIONAL, REPORT
from lifeworth.tables.errors import InputError

LONGEST = 6_000
"""Longest parameter value MLflow takes."""

FACTS = ("cutoff", "currency", "value_is", "data_hash")
"""What a scorecard says in words, kept as tags."""


def keep(config: RunConfig, card: dict[str, Any], folder: Path) -> None:
    """Log parameters, metrics and files of a run.

    Raises
    ------
    InputError
        If MLflow does not take them; `folder` has everything all the same.
    """
    try:
        _keep(client_of(config.tracking_uri), config, card, folder)
    except MlflowException as error:
        first = str(error).partition("\n")[0]
        raise InputError(
            f"tracking_uri: the run is in {folder}, but MLflow did not take it ({first}); "
            "see that its server answers, or keep runs in a file: tracking_uri=null"
        ) from error


def _keep(client: MlflowClient, config: RunConfig, card: dict[str, Any], folder: Path) -> None:
    with _run(client, config, card, folder) as (run_id, started):
        numbers = {n: float(v) for n, v in card.items() if isinstance(v, int | float)}
        metrics = [Metric(n, v, started, 0) for n, v in numbers.items() if math.isfinite(v)]
        params = [Param(n, v[:LONGEST]) for n, v in _flat(config.composed).items()]
        client.log_batch(run_id, metrics=metrics, params=params)
        for metrics in _epochs(folder / CURVES, started):
            client.log_batch(run_id, metrics=metrics)
        for name in (*FILES, *OPTIONAL, REPORT):
            if (folder / name).exists():
                client.log_artifact(run_id, str(folder / name))


def _epochs(path: Path, started: int) -> Iterator[list[Metric]]:
    """Yield the learning curves that a run has left, a batch of metrics for each part."""
    if not path.exists():
        return
    for part, rows in pd.read_parquet(path).groupby("part", sort=False):
        losses = zip(rows["epoch"], rows["loss"], strict=True)
        yield [Metric(f"loss {part}", float(v), started, int(epoch)) for epoch, v in losses]


@contextmanager
def _run(
    client: MlflowClient, config: RunConfig, card: dict[str, Any], folder: Path
) -> Iterator[tuple[str, int]]:
    """Give the id of a new run and when it began; it ends as failed if anything fails inside."""
    names = config.names
    tags = {
        "mlflow.runName": config.title,
        "experiment": names.experiment,
        "model": names.model,
        "data": names.data,
        "kind": run_kind(config),
        **{fact: str(card[fact]) for fact in FACTS},
        "folder": str(folder.resolve()),
    }
    experiment = _experiment_id(client, names.experiment, config.tracking_uri)
    run = client.create_run(experiment, tags=tags)
    try:
        yield run.info.run_id, run.info.start_time
    except BaseException:
        client.set_terminated(run.info.run_id, status="FAILED")
        raise
    client.set_terminated(run.info.run_id)


def _experiment_id(client: MlflowClient, name: str, tracking_uri: str | None) -> str:
    file = file_of(tracking_uri)
    with locked(tracking_uri):
        found = client.get_experiment_by_name(name)
        if found is not None:
            return found.experiment_id
        place = None if file is None else (file.parent / "artifacts").as_uri()
        return client.create_experiment(name, artifact_location=place)


def _flat(node: Any, prefix: str = "") -> dict[str, str]:
    """Return nested configuration as dotted names and text."""
    if isinstance(node, dict) and node:
        parts = [_flat(value, f"{prefix}{key}.") for key, value in node.items()]
        return {name: text for part in parts for name, text in part.items()}
    return {prefix.removesuffix("."): node if isinstance(node, str) else json.dumps(node)}
