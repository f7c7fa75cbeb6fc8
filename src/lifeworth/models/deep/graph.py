"""Customers and what links them, as a graph a network passes messages along."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lifeworth.models.deep.examples import Targets
from lifeworth.models.deep.nets import OUTPUTS


class Graph(NamedTuple):
    """Customers and the groups they are in; groups have no numbers but those of their customers."""

    columns: Float[Tensor, "customers columns"]
    base: Float[Tensor, "customers intervals 5"]
    customer: Int[Tensor, " edges"]
    group: Int[Tensor, " edges"]
    groups: Int[Tensor, ""]


class GraphBatch(NamedTuple):
    """A graph, and what its customers did; the losses read it as they read other batches."""

    seen: Graph
    purchases: Float[Tensor, "customers intervals"]
    value: Float[Tensor, "customers intervals"]
    over: Bool[Tensor, "customers intervals"]


class SageNet(nn.Module):
    """GraphSAGE (Hamilton, Ying and Leskovec 2017), from customers to groups and back, in rounds.

    Who is in no group is told by their own columns alone.
    """

    def __init__(
        self, columns: int, intervals: int, hidden: int, rounds: int, *, based: bool
    ) -> None:
        from torch_geometric.nn import SAGEConv  # other networks do without its seconds

        super().__init__()
        self.intervals, self.rounds, self.based = intervals, rounds, based
        self.enter = nn.Sequential(nn.Linear(columns, hidden), nn.ReLU())
        self.gather = nn.ModuleList(SAGEConv(hidden, hidden) for _ in range(rounds))
        self.spread = nn.ModuleList(SAGEConv(hidden, hidden) for _ in range(rounds))
        self.out = nn.Linear(2 * hidden, OUTPUTS * intervals)

    def forward(self, seen: Graph) -> Float[Tensor, "customers intervals 5"]:
        """Return raw heads."""
        return self.told(seen, None)[0]

    def told(
        self, seen: Graph, known: Float[Tensor, "rounds groups hidden"] | None
    ) -> tuple[Float[Tensor, "customers intervals 5"], Float[Tensor, "rounds groups hidden"]]:
        """Return raw heads, and what the groups say in each round.

        With `known`, groups say that, whoever is in them now.
        """
        own = state = self.enter(seen.columns)
        there, said = torch.stack([seen.customer, seen.group]), []
        for i in range(self.rounds):
            if known is None:
                none = state.new_zeros((int(seen.groups), state.shape[1]))
                met = self.gather[i]((state, none), there).relu()
            else:
                met = known[i]
            said.append(met)
            state = self.spread[i]((met, state), there.flip(0)).relu()
        raw = self.out(torch.cat([own, state], dim=-1))
        raw = raw.reshape(len(raw), self.intervals, OUTPUTS)
        return raw + seen.base if self.based else raw, torch.stack(said)

    def start_at(self, raw: Float[Tensor, "intervals 5"]) -> None:
        """Begin with the heads of the population, whoever is linked to whom."""
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.copy_(raw.reshape(-1))


def graph_of(
    customer_id: np.ndarray,
    columns: Float[np.ndarray, "customers columns"],
    base: Float[np.ndarray, "customers intervals 5"],
    pairs: pd.DataFrame,
    groups: tuple[str, ...],
) -> Graph:
    """Return the graph of customers, sorted by customer_id, and of those groups alone."""
    group = pd.Index(groups, dtype=object).get_indexer(pd.Index(pairs["group"], dtype=object))
    kept = group >= 0
    who = pairs["customer_id"].to_numpy(dtype=object)[kept]
    customer = np.searchsorted(customer_id, who)
    return Graph(
        torch.from_numpy(np.ascontiguousarray(columns)),
        torch.from_numpy(np.ascontiguousarray(base)),
        torch.from_numpy(customer.astype(np.int64)),
        torch.from_numpy(group[kept].astype(np.int64)),
        torch.tensor(len(groups)),
    )


class GraphBatches:
    """Cut-offs one by one, each a graph; as `engines.training.Batches`."""

    def __init__(self, graphs: list[tuple[Graph, Targets]]) -> None:
        self.batches = [
            GraphBatch(graph, *(torch.from_numpy(column) for column in targets))
            for graph, targets in graphs
        ]

    def __len__(self) -> int:
        """Return the number of graphs."""
        return len(self.batches)

    def epoch(self, rng: np.random.Generator | None) -> Iterator[GraphBatch]:
        """Yield every graph once."""
        order = np.arange(len(self.batches))
        for i in order if rng is None else rng.permutation(order):
            yield self.batches[i]
