"""Partial pooling of 50 segments of a million customers, and what it is worth.

Segments differ in all four coordinates of a BG/NBD by normal distributions whose means and spreads
are known; sizes are unequal, from 30 customers on. Laplace finds the eight population parameters:
each should be inside its 99 % interval. Newcomers of each segment (purchases in 180 days) and the
segments' coordinates are then compared with the truth, for partial pooling, none (every segment on
its own, with a wide prior) and complete (one population). Data are drawn without the likelihood.
Seeds were fixed beforehand: 3 for the million, 4 and 5 for two more shops of 100,000.
"""

from typing import TYPE_CHECKING, Any

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.side import Task, apart

if TYPE_CHECKING:
    import numpy as np

NAME = "pooling"
STAGE = "fit"
AIM_WALL_SECONDS = 180
SEGMENTS = 50
DAYS = 180
MEAN = (-3.9989, -0.5978, -1.1394, 1.1939)
"""Logs of purchases a day and of their shape, logit of the chance to leave, log concentration."""

SPREAD = (0.3, 0.2, 0.4, 0.3)
APART = 3.0
"""Standard deviation of segments on their own."""


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=1)
    arguments.add_argument(
        "--customers", type=int, nargs="+", default=[1_000_000, 100_000, 100_000]
    )
    arguments.add_argument("--seed", type=int, nargs="+", default=[3, 4, 5])
    given = arguments.parse_args(words)
    shops = list(zip(given.customers, given.seed, strict=True))
    shops = [(20_000, 3)] if given.small else shops
    repeats = 1 if given.small else given.repeats
    sizes = [{"customers": n, "segments": SEGMENTS, "seed": seed} for n, seed in shops]
    record(NAME, [measure(size, repeats) for size in sizes], given.results, STAGE)


def measure(sizes: dict[str, int], repeats: int) -> Case:
    """Measure one shop."""
    with apart(sizes) as run:
        made = run(make).told
        sides = take_turns([
            Side("lifeworth, partial", lambda _: run(partial), repeats),
            Side("lifeworth, none", lambda _: run(none), repeats),
            Side("lifeworth, complete", lambda _: run(complete), repeats),
        ])  # fmt: skip
        wall = sides["lifeworth, partial"]["stages"][STAGE]["wall_seconds"]
        aim = {"aim_wall_seconds": AIM_WALL_SECONDS, "aim_met": wall < AIM_WALL_SECONDS}
        return Case(sizes, sides, made | aim | run(check).told, alike=False)


def make(task: Task) -> dict[str, Any]:
    """Write customers.npz: x, t_x, T (whole days), segment; and eta of every segment."""
    import numpy as np

    rng, n = np.random.default_rng(task.sizes["seed"]), task.sizes["customers"]
    eta = np.array(MEAN) + np.array(SPREAD) * rng.standard_normal((SEGMENTS, 4))
    size = np.maximum(rng.multinomial(n, rng.dirichlet(np.full(SEGMENTS, 0.5))), 30)
    size[size.argmax()] += n - size.sum()
    segment = np.repeat(np.arange(SEGMENTS), size)
    rate, r, kappa = (np.exp(eta[segment, i]) for i in (0, 1, 3))
    chance = 1 / (1 + np.exp(-eta[segment, 2]))
    T = 730 - np.floor(rng.uniform(0, 365, n))
    possible = rng.poisson(rng.gamma(r) * rate / r * T)
    leave = np.maximum(rng.beta(chance * kappa, (1 - chance) * kappa), 1e-12)
    x = np.minimum(possible, rng.geometric(leave))
    # the time of the x-th of so many purchases, which are uniform over T
    last = rng.beta(np.maximum(x, 1), np.maximum(possible - x + 1, 1))
    t_x = np.where(x > 0, np.maximum(np.floor(T * last), 1), 0)
    np.savez(task.folder / "customers.npz", x=x.astype(float), t_x=t_x, T=T, segment=segment)
    np.save(task.folder / "eta.npy", eta)
    told = {"smallest_segment": int(size.min()), "largest_segment": int(size.max())}
    return told | {"repeaters": float((x > 0).mean())}


def partial(task: Task) -> dict[str, Any]:
    """Fit with spreads that are learnt."""
    return _fitted(task, "partial", levels=SEGMENTS, spread=None)


def none(task: Task) -> dict[str, Any]:
    """Fit every segment on its own."""
    return _fitted(task, "none", levels=SEGMENTS, spread=APART)


def complete(task: Task) -> dict[str, Any]:
    """Fit one population."""
    return _fitted(task, "complete", levels=0, spread=None)


def _fitted(task: Task, name: str, levels: int, spread: float | None) -> dict[str, Any]:
    with task.stage("import"):
        import numpy as np

        from benchmarks.known import configured, population, segments
        from lifeworth.engines.device import use
        from lifeworth.engines.posterior import infer
        from lifeworth.models.btyd.priors import priors_of
        from lifeworth.models.btyd.processes import process_of
        from lifeworth.models.btyd.purchases import Past, pooled_purchases

        use("cpu")
    with task.stage("read"):
        data = np.load(task.folder / "customers.npz")
        past = Past(data["x"], data["t_x"], data["T"])
        recipe, process = configured("btyd_hierarchical"), process_of("bgnbd")
        priors = priors_of(recipe.priors, process.coordinates, spread)
        n = len(past.x)
        grouped = segments(data["segment"], levels) if levels else population(n)
    with task.stage(STAGE):
        pooled = pooled_purchases(process, past, grouped, priors)
        posterior = infer(pooled, "laplace", recipe.sampling, task.sizes["seed"])
    np.savez(task.folder / f"{name}.draws.npz", **posterior.draws)
    return {"diagnostics": posterior.diagnostics}


def check(task: Task) -> dict[str, Any]:
    """Compare with the truth."""
    import numpy as np

    eta = np.load(task.folder / "eta.npy")
    names = ("partial", "none", "complete")
    kept = {n: dict(np.load(task.folder / f"{n}.draws.npz")) for n in names}
    found = {n: _eta(draws) for n, draws in kept.items()}
    errors = {n: _errors(draws, eta) for n, draws in found.items()}
    best = {what: min(errors, key=lambda n, w=what: errors[n][w]) for what in errors["partial"]}
    low, high = np.quantile(found["partial"], [0.05, 0.95], axis=0)
    inside = ((low <= eta) & (eta <= high)).mean(axis=0)
    return {
        **_population(kept["partial"]),
        "segments_inside_90": [round(float(v), 3) for v in inside],
        **{f"rmse_{name}": said for name, said in errors.items()},
        "smallest_rmse": best,
        "partial_is_best": set(best.values()) == {"partial"},
    }


def _population(draws: "dict[str, np.ndarray]") -> dict[str, Any]:
    """Say which of the eight parameters of the population lie inside their 99 % intervals."""
    import numpy as np

    told, every = {}, True
    for name, site, truth in (("mean", "population", MEAN), ("spread", "segment_spread", SPREAD)):
        low, high = np.quantile(draws[site], [0.005, 0.995], axis=0)
        every &= bool(((low <= truth) & (truth <= high)).all())
        told[f"{name}_truth_low_high"] = [
            tuple(round(float(v), 3) for v in row) for row in zip(truth, low, high, strict=True)
        ]
    return {"all_inside_99": every, **told}


def _eta(draws: "dict[str, np.ndarray]") -> "np.ndarray":
    """Return draws of the segments' coordinates: draws, segments, coordinates."""
    import numpy as np

    if "segment" in draws:
        return draws["population"][:, None, :] + draws["segment"].transpose(0, 2, 1)
    return np.repeat(draws["population"][:, None, :], SEGMENTS, axis=1)


def _errors(draws: "np.ndarray", truth: "np.ndarray") -> dict[str, float]:
    """Return root mean squared errors over segments of newcomers' purchases and coordinates."""
    import numpy as np

    from benchmarks.arbiter import expected_purchases
    from lifeworth.models.btyd.newcomers import newborn_repeats
    from lifeworth.models.btyd.processes import process_of

    process = process_of("bgnbd")
    letters = [process.params(row)._asdict() for row in truth]
    bought = np.array([expected_purchases(th, (0.0, 0.0, 0.0), float(DAYS)) for th in letters])
    some = draws[:: max(len(draws) // 100, 1)].reshape(-1, 4)
    ages = np.array([float(DAYS)])
    expected = newborn_repeats(process, some, ages).reshape(-1, SEGMENTS).mean(axis=0)
    off = np.sqrt(((draws.mean(axis=0) - truth) ** 2).mean(axis=0))
    names = [c.name for c in process.coordinates]
    rmse = float(np.sqrt(((expected - bought) ** 2).mean()))
    return {"purchases": rmse} | dict(zip(names, map(float, off), strict=True))
