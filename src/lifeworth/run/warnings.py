"""The early warnings of a run, and what they and a model beside them were worth before."""

import datetime as dt
from typing import NamedTuple

import pandas as pd

from lifeworth.asof.split import Future, History, cut
from lifeworth.asof.triggers import Watch, flags_of, triggers
from lifeworth.evaluate.triggers import Judged, chances, judged, learnt
from lifeworth.run.reopened import Reopened
from lifeworth.tables.errors import InputError


class Warned(NamedTuple):
    """Triggers of the customers of a run.

    Attributes
    ----------
    judged
        The triggers at the cut-off of the run, or at one horizon before the end where nobody knows
        yet what came after; None where the data are too short for that.
    notes
        What could not be judged, in words.
    """

    triggers: pd.DataFrame
    judged: Judged | None
    notes: list[str]


def warned(run: Reopened, watch: Watch | None = None) -> Warned:
    """Return the triggers of a run's customers, judged where the data allow it."""
    flags = triggers(run.history, watch)
    try:
        history, future = (run.history, run.future) if run.future else _before(run, run.history)
    except InputError as error:
        return Warned(flags, None, [f"The early warnings could not be judged: {error}"])
    then = flags if history is run.history else triggers(history, watch)
    names = flags_of(then)
    try:
        model = learnt(*_before(run, history), run.config.seed)
    except InputError as error:
        said = f"There is no model beside the early warnings: {error}"
        return Warned(flags, judged(then, names, future), [said])
    return Warned(flags, judged(then, names, future, chances(model, history)), [])


def _before(run: Reopened, history: History) -> tuple[History, Future]:
    """Cut the store one horizon before a history, with the same window."""
    split = run.config.split
    cutoff = history.cutoff - dt.timedelta(days=split.horizon_days)
    return cut(
        run.tables,
        cutoff,
        split.horizon_days,
        window=split.window_days,
        purchase=history.purchase,
    )
