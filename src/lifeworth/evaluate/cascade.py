"""A reward model of lists under a cascade: what a place and those below it bring, guessed.

For each place from the last to the first, what it brought and what is guessed of the places below
it is regressed (ridge) on features of the product placed there and the sum of those of products
above it: the recursion by which Kiyohara et al. (2022) learn Q. Being linear, its mean over what
the target would place needs the mean of the features alone. Customers are cut into folds; the
guess of a fold is learnt from the others.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Int

from lifeworth.evaluate.offpolicy import Guess, Lists
from lifeworth.tables.errors import InputError

Features = Float[np.ndarray, "visits places features"]


class Described(NamedTuple):
    """Features of lists as they were shown; the first is 1, and all are 0 after the end of a list.

    Attributes
    ----------
    placed
        Of the product at each place.
    mean
        Their sum over what the target would place there, given those above, times its chances: 0
        where its list ends.
    """

    placed: Features
    mean: Features


def guess(
    lists: Lists,
    described: Described,
    customer: npt.ArrayLike | None = None,
    folds: int = 2,
    penalty: float = 1.0,
) -> Guess:
    """Return the guesses of `offpolicy.measured`, by models that have not seen the customer.

    Parameters
    ----------
    folds
        How many parts the customers are cut into, by turns in the order of their ids.
    penalty
        On the squares of the slopes of features scaled to deviation 1; in visits.

    Raises
    ------
    InputError
        If there are fewer customers than folds, or a feature is not finite.
    """
    visits, places = lists.reward.shape
    code = _codes(customer, visits)
    if not 2 <= folds <= code.max() + 1:
        raise InputError(
            f"reward model: {folds} folds of {int(code.max()) + 1:,} customers; it takes 2 folds or"
            " more, and a customer in each"
        )
    placed, mean = _columns(described)
    fold = code % folds
    found = Guess(np.zeros((visits, places)), np.zeros((visits, places)))
    for own in range(folds):
        learn, ask = fold != own, fold == own
        below = np.zeros(visits)
        for k in reversed(range(places)):
            slopes = _ridge(placed[learn, k], (lists.reward[:, k] + below)[learn], penalty)
            below = mean[:, k] @ slopes
            found.placed[ask, k] = placed[ask, k] @ slopes
            found.mean[ask, k] = below[ask]
    return found


def _codes(customer: npt.ArrayLike | None, visits: int) -> Int[np.ndarray, " visits"]:
    if customer is None:
        return np.arange(visits)
    return np.unique(np.asarray(customer), return_inverse=True)[1].astype(np.int64)


def _columns(described: Described) -> tuple[Features, Features]:
    """Return the product's features and the sums of those above; of what is, and on average."""
    for values in described:
        if not np.isfinite(values).all():
            raise InputError(
                f"reward model: {int((~np.isfinite(values)).sum()):,} of {values.size:,} features "
                "are not finite; leave the column out, or fill it in"
            )
    above = (np.cumsum(described.placed, axis=1) - described.placed)[:, :, 1:]
    placed, mean = (np.concatenate([v, v[:, :, :1] * above], axis=2) for v in described)
    return placed, mean


def _ridge(
    x: Float[np.ndarray, "rows columns"], y: Float[np.ndarray, " rows"], penalty: float
) -> Float[np.ndarray, " columns"]:
    """Return the slopes; that of the constant, the first, is free."""
    square = x.T @ x
    size = (x**2).mean(axis=0)
    scale = np.where(size > 0, np.maximum(x.var(axis=0), 1e-6 * size), 1.0) * penalty
    scale[0] = 1e-9
    return np.linalg.solve(square + np.diag(scale), x.T @ y)
