"""From a plan to a fitted ensemble: what the recipes that read histories share."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from lifeworth.asof.split import History, cut
from lifeworth.engines.training import Training
from lifeworth.models.core import QUANTILES
from lifeworth.models.deep.batches import Blind, ExampleBatches
from lifeworth.models.deep.conformal import widths
from lifeworth.models.deep.examples import Examples
from lifeworth.models.deep.fitted import FittedNets
from lifeworth.models.deep.losses import LossName
from lifeworth.models.deep.members import (
    Ensemble,
    Lesson,
    Weights,
    curves_of,
    fit_ensemble,
    heads_of,
    loaded,
    population,
)
from lifeworth.models.deep.nets import HistoryNet, NetName, NetShape
from lifeworth.models.deep.taught import Study, Taught, factors, is_based

Uncertainty = Literal["ensemble", "dropout"]
"""What stands for what is not known: networks from other seeds, or one with parts left out."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to train, and how; the fields are those of the recipes."""

    net: NetName
    loss: LossName
    hidden: int
    layers: int
    dropout: float
    members: int
    uncertainty: Uncertainty
    conformal: bool
    training: Training
    draws: int
    blind: float = 0.0
    blend: float = 0.0


def fit_nets(study: Study, plan: Plan, history: History, seed: int) -> FittedNets:
    """Fit to `history`.

    Raises
    ------
    FitError
        If it is too short to learn from, or returns and losses leave nothing.
    """
    taught = Taught(study, history)
    whole, shape = taught.whole, _shape(study, plan, taught)
    start = population(whole.targets, based=shape.based)

    def build() -> HistoryNet:
        net = HistoryNet(shape)
        net.start_at(start)
        return net

    members = plan.members if plan.uncertainty == "ensemble" else 1
    lesson = _lesson(plan, taught, whole)
    found = fit_ensemble(build, plan.loss, lesson, plan.training, members, seed)
    passes = plan.members if plan.uncertainty == "dropout" else 0
    made = FittedNets(
        shape=shape,
        encoder=taught.encoder,
        horizons=taught.horizons,
        loss=plan.loss,
        weights=found.weights,
        factor=_factor(plan, shape, found.weights, whole, (passes, seed)),
        passes=passes,
        blend=plan.blend,
        widths=np.empty(0),
        draws=plan.draws,
        seed=seed,
        curves=curves_of(found.curve),
        told=(_trained(plan, found), *taught.told()),
    )
    return replace(made, widths=_widths(plan, taught, found, made, history))


def _lesson(plan: Plan, taught: Taught, whole: Examples) -> Lesson:
    size, encoder = plan.training.batch, taught.encoder
    blind = Blind(plan.blind, len(encoder.columns), encoder.nobody) if plan.blind else None

    def batches(examples: Examples) -> ExampleBatches:
        return ExampleBatches(examples, size, blind)

    early = taught.early
    if early is None:
        return Lesson(early=None, judged=None, whole=batches(whole))
    judged = ExampleBatches(taught.judged, size)
    return Lesson(early=batches(early), judged=judged, whole=batches(whole))


def _shape(study: Study, plan: Plan, taught: Taught) -> NetShape:
    encoder = taught.encoder
    return NetShape(
        kind=plan.net,
        kinds=len(encoder.kinds),
        categories=len(encoder.categories),
        wide=encoder.width,
        intervals=len(taught.horizons),
        based=is_based(study, plan.loss),
        hidden=plan.hidden,
        layers=plan.layers,
        dropout=plan.dropout,
    )


def _factor(
    plan: Plan, shape: NetShape, weights: Weights, seen: Examples, dropped: tuple[int, int]
) -> Float[np.ndarray, " intervals"]:
    nets = list(loaded(lambda: HistoryNet(shape), weights))
    return factors(heads_of(nets, seen.inputs, plan.loss, *dropped), seen.targets)


def _widths(
    plan: Plan, taught: Taught, found: Ensemble, made: FittedNets, history: History
) -> Float[np.ndarray, " pairs"]:
    """Calibrate intervals at the judged cut-off, by the network that has not seen it."""
    early, horizon = taught.early, taught.horizons[0]
    if not plan.conformal or found.judged is None or early is None:
        return np.empty(0)
    inner = cut(history.tables, taught.moments[0].day, horizon, purchase=history.purchase)[0]
    known = replace(
        made,
        encoder=made.encoder.at(inner),
        weights=found.judged,
        factor=_factor(plan, made.shape, found.judged, early, (made.passes, made.seed)),
    )
    told = known.score(inner, horizon).frame[list(QUANTILES)].to_numpy(np.float64)
    value = taught.judged.targets.value[:, 0].astype(np.float64)
    return widths(told.T / made.encoder.unit, value)


def _trained(plan: Plan, found: Ensemble) -> str:
    what = {"ensemble": "networks", "dropout": "passes of one network"}[plan.uncertainty]
    size = sum(w[0].size for w in found.weights.values())
    return f"{plan.members} {what} of {size:,} weights, trained for {found.epochs} epochs."
