"""Priors in words: an interval is nine in ten of a normal on the scale of the coordinate."""

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lifeworth.models.btyd.priors import linked, priors_of, unlinked
from lifeworth.models.btyd.process import Coordinate
from lifeworth.models.btyd.processes import process_of
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.tables.errors import InputError

RATE = Coordinate(name="purchases_per_year", link="log", unit=365.25, meaning="")
CHANCE = Coordinate(name="leave_chance", link="logit", meaning="")
FILES = {
    "btyd_bgnbd": "bgnbd",
    "btyd_mbgnbd": "mbgnbd",
    "btyd_pareto_nbd": "pareto_nbd",
    "btyd_bgbb": "bgbb",
    "btyd_hierarchical": "bgnbd",
}


def spelled(name):
    return yaml.safe_load((conf_folder() / "model" / f"{name}.yaml").read_text())


@pytest.mark.parametrize(("name", "process"), FILES.items())
def test_an_interval_holds_nine_in_ten(name, process):
    said = build("model", spelled(name)).priors
    coordinates = process_of(process).coordinates
    priors = priors_of(said, coordinates)
    for c, mean, sd in zip(coordinates, priors.mean, priors.sd, strict=True):
        ends = unlinked(c, stats.norm(mean, sd).ppf([0.05, 0.95]))
        assert ends == pytest.approx(np.array(getattr(said, c.name)), rel=1e-9)


def test_segments_differ_by_the_factor_nine_times_in_ten():
    said = build("model", spelled("btyd_hierarchical")).priors
    priors = priors_of(said, (RATE,))
    for sd in (priors.between, priors.effect):
        assert np.exp(stats.norm(0, sd).ppf(0.95)) == pytest.approx(2.0)
    assert priors.spread is None
    assert priors_of(said, (RATE,), 3.0).spread == 3.0


@given(st.floats(1e-3, 1e3), st.floats(0.001, 0.999))
def test_links_are_there_and_back(rate, chance):
    assert unlinked(RATE, linked(RATE, rate)) == pytest.approx(rate)
    assert unlinked(CHANCE, linked(CHANCE, chance)) == pytest.approx(chance)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("purchases_per_year", [5, 1], "does not ascend"),
        ("purchases_per_year", [0, 1], "value 1, 0, has to be more than 0$"),
        ("leave_chance", [0.1, 1.5], "less than 1"),
        ("rate_shape", [1], "rate_shape"),
        ("colour", [1, 2], "colour"),
    ],
)
def test_an_interval_that_cannot_be_is_refused_by_name(name, value, told):
    whole = spelled("btyd_bgnbd")
    whole["priors"][name] = value
    with pytest.raises(InputError, match=told) as error:
        build("model", whole)
    assert name in str(error.value)
