"""The heads against SciPy, sums, integrals and draws; finite whatever a network puts out."""

import jaxtyping
import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, gammaln
from scipy.stats import lognorm, nbinom

from lifeworth.models.deep.math import (
    Counts,
    Ziln,
    counts_active,
    counts_log_probability,
    counts_mean,
    counts_of,
    counts_sample,
    cumulative_buys,
    head_loss,
    head_of,
    mse_loss,
    two_head_loss,
    two_head_of,
    ziln_cdf,
    ziln_log_density,
    ziln_mean,
    ziln_of,
    ziln_quantile,
    ziln_sample,
    ziln_variance,
)

DOUBLE = torch.float64


def tensor(x, dtype=DOUBLE):
    return torch.as_tensor(np.asarray(x, dtype=np.float64), dtype=dtype)


def grid(*axes, dtype=DOUBLE):
    """Return one flat tensor per axis of all combinations."""
    return [tensor(a.ravel(), dtype) for a in np.meshgrid(*axes, indexing="ij")]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def near(found, true, **tolerance):
    return found.numpy() == pytest.approx(np.asarray(true), **tolerance)


ZILN = (np.array([-15.0, -2.0, 0.3, 15.0]), np.array([-20.0, -1.0, 4.0, 20.0]))
SCALES = np.array([0.02, 0.5, 1.3, 2.5])
PRECISIONS = pytest.mark.parametrize(("dtype", "rel"), [(DOUBLE, 1e-10), (torch.float32, 1e-5)])


def ziln_grid(dtype=DOUBLE):
    """Return heads over their whole range, and SciPy's log-normals of the same numbers."""
    z = Ziln(*grid(*ZILN, SCALES, dtype=dtype))
    loc, scale = z.loc.double().numpy(), z.scale.double().numpy()
    return z, expit(z.logit.double().numpy()), lognorm(s=scale, scale=np.exp(loc))


# ---- value


@PRECISIONS
@pytest.mark.parametrize("u", [-3.0, 0.0, 1.0, 4.0])
def test_density_is_scipys(dtype, rel, u):
    z, buys, normal = ziln_grid(dtype)
    y = (z.loc + u * z.scale).exp()
    true = np.log(buys) + normal.logpdf(y.double().numpy())
    # the log of y is rounded, and read in units of the scale
    lost = (1 + abs(u)) * torch.finfo(dtype).eps * (20 + abs(z.loc)) / z.scale
    assert (abs(ziln_log_density(z, y) - tensor(true)) <= rel * abs(tensor(true)) + lost).all()
    assert (lost < 0.02).all()


@PRECISIONS
def test_density_at_nothing_is_the_chance_of_nothing(dtype, rel):
    z, _, _ = ziln_grid(dtype)
    true = -np.logaddexp(0.0, z.logit.double().numpy())
    assert near(ziln_log_density(z, torch.zeros_like(z.loc)), true, rel=rel)


def test_density_and_chance_of_nothing_sum_to_one():
    z, _, _ = ziln_grid()
    u = tensor(np.linspace(-12, 12, 2_001))[:, None]  # e^-72 is left outside
    log_y = z.loc + u * z.scale
    inside = torch.trapezoid((ziln_log_density(z, log_y.exp()) + log_y).exp(), log_y, dim=0)
    nothing = ziln_log_density(z, torch.zeros_like(z.loc)).exp()
    assert near(inside + nothing, np.ones(len(z.loc)), rel=1e-12)


@PRECISIONS
def test_mean_and_variance_are_integrals_of_the_density(dtype, rel):
    z, _, _ = ziln_grid(dtype)
    wide = Ziln(*(part.double() for part in z))
    u = tensor(np.linspace(-12, 18, 3_001))[:, None]  # the mode of y^2 f(y) is at u = 2 scale
    log_y = wide.loc + u * wide.scale
    density = (ziln_log_density(wide, log_y.exp()) + log_y).exp()
    mean = torch.trapezoid(density * log_y.exp(), log_y, dim=0)
    nothing = torch.sigmoid(-wide.logit)
    off = (log_y.exp() - mean) ** 2
    variance = torch.trapezoid(density * off, log_y, dim=0) + nothing * mean**2
    exponents = 40 if dtype == torch.float32 else 1  # rounding of 2 loc + scale^2
    assert near(ziln_mean(z).double(), mean, rel=exponents * rel)
    assert near(ziln_variance(z).double(), variance, rel=exponents * rel)


@PRECISIONS
@pytest.mark.parametrize("u", [-3.0, 0.0, 1.0, 4.0])
def test_cdf_is_scipys(dtype, rel, u):
    z, buys, normal = ziln_grid(dtype)
    y = (z.loc + u * z.scale).exp()
    true = tensor(1 - buys + buys * normal.cdf(y.double().numpy()))
    lost = torch.finfo(dtype).eps * (20 + abs(z.loc)) / z.scale
    assert (abs(ziln_cdf(z, y) - true) <= rel * true + lost).all()
    assert near(ziln_cdf(z, torch.zeros_like(y)), 1 - buys, rel=1e-6)
    assert (ziln_cdf(z, -y) == 0).all()


LEVELS = np.array([1e-9, 1e-4, 0.05, 0.25, 0.5, 0.75, 0.95, 1 - 1e-6])


def test_quantile_is_the_inverse_of_the_cdf():
    z, buys, _ = ziln_grid()
    for level in LEVELS:
        y = ziln_quantile(z, float(level))
        # y and z.loc + z.scale * u have 16 digits, and the density is up to 1 / (2.5 scale)
        assert near(ziln_cdf(z, y), np.maximum(level, 1 - buys), abs=1e-12)
        assert ((y == 0).numpy() == (level <= 1 - buys)).all()


def test_upper_quantiles_keep_their_digits():
    level = 1 - 2.0**-40
    y = ziln_quantile(Ziln(*map(tensor, (0.3, 1.0, 2.0))), level)
    true = lognorm.isf(2.0**-40 / expit(0.3), 2.0, scale=np.e)
    assert float(y) == pytest.approx(true, rel=1e-10)


@pytest.mark.parametrize("dtype", [DOUBLE, torch.float32])
@given(u=st.lists(st.floats(0, 1, width=32), min_size=2, max_size=20))
def test_quantiles_grow_with_the_level(dtype, u):
    z, _, _ = ziln_grid(dtype)
    level = tensor(sorted(u), dtype)[:, None]
    y = ziln_quantile(z, level)
    assert y.shape == (len(u), len(z.loc))
    assert (y[1:] >= y[:-1]).all()


def test_a_level_of_everything_is_without_bound():
    z, _, _ = ziln_grid()
    assert (ziln_quantile(z, 1.0) == torch.inf).all()
    assert (ziln_quantile(z, 0.0) == 0).all()


def test_draws_of_value_have_the_moments():
    z = Ziln(*(tensor(x) for x in ([[-2.0, 0.0], [1.0, 15.0]], [[1.0, -3.0], [0.0, 7.0]], 0.7)))
    z = z._replace(scale=z.scale.expand(2, 2))
    y = ziln_sample(z, 40_000, seeded(1))
    assert y.shape == (40_000, 2, 2)
    found, se = y.mean(dim=0), (ziln_variance(z) / 40_000).sqrt()
    assert (abs(found - ziln_mean(z)) < 5 * se).all()
    sold = (y > 0).double().mean(dim=0)
    assert (abs(sold - z.buys) <= 5 * (z.buys * (1 - z.buys) / 40_000).sqrt()).all()
    for i, j in np.ndindex(2, 2):
        off = (y[:, i, j][y[:, i, j] > 0].log() - z.loc[i, j]) / 0.7
        assert abs(off.mean()) < 5 / len(off) ** 0.5
        assert abs((off**2).mean() - 1) < 5 * (2 / len(off)) ** 0.5


# ---- purchases

LOGITS, EXTRAS, SHAPES = (
    np.array([-15.0, -1.0, 2.0]),
    [1e-4, 0.2, 3.0, 1e3],
    [0.05, 0.9, 8.0, 200.0],
)


def twin_log_probability(logit, extra, shape, n):
    """Return log P(N = n) to 30 digits."""
    with mp.workdps(40):
        buys = 1 / (1 + mp.exp(-mp.mpf(logit)))
        if n == 0:
            return float(mp.log(1 - buys))
        e, r, k = mp.mpf(extra), mp.mpf(shape), n - 1
        binomial = mp.loggamma(k + r) - mp.loggamma(r) - mp.loggamma(k + 1)
        return float(mp.log(buys) + binomial + r * mp.log(r / (r + e)) + k * mp.log(e / (r + e)))


def logs_of_gamma(c, n):
    """Return the size of the logs that cancel in the binomial coefficient."""
    parts = (n + c.shape, c.shape, n + 1)
    return sum(abs(gammaln(part.double().numpy())) for part in parts)


@PRECISIONS
@pytest.mark.parametrize("n", [0, 1, 2, 5, 40, 1_000])
def test_probability_of_counts_is_its_closed_form(dtype, rel, n):
    c = Counts(*grid(LOGITS, EXTRAS, SHAPES, dtype=dtype))
    rows = zip(*(part.double().tolist() for part in c), strict=True)
    true = np.array([twin_log_probability(*row, n) for row in rows])
    many = torch.full_like(c.logit, n)
    found = counts_log_probability(c, many).double().numpy()
    lost = 2 * torch.finfo(dtype).eps * logs_of_gamma(c, many) * (n > 0)
    assert (abs(found - true) <= rel * abs(true) + lost).all()


def test_probability_of_counts_is_scipys():
    c = Counts(*grid(LOGITS, [0.2, 3.0, 40.0], [0.3, 0.9, 8.0, 50.0]))
    buys, e, r = expit(c.logit.numpy()), c.extra.numpy(), c.shape.numpy()
    for n in (1, 2, 7, 30):
        true = np.log(buys) + nbinom.logpmf(n - 1, r, r / (r + e))
        found = counts_log_probability(c, torch.full_like(c.logit, n))
        assert near(found, true, rel=1e-10, abs=1e-12)


def some_counts():
    """Return counts whose 3,000th purchase is out of reach, and P(N = 0), P(N = 1), ... of each."""
    c = Counts(*grid([-3.0, 0.0, 2.0], [1e-4, 0.2, 3.0, 20.0], [0.3, 0.9, 8.0, 200.0]))
    n = torch.arange(3_000, dtype=DOUBLE)[:, None]
    return c, n, counts_log_probability(c, n).exp()


def test_probabilities_of_counts_sum_to_one_and_to_the_mean():
    c, n, p = some_counts()
    assert near(p.sum(dim=0), np.ones(len(c.logit)), rel=1e-11)
    assert near(counts_mean(c), (n * p).sum(dim=0), rel=1e-11)


@pytest.mark.parametrize("part", [1e-9, 1e-3, 0.3, 0.9, 1.0])
def test_active_early_is_a_sum_over_counts(part):
    c, n, p = some_counts()
    some = -torch.expm1(n * np.log1p(-part)) if part < 1 else (n > 0).double()
    assert near(counts_active(c, part), (p * some).sum(dim=0), rel=1e-10)


@pytest.mark.parametrize("dtype", [DOUBLE, torch.float32])
def test_active_very_early_is_a_matter_of_the_mean(dtype):
    c = Counts(*grid(LOGITS, EXTRAS, SHAPES, dtype=dtype))
    # the next term is part * E[N (N - 1)] / 2 E[N] < part * 2e4 here
    found = counts_active(c, 1e-17) / 1e-17
    assert near(found, counts_mean(c), rel=1e-9 if dtype == DOUBLE else 1e-5)
    assert near(counts_active(c, 1.0), c.buys, rel=1e-15)


def test_active_grows_with_the_part():
    c = Counts(*grid(LOGITS, EXTRAS, SHAPES))
    part = tensor(np.linspace(0, 1, 200))[:, None]
    active = counts_active(c, part)
    assert (active[0] == 0).all()
    assert (active.diff(dim=0) > -1e-15).all()
    assert (active <= c.buys).all()


def test_draws_of_counts_have_the_probabilities():
    c, _, p = some_counts()
    draws = 20_000
    drawn = counts_sample(c, draws, seeded(2))
    assert drawn.shape == (draws, len(c.logit))
    n = torch.arange(3_000, dtype=DOUBLE)[:, None]
    variance = ((n - counts_mean(c)) ** 2 * p).sum(dim=0)
    assert (abs(drawn.mean(dim=0) - counts_mean(c)) < 5 * (variance / draws).sqrt()).all()
    for k in range(4):
        share, true = (drawn == k).double().mean(dim=0), p[k]
        assert (abs(share - true) < 5 * (true * (1 - true) / draws).sqrt() + 5 / draws).all()


@pytest.mark.parametrize("part", [0.1, 0.5])
def test_active_early_is_binomial_thinning_of_draws(part):
    c, _, _ = some_counts()
    drawn = counts_sample(c, 20_000, seeded(3)).long().numpy()
    share = (np.random.default_rng(4).binomial(drawn, part) > 0).mean(axis=0)
    true = counts_active(c, part).numpy()
    assert (abs(share - true) < 5 * np.sqrt(true * (1 - true) / 20_000)).all()


@pytest.mark.parametrize("dtype", [DOUBLE, torch.float32])
def test_the_same_generator_draws_the_same(dtype):
    head = head_of(tensor(np.zeros((3, 2, 5)), dtype))
    for sample, part in ((ziln_sample, head.ziln), (counts_sample, head.counts)):
        first, again = (sample(part, 8, seeded(5)) for _ in range(2))
        assert first.dtype == dtype
        assert torch.equal(first, again)
        assert not torch.equal(first, sample(part, 8, seeded(6)))


# ---- bounds

EXTREMES = st.floats(-1e9, 1e9, width=32) | st.sampled_from([1e9, -1e9, 1e38, -1e38, 15, -15, 0])


def raws(width):
    return arrays(np.float32, (4, width), elements=EXTREMES).map(torch.as_tensor)


@given(raw=raws(5))
@example(raw=torch.full((4, 5), 1e9))
@example(raw=torch.full((4, 5), -1e9))
def test_whatever_a_network_puts_out_is_bounded(raw):
    head = head_of(raw)
    ranges = ((-15, 15), (1e-4, 1e3), (0.05, 200), (-20, 20), (0.02, 2.5))
    for part, (low, high) in zip(head, ranges, strict=True):
        slack = 1e-6 * max(abs(low), abs(high))
        assert ((part >= low - slack) & (part <= high + slack)).all()
    for found in (*moments(head), ziln_cdf(head.ziln, tensor(1.0, torch.float32))):
        assert found.dtype == torch.float32
        assert found.isfinite().all()
        assert (found >= 0).all()


def moments(head):
    return (
        ziln_mean(head.ziln),
        ziln_variance(head.ziln),
        ziln_quantile(head.ziln, 0.95),
        counts_mean(head.counts),
        counts_active(head.counts, 0.5),
    )


@given(raw=raws(5))
@example(raw=torch.full((4, 5), 1e9))
@example(raw=torch.full((4, 5), -1e9))
def test_loss_and_gradient_are_finite_in_float32(raw):
    raw = raw.requires_grad_()
    purchases, value = (tensor(x, torch.float32) for x in ([0, 1, 1_000, 3], [0, 1e-30, 1e9, -2]))
    loss = head_loss(head_of(raw), purchases, value, torch.ones(4, dtype=torch.bool))
    (slope,) = torch.autograd.grad(loss, raw)
    assert loss.isfinite()
    assert slope.isfinite().all()


@given(
    raw=raws(3),
    y=arrays(np.float32, 4, elements=st.just(0) | st.floats(2.0**-120, 2.0**120, width=32)),
)
def test_density_and_its_gradient_are_finite_in_float32(raw, y):
    raw, y = raw.requires_grad_(), torch.as_tensor(y)
    density = ziln_log_density(ziln_of(raw), y)
    (slope,) = torch.autograd.grad(density.sum(), raw)
    assert density.isfinite().all()
    assert slope.isfinite().all()


def test_shared_outputs_are_bounded_alike():
    raw = torch.randn(50, 5, generator=seeded(7)) * 30
    head = head_of(raw)
    pairs = [
        (head.counts, counts_of(raw[:, [0, 1, 2]])),
        (head.ziln, ziln_of(raw[:, [0, 3, 4]])),
        ((head.logit,), (two_head_of(raw[:, :2]).logit,)),
    ]
    for found, true in pairs:
        assert all(torch.equal(a, b) for a, b in zip(found, true, strict=True))
    assert torch.equal(two_head_of(raw[:, :2]).mean, raw[:, 1])
    assert torch.equal(head.ziln.buys, head.counts.buys)


def test_scale_is_a_softplus_that_levels_off():
    raw = tensor(np.linspace(-12, 14, 500)).requires_grad_()
    scale = ziln_of(torch.stack([raw, raw, raw], dim=-1)).scale
    (slope,) = torch.autograd.grad(scale.sum(), raw)
    assert (slope > 0).all()
    assert (scale.diff() > 0).all()
    raw, scale = raw.detach().numpy(), scale.detach().numpy()
    assert scale[[0, -1]] == pytest.approx([0.02, 2.5], abs=2e-5)
    assert scale[raw < 0] - 0.02 == pytest.approx(np.logaddexp(0, raw[raw < 0]), rel=0.12)


# ---- losses

WEIGHTS = tensor(np.random.default_rng(8).normal(size=(6, 3, 5)))
PURCHASES = tensor([[0, 1, 4], [2, 0, 0], [1, 1, 1], [0, 0, 0], [9, 0, 2], [1, 0, 3]])
VALUE = tensor(
    [[0, 0.3, 2.5], [1.1, 0, 0], [-0.4, 0, 0.9], [0, 0, 0], [30.0, 0, 0.01], [1.0, 0, -2.0]]
)
SEEN = torch.as_tensor(np.random.default_rng(9).random((6, 3)) < 0.7)


def test_loss_of_a_head_is_the_sum_of_its_parts():
    head = head_of(WEIGHTS)
    total = 0.0
    for i, j in zip(*np.nonzero(SEEN.numpy()), strict=True):
        logit, extra, shape, loc, scale = (float(part[i, j]) for part in head)
        n, y = int(PURCHASES[i, j]), float(VALUE[i, j])
        total -= twin_log_probability(logit, extra, shape, n)
        if n > 0 and y > 0:
            total -= lognorm.logpdf(y, scale, scale=np.exp(loc))
    found = head_loss(head, PURCHASES, VALUE, SEEN)
    assert found.shape == ()
    assert float(found) == pytest.approx(total / int(SEEN.sum()), rel=1e-12)


def test_activity_counts_once():
    """Of single purchases the loss is that of the ZILN but for the chance of no second one."""
    head, once = head_of(WEIGHTS), torch.ones(6, 3, dtype=DOUBLE)
    every = once > 0
    found = head_loss(head, once, 2 * once, every)
    single = -head.shape * torch.log1p(head.extra / head.shape)
    true = -(ziln_log_density(head.ziln, 2 * once) + single).mean()
    assert float(found) == pytest.approx(float(true), rel=1e-12)


def slope_and_loss(loss, raw, *targets):
    raw = raw.clone().requires_grad_()
    found = loss(raw, *targets)
    return found.detach(), torch.autograd.grad(found, raw)[0]


def of_head(raw, purchases, value, seen):
    return head_loss(head_of(raw), purchases, value, seen)


def of_two(raw, purchases, value, seen):
    return two_head_loss(two_head_of(raw[..., :2]), purchases > 0, value, seen)


LOSSES = pytest.mark.parametrize("loss", [of_head, of_two])


@LOSSES
@pytest.mark.parametrize("absurd", [np.nan, np.inf, -np.inf, -7.0, 1e300])
def test_what_was_not_seen_does_not_matter(loss, absurd):
    true = slope_and_loss(loss, WEIGHTS, PURCHASES, VALUE, SEEN)
    hidden = (torch.where(SEEN, t, absurd) for t in (PURCHASES, VALUE))
    found = slope_and_loss(loss, WEIGHTS, *hidden, SEEN)
    assert torch.equal(found[0], true[0])
    assert torch.equal(found[1], true[1])
    assert (found[1][~SEEN] == 0).all()
    assert (found[1][SEEN].abs().sum(dim=-1) > 0).all()


@LOSSES
def test_nobody_seen_is_no_loss(loss):
    found, slope = slope_and_loss(
        loss, WEIGHTS, PURCHASES * torch.nan, VALUE * torch.nan, SEEN & False
    )
    assert float(found) == 0
    assert (slope == 0).all()


@pytest.mark.parametrize("name", ["purchases", "value"])
def test_no_number_where_seen_is_no_number(name):
    targets = {"purchases": PURCHASES.clone(), "value": VALUE.clone()}
    i, j = np.argwhere((SEEN & (VALUE > 0)).numpy())[0]
    targets[name][i, j] = torch.nan
    assert head_loss(head_of(WEIGHTS), **targets, seen=SEEN).isnan()


def test_columns_and_rows_do_not_mix():
    head = head_of(WEIGHTS[:, 0])
    n, seen = torch.ones(6, 1, dtype=DOUBLE), torch.ones(6, 1, dtype=torch.bool)
    with pytest.raises(jaxtyping.TypeCheckError):
        head_loss(head, n, n, seen)


def test_loss_of_two_heads_is_cross_entropy_plus_squared_error():
    head = two_head_of(WEIGHTS[..., :2])
    active, seen = (PURCHASES > 0).numpy(), SEEN.numpy()
    buys = expit(head.logit.numpy())
    entropy = -np.log(np.where(active, buys, 1 - buys))[seen].mean()
    squares = ((head.mean - VALUE).numpy() ** 2)[seen].mean()
    found = two_head_loss(head, PURCHASES > 0, VALUE, SEEN)
    assert float(found) == pytest.approx(entropy + squares, rel=1e-12)
    assert float(mse_loss(head.mean, VALUE, SEEN)) == pytest.approx(squares, rel=1e-12)


DIFFERENTIABLE = {
    "head_loss": lambda raw: of_head(raw, PURCHASES, VALUE, SEEN),
    "two_head_loss": lambda raw: of_two(raw, PURCHASES, VALUE, SEEN),
    "ziln_mean": lambda raw: ziln_mean(ziln_of(raw[..., :3])).log(),
    "ziln_variance": lambda raw: ziln_variance(ziln_of(raw[..., :3])).log(),
    "ziln_cdf": lambda raw: ziln_cdf(ziln_of(raw[..., :3]), VALUE),
    "ziln_quantile": lambda raw: ziln_quantile(ziln_of(raw[..., :3]), 0.8),
    "counts_mean": lambda raw: counts_mean(counts_of(raw[..., :3])),
    "counts_active": lambda raw: counts_active(counts_of(raw[..., :3]), 0.3),
    "cumulative_buys": lambda raw: cumulative_buys(raw.sigmoid()),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradient_is_that_of_finite_differences(name):
    raw = WEIGHTS.clone().requires_grad_()
    assert torch.autograd.gradcheck(DIFFERENTIABLE[name], (raw,), rtol=1e-4, atol=1e-7)


# ---- ordered horizons

CHANCES = arrays(np.float32, (3, 5), elements=st.floats(0, 1, width=32))


@pytest.mark.parametrize("dtype", [DOUBLE, torch.float32])
@given(buys=CHANCES)
def test_chances_of_having_bought_never_decrease(dtype, buys):
    reached = cumulative_buys(tensor(buys, dtype))
    assert reached.dtype == dtype
    assert (reached.diff(dim=-1) >= 0).all()
    assert ((reached >= 0) & (reached <= 1)).all()
    eps = torch.finfo(dtype).eps
    true = 1 - np.cumprod(1 - buys.astype(np.float64), axis=-1)
    assert reached.numpy() == pytest.approx(true, abs=10 * eps)


def test_small_chances_keep_their_digits():
    small = tensor([1e-20, 2e-20, 3e-20])
    assert near(cumulative_buys(small), [1e-20, 3e-20, 6e-20], rel=1e-15)


def test_a_certain_purchase_has_a_finite_gradient():
    buys = tensor([0.5, 1.0, 0.5]).requires_grad_()
    (slope,) = torch.autograd.grad(cumulative_buys(buys).sum(), buys)
    assert slope.tolist() == [1.0, 0.75, 0.0]
