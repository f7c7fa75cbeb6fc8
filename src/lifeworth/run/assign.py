"""Offers of a shop into an assignment: files to act on, a certificate and a page."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field
from rich.console import Console
from rich.text import Text

from lifeworth.decide.campaign import Asked, Given, Outside, plan_campaign, plan_everybody
from lifeworth.decide.holdout import Design
from lifeworth.decide.ledger import Ledger
from lifeworth.report.assignment import Terms, arms_grid, document, headline, next_unit
from lifeworth.report.page import write
from lifeworth.report.terminal import print_grid, print_path
from lifeworth.report.wording import counted, money, number, share
from lifeworth.run.words import Counts, Words
from lifeworth.tables.columns import read_columns
from lifeworth.tables.errors import InputError, agreed

EXAMPLES = """  lifeworth assign offers=offers.csv budget=500.00 caps=mail:1000,call:200 out=spring
  lifeworth assign offers=scores.parquet minimums=mail:100 out=spring currency=EUR
  lifeworth assign offers=offers.csv budget=500 out=spring ledger=shop.db campaign=spring salt=shop

The file has a row for each customer and each arm they may get: customer_id, arm, value_cents (what
it is expected to bring, over what would come anyway), cost_cents, and if wanted low_cents (a lower
bound of the value; an arm is given only where that is above 0). With a ledger customers are drawn
for the campaign first and written once: who is in it keeps what they were given."""

PAGE = "assignment.html"

DRAWS = ("campaign", "salt", "holdout", "control", "explore")
"""Arguments that mean nothing without a ledger."""


class Arguments(Words):
    """What to assign, within which limits."""

    offers: str = Field(description="CSV or Parquet file of offers, described below")
    out: str = Field(description="folder for what is written; made if it is not there")
    budget: Decimal | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="most to spend, in units of money; none for any",
    )
    caps: Counts = Field({}, description="most customers of arms, as in mail:1000,coupon:200")
    minimums: Counts = Field({}, description="least customers of arms, as in mail:100")
    currency: str = Field("", description="code of the currency, for the page")
    delimiter: str = Field(",", min_length=1, max_length=1, description="of a CSV file")
    ledger: str | None = Field(None, description="file or URL of a ledger; none for no ledger")
    campaign: str | None = Field(None, description="name of the campaign in the ledger")
    salt: str | None = Field(None, description="text that draws the holdout; keep it for good")
    holdout: float = Field(0.05, ge=0, le=1, description="share no campaign may touch")
    control: float = Field(0.10, ge=0, le=1, description="share of the others that gets nothing")
    explore: float = Field(0.0, ge=0, le=1, description="share of them with an arm at random")


def main(arguments: Arguments) -> int:
    """Assign, write the files and the page, and say where they are."""
    _check_ledger(arguments)
    offers = _offers(arguments)
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)  # before anything is written for good
    asked = Asked(budget=_cents(arguments.budget), caps=arguments.caps, minimums=arguments.minimums)
    given = _assigned(arguments, offers, asked)
    terms = Terms(budget=asked.budget, currency=arguments.currency)
    notes = _notes(given, terms)
    _write(out, given, asked)
    page = write(document(given, terms, _facts(arguments, offers, given), notes), out / PAGE)
    _tell(given, terms, notes, page)
    return 0


def _assigned(arguments: Arguments, offers: pd.DataFrame, asked: Asked) -> Given:
    if arguments.ledger is None:
        return plan_everybody(offers, asked)
    design = Design(
        salt=arguments.salt or "",
        holdout=arguments.holdout,
        control=arguments.control,
        explore=arguments.explore,
        arms=tuple(sorted(offers["arm"].unique())),
    )
    at = dt.datetime.now(dt.UTC)
    with Ledger(arguments.ledger) as ledger:
        return plan_campaign(offers, asked, ledger, arguments.campaign or "", design, at)


def _offers(arguments: Arguments) -> pd.DataFrame:
    """Return customer_id, arm, value, cost and perhaps low, money in cents."""
    path = Path(arguments.offers)
    frame = read_columns(
        path,
        {"customer_id": "text", "arm": "text", "value_cents": "number", "cost_cents": "number"},
        {"low_cents": "number"},
        once=["customer_id", "arm"],
        delimiter=arguments.delimiter,
    )
    return frame.rename(columns=lambda name: name.removesuffix("_cents"))


def _check_ledger(arguments: Arguments) -> None:
    given = [name for name in DRAWS if name in arguments.model_fields_set]
    if arguments.ledger is None and given:
        raise InputError(
            f"lifeworth assign: {given[0]} needs a ledger, which keeps what was drawn; give "
            "ledger=ledger.db, or leave it out"
        )
    missing = [name for name in ("campaign", "salt") if not getattr(arguments, name)]
    if arguments.ledger is not None and missing:
        raise InputError(
            f"lifeworth assign: a ledger needs {' and '.join(missing)}; give {missing[0]}=..., and "
            "the same in every call of this campaign"
        )


def _cents(budget: Decimal | None) -> float | None:
    return None if budget is None else float(budget * 100)


def _write(out: Path, given: Given, asked: Asked) -> None:
    columns = ["customer_id", "arm", "value", "cost", "reason"]
    frame = given.customers[columns].astype({"reason": "str"})
    frame.to_parquet(out / "assignment.parquet", index=False)
    frame.to_csv(out / "assignment.csv", index=False, lineterminator="\n")
    text = json.dumps(_certificate(given, asked), indent=2) + "\n"
    (out / "certificate.json").write_text(text, encoding="utf-8")


def _certificate(given: Given, asked: Asked) -> dict[str, Any]:
    """Return how good the plan is; with a ledger, what of it was not the plan's to decide."""
    told = given.certificate
    arms = given.arms.astype({"cap": object}).where(given.arms.notna(), None)
    return {
        "money": "cents",
        "value": told.value,
        "spend": told.spend,
        "upper_bound": told.upper_bound,
        "gap": told.gap,
        "budget": asked.budget,
        "budget_left": given.left,
        "budget_price": told.budget_price,
        "arms": {row.pop("arm"): row for row in arms.to_dict("records")},
        "greedy": None if given.rule is None else given.rule._asdict(),
        "ledger": None if given.outside is None else given.outside._asdict(),
    }


def _facts(arguments: Arguments, offers: pd.DataFrame, given: Given) -> dict[str, str]:
    facts = {
        "offers": Path(arguments.offers).name,
        "rows": number(len(offers)),
        "customers": number(len(given.customers)),
        "evidence": "low_cents above 0" if "low" in offers else "value_cents above 0",
    }
    if given.outside is not None:
        facts |= {
            "campaign": str(arguments.campaign),
            "holdout": share(arguments.holdout),
            "control": f"{share(arguments.control)} of the others",
            "explore": f"{share(arguments.explore)} of the others",
        }
    return facts


def _notes(given: Given, terms: Terms) -> list[str]:
    return [] if given.outside is None else list(_of_ledger(given, given.outside, terms))


def _of_ledger(given: Given, outside: Outside, terms: Terms) -> list[str]:
    there = len(given.customers)
    notes = [
        f"{number(outside.before)} of {counted(there, 'customer')} were in the ledger already and "
        f"keep what they were given; {number(there - outside.before)} are new."
    ]
    if outside.explored:
        notes.append(f"Exploring costs {money(outside.explored, terms.currency)} of the budget.")
    if terms.budget is not None and outside.spent_before > terms.budget:
        notes.append(
            f"What was given before costs {money(outside.spent_before, terms.currency)}, more than "
            "the budget: nobody new gets anything that costs."
        )
    if outside.unknown:
        notes.append(
            f"{agreed(outside.unknown, 'customer', 'have')} an arm from before that the offers "
            "do not have for them; its value and cost are not known and count as 0."
        )
    if outside.elsewhere:
        notes.append(
            f"{agreed(outside.elsewhere, 'customer', 'are', 'of the campaign')} in the ledger and "
            "not among the offers; what they cost is not in the budget."
        )
    return notes


def _tell(given: Given, terms: Terms, notes: list[str], page: Path) -> None:
    console = Console()
    told = given.certificate
    console.print(Text(headline(given, terms), style="bold"))
    console.print(Text(f"At most {share(told.gap, 2)} is lost. {next_unit(given, terms)}"))
    for note in notes:
        console.print(Text(note, style="yellow"))
    print_grid(arms_grid(given, terms.currency), console)
    print_path("Page", page, console)
