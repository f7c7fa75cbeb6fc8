"""The family of the BG/NBD: published values, integrals over the rates, and the mechanism."""

import itertools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from lifeworth.asof.rhythm import log_gaps
from lifeworth.asof.split import History
from lifeworth.models.btyd.math import BgNbdParams
from lifeworth.models.btyd.processes.beta_geometric import BetaGeometric, tick_constant
from lifeworth.models.btyd.purchases import Past, _in_letters, _sufficient, maximum_of_purchases

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())
CDNOW = BgNbdParams(0.243, 4.414, 0.793, 2.426)
REGULAR = BgNbdParams(1.4, 3.0, 0.8, 2.5)
FAMILY = [BetaGeometric(k=k, modified=m) for k in (1, 2, 3) for m in (False, True)]
families = pytest.mark.parametrize("model", FAMILY, ids=lambda model: model.title)
several = pytest.mark.parametrize("model", FAMILY[2:], ids=lambda model: model.title)


def log_likelihood(model, th, x, t_x, T):
    past = [jnp.atleast_1d(jnp.asarray(v, dtype=float)) for v in (x, t_x, T)]
    return np.asarray(model.counting(th, past[0]) + model.timing(th, *past))


def one(*values):
    return [np.array([float(v)]) for v in values]


def expected(model, th, x, t_x, T, H):
    """Return P(alive) and the purchases that are expected, over all stages."""
    past = one(x, t_x, T)
    alive = model.alive(th, *past)[:, 0]
    ahead = [model.purchases(th, past[0], past[2], *one(H), j)[0] for j in range(model.k)]
    return alive.sum(), (alive * ahead).sum()


# ---- published values


@pytest.mark.parametrize("modified", [False, True])
@pytest.mark.parametrize("row", range(9))
def test_golden_values(modified, row):
    golden = GOLDEN["mbgnbd" if modified else "bgnbd"]
    th, row, model = BgNbdParams(**golden["params"]), golden["rows"][row], FAMILY[modified]
    past = row["x"], row["t_x"], row["T"]
    assert log_likelihood(model, th, *past) == pytest.approx(row["log_likelihood"], rel=1e-11)
    found = expected(model, th, *past, row["H"])
    assert found == pytest.approx((row["p_alive"], row["expected_purchases"]), rel=1e-11)


@pytest.mark.parametrize(
    ("modified", "th", "purchases", "alive"),
    [
        (False, CDNOW, 1.22602817, 0.72657857),
        (True, BgNbdParams(0.525, 6.183, 0.891, 1.614), 1.26296062, 0.70620227),
    ],
)
def test_the_one_customer_of_the_papers(modified, th, purchases, alive):
    found = expected(FAMILY[modified], th, 2, 30.43, 38.86, 39.0)
    assert found == pytest.approx((alive, purchases), abs=1e-8)


@pytest.mark.parametrize(
    ("modified", "published", "best", "digits"),
    [
        (False, [0.24259, 4.41353, 0.79289, 2.42575], -9582.4256, 5e-4),
        (True, [0.525, 6.183, 0.891, 1.614], -9582.13, 1e-3),
    ],
)
def test_the_fit_of_cdnow_is_the_published_one(cdnow, modified, published, best, digits):
    """Days are not weeks of two digits: -9582.4292 where the papers' file gives -9582.4256."""
    fit = maximum_of_purchases(FAMILY[modified], Past(cdnow.x, cdnow.t_x, cdnow.T))
    assert fit.values() == pytest.approx(published, abs=digits)
    assert fit.log_likelihood == pytest.approx(best, abs=6e-3)
    if not modified:
        assert fit.log_likelihood == pytest.approx(-9582.4292, abs=5e-5)
    assert fit.notes == ()


# ---- the density, integrated over the rate of ticks and the chance to leave


def integral(model, th, times, T):
    """Return the density of purchases at `times`, and P(alive in each stage) at T."""
    x, k = len(times), model.k
    gaps = np.diff([0.0, *times])
    silence = T - (times[-1] if x else 0.0)

    def over_rates(of):
        gamma = stats.gamma(th.r, scale=1 / th.alpha)
        ends = gamma.ppf([1e-15, 1 - 1e-15])
        return quad(lambda v: of(np.exp(v)) * gamma.pdf(np.exp(v)) * np.exp(v), *np.log(ends),
                    epsabs=0, epsrel=1e-11, limit=400)[0]  # fmt: skip

    def over_chances(n, left):
        beta = stats.beta(th.a, th.b)
        return beta.expect(lambda p: (1 - p) ** n * p**left, epsabs=0, epsrel=1e-11, limit=400)

    def bought(rate):
        return np.prod(stats.gamma.pdf(gaps, k, scale=1 / rate))

    chances = x + model.modified
    stays = [
        over_rates(lambda v, j=j: bought(v) * stats.poisson.pmf(j, v * silence))
        * over_chances(chances, 0)
        for j in range(k)
    ]
    left = over_rates(bought) * over_chances(chances - 1, 1) if chances else 0.0
    return left + sum(stays), np.array(stays) / (left + sum(stays))


@families
@pytest.mark.parametrize("times", [[], [2.0], [1.0, 4.5, 6.0]])
@pytest.mark.parametrize("T", [6.5, 20.0])
def test_density_and_stages_are_their_integrals(model, times, T):
    x, t_x = len(times), (times[-1] if times else 0.0)
    gaps = np.log(np.diff([0.0, *times])).sum()
    density, stages = integral(model, REGULAR, times, T)
    constant = tick_constant(model.k, float(x), gaps)
    found = log_likelihood(model, REGULAR, x, t_x, T)[0] + constant
    assert found == pytest.approx(np.log(density), rel=1e-8, abs=1e-8)
    alive = model.alive(REGULAR, *one(x, t_x, T))
    assert alive.shape == (model.k, 1)
    assert alive[:, 0] == pytest.approx(stages, rel=1e-8)


def test_nobody_leaves_a_bg_model_before_a_repeat():
    for model in FAMILY[::2]:
        alive = model.alive(REGULAR, *one(0, 0, 500))
        assert alive.sum() == pytest.approx(1.0, abs=1e-12)


@families
def test_right_after_a_purchase_no_tick_is_heard(model):
    alive = model.alive(REGULAR, *one(3, 7, 7))[:, 0]
    assert 0 < alive[0] < 1
    assert alive[1:] == pytest.approx(np.zeros(model.k - 1), abs=1e-200)


# ---- what lies ahead


def logs(low, high):
    return st.floats(np.log(low), np.log(high)).map(np.exp)


PARAMS = st.builds(BgNbdParams, logs(0.05, 20), logs(1, 100), logs(0.05, 20), logs(0.1, 20))


@families
@settings(max_examples=15)
@given(PARAMS, st.integers(0, 40), st.floats(1, 300), st.floats(0.05, 2))
def test_counts_sum_to_one_and_have_the_mean(model, th, x, T, c):
    H = one(c * (th.alpha + T))[0]
    x, T = one(x, T)
    for stage in range(model.k):
        p = np.array(list(itertools.islice(model.counts(th, x, T, H, stage), 1_500)))[:, 0]
        assert (p >= 0).all()
        assert p.sum() == pytest.approx(1.0, abs=1e-11)
        mean = model.purchases(th, x, T, H, stage)[0]
        assert (np.arange(len(p)) * p).sum() == pytest.approx(mean, rel=1e-9)
        some = model.p_active(th, x, T, 0.0, H, stage)[0]
        assert 1 - p[0] == pytest.approx(some, rel=1e-9)


@families
@pytest.mark.parametrize(("x", "T"), [(0.0, 5.0), (6.0, 20.0)])
def test_all_doors_are_those_of_the_mechanism(model, x, T):
    """Customers hear ticks at a rate of their own; each k-th is a purchase, some leave at it."""
    rng, n, H, start = np.random.default_rng(3), 100_000, 15.0, 4.0
    k, stage = model.k, model.k - 1
    rate = rng.gamma(REGULAR.r + k * x + stage, 1 / (REGULAR.alpha + T), n)
    leaves = rng.beta(REGULAR.a, REGULAR.b + x + model.modified, n)
    count, late = np.zeros(n), np.zeros(n, dtype=bool)
    clock, there, heard = np.zeros(n), np.arange(n), stage
    while len(there):
        wait = rng.standard_gamma(k - heard, len(there)) / rate[there]
        clock[there] += wait
        there, heard = there[clock[there] <= H], 0
        count[there] += 1
        late[there] |= clock[there] > start
        there = there[rng.random(len(there)) >= leaves[there]]
    past = one(x, T)
    p = np.array(list(itertools.islice(model.counts(REGULAR, *past, *one(H), stage), 300)))[:, 0]
    drawn = model.draw(REGULAR, np.full(n, x), np.full(n, T), H, stage, rng)
    for seen in (count, drawn):
        share = np.bincount(seen.astype(int), minlength=300)[:300] / n
        often = p > 1e-4
        assert (np.abs(share - p)[often] < 5 * np.sqrt(p * (1 - p) / n)[often]).all()
        mean = model.purchases(REGULAR, *past, *one(H), stage)[0]
        assert abs(seen.mean() - mean) < 5 * seen.std() / np.sqrt(n)
    active = model.p_active(REGULAR, *past, start, H, stage)[0]
    assert abs(late.mean() - active) < 5 * np.sqrt(active * (1 - active) / n)


@families
def test_a_span_that_starts_at_once_is_a_horizon(model):
    x, T, H = np.arange(5.0), np.linspace(0.0, 40.0, 5), np.full(5, 20.0)
    for stage in range(model.k):
        at_once, soon = (model.p_active(REGULAR, x, T, s, H, stage) for s in (0.0, 1e-9))
        assert soon == pytest.approx(at_once, rel=1e-6)
        never = model.p_active(REGULAR, x, T, 20.0, H, stage)
        assert never == pytest.approx(np.zeros(5), abs=1e-12)


@several
def test_much_to_sum_over_stays_right_and_ends(model):
    """300 purchases and ten years: the sum of so many ticks never reaches one to the last digit."""
    x, T, H = np.array([0.0, 300.0]), np.array([1.0, 300.0]), np.array([3_000.0, 3_000.0])
    th = BgNbdParams(1.2, 4.0, 0.7, 60.0)
    made = model.purchases(th, x, T, H, 0)
    active = model.p_active(th, x, T, 1_000.0, H, 0)
    rng = np.random.default_rng(8)
    for i in range(2):
        drawn = model.draw(th, np.full(40_000, x[i]), np.full(40_000, T[i]), 3_000.0, 0, rng)
        assert abs(drawn.mean() - made[i]) < 5 * drawn.std() / 200
    assert (active > 0).all()
    assert (active <= 1).all()


# ---- fits


def regular(model, th, customers, T, seed):
    """Simulate: x, t_x and the sums of the logs of the gaps."""
    rng = np.random.default_rng(seed)
    rate, leaves = rng.gamma(th.r, 1 / th.alpha, customers), rng.beta(th.a, th.b, customers)
    x, t_x, gaps = np.zeros((3, customers))
    there = np.arange(customers)
    if model.modified:
        there = there[rng.random(customers) >= leaves]
    while len(there):
        wait = rng.standard_gamma(model.k, len(there)) / rate[there]
        inside = t_x[there] + wait < T
        there, wait = there[inside], wait[inside]
        t_x[there] += wait
        x[there] += 1
        gaps[there] += np.log(wait)
        there = there[rng.random(len(there)) >= leaves[there]]
    return Past(x, t_x, np.full(customers, T)), gaps


@several
def test_regular_buyers_are_found(model):
    past, gaps = regular(model, REGULAR, 4_000, 52.0, seed=5)
    likely = {}
    for k in range(1, 6):
        fit = maximum_of_purchases(BetaGeometric(k=k, modified=model.modified), past)
        likely[k] = fit.log_likelihood + tick_constant(k, past.x, gaps).sum()
        if k == model.k:
            for true, e in zip(REGULAR, fit.estimates.values(), strict=True):
                assert abs(np.log(e.value / true)) < 2.576 * e.se / e.value
    assert max(likely, key=likely.__getitem__) == model.k


def test_the_constant_of_one_tick_is_none(cdnow_cut: tuple[History, object]):
    gaps = log_gaps(cdnow_cut[0]).to_pandas()["log_gaps"].to_numpy()
    assert (tick_constant(1, np.ones_like(gaps), gaps) == 0).all()
    assert gaps.min() >= 0  # days


@families
def test_gradient_is_that_of_central_differences_and_finite_at_the_edges(model):
    x = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 5.0, 40.0])
    t_x = np.array([0.0, 0.0, 0.0, 3.0, 3.0, 30.0, 38.0])
    T = np.array([0.0, 1.0, 39.0, 3.0, 39.0, 39.0, 38.0])  # T = t_x, and later
    data = _sufficient(Past(x, t_x, T), np.zeros(7, dtype=np.int64))
    data = jax.device_put(data)
    slope = jax.jit(jax.value_and_grad(lambda u: _in_letters(model)(jnp.exp(u), data)))
    u = jnp.log(jnp.array(REGULAR))
    true = [float(slope(u + s)[0] - slope(u - s)[0]) / 2e-5 for s in 1e-5 * np.eye(4)]
    assert np.asarray(slope(u)[1]) == pytest.approx(np.array(true), rel=1e-4, abs=1e-4)
    for th in itertools.product((1e-4, 1e4), (1e-5, 1e10), (1e-4, 1e4), (1e-4, 1e5)):
        assert np.isfinite(np.asarray(slope(jnp.log(jnp.array(th)))[1])).all(), th


@families
@given(th=PARAMS)
@settings(max_examples=10)
def test_coordinates_are_there_and_back(model, th):
    eta = model.eta(th)
    assert np.array(model.params(eta)) == pytest.approx(np.array(th), rel=1e-12)
    rate = np.exp(eta[0])
    assert th.r / (th.alpha * model.k) == pytest.approx(rate, rel=1e-12)
    assert len(model.coordinates) == len(eta)


def test_titles_are_those_of_the_papers():
    titles = [model.title for model in FAMILY]
    assert titles[:4] == ["BG/NBD", "MBG/NBD", "BG/CNBD-2", "MBG/CNBD-2"]
