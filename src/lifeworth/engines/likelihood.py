"""Maximum likelihood of positive parameters, with exact gradients by JAX."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize

from lifeworth.tables.errors import InputError

Z95 = 1.959963984540054
"""Half-width of a 95 % normal interval in standard errors."""

FLAT = 1e-6
"""Gain in log-likelihood, still to be had by a Newton step, at which a maximum is reached."""

NEAR = 0.1
"""Distance from a bound, in the log, at which a parameter is taken to be on it."""

LEVEL = 1e-3
"""Slope and curvature, in the log, below which the data leave a direction open."""

HARDLY = 2.0
"""Standard error in the log above which a user is told: the interval spans a factor of 2,500."""

Data = Any
LogLikelihood = Callable[[Float[jax.Array, " parameters"], Data], Float[jax.Array, ""]]
Vector = Float[np.ndarray, " parameters"]
Loss = Callable[[Vector], tuple[float, Vector]]
"""Logs of the parameters -> minus the log-likelihood, and its gradient."""


class FitError(InputError):
    """A model could not be fitted; the message says which parameter did what, and what to try."""


@dataclass(frozen=True, kw_only=True)
class Positive:
    """A positive parameter: where to start, and the bounds at which it has run away.

    Attributes
    ----------
    per
        Name of an earlier parameter to which start and bounds are a ratio, for one that has meaning
        only together with it: where the other is hardly determined, their ratio still is.
    """

    start: float
    low: float
    high: float
    per: str | None = None
    ran_low: str = "the data do not bound it from below"
    ran_high: str = "the data do not bound it from above"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A parameter, its standard error, its 95 % interval (normal in the log, so positive).

    Error and interval are NaN for a parameter on its bound.
    """

    value: float
    se: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Maximum:
    """Where the likelihood is highest.

    Attributes
    ----------
    notes
        One sentence for every parameter that ran to a bound, or that the data leave open: which,
        to what, what it means and what to try.
    """

    estimates: dict[str, Estimate]
    log_likelihood: float
    iterations: int
    notes: tuple[str, ...]

    def values(self) -> list[float]:
        """Return the estimates in the order of the parameters."""
        return [e.value for e in self.estimates.values()]


@dataclass(frozen=True)
class Peak:
    """The loss around a point: gradient and curvature in the parameters that are not on a bound."""

    u: Vector
    value: float
    free: Bool[np.ndarray, " parameters"]
    gradient: Float[np.ndarray, " free"]
    curvature: Float[np.ndarray, "free free"]

    def axes(self) -> tuple[Float[np.ndarray, " free"], Float[np.ndarray, "free free"]]:
        """Return curvatures along the axes, where they are LEVEL the least there is, and axes."""
        width, axes = np.linalg.eigh(self.curvature)
        return np.where(np.abs(width) < LEVEL, LEVEL, width), axes

    def covariance(self) -> Float[np.ndarray, "free free"]:
        """Return the inverse of the curvature."""
        width, axes = self.axes()
        return (axes / width) @ axes.T

    def step(self) -> Float[np.ndarray, " free"]:
        """Return the Newton step to the minimum."""
        return -self.covariance() @ self.gradient

    def is_flat(self) -> bool:
        """Say whether the next Newton step would gain less than FLAT (half its decrement).

        A direction that the data leave open may slope a little.
        """
        width, axes = self.axes()
        slope = axes.T @ self.gradient
        reached = (width > 0) & (slope**2 / 2 < FLAT * width)
        return bool((reached | ((width == LEVEL) & (np.abs(slope) < LEVEL))).all())


def maximise(
    log_likelihood: LogLikelihood, data: Data, parameters: dict[str, Positive], *, remedy: str
) -> Maximum:
    """Maximise `log_likelihood(parameters, data)` over positive parameters.

    L-BFGS-B in the logs of the parameters, inside their bounds, then Newton steps until the
    gradient is gone, all in float64. The log-likelihood is jitted with `data` (arrays, or tuples
    and dicts of arrays) as an argument: pass arrays there, not in a closure. Pass the same function
    object for every fit, so that it is compiled once.

    Raises
    ------
    FitError
        If the likelihood is not finite at the start, or the gradient is not gone at the end;
        `remedy` closes the message.
    """
    with jax.enable_x64(True):  # in float32 the likelihood of a crowd has no digits left to climb
        # jnp.asarray would compile a program for every shape
        return _maximised(log_likelihood, jax.device_put(data), parameters, remedy)


def padded(column: Float[np.ndarray, " n"], filler: float) -> Float[np.ndarray, " padded"]:
    """Lengthen `column` by at most a quarter, to one of few lengths that share compiled code.

    Give the filler no weight in the likelihood.
    """
    n = max(len(column), 64)
    step = 1 << (n.bit_length() - 3)
    length = -(-n // step) * step
    return np.pad(column, (0, length - len(column)), constant_values=filler)


def _maximised(
    log_likelihood: LogLikelihood, data: Data, parameters: dict[str, Positive], remedy: str
) -> Maximum:
    compiled, mixed = _compiled(log_likelihood), _mixed(parameters)

    def loss(u: Vector) -> tuple[float, Vector]:
        value, gradient = compiled(mixed @ u, data)
        return float(value), mixed.T @ np.asarray(gradient, dtype=np.float64)

    low, start, high = (
        np.log([getattr(p, name) for p in parameters.values()]) for name in ("low", "start", "high")
    )
    if not np.isfinite(loss(start)[0]):
        at = _said(parameters, mixed @ start)
        raise FitError(f"fit: the log-likelihood is not finite at {at}; {remedy}")
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(low, high, strict=True)),
        options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-9},
    )
    u = np.where(found.x < low + NEAR, low, np.where(found.x > high - NEAR, high, found.x))
    peak = _polished(loss, u, (low < u) & (u < high))
    if not peak.is_flat():
        at = _said(parameters, mixed @ peak.u)
        raise FitError(
            f"fit: no maximum after {found.nit} iterations ({found.message}), at {at}; {remedy}"
        )
    estimates = _estimates(mixed, peak, list(parameters))
    return Maximum(
        estimates=estimates,
        log_likelihood=-peak.value,
        iterations=int(found.nit),
        notes=(*_ran(parameters, peak, remedy), *_open(parameters, estimates, peak, remedy)),
    )


@functools.cache
def _compiled(log_likelihood: LogLikelihood) -> Callable[[Vector, Data], tuple[Any, Any]]:
    def loss(u: Float[jax.Array, " parameters"], data: Data) -> Float[jax.Array, ""]:
        return -log_likelihood(jnp.exp(u), data)

    return jax.jit(jax.value_and_grad(loss))


def _mixed(parameters: dict[str, Positive]) -> Float[np.ndarray, "parameters parameters"]:
    """Return the matrix that makes logs of parameters of logs of what is optimised."""
    mixed, names = np.eye(len(parameters)), list(parameters)
    for row, p in enumerate(parameters.values()):
        if p.per:
            mixed[row] += mixed[names.index(p.per)]
    return mixed


def _polished(loss: Loss, u: Vector, free: Bool[np.ndarray, " parameters"]) -> Peak:
    """Take Newton steps in the free parameters while they are small and the gradient shrinks."""
    value, gradient = loss(u)
    peak = Peak(u, value, free, gradient[free], _hessian(loss, u)[np.ix_(free, free)])
    for _ in range(2):
        if not free.any() or np.abs(peak.step()).max() > 0.5:
            break
        moved = peak.u.copy()
        moved[free] += peak.step()
        value, gradient = loss(moved)
        if np.abs(gradient[free]).max() >= np.abs(peak.gradient).max():
            break
        # the curvature hardly changes over so small a step
        peak = Peak(moved, value, free, gradient[free], peak.curvature)
    return peak


def _hessian(loss: Loss, u: Vector) -> Float[np.ndarray, "parameters parameters"]:
    """Return central differences of the exact gradient: relative error 1e-8, nothing to compile."""
    step = 1e-4
    rows = [loss(u + step * e)[1] - loss(u - step * e)[1] for e in np.eye(len(u))]
    half = np.stack(rows) / (2 * step)
    return (half + half.T) / 2


def _estimates(
    mixed: Float[np.ndarray, "parameters parameters"], peak: Peak, names: list[str]
) -> dict[str, Estimate]:
    covariance = np.zeros_like(mixed)  # what is on its bound has no variance of its own
    covariance[np.ix_(peak.free, peak.free)] = peak.covariance()
    u, sd = mixed @ peak.u, np.sqrt(np.diag(mixed @ covariance @ mixed.T))
    sd = np.where(sd > 0, sd, np.nan)
    value, low, high = (np.exp(u + z * sd) if z else np.exp(u) for z in (0.0, -Z95, Z95))
    return {
        n: Estimate(value=float(v), se=float(v * s), low=float(lo), high=float(hi))
        for n, v, s, lo, hi in zip(names, value, sd, low, high, strict=True)
    }


def _ran(parameters: dict[str, Positive], peak: Peak, remedy: str) -> list[str]:
    notes = []
    for (name, p), u, inside in zip(parameters.items(), peak.u, peak.free, strict=True):
        if not inside:
            upper = u > np.log(p.start)
            side, bound, why = (
                ("upper", p.high, p.ran_high) if upper else ("lower", p.low, p.ran_low)
            )
            full = f"{name}/{p.per}" if p.per else name
            notes.append(f"{full} ran to its {side} bound {bound:g}: {why}; {remedy}")
    return notes


def _open(
    parameters: dict[str, Positive], estimates: dict[str, Estimate], peak: Peak, remedy: str
) -> list[str]:
    """Say what the data leave open, but for what follows from a parameter on its bound."""
    said = [n for n, inside in zip(parameters, peak.free, strict=True) if not inside]
    said += [parameters[n].per or n for n in said]
    return [
        f"{name} is hardly determined by the data, it may be {e.low:.2g} or {e.high:.2g}; {remedy}"
        for name, e in estimates.items()
        if e.se > HARDLY * e.value and name not in said
    ]


def _said(parameters: dict[str, Positive], u: Vector) -> str:
    return ", ".join(f"{n} = {v:.4g}" for n, v in zip(parameters, np.exp(u), strict=True))
