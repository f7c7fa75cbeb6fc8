"""What a network is trained on, how, and what tells this training from others."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from itertools import chain
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from pydantic import ConfigDict, NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass as checked

from lifeworth.engines.checkpoints import Reached, fingerprint_of, state_of
from lifeworth.engines.device import Hardware
from lifeworth.engines.likelihood import FitError

Loss = Callable[[torch.nn.Module, Any], torch.Tensor]
"""The network and a batch, already on the device -> mean loss of the batch."""


@checked(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Training:
    """How a network is trained.

    Attributes
    ----------
    epochs
        At most so many; without validation, exactly.
    patience
        Epochs without a better validation loss before it stops.
    batch
        Examples a step.
    learning_rate
        Of AdamW; it rises to this over the first epoch and stays, so that training again, for as
        many epochs as were best, takes the same steps.
    clip
        Largest norm of a gradient.
    checkpoints
        Folder of checkpoints, from which a killed run goes on; None for none.
    """

    epochs: PositiveInt
    patience: PositiveInt
    batch: PositiveInt
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat
    clip: PositiveFloat
    checkpoints: str | None


@runtime_checkable
class Batches(Protocol):
    """Examples in batches, each of which counts alike in the loss of an epoch.

    A batch is of tensors in tuples, named tuples, lists and dicts, or has a method `to(device)`.
    """

    def __len__(self) -> int:
        """Return how many batches an epoch has."""
        ...

    def epoch(self, rng: np.random.Generator | None) -> Iterator[Any]:
        """Return the batches of an epoch, shuffled by `rng`; in order without."""
        ...


@dataclass(frozen=True)
class Task:
    """What to train, on what and how.

    Attributes
    ----------
    net, loss, batches, training, seed
        The network begins at the weights it has; the same seed gives the same weights on a CPU.
    validation
        Examples by which to stop early and to choose the epoch.
    epochs
        Instead of `training.epochs`.
    name
        Of the checkpoint, and in what is said of it.
    """

    net: torch.nn.Module
    loss: Loss
    batches: Batches
    training: Training
    seed: int
    validation: Batches | None = None
    epochs: int | None = None
    name: str = "net"

    @property
    def last(self) -> int:
        """Return the epochs it has at most."""
        return self.training.epochs if self.epochs is None else self.epochs

    def check(self, devices: int) -> None:
        """Refuse what cannot be trained; every device needs a batch."""
        if self.last < 1:
            raise ValueError(f"train: {self.name} for {self.last} epochs; 1 is the least")
        for part, some, least in (
            ("training", self.batches, devices),
            ("validation", self.validation, 1),
        ):
            if some is not None and len(some) < least:
                raise FitError(
                    f"train: {self.name} has {len(some)} batches of {part}, it needs {least}; "
                    "give it more examples, or lower batch or hardware.devices"
                )

    def fingerprint(self, hardware: Hardware) -> str:
        """Return what tells it from others, all of its batches among that."""
        state = state_of(self.net)
        words = (
            asdict(replace(self.training, checkpoints=None)),
            (self.seed, self.last, self.name, len(self.batches), self.validation is None),
            (hardware, list(state), self._first_loss()),
            (torch.__version__, [f.name for f in fields(Reached)]),
        )
        parts = [part.epoch(None) for part in (self.batches, self.validation) if part is not None]
        return fingerprint_of(words, chain([state], *parts))

    def _first_loss(self) -> float:
        """Return the loss of the first batch: nothing else can be known of a function."""
        with torch.no_grad():
            return float(self.loss(self.net.eval(), next(self.batches.epoch(None))))

    def complete(self, epoch: int, best_epoch: int) -> bool:
        """Say whether there is nothing left to do; without validation the last epoch is best."""
        return epoch >= self.last or epoch - best_epoch >= self.training.patience
