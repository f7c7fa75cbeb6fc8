"""Experiments on customers, from the plan to the reading: the names of four modules in one place.

power: how many customers, how long. sample_ratio: are the groups what they were to be. comparison:
the difference, adjusted or of ratios. peeking: looks before the end, and A/A tests.
"""

from lifeworth.decide.comparison import (
    Difference,
    adjusted_difference,
    difference,
    ratio_difference,
)
from lifeworth.decide.peeking import FalseAlarms, Peek, Peeking, false_alarms, peek, watch
from lifeworth.decide.power import (
    Plan,
    customers_needed,
    duration_days,
    minimum_effect,
    power,
    shares_of_buyers,
)
from lifeworth.decide.sample_ratio import SampleRatio, assigned_ratio, exposed_ratio

__all__ = [
    "Difference",
    "FalseAlarms",
    "Peek",
    "Peeking",
    "Plan",
    "SampleRatio",
    "adjusted_difference",
    "assigned_ratio",
    "customers_needed",
    "difference",
    "duration_days",
    "exposed_ratio",
    "false_alarms",
    "minimum_effect",
    "peek",
    "power",
    "ratio_difference",
    "shares_of_buyers",
    "watch",
]
