"""From a plan to a fitted ensemble: what the recipes that read histories share."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from lifeworth.asof.split import History, cut
from lifeworth.engines.likelihood import FitError
from lifeworth.engines.task import Training
from lifeworth.models.core import QUANTILES
from lifeworth.models.deep.batches import Blind, ExampleBatches
from lifeworth.models.deep.conformal import widths
from lifeworth.models.deep.examples import Examples
from lifeworth.models.deep.fitted import FittedNets
from lifeworth.models.deep.heads import Heads
from lifeworth.models.deep.losses import LossName
from lifeworth.models.deep.members import (
    Ensemble,
    Lesson,
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
        factor=factors(_heads(plan, shape, found, whole, (passes, seed)), whole.targets),
        passes=passes,
        blend=plan.blend,
        widths=np.empty(0),
        draws=plan.draws,
        seed=seed,
        curves=curves_of(found.curve),
        told=(_trained(plan, found), *taught.told(), *_not_lent(plan, taught)),
    )
    if not plan.conformal:
        return made
    added = _calibrated(study, plan, taught, history, seed)
    return replace(made, widths=added, told=(*made.told, *_uncalibrated(added)))


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


def _heads(
    plan: Plan, shape: NetShape, found: Ensemble, seen: Examples, dropped: tuple[int, int]
) -> Heads:
    nets = list(loaded(lambda: HistoryNet(shape), found.weights))
    return heads_of(nets, seen.inputs, plan.loss, *dropped)


def _calibrated(
    study: Study, plan: Plan, taught: Taught, history: History, seed: int
) -> Float[np.ndarray, " pairs"]:
    """Calibrate intervals by the same plan, fitted as of the latest earlier cut-off.

    Nothing of that fit has seen the window that judges its intervals. Empty where the history is
    too short for it.
    """
    latest, horizon = taught.moments[0], taught.horizons[0]
    inner = cut(history.tables, latest.day, horizon, purchase=history.purchase)[0]
    folder = plan.training.checkpoints
    own = None if folder is None else str(Path(folder) / "calibration")
    training = replace(plan.training, checkpoints=own)
    try:
        known = fit_nets(study, replace(plan, conformal=False, training=training), inner, seed)
    except FitError:
        return np.empty(0)
    told = known.score(inner, horizon).frame[list(QUANTILES)].to_numpy(np.float64)
    value = latest.targets.value[:, 0].astype(np.float64)
    unit = taught.encoder.unit
    return widths(told.T / unit, value)


def _uncalibrated(added: Float[np.ndarray, " pairs"]) -> tuple[str, ...]:
    if len(added):
        return ()
    return ("Intervals are not calibrated: the history before the latest cut-off is too short.",)


def _not_lent(plan: Plan, taught: Taught) -> tuple[str, ...]:
    if not plan.blend or taught.encoder.lender is not None:
        return ()
    return ("No BG/NBD could be fitted to the history: nothing is blended.",)


def _trained(plan: Plan, found: Ensemble) -> str:
    what = {"ensemble": "networks", "dropout": "passes of one network"}[plan.uncertainty]
    size = sum(w[0].size for w in found.weights.values())
    return f"{plan.members} {what} of {size:,} weights, trained for {found.epochs} epochs."
