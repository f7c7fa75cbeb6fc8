"""NUTS and stochastic variational inference of a pooled model, by NumPyro."""

import functools
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
from numpyro.infer import MCMC, NUTS, SVI, Trace_ELBO, init_to_value
from numpyro.infer.autoguide import AutoMultivariateNormal, AutoNormal
from numpyro.infer.util import initialize_model
from numpyro.optim import Adam

from lifeworth.engines.laplace import draw_around, find_peak, point
from lifeworth.engines.likelihood import FitError
from lifeworth.engines.pooled import Draws, Pooled, differences, model, traced

FEWEST = 4
"""Draws of a chain from which it can be judged."""

APART = 1.5
"""R-hat from which chains are in different places, not merely too short."""

TELLING = 20
"""Draws of a chain from which R-hat tells that; of fewer it is that large by chance."""

DENSE = 32
"""Parameters up to which NUTS learns all correlations."""

MOST_DENSE_GUIDE = 256
"""Parameters up to which the variational normal has all correlations."""

THINNED = 200
"""Points of the trace of the ELBO that are kept."""

SKETCHED = 20_000
"""Customers whose peak SVI starts from."""

WIDEST = 0.02
"""Standard deviation of the normal that SVI starts from, at most."""

FIRST, LAST = 0.02, 0.0002
"""Learning rates at the ends of SVI."""

ACCEPT = 0.9
"""Acceptance NUTS aims at: steps short enough for the funnels of hierarchies."""


class Chains(NamedTuple):
    """What NUTS found: draws (chains one after another) and how well it went."""

    draws: Draws
    diagnostics: dict[str, float]


class Variational(NamedTuple):
    """What SVI found: draws, and the ELBO along the way (step, elbo)."""

    draws: Draws
    elbo: Float[np.ndarray, "points 2"]
    diagnostics: dict[str, float]


def nuts(pooled: Pooled, *, warmup: int, draws: int, chains: int, seed: int) -> Chains:
    """Sample by the No-U-Turn sampler, all chains in one vectorised program.

    Chains start at draws around the peak, in as many places.

    Raises
    ------
    FitError
        If no peak is found, a chain has fewer than FEWEST draws, or R-hat of TELLING draws and more
        is above APART.
    """
    if draws < FEWEST:
        raise FitError(
            f"nuts: {draws} draws a chain, R-hat needs {FEWEST}; "
            "raise sampling.draws or lower sampling.chains"
        )
    peak = find_peak(pooled)
    with jax.enable_x64(True):
        key, shape = jax.random.key(seed), draw_around(peak, pooled, chains, seed)
        dense = _size(pooled) <= DENSE
        arrays, told_of = traced(pooled), functools.partial(model, pooled)
        kernel = NUTS(told_of, dense_mass=dense, target_accept_prob=ACCEPT)
        mcmc = MCMC(
            kernel,
            num_warmup=warmup,
            num_samples=draws,
            num_chains=chains,
            chain_method="vectorized",
            progress_bar=False,
            jit_model_args=True,
        )
        starts = _starts(pooled, shape, arrays)
        fields = ("energy", "diverging", "num_steps")
        mcmc.run(key, arrays, init_params=starts, extra_fields=fields)
        sites = mcmc.get_samples(group_by_chain=True)
        extra = {k: np.asarray(v) for k, v in mcmc.get_extra_fields(group_by_chain=True).items()}
    told = {k: np.asarray(v) for k, v in sites.items() if k != "likelihood"}
    apart = _apart(told)
    if draws >= TELLING:
        _refuse_apart(apart, warmup)
    flat = {k: v.reshape(-1, *v.shape[2:]) for k, v in told.items()}
    return Chains(differences(flat, pooled.groups), _judged(told, extra, apart))


def svi(pooled: Pooled, *, steps: int, batch: int, draws: int, seed: int) -> Variational:
    """Fit a normal to the posterior by stochastic gradients, `batch` customers at a time.

    Raises
    ------
    FitError
        If no peak is found to start from, or the ELBO is not finite at the end.
    """
    guide = _guide(pooled, seed)
    with jax.enable_x64(True):
        optimiser = Adam(_rate(steps))
        inference = SVI(guide.model, guide, optimiser, Trace_ELBO(num_particles=2))
        arrays = traced(pooled)
        # customers are drawn, not rows: each row as often as there are customers like it
        upto = jnp.asarray(np.cumsum(pooled.times))
        first, rest, last = jax.random.split(jax.random.key(seed), 3)
        state = inference.init(first, arrays, _some(upto, batch, first))

        def walk(state: Any, keys: Any, arrays: Any, upto: Any) -> tuple[Any, Any]:
            def step(state: Any, key: Any) -> tuple[Any, Any]:
                return inference.stable_update(state, arrays, _some(upto, batch, key))

            return jax.lax.scan(step, state, keys)

        state, losses = jax.jit(walk)(state, jax.random.split(rest, steps), arrays, upto)
        found = inference.get_params(state)
        sites = jax.vmap(lambda key: guide.sample_posterior(key, found, arrays))(
            jax.random.split(last, draws)
        )
    elbo = _smoothed(-np.asarray(losses, dtype=np.float64))
    if not np.isfinite(elbo[-1, 1]):
        raise FitError(
            f"svi: the ELBO is {elbo[-1, 1]} after {steps} steps; "
            "raise sampling.batch, or use inference=laplace"
        )
    told = {k: np.asarray(v) for k, v in sites.items() if k != "likelihood"}
    return Variational(differences(told, pooled.groups), elbo, _trend(elbo))


def _some(upto: Any, batch: int, key: Any) -> Any:
    u = jax.random.uniform(key, (batch,), dtype=upto.dtype) * upto[-1]
    return jnp.minimum(jnp.searchsorted(upto, u, side="right"), len(upto) - 1)


def _rate(steps: int) -> Any:
    """Return a learning rate that falls along half a cosine."""
    fall = FIRST - LAST
    return lambda i: LAST + fall * (1 + jnp.cos(jnp.pi * jnp.minimum(i / steps, 1.0))) / 2


def _guide(pooled: Pooled, seed: int) -> Any:
    """Return a normal that starts narrow, at the peak that some of the customers have."""
    sketch = _sketch(pooled, seed)
    start = {
        name: jnp.asarray(v[0])
        for name, v in _sites(pooled, point(find_peak(sketch), sketch)).items()
    }
    kind = AutoMultivariateNormal if _size(pooled) <= MOST_DENSE_GUIDE else AutoNormal
    scale = min(WIDEST, 10.0 / float(np.sqrt(pooled.times.sum())))
    return kind(
        functools.partial(model, pooled), init_loc_fn=init_to_value(values=start), init_scale=scale
    )


def _sketch(pooled: Pooled, seed: int) -> Pooled:
    """Return the model of at most SKETCHED of the customers."""
    customers = pooled.times.sum()
    if customers <= SKETCHED:
        return pooled
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(pooled.times), SKETCHED, p=pooled.times / customers)

    def whole(eta: Any, data: Any) -> Any:
        return pooled.some(eta, data["all"], data["rows"]).sum()

    data = {"all": pooled.data, "rows": rows}
    return replace(pooled, whole=whole, data=data, times=np.ones(SKETCHED))


def _size(pooled: Pooled) -> int:
    g = pooled.groups
    each = 1 + len(g.covariates) + sum(levels + 1 for levels in g.columns.values())
    return each * len(pooled.names)


def _sites(pooled: Pooled, around: Draws) -> dict[str, np.ndarray]:
    """Return draws as those of the sites of `pooled.model`."""
    values = {name: around[name] for name in ("population", "effects") if name in around}
    for column in pooled.groups.columns:
        spread = around[f"{column}_spread"]
        values[f"{column}_z"] = around[column] / spread[..., None]
        if pooled.priors.spread is None:
            values[f"{column}_spread"] = spread
    return values


def _starts(pooled: Pooled, around: Draws, arrays: dict[str, Any]) -> Any:
    """Return draws around the peak as NumPyro's unconstrained parameters, a row a chain."""
    values = _sites(pooled, around)
    positive = [name for name in values if name.endswith("_spread")]
    values |= {name: np.log(values[name]) for name in positive}  # NumPyro's scale of those
    info = initialize_model(jax.random.key(0), model, model_args=(pooled, arrays)).param_info.z
    starts = {name: jnp.asarray(values[name]) for name in info}
    # NumPyro wants no axis of chains where there is one
    alone = len(around["population"]) == 1
    return {name: v[0] for name, v in starts.items()} if alone else starts


def _apart(sites: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the largest R-hat of each site; of what never moves it is no number."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: float(np.max(split_gelman_rubin(v))) for name, v in sites.items()}


def _refuse_apart(apart: dict[str, float], warmup: int) -> None:
    odd = {name: r for name, r in apart.items() if not r <= APART}
    if odd:
        name = next(iter(odd))
        raise FitError(
            f"nuts: R-hat is {odd[name]:.3g} at {name} after {warmup:,} iterations of warm-up, "
            f"{APART:g} is too much: the chains are in different places, and a forecast would be "
            "of none of them; double sampling.warmup and sampling.draws, narrow the priors, "
            "or use inference=laplace"
        )


def _judged(
    sites: dict[str, np.ndarray], extra: dict[str, np.ndarray], apart: dict[str, float]
) -> dict[str, float]:
    # NumPy's min, which lets no NaN pass as Python's does
    with np.errstate(divide="ignore", invalid="ignore"):  # a chain that never moves
        ess = float(np.min([np.min(effective_sample_size(v)) for v in sites.values()]))
    energy = extra["energy"]
    bfmi = (np.diff(energy, axis=1) ** 2).mean(axis=1) / energy.var(axis=1)
    return {
        "r_hat": max(apart.values()),
        "ess": ess,
        "divergences": float(extra["diverging"].sum()),
        "e_bfmi": float(bfmi.min()),
        "steps_per_draw": float(extra["num_steps"].mean()),
    }


def _smoothed(elbo: Float[np.ndarray, " steps"]) -> Float[np.ndarray, "points 2"]:
    """Return means of equal stretches, with the step each ends at."""
    parts = np.array_split(np.arange(len(elbo)), min(THINNED, len(elbo)))
    return np.array([(part[-1] + 1.0, elbo[part].mean()) for part in parts])


def _trend(elbo: Float[np.ndarray, "points 2"]) -> dict[str, float]:
    """Return the gain over the last fifth in standard errors of a stretch's mean.

    Of so few points that nothing can be said it is no number, which is not good.
    """
    fifth = max(len(elbo) // 5, 1)
    before, after = elbo[-2 * fifth : -fifth, 1], elbo[-fifth:, 1]
    gain = np.nan
    if len(before) > 1:
        noise = np.sqrt(before.var() / len(before) + after.var() / len(after)) or 1.0
        gain = float((after.mean() - before.mean()) / noise)
    return {"elbo": float(after.mean()), "elbo_still_gains": gain}
