"""What the heads of the networks say, as pure functions over torch tensors of any float precision.

raw        outputs of a network, of any size; only the functions *_of bound them
logit      log odds of at least one purchase in the interval; buys is its probability
loc, scale mean and standard deviation of the log of the value of those who buy
y          value; 0 without a purchase
N, n       purchases: none, or 1 + a negative binomial of mean `extra` and shape `shape`
G(s)       E[s^N | N > 0]

Parameters have the shape of the customers and intervals that they describe; other arguments
broadcast against it.

Wang, Liu and Miao (2019), A Deep Probabilistic Model for Customer Lifetime Value Prediction,
arXiv 1912.07753: the zero-inflated log-normal (ZILN).
"""

import itertools
import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

LOGIT = 15.0
LOC = 20.0
"""Bounds of logit and loc on either side of 0."""

SCALE = (0.02, 2.5)
EXTRA = (1e-4, 1e3)
SHAPE = (0.05, 200.0)
"""Bounds of scale, extra and shape."""

SATURATED = 15.0
"""Raw scale beyond which the bounds are reached to seven digits."""

LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)


class Ziln(NamedTuple):
    """Value of an interval: 0, or log-normal; the fields have one shape."""

    logit: Float[Tensor, "..."]
    loc: Float[Tensor, "..."]
    scale: Float[Tensor, "..."]

    @property
    def buys(self) -> Float[Tensor, "..."]:
        """P(y > 0)."""
        return self.logit.sigmoid()


class Counts(NamedTuple):
    """Purchases of an interval: none, or 1 + negative binomial; the fields have one shape."""

    logit: Float[Tensor, "..."]
    extra: Float[Tensor, "..."]
    shape: Float[Tensor, "..."]

    @property
    def buys(self) -> Float[Tensor, "..."]:
        """P(N > 0)."""
        return self.logit.sigmoid()


class Head(NamedTuple):
    """Purchases and value of an interval, which share the chance of buying."""

    logit: Float[Tensor, "..."]
    extra: Float[Tensor, "..."]
    shape: Float[Tensor, "..."]
    loc: Float[Tensor, "..."]
    scale: Float[Tensor, "..."]

    @property
    def ziln(self) -> Ziln:
        """The distribution of value."""
        return Ziln(self.logit, self.loc, self.scale)

    @property
    def counts(self) -> Counts:
        """The distribution of purchases."""
        return Counts(self.logit, self.extra, self.shape)


class TwoHead(NamedTuple):
    """The baseline of churn and value: log odds of buying, and the expected value."""

    logit: Float[Tensor, "..."]
    mean: Float[Tensor, "..."]


# ---- from the outputs of a network


def ziln_of(raw: Float[Tensor, "*shape 3"]) -> Ziln:
    """Bound the outputs for logit, loc and scale, so that mean and variance fit into float32."""
    logit, loc, scale = raw.unbind(-1)
    return Ziln(_logit(logit), loc.clamp(-LOC, LOC), _scale(scale))


def counts_of(raw: Float[Tensor, "*shape 3"]) -> Counts:
    """Bound the outputs for logit, log(extra) and log(shape)."""
    logit, extra, shape = raw.unbind(-1)
    return Counts(_logit(logit), _within(extra, EXTRA), _within(shape, SHAPE))


def head_of(raw: Float[Tensor, "*shape 5"]) -> Head:
    """Bound the outputs for logit, log(extra), log(shape), loc and scale."""
    logit, extra, shape, loc, scale = raw.unbind(-1)
    return Head(
        _logit(logit),
        _within(extra, EXTRA),
        _within(shape, SHAPE),
        loc.clamp(-LOC, LOC),
        _scale(scale),
    )


def two_head_of(raw: Float[Tensor, "*shape 2"]) -> TwoHead:
    """Bound the output for logit; that for the mean is the mean."""
    logit, mean = raw.unbind(-1)
    return TwoHead(_logit(logit), mean)


def _logit(raw: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    return raw.clamp(-LOGIT, LOGIT)


def _scale(raw: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return a softplus that levels off at both bounds, with a slope that brings it back."""
    low, high = SCALE
    raw = raw.clamp(-SATURATED, SATURATED)  # the difference of two large numbers has no digits
    return low + softplus(raw) - softplus(raw - (high - low))


def _within(raw: Float[Tensor, "*shape"], ends: tuple[float, float]) -> Float[Tensor, "*shape"]:
    low, high = ends
    return raw.clamp(math.log(low), math.log(high)).exp()


# ---- value


def ziln_log_density(z: Ziln, y: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return log P(0) at y = 0 and the log density at y > 0."""
    sold = y > 0
    density = logsigmoid(z.logit) + _log_normal(z.loc, z.scale, torch.where(sold, y, 1.0))
    return torch.where(sold, density, logsigmoid(-z.logit))


def _log_normal(
    loc: Float[Tensor, "..."], scale: Float[Tensor, "..."], y: Float[Tensor, "..."]
) -> Float[Tensor, "..."]:
    log_y = y.log()
    return -0.5 * ((log_y - loc) / scale) ** 2 - scale.log() - log_y - LOG_ROOT_2PI


def ziln_mean(z: Ziln) -> Float[Tensor, "..."]:
    """Return E[y]."""
    return z.buys * (z.loc + 0.5 * z.scale**2).exp()


def ziln_variance(z: Ziln) -> Float[Tensor, "..."]:
    """Return Var[y]."""
    squared = (2.0 * z.loc + z.scale**2).exp()
    return z.buys * squared * ((z.scale**2).expm1() + (-z.logit).sigmoid())


def ziln_cdf(z: Ziln, y: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return P(value <= y); 0 at y < 0."""
    sold = y > 0
    u = (torch.where(sold, y, 1.0).log() - z.loc) / z.scale
    below = (-z.logit).sigmoid() + z.buys * torch.where(sold, torch.special.ndtr(u), 0.0)
    return torch.where(y < 0, 0.0, below)


def ziln_quantile(z: Ziln, level: float | Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return the least y >= 0 with P(value <= y) >= level; 0 at levels up to P(0), inf at 1."""
    above = (1.0 - level) / z.buys  # from above: the upper levels keep their digits
    sold = above < 1
    u = -torch.special.ndtri(torch.where(sold, above, 0.5))
    return torch.where(sold, (z.loc + z.scale * u).exp(), 0.0)


def ziln_sample(z: Ziln, draws: int, generator: torch.Generator) -> Float[Tensor, "{draws} ..."]:
    """Draw values; the generator is on the device of `z`."""
    u, normal = (z.logit.new_empty((draws, *z.logit.shape)) for _ in range(2))
    sold = u.uniform_(generator=generator) < z.buys
    y = (z.loc + z.scale * normal.normal_(generator=generator)).exp()
    return torch.where(sold, y, 0.0)


# ---- purchases


def counts_log_probability(c: Counts, n: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return log P(N = n) of whole n >= 0; NaN where n is."""
    k = (n - 1.0).clamp(min=0.0)
    binomial = (k + c.shape).lgamma() - c.shape.lgamma() - (k + 1.0).lgamma()
    stops = -c.shape * (c.extra / c.shape).log1p()
    goes_on = -k * (c.shape / c.extra).log1p()
    bought = logsigmoid(c.logit) + binomial + stops + goes_on
    return torch.where(n == 0, logsigmoid(-c.logit), bought)


def counts_mean(c: Counts) -> Float[Tensor, "..."]:
    """Return E[N]."""
    return c.buys * (1.0 + c.extra)


def counts_active(c: Counts, part: float | Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return the chance of a purchase in the first `part` (0 to 1) of the interval.

    If each purchase falls anywhere in it: P(N > 0) (1 - G(1 - part)), where
    G(s) = s (1 + (1 - s) extra / shape)^(-shape).
    """
    growth = c.shape * (part * c.extra / c.shape).log1p()
    return c.buys * (part - (1.0 - part) * (-growth).expm1())


def counts_sample(
    c: Counts, draws: int, generator: torch.Generator
) -> Float[Tensor, "{draws} ..."]:
    """Draw purchases; the generator is on the device of `c`."""
    u = c.logit.new_empty((draws, *c.logit.shape)).uniform_(generator=generator)
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    extra, shape = (part.detach().double().cpu().numpy() for part in (c.extra, c.shape))
    # by NumPy: torch has no gamma, and so no negative binomial, that takes a generator
    rng = np.random.default_rng(int(seed))
    more = torch.as_tensor(rng.negative_binomial(shape, shape / (shape + extra), size=u.shape))
    return torch.where(u < c.buys, 1.0 + more.to(u), 0.0)


# ---- losses


def head_loss(
    head: Head,
    purchases: Float[Tensor, "*shape"],
    value: Float[Tensor, "*shape"],
    seen: Bool[Tensor, "*shape"],
) -> Float[Tensor, ""]:
    """Return the mean of -log P(purchases, value) over the intervals that were observed.

    The chance of buying counts once. A buyer without value (returned orders) says nothing about the
    value. What stands in intervals not `seen` does not matter; 0 if none is seen. NaN in one that
    is seen makes the loss NaN.
    """
    n, y = (torch.where(seen, target, 0.0) for target in (purchases, value))
    sold = (n > 0) & ~(y <= 0)
    worth = _log_normal(head.loc, head.scale, torch.where(sold, y, 1.0))
    each = counts_log_probability(head.counts, n) + torch.where(sold, worth, 0.0)
    return -_mean(each, seen)


def two_head_loss(
    head: TwoHead,
    active: Bool[Tensor, "*shape"],
    value: Float[Tensor, "*shape"],
    seen: Bool[Tensor, "*shape"],
) -> Float[Tensor, ""]:
    """Return the binary cross-entropy of activity plus the squared error of value, as means.

    Over the intervals that were observed; 0 if none is.
    """
    each = torch.where(active, logsigmoid(head.logit), logsigmoid(-head.logit))
    return mse_loss(head.mean, value, seen) - _mean(each, seen)


def mse_loss(
    mean: Float[Tensor, "*shape"], value: Float[Tensor, "*shape"], seen: Bool[Tensor, "*shape"]
) -> Float[Tensor, ""]:
    """Return the mean squared error over the intervals that were observed; 0 if none is."""
    return _mean((torch.where(seen, value, mean) - mean) ** 2, seen)


def _mean(each: Float[Tensor, "*shape"], seen: Bool[Tensor, "*shape"]) -> Float[Tensor, ""]:
    return torch.where(seen, each, 0.0).sum() / seen.sum().clamp(min=1)


# ---- ordered horizons


def cumulative_buys(
    buys: Float[Tensor, "*shape intervals"],
) -> Float[Tensor, "*shape intervals"]:
    """Return the chance of a purchase up to the end of each interval; it never decreases.

    1 - prod(1 - buys) as a sum of what each interval adds: that has no pole at buys = 1, loses no
    digits of small chances, and rounding cannot make a later one smaller.
    """
    reached = itertools.accumulate(buys.unbind(-1), lambda so_far, b: so_far + (1 - so_far) * b)
    return torch.stack(list(reached), dim=-1)
