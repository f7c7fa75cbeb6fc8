"""Which customers share what: segments and covariates of a History, as groups of the engine."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from lifeworth.asof.attributes import categories, numbers
from lifeworth.asof.split import History
from lifeworth.engines.pooled import Groups, is_taken
from lifeworth.models.btyd.statistics import distinct
from lifeworth.models.core import fitted
from lifeworth.tables.errors import InputError


class Grouped(NamedTuple):
    """Groups, and the one of each customer; customers are sorted by customer_id."""

    groups: Groups
    which: Int[np.ndarray, " customers"]

    def rows(self, kept: slice) -> "Grouped":
        """Return the customers in the rows `kept`."""
        return Grouped(self.groups, self.which[kept])


@fitted
class Pool:
    """What a fit knows of segments and covariates: their levels, and how covariates were scaled.

    Attributes
    ----------
    levels
        By column, the levels that were met, sorted.
    scale
        By covariate, the mean and the standard deviation that make it standard.
    single
        Columns that are left out as all customers have the one level.
    """

    levels: dict[str, tuple[str, ...]]
    scale: dict[str, tuple[float, float]]
    single: dict[str, str]

    def notes(self) -> tuple[str, ...]:
        """Say which columns tell nobody apart."""
        return tuple(
            f"all customers are of {column} {level!r}: that column is left out of the hierarchy"
            for column, level in self.single.items()
        )

    def group(self, history: History, customers: int) -> Grouped:
        """Group the customers of `history`; a level that was never met has the code -1."""
        codes = np.zeros((customers, len(self.levels)), dtype=np.int64)
        if self.levels:
            frame = categories(history, list(self.levels))
            for i, (column, levels) in enumerate(self.levels.items()):
                codes[:, i] = pd.Index(levels).get_indexer(pd.Index(frame[column]))
        values = np.zeros((customers, len(self.scale)))
        if self.scale:
            frame = numbers(history, list(self.scale))
            for i, (name, (mean, sd)) in enumerate(self.scale.items()):
                values[:, i] = (frame[name].to_numpy(dtype=np.float64) - mean) / sd
        return self._grouped(codes, values)

    def group_of(self, segments: dict[str, str]) -> Grouped:
        """Group one customer of these segments, with covariates at their means.

        Raises
        ------
        InputError
            If a segment is of a column that is not pooled.
        """
        odd = sorted(set(segments) - set(self.levels))
        if odd:
            raise InputError(
                f"newcomers: '{odd[0]}' is not pooled; the model knows "
                f"{', '.join(self.levels) or 'no segments'}"
            )
        codes = [
            levels.index(segments[column]) if segments.get(column) in levels else -1
            for column, levels in self.levels.items()
        ]
        return self._grouped(np.array([codes], dtype=np.int64), np.zeros((1, len(self.scale))))

    def _grouped(
        self, codes: Int[np.ndarray, "customers columns"], values: Float[np.ndarray, "customers k"]
    ) -> Grouped:
        columns = {column: len(levels) for column, levels in self.levels.items()}
        names, n = tuple(self.scale), len(codes)
        if not columns and not names:
            none = np.zeros(n, dtype=np.int64)
            return Grouped(Groups(codes=codes[:1], values=values[:1]), none)
        same = distinct(*(codes.T + 1.0), *values.T)
        groups = Groups(
            columns=columns,
            covariates=names,
            codes=codes[same.first],
            values=values[same.first],
        )
        return Grouped(groups, same.which)


def pool_of(history: History, columns: tuple[str, ...], covariates: tuple[str, ...]) -> Pool:
    """Meet the levels of these columns, and the spread of these covariates, in `history`.

    Raises
    ------
    InputError
        If a column has a name of the model's own.
    """
    _refuse_taken(columns)
    levels, scale, single = {}, {}, {}
    if columns:
        frame = categories(history, list(columns))
        met = {c: tuple(sorted(map(str, frame[c].unique()))) for c in columns}
        levels = {c: some for c, some in met.items() if len(some) > 1}
        single = {c: some[0] for c, some in met.items() if len(some) == 1}
    if covariates:
        frame = numbers(history, list(covariates))
        scale = {c: _scale(frame[c].to_numpy(dtype=np.float64)) for c in covariates}
    return Pool(levels=levels, scale=scale, single=single)


def _refuse_taken(columns: tuple[str, ...]) -> None:
    taken = [column for column in columns if is_taken(column)]
    if taken:
        raise InputError(
            f"pool: {len(taken)} of {len(columns)} columns have a name of the model's own, first "
            f"'{taken[0]}'; its draws are called population, effects and <column>_spread: "
            "rename that column of the customers"
        )


def _scale(values: Float[np.ndarray, " customers"]) -> tuple[float, float]:
    return float(values.mean()), float(values.std()) or 1.0
