"""Calibrated intervals hold what they should of customers like those they were calibrated on."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from lifeworth.models.core import QUANTILES, Forecast
from lifeworth.models.deep.conformal import PAIRS, widened, widths

LEVELS = np.array(list(QUANTILES.values()))
CUSTOMERS = 2_000
UNIT = 250.0


def forecast_of(levels):
    """Return a forecast of these quantiles, in cents."""
    frame = pd.DataFrame(dict(zip(QUANTILES, levels, strict=True)))
    frame.insert(0, "as_of", dt.date(2024, 1, 1))
    return Forecast(frame=frame, tracking=pd.DataFrame(), draws=lambda rows: rows)


def sample(rng, spread):
    """Return quantiles that take the logs of value to vary `spread` times as much as they do."""
    loc = rng.normal(1.0, 0.7, CUSTOMERS)
    normal = np.array([-1.6448536, -0.6744898, 0.0, 0.6744898, 1.6448536])[:, None]
    found = np.exp(loc + spread * 0.6 * normal)
    return found, np.exp(loc + 0.6 * rng.standard_normal(CUSTOMERS))


def held(levels, value):
    return {
        level: ((levels[low] <= value) & (value <= levels[high])).mean()
        for low, high, level in PAIRS
    }


@pytest.mark.parametrize("spread", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_what_they_say_whether_they_were_too_narrow_or_too_wide(spread, seed):
    """Within five standard errors of calibration and of test, both binomial; before, far off."""
    rng = np.random.default_rng(seed)
    added = widths(*sample(rng, spread))
    found, value = sample(rng, spread)
    made = widened(forecast_of(found * UNIT), added, UNIT).frame[list(QUANTILES)].to_numpy().T
    for level, share in held(made / UNIT, value).items():
        se = np.sqrt(2 * level * (1 - level) / CUSTOMERS)
        assert abs(share - level) < 5 * se
        assert (abs(held(found, value)[level] - level) < 5 * se) == (spread == 1.0)
    assert (np.sign(added) == np.sign(1.0 - spread)).all() or spread == 1.0


def test_the_width_is_the_ranked_residual():
    """Of 9 customers the 9th (90 % of 10) and the 5th (50 % of 10), counted by hand."""
    found = np.tile(np.expm1([[1.0], [2.0], [3.0], [4.0], [5.0]]), 9)
    value = np.expm1(np.linspace(5.1, 5.9, 9))
    assert widths(found, value) == pytest.approx([0.9, 1.5])
    assert widths(found[:, :1], value[:1]) == pytest.approx([0.1, 1.1])  # the largest there is


def test_widening_moves_both_ends_on_the_log_scale_and_leaves_the_middle():
    levels = np.expm1(np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]))
    made = widened(forecast_of(levels * UNIT), np.array([0.5, 0.25]), UNIT).frame
    logs = np.log1p(made[list(QUANTILES)].to_numpy()[0] / UNIT)
    assert logs == pytest.approx([0.5, 1.75, 3.0, 4.25, 5.5])


@pytest.mark.parametrize("added", [[0.0, 5.0], [5.0, 0.0], [-5.0, 0.0], [0.0, -5.0], [-9.0, -9.0]])
def test_quantiles_stay_in_order_and_above_nothing(added):
    rng = np.random.default_rng(0)
    levels = np.sort(rng.gamma(0.5, 400.0, (5, 300)), axis=0)
    levels[:, :100] = 0.0
    forecast = forecast_of(levels)
    made = widened(forecast, np.array(added), UNIT)
    quantiles = made.frame[list(QUANTILES)].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles >= 0).all()
    assert made.frame["as_of"].equals(forecast.frame["as_of"])
    assert made.draws is forecast.draws


def test_without_widths_a_forecast_is_left_alone():
    forecast = forecast_of(np.ones((5, 3)))
    assert widened(forecast, np.empty(0), UNIT) is forecast
