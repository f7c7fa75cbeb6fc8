"""The sources: what each is, what it needs, whether a folder has it."""

import datetime as dt
import os

from pydantic import Field
from rich.console import Console
from rich.text import Text

from lifeworth.run.words import Words
from lifeworth.tables.campaign import Campaign
from lifeworth.tables.errors import InputError, NotThereError, did_you_mean
from lifeworth.tables.sources import CAMPAIGNS, SOURCES, VISITS
from lifeworth.tables.sources.about import About, existing
from lifeworth.tables.visits import Visits

EXAMPLES = """  lifeworth data
  lifeworth data folder=../data
  lifeworth data folder=../data source=superstore     also reads the files and checks every row"""


EVERY = SOURCES | CAMPAIGNS | VISITS
"""Stores, then randomised campaigns, then visits, by name."""

ELSEWHERE = "name the folder that holds the data by folder=... or the variable LIFEWORTH_DATA"


class Arguments(Words):
    """Which folder to check."""

    folder: str | None = Field(None, description="data folder to check; none for LIFEWORTH_DATA")
    source: str | None = Field(None, description="read and check this source alone")


def main(arguments: Arguments) -> int:
    """Print the sources and what a folder has of them."""
    console = Console()
    folder = arguments.folder or os.environ.get("LIFEWORTH_DATA")
    if folder is not None:
        try:
            existing(folder, "data")
        except NotThereError as error:
            raise InputError(f"lifeworth {error.what}; {ELSEWHERE}") from error
    if arguments.source is not None:
        return _read(console, arguments.source, folder)
    for name, kind in EVERY.items():
        _tell(console, name, kind.about, folder)
    console.print(
        "\nName the folder that holds the data by folder=... here and data.folder=... in a run, "
        "or for good by the environment variable LIFEWORTH_DATA."
    )
    return 0


def _tell(console: Console, name: str, about: About, folder: str | None) -> None:
    console.print(Text(f"\ndata={name}", style="bold").append(f"  {about.what}", style="not bold"))
    for stem, columns in about.files.items():
        console.print(Text(f"  needs {stem}.parquet or .csv: {columns}", style="dim"))
    console.print(Text(f"  from  {about.where}; terms: {about.terms}", style="dim"))
    if about.convert != "none needed":
        console.print(Text(f"  make  {about.convert}", style="dim"))
    if folder is not None and about.files:
        console.print(_state(about, folder))


def _state(about: About, folder: str) -> Text:
    missing = about.missing(folder)
    if not missing:
        return Text(f"  there in {folder}", style="green")
    return Text(f"  not in {folder}: {', '.join(missing)}", style="yellow")


def _read(console: Console, name: str, folder: str | None) -> int:
    if name not in EVERY:
        hint = did_you_mean(name, EVERY)
        raise InputError(f"lifeworth data: no source '{name}'{hint}; there are {', '.join(EVERY)}")
    if name == "files":
        raise InputError(
            "lifeworth data: files has no columns of its own to check; "
            "lifeworth run data=files ... says what is wrong with yours"
        )
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    try:
        tables = EVERY[name](folder=folder).load(latest=now)
    except NotThereError as error:
        raise InputError(f"lifeworth data: {error.what}; {ELSEWHERE}") from error
    if isinstance(tables, Visits):
        for part in ("train", "asked", "wanted"):
            console.print(f"{part}: {len(getattr(tables, part)):,} rows, every check passed")
        console.print(f"a visit is a {tables.unit}; hash {tables.content_hash()}")
        return 0
    present = tables.tables() if isinstance(tables, Campaign) else tables.present()
    for table_name, table in present.items():
        console.print(f"{table_name}: {table.count().execute():,} rows, every check passed")
    console.print(f"value is {tables.value_is} in {tables.currency}; hash {tables.content_hash()}")
    return 0
