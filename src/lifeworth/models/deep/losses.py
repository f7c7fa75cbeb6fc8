"""What a network is trained to say: the whole distribution, or means."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from lifeworth.models.deep.math import (
    LOGIT,
    Head,
    TwoHead,
    counts_log_probability,
    head_loss,
    head_of,
    mse_loss,
    two_head_loss,
    ziln_mean,
)

LossName = Literal["ziln", "mse", "two_head"]
"""The second and third are baselines: squared errors of the expected value."""

ASSUMED = 1.0
"""Standard deviation of the log of value where a loss does not teach any."""

Told = Any
"""A `batches.Batch`, or a `graph.GraphBatch`, whose module takes seconds to import."""

Raw = Float[Tensor, "*shape 5"]


class Objective(NamedTuple):
    """How raw outputs are read, and what a batch costs."""

    read: Callable[[Raw], Head]
    cost: Callable[[Any, Told], Float[Tensor, ""]]


def _assumed(raw: Raw) -> Head:
    head = head_of(raw)
    return head._replace(scale=torch.full_like(head.loc, ASSUMED))


def _of_two(raw: Raw) -> Head:
    """Read the fourth output as expected value, whoever buys."""
    head = head_of(raw)
    mean = raw[..., 3].clamp(min=1e-4) / head.ziln.buys
    scale = torch.full_like(mean, ASSUMED)
    return head._replace(loc=mean.log() - ASSUMED**2 / 2, scale=scale)


def _ziln(net: Any, batch: Told) -> Float[Tensor, ""]:
    return head_loss(head_of(net(batch.seen)), batch.purchases, batch.value, batch.over)


def _mse(net: Any, batch: Told) -> Float[Tensor, ""]:
    head = _assumed(net(batch.seen))
    return mse_loss(ziln_mean(head.ziln), batch.value, batch.over) + _counted(head, batch)


def _two_head(net: Any, batch: Told) -> Float[Tensor, ""]:
    raw = net(batch.seen)
    head = head_of(raw)
    two = TwoHead(head.logit, raw[..., 3])
    both = two_head_loss(two, batch.purchases > 0, batch.value, batch.over)
    again = (batch.purchases > 0) & batch.over  # how often, of those who buy
    sure = head._replace(logit=torch.full_like(head.logit, LOGIT))  # `both` has taught the chance
    return both + _counted(sure, batch._replace(over=again))


def _counted(head: Head, batch: Told) -> Float[Tensor, ""]:
    n = torch.where(batch.over, batch.purchases, 0.0)
    each = torch.where(batch.over, counts_log_probability(head.counts, n), 0.0)
    return -each.sum() / batch.over.sum().clamp(min=1)


OBJECTIVES: dict[LossName, Objective] = {
    "ziln": Objective(head_of, _ziln),
    "mse": Objective(_assumed, _mse),
    "two_head": Objective(_of_two, _two_head),
}
