"""Names of personas from their profile: rules as data, relative to the population."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

VIP = "VIP Outliers"
"""The name of high-value customers whom no persona fits."""

Profile = Float[np.ndarray, "personas 3"]
"""Mean rank of a persona's recency (the latest is highest), frequency and money, from 0 to 1."""


class Naming(NamedTuple):
    """A name, and where a persona that bears it lies: ranks in the population, from 0 to 1."""

    name: str
    recency: float
    frequency: float
    money: float


SEVEN = (
    Naming("Champions", 0.89, 0.89, 0.89),
    Naming("Potential Loyalists", 0.63, 0.63, 0.63),
    Naming("At Risk", 0.40, 0.40, 0.40),
    Naming("Hibernating", 0.27, 0.27, 0.27),
    Naming("New/Low Value", 0.14, 0.14, 0.14),
    Naming("Lost/Inactive", 0.03, 0.03, 0.03),
    Naming(VIP, 0.50, 0.995, 0.995),
)
"""Seven segments of a gift shop, where each lay among its 4,050 customers.

23 days, 9 orders and 3,133 of Champions, 37, 5 and 1,761 of Potential Loyalists, and so on down to
157 days, 1 order and 357 of the Lost: the more recent, the oftener and the more, without exception.
The last is that of outliers: `personas.fitted` gives it, and no persona bears it.
"""

FARTHEST = 0.3
"""Distance (root mean square of the three ranks) beyond which a name would mislead."""


def names_of(profile: Profile, taken: Collection[str] = ()) -> tuple[str, ...]:
    """Return one name per persona, no two alike and none of those `taken`.

    Names go where the sum of distances is least, each once; a persona that is left over, or far
    from the name it would get, is told in words.
    """
    rules = [rule for rule in SEVEN if rule.name not in {VIP, *taken}]
    places = np.array([[rule.recency, rule.frequency, rule.money] for rule in rules]).reshape(-1, 3)
    apart = np.sqrt(((profile[:, None] - places[None]) ** 2).mean(axis=2))
    found: dict[int, str] = {}
    for persona, rule in zip(*linear_sum_assignment(apart), strict=True):
        if apart[persona, rule] <= FARTHEST:
            found[int(persona)] = rules[int(rule)].name
    told = [found.get(k) or described(*profile[k]) for k in range(len(profile))]
    return distinct_names(told, taken)


def described(recency: float, frequency: float, money: float) -> str:
    """Return a persona in words.

    Examples
    --------
    >>> described(0.9, 0.8, 0.9), described(0.2, 0.3, 0.5)
    ('Recent, frequent, high value', 'Long gone, rare, middling value')
    """
    seen = _word(recency, ("Long gone", "Quiet", "Recent"))
    often = _word(frequency, ("rare", "regular", "frequent"))
    worth = _word(money, ("low", "middling", "high"))
    return f"{seen}, {often}, {worth} value"


def _word(rank: float, words: tuple[str, str, str]) -> str:
    return words[int(np.searchsorted([1 / 3, 2 / 3], rank))]


def distinct_names(names: list[str], taken: Collection[str] = ()) -> tuple[str, ...]:
    """Give the second and later bearers of a name a number.

    Examples
    --------
    >>> distinct_names(["Quiet", "Quiet", "Recent"], taken=["Recent"])
    ('Quiet', 'Quiet 2', 'Recent 2')
    """
    told: list[str] = []
    for name in names:
        numbered = (name, *(f"{name} {number}" for number in range(2, len(names) + len(taken) + 2)))
        told.append(next(n for n in numbered if n not in told and n not in taken))
    return tuple(told)
