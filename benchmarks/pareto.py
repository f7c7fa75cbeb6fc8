"""A Pareto/NBD fit without a 2F1 finds the maximum that lifetimes finds, and loses no number.

The CDNOW sample of Fader, Hardie and Lee: 2,357 customers, 39 weeks. lifetimes has its defaults,
once on a row per customer and once on distinct rows with their counts as weights, which it can take
but does not make; it takes a difference of two hypergeometric functions where lifeworth takes an
integral without poles. "cold" has to compile first, "warm" finds what an earlier process compiled.
Both likelihoods are then asked for four customers with hundreds of purchases, at parameters a fit
may pass through, and ours for its slope, which is compared with central differences; and for
customers and parameters drawn at random, whether they are numbers.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.posterior import make
from benchmarks.side import Task, in_process, told_by

if TYPE_CHECKING:
    import numpy as np

NAME = "pareto"
STAGE = "fit"
STRESS = {
    "x": (221.0, 254.0, 161.0, 204.0),
    "t_x": (103.42857, 97.14286, 94.71429, 98.57143),
    "T": (103.57143, 97.28571, 98.0, 99.42857),
}
AT = (0.5143, 2.8845, 0.2856, 14.1087)
STEP = 1e-5
RANDOM = 2_000


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=3)
    given = arguments.parse_args(words)
    record(NAME, [measure(1 if given.small else given.repeats)], given.results, STAGE)


def measure(repeats: int) -> Case:
    """Measure all sides."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = partial(in_process, folder=folder, sizes={})
        customers = run(make, cache=folder / "warm").told
        run(ours, cache=folder / "warm")
        sides = take_turns([
            Side("lifeworth, cold", lambda i: run(ours, cache=folder / f"cold-{i}"), repeats),
            Side("lifeworth, warm", lambda _: run(ours, cache=folder / "warm"), repeats),
            Side("lifetimes", lambda _: run(peer, cache=folder), repeats),
            Side("lifetimes, weights", lambda _: run(peer_weighted, cache=folder), repeats),
        ])  # fmt: skip
        told = {work.__name__: told_by(work, folder) for work in (ours, peer, peer_weighted)}
        stress = run(stressed, cache=folder / "warm").told
    return Case(customers, sides, told | stress)


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
        past = Past(data["x"], data["t_x"] / 7, data["T"] / 7)
    with task.stage(STAGE):
        maximum = maximum_of_purchases(process_of("pareto_nbd"), past)
    found = {name: estimate.value for name, estimate in maximum.estimates.items()}
    return found | {"log_likelihood": maximum.log_likelihood}


def peer(task: Task) -> dict[str, Any]:
    """Fit with lifetimes, a row per customer."""
    return _lifetimes(task, weighted=False)


def peer_weighted(task: Task) -> dict[str, Any]:
    """Fit with lifetimes on distinct rows, which are made with pandas."""
    return _lifetimes(task, weighted=True)


def _lifetimes(task: Task, *, weighted: bool) -> dict[str, Any]:
    with task.stage("import"):
        import numpy as np
        import pandas as pd
        from lifetimes import ParetoNBDFitter
    with task.stage("read"):
        data = np.load(task.folder / "customers.npz")
        rows = pd.DataFrame({"x": data["x"], "t_x": data["t_x"] / 7, "T": data["T"] / 7})
    fitter = ParetoNBDFitter()
    with task.stage(STAGE):
        if weighted:
            rows = rows.groupby(["x", "t_x", "T"], as_index=False).size()
        weights = rows["size"] if weighted else None
        fitter.fit(rows["x"], rows["t_x"], rows["T"], weights=weights)
    columns = [rows[name].to_numpy() for name in ("x", "t_x", "T")]
    each = ParetoNBDFitter._conditional_log_likelihood(fitter.params_.to_numpy(), *columns)
    total = float((each if weights is None else weights * each).sum())
    return fitter.params_.to_dict() | {"log_likelihood": total}


def stressed(task: Task) -> dict[str, Any]:
    """Ask both for likelihoods that are hard to come by, and ours for a slope."""
    del task
    import jax
    import jax.numpy as jnp
    import numpy as np

    from lifeworth.engines.device import use

    use("cpu")
    past, at = np.array(list(STRESS.values())), np.array(AT)
    slope = np.asarray(jax.jacfwd(lambda th: _each(th, jnp.asarray(past)))(at))
    steps = np.eye(len(at)) * STEP * at
    apart = [
        np.asarray(_each(at + d, jnp.asarray(past)) - _each(at - d, jnp.asarray(past)))
        / (2 * d.sum())
        for d in steps
    ]
    some = _at_random()
    return {
        "stress_log_likelihood": np.asarray(_each(at, jnp.asarray(past))).tolist(),
        "stress_log_likelihood_lifetimes": [repr(v) for v in _each_of_lifetimes(at, past).tolist()],
        "slope_not_finite": int((~np.isfinite(slope)).sum()),
        "slope_max_relative_error": float(np.abs(np.stack(apart, axis=1) / slope - 1).max()),
        "random_cases": RANDOM,
        "random_not_finite": _lost([_each(th, jnp.asarray(one)) for th, one in some]),
        "random_not_finite_lifetimes": _lost([_each_of_lifetimes(th, one) for th, one in some]),
    }


def _at_random() -> "list[tuple[np.ndarray, np.ndarray]]":
    """Return parameters and one customer (x, t_x, T), log-uniform over what shops may have."""
    import numpy as np

    rng, cases = np.random.default_rng(0), []
    for _ in range(RANDOM):
        th = np.exp(rng.uniform(np.log([0.03, 0.1, 0.03, 0.1]), np.log([20.0, 100.0, 20.0, 1e3])))
        T, x = np.exp(rng.uniform(np.log(0.1), np.log(1e3))), np.floor(np.exp(rng.uniform(0, 7)))
        cases.append((th, np.array([[x], [T * rng.random()], [T]])))
    return cases


def _each(th: Any, past: Any) -> Any:
    from lifeworth.models.btyd.processes import process_of
    from lifeworth.models.btyd.processes.pareto_nbd import ParetoNbdParams

    process, own = process_of("pareto_nbd"), ParetoNbdParams(*th)
    return process.counting(own, past[0]) + process.timing(own, *past)


def _each_of_lifetimes(th: "np.ndarray", past: "np.ndarray") -> "np.ndarray":
    import numpy as np
    from lifetimes import ParetoNBDFitter

    with np.errstate(all="ignore"):
        return ParetoNBDFitter._conditional_log_likelihood(th, *past)


def _lost(values: list[Any]) -> int:
    import numpy as np

    return int((~np.isfinite(np.array(values))).sum())
