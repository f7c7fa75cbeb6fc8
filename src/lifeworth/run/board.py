"""Who gets which action of a board of rules, from the scores of a run: files and a page."""

import os
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field
from rich.console import Console

from lifeworth.asof.features import features
from lifeworth.asof.triggers import BEHIND
from lifeworth.decide.acting import Acted, Terms, act
from lifeworth.decide.tiers import ASCENDING, guardrails
from lifeworth.report.board import Shown, document, headline, model_line, rules_grid, warnings_grid
from lifeworth.report.page import write as write_report
from lifeworth.report.terminal import print_grid, print_path
from lifeworth.report.wording import counted, number, share
from lifeworth.run.board_file import DEFAULT, read_board_file
from lifeworth.run.finished import folder_of, left_by
from lifeworth.run.reopened import Reopened, reopened
from lifeworth.run.warnings import Warned, warned
from lifeworth.run.words import Words
from lifeworth.tables.columns import read_columns
from lifeworth.tables.errors import InputError
from lifeworth.tables.parsing import Kind

VERB = "lifeworth board"

EXAMPLES = """  lifeworth board run=latest budget=20000 most=2
  lifeworth board run=latest rules=board.yaml personas=personas margin=.4 out=actions

Rules read the columns of scores.parquet (tier, p_alive, expected_value and its quantiles in cents),
value_rank (share of customers with less expected value), the as-of features (frequency, age_days,
days_since_last, orders_90d, ...), the triggers (crossed_recency, recency_long, frequency_down,
abandoned_cart, complaint) and persona. Without rules= the board that comes along is followed; copy
it and write your own numbers:
  {default}""".format(default="decide/boards/default.yaml in the folder of the package")

PAGE = "board.html"

Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]

MOSTLY = 0.9
"""Share of customers with a persona below which that is told."""


class Arguments(Words):
    """What board, within which limits; money in units of the run's currency."""

    run: str = Field(description="folder of a forecast's run, its MLflow run_id, or latest")
    rules: str | None = Field(None, description="YAML file; none for the board that comes along")
    personas: str | None = Field(
        None, description="folder of a run of personas, or a file: customer_id, persona"
    )
    budget: Money | None = Field(None, description="the most that is spent; none for any")
    most: int = Field(1, ge=1, le=9, description="the most actions of a customer")
    margin: float = Field(1.0, gt=0, le=1, description="share of value that is margin")
    out: str | None = Field(None, description="folder to write to; none for board in the run's")
    tracking_uri: str | None = Field(
        None, description="MLflow store; none for MLFLOW_TRACKING_URI or outputs/mlflow.db"
    )


def main(arguments: Arguments) -> int:
    """Follow the rules, write the files and the page, and print who gets what."""
    board = read_board_file(Path(arguments.rules) if arguments.rules else DEFAULT)
    folder = folder_of(VERB, arguments.run, arguments.tracking_uri)
    scores, card = left_by(VERB, folder)
    console = Console()
    with console.status("reading the data of the run again"):
        run = reopened(VERB, folder, card["data_hash"])
        warnings = warned(run)
        frame = _with_personas(arguments, columns(scores, run, warnings.triggers))
    with console.status("following the rules"):
        terms = terms_of(arguments)
        acted = act(board, frame, terms, BEHIND)
    shown = Shown(
        title=f"{run.config.title}: who gets which action",
        subtitle=f"{card['model']}, {_span(scores)}, {card['value_is']}",
        currency=card["currency"],
        acted=acted,
        terms=terms,
        judged=warnings.judged,
        notes=[*_notes(arguments, card, acted, warnings), *_known(frame, scores["as_of"].iloc[0])],
        facts=_facts(arguments, run, card, acted),
    )
    out = Path(arguments.out) if arguments.out else folder / "board"
    page = _write(out, shown, warnings)
    _print(console, shown, page)
    return 0


def terms_of(arguments: Arguments) -> Terms:
    """Return the terms, money in cents; of the board that comes along no rule is refused."""
    budget = None if arguments.budget is None else round(100.0 * arguments.budget, 6)
    strict = arguments.rules is not None
    return Terms(budget=budget, most=arguments.most, margin=arguments.margin, strict=strict)


def columns(scores: pd.DataFrame, run: Reopened, flags: pd.DataFrame) -> pd.DataFrame:
    """Return what rules can read of each customer, by customer_id."""
    seen = features(run.history).set_index("customer_id")
    own = scores.drop(columns=["as_of", "horizon_days"], errors="ignore").set_index("customer_id")
    tiers = pd.Categorical(own["tier"], categories=list(ASCENDING), ordered=True)
    kept = guardrails(tiers)["exclude_from_deep_blanket_promotions"].to_numpy()
    value = own["expected_value"].to_numpy(dtype=np.float64)
    below = np.searchsorted(np.sort(value), value, side="left") / max(len(value) - 1, 1)
    own = own.assign(tier=tiers, value_rank=below, exclude_from_deep_blanket_promotions=kept)
    for more in (seen, flags.set_index("customer_id")):
        own = own.join(more[[name for name in more if name not in own]])
    return own.reset_index()


def _with_personas(arguments: Arguments, frame: pd.DataFrame) -> pd.DataFrame:
    if arguments.personas is None:
        return frame
    path = Path(arguments.personas)
    path = path / "personas.parquet" if path.is_dir() else path
    listed = _personas(path)
    found = frame.merge(listed, on="customer_id", how="left")
    if found["persona"].isna().all():
        raise InputError(
            f"{VERB}: none of the {len(listed):,} customers of {path} is among the {len(frame):,} "
            f"of the run, for example {listed['customer_id'].iloc[0]!r} there and "
            f"{frame['customer_id'].iloc[0]!r} here; write customer_id as the run does"
        )
    return found


def _known(frame: pd.DataFrame, as_of: object) -> list[str]:
    """Say how many customers have a persona, where not nearly all, and of when personas are."""
    if "persona" not in frame:
        return []
    days = pd.to_datetime(frame.get("persona_as_of", pd.Series(dtype=object))).dropna()
    told = [
        f"Personas are as of {day:%Y-%m-%d}, scores as of {as_of}; run the personas again."
        for day in days.drop_duplicates()
        if day != pd.Timestamp(str(as_of))
    ]
    if frame["persona"].notna().mean() >= MOSTLY:
        return told
    return [
        *told,
        f"{int(frame['persona'].notna().sum()):,} of {counted(len(frame), 'customer')} have a "
        "persona; rules of personas leave out the others. Is it the same shop and cut-off?",
    ]


def _personas(path: Path) -> pd.DataFrame:
    """Return customer_id, persona and, where told, persona_as_of: of a run, or the shop's own."""
    also: dict[str, Kind] = {"name": "text", "persona": "text", "as_of": "time"}
    listed = read_columns(path, {"customer_id": "text"}, also, once=["customer_id"])
    named = [name for name in ("name", "persona") if name in listed]
    if not named:
        raise InputError(
            f"{VERB}: {path} has neither name nor persona; give customer_id and persona, "
            "such as 12345 and Champions"
        )
    own = listed.assign(persona=listed[named[0]]).rename(columns={"as_of": "persona_as_of"})
    return own[[n for n in ("customer_id", "persona", "persona_as_of") if n in own]]


def _span(scores: pd.DataFrame) -> str:
    horizon = int(scores["horizon_days"].iloc[0])
    return f"{counted(horizon, 'day')} from {scores['as_of'].iloc[0]}"


def _notes(arguments: Arguments, card: dict[str, Any], acted: Acted, warnings: Warned) -> list[str]:
    notes = [
        "Uplifts are assumptions until a campaign with a control group has measured them: hold a "
        "random part of the customers back (lifeworth assign does, with a ledger)."
    ]
    if card["value_is"] == "revenue" and arguments.margin == 1:
        notes.append(
            "Value is revenue, and counts here as if it were margin; give margin=.4 where 40 % of "
            "revenue is margin, or costs with the orders."
        )
    resting = acted.rules[acted.rules["resting"] != ""]
    if len(resting):
        absent = ", ".join(resting["resting"].unique())
        notes.append(
            f"{counted(len(resting), 'rule')} of {len(acted.rules)} are not used: columns that are "
            f"not there are {absent}."
        )
    for name, before in acted.shadowed.items():
        notes.append(f"Rule {name} never gets its turn here, behind {', '.join(before)}.")
    if card["debug"]:
        notes.append(f"debug={card['debug']}: the figures mean nothing.")
    return notes + warnings.notes


def _facts(
    arguments: Arguments, run: Reopened, card: dict[str, Any], acted: Acted
) -> dict[str, str]:
    budget = arguments.budget
    facts = {
        "run": run.folder.name,
        "model": card["model"],
        "data": f"{run.config.names.data}, content {card['data_hash'][:8]}",
        "rules": arguments.rules or "the board that comes along",
        "personas": arguments.personas or "none",
        "budget": "any" if budget is None else f"{number(budget, 2)} {card['currency']}",
        "actions of a customer": f"at most {arguments.most}",
        "share of value that is margin": share(arguments.margin, 0),
    }
    if acted.certificate is not None:
        facts["proven gap to the best"] = share(acted.certificate.gap, 4)
    return facts | {"lifeworth": card["lifeworth_version"]}


def _write(out: Path, shown: Shown, warnings: Warned) -> Path:
    """Write the files and return the path of the page."""
    out.mkdir(parents=True, exist_ok=True)
    given = shown.acted.given
    frames = {"actions": given, "rules": shown.acted.rules, "triggers": warnings.triggers}
    if warnings.judged is not None:
        frames["warnings"] = warnings.judged.table
    for name, frame in frames.items():
        part = out / f".{name}.{os.getpid()}.part"
        frame.to_parquet(part, index=False)
        part.replace(out / f"{name}.parquet")
    part = out / f".actions.csv.{os.getpid()}.part"
    given.to_csv(part, index=False, lineterminator="\n")
    part.replace(out / "actions.csv")
    return write_report(document(shown), out / PAGE)


def _print(console: Console, shown: Shown, page: Path) -> None:
    console.print(headline(shown), markup=False, soft_wrap=True)
    for note in shown.notes:
        console.print(f"Note: {note}", markup=False, soft_wrap=True)
    print_grid(rules_grid(shown), console)
    if shown.judged is not None:
        print_grid(warnings_grid(shown.judged), console)
        if np.isfinite(shown.judged.auc):
            console.print(model_line(shown.judged), markup=False, soft_wrap=True)
    print_path("Page", page, console)
