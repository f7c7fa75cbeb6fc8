"""BG/NBD and Gamma-Gamma as pure functions, in the letters of their papers.

x      repeat purchases
T      time from the first purchase to the end of observation
H      length of the horizon
m      mean value of the repeat purchases
r, alpha   shape and rate of the Gamma of purchase rates lambda
a, b       the Beta of the drop-out probability p after each purchase
p, q, gamma   Gamma-Gamma: spend is Gamma(p, nu), nu is Gamma(q, gamma)

Times share one unit. Functions of the horizon take NumPy or JAX arrays of any float precision;
those of the likelihood are JAX.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way, Marketing Science 24.
Fader and Hardie (2013), The Gamma-Gamma model of monetary value, brucehardie.com/notes/025.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import gammaln
from jaxtyping import Float

SHIFT = 10
"""From here on the series of Stirling has 15 digits."""

STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


class BgNbdParams(NamedTuple):
    """Parameters of the BG/NBD: r, alpha (time), a, b; all positive."""

    r: Any
    alpha: Any
    a: Any
    b: Any


class GammaGammaParams(NamedTuple):
    """Parameters of the Gamma-Gamma: p, q, gamma (money); all positive."""

    p: Any
    q: Any
    gamma: Any


def log_rising(a: Any, k: Any) -> Any:
    """Return log Gamma(a + k) / Gamma(a) of a > 0 and k >= 0 (JAX).

    By the series of Stirling ten steps further on; the difference of two logs of the gamma function
    loses the digits that these have in common.
    """
    A = a + SHIFT + 0.0 * k
    i = np.arange(1.0 * SHIFT).reshape((1,) * A.ndim + (-1,))
    low = (a + 0.0 * k)[..., None] + i
    first = jnp.log(low / (low + k[..., None])).sum(axis=-1)
    main = (A + k - 0.5) * jnp.log1p(k / A) + k * (jnp.log(A) - 1.0)
    return main + _stirling(A + k) - _stirling(A) + first


def _stirling(z: Any) -> Any:
    y, total = z**-2, 0.0
    for c in reversed(STIRLING):
        total = total * y + c
    return total / z


def bgnbd_purchases_if_alive(
    th: BgNbdParams, x: Any, T: Any, H: Any, nodes: Any, weights: Any
) -> Any:
    """Return E[purchases in (T, T + H] | alive at T] by Gauss-Jacobi quadrature.

    Over p ~ Beta(a, b + x). The integrand has no pole, at a = 1 or anywhere (the textbook form with
    2F1 has one).

    Parameters
    ----------
    x, T, H
        Shape (n,).
    nodes, weights
        Shape (n, K): the Beta rule of each row (`quadrature.beta_rules`).
    """
    xp = nodes.__array_namespace__()
    growth = xp.log1p(nodes * (H / (th.alpha + T))[:, None])
    return (weights * -xp.expm1(-(th.r + x)[:, None] * growth) / nodes).sum(axis=1)


def gamma_gamma_constants(
    th: GammaGammaParams, x: Float[Array, " distinct"]
) -> Float[Array, " distinct"]:
    """Return log Gamma(p x + q) - log Gamma(p x) - log Gamma(q), which depends on x alone.

    Of p x and q the smaller is the step: gamma functions of a shape of 1e20 have no digit to spare.
    """
    a, b = th.p * x, th.q + 0.0 * x
    far, near = jnp.where(a > b, a, b), jnp.where(a > b, b, a)
    return log_rising(far, near) - gammaln(near)


def gamma_gamma_kernel(
    th: GammaGammaParams, x: Float[Array, " n"], m: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Return the log-likelihood less `gamma_gamma_constants`.

    Of shares of gamma + m x alone: powers of gamma and m would cancel, with all digits of the rest.
    """
    total = m * x
    return -th.q * jnp.log1p(total / th.gamma) - th.p * x * jnp.log1p(th.gamma / total) - jnp.log(m)


def gamma_gamma_mean(th: GammaGammaParams, x: Any, m: Any) -> Any:
    """Return E[value of a purchase | x, m] = p (gamma + x m) / (p x + q - 1).

    For p x + q > 1 (note 025, equation 5).
    """
    return th.p * (th.gamma + x * m) / (th.p * x + th.q - 1.0)


def gamma_gamma_mean_swapped(th: GammaGammaParams, x: Any, m: Any) -> Any:
    """Return (q + x)(gamma + x m) / ((q - 1)(p + x)), which is not the posterior mean.

    A formula in circulation that swaps the roles of p and q and does not tend to m as x grows: with
    p = 6, q = 4.5, gamma = 2000, x = 5, m = 11591 it gives 14,794.09 where the posterior mean is
    10,738.21. Kept so that figures made with it can be reproduced; never the default.
    """
    return (th.q + x) * (th.gamma + x * m) / ((th.q - 1.0) * (th.p + x))
