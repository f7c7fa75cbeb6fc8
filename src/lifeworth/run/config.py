"""The strict shape of a run; below this layer no configuration library is seen."""

import datetime as dt
import importlib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from lifeworth.asof.carts import Ask
from lifeworth.asof.split import Purchase
from lifeworth.engines.device import Platform, Precision
from lifeworth.models.core import Recipe
from lifeworth.run.complaints import complaint, of_run
from lifeworth.run.words import Words, checked
from lifeworth.tables.errors import InputError
from lifeworth.tables.sources.shape import Source

Days = Annotated[int, Field(ge=1, le=3_653)]
"""A length of time: at least a day, at most ten years."""


class Split(Words):
    """Where the store is cut in time (conf/split says what each field means)."""

    cutoff: dt.date | None
    horizon_days: Days
    window_days: Days | None
    purchase: Purchase
    cuts: Annotated[int, Field(ge=1, le=100)]
    every_days: Days
    score_at: Literal["cutoff", "end"]


class Hardware(Words):
    """Where numbers are computed; precision and devices are those of networks."""

    platform: Platform
    precision: Precision
    devices: PositiveInt


class Tiers(Words):
    """Lower edges of the tiers, as quantiles of expected value."""

    VIP: float
    High: float
    Med: float

    def edges(self) -> tuple[float, float, float]:
        """Return the edges, best tier first."""
        return self.VIP, self.High, self.Med


class CampaignRules(Words):
    """How policies of a randomised campaign are judged (conf/run.yaml says what each means)."""

    only: str | None
    outcome: str
    margin: Annotated[float, Field(gt=0, le=1)]
    folds: Annotated[int, Field(ge=2, le=20)]
    budget_cents: Annotated[float, Field(ge=0)] | None
    suppress: Literal["shrunken", "low"]
    monetary: str
    frequency: str


class RankingRules(Words):
    """How lists of products are judged and shown (conf/run.yaml says what each means)."""

    lengths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    at: PositiveInt
    seen: Literal["keep", "leave_out"] | None
    ask: Ask | None
    hide: PositiveInt
    services: tuple[str, ...] | None
    visits: PositiveInt | None
    examples: Annotated[int, Field(ge=0, le=100)]


class Names(Words):
    """What was chosen, by name."""

    experiment: str
    data: str
    model: str
    baselines: dict[str, str]
    debug: str | None


class RunConfig(BaseModel):
    """Everything a run is made of."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    names: Names
    title: str
    data: Source
    split: Split
    model: Recipe[Any]
    baselines: dict[str, Recipe[Any]]
    hardware: Hardware
    seed: int = Field(ge=0)
    seeds: Annotated[int, Field(ge=1, le=100)]
    resamples: PositiveInt
    segments: tuple[str, ...]
    tiers: Tiers
    campaign: CampaignRules
    ranking: RankingRules
    tracking_uri: str | None
    composed: dict[str, Any]


def read(composed: dict[str, Any], choices: dict[str, str | None]) -> RunConfig:
    """Check a composed configuration and build what it names.

    Parameters
    ----------
    composed
        conf/run.yaml with its choices filled in, as plain dicts and lists.
    choices
        Group to option, as Hydra records them.

    Raises
    ------
    InputError
        If a name is not known or a value does not fit: which, and what would.
    """
    fields = dict(composed)
    others = fields.pop("baselines", None) or {}  # ~baselines and baselines=null: none
    _refuse_no_fields({**fields, "baselines": others})
    names = _names(choices, sorted(others))
    model = build("model", fields.pop("model"))
    baselines = {key: build(f"baselines.{key}", node) for key, node in others.items()}
    title = fields.pop("title") or f"{names.data}: {names.model}"
    parts = {
        "data": build("data", fields.pop("data")),
        "split": checked(of_run("split"), Split, fields.pop("split")),
        "hardware": checked(of_run("hardware"), Hardware, fields.pop("hardware")),
        "tiers": checked(of_run("tiers"), Tiers, fields.pop("tiers")),
        "campaign": checked(of_run("campaign"), CampaignRules, fields.pop("campaign")),
        "ranking": checked(of_run("ranking"), RankingRules, fields.pop("ranking")),
        "model": model,
        "baselines": _called(names, {k: b for k, b in baselines.items() if b != model}),
    }
    try:
        return RunConfig(names=names, title=title, composed=composed, **parts, **fields)
    except ValidationError as error:
        raise InputError(complaint(of_run(""), error, RunConfig)) from error


GROUPS = ("baselines", "data", "model", "split", "hardware", "tiers", "campaign", "ranking")


def _refuse_no_fields(fields: dict[str, Any]) -> None:
    """Refuse a value where there are names and values below."""
    for name in GROUPS:
        if not isinstance(fields.get(name), dict):
            shown = "null" if fields.get(name) is None else fields[name]
            raise InputError(
                f"{name}={shown} has to be names and values; leave the word out, or give one of "
                f"them: lifeworth run --cfg job shows those below {name}"
            )


def build(where: str, node: dict[str, Any]) -> Any:
    """Make the object a node of the configuration names by `_target_`, its other fields checked."""
    fields = dict(node)
    target = str(fields.pop("_target_", ""))
    module, _, name = target.rpartition(".")
    if not target and where.startswith("baselines.") and fields:
        raise InputError(
            f"{where} names no model, and sets {', '.join(fields)}; name one by "
            f"+model@{where}=..., or take the rest out, too, by '~{where}'"
        )
    if not module.startswith("lifeworth."):
        raise InputError(
            f"{where}._target_: '{target}' is not part of lifeworth; "
            f"choose an option of conf/{where}"
        )
    try:
        kind = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("lifeworth"):
            raise InputError(f"{where}._target_: there is no module '{module}'") from error
        raise InputError(
            f"{where}: '{name}' needs the package '{error.name}', which is not installed; "
            f"run scripts/setup {module.split('.')[2]}, or pip install 'lifeworth[...]' with that "
            "extra"
        ) from error
    if kind is None:
        raise InputError(f"{where}._target_: there is no '{target}' in this version of lifeworth")
    try:
        return kind(**fields)
    except ValidationError as error:
        raise InputError(complaint(of_run(where), error, kind)) from error


def _called(names: Names, baselines: dict[str, Any]) -> dict[str, Any]:
    """Call every baseline by its option; by its key, too, where that name is taken."""
    called: dict[str, Any] = {}
    for key, recipe in baselines.items():
        name = names.baselines[key]
        taken = name in (names.model, *called)
        called[f"{name} ({key})" if taken else name] = recipe
    return called


def _names(choices: dict[str, str | None], baselines: list[str]) -> Names:
    data, model = str(choices["data"]), str(choices["model"])
    return Names(
        experiment=choices.get("experiment") or f"{data}_{model}",
        data=data,
        model=model,
        debug=choices.get("debug"),
        baselines={key: choices.get(f"model@baselines.{key}") or key for key in baselines},
    )
