"""Logistic regression, plain: chances of yes or no from a few features.

X     features, a row for each question
y     1 for yes, 0 for no
beta  weights; yes has the chance 1 / (1 + exp(-x beta))
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

Features = Float[np.ndarray, "questions features"]
Answers = Float[np.ndarray, " questions"]
Weights = Float[np.ndarray, " features"]

STEPS = 100
"""Newton steps at most; fewer than ten are usual."""

CLOSE = 1e-10
"""A step that changes the log-likelihood by less, as a share, is the last."""


class Fit(NamedTuple):
    """Weights, their standard errors, and the log-likelihood."""

    beta: Weights
    error: Weights
    log_likelihood: float


def log_likelihood(beta: Weights, x: Features, y: Answers) -> float:
    """Return the log-likelihood."""
    u = x @ beta
    return float((y * u - np.logaddexp(0.0, u)).sum())


def fit(x: Features, y: Answers, ridge: float = 1e-3) -> Fit:
    """Return the likeliest weights by Newton's method, halving steps that overshoot.

    `ridge` |beta|^2 / 2 is taken from the log-likelihood: it matters only where the features tell
    all yes from all no, and keeps weights finite there.
    """
    beta = np.zeros(x.shape[1])
    value = log_likelihood(beta, x, y)
    for _ in range(STEPS):
        p = special.expit(x @ beta)
        slope = x.T @ (y - p) - ridge * beta
        step = np.linalg.solve(_information(x, p, ridge), slope)
        while True:
            told = log_likelihood(beta + step, x, y)
            gain = told - value - ridge * float(step @ (beta + step / 2))
            if gain >= 0 or np.abs(step).max() < 1e-12:
                break
            step = step / 2
        beta, value = beta + step, told
        if gain <= CLOSE * abs(value):
            break
    inverse = np.linalg.inv(_information(x, special.expit(x @ beta), ridge))
    return Fit(beta, np.sqrt(np.diag(inverse)), value)


def _information(x: Features, p: Answers, ridge: float) -> Float[np.ndarray, "features features"]:
    return x.T @ (x * (p * (1 - p))[:, None]) + ridge * np.eye(x.shape[1])
