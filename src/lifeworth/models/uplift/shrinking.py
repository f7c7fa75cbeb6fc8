"""Effects drawn back to what an experiment bears out, with intervals.

A learner's effects t(x) are spread by noise as well as by truth. The regression of doubly robust
scores on them, with customers whom the learner has not seen, says by how much: the best linear
predictor of Chernozhukov, Demirer, Duflo and Fernandez-Val (2018),

    E[effect | t] = average + slope (t - mean t),    slope held within [0, 1].

Slope 0: the learner tells nobody apart, and everybody has the average effect.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lifeworth.models.uplift.trial import ByArm, Row


class Line(NamedTuple):
    """By arm, of the arms after the control: the line, and standard errors of its two numbers."""

    average: Float[np.ndarray, " offers"]
    average_error: Float[np.ndarray, " offers"]
    slope: Float[np.ndarray, " offers"]
    slope_error: Float[np.ndarray, " offers"]
    centre: Float[np.ndarray, " offers"]


def line(effects: ByArm, scores: ByArm) -> Line:
    """Return the line of each arm.

    Parameters
    ----------
    effects
        Of each arm over the control, by a learner that has not seen the customer.
    scores
        Doubly robust, of each arm.
    """
    found = [_line(effects[:, a], scores[:, a] - scores[:, 0]) for a in range(1, effects.shape[1])]
    return Line(*(np.array(column) for column in zip(*found, strict=True)))


def shrunken(of: Line, effects: ByArm) -> tuple[ByArm, ByArm]:
    """Return the effects on the line and their standard errors; those of the control are 0."""
    offers = effects[:, 1:]
    apart = offers - of.centre
    value = of.average + np.clip(of.slope, 0.0, 1.0) * apart
    error = np.sqrt(of.average_error**2 + (apart * of.slope_error) ** 2)
    nothing = np.zeros((len(effects), 1))
    return np.hstack([nothing, value]), np.hstack([nothing, error])


def _line(effect: Row, score: Row) -> tuple[float, float, float, float, float]:
    n, average = len(score), float(score.mean())
    apart = effect - effect.mean()
    spread = float((apart**2).mean())
    error = float(score.std(ddof=1) / np.sqrt(n))
    if spread <= 1e-12 * max(float(score.var()), 1e-300):
        return average, error, 0.0, 0.0, float(effect.mean())
    slope = float((apart * score).mean()) / spread
    left = score - average - slope * apart
    slope_error = float(np.sqrt((apart**2 * left**2).mean() / n)) / spread
    return average, error, slope, slope_error, float(effect.mean())
