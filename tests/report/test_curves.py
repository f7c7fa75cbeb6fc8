"""The figure of a training."""

import numpy as np

from lifeworth.report import curves
from lifeworth.report.evidence import Evidence


def test_every_part_has_its_line_and_those_that_choose_are_on_top(whole: Evidence) -> None:
    assert whole.curves is not None
    figure = curves.losses(whole.curves)
    assert [line.name for line in figure.data] == ["member 1", "training", "validation"]
    for line in figure.data:
        own = whole.curves[whole.curves["part"] == line.name]
        assert list(line.x) == own["epoch"].tolist()
        assert list(line.y) == own["loss"].tolist()


def test_the_axis_leaves_the_first_epochs_out(whole: Evidence) -> None:
    assert whole.curves is not None
    low, high = curves.losses(whole.curves).layout.yaxis.range
    losses = whole.curves["loss"].to_numpy()
    assert low < losses.min()
    assert 0 < np.mean(losses > high) <= 0.1
