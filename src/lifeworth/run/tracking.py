"""Every run in MLflow: by default an SQLite file under outputs/."""

import json
import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from mlflow import MlflowClient

from lifeworth.run.config import RunConfig

STORE = Path("outputs")
"""Where runs are kept unless a tracking URI is given, relative to the working directory."""

LONGEST = 6_000
"""Longest parameter value MLflow takes."""


def uri_of(tracking_uri: str | None) -> str:
    """Return the tracking URI: the given one, MLFLOW_TRACKING_URI, or outputs/mlflow.db."""
    given = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    return given or f"sqlite:///{(STORE / 'mlflow.db').resolve()}"


def client_of(tracking_uri: str | None) -> MlflowClient:
    """Open the store, and make it if it is not there.

    A fresh SQLite store is made under a lock: two processes that migrate it at once would break it.
    """
    uri = uri_of(tracking_uri)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if not uri.startswith("sqlite:///"):
        return MlflowClient(tracking_uri=uri)
    path = Path(uri.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    return client


def keep(config: RunConfig, card: dict[str, Any], folder: Path) -> None:
    """Log parameters, metrics and files of a run."""
    client = client_of(config.tracking_uri)
    with _run(client, config, card, folder) as run_id:
        for name, value in _flat(config.composed).items():
            client.log_param(run_id, name, value[:LONGEST])
        for name, value in card.items():
            if isinstance(value, int | float) and math.isfinite(value):
                client.log_metric(run_id, name, float(value))
        client.log_artifacts(run_id, str(folder))


@contextmanager
def _run(
    client: MlflowClient, config: RunConfig, card: dict[str, Any], folder: Path
) -> Iterator[str]:
    names = config.names
    tags = {
        "mlflow.runName": config.title,
        "experiment": names.experiment,
        "model": names.model,
        "data": names.data,
        **{fact: str(card[fact]) for fact in ("cutoff", "currency", "value_is", "data_hash")},
        "folder": str(folder.resolve()),
    }
    run = client.create_run(
        _experiment_id(client, names.experiment, config.tracking_uri), tags=tags
    )
    try:
        yield run.info.run_id
    except BaseException:
        client.set_terminated(run.info.run_id, status="FAILED")
        raise
    client.set_terminated(run.info.run_id)


def _experiment_id(client: MlflowClient, name: str, tracking_uri: str | None) -> str:
    uri = uri_of(tracking_uri)
    local = uri.removeprefix("sqlite:///") if uri.startswith("sqlite:///") else None
    with FileLock(f"{local}.lock") if local else _no_lock():
        found = client.get_experiment_by_name(name)
        if found is not None:
            return found.experiment_id
        place = (Path(local).parent / "artifacts").as_uri() if local else None
        return client.create_experiment(name, artifact_location=place)


@contextmanager
def _no_lock() -> Iterator[None]:
    yield


def _flat(node: Any, prefix: str = "") -> dict[str, str]:
    """Return nested configuration as dotted names and text."""
    if isinstance(node, dict) and node:
        parts = [_flat(value, f"{prefix}{key}.") for key, value in node.items()]
        return {name: text for part in parts for name, text in part.items()}
    return {prefix.removesuffix("."): node if isinstance(node, str) else json.dumps(node)}
