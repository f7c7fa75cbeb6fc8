"""Some columns of a file as a frame, every value of them there: what commands take from a shop."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from lifeworth.tables.errors import InputError
from lifeworth.tables.faults import Rule, broken, refuse, sentence
from lifeworth.tables.options import OF_A_VERB
from lifeworth.tables.parsing import Kind
from lifeworth.tables.reading import COMMAS, Field, Style, connect, read_file, typed


def read_columns(
    path: Path,
    wanted: Mapping[str, Kind],
    also: Mapping[str, Kind] | None = None,
    *,
    once: Sequence[str] = (),
    delimiter: str | None = None,
    empty: str = "export it again",
) -> pd.DataFrame:
    """Return columns of a CSV or Parquet file, rows in the order of the file.

    Parameters
    ----------
    path
        Of the file.
    wanted, also
        Columns that have to be there, and those that may be, and what their values are.
    once
        Columns that name a row: together they are there once.
    delimiter
        Between the values of a CSV file, as an option of that name says; None where there is no
        such option: a comma.
    empty
        What it means, and what to do, where there are no rows.

    Raises
    ------
    InputError
        If there is no such file or it cannot be read, has no rows, lacks a column, or lacks a value
        or has one that is not of its kind, or two rows have the same name.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; name a CSV or Parquet file")
    style = COMMAS if delimiter is None else Style(delimiter=delimiter, options=OF_A_VERB)
    raw = read_file(connect(), path, style)
    there = {name: kind for name, kind in (also or {}).items() if name in raw.columns}
    kinds = {**wanted, **there}
    table = typed(path.name, raw, {name: Field(name, kind) for name, kind in kinds.items()})
    rules = [_missing(name) for name in kinds]
    refuse(sentence(path.name, table, rule) for rule in broken(table, rules))
    frame = table.to_pandas()
    if frame.empty:
        raise InputError(f"{path.name}: there are no rows below the header; {empty}")
    if once:
        _refuse_repeated(path.name, frame, list(once))
    return frame


def _refuse_repeated(name: str, frame: pd.DataFrame, once: list[str]) -> None:
    twice = np.flatnonzero(frame.duplicated(once))
    if len(twice):
        first = frame.iloc[int(twice[0])]
        which = ", ".join(f"{column} '{first[column]}'" for column in once)
        raise InputError(
            f"{name}: {len(twice):,} of {len(frame):,} rows repeat another, first at row "
            f"{twice[0] + 1:,} ({which}); give each {' and '.join(once)} one row"
        )


def _missing(column: str) -> Rule:
    def faulty(table: ir.Table) -> ir.BooleanValue:
        return table[column].isnull()

    return Rule(
        name=f"{column} missing",
        column=column,
        faulty=faulty,
        says=f"have no {column}",
        remedy="fill it in, or leave those rows out",
    )
