"""Exact Shapley values of a few groups of inputs (Shapley 1953; Lundberg and Lee 2017)."""

from collections.abc import Callable
from itertools import combinations
from math import factorial

import numpy as np
from jaxtyping import Float

Row = Float[np.ndarray, " customers"]


def shapley(worth: Callable[[frozenset[int]], Row], groups: int) -> tuple[Row, list[Row]]:
    """Return what is expected with no group of inputs, and what each group adds.

    They add up to what is expected with all groups, exactly: a group is given the mean of what it
    adds over all orders in which the groups can come. `worth` is asked 2^groups times.

    Parameters
    ----------
    worth
        What is expected of each customer if these groups of inputs are the customer's own and the
        others those of the reference.

    Examples
    --------
    >>> one, two = np.array([3.0]), np.array([4.0])
    >>> def worth(own):
    ...     return (one if 0 in own else 1.0) * (two if 1 in own else 1.0) * np.ones(1)
    >>> shapley(worth, 2)
    (array([1.]), [array([5.]), array([6.])])
    """
    added: list[Row] = []
    everyone = range(groups)
    subsets = [frozenset(s) for size in range(groups + 1) for s in combinations(everyone, size)]
    found = {own: worth(own) for own in subsets}
    for group in everyone:
        total = np.zeros_like(found[frozenset()])
        for own in subsets:
            if group in own:
                continue
            orders = factorial(len(own)) * factorial(groups - len(own) - 1) / factorial(groups)
            total += orders * (found[own | {group}] - found[own])
        added.append(total)
    return found[frozenset()], added
