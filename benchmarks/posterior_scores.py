"""A million customers are scored under 200 draws of a posterior in less than 10 CPU-s and 1 GB.

Mean, standard deviation and five quantiles of what each is expected to buy in 180 days, streamed.
The naive way keeps an array of customers by draws for every step: NumPy with the formula of Fader,
Hardie and Lee (their equation 10, with SciPy's 2F1), of 20,000 customers; and pymc-marketing's
expected_purchases, of 10,000. Sides do unequal work: the checks tell it for a customer, and what
it would be for a million.
"""

from typing import TYPE_CHECKING, Any

from benchmarks import peer as peers
from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.customers import make
from benchmarks.side import Task, apart

if TYPE_CHECKING:
    import numpy as np

NAME = "posterior_scores"
STAGE = "score"
AIM_CPU_SECONDS, AIM_MIB = 10.0, 1_000
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
DENSE, PEER = 20_000, 10_000
"""Customers of the naive sides."""


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=3)
    arguments.add_argument("--customers", type=int, default=1_000_000)
    arguments.add_argument("--draws", type=int, default=200)
    arguments.add_argument("--days", type=int, default=180, help="the horizon")
    arguments.add_argument("--seed", type=int, default=1)
    peers.add_to(arguments)
    given = arguments.parse_args(words)
    sizes = {
        "customers": 5_000 if given.small else given.customers,
        "draws": 20 if given.small else given.draws,
        "days": given.days,
        "seed": given.seed,
    }
    repeats = 1 if given.small else given.repeats
    record(NAME, [measure(sizes, repeats, given.peer_python)], given.results, STAGE)


def measure(sizes: dict[str, int], repeats: int, python: str) -> Case:
    """Measure at one size."""
    with apart(sizes) as run:
        run(make)
        run(draw)
        sides = [
            Side("lifeworth", lambda _: run(ours), repeats),
            Side("NumPy, dense", lambda _: run(dense), 1),
        ]
        if python:
            run(peer, python=python)  # unmeasured: reads from the disk
            sides.append(Side("pymc-marketing", lambda _: run(peer, python=python), 1))
        costs = take_turns(sides)
        told = run(check).told
        each = {
            f"{label}, each": _each(side, side["told"]["customers"], sizes)
            for label, side in costs.items()
        }
    own = costs["lifeworth"]
    aims = {
        "aim_cpu_seconds": AIM_CPU_SECONDS,
        "aim_mib": AIM_MIB,
        "aims_met": own["stages"][STAGE]["cpu_seconds"] < AIM_CPU_SECONDS
        and own["peak_mib"] < AIM_MIB,
    }
    return Case(sizes, costs, aims | each | told | peers.absent(python), alike=False)


def _each(side: dict[str, Any], customers: int, sizes: dict[str, int]) -> dict[str, float]:
    cpu = side["stages"][STAGE]["cpu_seconds"] / customers
    memory = side["told"]["grew_mib"] / customers
    return {
        "customers": customers,
        "cpu_microseconds_a_customer": 1e6 * cpu,
        "memory_kib_a_customer": 1024 * memory,
        "cpu_seconds_of_all": cpu * sizes["customers"],
        "memory_gib_of_all": memory * sizes["customers"] / 1024,
    }


def draw(task: Task) -> dict[str, Any]:
    """Write draws.npz: draws around the truth, in coordinates and in letters."""
    import numpy as np

    from benchmarks.customers import TRUTH
    from lifeworth.models.btyd.math import BgNbdParams
    from lifeworth.models.btyd.processes import process_of

    process, rng = process_of("bgnbd"), np.random.default_rng(task.sizes["seed"])
    eta = process.eta(BgNbdParams(**TRUTH)) + 0.02 * rng.standard_normal((task.sizes["draws"], 4))
    np.savez(task.folder / "draws.npz", eta=eta, **process.params(eta)._asdict())
    return {}


def ours(task: Task) -> dict[str, Any]:
    """Score all with lifeworth."""
    with task.stage("import"):
        import numpy as np

        from benchmarks.known import one_group
        from lifeworth.engines.device import use
        from lifeworth.models.btyd.outlook import Outlook, Span
        from lifeworth.models.btyd.processes import process_of
        from lifeworth.models.btyd.purchases import Past

        use("cpu")
    with task.stage("read"):
        past = Past(*_read(task))
        seen = one_group(np.load(task.folder / "draws.npz")["eta"], len(past.x))
    before = _peak()
    with task.stage(STAGE):
        span = Span(0.0, float(task.sizes["days"]))
        found = Outlook(process_of("bgnbd"), past, seen, span).spread()
    grew = _peak() - before
    return _kept(task, "ours", np.vstack([found.mean, found.sd, found.quantiles]), grew)


def dense(task: Task) -> dict[str, Any]:
    """Score some with arrays of customers by draws."""
    with task.stage("import"):
        from scipy.special import hyp2f1
    with task.stage("read"):
        x, t_x, T = (column[:DENSE, None] for column in _read(task))
        r, alpha, a, b = _letters(task)
        H = float(task.sizes["days"])
    before = _peak()
    with task.stage(STAGE):
        grown = ((alpha + T) / (alpha + T + H)) ** (r + x)
        series = hyp2f1(r + x, b + x, a + b + x - 1, H / (alpha + T + H))
        if_alive = (a + b + x - 1) / (a - 1) * (1 - grown * series)
        gone = (x > 0) * a / (b + x - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x)
        summary = _summary(if_alive / (1 + gone))
    return _kept(task, "dense", summary, _peak() - before)


def peer(task: Task) -> dict[str, Any]:
    """Score some with pymc-marketing."""
    with task.stage("import"):
        import arviz as az
        import numpy as np
        import pandas as pd
        from pymc_marketing.clv import BetaGeoModel
    with task.stage("read"):
        x, t_x, T = (column[:PEER] for column in _read(task))
        columns = {"frequency": x, "recency": t_x, "T": T}
        frame = pd.DataFrame({"customer_id": np.arange(len(x)), **columns})
        letters = dict(zip(("r", "alpha", "a", "b"), _letters(task), strict=True))
        model = BetaGeoModel()
        model.build_model(data=frame)
        model.idata = az.from_dict(posterior={name: v[None] for name, v in letters.items()})
    before = _peak()
    with task.stage(STAGE):
        found = model.expected_purchases(data=frame, future_t=task.sizes["days"])
        summary = _summary(found.to_numpy()[0].T)
    return _kept(task, "peer", summary, _peak() - before)


def check(task: Task) -> dict[str, Any]:
    """Compare the naive sides' summaries with ours."""
    import numpy as np

    mine, told = np.load(task.folder / "ours.scores.npy"), {}
    for side in ("dense", "peer"):
        path = task.folder / f"{side}.scores.npy"
        if path.exists():
            theirs = np.load(path)
            off = np.abs(theirs - mine[:, : theirs.shape[1]]) / mine[0, : theirs.shape[1]]
            told[f"{side}_max_difference_over_mean"] = float(off.max())
    return told


def _read(task: Task) -> tuple["np.ndarray", "np.ndarray", "np.ndarray"]:
    import numpy as np

    data = np.load(task.folder / "customers.npz")
    return data["x"], data["t_x"], data["T"]


def _letters(task: Task) -> "tuple[np.ndarray, ...]":
    import numpy as np

    data = np.load(task.folder / "draws.npz")
    return tuple(data[name] for name in ("r", "alpha", "a", "b"))


def _summary(expected: "np.ndarray") -> "np.ndarray":
    import numpy as np

    quantiles = np.quantile(expected, LEVELS, axis=1)
    return np.vstack([expected.mean(axis=1), expected.std(axis=1), quantiles])


def _kept(task: Task, side: str, summary: "np.ndarray", grew: float) -> dict[str, Any]:
    import numpy as np

    np.save(task.folder / f"{side}.scores.npy", summary)
    finite = bool(np.isfinite(summary).all())
    return {"customers": summary.shape[1], "grew_mib": grew, "finite": finite}


def _peak() -> float:
    """Return the peak of resident memory of this process so far (MiB)."""
    import resource

    from benchmarks.measure import MAXRSS_BYTES

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES / 2**20
