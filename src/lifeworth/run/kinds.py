"""The kinds of runs: what a model learns from decides which pipeline judges it."""

from collections.abc import Mapping
from typing import Literal

from lifeworth.run.config import RunConfig
from lifeworth.tables.errors import InputError
from lifeworth.tables.sources import CAMPAIGNS, SOURCES, VISITS, WITH_LINES

Kind = Literal["forecast", "personas", "campaign", "ranking"]

ROOMS: dict[str, Kind] = {
    "uplift": "campaign",
    "personas": "personas",
    "ranker": "ranking",
    "basket": "ranking",
}
"""Rooms whose models do not forecast."""

LEARNS: dict[Kind, tuple[str, Mapping[str, type]]] = {
    "forecast": ("a store", SOURCES),
    "personas": ("a store", SOURCES),
    "campaign": ("a randomised campaign", CAMPAIGNS),
    "ranking": ("visits, or a store with order lines", VISITS | WITH_LINES),
}
"""What models of a kind learn from, in words, and the sources of it."""

IS: dict[Kind, str] = {
    "forecast": "a store",
    "campaign": "a randomised campaign",
    "ranking": "visits",
}
"""What the data of a kind are called."""

MODELS: dict[Kind, str] = {
    "forecast": "model=btyd_bgnbd, or another btyd_..., deep_... or personas_... model",
    "campaign": "model=uplift_dr_learner or another uplift_... model",
    "ranking": "model=ranker_vsknn or another ranker_... or basket_... model",
}
"""What to choose for data of a kind."""


def kind_of(recipe: object) -> Kind:
    """Return the kind of a recipe, by the room it is in."""
    return ROOMS.get(
        type(recipe).__module__.removeprefix("lifeworth.models.").split(".")[0], "forecast"
    )


def run_kind(config: RunConfig) -> Kind:
    """Return the kind of a run.

    Raises
    ------
    InputError
        If the model cannot learn from the data, a baseline is of another kind where that cannot
        have been meant, or the run asks for something that personas have not.
    """
    kind, data, model = kind_of(config.model), config.names.data, config.names.model
    learns, sources = LEARNS[kind]
    if not isinstance(config.data, tuple(sources.values())):
        of_data = next(k for k in MODELS if isinstance(config.data, tuple(LEARNS[k][1].values())))
        raise InputError(
            f"model={model} learns from {learns}, and data={data} is {IS[of_data]}; choose "
            f"{MODELS[of_data]}, or data={', data='.join(sources)}"
        )
    if kind == "personas":
        _refuse_seeds_and_segments(config)
    if kind == "forecast":
        _refuse_personas_beside(config)
    return kind


def _refuse_seeds_and_segments(config: RunConfig) -> None:
    asked = {"segments": bool(config.segments), "seeds": config.seeds > 1}
    for name in [name for name, there in asked.items() if there]:
        raise InputError(
            f"{name}: personas are not forecasts, whose scorecard {name} are of; leave it out"
        )


def _refuse_personas_beside(config: RunConfig) -> None:
    given = [name for name, recipe in config.baselines.items() if kind_of(recipe) == "personas"]
    if given:
        raise InputError(
            f"baselines: {given[0]} makes personas, which forecast nothing, and "
            f"model={config.names.model} does; choose a personas_... model, or leave it out"
        )
