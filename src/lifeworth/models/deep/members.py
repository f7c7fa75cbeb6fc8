"""An ensemble of networks: trained on earlier cut-offs, stopped by the latest of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lifeworth.engines.task import Batches, Task, Training
from lifeworth.engines.training import load_weights, seeded, train
from lifeworth.models.deep.batches import padded
from lifeworth.models.deep.examples import Targets
from lifeworth.models.deep.heads import Heads
from lifeworth.models.deep.inputs import Inputs
from lifeworth.models.deep.losses import OBJECTIVES, LossName

Weights = dict[str, np.ndarray]
"""By name; the first axis is that of the members."""

Groups = list[Int[np.ndarray, " _"]]
"""Rows of customers whom a network reads at once."""

SCORED = 4_096
"""Customers a network reads at once."""

SEEDS_APART = 1_000
"""Members of one seed are told from those of the next by this much."""


class Lesson(NamedTuple):
    """What to learn from: batches to stop by (None where history is too short), and all of them."""

    early: Batches | None
    judged: Batches | None
    whole: Batches


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """What training gave: weights of all members, how many epochs, and the curves."""

    weights: Weights
    epochs: int
    curve: pd.DataFrame


def fit_ensemble(
    build: Callable[[], nn.Module],
    loss: LossName,
    lesson: Lesson,
    training: Training,
    members: int,
    seed: int,
) -> Ensemble:
    """Train the first member until the judged batches say stop, then all on everything.

    How many epochs are best is found once: members differ by where they start and by the order of
    examples.
    """
    cost = OBJECTIVES[loss].cost
    epochs, curve = training.epochs, pd.DataFrame()
    first = seed * SEEDS_APART
    if lesson.early is not None and lesson.judged is not None:
        net = _built(build, first)
        judged = Task(
            net, cost, lesson.early, training, first, validation=lesson.judged, name="judged"
        )
        done = train(judged)
        epochs, curve = done.epochs, done.curve
    made = []
    for member in range(members):
        own = first + member
        net = _built(build, own)
        name = f"member-{member}"
        done = train(Task(net, cost, lesson.whole, training, own, epochs=epochs, name=name))
        made.append(done.weights)
        curve = pd.concat([curve, done.curve.assign(part=f"member {member + 1}")])
    return Ensemble(weights=stacked(made), epochs=epochs, curve=curve.reset_index(drop=True))


def _built(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    with seeded(seed):
        return build()


def stacked(parts: list[Weights]) -> Weights:
    """Put the weights of all members together."""
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]}


Net = TypeVar("Net", bound=nn.Module)


def loaded(build: Callable[[], Net], weights: Weights) -> Iterator[Net]:
    """Yield the members, ready to score."""
    for member in range(len(next(iter(weights.values())))):
        net = build()
        load_weights(net, {name: w[member] for name, w in weights.items()})
        yield net


def heads_of(
    nets: Sequence[nn.Module], inputs: Inputs, loss: LossName, passes: int = 0, seed: int = 0
) -> Heads:
    """Return the heads of each network; with `passes`, of the first one with dropout so often."""
    groups = alike(inputs)
    raw = (
        [_raw(net, inputs, groups) for net in nets]
        if not passes
        else _dropped(nets[0], inputs, groups, (passes, seed))
    )
    sorted_heads = OBJECTIVES[loss].read(torch.stack(raw))
    back = np.argsort(np.concatenate(groups))
    return Heads(*(part.numpy()[:, back] for part in sorted_heads))


def alike(inputs: Inputs) -> Groups:
    """Return the rows that a network reads at once: customers of like length, to pad little."""
    order = np.argsort(inputs.length, kind="stable")
    return [order[i : i + SCORED] for i in range(0, len(order), SCORED)]


def _raw(net: Any, inputs: Inputs, groups: Groups) -> Float[Tensor, "customers intervals 5"]:
    with torch.no_grad():
        return torch.cat([net(padded(inputs, rows)) for rows in groups])


def _dropped(
    net: nn.Module,
    inputs: Inputs,
    groups: Groups,
    drawn: tuple[int, int],
) -> list[Float[Tensor, "customers intervals 5"]]:
    """Score with dropout: one draw of what is dropped for each pass (Gal and Ghahramani 2016)."""
    passes, seed = drawn
    net.train()
    made = []
    for number in range(passes):
        with seeded(seed + number):
            made.append(_raw(net, inputs, groups))
    net.eval()
    return made


def population(targets: Targets, *, based: bool) -> Float[Tensor, "intervals 5"]:
    """Return raw heads that say the same of everybody: what the examples did on average.

    For heads that are `based` on a forecast, what that leaves open: the spread.
    """
    rows = []
    for interval, seen in enumerate(targets.seen.T):
        n = targets.purchases[seen, interval].astype(np.float64)
        v = targets.value[seen, interval].astype(np.float64)
        bought = n[n > 0]
        p = (len(bought) + 0.5) / (len(n) + 1.0)
        logs = np.log(v[v > 0]) if (v > 0).any() else np.zeros(1)
        extra = max(float(bought.mean() - 1.0) if len(bought) else 0.0, 0.01)
        scale = min(max(float(logs.std()), 0.1), 2.0)
        raw_scale = np.log(np.expm1(scale))
        level = [np.log(p / (1 - p)), np.log(extra), 0.0, float(logs.mean()), raw_scale]
        rows.append([0.0, 0.0, 0.0, -(scale**2) / 2, raw_scale] if based else level)
    return torch.tensor(np.array(rows), dtype=torch.float32)


def curves_of(curve: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the loss by epoch, by what it is of."""
    return {
        str(part): rows["loss"].to_numpy(np.float64)
        for part, rows in curve.groupby("part", sort=False)
    }
