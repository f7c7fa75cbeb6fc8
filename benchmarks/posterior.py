"""NUTS draws more of a BG/NBD's posterior in a second of CPU time than with pymc-marketing.

The CDNOW sample of Fader, Hardie and Lee: 2,357 customers, 39 weeks; two chains of 1,000 draws
after 1,000 of warm-up, each package with its default priors, in a process of its own: to import, to
compile and to sample. "cold" has to compile, "warm" finds what an earlier process compiled.
What counts are effective draws, by numpyro.diagnostics: those of r, alpha, a or b, whichever has
the fewest. lifeworth counts in days; alpha is told in weeks. Laplace and SVI find the same
posterior.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import peer as peers
from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.side import Task, in_process

if TYPE_CHECKING:
    import numpy as np

NAME = "posterior"
STAGE = "fit"
LETTERS = ("r", "alpha", "a", "b")
CUTOFF = (1997, 10, 1)


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=3)
    arguments.add_argument("--draws", type=int, default=1_000, help="of a chain, and of warm-up")
    arguments.add_argument("--seed", type=int, default=1)
    peers.add_to(arguments)
    given = arguments.parse_args(words)
    sizes = {"chains": 2, "draws": 100 if given.small else given.draws, "seed": given.seed}
    repeats = 1 if given.small else given.repeats
    record(NAME, [measure(sizes, repeats, given.peer_python)], given.results, STAGE)


def measure(sizes: dict[str, int], repeats: int, python: str) -> Case:
    """Measure at one size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm = folder / "warm"
        run = partial(in_process, folder=folder, sizes=sizes)
        run(make, cache=warm)
        for work in (nuts, laplace, svi):
            run(work, cache=warm)
        sides = [
            Side("lifeworth, cold", lambda i: run(nuts, cache=folder / f"cold-{i}"), repeats),
            Side("lifeworth, warm", lambda _: run(nuts, cache=warm), repeats),
            Side("lifeworth, Laplace, warm", lambda _: run(laplace, cache=warm), repeats),
            Side("lifeworth, SVI, warm", lambda _: run(svi, cache=warm), repeats),
        ]
        if python:
            run(peer, cache=warm, python=python)  # unmeasured: reads from the disk, fills the cache
            cold = partial(run, peer, cache=folder / "peer-cold", python=python)
            again = partial(run, peer, cache=warm, python=python)
            sides += [
                Side("pymc-marketing, cold", lambda _: cold(), 1),
                Side("pymc-marketing, warm", lambda _: again(), repeats),
            ]
        costs = take_turns(sides)
        told = run(check, cache=warm).told
    return Case(sizes, costs, _checks(told, costs) | peers.absent(python))


def _checks(told: dict[str, Any], costs: dict[str, Any]) -> dict[str, Any]:
    """Add to what the posteriors say what an effective draw cost."""
    pairs = {
        "lifeworth, cold": "nuts",
        "lifeworth, warm": "nuts",
        "pymc-marketing, cold": "peer",
        "pymc-marketing, warm": "peer",
    }
    rates = {
        f"ess_per_cpu_second, {label}": {
            "process": told[work]["ess_min"] / costs[label]["cpu_seconds"],
            "fit": told[work]["ess_min"] / costs[label]["stages"][STAGE]["cpu_seconds"],
        }
        for label, work in pairs.items()
        if label in costs
    }
    return told | rates


def make(task: Task) -> dict[str, Any]:
    """Write customers.npz: x, t_x, T in days."""
    import datetime as dt

    import numpy as np

    from lifeworth.asof import cut
    from lifeworth.models.btyd.statistics import statistics
    from lifeworth.tables.sources import Cdnow

    history, _ = cut(Cdnow(which="sample").load(), dt.date(*CUTOFF), 273)
    stats = statistics(history)
    np.savez(task.folder / "customers.npz", x=stats.x, t_x=stats.t_x, T=stats.T)
    return {"customers": len(stats.x)}


def nuts(task: Task) -> dict[str, Any]:
    """Sample with lifeworth."""
    return _ours(task, "nuts")


def laplace(task: Task) -> dict[str, Any]:
    """Fit a normal at the peak with lifeworth."""
    return _ours(task, "laplace")


def svi(task: Task) -> dict[str, Any]:
    """Fit a normal by stochastic gradients with lifeworth."""
    return _ours(task, "svi")


def _ours(task: Task, method: Any) -> dict[str, Any]:
    with task.stage("import"):
        import numpy as np

        from benchmarks.known import configured, population
        from lifeworth.engines.device import use
        from lifeworth.engines.posterior import infer
        from lifeworth.models.btyd.priors import priors_of
        from lifeworth.models.btyd.processes import process_of
        from lifeworth.models.btyd.purchases import Past, pooled_purchases

        use("cpu")
    with task.stage("read"):
        data, process = np.load(task.folder / "customers.npz"), process_of("bgnbd")
        past, recipe = Past(data["x"], data["t_x"], data["T"]), configured("btyd_bgnbd")
        priors = priors_of(recipe.priors, process.coordinates)
    chains, draws = task.sizes["chains"], task.sizes["draws"]
    sampling = recipe.sampling
    sampling = type(sampling)(
        draws=chains * draws, warmup=draws, chains=chains,
        steps=sampling.steps, batch=sampling.batch,
    )  # fmt: skip
    with task.stage(STAGE):
        pooled = pooled_purchases(process, past, population(len(past.x)), priors)
        posterior = infer(pooled, method, sampling, task.sizes["seed"])
    th = process.params(posterior.draws["population"])
    found = {n: v.reshape(posterior.chains, -1) for n, v in th._asdict().items()}
    found["alpha"] = found["alpha"] / 7
    np.savez(task.folder / f"{method}.draws.npz", **found)
    return {"diagnostics": posterior.diagnostics}


def peer(task: Task) -> dict[str, Any]:
    """Sample with pymc-marketing, in weeks, which its default priors are for."""
    with task.stage("import"):
        import numpy as np
        import pandas as pd
        import pymc_marketing
        from pymc_marketing.clv import BetaGeoModel
    with task.stage("read"):
        data = np.load(task.folder / "customers.npz")
        x, t_x, T = (data[name] for name in ("x", "t_x", "T"))
        columns = {"frequency": x, "recency": t_x / 7, "T": T / 7}
        frame = pd.DataFrame({"customer_id": np.arange(len(x)), **columns})
    draws = task.sizes["draws"]
    with task.stage(STAGE):
        model = BetaGeoModel()
        found = model.fit(
            data=frame, draws=draws, tune=draws, chains=task.sizes["chains"],
            random_seed=task.sizes["seed"], progressbar=False,
        )  # fmt: skip
    kept = {name: found.posterior[name].to_numpy() for name in LETTERS}
    np.savez(task.folder / "peer.draws.npz", **kept)
    return {
        "version": pymc_marketing.__version__,
        "divergences": int(found.sample_stats["diverging"].sum()),
    }


def check(task: Task) -> dict[str, Any]:
    """Judge the draws of all sides by one yardstick."""
    import numpy as np

    told = {}
    for work in ("nuts", "laplace", "svi", "peer"):
        path = task.folder / f"{work}.draws.npz"
        if path.exists():
            told[work] = _judged(dict(np.load(path)))
    return told


def _judged(draws: "dict[str, np.ndarray]") -> dict[str, Any]:
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

    said: dict[str, Any] = {}
    if len(draws["r"]) > 1:
        said["ess_min"] = min(float(effective_sample_size(draws[n])) for n in LETTERS)
        said["r_hat_max"] = max(float(split_gelman_rubin(draws[n])) for n in LETTERS)
    for name in LETTERS:
        said |= {name: float(draws[name].mean()), f"{name}_sd": float(draws[name].std())}
    return said
