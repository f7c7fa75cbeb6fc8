"""Buy till you die: customers buy at a rate of their own until, unseen, they leave.

BgNbd                  Fader, Hardie and Lee (2005)
MbgNbd                 Batislam, Denizel and Filiztekin (2007)
ParetoNbd              Schmittlein, Morrison and Colombo (1987)
BgBb                   Fader, Hardie and Shang (2010): discrete time
BgCnbd, MbgCnbd        Platzer and Reutterer (2016): regular buyers
Hierarchical           BgNbd or MbgNbd that segments share in part
HeuristicRate          rate so far times the horizon
HeuristicLastPeriod    the last period again

Spend of all: Gamma-Gamma, Fader and Hardie (2013), or Bühlmann credibility.
"""

from lifeworth.models.btyd.bgbb import BgBb
from lifeworth.models.btyd.bgcnbd import BgCnbd
from lifeworth.models.btyd.bgnbd import BgNbd
from lifeworth.models.btyd.heuristic_last_period import HeuristicLastPeriod
from lifeworth.models.btyd.heuristic_rate import HeuristicRate
from lifeworth.models.btyd.hierarchical import Hierarchical
from lifeworth.models.btyd.mbgcnbd import MbgCnbd
from lifeworth.models.btyd.mbgnbd import MbgNbd
from lifeworth.models.btyd.pareto_nbd import ParetoNbd

__all__ = [
    "BgBb",
    "BgCnbd",
    "BgNbd",
    "HeuristicLastPeriod",
    "HeuristicRate",
    "Hierarchical",
    "MbgCnbd",
    "MbgNbd",
    "ParetoNbd",
]
