"""What a source says about itself, and how its files are found."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lifeworth.tables.errors import NotThereError

ENDINGS = (".parquet", ".csv")


@dataclass(frozen=True, kw_only=True)
class About:
    """The facts of one source.

    Attributes
    ----------
    name
        Of the source, and of its sub-folder in the data folder.
    what
        Which shop, how large, which years, which money.
    files
        Files it needs, without the ending .parquet or .csv, each with the columns it must have.
    where
        Where to get them.
    terms
        Under which terms.
    convert
        How to make the files from what is published there.
    services
        Product ids in its order lines that are no goods: postage, fees, adjustments.
    """

    name: str
    what: str
    files: dict[str, str]
    where: str
    terms: str
    convert: str = "none needed"
    services: tuple[str, ...] = ()

    def missing(self, folder: str | None) -> list[str]:
        """Return the files that are not in the data folder, without their endings."""
        return [stem for stem in self.files if self.found(folder, stem) is None]

    def found(self, folder: str | None, stem: str) -> Path | None:
        """Return the path of a file in `folder/<name>/` or `folder` itself, or None."""
        return next((p for p in self._candidates(folder, stem) if p.is_file()), None)

    def find(self, folder: str | None, stem: str) -> Path:
        """Return the path of a file, as `found`.

        Raises
        ------
        NotThereError
            If no folder is given, it is not there, or the file is not in it: which file, with which
            columns, where it comes from and how to name the folder.
        """
        path = self.found(existing(folder, self.name), stem)
        if path is None:
            raise NotThereError(
                f"{self.name}: no file {stem}.parquet or {stem}.csv in '{folder}' or its sub-folder"
                f" '{self.name}'{self._near(folder)}; it has the columns {self.files[stem]};"
                f" get it from {self.where}; to convert it: {self.convert}",
                "name its folder by data.folder=... or LIFEWORTH_DATA",
            )
        return path

    def _near(self, folder: str | None) -> str:
        """Say which workbooks lie there unconverted."""
        books = sorted(p.name for place in self._places(folder) for p in place.glob("*.xlsx"))
        return f" (there is {', '.join(books)}: convert it)" if books else ""

    def _candidates(self, folder: str | None, stem: str) -> Iterable[Path]:
        return (p / f"{stem}{ending}" for p in self._places(folder) for ending in ENDINGS)

    def _places(self, folder: str | None) -> list[Path]:
        return [] if folder is None else [Path(folder) / self.name, Path(folder)]


def existing(folder: str | None, source: str) -> str:
    """Return `folder` if it is there.

    Raises
    ------
    NotThereError
        If it is None or no folder, with how to name it.
    """
    remedy = "name the folder that holds the data by data.folder=... or the variable LIFEWORTH_DATA"
    if folder is None:
        raise NotThereError(f"{source}: no data folder is named", remedy)
    if not Path(folder).is_dir():
        state = "is a file, not a folder" if Path(folder).exists() else "is not there"
        raise NotThereError(f"{source}: the data folder '{folder}' {state}", remedy)
    return folder
