"""One posterior for all inferences: seeds, counts, what diagnostics say and what they advise."""

import functools

import numpy as np
import pytest

from lifeworth.engines.likelihood import FitError
from lifeworth.engines.pooled import Groups, Pooled, Priors
from lifeworth.engines.posterior import RULES, Posterior, Sampling, infer, log_likelihood_at


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


ONE = Groups(columns={"a": 5}, codes=np.arange(5)[:, None], values=np.empty((5, 0)))
PRIORS = Priors(mean=np.array([1.0]), sd=np.array([3.0]), between=0.6, effect=0.4)
FEW = Sampling(draws=15, warmup=5, chains=2, steps=250, batch=20)
COUNTS = {"map": 1, "laplace": 15, "svi": 15, "nuts": 16}  # whole draws of either chain


@pytest.fixture(scope="module")
def pooled():
    return normal_means(ONE, 7, PRIORS, seed=1)


@pytest.fixture(scope="module")
def found(pooled):
    """Return an inference by its name, with seed 1; run once."""
    return functools.cache(lambda method: infer(pooled, method, FEW, 1))


def posterior(n=10, **diagnostics):
    return Posterior(
        method="nuts",
        draws={"population": np.arange(2.0 * n).reshape(n, 2), "a": np.zeros((n, 2, 3))},
        chains=2,
        log_likelihood=-1.0,
        diagnostics=diagnostics,
        elbo=np.empty((0, 2)),
    )


# ---- every inference


@pytest.mark.parametrize(("method", "n"), COUNTS.items())
def test_an_inference_has_its_draws_and_chains(found, method, n):
    one = found(method)
    assert (one.method, len(one)) == (method, n)
    assert one.chains == (2 if method == "nuts" else 1)
    shapes = {k: v.shape for k, v in one.draws.items()}
    assert shapes == {"population": (n, 1), "a": (n, 1, 5), "a_spread": (n, 1)}
    assert len(one.elbo) == (200 if method == "svi" else 0)
    assert all(v.dtype == np.float64 for v in one.draws.values())


@pytest.mark.parametrize(
    "method",
    ["map", "laplace", *(pytest.param(m, marks=pytest.mark.slow) for m in ("svi", "nuts"))],
)
def test_the_same_seed_gives_the_same_draws_and_another_others(pooled, found, method):
    one = found(method).draws
    again, other = (infer(pooled, method, FEW, seed).draws for seed in (1, 2))
    assert all((one[k] == again[k]).all() for k in one)
    differ = [(one[k] != other[k]).all() for k in one]
    assert not any(differ) if method == "map" else all(differ)


@pytest.mark.parametrize("method", COUNTS)
def test_the_log_likelihood_is_that_at_the_mean_of_the_draws(pooled, found, method):
    one = found(method)
    eta = one.draws["population"].mean(axis=0) + one.draws["a"].mean(axis=0).T
    assert one.log_likelihood == pytest.approx(float(whole(eta, pooled.data)), rel=1e-12)
    assert one.log_likelihood == log_likelihood_at(pooled, one.draws)


def test_maximum_likelihood_is_refused(pooled):
    with pytest.raises(ValueError, match="a maximum of the likelihood has no posterior"):
        infer(pooled, "mle", FEW, 1)


@pytest.mark.parametrize("method", COUNTS)
def test_a_likelihood_that_is_not_finite_is_refused_by_every_inference(pooled, method):
    odd = Pooled(**{**vars(pooled), "whole": nowhere})
    with pytest.raises(FitError, match="not finite at m 1; change the priors"):
        infer(odd, method, FEW, 1)


def nowhere(eta, data):
    return whole(eta, data) * np.nan


def test_weights_of_a_normal_posterior_are_equal():
    """Its normal approximation is exact: all draws count the same."""
    alone = Groups(
        covariates=("z",),
        codes=np.empty((5, 0), dtype=np.int64),
        values=np.linspace(-1.0, 1.0, 5)[:, None],
    )
    normal = normal_means(alone, 7, PRIORS, seed=1)
    share = infer(normal, "laplace", FEW, 1).diagnostics
    assert share == {"importance_ess": pytest.approx(1.0, abs=1e-10)}


def test_weights_of_a_posterior_that_is_not_normal_are_not_equal(pooled):
    """A Laplace distribution's narrow peak, rounded: its tails are far outside the normal's."""
    alone = Groups(codes=np.empty((1, 0), dtype=np.int64), values=np.empty((1, 0)))
    priors = Priors(mean=np.zeros(1), sd=np.full(1, 50.0), between=0.6, effect=0.4)
    odd = Pooled(**{**vars(pooled), "whole": four_wide, "groups": alone, "priors": priors})
    often = Sampling(draws=200, warmup=1, chains=1, steps=1, batch=1)
    one = infer(odd, "laplace", often, 1)
    assert one.diagnostics["importance_ess"] < 0.1
    assert one.notes()[0].endswith("use inference=nuts")


def four_wide(eta, data):
    del data
    return -(eta**4).sum() - 1e-3 * (eta**2).sum()


# ---- what diagnostics say

BAD_AND_GOOD = {
    "r_hat": (1.02, 1.005),
    "ess": (399.0, 401.0),
    "divergences": (1.0, 0.0),
    "e_bfmi": (0.29, 0.31),
    "elbo_still_gains": (3.1, -8.0),
    "importance_ess": (0.09, 0.9),
}


def test_every_rule_is_tried():
    assert set(BAD_AND_GOOD) == set(RULES)


@pytest.mark.parametrize(("name", "values"), BAD_AND_GOOD.items())
def test_what_is_bad_gets_a_note_with_the_remedy_and_what_is_good_none(name, values):
    rule, (bad, good) = RULES[name], values
    assert rule.remedy
    assert posterior(**{name: good}).verdicts() == {name: (rule.good, "")}
    assert posterior(**{name: good}).notes() == ()
    assert posterior(**{name: bad}).verdicts() == {name: (rule.good, rule.remedy)}
    (note,) = posterior(**{name: bad}).notes()
    assert note == f"{rule.title} is {bad:.3g}, good is {rule.good}: {rule.remedy}"
    assert posterior(**{name: float("nan")}).notes()  # what is no number is not good


def test_what_has_no_rule_gets_no_verdict():
    assert posterior(steps_per_draw=900.0, elbo=-3.0).verdicts() == {}


def test_good_and_bad_are_told_apart():
    told = posterior(r_hat=1.2, ess=1_000.0, divergences=7.0)
    assert [name for name, (_, remedy) in told.verdicts().items() if remedy] == [
        "r_hat",
        "divergences",
    ]
    assert len(told.notes()) == 2


def test_a_run_that_is_far_too_short_says_so(found):
    """Eight draws a chain after five of warm-up."""
    bad = found("nuts")
    assert bad.diagnostics["ess"] < 400
    assert any(note.startswith("the smallest effective sample size is ") for note in bad.notes())
    assert all(": " in note for note in bad.notes())


@pytest.mark.slow
def test_a_funnel_hardly_warmed_up_says_so():
    """One customer a level says nothing of the spread: z and spread are as wide as their priors."""
    groups = Groups(columns={"a": 10}, codes=np.arange(10)[:, None], values=np.empty((10, 0)))
    wide = Priors(mean=np.array([1.0]), sd=np.array([30.0]), between=5.0, effect=0.4)
    terrible = Sampling(draws=20, warmup=5, chains=2, steps=1, batch=1)
    bad = infer(normal_means(groups, 1, wide, seed=1), "nuts", terrible, 1)
    remedies = {name for name, (_, remedy) in bad.verdicts().items() if remedy}
    assert {"ess", "r_hat"} <= remedies
    assert len(bad.notes()) == len(remedies)


# ---- fewer draws


@pytest.mark.parametrize(
    ("most", "kept"), [(1, [0]), (2, [0, 9]), (4, [0, 3, 6, 9]), (10, range(10)), (99, range(10))]
)
def test_thinned_draws_are_evenly_spaced(most, kept):
    whole_, few = posterior(), posterior().thinned(most)
    for name, draw in whole_.draws.items():
        assert (few.draws[name] == draw[list(kept)]).all()
    assert len(whole_) == 10


@pytest.mark.parametrize("most", [2, 7, 200, 333, 999])
def test_thinned_draws_are_as_many_as_asked_and_differ_in_spacing_by_one(most):
    kept = posterior(1_000).thinned(most).draws["population"][:, 0] / 2
    gaps = np.diff(kept)
    assert len(kept) == most
    assert gaps.max() - gaps.min() <= 1
    assert (kept[0], kept[-1]) == (0, 999)


@pytest.mark.parametrize("field", ["draws", "warmup", "chains", "steps", "batch"])
def test_amounts_of_work_are_positive(field):
    amounts = {"draws": 1, "warmup": 1, "chains": 1, "steps": 1, "batch": 1}
    with pytest.raises(ValueError, match=f"{field}\n.*greater than 0"):
        Sampling(**(amounts | {field: 0}))
