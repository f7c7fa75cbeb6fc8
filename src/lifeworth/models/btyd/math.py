"""BG/NBD and Gamma-Gamma as pure functions, in the letters of their papers.

x      repeat purchases
t_x    time from the first to the last purchase
T      time from the first purchase to the end of observation
H      length of the horizon
m      mean value of the repeat purchases
r, alpha   shape and rate of the Gamma of purchase rates lambda
a, b       the Beta of the drop-out probability p after each purchase
p, q, gamma   Gamma-Gamma: spend is Gamma(p, nu), nu is Gamma(q, gamma)

Times share one unit. Functions of the horizon take NumPy or JAX arrays of any float precision;
likelihoods are JAX.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way, Marketing Science 24.
Fader and Hardie (2013), The Gamma-Gamma model of monetary value, brucehardie.com/notes/025.
"""

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammaln
from jaxtyping import Float


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


def bgnbd_by_frequency(
    th: BgNbdParams, above: Float[Array, " most"], customers: Float[Array, ""]
) -> Float[Array, ""]:
    """Return what of the log-likelihood depends on x alone (log A1 A2 of equation 6), summed.

    Gamma(r + x) / Gamma(r) is r (r + 1) ... (r + x - 1), so the sum over customers is one over j =
    0, 1, ...: no gamma function, nor its slow compilation, is needed.

    Parameters
    ----------
    above
        above[j] is the number of customers with x > j.
    """
    j = jnp.arange(above.shape[0])
    each = jnp.log(th.r + j) + jnp.log(th.b + j) - jnp.log(th.a + th.b + j)
    return (above * each).sum() + customers * th.r * jnp.log(th.alpha)


def bgnbd_by_timing(
    th: BgNbdParams, x: Float[Array, " n"], t_x: Float[Array, " n"], T: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Return what of the log-likelihood depends on the times (log A3 + A4 of equation 6)."""
    stays = -(th.r + x) * jnp.log(th.alpha + T)
    x1 = jnp.maximum(x, 1.0)  # inside the branch of x = 0, so that its gradient stays finite
    leaves = jnp.log(th.a) - jnp.log(th.b + x1 - 1.0) - (th.r + x1) * jnp.log(th.alpha + t_x)
    return jnp.where(x > 0, jnp.logaddexp(stays, leaves), stays)


def bgnbd_log_likelihood(
    th: BgNbdParams, x: Float[Array, " n"], t_x: Float[Array, " n"], T: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Return the log-likelihood of each customer (equation 6)."""
    counting = gammaln(th.r + x) - gammaln(th.r) + th.r * jnp.log(th.alpha)
    surviving = gammaln(th.a + th.b) + gammaln(th.b + x) - gammaln(th.b) - gammaln(th.a + th.b + x)
    return counting + surviving + bgnbd_by_timing(th, x, t_x, T)


def bgnbd_p_alive(th: BgNbdParams, x: Any, t_x: Any, T: Any) -> Any:
    """Return P(alive at T); 1 where x = 0, as the BG/NBD lets nobody leave before a repeat."""
    xp = x.__array_namespace__()
    x1 = xp.where(x > 0, x, xp.ones_like(x))
    ratio = xp.log(th.a / (th.b + x1 - 1.0))
    odds = ratio + (th.r + x1) * xp.log1p((T - t_x) / (th.alpha + t_x))  # of having left, as a log
    e = xp.exp(-xp.abs(odds))  # of a number that is not positive, so it does not overflow
    alive = xp.where(odds > 0, e, xp.ones_like(e)) / (1.0 + e)
    return xp.where(x > 0, alive, xp.ones_like(alive))


def bgnbd_p_active_if_alive(th: BgNbdParams, x: Any, T: Any, H: Any) -> Any:
    """Return P(a purchase in (T, T + H] | alive at T).

    Nobody leaves before it, so only the rate matters.
    """
    xp = x.__array_namespace__()
    return -xp.expm1(-(th.r + x) * xp.log1p(H / (th.alpha + T)))


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


def bgnbd_counts_if_alive(th: BgNbdParams, x: Any, T: Any, H: Any) -> Iterator[Any]:
    """Yield P(n purchases in (T, T + H] | alive at T) for n = 0, 1, 2, ...

    Who would make K purchases if nothing stopped them, K negative binomial, leaves after the G-th
    with P(G > n | p) = (1 - p)^n, p ~ Beta(a, b + x); the smaller of the two counts. So
    P(n) = P(K = n) P(G > n) + P(K >= n) P(G = n), each factor by recursion in n.
    """
    xp = x.__array_namespace__()
    s, z = th.r + x, H / (th.alpha + T + H)
    log_k = s * xp.log1p(-z)
    more, stays = xp.ones_like(log_k), xp.ones_like(log_k)  # P(K >= n), P(G > n)
    leaves = xp.zeros_like(log_k)  # P(G = n)
    for n in itertools.count():
        k = xp.exp(log_k)
        yield k * stays + more * leaves
        more = xp.maximum(more - k, xp.zeros_like(more))
        log_k = log_k + xp.log(z * (s + n) / (n + 1))
        leaves = stays * th.a / (th.a + th.b + x + n)
        stays = stays - leaves


def gamma_gamma_log_likelihood(
    th: GammaGammaParams, x: Float[Array, " n"], m: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Return the log-likelihood of mean spends m > 0 over x > 0 repeat purchases.

    Note 025, equation 1a.
    """
    return gamma_gamma_constants(th, x) + gamma_gamma_kernel(th, x, m)


def gamma_gamma_constants(
    th: GammaGammaParams, x: Float[Array, " distinct"]
) -> Float[Array, " distinct"]:
    """Return log Gamma(p x + q) - log Gamma(p x) - log Gamma(q), which depends on x alone."""
    px = th.p * x
    # one call of the gamma function for all three: it compiles slowly
    each = gammaln(jnp.concatenate([px + th.q, px, jnp.atleast_1d(th.q)]))
    n = x.shape[0]
    return each[:n] - each[n : 2 * n] - each[-1]


def gamma_gamma_kernel(
    th: GammaGammaParams, x: Float[Array, " n"], m: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Return the log-likelihood less `gamma_gamma_constants`."""
    px = th.p * x
    powers = th.q * jnp.log(th.gamma) + (px - 1.0) * jnp.log(m) + px * jnp.log(x)
    return powers - (px + th.q) * jnp.log(th.gamma + m * x)


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
