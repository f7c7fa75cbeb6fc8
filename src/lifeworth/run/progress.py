"""Progress of a run, in the terminal and in its log."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

LOG = logging.getLogger(__name__)

Steps = Callable[[str], None]
"""Says what is done next."""


@contextmanager
def steps(console: Console, total: int) -> Iterator[Steps]:
    """Show a bar of `total` steps; it disappears at the end, or where the run stops.

    Each step is logged when it begins, so that `run.log` tells what a run did and how long it took.
    """
    columns = (
        TextColumn("{task.description:<44}"),
        BarColumn(24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task, begun = bar.add_task("starting", total=total), []

        def step(does: str) -> None:
            bar.update(task, description=does, completed=len(begun))
            begun.append(does)
            LOG.info(does)

        yield step
