"""Frames that somebody gives: columns and values that are missing, rows that are there twice."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from lifeworth.tables.errors import InputError, did_you_mean


def refuse_columns(where: str, frame: pd.DataFrame, needed: Sequence[str]) -> None:
    """Refuse a frame that lacks a column.

    Raises
    ------
    InputError
        Which column, and what there is.
    """
    there = [str(name) for name in frame.columns]
    for name in needed:
        if name not in there:
            hint = did_you_mean(name, there)
            raise InputError(
                f"{where}: there is no column '{name}'{hint}; it has {', '.join(there)}"
            )


def refuse_missing(
    where: str,
    frame: pd.DataFrame,
    columns: Sequence[str],
    keys: Sequence[str] = (),
    remedy: str = "leave them out, or correct them",
) -> None:
    """Refuse a frame with a missing value in one of `columns`; `keys` name its first row.

    Raises
    ------
    InputError
        How many rows, the first of them, the column, and the remedy.
    """
    holes = frame[list(columns)].isna().to_numpy(dtype=np.bool_)
    rows = holes.any(axis=1)
    if rows.any():
        at = int(rows.argmax())
        column = columns[int(holes[at].argmax())]
        raise InputError(
            f"{where}: {int(rows.sum()):,} of {len(frame):,} rows lack a value, first "
            f"{_row(frame, at, keys)} in '{column}'; {remedy}"
        )


def numbers(
    where: str, frame: pd.DataFrame, column: str, keys: Sequence[str] = ()
) -> Float[np.ndarray, " rows"]:
    """Return a column as numbers, NaN where there is none; `keys` name the first wrong row.

    Raises
    ------
    InputError
        If it holds something that is no number: how many rows, the first, and the remedy.
    """
    given = frame[column]
    if given.dtype.kind in "mM":
        found = pd.Series(np.nan, index=given.index)
    else:
        found = pd.to_numeric(given, errors="coerce")
    wrong = (found.isna() & given.notna()).to_numpy(dtype=np.bool_)
    if wrong.any():
        at = int(wrong.argmax())
        raise InputError(
            f"{where}: {int(wrong.sum()):,} of {len(frame):,} rows have a '{column}' that is not a "
            f"number, first {_row(frame, at, keys)} ({given.iloc[at]!r}); write numbers, such as "
            "12.5, and NaN for none"
        )
    return found.to_numpy(dtype=np.float64, na_value=np.nan)


def refuse_twice(
    where: str,
    frame: pd.DataFrame,
    keys: Sequence[str],
    remedy: str = "leave the second ones out",
) -> None:
    """Refuse a frame in which `keys`, which name a row, are there twice.

    Raises
    ------
    InputError
        How many rows, the first of them, and the remedy.
    """
    twice = frame.duplicated(list(keys)).to_numpy()
    if twice.any():
        raise InputError(
            f"{where}: {int(twice.sum()):,} of {len(frame):,} rows repeat another, first "
            f"{_row(frame, int(twice.argmax()), keys)}; {remedy}"
        )


def _row(frame: pd.DataFrame, at: int, keys: Sequence[str]) -> str:
    """Name a row: by its keys, or by its number where there are none."""
    own = frame.iloc[at]
    return ", ".join(f"{key} {own[key]}" for key in keys) or f"row {at}"
