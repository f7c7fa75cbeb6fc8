"""A file that lists customers with numbers of their own."""

from pathlib import Path

import pandas as pd

from lifeworth.tables.errors import InputError


def read_customers(verb: str, path: str, wanted: list[str]) -> pd.DataFrame:
    """Read customer_id (text) and the wanted columns (float) from a CSV or Parquet file.

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing or is not of numbers, or a customer is there
        twice; its message begins with `verb`.
    """
    frame = _read(verb, path)
    missing = [name for name in ("customer_id", *wanted) if name not in frame]
    if missing:
        raise InputError(
            f"{verb}: {path} has no column {missing[0]!r}, it has {', '.join(map(str, frame))}; "
            f"give {', '.join(['customer_id', *wanted])}"
        )
    ids = frame["customer_id"].astype("str")
    twice = ids[ids.duplicated()]
    if len(twice):
        raise InputError(
            f"{verb}: {len(twice):,} of {len(ids):,} customers of {path} are there before, first "
            f"{twice.iloc[0]!r}; give each one row"
        )
    made = pd.DataFrame({"customer_id": ids})
    for name in wanted:
        numbers = pd.to_numeric(frame[name], errors="coerce").astype("float64")
        bad = numbers.isna()
        if bad.any():
            raise InputError(
                f"{verb}: {int(bad.sum()):,} of {len(ids):,} customers of {path} have no number as "
                f"{name}, first {ids[bad].iloc[0]!r} ({frame.loc[bad, name].iloc[0]!r}); "
                "give one, or leave them out"
            )
        made[name] = numbers
    return made


def _read(verb: str, path: str) -> pd.DataFrame:
    try:
        if Path(path).suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype={"customer_id": "str"})
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(
            f"{verb}: customers={path} cannot be read ({reason}); name a CSV or Parquet file with "
            "customer_id"
        ) from error
