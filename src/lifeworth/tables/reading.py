"""Files become Ibis tables: in a DuckDB of their own, CSV as text, then typed by column."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from lifeworth.tables.errors import InputError, NotThereError
from lifeworth.tables.faults import broken, missing_column, refuse, sentence
from lifeworth.tables.options import NO_OPTIONS, Options, given
from lifeworth.tables.parsing import Kind, mistyped, parsed, unreadable

DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}


class Field(NamedTuple):
    """A column of a file, and what its values are."""

    column: str
    kind: Kind


def connect() -> Backend:
    """Return an empty DuckDB in memory, whose zone is UTC and which draws no progress bars."""
    con = ibis.duckdb.connect()
    con.raw_sql("SET enable_progress_bar = false")
    con.raw_sql("SET TimeZone = 'UTC'")
    con.raw_sql("SET allocator_background_threads = true")  # what a query leaves is given back
    return con


class Style(NamedTuple):
    """How a CSV file is written, and what of that the user can set."""

    delimiter: str = ","
    encoding: str = "utf-8"
    options: Options = NO_OPTIONS

    def recode(self) -> str:
        """Say what to do about text that cannot be read."""
        if not self.options.encoding:
            return "save it as UTF-8"
        return f"give {self.options.encoding}=latin-1 (or utf-16), or save it as UTF-8"

    def split(self, delimiter: str) -> str:
        """Say what to do about values that are separated by `delimiter`."""
        save = f"save it with {DELIMITERS.get(self.delimiter, repr(self.delimiter))} between values"
        if not self.options.delimiter:
            return save
        return f"give {given(self.options.delimiter, delimiter)}, or {save}"


COMMAS = Style()


def read_file(con: Backend, path: Path, style: Style = COMMAS) -> ir.Table:
    """Return a Parquet file as it is, or a CSV file with a header with every column as text.

    Raises
    ------
    InputError
        If the file is not there or empty, has another ending, another delimiter or encoding, two
        columns of one name, or lines of different lengths.
    """
    if not path.is_file():
        raise NotThereError(
            f"{path.name}: no such file in '{path.parent}'",
            "name the folder by data.folder=... or LIFEWORTH_DATA",
        )
    if not path.stat().st_size:
        raise InputError(f"{path.name}: the file is empty (0 bytes); export it again")
    if path.suffix.lower() == ".parquet":
        return _read_parquet(con, path)
    if path.suffix.lower() not in {".csv", ".tsv", ".txt"}:
        raise InputError(
            f"{path.name}: '{path.suffix}' files are not read; save it as CSV, or convert it:"
            f" pandas.read_excel('{path.name}', dtype=str).to_parquet('{path.stem}.parquet')"
        )
    return _read_csv(con, path, _header(path, style), style)


def _read_parquet(con: Backend, path: Path) -> ir.Table:
    try:
        return con.read_parquet(path)
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        why = "it does not end with Parquet's mark" if "magic bytes" in first else first
        remedy = "write it again, or give it the ending of what it is, such as .csv"
        raise InputError(f"{path.name}: not a Parquet file ({why}); {remedy}") from error


def _read_csv(con: Backend, path: Path, names: list[str], style: Style) -> ir.Table:
    """Read with nothing guessed: DuckDB's guesses drop a header that later lines do not fit."""
    try:
        text = con.read_csv(
            path,
            auto_detect=False,
            header=True,
            delim=style.delimiter,
            quote='"',
            escape='"',
            encoding=style.encoding,
            columns=dict.fromkeys(names, "VARCHAR"),
        )
        return con.create_table(ibis.util.gen_name("csv"), text)
    except duckdb.Error as error:
        raise InputError(_csv_complaint(path, names, str(error), style)) from error


def _csv_complaint(path: Path, names: list[str], said: str, style: Style) -> str:
    """Turn DuckDB's page of advice about a CSV file into what is wrong at which line."""
    found = re.search(r"CSV Error on Line: (\d+)", said)
    place = f"line {int(found[1]):,}" if found else said.splitlines()[0]
    if "unicode" in said or "utf-8" in said:
        return f"{path.name}: {place}: not {style.encoding} text; {style.recode()}"
    columns = f"not {len(names)} columns as in the header"
    return f"{path.name}: {place}: {columns}; quote values that hold the delimiter or line breaks"


def _header(path: Path, style: Style) -> list[str]:
    encoding = style.encoding
    bom = "utf-8-sig" if encoding == "utf-8" else encoding
    try:
        with path.open(encoding=bom, newline="") as lines:
            names = next(csv.reader(lines, delimiter=style.delimiter), [])
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name}: not {encoding} text (byte {error.start:,}); {style.recode()}"
        ) from error
    _refuse_names(path, names, style)
    return names


def _refuse_names(path: Path, names: list[str], style: Style) -> None:
    delimiter = style.delimiter
    other = next(
        (d for d in DELIMITERS if d != delimiter and len(names) == 1 and d in names[0]), None
    )
    if other:
        raise InputError(
            f"{path.name}: one column, '{names[0]}', when split at {delimiter!r}; the values look"
            f" separated by {DELIMITERS[other]}: {style.split(other)}"
        )
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice or "" in names:
        what = (
            f"two columns called '{twice[0]}'" if twice and twice[0] else "a column without a name"
        )
        raise InputError(f"{path.name}: the header has {what}; give each column a name of its own")


def typed(
    name: str,
    raw: ir.Table,
    fields: Mapping[str, Field],
    date_format: str | None = None,
    options: Options = NO_OPTIONS,
) -> ir.Table:
    """Return `raw` with the columns that `fields` names, renamed and typed; blank text is null.

    Raises
    ------
    InputError
        A line per column that is not there, that has a type of another kind, or whose values cannot
        be read as what they should be.
    """
    refuse(_absent(name, raw, (f.column for f in fields.values()), options.columns))
    refuse(mistyped(name, raw, f.column, f.kind) for f in fields.values())
    doubtful = [field for field in fields.values() if field.kind != "text"]
    how = date_format, options
    rules = [rule for field in doubtful for rule in unreadable(field.column, field.kind, *how)]
    refuse(sentence(name, raw, rule) for rule in broken(raw, rules))
    return raw.select(
        **{new: parsed(raw[f.column], f.kind, date_format) for new, f in fields.items()}
    )


def _absent(name: str, raw: ir.Table, columns: Iterable[str], remedy: str) -> list[str]:
    return [missing_column(name, c, raw.columns, remedy) for c in columns if c not in raw.columns]
