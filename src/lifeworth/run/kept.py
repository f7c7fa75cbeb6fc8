"""Where runs are kept: an MLflow store, by default an SQLite file under outputs/."""

import logging
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from filelock import FileLock
from mlflow import MlflowClient

OUTPUTS = Path("outputs")
"""Where runs are kept unless a tracking URI is given, relative to the working directory."""

SQLITE = "sqlite:///"


def uri_of(tracking_uri: str | None) -> str:
    """Return the tracking URI: the given one, MLFLOW_TRACKING_URI, or outputs/mlflow.db."""
    given = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    return given or f"{SQLITE}{(OUTPUTS / 'mlflow.db').resolve()}"


def file_of(tracking_uri: str | None) -> Path | None:
    """Return the SQLite file of the store, or None where it is a server."""
    uri = uri_of(tracking_uri)
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def locked(tracking_uri: str | None) -> AbstractContextManager[object]:
    """Keep other processes from making the same thing in the store at once."""
    file = file_of(tracking_uri)
    return nullcontext() if file is None else FileLock(f"{file}.lock")


def client_of(tracking_uri: str | None) -> MlflowClient:
    """Open the store, and make it if it is not there.

    A fresh SQLite store is made under a lock: two processes that migrate it at once would break it.
    """
    for chatty in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    file = file_of(tracking_uri)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    with locked(tracking_uri):
        client = MlflowClient(tracking_uri=uri_of(tracking_uri))
        if file is not None:
            client.search_experiments(max_results=1)
    return client
