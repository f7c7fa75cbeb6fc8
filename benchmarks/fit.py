"""A BG/NBD fit to a million customers takes less CPU time than with lifetimes, likelihood the same.

Customers are simulated: they arrive over two years and buy by a BG/NBD; times are whole days for
both sides. lifetimes has its defaults, once on a row per customer and once on distinct rows with
their counts as weights, which it can take but does not make. "cold" has to compile first, "warm"
finds what an earlier process compiled.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.customers import make
from benchmarks.side import Sizes, Task, in_process, told_by

NAME = "fit"
STAGE = "fit"


def main(words: list[str] | None = None) -> None:
    """Measure at every size."""
    arguments = parser(str(__doc__), repeats=3)
    arguments.add_argument("--customers", type=int, nargs="+", default=[100_000, 1_000_000])
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args(words)
    counts = [5_000] if given.small else given.customers
    repeats = 1 if given.small else given.repeats
    cases = [measure({"customers": n, "seed": given.seed}, repeats) for n in counts]
    record(NAME, cases, given.results, STAGE)


def measure(sizes: Sizes, repeats: int) -> Case:
    """Measure at one size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = partial(in_process, folder=folder, sizes=sizes)
        run(make, cache=folder / "warm")
        run(ours, cache=folder / "warm")
        sides = take_turns([
            Side("lifeworth, cold", lambda i: run(ours, cache=folder / f"cold-{i}"), repeats),
            Side("lifeworth, warm", lambda _: run(ours, cache=folder / "warm"), repeats),
            Side("lifetimes", lambda _: run(peer, cache=folder), (repeats + 1) // 2),
            Side("lifetimes, weights", lambda _: run(peer_weighted, cache=folder), 1),
        ])  # fmt: skip
        return Case(sizes, sides, run(check, cache=folder / "warm").told)


def ours(task: Task) -> dict[str, Any]:
    """Fit with lifeworth."""
    with task.stage("import"):
        import numpy as np

        from lifeworth.engines.device import use
        from lifeworth.models.btyd.processes import process_of
        from lifeworth.models.btyd.purchases import Past, maximum_of_purchases

        use("cpu")
    with task.stage("read"):
        data = np.load(task.folder / "customers.npz")
        x, t_x, T = data["x"], data["t_x"], data["T"]
    with task.stage(STAGE):
        maximum = maximum_of_purchases(process_of("bgnbd"), Past(x, t_x, T))
    found = {name: estimate.value for name, estimate in maximum.estimates.items()}
    return {
        "parameters": found,
        "log_likelihood": maximum.log_likelihood,
        "iterations": maximum.iterations,
        "notes": list(maximum.notes),
    }


def peer(task: Task) -> dict[str, Any]:
    """Fit with lifetimes, a row per customer."""
    with task.stage("import"):
        import numpy as np
        from lifetimes import BetaGeoFitter
        from lifetimes.utils import ConvergenceError
    with task.stage("read"):
        data = np.load(task.folder / "customers.npz")
        x, t_x, T = data["x"], data["t_x"], data["T"]
    fitter = BetaGeoFitter()
    try:
        with task.stage(STAGE):
            fitter.fit(x, t_x, T)
    except ConvergenceError as error:
        return {"parameters": None, "failed": " ".join(str(error).split())}
    return {"parameters": fitter.params_.to_dict()}


def peer_weighted(task: Task) -> dict[str, Any]:
    """Fit with lifetimes on distinct rows, which are made beforehand with pandas."""
    with task.stage("import"):
        import numpy as np
        import pandas as pd
        from lifetimes import BetaGeoFitter
        from lifetimes.utils import ConvergenceError
    with task.stage("read"):
        rows = pd.DataFrame(dict(np.load(task.folder / "customers.npz")))
    fitter = BetaGeoFitter()
    try:
        with task.stage(STAGE):
            distinct = rows.groupby(["x", "t_x", "T"], as_index=False).size()
            fitter.fit(distinct["x"], distinct["t_x"], distinct["T"], weights=distinct["size"])
    except ConvergenceError as error:
        return {"parameters": None, "failed": " ".join(str(error).split())}
    return {"parameters": fitter.params_.to_dict(), "distinct_rows": len(distinct)}


def check(task: Task) -> dict[str, Any]:
    """Evaluate every optimum with one likelihood."""
    import math

    import numpy as np

    from benchmarks.arbiter import log_likelihood

    data = np.load(task.folder / "customers.npz")
    found = {work.__name__: told_by(work, task.folder) for work in (ours, peer, peer_weighted)}
    totals = {
        name: math.fsum(log_likelihood(told["parameters"], data["x"], data["t_x"], data["T"]))
        for name, told in found.items()
        if told["parameters"]
    }
    best, own = totals.pop("ours"), found["ours"]["log_likelihood"]
    return {
        "log_likelihood": best,
        "reported_minus_scipy": own - best,
        **{f"log_likelihood_minus_{name}": best - total for name, total in totals.items()},
        **{f"{n}_failed": told["failed"] for n, told in found.items() if "failed" in told},
    }
