"""Where a training is, on disk: written whole after every epoch, read only by the same training."""

import hashlib
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_utilities.core.apply_func import apply_to_collection

logger = logging.getLogger(__name__)

SEAL = 32
"""Bytes at the start of a file, which say that the rest is undamaged and belongs to its name."""

State = dict[str, torch.Tensor]
"""What a network has learnt, by name, on the CPU."""

Point = tuple[int, str, float]
"""Epoch (from 1), part, loss."""


@dataclass(frozen=True)
class Reached:
    """Where a training is at the end of an epoch.

    Attributes
    ----------
    epoch
        Epochs that are done.
    complete
        There is nothing left to do.
    weights, optimiser, scaler
        What the next epoch starts from; the scaler is that of 16-bit gradients.
    best, best_epoch, best_loss
        Weights to return, the epoch they are from, its validation loss.
    """

    epoch: int = 0
    complete: bool = False
    weights: State = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)
    scaler: dict[str, Any] = field(default_factory=dict)
    best: State = field(default_factory=dict)
    best_epoch: int = 0
    best_loss: float = float("inf")
    curve: list[Point] = field(default_factory=list)


def state_of(net: torch.nn.Module) -> State:
    """Copy the weights of a network, and its buffers, to the CPU."""
    return {k: v.detach().cpu().clone() for k, v in net.state_dict().items()}


def write(path: Path, reached: Reached) -> None:
    """Write a checkpoint whole or not at all, even if the process is killed."""
    content = BytesIO()
    torch.save(vars(reached), content)
    unfinished = path.with_suffix(f".{os.getpid()}")
    with unfinished.open("wb") as file:
        file.write(_seal(path, content.getvalue()) + content.getvalue())
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read(path: Path) -> Reached | None:
    """Read a checkpoint; None, and a warning, where it is damaged or was written by another name.

    Neither the zip files of torch nor their pickles would notice a bit that has turned.
    """
    if not path.exists():
        return None
    whole = path.read_bytes()
    seal, content = whole[:SEAL], whole[SEAL:]
    if seal != _seal(path, content):
        logger.warning(
            "%s is damaged, or of another training; this one starts from the beginning", path
        )
        return None
    return Reached(**torch.load(BytesIO(content), map_location="cpu", weights_only=True))


def _seal(path: Path, content: bytes) -> bytes:
    return hashlib.blake2b(content, key=path.name.encode()[-64:], digest_size=SEAL).digest()


def fingerprint_of(words: Iterable[object], batches: Iterable[Any]) -> str:
    """Return 32 hexadecimal digits that tell one training from another.

    Parameters
    ----------
    words
        What has the same `repr` in every process.
    batches
        Tensors and arrays in any nesting of lists, tuples and mappings.

    Raises
    ------
    ValueError
        If a batch has no tensor or array.
    """
    digest = hashlib.blake2b(repr(list(words)).encode(), digest_size=16)
    for batch in batches:
        found: list[torch.Tensor | np.ndarray] = []
        apply_to_collection(batch, (torch.Tensor, np.ndarray), found.append)
        if not found:
            raise ValueError(
                f"train: no tensor or array is found in a {type(batch).__name__}, so checkpoints "
                "cannot tell these data from others; give batches of tensors or arrays"
            )
        for array in found:
            digest.update(_bytes(array))
    return digest.hexdigest()


def _bytes(array: torch.Tensor | np.ndarray) -> bytes:
    told = array.detach().cpu().numpy() if isinstance(array, torch.Tensor) else array
    return f"{told.dtype}{told.shape}".encode() + np.ascontiguousarray(told).tobytes()
