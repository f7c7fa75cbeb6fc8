"""What tests of the deep room share: a small store, and threads that do not wait for each other."""

import datetime as dt
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Spare small networks the waiting of threads for each other, where other processes run."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def store():
    """Simulate 150 customers, who keep arriving, with returns, lines, and events."""
    from lifeworth.tables.simulate import World
    from lifeworth.tables.sources import Simulated

    world = World(
        customers=150, arrival_days=200.0, days=400.0, return_rate=0.1, complaint_rate=0.2
    )
    return Simulated(seed=3, world=world).load()


@pytest.fixture(scope="session")
def history(store):
    """Cut it after 334 days, when all customers but a few have arrived."""
    from lifeworth.asof import cut

    return cut(store, dt.date(2022, 12, 1), 30)[0]


@pytest.fixture(scope="session")
def random_inputs():
    """Return a function that makes inputs of customers with so many events each."""
    import numpy as np

    from lifeworth.models.deep.inputs import Inputs

    def make(lengths, seed=0, columns=4):
        rng, length = np.random.default_rng(seed), np.array(lengths, dtype=np.int64)
        events, customers = int(length.sum()), len(length)
        return Inputs(
            start=np.cumsum(length) - length,
            length=length,
            numbers=rng.standard_normal((events, 4)).astype(np.float32),
            kind=rng.integers(0, 3, events),
            category=rng.integers(0, 5, events),
            clock=rng.random((customers, 3)).astype(np.float32),
            wide=rng.standard_normal((customers, columns)).astype(np.float32),
            base=rng.standard_normal((customers, 2, 5)).astype(np.float32),
        )

    return make
