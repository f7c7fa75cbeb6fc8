"""BG/NBD straight from the formulas of Fader, Hardie and Lee (2005), to judge both sides by."""

import numpy as np
from jaxtyping import Float
from mpmath import hyp2f1, mp, mpf
from scipy.special import betaln, gammaln

Column = Float[np.ndarray, " customers"]


def log_likelihood(parameters: dict[str, float], x: Column, t_x: Column, T: Column) -> Column:
    """Return the log-likelihood of each customer by equation 6, in log space, with scipy."""
    r, alpha, a, b = (parameters[name] for name in ("r", "alpha", "a", "b"))
    counting = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    stays = betaln(a, b + x) - (r + x) * np.log(alpha + T)
    leaves = betaln(a + 1, b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x)
    return counting + np.logaddexp(stays, np.where(x > 0, leaves, -np.inf))


def expected_purchases(
    parameters: dict[str, float], row: tuple[float, float, float], H: float
) -> float:
    """Return what a customer (x, t_x, T) is expected to buy over H by equation 10, in 40 digits."""
    mp.dps = 40
    r, alpha, a, b = (mpf(parameters[name]) for name in ("r", "alpha", "a", "b"))
    x, t_x, T = row
    grown = ((alpha + T) / (alpha + T + H)) ** (r + x)
    series = hyp2f1(r + x, b + x, a + b + x - 1, H / (alpha + T + H))
    if_alive = (a + b + x - 1) / (a - 1) * (1 - grown * series)
    gone = a / (b + x - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x) if x else mpf(0)
    return float(if_alive / (1 + gone))
