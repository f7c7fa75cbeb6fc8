"""Coordinates that segments share in part: their algebra, unseen levels, the priors."""

import jax
import numpy as np
import pytest
from numpyro.infer.util import log_density

from lifeworth.engines.pooled import (
    Groups,
    Pooled,
    Priors,
    differences,
    eta_of,
    model,
    prior_draws,
    traced,
    unseen,
)

RNG = np.random.default_rng(3)
CODES = np.array([[0, 1], [2, 0], [1, 1], [2, 1], [0, 0]])
GROUPS = Groups(
    columns={"a": 3, "b": 2}, covariates=("y", "z"), codes=CODES, values=RNG.normal(size=(5, 2))
)
PRIORS = Priors(mean=np.array([1.0, -2.0]), sd=np.array([3.0, 0.7]), between=0.6, effect=0.4)


def whole(eta, data):
    return -(data["times"] * ((data["y"] - eta[data["group"]]) ** 2).sum(axis=1)).sum() / 2


def some(eta, data, rows):
    return -((data["y"][rows] - eta[data["group"][rows]]) ** 2).sum(axis=1) / 2


def pooled_of(groups=GROUPS, priors=PRIORS):
    group = np.array([0, 1, 2, 3, 4, 4, 0, 0])
    times = np.array([1.0, 2.0, 1.0, 3.0, 1.0, 1.0, 0.0, 0.0])  # the last two are padding
    data = {"y": RNG.normal(size=(8, 2)), "group": group, "times": times}
    return Pooled(
        names=("m", "k"),
        priors=priors,
        groups=groups,
        whole=whole,
        some=some,
        data=data,
        times=times,
    )


def draws_of(n, seed=1):
    rng = np.random.default_rng(seed)
    shapes = {"population": (), "effects": (2,), "a": (3,), "b": (2,)}
    draws = {name: rng.normal(size=(n, 2, *shape)) for name, shape in shapes.items()}
    return draws | {f"{c}_spread": np.abs(rng.normal(size=(n, 2))) for c in "ab"}


# ---- coordinates


def test_coordinates_are_population_and_differences_and_effects():
    draws = draws_of(4)
    eta = eta_of(draws, GROUPS)
    assert eta.shape == (4, 5, 2)
    for d in range(4):
        for g, (a, b) in enumerate(CODES):
            for c in range(2):
                by_hand = draws["population"][d, c] + draws["a"][d, c, a] + draws["b"][d, c, b]
                by_hand += sum(GROUPS.values[g, k] * draws["effects"][d, c, k] for k in range(2))
                assert eta[d, g, c] == pytest.approx(by_hand, rel=1e-12)


def test_features_are_the_same_algebra():
    draws = draws_of(4)
    features = pooled_of().features()
    assert features.shape == (5, 1 + 2 + 3 + 2)
    for d, eta in enumerate(eta_of(draws, GROUPS)):
        rows = [draws["population"][d][None], *(draws[k][d].T for k in ("effects", "a", "b"))]
        np.testing.assert_allclose(features @ np.concatenate(rows), eta, rtol=1e-12, atol=1e-12)


def test_without_segments_all_share_the_population():
    alone = Groups(codes=np.empty((3, 0), dtype=np.int64), values=np.empty((3, 0)))
    population = {"population": draws_of(4)["population"]}
    assert (eta_of(population, alone) == population["population"][:, None, :]).all()
    assert (pooled_of(alone).features().toarray() == np.ones((3, 1))).all()


def test_coordinates_of_draws_leave_the_draws_as_they_were():
    draws = draws_of(4)
    eta_of(draws, GROUPS)
    assert all((draws[k] == v).all() for k, v in draws_of(4).items())


# ---- unseen levels


def test_an_unseen_level_is_added_and_is_what_the_code_minus_one_means():
    draws = draws_of(6)
    more = unseen(draws, GROUPS, seed=1)
    assert more["a"].shape == (6, 2, 4)
    assert more["b"].shape == (6, 2, 3)
    assert (more["a"][:, :, :3] == draws["a"]).all()
    new = Groups(columns=GROUPS.columns, codes=np.array([[-1, 0]]), values=np.empty((1, 0)))
    expected = draws["population"] + more["a"][:, :, 3] + draws["b"][:, :, 0]
    np.testing.assert_allclose(eta_of(more, new)[:, 0], expected, rtol=1e-12)


def test_an_unseen_level_varies_by_the_second_moment_of_the_spread():
    n = 20_000
    draws = draws_of(n)
    more = unseen(draws, GROUPS, seed=1)
    for column, last in (("a", 3), ("b", 2)):
        new, moment = more[column][:, :, last], (draws[f"{column}_spread"] ** 2).mean(axis=0)
        error = (new**2).std(axis=0) / np.sqrt(n)
        assert (np.abs((new**2).mean(axis=0) - moment) < 5 * error).all()
        assert (np.abs(new.mean(axis=0)) < 5 * np.sqrt(moment / n)).all()
    crossed = np.corrcoef(more["a"][:, 0, 3], more["b"][:, 0, 2])[0, 1]
    assert abs(crossed) < 5 / np.sqrt(n)


def test_an_unseen_level_is_the_same_for_a_seed_alone():
    draws = draws_of(6)
    first, again, other = (unseen(draws, GROUPS, seed)["a"] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first[:, :, 3] != other[:, :, 3]).all()
    assert draws["a"].shape == (6, 2, 3)


# ---- the model


def test_differences_are_spread_times_z():
    rng = np.random.default_rng(1)
    sites = {
        "population": rng.normal(size=(4, 2)),
        "effects": rng.normal(size=(4, 2, 2)),
        **{f"{c}_z": rng.normal(size=(4, 2, n)) for c, n in GROUPS.columns.items()},
        **{f"{c}_spread": rng.gamma(1.0, size=(4, 2)) for c in "ab"},
    }
    found = differences(sites, GROUPS)
    assert set(found) == {"population", "effects", "a", "b", "a_spread", "b_spread"}
    assert found["a"][3, 1, 2] == sites["a_spread"][3, 1] * sites["a_z"][3, 1, 2]
    assert (found["population"] == sites["population"]).all()


def test_a_share_of_the_rows_stands_for_all_customers():
    """Over all customers, a row as often as it stands for some, the share is the whole."""
    pooled = pooled_of()
    rng = np.random.default_rng(2)
    at = {
        "population": rng.normal(size=2),
        "effects": rng.normal(size=(2, 2)),
        **{f"{c}_z": rng.normal(size=(2, n)) for c, n in GROUPS.columns.items()},
        **{f"{c}_spread": np.ones(2) for c in "ab"},
    }
    rows = np.repeat(np.arange(8), pooled.times.astype(int))
    with jax.enable_x64(True):
        arrays, at = traced(pooled), jax.device_put(at)
        full, _ = log_density(model, (pooled, arrays), {}, at)
        share, _ = log_density(model, (pooled, arrays, jax.device_put(rows)), {}, at)
    assert float(share) == pytest.approx(float(full), rel=1e-12)


def test_draws_of_the_prior_have_the_moments_it_states():
    n = 20_000
    found = prior_draws(PRIORS, GROUPS, n, seed=1)
    between, effect = PRIORS.between, PRIORS.effect
    half = between * np.sqrt(2 / np.pi)  # the mean of a half normal
    stated = {
        "population": (PRIORS.mean, PRIORS.sd),
        "effects": (0.0, effect),
        "a_spread": (half, np.sqrt(between**2 - half**2)),
        "b": (0.0, between),
    }
    for site, moments in stated.items():
        shape = (1, 2) + (1,) * (found[site].ndim - 2)
        mean, sd = (np.broadcast_to(v, 2).reshape(shape) for v in moments)
        off = found[site] - mean
        assert (np.abs(off.mean(axis=0)) < 5 * sd[0] / np.sqrt(n)).all()
        error = (off**2).std(axis=0) / np.sqrt(n)
        assert (np.abs((off**2).mean(axis=0) - sd[0] ** 2) < 5 * error).all()


def test_a_spread_that_is_given_is_that_of_the_prior():
    n = 20_000
    given = Priors(mean=PRIORS.mean, sd=PRIORS.sd, between=0.6, effect=0.4, spread=0.25)
    found = prior_draws(given, GROUPS, n, seed=1)
    assert (found["a_spread"] == 0.25).all()
    assert found["b_spread"].shape == (n, 2)
    error = 0.25 * 5 / np.sqrt(2 * n)
    assert (np.abs(found["a"].std(axis=0) - 0.25) < error).all()


def test_draws_of_the_prior_are_the_same_for_a_seed_alone():
    first, again, other = (prior_draws(PRIORS, GROUPS, 20_000, seed) for seed in (1, 1, 2))
    assert all((first[k] == again[k]).all() for k in first)
    assert (first["population"] != other["population"]).all()
