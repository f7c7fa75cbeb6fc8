"""The networks: a reader of events, and what is made of its reading."""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from lifeworth.models.deep.batches import Seen
from lifeworth.models.deep.inputs import CHANNELS, CLOCK

EMBEDDED = 4
"""Numbers a kind or a category becomes."""

OUTPUTS = 5
"""Raw numbers of a head (`math.head_of`)."""

NetName = Literal["lstm", "wide_and_deep"]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class NetShape:
    """The shape of a network.

    Attributes
    ----------
    kind
        "lstm" reads the events; "wide_and_deep" adds the wide columns, which alone speak for who
        has no event.
    kinds, categories
        That events are told apart by, 0 for unknown not counted.
    wide
        Columns.
    intervals
        That are forecast.
    based
        Whether heads are added to where they begin (`Inputs.base`).
    """

    kind: NetName
    kinds: int
    categories: int
    wide: int
    intervals: int
    based: bool
    hidden: int
    layers: int
    dropout: float


class Reader(nn.Module):
    """An LSTM over events (Hochreiter and Schmidhuber 1997) and the time since the last of them."""

    def __init__(self, shape: NetShape) -> None:
        super().__init__()
        self.kind = nn.Embedding(shape.kinds + 1, EMBEDDED)
        self.category = nn.Embedding(shape.categories + 1, EMBEDDED)
        self.enter = nn.Linear(len(CHANNELS) + 2 * EMBEDDED, shape.hidden)
        between = shape.dropout if shape.layers > 1 else 0.0
        self.lstm = nn.LSTM(
            shape.hidden, shape.hidden, shape.layers, batch_first=True, dropout=between
        )
        self.nothing = nn.Parameter(torch.zeros(shape.hidden))

    def forward(self, seen: Seen) -> Float[Tensor, "customers hidden"]:
        """Return the state after the last event; a learnt one where there is none."""
        told = (seen.numbers, self.kind(seen.kind), self.category(seen.category))
        out, _ = self.lstm(torch.tanh(self.enter(torch.cat(told, dim=-1))))
        last = (seen.length - 1).clamp(min=0)
        state = out[torch.arange(len(last), device=last.device), last]
        return torch.where((seen.length > 0)[:, None], state, self.nothing)


class HistoryNet(nn.Module):
    """What a reader has read, the clock, and the wide columns where there are some, to heads."""

    def __init__(self, shape: NetShape) -> None:
        super().__init__()
        self.shape = shape
        wide = shape.wide if shape.kind == "wide_and_deep" else 0
        self.reader = Reader(shape)
        self.deep = nn.Sequential(
            nn.Linear(shape.hidden + len(CLOCK), shape.hidden),
            nn.ReLU(),
            nn.Dropout(shape.dropout),
            nn.Linear(shape.hidden, shape.hidden),
            nn.ReLU(),
        )
        self.out = nn.Linear(shape.hidden, OUTPUTS * shape.intervals)
        self.cross = nn.Sequential(nn.Linear(wide, shape.hidden), nn.ReLU()) if wide else None
        self.wide = nn.Linear(wide + shape.hidden, OUTPUTS * shape.intervals) if wide else None

    def forward(self, seen: Seen) -> Float[Tensor, "customers intervals 5"]:
        """Return raw heads."""
        return self.heads(self.reader(seen), seen)

    def heads(
        self, state: Float[Tensor, "customers hidden"], seen: Seen
    ) -> Float[Tensor, "customers intervals 5"]:
        """Return raw heads of what was read (`state`) and of everything that is no event."""
        told = self.deep(torch.cat([state, seen.clock / 4.0], dim=-1))
        raw = self.out(told)
        if self.wide is not None and self.cross is not None:
            raw = raw + self.wide(torch.cat([seen.wide, self.cross(seen.wide)], dim=-1))
        raw = raw.reshape(len(raw), self.shape.intervals, OUTPUTS)
        return raw + seen.base if self.shape.based else raw

    def start_at(self, raw: Float[Tensor, "intervals 5"]) -> None:
        """Begin with the heads of the population, whatever is read."""
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.copy_(raw.reshape(-1))
            if self.wide is not None:
                self.wide.weight.mul_(0.1)
                self.wide.bias.zero_()
