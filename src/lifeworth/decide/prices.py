"""Shadow prices of a budget and of caps and minimums of arms, by Newton on a smoothed dual.

At prices lambda of the budget and p of the arms a customer is worth max(0, max_j v_j - lambda c_j
- p_j), and lambda B + sum_j (p_j K_j if p_j > 0 else p_j m_j) plus the sum of these is an upper
bound of every assignment (weak duality): B the budget, K the caps, m the minimums. The smoothed
dual has t log(1 + sum_j exp(. / t)) instead of the maximum (Nesterov 2005); its slope is what soft
choices leave of the limits, its curvature their covariance, and t falls in steps.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from lifeworth.decide.classes import Classes, Room

Theta = Float[np.ndarray, " prices"]
"""The price of the budget, then of every arm: a cap's if positive, a minimum's if negative."""

TEMPERATURES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
"""Of the smoothing, in units of the mean value of the best arm."""

FINEST = 2
"""Temperatures taken with all customers, the last ones; the others with a sample."""

SAMPLE = 100_000
"""Classes of the sample; prices are means over customers, which a sample tells well."""

STEPS = 12
"""Newton steps at one temperature, at most."""

PAIR = 1e-15
"""What the score of a pair may be off by, in parts of what it is a difference of."""

SUM = 2e-12
"""What a sum of millions may be off by, in parts of it."""


class Point(NamedTuple):
    """The smoothed dual at some prices: what it is, what is used, and its curvature."""

    dual: float
    used: Theta
    curvature: Float[np.ndarray, "prices prices"]


def smoothed(classes: Classes, room: Room) -> Theta:
    """Return prices that make the smoothed dual of the last temperature least."""
    theta = np.zeros(len(room.caps) + 1)
    theta[0] = 0.5
    small, less = _sample(classes, room)
    whole = len(small.weight) == len(classes.weight)
    for temperature in TEMPERATURES if whole else TEMPERATURES[:-1]:
        theta = _newton(small, less, theta, temperature)
    for temperature in () if whole else TEMPERATURES[-FINEST:]:
        theta = _newton(classes, room, theta, temperature)
    return theta


def upper_bound(classes: Classes, room: Room, theta: Theta) -> float:
    """Return a number that no assignment within `room` is worth more than.

    The dual at `theta`, and on top of it what rounding may have taken.
    """
    p = theta[1:, None]
    dual, size = _linear(room, theta), theta[0] * abs(room.budget)
    size += float(np.abs(theta[1:]) @ np.maximum(room.caps, room.minimums))
    for block in classes.blocks():
        cost = theta[0] * classes.cost[:, block]
        scores = classes.value[:, block] - cost - p
        scores += PAIR * (2.0 * np.abs(cost) + 2.0 * np.abs(p) + np.maximum(scores, 0.0))
        worth = float(classes.weight[block] @ scores.max(axis=0, initial=0.0))
        dual, size = dual + worth, size + worth
    return float(dual + SUM * size)


def _sample(classes: Classes, room: Room) -> tuple[Classes, Room]:
    """Return the first classes; their order comes from a hash, and so says nothing of them."""
    if len(classes.weight) <= 2 * SAMPLE:
        return classes, room
    weight = classes.weight[:SAMPLE]
    part = weight.sum() / classes.weight.sum()
    few = Classes(classes.value[:, :SAMPLE], classes.cost[:, :SAMPLE], weight, classes.member[:0])
    return few, Room(part * room.budget, part * room.caps, part * room.minimums)


def _newton(classes: Classes, room: Room, theta: Theta, temperature: float) -> Theta:
    at = _point(classes, room, theta, temperature)
    for _ in range(STEPS):
        limit, free = _active(room, theta, at.used)
        slope = np.where(free, limit - at.used, 0.0)
        if np.all(np.abs(slope) <= 1e-7 * np.maximum(np.abs(limit), 1.0)):
            break
        direction = _direction(at.curvature, slope, free)
        direction /= max(1.0, float(np.max(np.abs(direction) / (2.0 + 2.0 * np.abs(theta)))))
        further = _search(classes, room, (theta, slope, direction), (temperature, at.dual))
        if further is None:
            break
        before, (theta, at) = at.dual, further
        if before - at.dual <= 1e-12 * abs(before):
            break
    return theta


def _search(
    classes: Classes,
    room: Room,
    line: tuple[Theta, Theta, Theta],
    now: tuple[float, float],
) -> tuple[Theta, Point] | None:
    """Return where the dual has fallen enough along a line, bent at the bounds of prices."""
    theta, slope, direction = line
    temperature, dual = now
    for power in range(12):
        there = _inside(theta, theta + 0.4**power * direction, slope)
        at = _point(classes, room, there, temperature)
        if at.dual <= dual + 1e-4 * float(slope @ (there - theta)):
            return there, at
    return None


def _active(room: Room, theta: Theta, used: Theta) -> tuple[Theta, Bool[np.ndarray, " prices"]]:
    """Return the limit that each price is for, and which prices may move."""
    p, n = theta[1:], used[1:]
    cap = (p > 0) | ((p == 0) & (n > room.caps))
    minimum = (p < 0) | ((p == 0) & (n < room.minimums))
    limit = np.concatenate(([room.budget], np.where(cap, room.caps, room.minimums)))
    spending = theta[0] > 0 or used[0] > room.budget
    return limit, np.concatenate(([spending], cap | minimum))


def _inside(old: Theta, new: Theta, slope: Theta) -> Theta:
    """Return `new` with no price past 0: there another limit begins, with another slope."""
    low = np.where((old > 0) | ((old == 0) & (slope < 0)), 0.0, -np.inf)
    high = np.where((old < 0) | ((old == 0) & (slope > 0)), 0.0, np.inf)
    low[0], high[0] = 0.0, np.inf
    return np.clip(new, low, high)


def _direction(
    curvature: Float[np.ndarray, "prices prices"], slope: Theta, free: Bool[np.ndarray, " prices"]
) -> Theta:
    direction, which = np.zeros(len(slope)), np.flatnonzero(free)
    among = curvature[np.ix_(which, which)]
    # Where no customer is near a threshold there is no curvature; the step is cut to size later.
    ridge = np.diag(1e-10 * np.diag(among) + 1e-12 * (1.0 + np.trace(among)))
    direction[which] = -np.linalg.solve(among + ridge, slope[which])
    return direction


def _linear(room: Room, theta: Theta) -> float:
    limit = np.where(theta[1:] > 0, room.caps, room.minimums)
    return float(theta[0] * room.budget + theta[1:] @ limit)


def _point(classes: Classes, room: Room, theta: Theta, t: float) -> Point:
    arms, dual = len(theta) - 1, _linear(room, theta)
    used, curvature = np.zeros(arms + 1), np.zeros((arms + 1, arms + 1))
    for block in classes.blocks():
        cost, weight = classes.cost[:, block], classes.weight[block]
        x = classes.value[:, block] - theta[0] * cost
        x -= theta[1:, None]
        x /= t
        most = x.max(axis=0, initial=0.0)
        x -= most
        np.exp(x, out=x)
        total = x.sum(axis=0) + np.exp(-most)
        x /= total
        dual += t * float(weight @ (most + np.log(total)))
        spent = cost * x
        each, wx = spent.sum(axis=0), weight * x
        used[0] += weight @ each
        used[1:] += wx.sum(axis=1)
        curvature[0, 0] += weight @ ((cost * spent).sum(axis=0) - each * each)
        curvature[0, 1:] += spent @ weight - wx @ each
        curvature[1:, 1:] -= wx @ x.T
    curvature[1:, 0] = curvature[0, 1:]
    curvature[1:, 1:] += np.diag(used[1:])
    return Point(dual, used, curvature / t)
