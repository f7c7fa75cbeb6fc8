"""Buy till you die: customers buy at a rate of their own until, unseen, they leave.

BgNbd                  Fader, Hardie and Lee (2005); Gamma-Gamma spend, Fader and Hardie (2013)
HeuristicRate          rate so far times the horizon
HeuristicLastPeriod    the last period again
"""

from lifeworth.models.btyd.bgnbd import BgNbd
from lifeworth.models.btyd.heuristic_last_period import HeuristicLastPeriod
from lifeworth.models.btyd.heuristic_rate import HeuristicRate

__all__ = ["BgNbd", "HeuristicLastPeriod", "HeuristicRate"]
