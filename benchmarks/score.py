"""Point scores of many customers take less CPU time than with lifetimes, and are the same.

Expected purchases over a horizon and P(alive), given the parameters the customers were simulated
with; times are whole days over two years. lifeworth returns P(active in the horizon), too.
Scoring is compared; to start costs lifeworth more than lifetimes, as the whole processes show.
"""

from typing import TYPE_CHECKING, Any

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.customers import TRUTH, make
from benchmarks.side import Sizes, Task, apart

if TYPE_CHECKING:
    import numpy as np

NAME = "score"
STAGE = "score"


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=5)
    arguments.add_argument("--customers", type=int, default=1_000_000)
    arguments.add_argument("--days", type=int, default=180, help="the horizon")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args(words)
    customers = 5_000 if given.small else given.customers
    sizes = {"customers": customers, "days": given.days, "seed": given.seed}
    record(NAME, [measure(sizes, 1 if given.small else given.repeats)], given.results, STAGE)


def measure(sizes: Sizes, repeats: int) -> Case:
    """Measure at one size."""
    with apart(sizes) as run:
        run(make)
        sides = take_turns([
            Side("lifeworth", lambda _: run(ours), repeats),
            Side("lifetimes", lambda _: run(peer), repeats),
        ])  # fmt: skip
        return Case(sizes, sides, run(check).told)


def ours(task: Task) -> dict[str, Any]:
    """Score with lifeworth."""
    with task.stage("import"):
        from benchmarks.known import one_group
        from lifeworth.engines.device import use
        from lifeworth.models.btyd.math import BgNbdParams
        from lifeworth.models.btyd.outlook import Outlook, Span
        from lifeworth.models.btyd.processes import process_of
        from lifeworth.models.btyd.purchases import Past

        use("cpu")
    with task.stage("read"):
        past = Past(*_read(task))
        process = process_of("bgnbd")
        seen = one_group(process.eta(BgNbdParams(**TRUTH))[None], len(past.x))
    with task.stage(STAGE):
        found = Outlook(process, past, seen, Span(0.0, float(task.sizes["days"]))).means()
    return _kept(task, "ours", found.purchases, found.p_alive)


def peer(task: Task) -> dict[str, Any]:
    """Score with lifetimes."""
    with task.stage("import"):
        import pandas as pd
        from lifetimes import BetaGeoFitter
    with task.stage("read"):
        x, t_x, T = _read(task)
        fitter = BetaGeoFitter()
        fitter.params_ = pd.Series(TRUTH)
    with task.stage(STAGE):
        purchases = fitter.conditional_expected_number_of_purchases_up_to_time(
            task.sizes["days"], x, t_x, T
        )
        alive = fitter.conditional_probability_alive(x, t_x, T)
    return _kept(task, "peer", purchases, alive)


def check(task: Task) -> dict[str, Any]:
    """Compare the scores, and those furthest apart with the same formula in 40 digits."""
    import numpy as np

    from benchmarks.arbiter import expected_purchases

    mine, theirs = (np.load(task.folder / f"{side}.scores.npz") for side in ("ours", "peer"))
    apart = {name: np.abs(mine[name] / theirs[name] - 1) for name in ("purchases", "p_alive")}
    worst = int(np.argmax(apart["purchases"]))
    row = tuple(float(column[worst]) for column in _read(task))
    true = expected_purchases(TRUTH, row, task.sizes["days"])
    return {
        **{f"{name}_max_relative_difference": float(off.max()) for name, off in apart.items()},
        "worst_customer": row,
        "worst_ours_relative_error": float(mine["purchases"][worst] / true - 1),
        "worst_lifetimes_relative_error": float(theirs["purchases"][worst] / true - 1),
    }


def _read(task: Task) -> tuple["np.ndarray", "np.ndarray", "np.ndarray"]:
    import numpy as np

    data = np.load(task.folder / "customers.npz")
    return data["x"], data["t_x"], data["T"]


def _kept(task: Task, side: str, purchases: "np.ndarray", alive: "np.ndarray") -> dict[str, Any]:
    import numpy as np

    np.savez(task.folder / f"{side}.scores.npz", purchases=purchases, p_alive=alive)
    finite = np.isfinite(purchases) & np.isfinite(alive)
    return {"total_purchases": float(purchases.sum()), "not_finite": int((~finite).sum())}
