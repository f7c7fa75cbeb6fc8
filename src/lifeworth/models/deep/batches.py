"""Batches of customers for a network, those of like length together."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lifeworth.models.deep.examples import Examples
from lifeworth.models.deep.inputs import Inputs

TOGETHER = 16
"""Batches whose customers are sorted by length, so that little is padded."""


class Seen(NamedTuple):
    """Inputs of some customers, padded at the end."""

    length: Int[Tensor, " customers"]
    numbers: Float[Tensor, "customers events channels"]
    kind: Int[Tensor, "customers events"]
    category: Int[Tensor, "customers events"]
    clock: Float[Tensor, "customers clock"]
    wide: Float[Tensor, "customers columns"]
    base: Float[Tensor, "customers intervals 5"]


class Batch(NamedTuple):
    """Inputs and targets of some customers."""

    seen: Seen
    purchases: Float[Tensor, "customers intervals"]
    value: Float[Tensor, "customers intervals"]
    over: Bool[Tensor, "customers intervals"]


def padded(inputs: Inputs, rows: Int[np.ndarray, " rows"]) -> Seen:
    """Return the inputs of the customers in `rows`."""
    length = inputs.length[rows]
    steps = np.arange(max(int(length.max(initial=0)), 1))
    there = steps < length[:, None]
    at = np.where(there, inputs.start[rows][:, None] + steps, 0)
    numbers = np.zeros((*at.shape, inputs.numbers.shape[1]), dtype=np.float32)
    numbers[there] = inputs.numbers[at[there]]
    codes = [np.zeros(at.shape, dtype=np.int64) for _ in range(2)]
    for code, column in zip(codes, (inputs.kind, inputs.category), strict=True):
        code[there] = column[at[there]]
    columns = (length, numbers, *codes, inputs.clock[rows], inputs.wide[rows], inputs.base[rows])
    return Seen(*(torch.from_numpy(np.ascontiguousarray(column)) for column in columns))


class Blind(NamedTuple):
    """How to hide the past: of what share, how many wide columns are as-of, where heads begin."""

    share: float
    as_of: int
    base: Float[np.ndarray, "intervals 5"]

    def hide(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Return the batch with some customers who have no events, and the mean of all columns."""
        hidden = torch.from_numpy(rng.random(len(batch.purchases)) < self.share)
        wide, base = batch.seen.wide.clone(), batch.seen.base.clone()
        wide[hidden, : self.as_of] = 0.0
        base[hidden] = torch.from_numpy(self.base).to(base.dtype)
        seen = batch.seen._replace(
            length=torch.where(hidden, 0, batch.seen.length),
            clock=torch.where(hidden[:, None], 0.0, batch.seen.clock),
            wide=wide,
            base=base,
        )
        return batch._replace(seen=seen)


class ExampleBatches:
    """Examples in batches, shuffled anew each epoch; as `engines.training.Batches`.

    A share of the customers is shown without their past (`Blind`), so that a network learns what to
    say of who has none.
    """

    def __init__(self, examples: Examples, size: int, blind: Blind | None = None) -> None:
        self.examples, self.size, self.blind = examples, size, blind

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-self.examples.inputs.customers // self.size)

    def epoch(self, rng: np.random.Generator | None) -> Iterator[Batch]:
        """Yield every customer once."""
        order = np.arange(self.examples.inputs.customers)
        groups = [order[i : i + self.size] for i in range(0, len(order), self.size)]
        if rng is not None:
            groups = self._shuffled(rng.permutation(order), rng)
        for rows in groups:
            batch = self._batch(rows)
            yield batch if rng is None or self.blind is None else self.blind.hide(batch, rng)

    def _shuffled(
        self, order: Int[np.ndarray, " customers"], rng: np.random.Generator
    ) -> list[Int[np.ndarray, " rows"]]:
        """Sort stretches of some batches by length, cut them into batches, and shuffle these."""
        length, groups = self.examples.inputs.length, []
        stretch = TOGETHER * self.size
        for start in range(0, len(order), stretch):
            some = order[start : start + stretch]
            some = some[np.argsort(length[some], kind="stable")]
            groups += [some[i : i + self.size] for i in range(0, len(some), self.size)]
        return [groups[i] for i in rng.permutation(len(groups))]

    def _batch(self, rows: Int[np.ndarray, " rows"]) -> Batch:
        targets = (torch.from_numpy(column[rows]) for column in self.examples.targets)
        return Batch(padded(self.examples.inputs, rows), *targets)
