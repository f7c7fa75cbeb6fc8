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

Data = Any
LogLikelihood = Callable[[Float[jax.Array, " parameters"], Data], Float[jax.Array, ""]]
Vector = Float[np.ndarray, " parameters"]
Loss = Callable[[Vector], tuple[float, Vector]]
"""Logs of the parameters -> minus the log-likelihood, and its gradient."""


class FitError(InputError):
    """A model could not be fitted; the message says which parameter did what, and what to try."""


@dataclass(frozen=True, kw_only=True)
class Positive:
    """A positive parameter: where to start, and the bounds at which it has run away."""

    start: float
    low: float
    high: float
    ran_low: str = "the data do not bound it from below"
    ran_high: str = "the data do not bound it from above"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A parameter, its standard error, its 95 % interval (normal in the log, so positive)."""

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
        One sentence for every parameter that ran to a bound: which, to what, what it means and what
        to try.
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

    def is_convex(self) -> bool:
        """Say whether the loss curves upwards in every direction."""
        return bool((np.linalg.eigvalsh(self.curvature) > 0).all())

    def step(self) -> Float[np.ndarray, " free"]:
        """Return the Newton step to the minimum."""
        return -np.linalg.solve(self.curvature, self.gradient)

    def is_flat(self) -> bool:
        """Say whether the next Newton step would gain less than FLAT (half its decrement)."""
        return self.is_convex() and float(-(self.gradient * self.step()).sum()) / 2 < FLAT


def maximise(
    log_likelihood: LogLikelihood, data: Data, parameters: dict[str, Positive], *, remedy: str
) -> Maximum:
    """Maximise `log_likelihood(parameters, data)` over positive parameters.

    L-BFGS-B in the logs of the parameters, inside their bounds, then Newton steps until the
    gradient is gone. The log-likelihood is jitted with `data` as an argument: pass arrays there,
    not in a closure. Pass the same function object for every fit, so that it is compiled once.

    Raises
    ------
    FitError
        If the likelihood is not finite at the start, or the gradient is not gone at the end;
        `remedy` closes the message.
    """
    compiled = _compiled(log_likelihood)

    def loss(u: Vector) -> tuple[float, Vector]:
        value, gradient = compiled(u, data)
        return float(value), np.asarray(gradient, dtype=np.float64)

    low, start, high = (
        np.log([getattr(p, name) for p in parameters.values()]) for name in ("low", "start", "high")
    )
    if not np.isfinite(loss(start)[0]):
        at = _said(parameters, start)
        raise FitError(f"fit: the log-likelihood is not finite at {at}; {remedy}")
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(low, high, strict=True)),
        options={"maxiter": 500, "ftol": 1e-10, "gtol": 1e-9},
    )
    free = (found.x > low + 1e-6) & (found.x < high - 1e-6)
    peak = _polished(loss, found.x, free)
    if not peak.is_flat():
        raise FitError(
            f"fit: no maximum after {found.nit} iterations ({found.message}); "
            f"steepest in {_steepest(list(parameters), peak)}, "
            f"at {_said(parameters, peak.u)}; {remedy}"
        )
    return Maximum(
        estimates=_estimates(list(parameters), peak),
        log_likelihood=-peak.value,
        iterations=int(found.nit),
        notes=tuple(_notes(parameters, peak, remedy)),
    )


def padded(column: Float[np.ndarray, " n"], filler: float) -> Float[jax.Array, " padded"]:
    """Lengthen `column` by at most a quarter, to one of few lengths that share compiled code.

    Give the filler no weight in the likelihood.
    """
    n = max(len(column), 64)
    step = 1 << (n.bit_length() - 3)
    length = -(-n // step) * step
    longer = np.pad(column, (0, length - len(column)), constant_values=filler)
    return jax.device_put(longer)  # jnp.asarray compiles a program for every length


@functools.cache
def _compiled(log_likelihood: LogLikelihood) -> Callable[[Vector, Data], tuple[Any, Any]]:
    def loss(u: Float[jax.Array, " parameters"], data: Data) -> Float[jax.Array, ""]:
        return -log_likelihood(jnp.exp(u), data)

    return jax.jit(jax.value_and_grad(loss))


def _polished(loss: Loss, u: Vector, free: Bool[np.ndarray, " parameters"]) -> Peak:
    """Take Newton steps in the free parameters while they are small and the gradient shrinks."""
    value, gradient = loss(u)
    peak = Peak(u, value, free, gradient[free], _hessian(loss, u)[np.ix_(free, free)])
    for _ in range(2):
        if not free.any() or not peak.is_convex() or np.abs(peak.step()).max() > 0.5:
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
    """Return central differences of the exact gradient: error about 1e-10, nothing to compile."""
    step = 1e-5
    rows = [loss(u + step * e)[1] - loss(u - step * e)[1] for e in np.eye(len(u))]
    half = np.stack(rows) / (2 * step)
    return (half + half.T) / 2


def _estimates(names: list[str], peak: Peak) -> dict[str, Estimate]:
    sd = np.zeros(len(names))  # a parameter on its bound has no interval of its own
    sd[peak.free] = np.sqrt(np.diag(np.linalg.inv(peak.curvature)))
    value, low, high = (np.exp(peak.u + z * sd) for z in (0.0, -Z95, Z95))
    return {
        n: Estimate(value=float(v), se=float(v * s), low=float(lo), high=float(hi))
        for n, v, s, lo, hi in zip(names, value, sd, low, high, strict=True)
    }


def _notes(parameters: dict[str, Positive], peak: Peak, remedy: str) -> list[str]:
    notes = []
    for (name, p), u, inside in zip(parameters.items(), peak.u, peak.free, strict=True):
        if not inside:
            upper = u > np.log(p.start)
            side, bound, why = (
                ("upper", p.high, p.ran_high) if upper else ("lower", p.low, p.ran_low)
            )
            notes.append(f"{name} ran to its {side} bound {bound:g}: {why}; {remedy}")
    return notes


def _steepest(names: list[str], peak: Peak) -> str:
    free = [name for name, inside in zip(names, peak.free, strict=True) if inside]
    return free[int(np.argmax(np.abs(peak.gradient)))]


def _said(parameters: dict[str, Positive], u: Vector) -> str:
    return ", ".join(f"{n} = {v:.4g}" for n, v in zip(parameters, np.exp(u), strict=True))
