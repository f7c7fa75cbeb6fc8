"""Nested Laplace: where a posterior is highest, and the normal distribution around it.

Differences between segments are integrated out before their spread is judged (Rue, Martino and
Chopin 2009, JRSS B 71): at the joint mode of differences and spread the latter would collapse, or
run away.
"""

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize, minimize_scalar
from scipy.sparse import csr_array

from lifeworth.engines.likelihood import FitError
from lifeworth.engines.pooled import Draws, Pooled

STEPS = 200
"""Steps of Newton's method at most."""

HALVINGS = 30
"""How often a step is halved at most."""

CLOSE = 1e-4
"""Step of the log spread at which it is taken to be found."""

GAIN = 1e-6
"""Half the Newton decrement, in log density, at which the peak is reached."""

FAR = 2.0
"""The longest step: a factor of seven, beyond which no parabola is to be trusted."""

LOGS = np.linspace(-8.0, 1.5, 400)
"""Grid of spreads: logs of them over `between`."""

SLACK = 1e-10
"""Curvature, relative to the largest, below which a direction is held open."""

Matrix = Float[np.ndarray, "features coordinates"]
Square = Float[np.ndarray, "all all"]


@dataclass(frozen=True, kw_only=True)
class Peak:
    """Where the posterior is highest.

    Attributes
    ----------
    at
        Coefficients of the features (`Pooled.features`), by coordinate.
    curvature
        Minus the Hessian of the log-likelihood there, features by coordinates flattened.
    spread
        Of every column (rows) and coordinate, at the mode of its log.
    steps, density
        Spreads on a grid, and the posterior of each on it, given all else.
    """

    at: Matrix
    log_likelihood: float
    curvature: Square
    spread: Float[np.ndarray, "columns coordinates"]
    steps: Float[np.ndarray, " grid"]
    density: Float[np.ndarray, "columns coordinates grid"]


def find_peak(pooled: Pooled) -> Peak:
    """Find the peak of the posterior, by Newton's method and updates of the spread in turn.

    From the middle of the priors.

    Raises
    ------
    FitError
        If the log-likelihood is not finite at the start, or no peak is found.
    """
    with jax.enable_x64(True):
        return _Search(pooled).run()


def draw_around(peak: Peak, pooled: Pooled, draws: int, seed: int) -> Draws:
    """Draw the log of the spread, then all else given it: normal both, in closed form."""
    rng = np.random.default_rng(seed)
    layout, before = _Layout(pooled), peak.spread
    pull = layout.precision(before) * (peak.at - layout.centre)
    pulled = peak.curvature @ peak.at.ravel() + pull.ravel()
    flat, spreads = np.empty((draws, peak.at.size)), np.empty((draws, *before.shape))
    for i in range(draws):
        spreads[i] = _drawn(peak, rng)
        held = layout.precision(spreads[i])
        factor = _factor(peak.curvature, held)
        mean = cho_solve((factor, True), pulled + (held * layout.centre).ravel())
        z = rng.standard_normal(len(mean))
        flat[i] = mean + solve_triangular(factor, z, lower=True, trans=1)
    return layout.draws(flat.reshape(draws, *peak.at.shape), spreads)


def _drawn(peak: Peak, rng: np.random.Generator) -> Float[np.ndarray, "columns coordinates"]:
    """Draw every spread by inverting its distribution on the grid."""
    upto = peak.density.cumsum(axis=-1)
    found = (upto < rng.random(peak.spread.shape)[..., None] * upto[..., -1:]).sum(axis=-1)
    return peak.steps[found] if len(peak.steps) else peak.spread


def point(peak: Peak, pooled: Pooled) -> Draws:
    """Return the peak as a single draw."""
    return _Layout(pooled).draws(peak.at[None], peak.spread[None])


class _Layout:
    """Which feature is what."""

    def __init__(self, pooled: Pooled) -> None:
        self.pooled = pooled
        ends = np.cumsum([1 + len(pooled.groups.covariates), *pooled.groups.columns.values()])
        self.levels = [slice(a, b) for a, b in itertools.pairwise(ends)]
        self.centre = np.zeros((int(ends[-1]), len(pooled.names)))
        self.centre[0] = pooled.priors.mean

    def precision(self, spread: Float[np.ndarray, "columns coordinates"]) -> Matrix:
        """Return the prior's precision of every coefficient."""
        held = np.empty_like(self.centre)
        held[0] = self.pooled.priors.sd**-2.0
        held[1 : 1 + len(self.pooled.groups.covariates)] = self.pooled.priors.effect**-2.0
        for rows, sd in zip(self.levels, spread, strict=True):
            held[rows] = sd**-2.0
        return held

    def draws(
        self, at: Float[np.ndarray, "draws features coordinates"], spread: np.ndarray
    ) -> Draws:
        """Return Draws from coefficients."""
        made: Draws = {"population": at[:, 0, :]}
        if self.pooled.groups.covariates:
            effects = at[:, 1 : 1 + len(self.pooled.groups.covariates), :]
            made["effects"] = effects.transpose(0, 2, 1)
        for i, (column, rows) in enumerate(
            zip(self.pooled.groups.columns, self.levels, strict=True)
        ):
            made |= {column: at[:, rows, :].transpose(0, 2, 1), f"{column}_spread": spread[:, i]}
        return made


class _Search:
    """The state of a search."""

    def __init__(self, pooled: Pooled) -> None:
        self.pooled, self.layout = pooled, _Layout(pooled)
        self.features = pooled.features()
        self.data = jax.device_put(pooled.data)

    def run(self) -> Peak:
        at, priors = self.layout.centre.copy(), self.pooled.priors
        at[0] = self._crude(np.asarray(priors.mean, dtype=np.float64))
        shape = (len(self.layout.levels), len(self.pooled.names))
        spread = np.full(shape, priors.between / 2 if priors.spread is None else priors.spread)
        for _ in range(STEPS):
            at, curvature, reached = self._step(at, spread)
            told = self._told(at, spread, curvature)
            wider = self._wider(spread, told)
            settled = np.abs(np.log(wider / spread)).max(initial=0.0) < CLOSE
            if reached and settled:
                steps, density = self._density(spread, told)
                return Peak(
                    at=at,
                    log_likelihood=-self._value(at),
                    curvature=curvature,
                    spread=spread,
                    steps=steps,
                    density=density,
                )
            spread = np.sqrt(spread * wider)  # half the way: they are judged given one another
        raise FitError(
            f"fit: no peak of the posterior after {STEPS} steps; "
            "narrow the priors, pool fewer columns, or use inference=nuts"
        )

    def _crude(self, start: Float[np.ndarray, " coordinates"]) -> Float[np.ndarray, " coordinates"]:
        """Climb with one population for all: near enough for Newton's method."""
        priors, groups = self.pooled.priors, len(self.pooled.groups)

        def loss(u: np.ndarray) -> tuple[float, np.ndarray]:
            eta = np.broadcast_to(u, (groups, len(u)))
            value, slope = _loss(self.pooled.whole)(eta, self.data)
            off = (u - priors.mean) / priors.sd
            return float(value) + float(off @ off) / 2, np.asarray(slope).sum(
                axis=0
            ) + off / priors.sd

        if not np.isfinite(loss(start)[0]):
            at = self._named(start)
            raise FitError(f"fit: the log-likelihood is not finite at {at}; change the priors")
        return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 100}).x

    def _named(self, eta: Float[np.ndarray, " coordinates"]) -> str:
        return ", ".join(f"{n} {v:.3g}" for n, v in zip(self.pooled.names, eta, strict=True))

    def _step(self, at: Matrix, spread: np.ndarray) -> tuple[Matrix, Square, bool]:
        """Take one Newton step, halved until it climbs; return the curvature of before.

        Raises
        ------
        FitError
            If it climbs at no length.
        """
        held = self.layout.precision(spread)
        value, slope, curvature = self._around(at)
        pull = held * (at - self.layout.centre)
        gradient = (self.features.T @ slope + pull).ravel()
        factor = _factor(curvature, held)
        step = -cho_solve((factor, True), gradient).reshape(at.shape)
        gain = -(gradient @ step.ravel()) / 2
        if gain < GAIN:
            return at + step, curvature, True  # at the peak, whatever the spread was before
        step = step * min(1.0, FAR / np.abs(step).max())
        before = value + (pull * (at - self.layout.centre)).sum() / 2
        for _ in range(HALVINGS):
            moved = at + step
            off = moved - self.layout.centre
            after = self._value(moved) + (held * off * off).sum() / 2
            if after <= before:
                return moved, curvature, False
            step = step / 2
        raise FitError(
            f"fit: the posterior falls along its own slope at {self._named(at[0])}, "
            f"however short the step ({HALVINGS} halvings), where a step should gain {gain:.3g}; "
            "narrow the priors, or use inference=nuts"
        )

    def _value(self, at: Matrix) -> float:
        value = float(_value(self.pooled.whole)(self.features @ at, self.data))
        return value if np.isfinite(value) else np.inf

    def _around(self, at: Matrix) -> tuple[float, np.ndarray, Square]:
        """Return loss, its slope in eta, and its curvature in all coefficients."""
        value, slope, bent = _curved(self.pooled.whole)(self.features @ at, self.data)
        bent, (n, c) = np.asarray(bent), at.shape  # (coordinates, groups, coordinates)
        whole = np.empty((n, c, n, c))
        for p in range(c):
            for q in range(p, c):
                weight = (bent[p, :, q] + bent[q, :, p]) / 2
                block = (self.features.T @ _scaled(self.features, weight)).toarray()
                whole[:, p, :, q] = whole[:, q, :, p] = block
        return float(value), np.asarray(slope), _valley(whole.reshape(n * c, n * c))

    def _told(self, at: Matrix, spread: np.ndarray, curvature: Square) -> list[list["_Told"]]:
        """Return what the data say of each column's differences in each coordinate."""
        if self.pooled.priors.spread is not None or not len(spread):
            return []
        factor = _factor(curvature, self.layout.precision(spread))
        inverse = solve_triangular(factor, np.eye(len(factor)), lower=True)
        sides = inverse.reshape(len(factor), *at.shape)
        return [
            [_told(sides[:, rows, c], at[rows, c], sd) for c, sd in enumerate(sds)]
            for rows, sds in zip(self.layout.levels, spread, strict=True)
        ]

    def _wider(self, spread: np.ndarray, told: list[list["_Told"]]) -> np.ndarray:
        """Return the mode of the log of each spread, given the others."""
        between, wider = self.pooled.priors.between, spread.copy()
        for i, column in enumerate(told):
            wider[i] = [between * np.exp(_mode(t, between)) for t in column]
        return wider

    def _density(
        self, spread: np.ndarray, told: list[list["_Told"]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a grid of spreads and the posterior of each column's and coordinate's on it."""
        if not told:
            return np.empty(0), np.empty((*spread.shape, 0))
        between = self.pooled.priors.between
        log = np.array([[t.log_density(LOGS, between) for t in column] for column in told])
        return between * np.exp(LOGS), np.exp(log - log.max(axis=-1, keepdims=True))


class _Told(NamedTuple):
    """What the data say of the differences d of a column: w'd - d'Qd / 2, Q having these axes."""

    q: Float[np.ndarray, " levels"]
    w: Float[np.ndarray, " levels"]

    def log_density(self, logs: Float[np.ndarray, " grid"], between: float) -> np.ndarray:
        """Return the log posterior of log(spread / between); the differences are integrated out."""
        squared = np.exp(2.0 * logs)  # of the prior HalfNormal(between), in whose units `logs` are
        v = squared[:, None] * between**2
        seen = (self.w**2 * v / (1.0 + v * self.q) - np.log1p(v * self.q)).sum(axis=1) / 2
        return seen - squared / 2 + logs


def _told(
    sides: Float[np.ndarray, "all levels"], at: Float[np.ndarray, " levels"], sd: float
) -> _Told:
    """Take the prior out of the posterior of differences, whose covariance is sides' sides."""
    variance, axes = np.linalg.eigh(sides.T @ sides)
    return _Told(np.maximum(1.0 / variance - sd**-2.0, 0.0), axes.T @ at / variance)


def _mode(told: _Told, between: float) -> float:
    """Return where the posterior of log(spread / between) is highest: on the grid, then beside."""
    best = LOGS[told.log_density(LOGS, between).argmax()]
    step = LOGS[1] - LOGS[0]
    found = minimize_scalar(
        lambda log: -told.log_density(np.array([log]), between)[0],
        bounds=(best - step, best + step),
        method="bounded",
        options={"xatol": CLOSE / 100},
    )
    return float(found.x)


def _factor(curvature: Square, held: Matrix) -> Square:
    """Return the Cholesky factor of curvature and prior; bends what is not a valley into one."""
    whole = curvature + np.diag(held.ravel())
    try:
        return cho_factor(whole, lower=True)[0]
    except np.linalg.LinAlgError:
        width, axes = np.linalg.eigh((whole + whole.T) / 2)
        width = np.maximum(np.abs(width), SLACK * np.abs(width).max())
        return cho_factor((axes * width) @ axes.T, lower=True)[0]


def _valley(curvature: Square) -> Square:
    """Return the curvature, level along what is a ridge: there the prior alone holds.

    Of all groups at once: that of a group of few customers, taken alone, is often a ridge.
    """
    width, axes = np.linalg.eigh(curvature)
    if width[0] >= -SLACK * width[-1]:
        return curvature
    return (axes * np.maximum(width, 0.0)) @ axes.T


def _scaled(features: csr_array, weight: Float[np.ndarray, " groups"]) -> csr_array:
    return features.multiply(weight[:, None]).tocsr()


Whole = Callable[[Any, Any], Any]


@functools.cache
def _value(whole: Whole) -> Any:
    return jax.jit(lambda eta, data: -whole(eta, data))


@functools.cache
def _loss(whole: Whole) -> Any:
    return jax.jit(jax.value_and_grad(lambda eta, data: -whole(eta, data)))


@functools.cache
def _curved(whole: Whole) -> Any:
    """Return loss, slope, and curvature within groups: a group's rows see its own eta alone."""

    def curved(eta: Any, data: Any) -> tuple[Any, Any, Any]:
        value, slope = jax.value_and_grad(lambda e: -whole(e, data))(eta)
        sides = jnp.broadcast_to(
            jnp.eye(eta.shape[1], dtype=eta.dtype)[:, None, :], (eta.shape[1], *eta.shape)
        )
        along = jax.grad(lambda e: -whole(e, data))
        bent = jax.lax.map(lambda side: jax.jvp(along, (eta,), (side,))[1], sides)
        return value, slope, bent

    return jax.jit(curved)
