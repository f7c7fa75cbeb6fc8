"""Nested Laplace: normal hierarchies of known posterior, and customers of the BG/NBD."""

import jax
import numpy as np
import pytest
from scipy.optimize import minimize

from lifeworth.engines.laplace import CLOSE, GAIN, LOGS, draw_around, find_peak, point
from lifeworth.engines.likelihood import FitError
from lifeworth.engines.pooled import Groups, Pooled, Priors, eta_of
from lifeworth.engines.posterior import Sampling, infer
from lifeworth.models.btyd.pool import Grouped
from lifeworth.models.btyd.processes.beta_geometric import BetaGeometric
from lifeworth.models.btyd.purchases import Past, pooled_purchases

Z99 = 2.5758293035489004


def whole(eta, data):
    off = data["y"] - eta[data["group"]]
    return -(data["times"][:, None] * off**2).sum() / 2


def some(eta, data, rows):
    return -((data["y"][rows] - eta[data["group"][rows]]) ** 2).sum(axis=1) / 2


def normal_means(groups, each, priors, seed):
    """Observe every group `each` times, with noise of one; the truth is a draw from the prior."""
    rng = np.random.default_rng(seed)
    size, group = len(priors.mean), np.repeat(np.arange(len(groups)), each)
    eta = priors.mean + np.zeros((len(groups), size))
    for i, levels in enumerate(groups.columns.values()):
        eta += (0.8 * priors.between * rng.standard_normal((levels, size)))[groups.codes[:, i]]
    eta += groups.values @ np.full((len(groups.covariates), size), 0.3)
    data = {
        "y": eta[group] + rng.standard_normal((len(group), size)),
        "group": group,
        "times": np.ones(len(group)),
    }
    return Pooled(
        names=("m", "k")[:size],
        priors=priors,
        groups=groups,
        whole=whole,
        some=some,
        data=data,
        times=data["times"],
    )


def exactly(pooled, c, spreads):
    """Return log density, mean and covariance of coordinate c's coefficients, given the spreads.

    In the space of the groups' means, where the engine works in that of precisions.
    """
    data, priors, groups = pooled.data, pooled.priors, pooled.groups
    times = np.bincount(data["group"])
    seen = np.bincount(data["group"], data["y"][:, c]) / times
    features = pooled.features().toarray()
    prior = np.concatenate(
        [
            [priors.sd[c] ** 2],
            np.full(len(groups.covariates), priors.effect**2),
            *(np.full(n, s**2) for n, s in zip(groups.columns.values(), spreads, strict=True)),
        ]
    )
    centre = np.eye(len(prior))[0] * priors.mean[c]
    spread_of_seen = (features * prior) @ features.T + np.diag(1 / times)
    gain = np.linalg.solve(spread_of_seen, features * prior).T
    off = seen - features @ centre
    log = -(off @ np.linalg.solve(spread_of_seen, off) + np.linalg.slogdet(spread_of_seen)[1]) / 2
    covariance = np.diag(prior) - gain @ (features * prior)
    return log, centre + gain @ off, covariance


def log_posterior(pooled, c, logs):
    """Return the log density of the logs of the spreads of coordinate c, up to a constant."""
    s = np.exp(logs)
    return exactly(pooled, c, s)[0] - (s**2).sum() / 2 / pooled.priors.between**2 + np.sum(logs)


def integrated(pooled, c):
    """Return mean and sd of the spread of one column and of the coefficients, by a grid."""
    logs = np.log(pooled.priors.between) + np.linspace(-9.0, 2.0, 500)
    log = np.array([log_posterior(pooled, c, np.array([v])) for v in logs])
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    given = [exactly(pooled, c, [s])[1:] for s in np.exp(logs)]
    means = np.column_stack([np.exp(logs), np.array([m for m, _ in given])])
    own = np.column_stack([np.zeros(len(logs)), np.array([np.diag(v) for _, v in given])])
    mean = weight @ means
    return mean, np.sqrt(weight @ (own + means**2) - mean**2)


ONE = Groups(columns={"a": 8}, codes=np.arange(8)[:, None], values=np.empty((8, 0)))
CODES = np.array([(i, j) for i in range(6) for j in range(4) if (i + j) % 5])
CROSSED = Groups(
    columns={"a": 6, "b": 4},
    covariates=("z",),
    codes=CODES,
    values=np.random.default_rng(5).standard_normal((len(CODES), 1)),
)


def priors(size, spread=None):
    mean, sd = np.array([1.0, -2.0])[:size], np.array([3.0, 0.7])[:size]
    return Priors(mean=mean, sd=sd, between=0.6, effect=0.4, spread=spread)


def covariance(peak, pooled, spread):
    """Return the covariance of all coefficients, by coordinate of rows and of columns."""
    own, columns = pooled.priors, pooled.groups.columns
    held = [own.sd**-2.0, *np.full((len(pooled.groups.covariates), len(own.sd)), own.effect**-2.0)]
    for levels, s in zip(columns.values(), spread, strict=True):
        held += [s**-2.0] * levels
    whole = np.linalg.inv(peak.curvature + np.diag(np.concatenate(held)))
    return whole.reshape(*peak.at.shape, *peak.at.shape).transpose(1, 3, 0, 2)


# ---- the spread is given


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("groups", [ONE, CROSSED], ids=["one column", "crossed"])
def test_with_a_spread_given_mean_and_covariance_are_the_closed_form(groups, size):
    pooled = normal_means(groups, 7, priors(size, spread=0.45), seed=1)
    peak = find_peak(pooled)
    assert (peak.spread == 0.45).all()
    assert peak.density.shape == (len(groups.columns), size, 0)
    found = covariance(peak, pooled, peak.spread)
    for c in range(size):
        _, mean, exact = exactly(pooled, c, [0.45] * len(groups.columns))
        np.testing.assert_allclose(peak.at[:, c], mean, atol=1e-8)
        np.testing.assert_allclose(found[c, c], exact, atol=1e-8)
        np.testing.assert_allclose(found[c, 1 - c] if size > 1 else 0.0, 0.0, atol=1e-8)
    assert peak.log_likelihood == pytest.approx(
        float(whole(pooled.features() @ peak.at, pooled.data)), abs=1e-8
    )


def test_with_a_spread_given_draws_have_the_moments_of_the_closed_form():
    pooled, n = normal_means(CROSSED, 7, priors(2, spread=0.45), seed=1), 4_000
    drawn = draw_around(find_peak(pooled), pooled, n, seed=3)
    for c in range(2):
        _, mean, exact = exactly(pooled, c, [0.45, 0.45])
        sites = [
            drawn["population"][:, c : c + 1],
            *(drawn[k][:, c] for k in ("effects", "a", "b")),
        ]
        flat = np.concatenate(sites, axis=1)
        var = np.diag(exact)
        assert (np.abs(flat.mean(axis=0) - mean) < 5 * np.sqrt(var / n)).all()
        error = np.sqrt((np.outer(var, var) + exact**2) / n)  # of a normal's covariances
        assert (np.abs(np.cov(flat.T) - exact) < 5 * error).all()


# ---- the spread is learnt


@pytest.mark.parametrize("size", [1, 2])
def test_the_spread_of_one_column_is_at_the_mode_of_its_marginal_posterior(size):
    pooled = normal_means(ONE, 7, priors(size), seed=1)
    peak = find_peak(pooled)
    for c in range(size):
        found = minimize(
            lambda v, c=c: -log_posterior(pooled, c, v), [-1.0], method="Nelder-Mead", tol=1e-9
        )
        assert np.log(peak.spread[0, c]) == pytest.approx(found.x[0], abs=CLOSE)
        given = exactly(pooled, c, peak.spread[:, c])[1]
        np.testing.assert_allclose(peak.at[:, c], given, atol=CLOSE)


def test_the_spreads_of_crossed_columns_are_at_their_joint_mode():
    pooled = normal_means(CROSSED, 7, priors(2), seed=2)
    peak = find_peak(pooled)
    for c in range(2):
        loss = lambda v, c=c: -log_posterior(pooled, c, v)  # noqa: E731
        mode = minimize(loss, [-1.0, -1.0], method="Nelder-Mead", tol=1e-10).x
        bent = second_differences(loss, mode, 1e-3)
        # each spread is within CLOSE of its mode given the other; together they can be off by more
        bound = CLOSE * np.sqrt(2) * bent.diagonal().max() / np.linalg.eigvalsh(bent)[0]
        assert bound < 1e-3
        assert np.abs(np.log(peak.spread[:, c]) - mode).max() < bound


@pytest.mark.parametrize("levels", [20, 100])
def test_levels_that_do_not_differ_are_found_so(levels):
    """EM took hundreds of steps here: the mode is close to zero, where it learns little a step."""
    groups = Groups(
        columns={"a": levels}, codes=np.arange(levels)[:, None], values=np.empty((levels, 0))
    )
    pooled = normal_means(groups, 5, priors(1), seed=4)
    rng = np.random.default_rng(1)
    pooled.data["y"][:] = 1 + rng.standard_normal(pooled.data["y"].shape)
    peak = find_peak(pooled)
    at, h = np.log(peak.spread[0]), 1e-3
    low, here, high = (log_posterior(pooled, 0, at + d) for d in (-h, 0.0, h))
    slope, second = (high - low) / (2 * h), (high - 2 * here + low) / h**2
    assert second < 0
    assert abs(slope / second) < 2 * CLOSE
    assert peak.spread[0, 0] < 1 / np.sqrt(5)  # less than the noise of a level's mean


def test_the_density_on_the_grid_is_the_marginal_posterior():
    pooled = normal_means(ONE, 7, priors(2), seed=1)
    peak = find_peak(pooled)
    np.testing.assert_allclose(peak.steps, 0.6 * np.exp(LOGS))
    for c in range(2):
        log = np.array([log_posterior(pooled, c, np.log([s])) for s in peak.steps])
        np.testing.assert_allclose(peak.density[0, c], np.exp(log - log.max()), atol=1e-8)


def test_draws_have_the_moments_of_integration_on_a_grid():
    pooled, n = normal_means(ONE, 7, priors(1), seed=1), 4_000
    drawn = draw_around(find_peak(pooled), pooled, n, seed=2)
    flat = np.column_stack([drawn["a_spread"], drawn["population"], drawn["a"][:, 0]])
    mean, sd = integrated(pooled, 0)
    assert (np.abs(flat.mean(axis=0) - mean) < 5 * sd / np.sqrt(n)).all()
    fourth = ((flat - mean) ** 4).mean(axis=0)
    error = np.sqrt((fourth - sd**4) / n) / (2 * sd)
    assert (np.abs(flat.std(axis=0) - sd) < 5 * error).all()


def test_the_point_is_the_peak_as_one_draw():
    pooled = normal_means(CROSSED, 7, priors(2), seed=2)
    peak = find_peak(pooled)
    one = point(peak, pooled)
    assert {k: v.shape for k, v in one.items()} == {
        "population": (1, 2),
        "effects": (1, 2, 1),
        "a": (1, 2, 6),
        "b": (1, 2, 4),
        "a_spread": (1, 2),
        "b_spread": (1, 2),
    }
    np.testing.assert_allclose(
        eta_of(one, CROSSED)[0], pooled.features() @ peak.at, rtol=1e-12, atol=1e-12
    )


# ---- customers, each with a covariate of its own

TRUTH = np.array([np.log(0.05), np.log(1.2), np.log(0.25 / 0.75), np.log(4.0)])
EFFECT = 0.3


def customers(n, seed):
    """Draw BG/NBD customers whose rate depends on z."""
    rng = np.random.default_rng(seed)
    z, T = rng.standard_normal(n), rng.uniform(30.0, 300.0, n)
    rate = rng.gamma(1.2, 0.05 / 1.2, n) * np.exp(EFFECT * z)
    lasting = rng.geometric(rng.beta(1.0, 3.0, n))
    x, t_x = np.zeros(n), np.zeros(n)
    for i in range(n):
        bought = rng.exponential(1 / rate[i], 400).cumsum()[: lasting[i]]
        bought = bought[bought <= T[i]]
        x[i], t_x[i] = len(bought), bought[-1] if len(bought) else 0.0
    return Past(x, t_x, T), z


def second_differences(function, at, h):
    """Return the Hessian by central differences of values."""
    n = len(at)
    bent, e = np.empty((n, n)), h * np.eye(n)
    for i in range(n):
        for j in range(i, n):
            corners = [s * t * function(at + s * e[i] + t * e[j]) for s in (-1, 1) for t in (-1, 1)]
            bent[i, j] = bent[j, i] = sum(corners) / (4 * h * h)
    return bent


@pytest.fixture(scope="module")
def bought():
    """Customers as Pooled, the peak, and the log-likelihood by coefficients."""
    past, z = customers(2_000, 1)
    groups = Groups(
        covariates=("z",), codes=np.empty((len(z), 0), dtype=np.int64), values=z[:, None]
    )
    wide = Priors(mean=TRUTH + 0.5, sd=np.full(4, 1.5), between=0.4, effect=0.4)
    pooled = pooled_purchases(BetaGeometric(), past, Grouped(groups, np.arange(len(z))), wide)
    peak, features = find_peak(pooled), pooled.features()
    with jax.enable_x64(True):
        compiled, data = jax.jit(pooled.whole), jax.device_put(pooled.data)

    def log_likelihood(flat):
        with jax.enable_x64(True):
            return float(compiled(features @ flat.reshape(peak.at.shape), data))

    return pooled, peak, log_likelihood


def test_at_the_peak_the_gradient_vanishes_and_the_curvature_is_minus_the_hessian(bought):
    pooled, peak, log_likelihood = bought
    own = pooled.priors
    at = peak.at.ravel()
    held = np.concatenate([own.sd**-2.0, np.full(4, own.effect**-2.0)])
    centre = np.concatenate([own.mean, np.zeros(4)])
    assert log_likelihood(at) == pytest.approx(peak.log_likelihood, rel=1e-12)

    def log_posterior(flat):
        return log_likelihood(flat) - (held * (flat - centre) ** 2).sum() / 2

    h = 1e-4
    slope = [(log_posterior(at + d) - log_posterior(at - d)) / (2 * h) for d in h * np.eye(8)]
    bent = -second_differences(log_likelihood, at, 1e-3)
    assert slope @ np.linalg.solve(bent + np.diag(held), slope) / 2 < GAIN
    size = np.sqrt(np.outer(bent.diagonal(), bent.diagonal()))
    assert (np.abs(peak.curvature - bent) < 1e-3 * size).all()  # one step before


def test_the_posterior_of_customers_is_nearly_normal_and_covers_the_truth(bought):
    """A hundred draws' share has a standard error of some hundredths; .5 where a customer's own
    curvature is made a valley, not that of all customers."""
    pooled, _, _ = bought
    often = Sampling(draws=1_000, warmup=1, chains=1, steps=1, batch=1)
    found = infer(pooled, "laplace", often, 1)
    assert 0.85 < found.diagnostics["importance_ess"] <= 1.0
    assert found.notes() == ()
    drawn = np.column_stack([found.draws["population"], found.draws["effects"][:, :, 0]])
    off = np.abs(drawn.mean(axis=0) - [*TRUTH, EFFECT, 0.0, 0.0, 0.0]) / drawn.std(axis=0)
    assert (off < Z99).all()
    assert drawn[:, 4].std() < EFFECT / 5  # and tells it from none


def test_a_group_on_a_ridge_is_held_by_its_prior_alone():
    """Its log-likelihood bends upwards: eta^2 less than all others' together bend downwards."""

    def ridge(eta, data):
        del data
        return -20.0 * ((eta[:-1] - 1.0) ** 2).sum() + 0.05 * ((eta[-1] - 1.0) ** 2).sum()

    pooled = normal_means(ONE, 1, priors(1, spread=0.3), seed=1)
    odd = Pooled(**{**vars(pooled), "whole": ridge})
    peak = find_peak(odd)
    assert np.linalg.eigvalsh(peak.curvature)[0] > -1e-6
    drawn = draw_around(peak, odd, 2_000, seed=1)["a"][:, 0, -1]
    assert drawn.std() == pytest.approx(0.3, rel=5 / np.sqrt(2 * 2_000))


# ---- what cannot be fitted


def test_a_likelihood_that_is_not_finite_at_the_start_is_refused_with_a_remedy():
    pooled = normal_means(ONE, 1, priors(2), seed=1)
    odd = Pooled(**{**vars(pooled), "whole": lambda eta, _: eta.sum() * np.nan})
    with pytest.raises(FitError) as error:
        find_peak(odd)
    assert str(error.value) == (
        "fit: the log-likelihood is not finite at m 1, k -2; change the priors"
    )


def test_a_slope_that_leads_nowhere_is_no_peak(monkeypatch):
    """A likelihood whose gradient points away from where it rises."""
    monkeypatch.setattr("lifeworth.engines.laplace.HALVINGS", 5)

    def astray(eta, data):
        value = whole(eta, data)
        return 2 * jax.lax.stop_gradient(value) - value

    pooled = normal_means(ONE, 7, priors(1), seed=1)
    odd = Pooled(**{**vars(pooled), "whole": astray})
    with pytest.raises(FitError) as error:
        find_peak(odd)
    said = str(error.value)
    assert said.startswith("fit: the posterior falls along its own slope at m ")
    assert "(5 halvings)" in said
    assert said.endswith("narrow the priors, or use inference=nuts")


def test_a_peak_that_is_not_found_is_said_with_remedies(monkeypatch):
    monkeypatch.setattr("lifeworth.engines.laplace.STEPS", 2)
    with pytest.raises(FitError, match=r"after 2 steps; narrow the priors, .* inference=nuts"):
        find_peak(normal_means(ONE, 7, priors(1), seed=1))
