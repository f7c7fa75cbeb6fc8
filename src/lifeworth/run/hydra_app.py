"""`lifeworth run`: Hydra composes the configuration; from here on it is plain Python."""

import importlib
import logging
import os
import re
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, MissingMandatoryValue, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lifeworth.tables.errors import did_you_mean

PIPELINES = {
    "forecast": "lifeworth.run.main",
    "personas": "lifeworth.run.personas",
    "campaign": "lifeworth.run.campaigns",
    "ranking": "lifeworth.run.rankings",
}
"""By kind of run (`run.kinds`); each has `run(config, folder)`."""


OWN_CONF = ("--config", "-c", "hydra.searchpath")
"""How words begin that bring options of one's own."""

PLAIN = re.compile(r"[\w,]+")


def compose_and_run(words: list[str], conf: Path) -> int:
    """Run with Hydra's words (overrides and flags); return the exit status."""
    unknown = _unknown_option(words, conf)
    if unknown:
        sys.stderr.write(f"lifeworth run: {unknown}\n")
        return 2
    done: list[bool] = []

    def job(composed: DictConfig) -> None:
        done.append(_job(composed))  # a job that stops does not stop those after it in a sweep

    app = hydra.main(config_path=str(conf), config_name="run", version_base="1.3")(job)
    sys.argv = ["lifeworth run", *words]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here, instead of Hydra's own words
    try:
        app()
    except HydraException as error:
        sys.stderr.write(f"lifeworth run: {_complaint(error)}\n")
        return 2
    except ValueError as error:  # Hydra's own, of split=null and model=
        if not str(error).startswith("Config group override"):
            raise
        group = str(error).split("'")[1] if "'" in str(error) else "a group"
        sys.stderr.write(f"lifeworth run: {_no_option(words, group)}\n")
        return 2
    return 0 if all(done) else 2


def _complaint(error: HydraException) -> str:
    """Say what is wrong with a word that Hydra cannot use."""
    if isinstance(error, OverrideParseException):
        return (
            f"'{error.override}' cannot be read; write NAME=VALUE, as in split.horizon_days=90, "
            "and a value with signs of its own in its own quotes, as in 'data.folder=\"/a=b\"'"
        )
    cause = error.__cause__
    parent = cause.parent_node if isinstance(cause, OmegaConfBaseException) else None
    if isinstance(cause, OmegaConfBaseException) and isinstance(parent, DictConfig):
        there = sorted({str(key) for key in parent} - {"_target_", "hydra"})
        if str(cause.key) not in there:
            hint = did_you_mean(str(cause.key), there)
            return f"{cause.full_key}: there is no such option{hint}; there are {', '.join(there)}"
    first = " ".join(str(error).split("\n\n")[0].split())
    return f"{first}; write NAME=VALUE, as in split.horizon_days=90: --cfg job shows every name"


def _no_option(words: list[str], group: str) -> str:
    """Say which word gives no option where one is to be chosen."""
    none = ("", "null", "~", "{}", "[]")
    bad = [w for w in words if w.partition("=")[2].strip("'\"") in none and "." not in w]
    word = bad[0] if bad else group
    name = word.partition("=")[0]
    return f"{word} chooses nothing; leave the word out, or name an option of conf/{name}"


def _unknown_option(words: list[str], conf: Path) -> str:
    """Say which word names an option that no file of conf/ is, in Hydra's place; "" for none."""
    if any(word.startswith(OWN_CONF) for word in words):
        return ""  # there may be options elsewhere
    for word in words:
        key, _, value = word.lstrip("+").partition("=")
        group = key.partition("@")[0]
        there = sorted(file.stem for file in (conf / group).glob("*.yaml"))
        for name in value.split(",") if there and PLAIN.fullmatch(value) else ():
            if name not in (*there, "null"):
                hint = did_you_mean(name, there)
                return f"{key}={name}: there is no such {group}{hint}; there are {', '.join(there)}"
    return ""


def _job(composed: DictConfig) -> bool:
    """Run one job; return False if something given cannot be used, which has been said."""
    # Imported here, so that --help and a misspelt word answer at once.
    from lifeworth.run.config import read
    from lifeworth.run.kinds import run_kind
    from lifeworth.tables.errors import InputError

    chosen = HydraConfig.get()
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
        config = read(dict(plain), dict(chosen.runtime.choices))
        pipeline = importlib.import_module(PIPELINES[run_kind(config)])
        pipeline.run(config, Path(chosen.runtime.output_dir))
    except InputError as error:
        return _stop(str(error))
    except MissingMandatoryValue as error:
        name = getattr(error, "full_key", None)
        return _stop(f"{name} has no value and cannot be guessed; give {name}=...")
    return True


def _stop(why: str) -> bool:
    logging.getLogger(__name__).info("stopped: %s", why)
    sys.stderr.write(f"\nlifeworth run: {why}\n")
    return False
