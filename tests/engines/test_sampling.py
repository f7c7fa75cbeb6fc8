"""NUTS and SVI against integration on a grid; where chains start; how customers are drawn."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.diagnostics import effective_sample_size
from scipy.stats import chi2

from lifeworth.engines import sampling
from lifeworth.engines.laplace import draw_around, find_peak
from lifeworth.engines.likelihood import FitError
from lifeworth.engines.pooled import Groups, Pooled, Priors, traced
from lifeworth.engines.posterior import RULES
from lifeworth.engines.sampling import nuts, svi


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
PRIORS = Priors(mean=np.array([1.0]), sd=np.array([3.0]), between=0.6, effect=0.4)
CHAINS = 2


@pytest.fixture(scope="module")
def pooled():
    return normal_means(ONE, 7, PRIORS, seed=1)


@pytest.fixture(scope="module")
def exact(pooled):
    return integrated(pooled, 0)


@pytest.fixture(scope="module")
def sampled(pooled):
    return nuts(pooled, warmup=200, draws=500, chains=CHAINS, seed=1)


@pytest.fixture(scope="module")
def varied(pooled):
    return svi(pooled, steps=2_000, batch=56, draws=4_000, seed=1)


def columns(draws):
    return np.column_stack([draws["a_spread"], draws["population"], draws["a"][:, 0]])


# ---- what is found


def test_nuts_agrees_with_integration_on_a_grid(sampled, exact):
    flat, (mean, sd) = columns(sampled.draws), exact
    assert flat.shape == (CHAINS * 500, 10)
    chains = flat.reshape(CHAINS, 500, 10)
    ess = effective_sample_size(chains)
    assert (ess > 100).all()
    assert (np.abs(flat.mean(axis=0) - mean) < 5 * sd / np.sqrt(ess)).all()
    squares = (flat - mean) ** 2
    error = squares.std(axis=0) / np.sqrt(effective_sample_size(squares.reshape(chains.shape)))
    assert (np.abs(squares.mean(axis=0) - sd**2) < 5 * error).all()


def test_svi_is_near_integration_on_a_grid(varied, exact):
    """A normal in the log of the spread and in z cannot be exact; it was within .1 sd and 10 %."""
    flat, (mean, sd) = columns(varied.draws), exact
    assert flat.shape == (4_000, 10)
    assert (np.abs(flat.mean(axis=0) - mean) < 0.3 * sd).all()
    assert (np.abs(np.log(flat.std(axis=0) / sd)) < 0.3).all()


def test_nuts_says_how_it_went(sampled):
    good = sampled.diagnostics
    assert set(good) == {"r_hat", "ess", "divergences", "e_bfmi", "steps_per_draw"}
    assert 0.99 < good["r_hat"] < 1.05
    assert 100 < good["ess"] <= 4 * 1_000
    assert 0.3 < good["e_bfmi"] < 3
    assert 1 <= good["steps_per_draw"] < 100


def test_the_elbo_rises_to_the_end_and_is_kept_in_few_points(varied):
    elbo = varied.elbo
    assert elbo.shape == (sampling.THINNED, 2)
    assert (np.diff(elbo[:, 0]) > 0).all()
    assert elbo[-1, 0] == 2_000
    first, last = elbo[:20, 1], elbo[-20:, 1]
    assert first.mean() < last.mean()
    assert first[0] < last.min()
    assert varied.diagnostics["elbo"] == pytest.approx(elbo[-40:, 1].mean())


def test_few_steps_are_kept_each_and_of_so_few_nothing_can_be_said():
    elbo = sampling._smoothed(np.array([-3.0, -2.0, -1.0]))
    assert elbo.tolist() == [[1.0, -3.0], [2.0, -2.0], [3.0, -1.0]]
    told = sampling._trend(elbo)
    assert told == {"elbo": -1.0, "elbo_still_gains": pytest.approx(np.nan, nan_ok=True)}
    assert RULES["elbo_still_gains"].bad(told["elbo_still_gains"])


def test_an_elbo_that_still_rises_is_told_from_one_that_does_not():
    noise = np.random.default_rng(1).normal(size=4_000)
    still = sampling._trend(sampling._smoothed(noise + np.linspace(-4.0, 0.0, 4_000)))
    settled = sampling._trend(sampling._smoothed(noise))
    assert still["elbo_still_gains"] > 3 > settled["elbo_still_gains"]


# ---- chains


def test_every_chain_starts_at_a_draw_around_the_peak_and_no_two_alike(pooled):
    around = draw_around(find_peak(pooled), pooled, 4, 1)
    with jax.enable_x64(True):
        made = sampling._starts(pooled, around, traced(pooled))
        starts = {k: np.asarray(v) for k, v in made.items()}
    assert {k: v.shape for k, v in starts.items()} == {
        "population": (4, 1),
        "a_z": (4, 1, 8),
        "a_spread": (4, 1),
    }
    assert len(np.unique(starts["population"])) == 4
    spread = np.exp(starts["a_spread"])
    np.testing.assert_allclose(spread, around["a_spread"], rtol=1e-12)
    np.testing.assert_allclose(spread[..., None] * starts["a_z"], around["a"], rtol=1e-12)


def test_chains_differ_and_follow_one_another(sampled):
    first, second = sampled.draws["population"].reshape(CHAINS, -1)
    assert not np.isin(first, second).any()


def test_one_chain_is_enough(pooled):
    found = nuts(pooled, warmup=10, draws=4, chains=1, seed=1)
    assert found.draws["a"].shape == (4, 1, 8)
    assert found.draws["population"].shape == (4, 1)


def test_a_chain_too_short_to_be_judged_is_refused(pooled):
    with pytest.raises(FitError, match=r"nuts: 3 draws a chain, .* lower sampling.chains"):
        nuts(pooled, warmup=10, draws=3, chains=2, seed=1)


def test_a_stuck_site_is_not_hidden_by_one_that_moves():
    """Of a constant R-hat is no number."""
    moving = np.random.default_rng(1).normal(size=(2, 20, 1))
    told = sampling._apart({"moves": moving, "stuck": np.ones((2, 20, 1))})
    assert np.isnan(told["stuck"])
    with pytest.raises(FitError, match="nuts: R-hat is nan at stuck after 1,000 iterations"):
        sampling._refuse_apart(told, 1_000)
    del told["stuck"]
    sampling._refuse_apart(told, 1_000)


def test_chains_in_different_places_are_refused_with_remedies(pooled):
    """Two modes far apart: a chain that starts at one never sees the other."""

    def two_modes(eta, data):
        del data
        return jnp.logaddexp(-((eta - 40.0) ** 2).sum(), -((eta + 40.0) ** 2).sum()) * 5

    alone = Groups(codes=np.empty((1, 0), dtype=np.int64), values=np.empty((1, 0)))
    priors = Priors(mean=np.zeros(1), sd=np.full(1, 90.0), between=0.6, effect=0.4)
    odd = Pooled(**{**vars(pooled), "whole": two_modes, "groups": alone, "priors": priors})
    with pytest.raises(FitError) as error:
        nuts(odd, warmup=50, draws=50, chains=4, seed=1)
    said = str(error.value)
    assert re.match(r"nuts: R-hat is \d+(\.\d)? at population after 50 iterations", said)
    assert "double sampling.warmup and sampling.draws, narrow the priors" in said
    assert said.endswith("or use inference=laplace")


# ---- customers of a step


def test_customers_are_drawn_as_often_as_rows_stand_for_them():
    times, n = np.array([1.0, 0.0, 5.0, 2.0, 12.0, 0.0, 0.0]), 20_000
    with jax.enable_x64(True):
        rows = sampling._some(jax.device_put(times.cumsum()), n, jax.random.key(1))
    found = np.bincount(np.asarray(rows), minlength=7)
    assert (found[times == 0] == 0).all()  # padding is never drawn
    expected = n * times[times > 0] / times.sum()
    statistic = ((found[times > 0] - expected) ** 2 / expected).sum()
    assert statistic < chi2.isf(1e-6, 3)


def test_svi_in_shares_finds_what_rows_that_stand_for_several_say():
    """Two rows of 900 and 100 customers, and padding: the mean is theirs, not that of rows."""
    times = np.array([900.0, 100.0, 0.0, 0.0])
    data = {
        "y": np.array([[0.0], [4.0], [99.0], [99.0]]),
        "group": np.zeros(4, dtype=np.int64),
        "times": times,
    }
    alone = Groups(codes=np.empty((1, 0), dtype=np.int64), values=np.empty((1, 0)))
    odd = Pooled(
        names=("m",), priors=PRIORS, groups=alone, whole=whole, some=some, data=data, times=times
    )
    found = svi(odd, steps=1_000, batch=200, draws=2_000, seed=1).draws["population"][:, 0]
    precision = 1_000 + 3.0**-2
    mean = (400 + 1 / 9) / precision
    # Adam's last steps are .0005 long: a fiftieth of the posterior's sd of .03, in thousands
    assert found.mean() == pytest.approx(mean, abs=0.5 * precision**-0.5)
    assert found.std() == pytest.approx(precision**-0.5, rel=0.3)
