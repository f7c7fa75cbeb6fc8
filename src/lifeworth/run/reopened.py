"""The data and the model of a finished run, opened again."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf

from lifeworth.asof.split import Future, History, latest
from lifeworth.models import store
from lifeworth.models.core import Forecast
from lifeworth.run.config import RunConfig, read
from lifeworth.run.main import cuts, start
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError, NotThereError

BACK = (
    "the data are read where the run read them: bring them back there (or set LIFEWORTH_DATA, if "
    "the run had their folder from it), or make a new run"
)


@dataclass(frozen=True)
class Reopened:
    """What the scores of a run were made from.

    Attributes
    ----------
    tables
        All of the store, also what lies before the window.
    history
        Of the customers in scores.parquet.
    future
        What came after it; None where scores are from the end of the data.
    """

    config: RunConfig
    folder: Path
    tables: Tables
    history: History
    future: Future | None

    def forecast(self) -> Forecast:
        """Score the history again by the model that the run left; the same scores, with draws."""
        start(self.config.hardware)
        fitted = store.load(self.folder / "fitted")
        return fitted.score(self.history, self.config.split.horizon_days)


def reopened(verb: str, folder: Path, data_hash: str) -> Reopened:
    """Read the data of a run again, and cut them where its scores were made.

    Parameters
    ----------
    data_hash
        Of the data then, from the scorecard.

    Raises
    ------
    InputError
        If the folder does not say how the run was made, or its data are not what they were.
    """
    config = config_of(verb, folder)
    tables = read_again(verb, config, BACK)
    now = tables.content_hash()
    if now != data_hash:
        raise InputError(
            f"{verb}: the data of {folder} are no longer those of the run (content {now[:8]}, then "
            f"{data_hash[:8]}); bring them back to where they were, or make a new run"
        )
    split = config.split
    if split.score_at == "end":
        history = latest(tables, window=split.window_days, purchase=split.purchase)
        return Reopened(config, folder, tables, history, None)
    *_, (history, future) = cuts(tables, split)
    return Reopened(config, folder, tables, history, future)


def read_again(verb: str, config: RunConfig, remedy: str) -> Tables:
    """Read the data of a run; where they are not there, say what can be done about it here.

    Raises
    ------
    InputError
        As `load` of the source has it, with `remedy` where something is not there.
    """
    try:
        return config.data.load(latest=dt.datetime.now(dt.UTC).replace(tzinfo=None))
    except NotThereError as error:
        raise InputError(f"{verb}: {error.what}; {remedy}") from error


def config_of(verb: str, folder: Path, data: str | None = None) -> RunConfig:
    """Return the configuration of a run as Hydra kept it.

    Parameters
    ----------
    data
        Folder to read the data from; None for the one of the run.

    Raises
    ------
    InputError
        If the folder does not say how the run was made, or this version knows no such run.
    """
    composed, chosen = folder / ".hydra" / "config.yaml", folder / ".hydra" / "hydra.yaml"
    missing = [path.name for path in (composed, chosen) if not path.is_file()]
    if missing:
        raise InputError(
            f"{verb}: no {' and no '.join(missing)} in {folder / '.hydra'}, which say how the run "
            "was made; name the folder of a run as lifeworth run left it, .hydra with it"
        )
    plain = dict(OmegaConf.to_container(OmegaConf.load(composed), resolve=True))
    choices = OmegaConf.to_container(OmegaConf.load(chosen).hydra.runtime.choices)
    if data is not None:
        plain["data"] = plain["data"] | {"folder": data}
    return read(plain, dict(choices))
