"""Whole customers from prices: the ones near a threshold are decided exactly, by HiGHS.

At good prices nearly every class has one best arm by far. The few others, the core (Balas and Zemel
1980), make a small linear program within what the rest leaves of the limits. Its prices are better
than those it began with; its few fractions, with the classes nearest to a threshold, make a smaller
integer program.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import optimize, sparse

from lifeworth.decide.classes import ByArm, Classes, Room
from lifeworth.decide.prices import TEMPERATURES, Theta, smoothed, upper_bound
from lifeworth.decide.quiet import without_chatter

Which = Int[np.ndarray, " core"]
"""Classes of a core."""

CORE = 4000
"""Classes of the linear program."""

KERNEL = 250
"""Classes of the integer program."""

EQUAL = 1e-9
"""What scores may differ by and be equal, in units of the mean value."""

OPEN = 8.0
"""What scores may differ by and be left open by the smoothing, in units of its temperature."""

GOLDEN = 0.6180339887498949
"""Multiples of it fill the unit interval evenly (Weyl): they round shares, and sums stay right."""

LARGEST = 16_000
"""Classes to which the linear program grows where it is not needed to keep limits."""

ROUNDS = 6
"""Linear programs, at most, one after the other's prices."""

NODES = 300
"""Nodes of the integer program, at most: a number and no time, so that results repeat."""

CLOSE = 1e-7
"""A relative gap at which looking on ends."""

WHOLE = 1e-6
"""How far from a whole number HiGHS may leave one."""

ENOUGH = 1e-5
"""A relative gap at which the core is not made larger."""

SLACK = 1e-12
"""What the budget may be overdrawn by, in parts of all that is spent: float64 adds no better."""


class Bounded(NamedTuple):
    """An assignment if one was found, the prices of the least upper bound, and that bound."""

    counts: ByArm | None
    theta: Theta
    bound: float


class Ties(NamedTuple):
    """How choices that are equal, to within `width`, are shared: as the smoothing shares them."""

    theta: Theta
    width: float


class Program(NamedTuple):
    """Rows and columns of a core: a column for each possible pair of a class and an arm."""

    worth: Float[np.ndarray, " pairs"]
    least: Float[np.ndarray, " pairs"]
    most: Float[np.ndarray, " pairs"]
    rows: sparse.csc_array
    limits: Float[np.ndarray, " rows"]
    pairs: tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]


class Sizes(NamedTuple):
    """How many classes the two programs take."""

    core: int = CORE
    kernel: int = KERNEL


def solved(classes: Classes, room: Room, sizes: Sizes) -> Bounded:
    """Return the best assignment found within `room`, whole customers, with prices and bound."""
    relaxed, fractions = _relaxed(classes, room, sizes.core)
    if relaxed.counts is None:
        return relaxed
    near = _nearest(classes, relaxed.theta, sizes.kernel)
    which = np.union1d(near, np.flatnonzero(fractions))
    start = np.floor(relaxed.counts + WHOLE)
    return relaxed._replace(counts=_whole(classes, room, (start, which), relaxed.bound))


def worth(classes: Classes, counts: ByArm) -> float:
    """Return the value of an assignment."""
    return float((np.where(counts > 0, classes.value, 0.0) * counts).sum())


def within(classes: Classes, room: Room, counts: ByArm) -> bool:
    """Say whether an assignment keeps to the limits."""
    spent, taken = classes.cost * counts, counts.sum(axis=1)
    over = spent.sum() - room.budget
    return bool(
        over <= SLACK * (abs(room.budget) + np.abs(spent).sum())
        and np.all(taken <= room.caps)
        and np.all(taken >= room.minimums)
        and np.all(counts.sum(axis=0) <= classes.weight)
    )


def _relaxed(
    classes: Classes, room: Room, core: int
) -> tuple[Bounded, Bool[np.ndarray, " classes"]]:
    """Return an assignment with a few fractions, the better prices, and which have fractions."""
    soft = smoothed(classes, room)
    best = Bounded(None, soft, upper_bound(classes, room, soft))
    broken = np.zeros(len(classes.weight), dtype=bool)
    for _ in range(ROUNDS):
        # What the smoothing leaves open is tied at its own prices; at others only what is equal.
        ties = Ties(soft, OPEN * TEMPERATURES[-1] if best.theta is soft else EQUAL)
        most = len(classes.weight) if best.counts is None else LARGEST
        found, size = _grown(classes, room, (best.theta, ties), (core, most))
        if found is None:
            break
        counts, theta = found
        bound, before = upper_bound(classes, room, theta), best.bound
        if best.counts is None or worth(classes, counts) >= worth(classes, best.counts):
            best = best._replace(counts=counts)
        better = bound < before
        best = best._replace(theta=theta, bound=bound) if better else best
        done = size >= len(classes.weight) or (not better and size >= LARGEST)
        gap = best.bound - worth(classes, counts)
        if done or gap <= (CLOSE if better else ENOUGH) * abs(best.bound):
            break
        # No better prices from this core: it has too few of those that are tied.
        core = size if better else 4 * size
    if best.counts is not None:
        broken = np.any(np.abs(best.counts - np.rint(best.counts)) > WHOLE, axis=0)
    return best, broken


def _grown(
    classes: Classes, room: Room, prices: tuple[Theta, Ties], sizes: tuple[int, int]
) -> tuple[tuple[ByArm, Theta] | None, int]:
    """Solve the linear program of a core that grows until it can keep the limits; return its size.

    None if even the largest one cannot.
    """
    size = max(sizes[0], 1)
    while True:
        which = _nearest(classes, prices[0], size)
        fixed = _chosen(classes, *prices)
        fixed[:, which] = 0.0
        found = _linear(classes, room, fixed, which)
        if found is not None or size >= min(sizes[1], len(classes.weight)):
            return found, size
        size *= 4


def _linear(classes: Classes, room: Room, fixed: ByArm, which: Which) -> tuple[ByArm, Theta] | None:
    program, arms = _program(classes, room, fixed, which), len(room.caps)
    if not len(program.worth):
        feasible = np.all(program.limits >= 0)
        return (fixed, np.zeros(arms + 1)) if feasible else None
    bounds = np.stack((program.least, program.most), axis=1)
    found = optimize.linprog(
        -program.worth, program.rows, program.limits, bounds=bounds, method="highs-ds"
    )
    if found.status != 0:
        return None
    counts = fixed.copy()
    counts[program.pairs] = found.x
    price = np.maximum(-found.ineqlin.marginals[: 2 * arms + 1], 0.0)
    return counts, np.concatenate((price[:1], price[1 : arms + 1] - price[arms + 1 :]))


def _whole(classes: Classes, room: Room, core: tuple[ByArm, Which], bound: float) -> ByArm | None:
    """Solve the integer program; its budget shrinks by what rounding has overdrawn, if it has."""
    start, which = core
    less = 0.0
    for _ in range(4):
        program = _program(classes, room._replace(budget=room.budget - less), start, which)
        counts = start.copy()
        counts[program.pairs] += _integers(program, bound)
        if not np.all(np.isfinite(counts)):
            return None
        if within(classes, room, counts):
            return counts
        over = (classes.cost * counts).sum() - room.budget
        less = 2.0 * less + 2.0 * max(float(over), 0.0)
    return None


def _integers(program: Program, bound: float) -> Float[np.ndarray, " pairs"]:
    if not len(program.worth):
        return program.worth
    with without_chatter():
        found = optimize.milp(
            -program.worth,
            integrality=np.ones(len(program.worth)),
            bounds=(program.least, program.most),
            constraints=(program.rows, np.full(len(program.limits), -np.inf), program.limits),
            options={"node_limit": NODES, "mip_rel_gap": _near_enough(program, bound)},
        )
    return np.full(len(program.worth), np.nan) if found.x is None else np.rint(found.x)


def _near_enough(program: Program, bound: float) -> float:
    """Return the gap of the core that is CLOSE / 10 of the whole."""
    most = float(np.abs(program.worth) @ (program.most - program.least))
    return min(0.1 * CLOSE * abs(bound) / most, 0.01) if most > 0 else 0.0


def _program(classes: Classes, room: Room, fixed: ByArm, which: Which) -> Program:
    """Return the program of what classes `which` take on top of `fixed`, within what that leaves.

    Rows: the budget, the cap of each arm, the minimum of each (negated), the customers of each
    class.
    """
    arm, place = np.nonzero(np.isfinite(classes.value[:, which]))
    of, arms = which[place], len(room.caps)
    one, column = np.ones(len(arm)), np.arange(len(arm))
    entries = np.concatenate((classes.cost[arm, of], one, -one, one))
    rows = np.concatenate((0 * arm, 1 + arm, 1 + arms + arm, 1 + 2 * arms + place))
    shape = (1 + 2 * arms + len(which), len(arm))
    taken, already = fixed.sum(axis=1), fixed[arm, of]
    limits = (
        [room.budget - (classes.cost * fixed).sum()],
        room.caps - taken,
        taken - room.minimums,
        classes.weight[which] - fixed[:, which].sum(axis=0),
    )
    matrix = sparse.csc_array((entries, (rows, np.tile(column, 4))), shape=shape)
    most = classes.weight[of] - already
    return Program(
        classes.value[arm, of], -already, most, matrix, np.concatenate(limits), (arm, of)
    )


def _nearest(classes: Classes, theta: Theta, size: int) -> Which:
    """Return `size` classes whose best choice is least ahead of the second.

    Half of them nearest of all, half nearest for their pair of choices, so that where very many are
    equally near no pair of arms goes without.
    """
    if size >= len(classes.weight):
        return np.arange(len(classes.weight))
    margin, pair = _margins(classes, theta)
    order = np.argsort(margin, kind="stable")
    by_pair = order[np.argsort(pair[order], kind="stable")]
    starts = np.flatnonzero(np.diff(pair[by_pair], prepend=-1))
    place = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    turn = by_pair[np.argsort(place, kind="stable")]
    half = (size + 1) // 2
    rest = turn[~np.isin(turn, order[:half])]
    return np.sort(np.concatenate((order[:half], rest[: size - half])))


def _margins(
    classes: Classes, theta: Theta
) -> tuple[Float[np.ndarray, " classes"], Int[np.ndarray, " classes"]]:
    """Return how far the best choice is ahead of the second, and a number of these two."""
    margin = np.empty(len(classes.weight))
    pair = np.empty(len(classes.weight), dtype=np.int64)
    for block in classes.blocks():
        scores = np.pad(_scores(classes, theta, block), ((0, 1), (0, 0)))
        column = np.arange(scores.shape[1])
        first = scores.argmax(axis=0)
        best = scores[first, column]
        scores[first, column] = -np.inf
        second = scores.argmax(axis=0)
        margin[block] = best - scores[second, column]
        pair[block] = len(scores) * first + second
    return margin, pair


def _chosen(classes: Classes, theta: Theta, ties: Ties) -> ByArm:
    """Return the best choice of all classes at these prices; ties are shared."""
    counts = np.zeros_like(classes.value)
    for block in classes.blocks():
        scores = np.pad(_scores(classes, theta, block), ((0, 1), (0, 0)))
        open_ = scores >= scores.max(axis=0) - ties.width
        shares = open_.astype(float)
        tied = np.flatnonzero(open_.sum(axis=0) > 1)
        shares[:, tied] = _shares(classes, ties.theta, tied + block.start) * open_[:, tied]
        shares /= shares.sum(axis=0)
        counts[:, block] = _rounded(shares, classes.weight[block], block.start)
    return counts


def _shares(classes: Classes, theta: Theta, which: Which) -> Float[np.ndarray, "choices core"]:
    """Return the soft choices of classes, the last of them nobody; none is 0."""
    cost = theta[0] * classes.cost[:, which] + theta[1:, None]
    scores = np.pad(classes.value[:, which] - cost, ((0, 1), (0, 0))) / TEMPERATURES[-1]
    return np.exp(np.maximum(scores - scores.max(axis=0), -50.0))


def _rounded(
    shares: Float[np.ndarray, "choices block"], weight: Float[np.ndarray, " block"], start: int
) -> ByArm:
    dither = (GOLDEN * np.arange(start, start + len(weight))) % 1.0
    ends = np.floor(weight * np.cumsum(shares, axis=0)[:-1] + dither + EQUAL)
    return np.diff(ends, axis=0, prepend=np.floor(dither + EQUAL)[None])


def _scores(classes: Classes, theta: Theta, block: slice) -> ByArm:
    return classes.value[:, block] - theta[0] * classes.cost[:, block] - theta[1:, None]
