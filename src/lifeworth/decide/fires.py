"""For which customers conditions hold, and why, in their own values.

A condition is one expression of whole columns. Comparisons that several rules make are made once.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
from jaxtyping import Bool, Float, Int

from lifeworth.decide.condition import All, Compare, Condition, Flag, Some, Value, atoms
from lifeworth.tables.errors import InputError, did_you_mean

Mask = Bool[np.ndarray, " customers"]
Rows = Int[np.ndarray, " some"]
Numbers = Float[np.ndarray, " some"]

Bounds = tuple[float, float]

FEW = 6
"""Words of a column that are listed."""

DIGITS = 3
"""Digits of a number in a reason; all of them where fewer would seem to say the opposite."""

OR = " or "

arrow: Any = pyarrow.compute  # filled when it is imported: a type checker finds nothing in it


class Columns:
    """The columns of customers, and which of them hold.

    Parameters
    ----------
    frame
        A row per customer. Columns are numbers, yes or no, or words; words with an order are
        ordered categoricals.
    beside
        Columns of yes or no, and the number that stands beside each in a reason.
    bounds
        Columns of numbers, and the least and the largest that each can ever be.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        beside: Mapping[str, str] | None = None,
        bounds: Mapping[str, Bounds] | None = None,
    ) -> None:
        self.frame = frame
        self.beside = beside or {}
        self.bounds = bounds or {}
        self._words: dict[str, pd.Categorical] = {}
        self._numbers: dict[str, np.ndarray] = {}
        self._masks: dict[Condition, np.ndarray] = {}

    def check(self, where: str, condition: Condition) -> None:
        """Refuse a condition that does not fit the columns.

        Raises
        ------
        InputError
            If a column is not there, a number is compared with a word, words without an order are
            said to be above or below, or a word is none of a categorical's.
        """
        for atom in atoms(condition):
            self.known(where, atom.column)
            if isinstance(atom, Flag):
                self._check_flag(where, atom.column)
            elif self.is_words(atom.column):
                self._check_words(where, atom)
            elif odd := [v for v in atom.values if isinstance(v, str)]:
                raise InputError(
                    f"{where}: {atom.column} is a number and is compared with '{odd[0]}'; "
                    "compare it with a number"
                )

    def spelled_out(self, condition: Condition) -> Condition:
        """Return a condition with what is known of its columns.

        Comparisons of words list the categories that fulfil them; beside numbers stand their
        bounds.
        """
        match condition:
            case All(parts=parts):
                return All(tuple(self.spelled_out(part) for part in parts))
            case Some(parts=parts):
                return Some(tuple(self.spelled_out(part) for part in parts))
            case Compare(column=name) if isinstance(self.frame[name].dtype, pd.CategoricalDtype):
                words = self.words(name)
                own = words.categories[_of_words(condition, words)]
                return Compare(name, "in", tuple(str(word) for word in own))
            case Compare(column=name) if name in self.bounds:
                least, most = self.bounds[name]
                ends = Compare(name, ">=", (least,)), Compare(name, "<=", (most,))
                return All((condition, *ends))
            case _:
                return condition

    def span(self, name: str, condition: Condition) -> str:
        """Say in words what a column is on these customers, where a condition reads it."""
        asked = [a for a in atoms(condition) if a.column == name and isinstance(a, Compare)]
        if self.is_words(name):
            return self._words_there(name, asked)
        numbers = self.numbers(name)
        known = numbers[~np.isnan(numbers)]
        if pd.api.types.is_bool_dtype(self.frame[name].dtype):
            return f"{name} holds for {int(known.sum()):,} of {len(numbers):,}"
        if not len(known):
            return f"{name} is known of nobody"
        low, high = _ends(np.array([known.min(), known.max()]), asked)
        return f"{name} is {low} to {high}" if low != high else f"{name} is always {low}"

    def _words_there(self, name: str, asked: list[Compare]) -> str:
        """Say which words a column holds, and which of those that are asked for it never does."""
        there = [str(word) for word in self.words(name).remove_unused_categories().categories]
        if not there:
            return f"{name} is known of nobody"
        words = [str(word) for atom in asked for word in atom.values]
        never = [word for word in words if word not in there]
        if never:
            return f"{name} is never '{never[0]}'{did_you_mean(never[0], there)}"
        return f"{name} is {', '.join(there[:FEW])}{' and others' if len(there) > FEW else ''}"

    def known(self, where: str, name: str) -> None:
        """Refuse a column that is not there, and name the nearest."""
        if name not in self.frame:
            there = [str(column) for column in self.frame.columns]
            hint = did_you_mean(name, there)
            raise InputError(
                f"{where}: there is no column {name}{hint}; there are {', '.join(there)}"
            )

    def is_words(self, name: str) -> bool:
        """Say whether a column holds words."""
        kind = self.frame[name].dtype
        return isinstance(kind, pd.CategoricalDtype) or not (
            pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind)
        )

    def words(self, name: str) -> pd.Categorical:
        """Return a column of words as codes and categories."""
        if name not in self._words:
            self._words[name] = pd.Categorical(self.frame[name])
        return self._words[name]

    def numbers(self, name: str) -> Float[np.ndarray, " customers"]:
        """Return a column as floats, NaN where a value is not known."""
        if name not in self._numbers:
            column = self.frame[name]
            self._numbers[name] = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return self._numbers[name]

    def mask(self, condition: Condition) -> Mask:
        """Say for whom a condition holds; where a value is not known, no comparison of it does."""
        if condition not in self._masks:
            self._masks[condition] = self._mask(condition)
        return self._masks[condition]

    def _mask(self, condition: Condition) -> np.ndarray:
        match condition:
            case All(parts=parts):
                return np.logical_and.reduce([self.mask(part) for part in parts])
            case Some(parts=parts):
                return np.logical_or.reduce([self.mask(part) for part in parts])
            case Flag(column=name, wanted=wanted):
                return self.numbers(name) == float(wanted)
            case Compare(column=name) if self.is_words(name):
                words = self.words(name)
                return np.append(_of_words(condition, words), False)[words.codes]
            case _:
                return compared(condition, self.numbers(condition.column))

    def why(self, condition: Condition, rows: Rows) -> pa.Array:
        """Return why a condition holds for customers for whom it does, with their values."""
        match condition:
            case All(parts=parts):
                said = [self._bracketed(part, rows) for part in parts]
                return arrow.binary_join_element_wise(*said, " and ")
            case Some(parts=parts):
                said = [self._where_it_holds(part, rows) for part in parts]
                joined = arrow.binary_join_element_wise(*said, "")
                return arrow.utf8_slice_codeunits(joined, len(OR))
            case Flag(column=name, wanted=wanted):
                return self._flag(name, wanted, rows)
            case Compare(column=name) if self.is_words(name):
                return self._said(name, self.words(name)[rows])
            case _:
                return self._compared(condition, rows)

    def _bracketed(self, part: Condition, rows: Rows) -> pa.Array:
        said = self.why(part, rows)
        return _around("(", said, ")") if isinstance(part, Some) else said

    def _where_it_holds(self, part: Condition, rows: Rows) -> pa.Array:
        there = pa.array(self.mask(part)[rows])
        return arrow.if_else(there, _around(OR, self.why(part, rows), ""), "")

    def _flag(self, name: str, wanted: bool, rows: Rows) -> pa.Array:
        said = pa.array(np.full(len(rows), name if wanted else f"not {name}"), pa.string())
        other = self.beside.get(name, "")
        if not wanted or other not in self.frame:
            return said
        values = _texts(self.numbers(other)[rows], None)
        return arrow.coalesce(_around(f"{name} ({other} ", values, ")"), said)

    def _said(self, name: str, labels: pd.Categorical) -> pa.Array:
        texts = [f"{name} = {word}" for word in labels.categories]
        return _taken(texts, np.asarray(labels.codes))

    def _compared(self, condition: Compare, rows: Rows) -> pa.Array:
        values = _texts(self.numbers(condition.column)[rows], condition)
        operator = {"==": "=", "!=": "is not"}.get(condition.operator, condition.operator)
        if condition.operator in ("==", "in"):
            return _around(f"{condition.column} = ", values, "")
        other = ", ".join(_short(value) for value in condition.values)
        return _around(f"{condition.column} ", values, f" {operator} {other}")

    def _check_flag(self, where: str, name: str) -> None:
        if self.is_words(name):
            raise InputError(
                f"{where}: {name} holds words, and stands alone as if it were yes or no; "
                f"compare it, for example {name} == '{_first(self.words(name))}'"
            )
        numbers = self.numbers(name)
        odd = ~(np.isnan(numbers) | np.isin(numbers, (0.0, 1.0)))
        if odd.any():
            raise InputError(
                f"{where}: {name} holds numbers such as {_short(float(numbers[odd][0]))}, and "
                f"stands alone as if it were yes or no; compare it, for example {name} > 0"
            )

    def _check_words(self, where: str, atom: Compare) -> None:
        odd = [value for value in atom.values if not isinstance(value, str)]
        if odd:
            raise InputError(
                f"{where}: {atom.column} holds words and is compared with {_short(odd[0])}; write "
                f"a word in quotes, for example '{_first(self.words(atom.column))}'"
            )
        kind = self.frame[atom.column].dtype
        if not isinstance(kind, pd.CategoricalDtype):
            ordered, words = False, None
        else:
            ordered, words = bool(kind.ordered), [str(word) for word in kind.categories]
        if atom.operator[0] in "<>" and not ordered:
            raise InputError(
                f"{where}: {atom.column} holds words without an order, and is compared by "
                f"{atom.operator}; list those that are meant: {atom.column} in ['...']"
            )
        unknown = [v for v in atom.values if words is not None and v not in words]
        if unknown and words is not None:
            hint = did_you_mean(str(unknown[0]), words)
            raise InputError(
                f"{where}: {atom.column} is never '{unknown[0]}'{hint}; it is {', '.join(words)}"
            )


def compared(condition: Compare, numbers: Numbers) -> Bool[np.ndarray, " some"]:
    """Compare numbers; NaN never fulfils a comparison."""
    first = condition.values[0]
    match condition.operator:
        case "<":
            return numbers < first
        case "<=":
            return numbers <= first
        case ">":
            return numbers > first
        case ">=":
            return numbers >= first
        case "==" | "in":
            return np.isin(numbers, condition.values)
        case _:
            return ~np.isin(numbers, condition.values) & ~np.isnan(numbers)


def _of_words(condition: Compare, words: pd.Categorical) -> np.ndarray:
    """Say which categories fulfil a comparison."""
    names = [str(word) for word in words.categories]
    if condition.operator[0] in "<>":
        place = Compare("", condition.operator, (float(names.index(str(condition.values[0]))),))
        return compared(place, np.arange(len(names), dtype=np.float64))
    inside = np.isin(names, condition.values)
    return inside if condition.operator in ("==", "in") else ~inside


def _rounded(numbers: Numbers) -> Numbers:
    size = np.abs(numbers)
    exponent = np.floor(np.log10(np.where((size > 0) & np.isfinite(size), size, 1.0)))
    decimals = np.clip(DIGITS - 1 - exponent, 0, 12)
    return np.round(numbers * 10.0**decimals) / 10.0**decimals


def _texts(numbers: Numbers, condition: Compare | None) -> pa.Array:
    """Return numbers in few digits, in all of them where few would not fulfil the condition."""
    rounded = _rounded(numbers)
    if condition is not None:
        rounded = np.where(compared(condition, rounded), rounded, numbers)
    codes, unique = pd.factorize(rounded)
    return _taken([_short(float(value)) for value in unique], codes)


def _ends(numbers: Numbers, asked: list[Compare]) -> list[str]:
    """Return numbers in few digits; in all where few would fulfil what they do not, or not."""
    few = _rounded(numbers)
    kept = all((compared(atom, few) == compared(atom, numbers)).all() for atom in asked)
    return [_short(float(value)) for value in (few if kept else numbers)]


def _taken(texts: list[str], codes: np.ndarray) -> pa.Array:
    """Return texts by their codes, null for -1: a value that is not known."""
    places = pa.array(codes.astype(np.int32), mask=codes < 0)
    return pa.array(texts, pa.string()).take(places)


def _short(value: Value) -> str:
    """Return a number as people write it: .23, 45."""
    if isinstance(value, str):
        return value
    text = f"{value:.12g}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _around(before: str, middle: pa.Array, after: str) -> pa.Array:
    return arrow.binary_join_element_wise(before, middle, after, "")


def _first(words: pd.Categorical) -> str:
    return str(words.categories[0]) if len(words.categories) else "..."
