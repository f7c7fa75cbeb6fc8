"""Purchases rolled forward: a network says what the next period brings, again and again."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

MOST = 6
"""Purchases in a period that are told apart; more count as so many."""

EMBEDDED = 8

DAYS_PER_YEAR = 365.2425

Counts = Int[np.ndarray, "customers periods"]
State = tuple[Tensor, Tensor]


class Weeks(NamedTuple):
    """A batch, each customer from the period of their first purchase on.

    `before` is what the period before each brought, `season` and `counts` are of the period, and
    `told` says which periods count.
    """

    before: Int[Tensor, "customers periods"]
    season: Float[Tensor, "customers periods 2"]
    counts: Int[Tensor, "customers periods"]
    told: Bool[Tensor, "customers periods"]


class RolloutNet(nn.Module):
    """An LSTM from period to period (Valendin, Reutterer, Platzer and Kalcher 2022)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.before = nn.Embedding(MOST + 1, EMBEDDED)
        self.lstm = nn.LSTM(EMBEDDED + 2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, MOST + 1)

    def enter(
        self, before: Int[Tensor, "customers periods"], season: Float[Tensor, "customers periods 2"]
    ) -> Float[Tensor, "customers periods entered"]:
        """Return what the LSTM reads."""
        return torch.cat([self.before(before), season], dim=-1)

    def forward(
        self, before: Int[Tensor, "customers periods"], season: Float[Tensor, "customers periods 2"]
    ) -> Float[Tensor, "customers periods counts"]:
        """Return log odds of 0 ... MOST purchases in each period."""
        return self.out(self.lstm(self.enter(before, season))[0])

    def start_at(self, base: Int[np.ndarray, " counts"]) -> "RolloutNet":
        """Begin with what periods bring on average, whatever was before."""
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.copy_(torch.from_numpy(np.log((base + 0.5) / (base.sum() + 0.5))))
        return self


def cost(net: Any, batch: Weeks) -> Float[Tensor, ""]:
    """Return the mean of -log P(purchases) over the periods that count."""
    odds = net(batch.before, batch.season).transpose(1, 2)
    each = nn.functional.cross_entropy(odds, batch.counts, reduction="none")
    return torch.where(batch.told, each, 0.0).sum() / batch.told.sum().clamp(min=1)


class Past(NamedTuple):
    """Purchases by period, and the season of each period; -1 before a customer's first purchase."""

    counts: Counts
    season: Float[np.ndarray, "periods 2"]

    def from_birth(self) -> tuple[Counts, Float[np.ndarray, "customers periods 2"], Counts]:
        """Return counts (at most MOST) and season from the first purchase on, and which they are.

        What lies beyond the last period has the number of periods or more.
        """
        width = self.counts.shape[1]
        which = (self.counts < 0).sum(axis=1)[:, None] + np.arange(width)
        inside = np.minimum(which, width - 1)
        counts = np.take_along_axis(self.counts, inside, axis=1)
        return np.clip(counts, 0, MOST), self.season[inside], which


class WeekBatches:
    """Customers in batches; as `engines.training.Batches`.

    Only periods from `first` on and before `last` count, after a customer's first purchase.
    """

    def __init__(self, past: Past, size: int, first: int, last: int) -> None:
        born = (past.counts[:, :last] >= 0).any(axis=1)
        self.past = Past(past.counts[born, :last], past.season[:last])
        self.size, self.first = size, first
        seen = self.past.counts[self.past.counts >= 0]
        self.base = np.bincount(np.minimum(seen, MOST), minlength=MOST + 1)
        """How often each count occurs."""

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self.past.counts) // self.size)

    def epoch(self, rng: np.random.Generator | None) -> Iterator[Weeks]:
        """Yield every customer once."""
        order = np.arange(len(self.past.counts))
        order = order if rng is None else rng.permutation(order)
        for start in range(0, len(order), self.size):
            rows = order[start : start + self.size]
            yield self._batch(self.past._replace(counts=self.past.counts[rows]))

    def _batch(self, past: Past) -> Weeks:
        counts, season, which = past.from_birth()
        told = (which[:, 1:] < past.counts.shape[1]) & (which[:, 1:] >= self.first)
        parts = (counts[:, :-1], season[:, 1:], counts[:, 1:], told)
        return Weeks(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))


def seasons(ends: Float[np.ndarray, " periods"]) -> Float[np.ndarray, "periods 2"]:
    """Return sine and cosine of the season of periods that end on these days since 1970."""
    angle = 2.0 * np.pi * ends / DAYS_PER_YEAR
    return np.stack([np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)


class Roller:
    """One network and some customers, at the end of what is known; each `step` is a period.

    Of all futures it draws its `own`. Futures that have brought the same to the same customer so
    far are in one state, and most bring nothing for long: each state is kept and read once.
    """

    def __init__(self, net: RolloutNet, past: Past, own: Int[np.ndarray, " draws"]) -> None:
        counts, season, which = past.from_birth()
        length = (which < past.counts.shape[1]).sum(axis=1)
        last = np.take_along_axis(counts, length[:, None] - 1, axis=1)[:, 0]
        self.net, self.own = net, own
        self.state: State = _state(net, counts, season, length)
        self.before = torch.from_numpy(last)
        self.at = torch.arange(len(last)).repeat_interleave(len(own))
        """The state of each future."""

    def step(
        self, season: Float[np.ndarray, "2"], u: Float[np.ndarray, "customers all"]
    ) -> Int[np.ndarray, "customers draws"]:
        """Draw what the next period brings; `u` are uniform, of all futures."""
        with torch.no_grad():
            told = torch.from_numpy(season).expand(len(self.before), 1, 2)
            out, state = self.net.lstm(self.net.enter(self.before[:, None], told), self.state)
            upto = self.net.out(out[:, 0]).softmax(dim=-1).cumsum(dim=-1)[:, :-1].contiguous()
            level = torch.from_numpy(u[:, self.own].astype(np.float32).reshape(-1, 1))
            drawn = (level > upto[self.at]).sum(dim=-1)
            ways, self.at = torch.unique(self.at * (MOST + 1) + drawn, return_inverse=True)
            self.before, come_from = ways % (MOST + 1), ways // (MOST + 1)
            self.state = (state[0][:, come_from], state[1][:, come_from])
        return drawn.reshape(-1, len(self.own)).numpy()


def _state(
    net: RolloutNet,
    counts: Counts,
    season: Float[np.ndarray, "customers periods 2"],
    length: Int[np.ndarray, " customers"],
) -> State:
    """Return the state before what the last period brought is read: nothing, of who is new."""
    h, c = (torch.zeros((1, len(counts), net.lstm.hidden_size)) for _ in range(2))
    old = np.flatnonzero(length > 1)
    if len(old):
        read = net.enter(torch.from_numpy(counts[old, :-1]), torch.from_numpy(season[old, 1:]))
        packed = pack_padded_sequence(
            read, torch.from_numpy(length[old] - 1), batch_first=True, enforce_sorted=False
        )
        with torch.no_grad():
            after = net.lstm(packed)[1]
        h[:, old], c[:, old] = (part.detach() for part in after)
    return h, c
