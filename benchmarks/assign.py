"""One arm at most for each of a million customers, in seconds, and a proof of how good.

A discount of one of several depths for each customer, worth the margin it brings less what it
costs; a budget of 25 % of what the best arm of everybody would cost, and a cap of each arm, all
binding. Sides: ours; greedy, the most value per cost first; HiGHS on all pairs, as an integer
program and as a linear one; PDLP, a first-order method for the linear program, if ortools can be
imported. The peers have a limit of time, which HiGHS may overrun; of a million customers it finds
nothing in minutes, and stays out (--highs-up-to). "lost" is the share of our upper bound that a
side's assignment does not reach, null if it found none in that time; a linear program may split
customers.
"""

import importlib.util
from typing import TYPE_CHECKING, Any

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.side import Sizes, Task, Work, apart

if TYPE_CHECKING:
    from lifeworth.decide.offers import Limits, Offers

NAME = "assign"
STAGE = "assign"
SIZES = ((100_000, 4), (1_000_000, 5))
CAPS = (0.10, 0.04, 0.02, 0.01, 0.005)
"""Places of each arm, in parts of those to whom something is worth giving."""

AIM_CPU_SECONDS = 10.0
AIM_GAP = 1e-4
AIM_MIB = 1024.0


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=3)
    arguments.add_argument("--limit", type=int, default=240, help="seconds that a peer may take")
    arguments.add_argument("--customers", type=int, help="one size only")
    arguments.add_argument("--alone", action="store_true", help="without the peers")
    arguments.add_argument(
        "--highs-up-to", type=int, default=100_000, help="customers above which HiGHS stays out"
    )
    given = arguments.parse_args(words)
    sizes = [s for s in SIZES if given.customers in (None, s[0])]
    if given.small:
        sizes, given.repeats, given.limit = [(3_000, 4)], 1, 20
    cases = [
        measure(s, given.repeats, given.limit, _peers(given.alone, s[0] <= given.highs_up_to))
        for s in sizes
    ]
    record(NAME, cases, given.results, STAGE)


def _peers(alone: bool, highs: bool) -> dict[str, Work]:
    if alone:
        return {}
    made: dict[str, Work] = {"greedy": greedy}
    if highs:
        made |= {"HiGHS": integers, "HiGHS, linear": linear}
    if importlib.util.find_spec("ortools") is not None:
        made["PDLP, linear"] = first_order
    return made


def measure(size: tuple[int, int], repeats: int, limit: int, peers: dict[str, Work]) -> Case:
    """Measure all sides at one size."""
    sizes: Sizes = {"customers": size[0], "arms": size[1], "seed": 0, "seconds": limit}
    with apart(sizes) as run:
        run(make)
        sides = [Side("lifeworth", lambda _: run(ours), repeats)]
        sides += [Side(p, lambda _, w=w: run(w), 1) for p, w in peers.items()]
        found = take_turns(sides)
    return Case(sizes, found, _checks(found), alike=False)


def make(task: Task) -> dict[str, Any]:
    """Write values and costs of simulated customers."""
    import numpy as np

    rng, (customers, arms) = np.random.default_rng(task.sizes["seed"]), _shape(task)
    depth = np.linspace(5.0, 20.0, arms)
    margin = 0.35 * rng.lognormal(3.9, 0.5, customers)
    base = rng.beta(1.2, 12, customers)
    pull = rng.normal(0, 0.9, (customers, 1)) + rng.normal(0, 0.35, (customers, arms))
    odds = np.log(base / (1 - base))[:, None]
    chance = 1 / (1 + np.exp(-odds - np.maximum(-0.4, 0.25 + 0.5 * pull) * (depth / 10) ** 0.7))
    cost = chance * depth
    value = margin[:, None] * (chance - base[:, None]) - cost
    some = (value > 0).any(axis=1)
    best = np.where(some, cost[np.arange(customers), value.argmax(axis=1)], 0.0)
    caps = [int(part * some.sum()) for part in CAPS[:arms]]
    np.savez(task.folder / "offers.npz", value=value, cost=cost, caps=caps, all=best.sum())
    return {"worth something": int(some.sum())}


def ours(task: Task) -> dict[str, Any]:
    """Assign with lifeworth."""
    with task.stage("import"):
        from lifeworth.decide.assign import assign
    offers, limits = _read(task)
    with task.stage(STAGE):
        found = assign(offers, limits).certificate
    binding = bool((found.cap_prices > 0).all()) and found.budget_price > 0
    told = {"value": found.value, "upper_bound": float(found.upper_bound), "gap": float(found.gap)}
    return told | {"spend": found.spend, "all_limits_bind": binding}


def greedy(task: Task) -> dict[str, Any]:
    """Assign the most value per cost first."""
    with task.stage("import"):
        from lifeworth.decide.assign import greedy as by_ratio
    offers, limits = _read(task)
    with task.stage(STAGE):
        arm = by_ratio(offers, limits)
    some = arm >= 0
    return {"value": float(offers.value[some, arm[some]].sum())}


def integers(task: Task) -> dict[str, Any]:
    """Solve the integer program of all pairs with HiGHS."""
    return _highs(task, whole=True)


def linear(task: Task) -> dict[str, Any]:
    """Solve the linear program of all pairs with HiGHS."""
    return _highs(task, whole=False)


def first_order(task: Task) -> dict[str, Any]:
    """Solve the linear program of all pairs with PDLP."""
    with task.stage("import"):
        from ortools.pdlp import solve_log_pb2, solvers_pb2  # pyright: ignore[reportMissingImports]
        from ortools.pdlp.python import pdlp  # pyright: ignore[reportMissingImports]
    offers, limits = _read(task)
    with task.stage(STAGE):
        import numpy as np

        worth, rows, most = _program(offers, limits)
        program = pdlp.QuadraticProgram()
        program.objective_vector = -worth
        program.constraint_matrix = rows.tocsc()
        program.constraint_lower_bounds = np.full(len(most), -np.inf)
        program.constraint_upper_bounds = most
        program.variable_lower_bounds = np.zeros(len(worth))
        program.variable_upper_bounds = np.ones(len(worth))
        how = solvers_pb2.PrimalDualHybridGradientParams()
        limit = how.termination_criteria
        limit.time_sec_limit = task.sizes["seconds"]
        limit.simple_optimality_criteria.eps_optimal_relative = 1e-5
        limit.simple_optimality_criteria.eps_optimal_absolute = 1e-5
        found = pdlp.primal_dual_hybrid_gradient(program, how)
        done = found.solve_log.termination_reason
    optimal = done == solve_log_pb2.TERMINATION_REASON_OPTIMAL
    return {"value": float(worth @ found.primal_solution) if optimal else None}


def _highs(task: Task, *, whole: bool) -> dict[str, Any]:
    with task.stage("import"):
        from scipy import optimize
    offers, limits = _read(task)
    with task.stage(STAGE):
        worth, rows, most = _program(offers, limits)
        found = optimize.milp(
            -worth,
            integrality=[1 if whole else 0] * len(worth),
            bounds=optimize.Bounds(0, 1),
            constraints=optimize.LinearConstraint(rows, ub=most),
            options={"time_limit": task.sizes["seconds"], "mip_rel_gap": AIM_GAP},
        )
    return {"value": None if found.x is None else float(-found.fun), "status": int(found.status)}


def _program(offers: "Offers", limits: "Limits") -> tuple[Any, Any, Any]:
    """Return the value of each pair worth anything, rows and their limits."""
    import numpy as np
    from scipy import sparse

    customer, arm = np.nonzero(offers.possible())
    cost, arms = offers.cost[customer, arm], offers.value.shape[1]
    place = np.unique(customer, return_inverse=True)[1]
    pair = np.tile(np.arange(len(arm)), 3)
    rows = np.concatenate((0 * arm, 1 + arm, 1 + arms + place))
    one = np.ones(len(arm))
    matrix = sparse.csr_array((np.concatenate((cost, one, one)), (rows, pair)))
    caps = np.array(limits.cap_of_each(arms), dtype=float)
    budget = np.array([limits.budget], dtype=float)
    most = np.concatenate((budget, caps, np.ones(place.max() + 1)))
    return offers.value[customer, arm], matrix, most


def _read(task: Task) -> "tuple[Offers, Limits]":
    import numpy as np

    from lifeworth.decide.offers import Limits, Offers

    with task.stage("read"):
        data = np.load(task.folder / "offers.npz")
        budget = 0.25 * float(data["all"])
        limits = Limits(budget=budget, caps=data["caps"].tolist())
        return Offers(value=data["value"], cost=data["cost"]), limits


def _shape(task: Task) -> tuple[int, int]:
    return task.sizes["customers"], task.sizes["arms"]


def _checks(sides: dict[str, dict[str, Any]]) -> dict[str, Any]:
    ours = sides["lifeworth"]
    told, cpu = ours["told"], ours["stages"][STAGE]["cpu_seconds"]
    met = cpu < AIM_CPU_SECONDS and told["gap"] < AIM_GAP and ours["peak_mib"] < AIM_MIB
    values = {label: side["told"]["value"] for label, side in sides.items()}
    bound = told["upper_bound"]
    lost = {label: None if v is None else 1 - v / bound for label, v in values.items()}
    aims = {"cpu_seconds": AIM_CPU_SECONDS, "gap": AIM_GAP, "peak_mib": AIM_MIB}
    return {"gap": told["gap"], "lost": lost, "all_limits_bind": told["all_limits_bind"],
            "aims": aims, "aims_met": met}  # fmt: skip
