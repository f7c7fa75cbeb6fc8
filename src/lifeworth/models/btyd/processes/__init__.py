"""The processes: how customers buy and leave, one family a file."""

from typing import Literal

from lifeworth.models.btyd.process import Process
from lifeworth.models.btyd.processes.beta_geometric import BetaGeometric
from lifeworth.models.btyd.processes.bgbb import BgBb
from lifeworth.models.btyd.processes.pareto_nbd import ParetoNbd

ProcessName = Literal["bgnbd", "mbgnbd", "pareto_nbd", "bgbb"]


def process_of(name: ProcessName, k: int = 1) -> Process:
    """Return the process of that name; k ticks a purchase make the first two BG/CNBD-k, MBG."""
    if name in ("bgnbd", "mbgnbd"):
        return BetaGeometric(k=k, modified=name == "mbgnbd")
    return ParetoNbd() if name == "pareto_nbd" else BgBb()
