"""Networks and data of tests/engines; and a process that trains: it is killed, or has another."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lifeworth.engines.device import use
from lifeworth.engines.task import Task, Training
from lifeworth.engines.training import seeded, train

DONE = 3


TRAINING = Training(
    epochs=6,
    patience=3,
    batch=8,
    learning_rate=0.01,
    weight_decay=0.01,
    clip=1.0,
    checkpoints=None,
)


class Rows:
    """Rows of arrays in batches; `begun` counts the shuffled epochs."""

    def __init__(self, *arrays, size=8):
        self.arrays = [torch.as_tensor(a, dtype=torch.float32) for a in arrays]
        self.size, self.begun = size, 0

    def __len__(self):
        return -(-len(self.arrays[0]) // self.size)

    def epoch(self, rng):
        self.begun += rng is not None
        rows = np.arange(len(self.arrays[0]))
        rows = rows if rng is None else rng.permutation(rows)
        for at in range(0, len(rows), self.size):
            yield tuple(a[rows[at : at + self.size]] for a in self.arrays)


def squares(net, batch):
    x, y = batch
    return ((net(x)[:, 0] - y) ** 2).mean()


def linear(size=3):
    """Return a linear network that starts at zero."""
    net = torch.nn.Linear(size, 1, bias=False)
    torch.nn.init.zeros_(net.weight)
    return net


def dropping():
    with seeded(1):
        return torch.nn.Sequential(
            torch.nn.Linear(3, 8),
            torch.nn.BatchNorm1d(8),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.3),
            torch.nn.Linear(8, 1),
        )


def rows(n=60, seed=0, size=8):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3))
    return Rows(x, x @ [1.0, -2.0, 0.5] + 0.3 * rng.standard_normal(n), size=size)


def same(a, b):
    """Say whether two trainings gave the same bits."""
    pd.testing.assert_frame_equal(a.curve, b.curve, check_exact=True)
    return a.epochs == b.epochs and same_weights(a.weights, b.weights)


def same_weights(a, b):
    return a.keys() == b.keys() and all(a[k].tobytes() == b[k].tobytes() for k in a)


def crossing():
    """Return training data whose optimum is 2, and validation data whose optimum is 0.5."""
    x = np.random.default_rng(0).standard_normal((64, 1))
    return Rows(x, 2.0 * x[:, 0]), Rows(x, 0.5 * x[:, 0])


class Dying(Rows):
    """Kills the process in the middle of the epoch after DONE."""

    def epoch(self, rng):
        for i, batch in enumerate(super().epoch(rng)):
            if rng is not None and self.begun == DONE + 1 and i == 4:
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch


def killed(folder):
    kept, data = replace(TRAINING, checkpoints=folder), Dying(*rows().arrays)
    train(Task(dropping(), squares, data, kept, 4, validation=rows(seed=1)))


def tanh():
    with seeded(1):
        return torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))


def shared(folder):
    use("cpu", devices=2)
    done = train(Task(tanh(), squares, rows(n=64), TRAINING, 4, validation=rows(seed=1)))
    np.savez(Path(folder) / "shared.npz", loss=done.curve["loss"], **done.weights)


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"killed": killed, "shared": shared}[sys.argv[1]](sys.argv[2])
