"""Maximum likelihood of positive parameters, with exact gradients and Hessians by JAX."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from lifeworth.tables.errors import InputError

Z95 = 1.959963984540054
"""Half-width of a 95 % normal interval in standard errors."""

Data = Any
LogLikelihood = Callable[[Float[jax.Array, " parameters"], Data], Float[jax.Array, ""]]


class FitError(InputError):
    """A model could not be fitted; the message says which parameter did what, and what to try."""


@dataclass(frozen=True, kw_only=True)
class Positive:
    """A positive parameter: where to start, and the bounds at which it is taken to have run away."""

    start: float
    low: float
    high: float
    ran_low: str = "the data do not bound it from below"
    ran_high: str = "the data do not bound it from above"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A parameter with its standard error and 95 % interval (on the log scale, so it stays positive)."""

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
    value_and_gradient = _compiled(log_likelihood)
    low, start, high = (
        np.log([getattr(p, f) for p in parameters.values()]) for f in ("low", "start", "high")
    )
    if not np.isfinite(value_and_gradient(start, data)[0]):
        raise FitError(
            f"fit: the log-likelihood is not finite at {_said(parameters, start)}; {remedy}"
        )
    found = minimize(
        lambda u: tuple(np.asarray(v, dtype=np.float64) for v in value_and_gradient(u, data)),
        start, jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)),
        options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-9},
    )  # fmt: skip
    free = (found.x > low + 1e-6) & (found.x < high - 1e-6)
    u, gradient, curvature = _polished(found.x, free, data, value_and_gradient)
    value = float(value_and_gradient(u, data)[0])
    if not _is_flat(gradient, curvature, free):
        worst = list(parameters)[int(np.argmax(np.abs(gradient) * free))]
        raise FitError(
            f"fit: no maximum after {found.nit} iterations ({found.message}); steepest in {worst}, at {_said(parameters, u)}; {remedy}"
        )  # fmt: skip
    return Maximum(
        estimates=_estimates(list(parameters), u, curvature, free),
        log_likelihood=-value,
        iterations=int(found.nit),
        notes=tuple(_notes(parameters, u, free, remedy)),
    )


def padded(column: Float[np.ndarray, " n"], filler: float) -> Float[jax.Array, " padded"]:
    """Lengthen `column` to one of few lengths (at most a quarter longer), so that data sets share compiled code.

    Give the filler no weight in the likelihood.
    """
    n = max(len(column), 64)
    step = 1 << (n.bit_length() - 3)
    return jnp.asarray(
        np.pad(column, (0, -(-n // step) * step - len(column)), constant_values=filler)
    )


@functools.cache
def _compiled(log_likelihood: LogLikelihood) -> Callable[..., Any]:
    def loss(u: jax.Array, data: Data) -> jax.Array:
        return -log_likelihood(jnp.exp(u), data)

    # The expensive passes of LLVM double the time to compile and make nothing faster here.
    options = (
        {"xla_llvm_disable_expensive_passes": True} if jax.default_backend() == "cpu" else None
    )
    return jax.jit(jax.value_and_grad(loss), compiler_options=options)


def _hessian(u: np.ndarray, data: Data, value_and_gradient: Callable[..., Any]) -> np.ndarray:
    """Return the Hessian by central differences of the exact gradient: error about 1e-10, and nothing more to compile."""
    step = 1e-5 * np.eye(len(u))
    rows = [
        np.asarray(value_and_gradient(u + h, data)[1])
        - np.asarray(value_and_gradient(u - h, data)[1])
        for h in step
    ]
    half = np.stack(rows) / 2e-5
    return (half + half.T) / 2


def _polished(
    u: np.ndarray, free: np.ndarray, data: Data, value_and_gradient: Callable[..., Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take Newton steps in the free parameters while they are small and the gradient shrinks."""
    gradient, curvature = (
        np.asarray(value_and_gradient(u, data)[1]),
        _hessian(u, data, value_and_gradient),
    )
    for _ in range(2):
        inner = np.ix_(free, free)
        if not free.any() or np.linalg.eigvalsh(curvature[inner])[0] <= 0:
            break
        step = np.zeros_like(u)
        step[free] = np.linalg.solve(curvature[inner], gradient[free])
        after = np.asarray(value_and_gradient(u - step, data)[1])
        if np.abs(step).max() > 0.5 or np.abs(after[free]).max() >= np.abs(gradient[free]).max():
            break
        u, gradient = u - step, after  # the curvature hardly changes over so small a step
    return u, gradient, curvature


def _is_flat(gradient: np.ndarray, curvature: np.ndarray, free: np.ndarray) -> bool:
    """Say whether a Newton step would gain less than 1e-6 in the log-likelihood: its decrement is half of g H^-1 g."""
    if not free.any():
        return True
    inner = curvature[np.ix_(free, free)]
    if np.linalg.eigvalsh(inner)[0] <= 0:
        return False
    return bool(gradient[free] @ np.linalg.solve(inner, gradient[free]) / 2 < 1e-6)


def _estimates(
    names: list[str], u: np.ndarray, curvature: np.ndarray, free: np.ndarray
) -> dict[str, Estimate]:
    sd = np.zeros(len(u))  # a parameter on its bound has no interval of its own
    sd[free] = np.sqrt(np.diag(np.linalg.inv(curvature[np.ix_(free, free)])))
    value, low, high = np.exp(u), np.exp(u - Z95 * sd), np.exp(u + Z95 * sd)
    return {
        n: Estimate(value=float(v), se=float(v * s), low=float(lo), high=float(hi))
        for n, v, s, lo, hi in zip(names, value, sd, low, high, strict=True)
    }


def _notes(
    parameters: dict[str, Positive], u: np.ndarray, free: np.ndarray, remedy: str
) -> list[str]:
    notes = []
    for (name, p), ui, inside in zip(parameters.items(), u, free, strict=True):
        if not inside:
            upper = ui > np.log(p.start)
            bound, why = (p.high, p.ran_high) if upper else (p.low, p.ran_low)
            notes.append(
                f"{name} ran to its {'upper' if upper else 'lower'} bound {bound:g}: {why}; {remedy}"
            )
    return notes


def _said(parameters: dict[str, Positive], u: np.ndarray) -> str:
    return ", ".join(f"{n} = {v:.4g}" for n, v in zip(parameters, np.exp(u), strict=True))
