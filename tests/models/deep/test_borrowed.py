"""Where heads begin: they say what the BG/NBD expects of each interval."""

import numpy as np
import pytest
import torch

from lifeworth.models.deep.borrowed import base_of, lent
from lifeworth.models.deep.math import counts_mean, head_of

HORIZONS = (30, 90)
UNIT = 2_000.0


def test_a_base_says_what_the_bgnbd_expects(history):
    """To six decimals of the logs; purchases and value of an interval are differences."""
    fit = lent(history)
    assert fit is not None
    base = base_of(fit, history, HORIZONS, UNIT)
    head = head_of(torch.from_numpy(base))
    value = fit.value(history, [30.0, 90.0], 0.0).drop(columns="customer_id").to_numpy()
    before = 0.0
    for i, (start, end) in enumerate([(0.0, 30.0), (30.0, 90.0)]):
        ahead = fit.outlook(history, start, end)
        true = np.maximum(ahead["p_active"].to_numpy(), 1e-6)
        assert head.counts.buys[:, i].numpy() == pytest.approx(true, rel=1e-5)
        often = ahead["expected_purchases"].to_numpy()
        # of who buys, purchases beyond the first are at least 1e-3
        assert counts_mean(head.counts)[:, i].numpy() == pytest.approx(often, rel=2e-3)
        worth = (head.counts.buys * head.loc.exp())[:, i].numpy() * UNIT
        assert worth == pytest.approx(value[:, i] - before, rel=2e-3, abs=2e-3)
        before = value[:, i]


def test_without_a_fit_it_says_nothing(history):
    base = base_of(None, history, HORIZONS, UNIT)
    assert base.shape[1:] == (2, 5)
    assert not base.any()
