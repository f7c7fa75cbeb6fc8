"""Maximum likelihood: closed forms, ratios, bounds, what cannot be fitted, what is compiled."""

import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln

from lifeworth.engines.likelihood import HARDLY, Z95, FitError, Positive, maximise, padded

REMEDY = "take more data"
SPENT = np.random.default_rng(1).gamma(2.5, 40.0, 1_000)
COUNTS = np.random.default_rng(2).poisson(3.2, 1_000).astype(float)
WIDE = Positive(start=1.0, low=1e-6, high=1e6)


def exponential(theta, data):
    return (jnp.log(theta[0]) - theta[0] * data).sum()


def poisson(theta, data):
    return (data * jnp.log(theta[0]) - theta[0] - jax.scipy.special.gammaln(data + 1)).sum()


def gamma_of_shape_2(theta, data):
    return (2 * jnp.log(theta[0]) + jnp.log(data) - theta[0] * data).sum()


def gamma(theta, data):
    shape, rate = theta
    kernel = shape * jnp.log(rate) + (shape - 1) * jnp.log(data) - rate * data
    return (kernel - jax.scipy.special.gammaln(shape)).sum()


def inverse_gaussian(theta, data):
    mu, lam = theta
    kernel = jnp.log(lam / (2 * jnp.pi * data**3)) / 2
    return (kernel - lam * (data - mu) ** 2 / (2 * mu**2 * data)).sum()


def normal_in_the_log(theta, data):
    """Peak at the log of the median, with the standard error in the log that data names."""
    return -((jnp.log(theta[0] / data["median"]) / data["sd"]) ** 2) / 2


# ---- closed forms


@pytest.mark.parametrize(
    ("log_likelihood", "data", "value", "se", "highest"),
    [
        (
            exponential,
            SPENT,
            1 / SPENT.mean(),
            1 / SPENT.mean() / np.sqrt(1_000),
            -1_000 * (np.log(SPENT.mean()) + 1),
        ),
        (
            poisson,
            COUNTS,
            COUNTS.mean(),
            np.sqrt(COUNTS.mean() / 1_000),
            COUNTS.sum() * (np.log(COUNTS.mean()) - 1) - gammaln(COUNTS + 1).sum(),
        ),
        (
            gamma_of_shape_2,
            SPENT,
            2 / SPENT.mean(),
            2 / SPENT.mean() / np.sqrt(2_000),
            2_000 * (np.log(2 / SPENT.mean()) - 1) + np.log(SPENT).sum(),
        ),
    ],
    ids=["exponential", "poisson", "gamma of known shape"],
)
def test_one_parameter_is_that_of_the_closed_form(log_likelihood, data, value, se, highest):
    found = maximise(log_likelihood, data, {"theta": WIDE}, remedy=REMEDY)
    estimate = found.estimates["theta"]
    assert found.values() == [estimate.value] == pytest.approx([value], rel=1e-8)
    assert found.log_likelihood == pytest.approx(highest, rel=1e-12)
    assert estimate.se == pytest.approx(se, rel=1e-6)  # central differences are good to 1e-8
    assert np.log(estimate.high / estimate.value) == pytest.approx(Z95 * se / value, rel=1e-6)
    assert estimate.low * estimate.high == pytest.approx(estimate.value**2, rel=1e-12)
    assert found.notes == ()


@pytest.mark.parametrize("per", [None, "mu"])
def test_two_parameters_are_those_of_the_closed_form(per):
    """The inverse Gaussian: mu is the mean, n / lambda the sum of 1/x - 1/mu."""
    mean, n = SPENT.mean(), len(SPENT)
    lam = n / (1 / SPENT - 1 / mean).sum()
    lam_bounds = Positive(start=1.0, low=1e-6, high=1e6, per=per)
    found = maximise(inverse_gaussian, SPENT, {"mu": WIDE, "lam": lam_bounds}, remedy=REMEDY)
    assert found.values() == pytest.approx([mean, lam], rel=1e-8)
    errors = [np.sqrt(mean**3 / (n * lam)), lam * np.sqrt(2 / n)]
    assert [e.se for e in found.estimates.values()] == pytest.approx(errors, rel=1e-6)


def test_a_ratio_gives_the_same_maximum_as_the_parameter_itself():
    plain, ratio = (
        maximise(
            gamma,
            SPENT,
            {"shape": WIDE, "rate": Positive(start=1.0, low=1e-6, high=1e6, per=per)},
            remedy=REMEDY,
        )
        for per in (None, "shape")
    )
    assert ratio.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)
    for name, e in plain.estimates.items():
        other = ratio.estimates[name]
        assert other.value == pytest.approx(e.value, rel=1e-7)
        assert (other.se, other.low, other.high) == pytest.approx((e.se, e.low, e.high), rel=1e-5)


def test_start_and_bounds_of_a_ratio_are_those_of_the_ratio():
    """The rate is 0.026, a hundredth of the shape: below one bound, inside the other."""
    rate = Positive(start=1.0, low=0.5, high=2.0)
    held = maximise(gamma, SPENT, {"shape": WIDE, "rate": rate}, remedy=REMEDY)
    assert held.estimates["rate"].value == pytest.approx(0.5)
    rate = Positive(start=0.02, low=0.005, high=0.025, per="shape")
    free = maximise(gamma, SPENT, {"shape": WIDE, "rate": rate}, remedy=REMEDY)
    shape, found = free.values()
    assert found / shape == pytest.approx(1 / SPENT.mean(), rel=1e-7)


def test_many_customers_cost_no_digits():
    """100 times the data: the same estimate, a tenth of the standard error."""
    one, many = (
        maximise(exponential, np.tile(SPENT, k), {"theta": WIDE}, remedy=REMEDY).estimates["theta"]
        for k in (1, 100)
    )
    assert many.value == pytest.approx(one.value, rel=1e-8)
    assert many.se == pytest.approx(one.se / 10, rel=1e-6)


# ---- bounds, and what the data leave open


@pytest.mark.parametrize(
    ("median", "bound", "told"),
    [
        (1e-9, 0.01, "theta ran to its lower bound 0.01: nobody comes back; take more data"),
        (1e9, 50.0, "theta ran to its upper bound 50: everybody comes back; take more data"),
    ],
)
def test_a_run_to_a_bound_is_noted_with_what_it_means_and_the_remedy(median, bound, told):
    theta = Positive(
        start=1.0, low=0.01, high=50.0, ran_low="nobody comes back", ran_high="everybody comes back"
    )
    data = {"median": median, "sd": 1.0}
    found = maximise(normal_in_the_log, data, {"theta": theta}, remedy=REMEDY)
    assert found.notes == (told,)
    e = found.estimates["theta"]
    assert e.value == pytest.approx(bound)
    assert np.isnan([e.se, e.low, e.high]).all()


def test_a_ratio_that_runs_is_named_as_a_ratio():
    rate = Positive(start=0.1, low=0.05, high=2.0, per="shape")
    found = maximise(gamma, SPENT, {"shape": WIDE, "rate": rate}, remedy=REMEDY)
    shape, held = found.values()
    assert held == pytest.approx(0.05 * shape)
    assert found.notes[0] == (
        "rate/shape ran to its lower bound 0.05: the data do not bound it from below; "
        "take more data"
    )
    errors = [e.se / e.value for e in found.estimates.values()]
    assert errors[0] == pytest.approx(errors[1])  # one is a multiple of the other
    assert errors[0] > 0


@pytest.mark.parametrize(("sd", "open_"), [(HARDLY * 1.01, True), (HARDLY * 0.99, False)])
def test_what_is_hardly_determined_is_noted_with_its_interval(sd, open_):
    data = {"median": 3.0, "sd": sd}
    found = maximise(normal_in_the_log, data, {"theta": WIDE}, remedy=REMEDY)
    e = found.estimates["theta"]
    assert e.value == pytest.approx(3.0, rel=1e-8)
    assert (e.low, e.high) == pytest.approx([3 * np.exp(z * Z95 * sd) for z in (-1, 1)], rel=1e-5)
    told = (
        f"theta is hardly determined by the data, it may be {e.low:.2g} or {e.high:.2g}; "
        "take more data"
    )
    assert found.notes == ((told,) if open_ else ())


def test_a_flat_likelihood_stays_where_it_starts_and_says_so():
    found = maximise(lambda theta, data: 0 * theta[0] * data, 1.0, {"theta": WIDE}, remedy=REMEDY)
    assert found.values() == [1.0]
    assert found.notes[0].startswith("theta is hardly determined by the data")


def test_what_is_open_because_of_a_run_to_a_bound_is_not_said_twice():
    """Only b / a matters, and it runs away: nothing is said of a; but c is open by itself."""
    high = Positive(start=1.0, low=0.1, high=9.0, per="a")
    found = maximise(
        lambda theta, data: data * jnp.log(theta[1] / theta[0]),
        1.0,
        {"a": WIDE, "b": high, "c": WIDE},
        remedy=REMEDY,
    )
    ran, left = found.notes
    assert ran.startswith("b/a ran to its upper bound 9: ")
    assert left.startswith("c is hardly determined by the data")


# ---- what cannot be fitted


def test_a_likelihood_that_is_not_finite_at_the_start_is_refused():
    parameters = {"a": Positive(start=0.25, low=0.1, high=9.0), "b": WIDE}
    with pytest.raises(FitError) as error:
        maximise(lambda th, data: jnp.log(th[0] - data) + th[1], 1.0, parameters, remedy=REMEDY)
    assert str(error.value) == (
        "fit: the log-likelihood is not finite at a = 0.25, b = 1; take more data"
    )


@pytest.mark.parametrize(
    "no_maximum",
    [
        lambda theta, data: jnp.log(theta[0]) ** 2 * data,  # starts in a trough
        lambda theta, data: -jnp.abs(jnp.log(theta[0]) - 0.7182) * data,  # a kink has no curvature
    ],
    ids=["trough", "kink"],
)
def test_where_no_maximum_is_found_the_fit_is_refused(no_maximum):
    with pytest.raises(FitError) as error:
        maximise(no_maximum, 1.0, {"theta": WIDE}, remedy=REMEDY)
    assert str(error.value).startswith("fit: no maximum after ")
    assert ", at theta = " in str(error.value)
    assert str(error.value).endswith("; take more data")


# ---- lengths, precision, compilation

SIZES = sorted(
    {int(n) for n in np.geomspace(1, 100_000, 1_500)}
    | {2**k + d for k in range(6, 17) for d in (-1, 0, 1)}
)


def test_padding_adds_a_quarter_at_most():
    lengths = {n: len(padded(np.zeros(n), 0.0)) for n in SIZES}
    assert all(n <= length <= max(64, 1.25 * n) for n, length in lengths.items())


def test_padding_leads_to_few_lengths():
    """At most four in every doubling, eleven doublings from 64 to 100,000."""
    lengths = {len(padded(np.zeros(n), 0.0)) for n in SIZES}
    assert len(lengths) <= 4 * 11 + 1


def test_padding_keeps_the_column_and_fills_the_rest():
    found = padded(np.arange(70.0), -3.0)
    assert (found[:70] == np.arange(70.0)).all()
    assert len(found) > 70
    assert (found[70:] == -3.0).all()


def test_fits_are_float64_with_no_set_up_and_leave_none_behind():
    """In a process of its own, where nothing has asked for float64."""
    code = """
        import jax, jax.numpy as jnp, numpy as np
        from lifeworth.engines.likelihood import Positive, maximise

        kinds = []
        def log_likelihood(theta, data):
            kinds.append((theta.dtype.name, data.dtype.name))
            return (jnp.log(theta[0]) - theta[0] * data).sum()

        data = np.random.default_rng(1).gamma(2.5, 40.0, 1_000)
        theta = {"theta": Positive(start=1.0, low=1e-6, high=1e6)}
        found = maximise(log_likelihood, data, theta, remedy="")
        print(*sorted(set(kinds)), jax.config.jax_enable_x64, repr(found.values()[0]))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    said, _, value = run.stdout.strip().rpartition(" ")
    assert said == "('float64', 'float64') False"
    assert float(value) == pytest.approx(1 / SPENT.mean(), rel=1e-8)


def test_the_same_function_is_compiled_once_for_data_of_one_length():
    traced = []

    def log_likelihood(theta, data):
        traced.append(data.shape)
        return exponential(theta, data)

    for part in (SPENT[:100], SPENT[100:200], SPENT[200:300]):
        for start in (0.5, 2.0):
            theta = Positive(start=start, low=1e-6, high=1e6)
            found = maximise(log_likelihood, part, {"theta": theta}, remedy=REMEDY)
            assert found.values() == pytest.approx([1 / part.mean()], rel=1e-8)
    assert traced == [(100,)]
    maximise(log_likelihood, SPENT, {"theta": WIDE}, remedy=REMEDY)
    assert traced == [(100,), (1_000,)]
