"""Generalised random forests for effects (EconML's), and how they are kept without pickle."""

import io
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from econml.grf import CausalForest
from econml.tree._tree import Tree  # the class of which a fitted tree is made; it has no other door

from lifeworth.models.keeping import Kept, keep, unkeep
from lifeworth.models.uplift.bases import columns_of
from lifeworth.models.uplift.trial import Row

BLOCK = 50_000
"""Customers that are sent down the trees together."""

TINY = 1e-12
"""Determinant of a leaf's moments below which there is no effect to solve for."""


class Forest(NamedTuple):
    """How a forest is grown."""

    trees: int
    fewest: int
    depth: int | None


class Grown(NamedTuple):
    """A forest: what makes numbers of features, and the trees."""

    columns: Any
    trees: list[Any]

    def effect(self, x: pd.DataFrame) -> Row:
        """Return the effect: the solution of the moments that the trees' leaves have in the mean.

        Moments are those of (treatment, 1) with themselves and with the outcome.
        """
        numbers = np.ascontiguousarray(self.columns.transform(x), dtype=np.float64)
        parts = [self._solved(numbers[at : at + BLOCK]) for at in range(0, len(numbers), BLOCK)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _solved(self, numbers: np.ndarray) -> Row:
        a, j = np.zeros((len(numbers), 2)), np.zeros((len(numbers), 4))
        for tree in self.trees:
            moment, jacobian = tree.predict_precond_and_jac(numbers)
            a += moment
            j += jacobian
        size = len(self.trees)
        a, j = a / size, j / size
        det = j[:, 0] * j[:, 3] - j[:, 1] * j[:, 2]
        found = a[:, 0] * j[:, 3] - a[:, 1] * j[:, 1]
        return np.divide(found, det, out=np.zeros(len(det)), where=np.abs(det) > TINY)


def grow(x: pd.DataFrame, drawn: Row, left: Row, growth: Forest, seed: int) -> Grown:
    """Grow honest trees on residuals of the arm (`drawn`) and of the outcome (`left`)."""
    columns = columns_of().fit(x)
    forest = CausalForest(
        n_estimators=growth.trees,
        min_samples_leaf=growth.fewest,
        max_depth=growth.depth,
        honest=True,
        inference=False,
        random_state=seed,
        n_jobs=1,
    )
    forest.fit(columns.transform(x), drawn, left)
    return Grown(columns, [tree.tree_ for tree in forest.estimators_])


def keep_grown(grown: Grown) -> dict[str, Kept]:
    """Return a forest as bytes that hold no code."""
    file = io.BytesIO()
    arrays: dict[str, np.ndarray] = {}
    for number, tree in enumerate(grown.trees):
        _, shape, state = tree.__reduce__()
        arrays[f"{number}/shape"] = np.array(shape, dtype=np.int64)
        for name, part in state.items():
            arrays[f"{number}/{name}"] = np.asarray(part)
    np.savez_compressed(file, allow_pickle=False, **arrays)
    trees = np.frombuffer(file.getvalue(), dtype=np.uint8)
    return {"columns": keep(grown.columns), "trees": trees}


def unkeep_grown(kept: dict[str, Kept]) -> Grown:
    """Return the forest of `keep_grown`."""
    with np.load(io.BytesIO(kept["trees"].tobytes()), allow_pickle=False) as arrays:
        parts: dict[int, dict[str, Any]] = {}
        for name in arrays.files:
            number, _, part = name.partition("/")
            parts.setdefault(int(number), {})[part] = arrays[name]
    return Grown(unkeep(kept["columns"]), [_tree(parts[number]) for number in sorted(parts)])


def _tree(parts: dict[str, Any]) -> Any:
    made = Tree(*(int(n) for n in parts.pop("shape")))
    made.__setstate__({name: p.item() if p.ndim == 0 else p for name, p in parts.items()})
    return made
