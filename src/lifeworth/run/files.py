"""Files that a verb writes, beside those that it reads."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from lifeworth.tables.errors import InputError


def refuse_same(
    verb: str, written: Mapping[str, str | None], read: Mapping[str, str | None]
) -> None:
    """Refuse to write over a file that is read, or that is written under another name.

    Parameters
    ----------
    written, read
        Files by the word that names them; None where it is not given.

    Raises
    ------
    InputError
        Which two words name one file.
    """
    seen = {Path(path).resolve(): word for word, path in read.items() if path is not None}
    for word, path in written.items():
        if path is None:
            continue
        other = seen.setdefault(Path(path).resolve(), word)
        if other != word:
            raise InputError(
                f"{verb}: {word}={path} is also {other}=, and would be written over; name another "
                "file"
            )


def refuse_nowhere(verb: str, written: Mapping[str, str | None]) -> None:
    """Refuse files in folders that are not there, before the work that would be lost."""
    for word, path in written.items():
        if path is not None and (not Path(path).parent.is_dir() or Path(path).is_dir()):
            raise InputError(
                f"{verb}: {word}={path} cannot be written; name a file in a folder that is there"
            )


TABLES = (".csv", ".parquet")
"""How names of tables end."""


def refuse_endings(verb: str, written: Mapping[str, str | None]) -> None:
    """Refuse tables that would not be what their names say."""
    for word, path in written.items():
        if path is not None and Path(path).suffix not in TABLES:
            raise InputError(
                f"{verb}: {word}={path} would be written as Parquet or CSV; name a file that ends "
                "in .parquet or .csv"
            )


def write_frame(verb: str, word: str, path: Path, frame: pd.DataFrame) -> None:
    """Write a table as CSV where the name ends in .csv, else as Parquet (see `refuse_endings`).

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        if path.suffix == ".csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)
    except OSError as error:
        raise InputError(
            f"{verb}: {word}={path} cannot be written ({error.strerror or error}); name a file in "
            "a folder that is there"
        ) from error
