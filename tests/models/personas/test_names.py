"""Names: the documented profiles bear them, nobody shares one, and what does not fit is told."""

import numpy as np
import pytest

from lifeworth.models.personas.names import SEVEN, VIP, names_of


def test_the_documented_segments_get_their_names() -> None:
    own = [rule for rule in SEVEN if rule.name != VIP]
    profile = np.array([[r.recency, r.frequency, r.money] for r in own])
    assert names_of(profile + 0.02) == tuple(r.name for r in own)


def test_names_do_not_depend_on_the_order() -> None:
    rng = np.random.default_rng(0)
    profile = rng.uniform(size=(6, 3))
    order = rng.permutation(6)
    named = dict(zip(order, names_of(profile[order]), strict=True))
    if all("," not in name for name in named.values()):
        assert tuple(named[k] for k in range(6)) == names_of(profile)


@pytest.mark.parametrize("seed", range(20))
def test_no_two_share_a_name(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = names_of(rng.uniform(size=(rng.integers(1, 26), 3)), taken=["At Risk"])
    assert len(set(names)) == len(names)
    assert not {"At Risk", VIP} & set(names)


def test_what_no_name_fits_is_told_in_words() -> None:
    """Long gone, but once frequent and of high value: none of the seven."""
    assert names_of(np.array([[0.05, 0.95, 0.95]])) == ("Long gone, frequent, high value",)
