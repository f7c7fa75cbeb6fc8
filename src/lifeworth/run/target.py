"""Whom to target, from the scores of a run: files for the shop and a page for whoever decides."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field
from rich.console import Console
from rich.table import Table

from lifeworth.asof.summary import outcomes, summary
from lifeworth.decide.caution import Caution, Customers, Drawer
from lifeworth.decide.rivals import compared, curve
from lifeworth.decide.target import Action, Targeting, target
from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.models.core import BLOCK, Forecast
from lifeworth.report.page import write as write_report
from lifeworth.report.targets import Shown, comparison, document, headline
from lifeworth.report.wording import counted, number, share
from lifeworth.run.finished import folder_of, left_by
from lifeworth.run.outputs import put
from lifeworth.run.reopened import Reopened, reopened
from lifeworth.run.words import Words
from lifeworth.tables.columns import read_columns
from lifeworth.tables.errors import InputError, agreed
from lifeworth.tables.parsing import Kind

VERB = "lifeworth target"

RISKS = "mean, quantile:.1 or cvar:.1"

EXAMPLES = """  lifeworth target run=latest budget=50000 cost=100 uplift=.15
  lifeworth target run=latest budget=50000 cost=100 uplift=.15 risk=cvar:.5 winsorise=none
  lifeworth target run=latest budget=2000 uplift=.1 customers=costs.csv out=letters"""


def _none(word: object) -> object:
    return None if word == "none" else word


Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Arguments(Words):
    """What the action does and costs; money in units of the run's currency."""

    run: str = Field(description="folder of a forecast's run, its MLflow run_id, or latest")
    budget: Money = Field(description="the most that is spent")
    cost: Money | None = Field(None, description="of the action, for each customer who gets it")
    uplift: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        None, description="share by which it raises a customer's value, .15 for 15 %"
    )
    customers: str | None = Field(
        None,
        description="CSV or Parquet file with customer_id and columns cost or uplift, where they "
        "differ; who is not in it is left out",
    )
    winsorise: Annotated[float | None, BeforeValidator(_none)] = Field(
        0.95, description="quantile of gains at which they are cut to choose, or none"
    )
    risk: str = Field("mean", description=f"what counts of a customer's uncertain gain: {RISKS}")
    out: str | None = Field(None, description="folder to write to; none for target in the run's")
    tracking_uri: str | None = Field(
        None, description="MLflow store; none for MLFLOW_TRACKING_URI or outputs/mlflow.db"
    )


def main(arguments: Arguments) -> int:
    """Choose, write the files and the page, and print the comparison."""
    caution = caution_of(arguments)
    folder = folder_of(VERB, arguments.run, arguments.tracking_uri)
    scores, card = left_by(VERB, folder)
    people = _candidates(arguments, scores)
    console = Console()
    with console.status("reading the data of the run again"):
        run = reopened(VERB, folder, card["data_hash"])
        known = _known(run).loc[people["customer_id"]]
    with console.status("choosing"):
        forecast = None if caution.risk == "mean" else run.forecast()
        draws = None if forecast is None else _draws(forecast, people)
        found = target(people, _action(arguments), caution, draws)
        shown = _shown(arguments, (scores, card), run, (found, known))
    out = Path(arguments.out) if arguments.out else folder / "target"
    page = _write(out, shown, known)
    _print(console, shown, page)
    return 0


def caution_of(arguments: Arguments) -> Caution:
    """Read winsorise and risk.

    Raises
    ------
    InputError
        If risk is none of mean, quantile:SHARE and cvar:SHARE, or a number is out of bounds.
    """
    kind, _, said = arguments.risk.partition(":")
    try:
        given = float(said or "nan")
    except ValueError:
        given = float("nan")
    match kind:
        case "mean" if not said:
            return Caution(winsorise=arguments.winsorise)
        case ("quantile" | "cvar") as risk if np.isfinite(given):
            return Caution(winsorise=arguments.winsorise, risk=risk, share=given)
        case _:
            raise InputError(f"{VERB}: risk={arguments.risk} is none that is known; give {RISKS}")


def _action(arguments: Arguments) -> Action:
    if arguments.uplift is not None and abs(arguments.uplift) > 1:
        raise InputError(
            f"{VERB}: uplift={arguments.uplift:g} would change value by {arguments.uplift:.0%}; "
            f"give a share, such as uplift={arguments.uplift / 100:g} for {arguments.uplift:g} %"
        )
    cost = None if arguments.cost is None else _cents(arguments.cost)
    return Action(budget=_cents(arguments.budget), cost=cost, uplift=arguments.uplift)


def _cents(units: float) -> float:
    """Return cents without what 0.29 x 100 leaves behind."""
    return round(100.0 * units, 6)


def _candidates(arguments: Arguments, scores: pd.DataFrame) -> pd.DataFrame:
    """Return customer_id, expected_value, the row among scores, and cost and uplift from a file."""
    given = {"cost": arguments.cost, "uplift": arguments.uplift}
    wanted = [name for name, number_ in given.items() if number_ is None]
    people = scores[["customer_id", "expected_value"]].assign(row=np.arange(len(scores)))
    if arguments.customers is None:
        if wanted:
            raise InputError(
                f"{VERB}: {wanted[0]} is missing; give {wanted[0]}=... for everybody, or "
                f"customers=FILE with a column {wanted[0]}"
            )
        return people
    kinds: dict[str, Kind] = {"customer_id": "text", **dict.fromkeys(wanted, "number")}
    listed = read_columns(Path(arguments.customers), kinds, once=["customer_id"])
    found = people.merge(listed, on="customer_id", how="inner")
    if found.empty:
        raise InputError(
            f"{VERB}: none of the {len(listed):,} customers of {arguments.customers} is among the "
            f"{len(scores):,} of the run, for example {listed['customer_id'].iloc[0]!r} there and "
            f"{scores['customer_id'].iloc[0]!r} here; write customer_id as the run does"
        )
    if "cost" in found:
        found["cost"] = (100.0 * found["cost"]).round(6)
    return found.sort_values("customer_id", ignore_index=True)


def _known(run: Reopened) -> pd.DataFrame:
    """Return what rules go by and, once it is known, what came after, by customer_id."""
    seen = summary(run.history).order_by("customer_id").to_pandas().set_index("customer_id")
    known = pd.DataFrame({
        "purchases_so_far": seen["frequency"] + 1,
        "spent_so_far": seen["total_value_cents"],
    })  # fmt: skip
    if run.future is None:
        return known
    return known.join(outcomes(run.future).set_index("customer_id")["value"].rename("realised"))


def _draws(forecast: Forecast, people: pd.DataFrame) -> Drawer:
    """Return a drawer of the value of these customers, who may be a part of the forecast's."""
    rows, customers = people["row"].to_numpy(), len(forecast.frame)

    def draw(part: slice) -> np.ndarray:
        wanted = rows[part]
        drawn = []
        for block in np.unique(wanted // BLOCK):
            start = int(block) * BLOCK
            mine = wanted[wanted // BLOCK == block] - start
            drawn.append(forecast.draws(slice(start, min(start + BLOCK, customers))).value[mine])
        return np.concatenate(drawn)

    return draw


def _shown(
    arguments: Arguments,
    left: tuple[pd.DataFrame, dict[str, Any]],
    run: Reopened,
    decided: tuple[Targeting, pd.DataFrame],
) -> Shown:
    (scores, card), (found, known) = left, decided
    keys = {"monetary": _floats(known["spent_so_far"])}
    keys["frequency"] = _floats(known["purchases_so_far"])
    values = {"forecast": found.column("expected_value")}
    if "realised" in known:
        values["realised"] = _floats(known["realised"])
    resampling = Resampling(resamples=run.config.resamples, seed=run.config.seed)
    as_of, horizon = scores["as_of"].iloc[0], int(scores["horizon_days"].iloc[0])
    return Shown(
        title=f"{run.config.title}: whom to target",
        subtitle=f"{card['model']}, {counted(horizon, 'day')} from {as_of}, {card['value_is']}",
        currency=card["currency"],
        horizon_days=horizon,
        targeting=found,
        policies=compared(found, keys, values, resampling),
        curve=curve(found, keys, values),
        notes=_notes(card, run, found.caution, len(scores) - len(found.customers)),
        facts=_facts(arguments, run, card, found),
    )


def _floats(column: pd.Series) -> Customers:
    return column.to_numpy(dtype=np.float64)


def _notes(card: dict[str, Any], run: Reopened, caution: Caution, left_out: int) -> list[str]:
    notes = [
        "The uplift is an assumption. Keep a random part of the targets without the action, and "
        "measure it."
    ]
    if card["value_is"] == "revenue":
        notes.append(
            "Value is revenue: a gain in it is not yet profit. Multiply the uplift by the share of "
            "revenue that is margin, or give costs with the orders."
        )
    if caution.risk != "mean":
        notes.append(
            "Risk is counted customer by customer, as if the luck of many did not average out: it "
            "leaves out customers who would pay in sum."
        )
    if run.future is None:
        notes.append(
            "The scores are from the end of the data, so that nobody knows yet what customers will "
            "be worth; a run with split=holdout shows how such a choice would have done."
        )
    if left_out:
        notes.append(
            f"{agreed(left_out, 'customer', 'are', 'of the run')} not in the file: left out."
        )
    if card["debug"]:
        notes.append(f"debug={card['debug']}: the figures mean nothing.")
    return notes


def _facts(
    arguments: Arguments, run: Reopened, card: dict[str, Any], found: Targeting
) -> dict[str, str]:
    currency, certificate = card["currency"], found.certificate

    def said(name: str, unit: str) -> str:
        given = getattr(arguments, name)
        return f"{arguments.customers}, column {name}" if given is None else f"{given:g}{unit}"

    cut = arguments.winsorise
    return {
        "run": run.folder.name,
        "model": card["model"],
        "data": f"{run.config.names.data}, content {card['data_hash'][:8]}",
        "budget": f"{number(arguments.budget, 2)} {currency}",
        "cost": said("cost", f" {currency}"),
        "uplift": said("uplift", ""),
        "winsorised at": "none" if cut is None else f"the {share(cut, 0)} quantile of gains",
        "risk": arguments.risk,
        "proven gap to the best": share(certificate.gap, 4),
        "resamples": number(run.config.resamples),
        "lifeworth": card["lifeworth_version"],
    }


def _write(out: Path, shown: Shown, known: pd.DataFrame) -> Path:
    """Write the files and return the path of the page."""
    found = shown.targeting
    everybody = _stored(found.customers.assign(place=found.rank() + 1))
    chosen = everybody[everybody["chosen"]].sort_values("place", ignore_index=True)
    targets = chosen.drop(columns=["chosen", "reason", "place"])
    targets.insert(0, "rank", np.arange(1, len(targets) + 1))
    told = everybody.drop(columns="place").astype({"reason": "str"})
    known = known.reset_index(drop=True)
    frames = {
        "targets": targets,
        "candidates": pd.concat([told, known], axis=1),
        "policies": shown.policies,
    }
    put(out, frames, texts=["targets"])
    return write_report(document(shown), out / "target.html")


def _stored(customers: pd.DataFrame) -> pd.DataFrame:
    """Return money in integer cents; a cost may be a part of a cent."""
    names = ["expected_value", "gain", "score"]
    if (customers["cost"] == customers["cost"].round()).all():
        names.append("cost")
    return customers.assign(**{name: customers[name].round().astype("int64") for name in names})


def _print(console: Console, shown: Shown, page: Path) -> None:
    console.print(headline(shown), markup=False, soft_wrap=True)
    for note in shown.notes:
        console.print(f"Note: {note}", markup=False, soft_wrap=True)
    grid = comparison(shown)
    table = Table(caption=f"money in {shown.currency}; intervals 90 %", caption_justify="left")
    for i, name in enumerate(grid.head):
        table.add_column(name, justify="right" if i else "left")
    for row in grid.groups[""]:
        table.add_row(*(f"{cell.text}\n{cell.small}".rstrip() for cell in row))
    console.print(table)
    console.print(
        f"wrote {page.parent} (targets.parquet, targets.csv, candidates.parquet, "
        f"policies.parquet, {page.name})",
        markup=False,
        soft_wrap=True,
    )
