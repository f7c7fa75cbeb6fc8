"""GraphSAGE over customers who bought the same, or have a column in common."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from pydantic import PositiveInt

from lifeworth.asof.neighbours import links, shared
from lifeworth.asof.split import History, cut
from lifeworth.engines.task import Training
from lifeworth.models.core import Forecast, Parameter, fitted, recipe
from lifeworth.models.deep.examples import Moment, Targets
from lifeworth.models.deep.forecasting import Made, between, forecast_of
from lifeworth.models.deep.graph import Graph, GraphBatches, SageNet, graph_of
from lifeworth.models.deep.heads import Heads
from lifeworth.models.deep.horizons import Horizons
from lifeworth.models.deep.inputs import Encoder
from lifeworth.models.deep.losses import OBJECTIVES, LossName
from lifeworth.models.deep.members import (
    Lesson,
    Weights,
    curves_of,
    fit_ensemble,
    loaded,
    population,
)
from lifeworth.models.deep.taught import Study, Taught, factors, is_based


@recipe
class GraphSage:
    """Messages go from customers to what links them and back; full graphs, one per cut-off.

    What the groups of the fit said is kept: a customer is scored by it, whoever else is there.

    Attributes
    ----------
    neighbours
        "co_purchase" (customers who bought the same product), or a text column of the customers,
        such as a household or who referred them.
    most_neighbours
        Customers of a group above which it links nobody.
    rounds
        Of messages.
    columns, borrow, horizons, moments, every_days, loss, hidden, members, training, draws
        As of `WideAndDeepZiln`; a batch is a whole graph.
    """

    neighbours: str
    most_neighbours: PositiveInt
    rounds: PositiveInt
    columns: tuple[str, ...]
    borrow: bool
    horizons: Horizons
    moments: PositiveInt
    every_days: PositiveInt
    loss: LossName
    hidden: PositiveInt
    members: PositiveInt
    training: Training
    draws: PositiveInt

    def fit(self, history: History, seed: int) -> "FittedGraphSage":
        """Fit to `history`."""
        study = Study(
            horizons=self.horizons,
            moments=self.moments,
            every_days=self.every_days,
            columns=self.columns,
            borrow=self.borrow,
        )
        taught = Taught(study, history)
        whole = taught.whole
        size = (taught.encoder.width, len(taught.horizons), self.hidden, self.rounds)
        based = is_based(study, self.loss)
        start = population(whole.targets, based=based)

        def build() -> SageNet:
            net = SageNet(*size, based=based)
            net.start_at(start)
            return net

        graphs = [self._graph(history, taught, moment) for moment in taught.moments]
        lesson = _lesson(taught, graphs)
        found = fit_ensemble(build, self.loss, lesson, self.training, self.members, seed)
        now = _now(history, taught.encoder, self.neighbours, self.most_neighbours)
        return FittedGraphSage(
            encoder=taught.encoder,
            neighbours=self.neighbours,
            size=size,
            based=based,
            horizons=taught.horizons,
            loss=self.loss,
            weights=found.weights,
            groups=now.groups,
            states=_states(build, found.weights, now.graph),
            factor=self._factor(build, found.weights, graphs, whole.targets),
            draws=self.draws,
            seed=seed,
            curves=curves_of(found.curve),
            told=(_linked(self.neighbours, now), *taught.told()),
        )

    def _factor(
        self,
        build: Callable[[], SageNet],
        weights: Weights,
        graphs: list[Graph],
        targets: Targets,
    ) -> Float[np.ndarray, " intervals"]:
        with torch.no_grad():
            raw = [torch.cat([net(g) for g in graphs]) for net in loaded(build, weights)]
        said = Heads(*(part.numpy() for part in OBJECTIVES[self.loss].read(torch.stack(raw))))
        return factors(said, targets)

    def _graph(self, history: History, taught: Taught, moment: Moment) -> Graph:
        inner = cut(history.tables, moment.day, taught.horizons[0], purchase=history.purchase)[0]
        pairs = shared(links(inner, self.neighbours), self.most_neighbours)
        inputs = taught.inputs.rows(moment.rows)
        return graph_of(np.sort(_customers(inner)), inputs.wide, inputs.base, pairs, _groups(pairs))


class _Now(NamedTuple):
    """The graph at the cut-off."""

    graph: Graph
    groups: tuple[str, ...]


def _now(history: History, encoder: Encoder, by: str, most: int) -> _Now:
    pairs = shared(links(history, by), most)
    groups = _groups(pairs)
    wide, base = encoder.wide(history)[1], encoder.base(history)
    return _Now(graph_of(np.sort(_customers(history)), wide, base, pairs, groups), groups)


def _customers(history: History) -> np.ndarray:
    return history.customers().to_pandas()["customer_id"].to_numpy(dtype=object)


def _groups(pairs: pd.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(map(str, pairs["group"].unique())))


def _lesson(taught: Taught, graphs: list[Graph]) -> Lesson:
    """Put graphs beside what was known of their targets."""
    day, cutoff = taught.moments[0].day, taught.cutoff
    known = [m.until(cutoff) for m in taught.moments]
    early = [m.until(day) for m in taught.moments[1:]]
    pairs: list[tuple[Graph, Targets]] = [
        (graph, targets)
        for graph, targets in zip(graphs[1:], early, strict=True)
        if targets.seen.any()
    ]
    whole = GraphBatches(list(zip(graphs, known, strict=True)))
    if not pairs:
        return Lesson(early=None, judged=None, whole=whole)
    judged = GraphBatches([(graphs[0], known[0])])
    return Lesson(early=GraphBatches(pairs), judged=judged, whole=whole)


def _states(
    build: Callable[[], SageNet], weights: Weights, graph: Graph
) -> Float[np.ndarray, "members rounds groups hidden"]:
    """Return what groups say in each round, by member."""
    with torch.no_grad():
        return np.stack([net.told(graph, None)[1].numpy() for net in loaded(build, weights)])


def _linked(by: str, now: _Now) -> str:
    return (
        f"Customers are linked by {by}: {len(now.groups):,} groups, {len(now.graph.customer):,} "
        "memberships." + ("" if now.groups else " Nobody has a neighbour.")
    )


@fitted
class FittedGraphSage:
    """Networks, and what the groups of customers said at the cut-off.

    Attributes
    ----------
    size
        Columns, intervals, hidden, rounds.
    based
        Whether heads are added to where they begin (`Inputs.base`).
    states
        What groups say: members, rounds, groups, hidden.
    """

    encoder: Encoder
    neighbours: str
    size: tuple[int, int, int, int]
    based: bool
    horizons: tuple[int, ...]
    loss: LossName
    weights: dict[str, np.ndarray]
    groups: tuple[str, ...]
    states: np.ndarray
    factor: np.ndarray
    draws: int
    seed: int
    curves: dict[str, np.ndarray]
    told: tuple[str, ...]

    def score(self, history: History, horizon: int) -> Forecast:
        """Forecast every customer of `history` over `horizon` days."""
        return forecast_of(history, self.made(history), horizon, draws=self.draws, seed=self.seed)

    def made(self, history: History) -> Made:
        """Return the heads of every customer of `history`; value in cents."""
        ids, wide = np.sort(_customers(history)), self.encoder.wide(history)[1]
        pairs, base = links(history, self.neighbours), self.encoder.base(history)
        graph = graph_of(ids, wide, base, pairs, self.groups)
        raw = []
        with torch.no_grad():
            nets = loaded(lambda: SageNet(*self.size, based=self.based), self.weights)
            for net, state in zip(nets, self.states, strict=True):
                raw.append(net.told(graph, torch.from_numpy(state))[0])
        said = Heads(*(part.numpy() for part in OBJECTIVES[self.loss].read(torch.stack(raw))))
        money = np.log(self.factor * self.encoder.unit).astype(np.float32)
        return Made(ids, said._replace(loc=said.loc + money), self.horizons)

    def explain(self, history: History, horizon: int) -> pd.DataFrame | None:
        """Return None: only networks that read one customer at a time are explained."""
        del history, horizon

    def epistemic(self, history: History, horizon: int) -> Float[np.ndarray, " customers"]:
        """Return the sd (cents) of the expected value between members."""
        return np.sqrt(between(self.made(history), horizon).variance)

    def parameters(self) -> list[Parameter]:
        """Return none: weights mean nothing one by one."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return none."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know about the training."""
        return self.told
