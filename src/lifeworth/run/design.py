"""An experiment that is to be: how many customers it takes, and how long."""

from pathlib import Path

from pydantic import Field
from rich.console import Console
from rich.text import Text

from lifeworth.decide.designed import Designed, Groups, needed
from lifeworth.report.design import Planned, document, headline, tiles
from lifeworth.report.page import write
from lifeworth.report.terminal import print_path, print_tiles
from lifeworth.report.wording import share
from lifeworth.run.words import Shares, Words
from lifeworth.tables.errors import InputError

EXAMPLES = """  lifeworth experiment design rate=.04 effect=.005 customers_per_day=800
  lifeworth experiment design mean=31.50 sd=60 effect=2 variance_removed=.3
  lifeworth experiment design rate=.04 customers=50000 shares=control:2,mail:1,coupon:1"""

PAGE = "design.html"


class Arguments(Words):
    """What the experiment is to be."""

    rate: float | None = Field(
        None, gt=0, lt=1, description="share of the control that buys, or give mean, sd"
    )
    mean: float | None = Field(None, description="mean outcome of a customer of the control")
    sd: float | None = Field(None, description="its standard deviation, of a past period")
    effect: float | None = Field(None, description="difference to be seen, as in .005 of a rate")
    customers: int | None = Field(None, gt=0, description="customers there are, all arms together")
    power: float = Field(0.80, description="probability of seeing the effect")
    level: float = Field(0.95, description="of all intervals together")
    shares: Shares = Field({"control": 1.0, "treated": 1.0}, description="of the arms")
    control: str = Field("control", description="name of the control")
    customers_per_day: float | None = Field(None, gt=0, description="who enter for the first time")
    outcome_days: int = Field(0, ge=0, description="days until an outcome is complete")
    variance_removed: float = Field(0.0, description="share an adjustment takes away, as in .3")
    out: str = Field("experiment", description="folder of the page; made if it is not there")


def main(arguments: Arguments) -> int:
    """Plan, write the page and say where it is."""
    if arguments.effect is None and arguments.customers is None:
        raise InputError(
            "lifeworth experiment design: give effect=... to learn how many customers it takes, or "
            "customers=... to learn what they see"
        )
    designed = Designed(
        groups=Groups(shares=arguments.shares, control=arguments.control, level=arguments.level),
        rate=arguments.rate,
        sd=arguments.sd,
        power=arguments.power,
        variance_removed=arguments.variance_removed,
    )
    planned = Planned(
        designed=designed,
        effect=arguments.effect,
        customers=arguments.customers or needed(designed, arguments.effect or 0.0),
        mean=arguments.mean,
        per_day=arguments.customers_per_day,
        outcome_days=arguments.outcome_days,
    )
    page = write(document(planned, _facts(arguments)), Path(arguments.out) / PAGE)
    console = Console()
    console.print(Text(headline(planned), style="bold"))
    print_tiles(tiles(planned), console)
    print_path("Page", page, console)
    return 0


def _facts(arguments: Arguments) -> dict[str, str]:
    given = {
        name: str(getattr(arguments, name))
        for name in ("rate", "mean", "sd", "effect", "customers", "customers_per_day")
        if getattr(arguments, name) is not None
    }
    return {
        **given,
        "power": share(arguments.power),
        "level": share(arguments.level),
        "shares": ", ".join(f"{name} {part:g}" for name, part in arguments.shares.items()),
        "variance removed": share(arguments.variance_removed),
        "outcome takes": f"{arguments.outcome_days} days",
        "test": "two-sided, Welch's t; of a share with the variance of each arm",
    }
