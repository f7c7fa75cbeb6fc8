"""One model at one cut-off: fitted, scored, judged."""

import time
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lifeworth.asof.split import Future, History
from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.evaluate.scorecard import Standing, judged
from lifeworth.evaluate.segments import segment_card, segment_table
from lifeworth.models.core import Fitted, Forecast, Recipe

COUNTS = ("customers", "new_customers")
"""Numbers of a card that count rows, of which there is no mean."""

SEEDS_SD = "_seeds_sd"
"""Ends the name of a metric's standard deviation between seeds."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A recipe fitted to a History, its forecast, and the seconds both took."""

    name: str
    history: History
    fitted: Fitted[Forecast]
    forecast: Forecast
    seconds_fit: float
    seconds_score: float


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A forecast beside what came after it.

    Attributes
    ----------
    segments
        The segment table (`evaluate.segments`), whose numbers `card` has too; None where no
        segments are asked for.
    """

    scored: Scored
    future: Future
    card: dict[str, float]
    standings: tuple[Standing, ...]
    segments: pd.DataFrame | None


def score(name: str, recipe: Recipe[Forecast], history: History, horizon: int, seed: int) -> Scored:
    """Fit a recipe and forecast the customers it was fitted to."""
    began = time.perf_counter()
    fitted = recipe.fit(history, seed)
    fit_done = time.perf_counter()
    forecast = fitted.score(history, horizon)
    return Scored(
        name=name,
        history=history,
        fitted=fitted,
        forecast=forecast,
        seconds_fit=fit_done - began,
        seconds_score=time.perf_counter() - fit_done,
    )


def mean_of_cards(card: dict[str, float], again: list[dict[str, float]]) -> dict[str, float]:
    """Return the card with the mean of each metric over seeds, and <metric>_seeds_sd.

    Parameters
    ----------
    card
        Of the first seed; its intervals are put around the means, its segments stay as they are.
    again
        Cards of the other seeds.
    """
    made = dict(card)
    for name, value in card.items():
        others = [float(other[name]) for other in again if name in other]
        odd = name in COUNTS or "/" in name or name.endswith(("_low", "_high"))
        if odd or len(others) < len(again):
            continue
        values = np.array([value, *others])
        made[name] = float(values.mean())
        for end in (f"{name}_low", f"{name}_high"):
            if end in card:
                made[end] = card[end] + made[name] - value
        made[f"{name}{SEEDS_SD}"] = float(values.std(ddof=1))
    return made


def judge(
    scored: Scored, future: Future, resampling: Resampling, labels: pd.DataFrame | None = None
) -> Judged:
    """Judge a forecast by what came after, and in the segments of `labels` where there are some."""
    standing, card = judged(scored.forecast, future, resampling)
    table = None
    if labels is not None:
        table = segment_table(standing, labels)
        card |= segment_card(table)
    return Judged(scored=scored, future=future, card=card, standings=(standing,), segments=table)


def over_seeds(first: Judged, others: list[Judged]) -> Judged:
    """Return the first seed's judgement with the means of its card over seeds (`mean_of_cards`)."""
    card = mean_of_cards(first.card, [other.card for other in others])
    standings = tuple(s for one in (first, *others) for s in one.standings)
    return replace(first, card=card, standings=standings)
