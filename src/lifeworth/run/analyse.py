"""An experiment that ran: the groups first, then the differences, files and a page."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field
from rich.console import Console
from rich.text import Text

from lifeworth.decide.designed import Groups
from lifeworth.decide.reading import Question, Reading, read
from lifeworth.report.experiment import (
    differences_grid,
    document,
    headline,
    notes,
    ratio_grid,
)
from lifeworth.report.page import write
from lifeworth.report.terminal import print_grid, print_path
from lifeworth.report.wording import number, share
from lifeworth.run.words import Names, Shares, Words
from lifeworth.tables.columns import read_columns
from lifeworth.tables.errors import InputError
from lifeworth.tables.parsing import Kind

EXAMPLES = """  lifeworth experiment analyse file=results.csv outcome=margin shares=control:1,mail:1
  lifeworth experiment analyse file=results.csv outcome=margin shares=control:1,mail:1 \\
      covariates=margin_before planned=20000 order=assigned_at
  lifeworth experiment analyse file=r.parquet outcome=margin denominator=orders shares=control:2,a:1

Rows are customers: customer_id, arm as it was drawn (whether or not it reached them), and the
columns named here. A customer without an outcome has 0. If the sizes of the groups do not fit the
shares nothing else is read, and the exit status is 2."""

PAGE = "experiment.html"

NOBODY = (
    "a file of sales alone has none where nobody bought; give a row for each customer who was "
    "assigned an arm, with 0 for who bought nothing"
)
"""What a file without rows means."""


class Arguments(Words):
    """What is asked of whom."""

    file: str = Field(description="CSV or Parquet file of customers, described below")
    outcome: Names = Field(description="columns with commas between; the first is the main one")
    shares: Shares = Field(description="of all arms as designed, as in control:1,treated:1")
    covariates: Names = Field((), description="columns known before the arm was drawn")
    denominator: str | None = Field(None, description="column, for ratios such as margin per order")
    control: str = Field("control", description="name of the control")
    level: float = Field(0.95, description="of all intervals together")
    planned: int | None = Field(
        None, gt=0, description="customers planned, all arms; for intervals that hold at every look"
    )
    first: int = Field(100, ge=2, description="customers of each group before the first look")
    order: str | None = Field(None, description="column of dates by which customers came")
    delimiter: str = Field(",", min_length=1, max_length=1, description="of a CSV file")
    out: str = Field("experiment", description="folder of what is written; made if need be")


def main(arguments: Arguments) -> int:
    """Read the experiment, write files and page; return 2 if it cannot be believed."""
    groups = Groups(shares=arguments.shares, control=arguments.control, level=arguments.level)
    asked = Question(
        outcomes=arguments.outcome,
        covariates=arguments.covariates,
        denominator=arguments.denominator,
        planned=arguments.planned,
        first=arguments.first,
        ordered=arguments.order is not None,
    )
    reading = read(_customers(arguments), groups, asked)
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_results(reading), indent=2) + "\n"
    (out / "results.json").write_text(text, encoding="utf-8")
    outcomes = [asked.called(name) for name in arguments.outcome]
    covariates = list(arguments.covariates)
    shown = document(reading, outcomes, covariates, _facts(arguments))
    _tell(reading, outcomes[0], write(shown, out / PAGE))
    return 2 if reading.ratio.mismatch else 0


def _customers(arguments: Arguments) -> pd.DataFrame:
    """Return the columns asked for, customers in the order in which they came."""
    named = [*arguments.outcome, *arguments.covariates]
    named += [arguments.denominator] if arguments.denominator is not None else []
    clash = {"customer_id", "arm"} & {*named, arguments.order}
    twice = [name for name in named if named.count(name) > 1]
    if clash or twice:
        raise InputError(
            f"lifeworth experiment analyse: {(sorted(clash) + twice)[0]} is named for two things; "
            "an outcome, a covariate and a denominator are columns of their own"
        )
    kinds: dict[str, Kind] = {"customer_id": "text", "arm": "text"}
    kinds |= dict.fromkeys(named, "number")
    if arguments.order is not None:
        kinds |= {arguments.order: "time"}
    file = Path(arguments.file)
    frame = read_columns(file, kinds, delimiter=arguments.delimiter, empty=NOBODY)
    if arguments.order is None:
        return frame
    return frame.sort_values([arguments.order, "customer_id"], kind="stable")


def _results(reading: Reading) -> dict[str, Any]:
    """Return what was found, for programs: every number unrounded."""
    return {
        "sample_ratio": reading.ratio._asdict() | {"mismatch": bool(reading.ratio.mismatch)},
        "level_of_each": reading.level,
        "differences": _records(reading.differences),
        "unbalanced": _records(reading.unbalanced),
    }


def _records(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def _facts(arguments: Arguments) -> dict[str, str]:
    planned = "" if arguments.planned is None else number(arguments.planned)
    return {
        "file": Path(arguments.file).name,
        "shares": ", ".join(f"{name} {part:g}" for name, part in arguments.shares.items()),
        "control": arguments.control,
        "level": share(arguments.level, 1),
        "outcomes": ", ".join(arguments.outcome),
        "covariates": ", ".join(arguments.covariates) or "none",
        "denominator": arguments.denominator or "none: means of customers",
        "planned": planned or "not given: intervals hold if this is read once, at the end",
        "order": arguments.order or "not given",
    }


def _tell(reading: Reading, outcome: str, page: Path) -> None:
    console = Console()
    style = "bold red" if reading.ratio.mismatch else "bold"
    console.print(Text(headline(reading, outcome), style=style))
    for note in notes(reading):
        console.print(Text(note, style="yellow"))
    print_grid(ratio_grid(reading), console)
    if not reading.ratio.mismatch:
        print_grid(differences_grid(reading), console)
    print_path("Page", page, console)
