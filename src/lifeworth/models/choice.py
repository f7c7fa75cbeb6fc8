"""The conditional logit: which of several candidates is chosen (McFadden 1974).

X      features of all candidates, question by question
start  first candidate of each question, and at the end their number
y      the row of the candidate that was chosen, of each question
beta   weights; of question q, candidate i is chosen with chance exp(x_i beta) / sum_j exp(x_j beta)
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize

Features = Float[np.ndarray, "candidates features"]
Weights = Float[np.ndarray, " features"]
Numbers = Int[np.ndarray, " _"]


class Choices(NamedTuple):
    """Questions with one chosen candidate each; every question has a candidate."""

    x: Features
    start: Numbers
    y: Numbers


class Fit(NamedTuple):
    """Weights, their standard errors, and the log-likelihood without the penalty."""

    beta: Weights
    error: Weights
    log_likelihood: float


def chances(utility: Float[np.ndarray, " candidates"], start: Numbers) -> np.ndarray:
    """Return the chance of each candidate among those of its question."""
    size = np.diff(start)
    top = np.repeat(np.maximum.reduceat(utility, start[:-1]), size)
    raised = np.exp(utility - top)
    return raised / np.repeat(np.add.reduceat(raised, start[:-1]), size)


def yes_or_no(x: Features, yes: Bool[np.ndarray, " questions"]) -> Choices:
    """Return answers to questions of a row each: no is the candidate whose features are 0.

    The chance of yes is then 1 / (1 + exp(-x beta)): logistic regression.
    """
    start = np.arange(0, 2 * len(x) + 1, 2)
    both = np.zeros((2 * len(x), x.shape[1]))
    both[::2] = x
    return Choices(both, start, start[:-1] + ~yes)


def log_likelihood(beta: Weights, of: Choices) -> tuple[float, Weights]:
    """Return the log-likelihood and its gradient."""
    p = chances(of.x @ beta, of.start)
    value = float(np.log(np.maximum(p[of.y], 1e-300)).sum())
    return value, of.x[of.y].sum(axis=0) - p @ of.x


def information(beta: Weights, of: Choices) -> Float[np.ndarray, "features features"]:
    """Return the negative Hessian: the sum over questions of the covariance of features."""
    p = chances(of.x @ beta, of.start)
    weighted = of.x * p[:, None]
    mean = np.add.reduceat(weighted, of.start[:-1], axis=0)
    return of.x.T @ weighted - mean.T @ mean


def fit(of: Choices, penalty: float) -> Fit:
    """Return the weights of the greatest log-likelihood less penalty |beta|^2 / 2, from 0.

    Features are scaled to a standard deviation of 1 first; a constant one gets a weight of 0.
    """
    scale = of.x.std(axis=0)
    scale[scale < 1e-12] = np.inf
    scaled = Choices(of.x / scale, of.start, of.y)

    def loss(beta: Weights) -> tuple[float, Weights]:
        value, slope = log_likelihood(beta, scaled)
        return penalty * float(beta @ beta) / 2 - value, penalty * beta - slope

    found = minimize(loss, np.zeros(of.x.shape[1]), jac=True, method="L-BFGS-B")
    hessian = information(found.x, scaled) + penalty * np.eye(len(found.x))
    error = np.sqrt(np.diag(np.linalg.inv(hessian)))
    return Fit(found.x / scale, error / scale, log_likelihood(found.x, scaled)[0])
