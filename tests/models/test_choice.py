"""The conditional logit: by hand, by finite differences, recovered from simulated choices."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize

from lifeworth.models.choice import Choices, chances, fit, information, log_likelihood, yes_or_no


def simulated(seed: int, questions: int, beta: np.ndarray) -> Choices:
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 8, questions)
    start = np.append(0, np.cumsum(size))
    x = rng.normal(size=(start[-1], len(beta))) * [1.0, 5.0, 0.2][: len(beta)]
    p = chances(x @ beta, start)
    drawn = [rng.choice(n, p=p[a : a + n]) for a, n in zip(start[:-1], size, strict=True)]
    return Choices(x, start, start[:-1] + np.array(drawn))


def test_chances_are_softmax_by_question_and_do_not_overflow() -> None:
    utility = np.array([0.0, np.log(3.0), 1_000.0, 1_000.0])
    np.testing.assert_allclose(chances(utility, np.array([0, 2, 4])), [0.25, 0.75, 0.5, 0.5])


def test_gradient_and_information_are_derivatives() -> None:
    of, beta = simulated(1, 40, np.array([0.5, -0.2])), np.array([0.3, 0.1])
    slope = approx_fprime(beta, lambda b: log_likelihood(b, of)[0], 1e-7)
    np.testing.assert_allclose(log_likelihood(beta, of)[1], slope, rtol=1e-4)
    curve = [approx_fprime(beta, lambda b, i=i: log_likelihood(b, of)[1][i], 1e-7) for i in (0, 1)]
    np.testing.assert_allclose(information(beta, of), -np.array(curve), rtol=1e-4)


def test_weights_are_recovered() -> None:
    """Inside the 99 % interval; features differ 25-fold in scale."""
    truth = np.array([1.0, -0.2, 4.0])
    found = fit(simulated(2, 3_000, truth), penalty=0.0)
    assert (np.abs(found.beta - truth) < 2.58 * found.error).all()
    assert (found.error / np.abs(truth) < 0.1).all()


def test_a_constant_feature_has_no_weight_and_a_penalty_shrinks() -> None:
    of = simulated(3, 200, np.array([1.0, -0.2]))
    with_one = of._replace(x=np.column_stack([of.x, np.ones(len(of.x))]))
    assert fit(with_one, penalty=1e-6).beta[2] == pytest.approx(0)
    assert np.abs(fit(of, 1_000.0).beta).sum() < np.abs(fit(of, 0.0).beta).sum() / 2


def test_logistic_weights_are_those_of_a_general_optimiser() -> None:
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(800), rng.normal(size=(800, 2))])
    y = (rng.random(800) < 1 / (1 + np.exp(-x @ [-1.0, 0.7, -0.4]))).astype(float)
    found = fit(yes_or_no(x, y > 0), penalty=0.0)

    def loss(beta: np.ndarray) -> float:
        return float(np.logaddexp(0, x @ beta).sum() - y @ (x @ beta))

    twin = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-6})
    np.testing.assert_allclose(found.beta, twin.x, atol=1e-4)
    assert found.log_likelihood == pytest.approx(-twin.fun, abs=1e-6)
    # errors from the curvature of the loss, by differences
    h, n = 1e-4, len(found.beta)
    unit = np.eye(n) * h
    curve = [
        [
            (
                loss(found.beta + a + b)
                - loss(found.beta + a - b)
                - loss(found.beta - a + b)
                + loss(found.beta - a - b)
            )
            / (4 * h * h)
            for a in unit
        ]
        for b in unit
    ]
    np.testing.assert_allclose(found.error, np.sqrt(np.diag(np.linalg.inv(curve))), rtol=1e-3)


def test_what_is_told_apart_wholly_keeps_finite_weights() -> None:
    x = np.column_stack([np.ones(20), np.r_[np.zeros(10), np.ones(10)]])
    found = fit(yes_or_no(x, np.arange(20) >= 10), penalty=1e-3)
    assert np.isfinite(found.beta).all()
    assert np.isfinite(found.error).all()
