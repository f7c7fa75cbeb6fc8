"""What a History teaches: its earlier cut-offs, the latest to judge by, the others to learn."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lifeworth.asof.split import History
from lifeworth.engines.likelihood import FitError
from lifeworth.models.deep.examples import (
    Examples,
    Moment,
    Targets,
    learn_from,
    moments,
    within,
)
from lifeworth.models.deep.heads import Heads
from lifeworth.models.deep.inputs import learn_encoder
from lifeworth.models.deep.losses import LossName
from lifeworth.models.deep.shelf import Shelf

LEAST = 0.1
"""Share of positive value that returns and losses must leave."""

SMEARED = (0.1, 10.0)
"""Bounds of a factor: beyond them few customers say too little."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """What to learn from; the fields are those of the recipes."""

    horizons: tuple[int, ...]
    moments: int
    every_days: int
    events: int = 1
    columns: tuple[str, ...] = ()
    borrow: bool = False
    shuffled: bool = False


class Taught:
    """The earlier cut-offs of a History as examples.

    Raises
    ------
    FitError
        If it is too short to have one.
    """

    def __init__(self, study: Study, history: History) -> None:
        self.study, self.cutoff = study, history.cutoff
        self.horizons = within(history, study.horizons)
        self.encoder = learn_encoder(
            history,
            study.events,
            study.columns,
            self.horizons,
            borrows=study.borrow,
            shuffled=study.shuffled,
        )
        days = moments(history, self.horizons, study.every_days, study.moments)
        with Shelf() as shelf:
            found = [learn_from(history, day, self.horizons, self.encoder, shelf) for day in days]
            self.moments: list[Moment] = [moment for moment in found if moment is not None]
            if not self.moments:
                raise FitError(
                    f"deep: no earlier cut-off of the history has purchases before it and in the "
                    f"{self.horizons[0]} days after it; take a longer history (a later "
                    "split.cutoff) or a model=btyd_..."
                )
            self.inputs = shelf.inputs()

    @property
    def whole(self) -> Examples:
        """Return all examples."""
        return self._examples(self.moments, self.cutoff)

    @property
    def judged(self) -> Examples:
        """Return the examples of the latest cut-off."""
        return self._examples(self.moments[:1], self.cutoff)

    @property
    def early(self) -> Examples | None:
        """Return the examples that were known at the latest cut-off; None if there are none."""
        day = self.moments[0].day
        over = [m for m in self.moments if m.until(day).seen.any()]  # the last ones: days descend
        return self._examples(over, day) if over else None

    def _examples(self, moments: list[Moment], day: dt.date) -> Examples:
        """Return the examples of moments that follow each other, as they were known on `day`."""
        rows = slice(moments[0].rows.start, moments[-1].rows.stop)
        targets = zip(*(m.until(day) for m in moments), strict=True)
        return Examples(self.inputs.rows(rows), Targets(*map(np.concatenate, targets)))

    def told(self) -> tuple[str, ...]:
        """Say what was learnt from, and what could not be."""
        days = ", ".join(f"{m.day}" for m in self.moments)
        told = [
            f"Learnt from what was known at {days}, "
            f"{', '.join(map(str, self.horizons))} days ahead."
        ]
        if self.early is None:
            told.append(
                "The history is too short for a validation window: nothing was chosen by one."
            )
        dropped = [h for h in self.study.horizons if h not in self.horizons]
        if dropped:
            told.append(
                f"{', '.join(map(str, dropped))} days are further than the history can teach; "
                "beyond the last interval customers are taken to go on as in it."
            )
        return tuple(told)


def is_based(study: Study, loss: LossName) -> bool:
    """Say whether heads begin at what a BG/NBD expects: "two_head" has no log of value."""
    return study.borrow and loss != "two_head"


def factors(heads: Heads, targets: Targets) -> Float[np.ndarray, " intervals"]:
    """Return what the expected value of each interval is multiplied by to give what was seen.

    A log-normal of the right median has the wrong mean where the logs are not normal (Duan 1983,
    who smears), and it knows nothing of returns and losses: both are in the ratio of the sums,
    which is kept within SMEARED. It is 1 where nobody bought: nothing is known of their value.

    Raises
    ------
    FitError
        If returns and losses take nearly all of the positive value.
    """
    buys = 1.0 / (1.0 + np.exp(-heads.logit.astype(np.float64)))
    mean = (buys * np.exp(heads.loc + heads.scale.astype(np.float64) ** 2 / 2)).mean(axis=0)
    made = []
    columns = (mean.T, *(column.T for column in targets))
    for expected, purchases, value, seen in zip(*columns, strict=True):
        own = value[seen].astype(np.float64)
        positive = own[own > 0].sum()
        if own.any():
            _refuse_little(own.sum() / positive if positive else 0.0)
        told, bought = expected[seen].sum(), (purchases[seen] > 0).any()
        made.append(np.clip(own.sum() / told, *SMEARED) if bought and told > 0 else 1.0)
    return np.array(made)


def _refuse_little(left: float) -> None:
    if left < LEAST:
        raise FitError(
            f"deep: returns and losses leave {left:.0%} of the positive value of an interval, "
            "and these models know only positive values; use model=btyd_bgnbd_credibility"
        )
