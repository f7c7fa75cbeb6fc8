"""Latent personas are found as far as they lie apart, and refused where they do not.

Stores are simulated whose customers are of one of five latent personas, in three columns: normal
with a standard deviation of 1 around centres that lie `apart` (all four outer ones as far from the
fifth, in the middle; 1.6 times as far from each other). Each persona buys in the next 90 days with
a chance of its own. The default policy finds personas and the gate judges them, as in a run. For
each distance: the adjusted Rand index of found and latent personas, that of who knows the centres
and takes the nearest, the personas found, and the share of stores whose personas pass, with the
first reason why others do not. There is no peer.
"""

from typing import Any

from benchmarks.claim import Case, parser, record
from benchmarks.measure import ROOT
from benchmarks.side import Task, each_once
from benchmarks.vectors import named, write_store

NAME = "personas_truth"
APART = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
CENTRES = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1), (0, 0, 0))
BUYS = (0.8, 0.2, 0.5, 0.35, 0.65)
HORIZON = 90


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=1)
    arguments.add_argument("--customers", type=int, default=2_000)
    arguments.add_argument("--stores", type=int, default=10, help="at each distance")
    given = arguments.parse_args(words)
    sizes = {
        "customers": 600 if given.small else given.customers,
        "stores": 1 if given.small else given.stores,
        "distances": 2 if given.small else len(APART),
    }
    record(NAME, [measure(sizes)], given.results)


def measure(sizes: dict[str, int]) -> Case:
    """Measure all distances."""
    sides, told = each_once({"personas": recover}, sizes)
    return Case(sizes, sides, told["personas"])


def recover(task: Task) -> dict[str, Any]:
    """Find and judge personas of all stores."""
    import numpy as np

    last = len(APART) - 1
    told = {}
    for place in np.linspace(0, last, task.sizes["distances"]).astype(int):
        stores = [_store(task, APART[place], seed) for seed in range(task.sizes["stores"])]
        refused = [s["reason"] for s in stores if s["reason"]]
        mean = {name: float(np.mean([s[name] for s in stores])) for name in ("rand", "best")}
        told[f"{APART[place]:g} apart"] = {
            **mean,
            "found": sorted(s["found"] for s in stores),
            "pass": 1 - len(refused) / len(stores),
            "why not": refused[0] if refused else "",
        }
    return told


def _store(task: Task, apart: float, seed: int) -> dict[str, Any]:
    """Return what is found in one store."""
    import datetime as dt

    import numpy as np
    from sklearn.metrics import adjusted_rand_score
    from yaml import safe_load

    from lifeworth.asof import cut
    from lifeworth.evaluate.bootstrap import Resampling
    from lifeworth.evaluate.personas import gate
    from lifeworth.run.config import build
    from lifeworth.run.persona_judging import judged
    from lifeworth.tables.core import Tables

    rng = np.random.default_rng([seed, round(10 * apart)])
    centre = apart * np.array(CENTRES) / 3**0.5
    truth = rng.integers(len(centre), size=task.sizes["customers"])
    z = centre[truth] + rng.normal(size=(len(truth), 3))
    folder = task.folder / f"{apart:g}_{seed}"
    write_store(folder, z, np.full(len(z), 5_000), rng.random(len(z)) < np.array(BUYS)[truth])
    text = (ROOT / "conf" / "model" / "personas_default.yaml").read_text(encoding="utf-8")
    settings = safe_load(text) | {"features": named(3)}
    pair = cut(Tables.read(folder), dt.date(2025, 1, 1), HORIZON)
    found = judged(build("model", settings).plan(), pair, seed, Resampling(resamples=200, seed=0))
    verdict = gate(found.judgement)
    labels = found.fit.clusters.labels
    nearest = ((z[:, None] - centre) ** 2).sum(axis=2).argmin(axis=1)
    return {
        "rand": float(adjusted_rand_score(truth, labels)),
        "best": float(adjusted_rand_score(truth, nearest)),
        "found": len(np.unique(labels[labels >= 0])),
        "reason": "" if verdict.passed else verdict.reasons[0],
    }
