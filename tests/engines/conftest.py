"""What tests of networks share: threads that do not wait for each other, hardware of one test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Spare small networks the waiting of threads for each other, where other processes run."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that chooses what networks of one test are trained on."""
    from lifeworth.engines import device

    def choose(**chosen: Any) -> None:
        monkeypatch.setitem(device._chosen, "torch", device.Hardware(**chosen))

    return choose
