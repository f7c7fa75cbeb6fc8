"""Train a network: the same seed gives the same weights, and a killed run goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch

from lifeworth.engines.checkpoints import Reached, read
from lifeworth.engines.device import accelerator, keep_freed_memory
from lifeworth.engines.task import Task


@dataclass(frozen=True)
class Trained:
    """What a network has learnt.

    Attributes
    ----------
    weights
        Weights and buffers by name, after the best epoch by validation, or the last without.
    epochs
        Epochs that gave them.
    curve
        Columns epoch (from 1), part ("training" or "validation") and loss, in that order.
    """

    weights: dict[str, np.ndarray]
    epochs: int
    curve: pd.DataFrame


def train(task: Task) -> Trained:
    """Train a network from the weights it has; it ends with the weights returned, in eval mode.

    On the hardware that `engines.device.use` chose. The same seed gives the same weights on a CPU,
    also when the process was killed and runs again. torch's generators are left as they were.

    Raises
    ------
    FitError
        If there are too few batches, or a loss is not finite.
    InputError
        If the hardware is not there.
    """
    from lifeworth.engines.loop import fit  # Lightning: scoring does without its seconds

    hardware = accelerator()
    if hardware.platform == "cpu":
        keep_freed_memory()
    task.check(hardware.devices)
    with _folder(task.training.checkpoints) as folder, seeded(task.seed):
        kept = task.training.checkpoints is not None
        told = task.fingerprint(hardware) if kept else "once"
        path = folder / f"{task.name}-{told}.ckpt"
        reached = read(path) or Reached()
        if not reached.complete:
            reached = fit(task, reached, path if kept or hardware.devices > 1 else None, hardware)
    weights = {k: v.numpy() for k, v in reached.best.items()}
    load_weights(task.net, weights)
    curve = pd.DataFrame(reached.curve, columns=["epoch", "part", "loss"])
    return Trained(weights, reached.best_epoch, curve)


def load_weights(net: torch.nn.Module, weights: dict[str, np.ndarray]) -> None:
    """Give a network exactly these weights and buffers, and set it to eval mode.

    Raises
    ------
    RuntimeError
        From torch, if names or shapes are not the network's: which.
    """
    net.load_state_dict({k: torch.tensor(v) for k, v in weights.items()}, strict=True)
    net.eval()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Build networks in here: torch's generators are seeded, and put back at the end."""
    hardware = accelerator()
    gpus = range(hardware.devices) if hardware.platform == "gpu" else ()
    with torch.random.fork_rng(devices=gpus):
        torch.manual_seed(seed)
        yield


@contextmanager
def _folder(checkpoints: str | None) -> Iterator[Path]:
    if checkpoints is None:
        with TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        Path(checkpoints).mkdir(parents=True, exist_ok=True)
        yield Path(checkpoints)
