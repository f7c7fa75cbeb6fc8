"""Simulated customers: frequency, recency and age in whole days."""

from benchmarks.side import Task

TRUTH = {"r": 0.55, "alpha": 30.0, "a": 0.8, "b": 2.5}
"""The BG/NBD the customers buy by; time in days."""

DAYS = 730


def make(task: Task) -> dict[str, float]:
    """Write customers.npz: x, t_x, T of customers who arrive uniformly over two years.

    What a customer buys on one day is one purchase; the end of observation is the last day.
    """
    import numpy as np

    from lifeworth.tables.simulate import World, purchases

    world = World(customers=task.sizes["customers"], arrival_days=DAYS, days=DAYS, **TRUTH)
    bought = purchases(world, np.random.default_rng(task.sizes["seed"]))
    visits = np.unique(bought.customer * DAYS + bought.day.astype(np.int64))
    who, day = np.divmod(visits, DAYS)
    first = day[np.searchsorted(who, np.arange(world.customers))]
    last = day[np.searchsorted(who, np.arange(world.customers), side="right") - 1]
    x, t_x, T = np.bincount(who) - 1, last - first, DAYS - 1 - first
    columns = {"x": x, "t_x": t_x, "T": T}
    np.savez(task.folder / "customers.npz", **{n: c.astype(float) for n, c in columns.items()})
    return {"mean_frequency": float(x.mean()), "repeaters": float((x > 0).mean())}
