"""What other penalties would have brought, in a table and a sentence."""

from dataclasses import dataclass

from lifeworth.evaluate.estimates import LEVEL, Estimate
from lifeworth.evaluate.offpolicy import Judged
from lifeworth.report.grids import Cell, Grid
from lifeworth.report.wording import number, share

MEANINGS = {
    "cascade_dr": "read from the top; a model of rewards",
    "cascade_ips": "read from the top",
    "snips": "whole lists, weights sum to 1",
    "ips": "whole lists",
}
"""Estimators and what they take for granted, the most precise first."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What one estimator says of the target.

    Attributes
    ----------
    judged
        The target's value per visit.
    gain
        That less what the lists that were shown brought.
    """

    judged: Judged
    gain: Estimate


def headline(found: list[Replayed], shown: Estimate, unit: str) -> str:
    """Return what the first estimator says, in a sentence."""
    first = found[0]
    low, high = first.gain.interval()
    if low <= 0 <= high:
        verdict = "which of the two is better cannot be said"
    else:
        verdict = "they are better" if low > 0 else "they are worse"
    return (
        f"Lists by these words would bring {number(first.judged.estimate.value, 2)}{unit} a visit, "
        f"those that were shown brought {number(shown.value, 2)}: {verdict}"
    )


def replayed_grid(found: list[Replayed]) -> Grid:
    """Return a row for each estimator."""
    level = f"{100 * LEVEL:.0f} %"
    head = ["", "takes for granted", "a visit", level, "gain on shown", level,
            "customers behind it", "mean weight", "heaviest list"]  # fmt: skip
    rows = []
    for one in found:
        told = one.judged
        texts = (
            told.name,
            MEANINGS[told.name],
            number(told.estimate.value, 2),
            _ends(told.estimate),
            number(one.gain.value, 2),
            _ends(one.gain),
            number(told.effective),
            f"{number(told.mean_weight, 2)} ± {number(told.weight_error, 2)}",
            share(told.largest_share),
        )
        rows.append([Cell(text=text) for text in texts])
    return Grid(head=head, groups={"": rows}, words={0, 1})


def _ends(estimate: Estimate) -> str:
    low, high = estimate.interval()
    return f"{number(low, 2)} to {number(high, 2)}"
