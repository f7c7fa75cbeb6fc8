"""Intervals of simulated shops hold what they promise: 90 % of customers in those of 90 %.

Shops whose truth is a BG/NBD and Gamma-Gamma are simulated, cut after a year and scored for 180
days. Intervals that are stated (value_q05 to value_q95; the draws' quantiles of purchases) include
their ends, and many customers will buy nothing: such intervals cover more than they say. The PIT
does not: where an outcome has a chance of its own it is drawn uniformly within it, and should be
between 0.05 and 0.95 for 90 % of customers, give or take three binomial standard errors. "default"
has returns, which no model of purchases and spend knows of; the other shops have none. There is no
peer.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.claim import Case, parser, record
from benchmarks.side import Task, each_once

if TYPE_CHECKING:
    import numpy as np

NAME = "coverage"
AIM = (0.87, 0.93)
"""Of the 90 % interval of value."""

HORIZON, KNOWN_DAYS = 180, 365
WORLDS: dict[str, dict[str, float]] = {
    "default": {},
    "frequent": {"r": 1.2, "alpha": 25.0, "a": 0.6, "b": 4.0, "return_rate": 0.0},
    "rare": {"r": 0.35, "alpha": 60.0, "a": 1.2, "b": 3.5, "return_rate": 0.0},
    "dear": {"p": 3.0, "q": 5.0, "gamma": 9_000.0, "return_rate": 0.0},
}
COLUMNS = ("value_50", "value_90", "purchases_50", "purchases_90", "value_pit", "purchases_pit")


class Falls(NamedTuple):
    """How outcomes fell: shares of customers inside, by name; distances of the PIT from flat."""

    inside: dict[str, float]
    distance: dict[str, float]


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=1)
    arguments.add_argument("--customers", type=int, default=3_000)
    arguments.add_argument("--seeds", type=int, default=4, help="shops of each world")
    given = arguments.parse_args(words)
    customers, seeds, worlds = (given.customers, given.seeds, len(WORLDS))
    if given.small:
        customers, seeds, worlds = 400, 1, 1
    sizes = {"customers": customers, "worlds": worlds, "seeds": seeds, "horizon": HORIZON}
    record(NAME, [measure(sizes)], given.results)


def measure(sizes: dict[str, int]) -> Case:
    """Measure all models."""
    works: dict[str, Callable[[Task], dict[str, Any]]] = {
        "mle": mle, "laplace": laplace, "nuts": nuts, "hierarchical laplace": hierarchical,
    }  # fmt: skip
    sides, told = each_once(works, sizes)
    return Case(sizes, sides, _verdict(told))


def _verdict(told: dict[str, Any]) -> dict[str, Any]:
    checks: dict[str, Any] = {"aim_value_90": AIM}
    for label, shops in told.items():
        for column in COLUMNS:
            shares = [shop[column] for shop in shops.values()]
            checks[f"{label}, {column}"] = {
                "mean": sum(shares) / len(shares), "lowest": min(shares), "highest": max(shares)
            }  # fmt: skip
        z = [shop["value_pit_z"] for shop in shops.values()]
        checks[f"{label}, value_pit_z"] = {name: s["value_pit_z"] for name, s in shops.items()}
        checks[f"{label}, shops within 3 standard errors"] = sum(abs(v) <= 3 for v in z) / len(z)
        worst = max(shop["value_pit_distance"] for shop in shops.values())
        checks[f"{label}, largest value PIT distance"] = worst
    return checks


def mle(task: Task) -> dict[str, Any]:
    """Fit by maximum likelihood."""
    return _shops(task, "btyd_bgnbd", {"inference": "mle"})


def laplace(task: Task) -> dict[str, Any]:
    """Fit a normal at the peak."""
    return _shops(task, "btyd_bgnbd", {"inference": "laplace"})


def nuts(task: Task) -> dict[str, Any]:
    """Sample; the first shop of each world."""
    return _shops(task, "btyd_bgnbd", {"inference": "nuts"}, most=1)


def hierarchical(task: Task) -> dict[str, Any]:
    """Pool countries in part."""
    return _shops(task, "btyd_hierarchical", {"inference": "laplace", "pool": ("country",)})


def _shops(
    task: Task, model: str, changes: dict[str, Any], most: int | None = None
) -> dict[str, Any]:
    from dataclasses import replace

    from benchmarks.known import configured
    from lifeworth.engines.device import use

    use("cpu")
    recipe, told = replace(configured(model), **changes), {}
    for world in list(WORLDS)[: task.sizes["worlds"]]:
        for seed in range(min(task.sizes["seeds"], most or task.sizes["seeds"])):
            told[f"{world} {seed}"] = _shop(recipe, world, seed, task.sizes["customers"])
    return told


def _shop(recipe: Any, name: str, seed: int, customers: int) -> dict[str, float]:
    """Simulate, fit, score and judge one shop."""
    import datetime as dt

    import numpy as np

    from lifeworth.asof import cut
    from lifeworth.asof.summary import outcomes
    from lifeworth.evaluate.calibration import pit_distance, pit_histogram
    from lifeworth.evaluate.scorecard import align, compared
    from lifeworth.tables.simulate import World
    from lifeworth.tables.sources import Simulated

    days = float(KNOWN_DAYS + HORIZON)
    world = World(customers=customers, days=days, **WORLDS[name])  # type: ignore[arg-type]
    cutoff = world.start + dt.timedelta(days=KNOWN_DAYS)
    history, future = cut(Simulated(seed=100 + seed, world=world).load(), cutoff, HORIZON)
    forecast = recipe.fit(history, seed).score(history, HORIZON)
    aligned = align(outcomes(future), forecast.frame)
    drawn, rng = forecast.draws(slice(0, len(aligned))), np.random.default_rng([seed, 1])
    told: dict[str, float] = {}
    sides = zip(("purchases", "value"), compared(forecast, aligned), drawn, strict=True)
    for side, judged, draws in sides:
        fell, share = judged.fell, _share(judged.actual, draws, rng)
        told |= {
            f"{side}_50": float(fell.inside_50.mean()),
            f"{side}_90": float(fell.inside_90.mean()),
            f"{side}_pit": share,
            f"{side}_pit_z": (share - 0.9) / float(np.sqrt(0.09 / len(aligned))),
            f"{side}_pit_distance": pit_distance(pit_histogram(fell.pit)),
        }
    return {name: round(value, 4) for name, value in told.items()}


def _share(actual: "np.ndarray", draws: "np.ndarray", rng: "np.random.Generator") -> float:
    """Return the share of customers whose PIT, ranked with ties broken at random, is central."""
    import numpy as np

    below = (draws < actual[:, None]).sum(axis=1)
    ties = (draws == actual[:, None]).sum(axis=1)
    # the rank of the outcome among itself and the draws, and a place within it
    place = (below + np.floor(rng.random(len(actual)) * (ties + 1)) + rng.random(len(actual))) / (
        draws.shape[1] + 1
    )
    return float(((place >= 0.05) & (place <= 0.95)).mean())
