"""Inputs that grow on disk, for there are many earlier cut-offs to learn from, and all are kept."""

import mmap
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from lifeworth.models.deep.inputs import Inputs


class Shelf:
    """Columns of Inputs in nameless files, which are gone with the last array that reads them.

    What memory there is, the system keeps them in; of more, it reads what a batch asks for. The
    files are where `tempfile` makes them: TMPDIR says so.
    """

    def __init__(self) -> None:
        self.customers, self._events = 0, 0
        self._opened = ExitStack()
        self._files: list[IO[bytes]] = []
        self._kinds: list[tuple[np.dtype, tuple[int, ...]]] = []

    def __enter__(self) -> "Shelf":
        """Open a file for each column."""
        for _ in Inputs._fields:
            self._files.append(self._opened.enter_context(TemporaryFile()))
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files; what was returned can be read on."""
        self._opened.close()

    def add(self, inputs: Inputs) -> None:
        """Add customers behind those who are there."""
        inputs = inputs._replace(start=inputs.start + self._events)
        for file, column in zip(self._files, inputs, strict=True):
            file.write(np.ascontiguousarray(column).data)
        self._kinds = [(column.dtype, column.shape[1:]) for column in inputs]
        self.customers += inputs.customers
        self._events += len(inputs.kind)

    def inputs(self) -> Inputs:
        """Return all that was added."""
        columns = []
        for file, (dtype, inner) in zip(self._files, self._kinds, strict=True):
            file.flush()
            whole = _mapped(file, dtype) if file.tell() else np.empty(0, dtype)
            columns.append(whole.reshape(-1, *inner) if inner else whole)
        return Inputs(*columns)


def _mapped(file: IO[bytes], dtype: np.dtype) -> np.ndarray:
    """Return the numbers in a file, which may be written to and never change it."""
    return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), dtype)
