"""What showing a product is worth, as pure functions; money in cents per time it is shown.

p       chance that it is bought when shown
m       margin of a purchase
r       chance that a purchase comes back
c       cost of a return beyond the lost margin
cover   days until the stock is sold
s_0     days of cover below which showing it is penalised
m_0     the penalty at a cover of 0
alpha   weight of the penalty of low stock
beta    weight of the penalty of returns
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Row = Float[np.ndarray, " products"]


class Weights(NamedTuple):
    """Weights and costs of the terms; c = 0 where a return costs the margin alone."""

    alpha: float
    beta: float
    s_0: float
    m_0: float
    c: float = 0.0


class Worth(NamedTuple):
    """The terms of S = purchase - low_stock - returns."""

    purchase: Row
    low_stock: Row
    returns: Row

    def total(self) -> Row:
        """Return S."""
        return self.purchase - self.low_stock - self.returns


def stock_penalty(cover: Row, s_0: float, m_0: float) -> Row:
    """Return LSP = max(0, (s_0 - cover) / s_0) m_0."""
    return np.maximum(0.0, (s_0 - cover) / s_0) * m_0


def worth(p: Row, m: Row, r: Row, cover: Row, th: Weights) -> Worth:
    """Return p m, alpha LSP and beta p r (m + c)."""
    return Worth(
        purchase=p * m,
        low_stock=th.alpha * stock_penalty(cover, th.s_0, th.m_0),
        returns=th.beta * p * r * (m + th.c),
    )
