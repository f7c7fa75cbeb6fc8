"""The likelihood of all customers' purchases under a process, and its fit by any inference."""

import functools
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from lifeworth.engines.likelihood import FitError, Maximum, maximise, padded
from lifeworth.engines.pooled import Pooled, Priors
from lifeworth.models.btyd.pool import Grouped
from lifeworth.models.btyd.process import Process
from lifeworth.models.btyd.statistics import distinct

REMEDY = (
    "take a longer History (split.window_days=null, or a later split.cutoff), "
    "check that orders are not all first orders, or use model=btyd_heuristic_rate"
)


class Past(NamedTuple):
    """What a process knows of customers; times in its unit."""

    x: Float[np.ndarray, " customers"]
    t_x: Float[np.ndarray, " customers"]
    T: Float[np.ndarray, " customers"]

    def rows(self, kept: slice) -> "Past":
        """Return the customers in the rows `kept`."""
        return Past(*(column[kept] for column in self))


def pooled_purchases(process: Process, past: Past, grouped: Grouped, priors: Priors) -> Pooled:
    """Return the likelihood of purchases as the engine takes it, over distinct customers.

    Raises
    ------
    FitError
        If nobody has a repeat purchase.
    """
    _refuse_no_repeats(process, past)
    data = _sufficient(past, grouped.which)
    whole, some = _likelihood(process)
    return Pooled(
        names=tuple(c.name for c in process.coordinates),
        priors=priors,
        groups=grouped.groups,
        whole=whole,
        some=some,
        data=data,
        times=data["times"],
    )


def maximum_of_purchases(process: Process, past: Past) -> Maximum:
    """Maximise the likelihood of purchases of one population.

    Raises
    ------
    FitError
        If nobody has a repeat purchase, or no maximum is found.
    """
    _refuse_no_repeats(process, past)
    data = _sufficient(past, np.zeros(len(past.x), dtype=np.int64))
    return maximise(
        _in_letters(process), data, process.positives(float(past.T.mean())), remedy=REMEDY
    )


def _refuse_no_repeats(process: Process, past: Past) -> None:
    if not (past.x > 0).any():
        raise FitError(
            f"{process.title}: 0 of {len(past.x):,} customers have a repeat purchase, "
            f"nothing tells how often they buy; {REMEDY}"
        )


def _sufficient(past: Past, group: np.ndarray) -> dict[str, np.ndarray]:
    """Return the distinct customers, and the distinct (x, group) on which counting depends."""
    groups = (group + 0.0,) if group.any() else ()
    same, counted = distinct(*past, *groups), distinct(past.x, *groups)
    return {
        "x": padded(past.x[same.first], 0.0),
        "t_x": padded(past.t_x[same.first], 0.0),
        "T": padded(past.T[same.first], 1.0),
        "group": padded(group[same.first] + 0.0, 0.0).astype(np.int64),
        "times": padded(same.times.astype(np.float64), 0.0),
        "counted": padded(counted.which[same.first] + 0.0, 0.0).astype(np.int64),
        "count_x": padded(past.x[counted.first], 0.0),
        "count_group": padded(group[counted.first] + 0.0, 0.0).astype(np.int64),
        "count_times": padded(counted.times.astype(np.float64), 0.0),
    }


@functools.cache
def _likelihood(process: Process) -> Any:
    """Return `Pooled.whole` and `Pooled.some`: one pair of objects a process, compiled once."""

    def of(eta: Any, group: Any) -> Any:
        th = process.params(eta)
        return type(th)(*(v[group] for v in th))

    def whole(eta: Any, data: Any) -> Any:
        timing = process.timing(of(eta, data["group"]), data["x"], data["t_x"], data["T"])
        counting = process.counting(of(eta, data["count_group"]), data["count_x"])
        return (data["times"] * timing).sum() + (data["count_times"] * counting).sum()

    def some(eta: Any, data: Any, rows: Any) -> Any:
        x, t_x, T = (data[name][rows] for name in ("x", "t_x", "T"))
        # gamma functions are slow: once for each distinct (x, group), not for each row
        counting = process.counting(of(eta, data["count_group"]), data["count_x"])
        timing = process.timing(of(eta, data["group"][rows]), x, t_x, T)
        return counting[data["counted"][rows]] + timing

    return whole, some


@functools.cache
def _in_letters(process: Process) -> Any:
    kind = type(process.params(np.zeros(len(process.coordinates))))

    def log_likelihood(theta: Float[jax.Array, " letters"], data: Any) -> Any:
        th = kind(*theta)
        timing = process.timing(th, data["x"], data["t_x"], data["T"])
        counting = process.counting(th, data["count_x"])
        return (data["times"] * timing).sum() + (data["count_times"] * counting).sum()

    return log_likelihood
