"""Files that a verb writes, beside those that it reads."""

from collections.abc import Mapping
from pathlib import Path

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
