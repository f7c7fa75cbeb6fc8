"""Lightning's loop over a task, seeded by the epoch."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric.utilities.warnings import PossibleUserWarning
from pytorch_lightning import LightningModule, Trainer

from lifeworth.engines.checkpoints import Reached, read, state_of, write
from lifeworth.engines.device import Hardware
from lifeworth.engines.likelihood import FitError
from lifeworth.engines.task import Task


def fit(task: Task, reached: Reached, path: Path | None, hardware: Hardware) -> Reached:
    """Take the epochs that are left, and write to `path` after each of them.

    With several devices `path` must be given: it is how their processes tell what they reached.
    """
    loop = (_Loop if task.validation is None else _Validated)(task, reached, path)
    if reached.weights:
        task.net.load_state_dict(reached.weights)
    task.net.train()
    with _quiet():
        trainer = Trainer(
            accelerator={"cpu": "cpu", "gpu": "cuda"}[hardware.platform],
            devices=hardware.devices,
            # not "ddp", which would run the whole program once a device
            strategy="auto" if hardware.devices == 1 else "ddp_spawn",
            precision=hardware.precision,
            max_epochs=task.last - reached.epoch,
            gradient_clip_val=task.training.clip,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            inference_mode=False,  # a network may keep a tensor that it made in validation
            default_root_dir=None if path is None else path.parent,
        )
        with _interruptible():
            trainer.fit(loop)
    told = read(path) if path is not None and hardware.devices > 1 else loop.reached
    assert told is not None
    return told


@dataclass(frozen=True)
class _Reader:
    """What Lightning reads batches from: its length is known, its epoch begins when it is read."""

    batches: int
    begin: Callable[[], Iterator[Any]]

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Any]:
        yield from islice(self.begin(), self.batches)


class _Losses:
    """The losses of an epoch so far, in one tensor.

    As many small ones would lie between the large tensors of batches and keep the C library from
    using their places again: 10 MB a batch of a network of 5 million weights.
    """

    def __init__(self) -> None:
        self.count, self.kept = 0, torch.empty(0)

    def add(self, loss: torch.Tensor) -> None:
        """Remember a loss."""
        if self.count == len(self.kept):
            longer = torch.empty(max(64, 2 * self.count), dtype=loss.dtype, device=loss.device)
            longer[: self.count] = self.kept
            self.kept = longer
        self.kept[self.count] = loss
        self.count += 1

    def taken(self) -> torch.Tensor:
        """Return the losses, and forget them."""
        count, self.count = self.count, 0
        return self.kept[:count]


class _Loop(LightningModule):
    """The task as Lightning wants it; `reached` is where it is at the end of the last epoch."""

    def __init__(self, task: Task, reached: Reached, path: Path | None) -> None:
        super().__init__()
        self.net, self.task, self.reached, self.path = task.net, task, reached, path
        self.losses = {"training": _Losses(), "validation": _Losses()}

    def train_dataloader(self) -> _Reader:
        return _Reader(self._steps(), self._shuffled)

    def _steps(self) -> int:
        return len(self.task.batches) // self.trainer.world_size

    def _shuffled(self) -> Iterator[Any]:
        """Return this device's share of the next epoch."""
        rng = np.random.default_rng([self.task.seed, self.reached.epoch + 1])
        every = self.task.batches.epoch(rng)
        return islice(every, self.global_rank, None, self.trainer.world_size)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        how = self.task.training
        optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay
        )
        if self.reached.optimiser:
            optimiser.load_state_dict(self.reached.optimiser)
        return optimiser

    def on_train_start(self) -> None:
        if self.reached.scaler:
            self.trainer.precision_plugin.load_state_dict(self.reached.scaler)

    def on_train_epoch_start(self) -> None:
        place = [self.task.seed, self.reached.epoch + 1, self.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0]))

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        del batch
        risen = 1.0 if self.reached.epoch else (batch_idx + 1) / self._steps()
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self.task.training.learning_rate * risen

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        del batch_idx
        return self.one_loss("training", batch)

    def one_loss(self, part: str, batch: Any) -> torch.Tensor:
        """Return the loss of a batch, and remember it for the mean of the epoch."""
        loss = self.task.loss(self.net, batch)
        self.losses[part].add(loss.detach())
        return loss

    def on_train_epoch_end(self) -> None:
        self.reached = self._reach(self.reached.epoch + 1)
        if self.path is not None and self.trainer.is_global_zero:
            write(self.path, self.reached)
        self.trainer.should_stop = self.reached.complete

    def _reach(self, epoch: int) -> Reached:
        before, weights = self.reached, state_of(self.net)
        means = {part: self._mean(part, epoch) for part, some in self.losses.items() if some.count}
        loss = means.get("validation", -np.inf)
        better = loss < before.best_loss or "validation" not in means
        best_epoch = epoch if better else before.best_epoch
        return Reached(
            epoch=epoch,
            complete=self.task.complete(epoch, best_epoch),
            weights=weights,
            optimiser=self.trainer.optimizers[0].state_dict(),
            scaler=self.trainer.precision_plugin.state_dict(),
            best=weights if better else before.best,
            best_epoch=best_epoch,
            best_loss=loss if better else before.best_loss,
            curve=[*before.curve, *((epoch, part, mean) for part, mean in means.items())],
        )

    def _mean(self, part: str, epoch: int) -> float:
        """Return the mean loss of an epoch over all devices, and forget it."""
        here = self.losses[part].taken().double().mean()
        mean = float(self.trainer.strategy.reduce(here, reduce_op="mean"))
        if not np.isfinite(mean):
            raise FitError(
                f"train: the {part} loss of {self.task.name} is {mean} in epoch {epoch}; "
                f"lower learning_rate ({self.task.training.learning_rate:g})"
            )
        return mean


class _Validated(_Loop):
    """A loop that validates; Lightning takes exception to a step that has nothing to read."""

    def val_dataloader(self) -> _Reader:
        assert self.task.validation is not None
        return _Reader(len(self.task.validation), partial(self.task.validation.epoch, None))

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        del batch_idx
        self.one_loss("validation", batch)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's tips to itself; what it logs from warnings on is heard."""
    chatty = logging.getLogger("pytorch_lightning")
    level = chatty.level
    chatty.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)
            # pytorch-lightning 2.6.6 makes a LeafSpec where torch 2.13 has another word for it
            warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
            yield
    finally:
        chatty.setLevel(level)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C be KeyboardInterrupt, of which Lightning makes an exit, even in a notebook."""
    try:
        yield
    except SystemExit as left:
        if not isinstance(left.__context__, KeyboardInterrupt):
            raise
        raise KeyboardInterrupt from left
