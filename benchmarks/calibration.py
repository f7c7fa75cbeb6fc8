"""Posteriors are calibrated: of fits to data from drawn parameters, all ranks are equally likely.

Simulation-based calibration (Talts, Betancourt, Simpson, Vehtari and Gelman 2018): parameters are
drawn from the prior, 300 customers are drawn given them, event by event, the model is fitted, and
the truth is ranked among 63 draws of the posterior. If model, inference and code are right, the
rank of every parameter is uniform; 0.01 of the p-values are below 0.01. The figures are in
docs/calibration. There is no peer.
"""

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.measure import ROOT
from benchmarks.side import Task, in_process, told_by

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from benchmarks.latent import History
    from lifeworth.engines.pooled import Pooled

NAME = "calibration"
TIMES = {"laplace": 200, "svi": 32, "nuts": 24}
PROCESSES = (
    "gamma_gamma", "bgnbd", "mbgnbd", "pareto_nbd", "bgbb", "bgcnbd_2", "mbgcnbd_2",
)  # fmt: skip
CUSTOMERS = 300
RANKED = 63
"""Draws that the truth is ranked among: 64 ranks."""

BINS = 8
CLEARED = 20
"""Fits by NUTS after which compiled code is dropped."""

SAMPLING = {
    "laplace": {"draws": RANKED, "warmup": 1, "chains": 1, "steps": 1, "batch": 1},
    "svi": {"draws": RANKED, "warmup": 1, "chains": 1, "steps": 2_000, "batch": 256},
    "nuts": {"draws": 8 * RANKED, "warmup": 300, "chains": 2, "steps": 1, "batch": 1},
}
"""NUTS is thinned, for draws one after another are not independent."""


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=1)
    arguments.add_argument("--inference", nargs="+", choices=TIMES, default=list(TIMES))
    arguments.add_argument("--times", type=int, help="simulations of each process")
    arguments.add_argument("--seed", type=int, default=11)
    given = arguments.parse_args(words)
    times = {name: given.times or TIMES[name] for name in given.inference}
    times = dict.fromkeys(times, 4) if given.small else times
    kept = given.results == ROOT / "benchmarks" / "results" and not given.small
    figures = ROOT / "docs" / "calibration" if kept else given.results / "calibration"
    size = {"seed": given.seed, "processes": 1 if given.small else len(PROCESSES)}
    record(NAME, [measure(times, size, figures)], given.results)


def measure(times: dict[str, int], size: dict[str, int], figures: Path) -> Case:
    """Measure these inferences so often, for the first of the processes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = partial(in_process, folder=folder, cache=folder / "cache")
        works = {"laplace": laplace, "svi": svi, "nuts": nuts}
        sides = take_turns([
            Side(f"lifeworth, {method}",
                 lambda _, n=n, m=method: run(works[m], sizes=size | {"times": n}), 1)
            for method, n in times.items()
        ])  # fmt: skip
        told = {method: told_by(works[method], folder) for method in times}
        run(draw, sizes={})
        figures.mkdir(parents=True, exist_ok=True)
        for picture in folder.glob("*.png"):
            shutil.copy(picture, figures)
    return Case({"customers": CUSTOMERS} | size | times, sides, verdict(told))


def verdict(told: dict[str, Any]) -> dict[str, Any]:
    """Return how many p-values there are and how many are small, by inference; and which."""
    checks: dict[str, Any] = {}
    for method, found in told.items():
        flat = _of(found, "p")
        checks[method] = {
            "parameters": len(flat),
            "p_below_0.01": sum(p < 0.01 for p in flat.values()),
            "p_below_0.0005": sum(p < 0.0005 for p in flat.values()),
        }
        checks[f"{method}_p_below_0.01"] = {n: p for n, p in flat.items() if p < 0.01} or "none"
        off = {name: z for name, z in _of(found, "z").items() if abs(z) > 3}
        checks[f"{method}_mean_rank_off_by_3_standard_errors"] = off or "none"
        checks[f"{method}_fits_that_failed"] = sum(found["failed"].values())
    return checks


def _of(found: dict[str, Any], what: str) -> dict[str, float]:
    return {
        f"{process} {name}": cell[what]
        for process, cells in found["cells"].items()
        for name, cell in cells.items()
    }


def laplace(task: Task) -> dict[str, Any]:
    """Rank with Laplace."""
    return _ranked(task, "laplace")


def svi(task: Task) -> dict[str, Any]:
    """Rank with SVI."""
    return _ranked(task, "svi")


def nuts(task: Task) -> dict[str, Any]:
    """Rank with NUTS."""
    return _ranked(task, "nuts")


def _ranked(task: Task, method: str) -> dict[str, Any]:
    with task.stage("import"):
        from benchmarks.latent import SHOPS
        from lifeworth.engines.device import use

        use("cpu")
    cells, failed = {}, {}
    for process in PROCESSES[: task.sizes["processes"]]:
        shop = SHOPS[process]
        with task.stage(process):
            ranks, failed[process] = _ranks(process, method, task.sizes)
        cells[process] = {name: _cell(ranks[:, i]) for i, name in enumerate(shop.priors)}
    return {"cells": cells, "failed": failed}


def _ranks(process: str, method: Any, sizes: dict[str, int]) -> tuple["np.ndarray", int]:
    import jax
    import numpy as np

    from benchmarks.latent import SHOPS, drawn_from, on_scale
    from lifeworth.engines.likelihood import FitError
    from lifeworth.engines.posterior import Sampling, infer

    shop, ranks, failed = SHOPS[process], [], 0
    sampling = Sampling(**SAMPLING[method])
    for i in range(sizes["times"]):
        rng = np.random.default_rng([sizes["seed"], i])
        quantities = drawn_from(shop.priors, rng)
        history = shop.draw(quantities, rng.uniform(200, 700, CUSTOMERS), rng)
        try:
            posterior = infer(pooled_of(process, history), method, sampling, seed=i)
        except FitError:
            failed += 1
            continue
        finally:
            if method == "nuts" and i % CLEARED == CLEARED - 1:
                jax.clear_caches()  # a fit maps 1,000 areas of memory and more, of 65,530
        draws = posterior.thinned(RANKED).draws["population"]
        ranks.append((draws < on_scale(shop.priors, quantities)).sum(axis=0))
    return np.array(ranks), failed


def pooled_of(process: str, history: "History") -> "Pooled":
    """Return the model of a history as the engines take it."""
    from benchmarks.known import population
    from benchmarks.latent import SHOPS
    from lifeworth.models.btyd.priors import priors_of
    from lifeworth.models.btyd.processes import process_of
    from lifeworth.models.btyd.purchases import Past, pooled_purchases

    said = _Said(SHOPS[process].priors)
    if process == "gamma_gamma":
        return _spend(history, said)
    name, _, k = process.partition("cnbd_")
    model = process_of(f"{name}nbd" if k else process, int(k or 1))
    priors = priors_of(said, model.coordinates)
    return pooled_purchases(model, Past(*history), population(len(history.x)), priors)


def _spend(history: "History", said: "_Said") -> "Pooled":
    import numpy as np

    from benchmarks.known import population
    from lifeworth.engines.pooled import Pooled
    from lifeworth.models.btyd import gamma_gamma as spend
    from lifeworth.models.btyd.priors import priors_of

    x, m, _ = history
    grouped = population(len(x))
    data = spend._rows(spend.Customers(x, m, np.zeros_like(x), grouped.which))
    return Pooled(
        names=tuple(c.name for c in spend.COORDINATES),
        priors=priors_of(said, spend.COORDINATES),
        groups=grouped.groups,
        whole=spend._whole,
        some=spend._some,
        data=data,
        times=data["times"],
    )


class _Said:
    """Intervals as the attributes that `priors_of` reads."""

    def __init__(self, intervals: dict[str, tuple[float, float]]) -> None:
        self.__dict__.update(intervals)


def _cell(ranks: "np.ndarray") -> dict[str, Any]:
    import numpy as np
    from scipy.stats import chisquare

    counts = np.bincount(ranks * BINS // (RANKED + 1), minlength=BINS)
    # how far the mean rank is off, in standard errors: above 0, posteriors are too low
    z = (ranks.mean() / RANKED - 0.5) * np.sqrt(12 * len(ranks))
    p = float(chisquare(counts).pvalue)
    return {"p": round(p, 6), "z": round(float(z), 2), "counts": counts.tolist()}


def draw(task: Task) -> dict[str, Any]:
    """Draw the ranks of every inference that was measured, a small picture for each parameter."""
    for method, work in {"laplace": laplace, "svi": svi, "nuts": nuts}.items():
        if (task.folder / f"{work.__name__}.answer.json").exists():
            cells = told_by(work, task.folder)["cells"]
            _picture(cells, method).savefig(task.folder / f"{method}.png", dpi=110)
    return {}


def _picture(cells: dict[str, Any], method: str) -> "Figure":
    import numpy as np
    from matplotlib.figure import Figure
    from scipy.stats import binom

    most = max(map(len, cells.values()))
    figure = Figure(figsize=(9, 1.35 * len(cells)), layout="constrained")
    axes = figure.subplots(len(cells), most, sharex=True, squeeze=False)
    times = sum(next(iter(next(iter(cells.values())).values()))["counts"])
    low, high = binom.ppf([0.005, 0.995], times, 1 / BINS)
    figure.suptitle(f"{method}: ranks of the truth in {times} fits; shaded, 99 % of a flat one")
    for row, (process, parameters) in zip(axes, cells.items(), strict=True):
        for ax in row[len(parameters) :]:
            ax.set_visible(False)
        for ax, (name, cell) in zip(row, parameters.items(), strict=False):
            ax.axhspan(low, high, color="0.88")
            ax.bar(np.arange(BINS), cell["counts"], width=0.92, color="#3b6ea5")
            ax.set_title(f"{name}, p {cell['p']:.2g}", fontsize=7)
            ax.set(xticks=[], ylim=(0, None))
            ax.tick_params(labelsize=6)
        row[0].set_ylabel(process, fontsize=7)
    return figure
