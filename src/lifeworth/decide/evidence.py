"""Effects as far as they are known: their lower bounds, or what shrinking leaves of them."""

import numpy as np
from jaxtyping import Float
from scipy import special

from lifeworth.tables.errors import InputError

Pairs = Float[np.ndarray, "customers arms"]
"""A number of each customer and arm."""


def lower_bound(effect: Pairs, standard_error: Pairs, confidence: float = 0.9) -> Pairs:
    """Return what effects exceed with this probability, if they are normal.

    Raises
    ------
    InputError
        If the confidence is not inside (0, 1), or a standard error is below 0 or no number.
    """
    _check(effect, standard_error)
    if not 0 < confidence < 1:
        raise InputError(f"evidence: the confidence is {confidence}; give one inside (0, 1)")
    return effect - special.ndtri(confidence) * standard_error


def shrunken(effect: Pairs, standard_error: Pairs) -> Pairs:
    """Return effects drawn to the mean of their arm, by as much as they are noise.

    Empirical Bayes, normal effects and errors: mean + t2 / (t2 + se2) (effect - mean), with t2 by
    moments, the variance of an arm's effects less the mean of its se2, at least 0. With t2 = 0
    every effect is its arm's mean.

    Raises
    ------
    InputError
        If a standard error is below 0 or no number.
    """
    _check(effect, standard_error)
    if not len(effect):
        return effect
    mean, noise = effect.mean(axis=0), standard_error**2
    spread = np.maximum(effect.var(axis=0) - noise.mean(axis=0), 0.0)
    total = spread + noise
    kept = np.divide(spread, total, out=np.zeros_like(total), where=total > 0)
    return mean + kept * (effect - mean)


def _check(effect: Pairs, standard_error: Pairs) -> None:
    if effect.shape != standard_error.shape:
        raise InputError(
            f"evidence: effects are {effect.shape}, standard errors {standard_error.shape}; give "
            "one for each customer and arm"
        )
    bad = ~(np.isfinite(effect) & np.isfinite(standard_error) & (standard_error >= 0))
    if bad.any():
        row, arm = (int(place) for place in np.argwhere(bad)[0])
        raise InputError(
            f"evidence: {bad.sum():,} of {bad.size:,} effects are not finite or have a standard "
            f"error that is below 0 or not finite, first at row {row}, column {arm} "
            f"({effect[row, arm]}, {standard_error[row, arm]}); estimate these first"
        )
