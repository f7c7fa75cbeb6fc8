"""Who gets which action of a board of rules, from the scores of a run: files and a page."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field
from rich.console import Console

from lifeworth.report.board import Shown, document, headline, model_line, rules_grid, warnings_grid
from lifeworth.report.page import write as write_report
from lifeworth.report.terminal import print_grid, print_path
from lifeworth.report.wording import counted
from lifeworth.run.board_file import DEFAULT, read_board_file
from lifeworth.run.finished import folder_of, left_by
from lifeworth.run.outputs import put
from lifeworth.run.reopened import Reopened, reopened
from lifeworth.run.rules import (
    Following,
    columns,
    facts_of,
    follow,
    named_personas,
    notes_of,
    terms_of,
)
from lifeworth.run.warnings import Warned, warned
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

SHOWN = 3
"""Personas that an error names."""

MOSTLY = 0.9
"""Share of customers with a persona below which that is told."""


class Arguments(Following):
    """What board, within which limits."""

    personas: str | None = Field(
        None, description="folder of a run of personas, or a file: customer_id, persona"
    )
    out: str | None = Field(None, description="folder to write to; none for board in the run's")


def main(arguments: Arguments) -> int:
    """Follow the rules, write the files and the page, and print who gets what."""
    board = read_board_file(Path(arguments.rules) if arguments.rules else DEFAULT)
    folder = folder_of(VERB, arguments.run, arguments.tracking_uri)
    scores, card = left_by(VERB, folder)
    console = Console()
    with console.status("reading the data of the run again"):
        run = reopened(VERB, folder, card["data_hash"])
        warnings = warned(run)
        seen = columns(scores, run.history, warnings.triggers)
        frame = _with_personas(arguments, named_personas(board), seen)
    with console.status("following the rules"):
        terms = terms_of(arguments)
        acted = follow(arguments, board, frame, terms)
    shown = Shown(
        title=f"{run.config.title}: who gets which action",
        subtitle=f"{card['model']}, {_span(scores)}, {card['value_is']}",
        currency=card["currency"],
        acted=acted,
        terms=terms,
        judged=warnings.judged,
        notes=[
            *_known(frame, scores["as_of"].iloc[0]),
            *notes_of(arguments, card, acted),
            *warnings.notes,
        ],
        facts=_made(run, card) | facts_of(arguments, card, acted),
    )
    out = Path(arguments.out) if arguments.out else folder / "board"
    page = _write(out, shown, warnings)
    _print(console, shown, page)
    return 0


def _with_personas(arguments: Arguments, named: list[str], frame: pd.DataFrame) -> pd.DataFrame:
    """Add the personas of customers, if they are those that rules name."""
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
    there = [str(name) for name in listed["persona"].dropna().unique()]
    if named and not set(named) & set(there):
        raise InputError(
            f"{VERB}: personas of {path} are {_some(there)}, and rules name {_some(named)}; give "
            "the names that rules use: of a run of personas, the column name"
        )
    return found


def _some(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:SHOWN]) + (
        ", ..." if len(names) > SHOWN else ""
    )


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


def _made(run: Reopened, card: dict[str, Any]) -> dict[str, str]:
    return {
        "run": run.folder.name,
        "model": card["model"],
        "data": f"{run.config.names.data}, content {card['data_hash'][:8]}",
    }


def _write(out: Path, shown: Shown, warnings: Warned) -> Path:
    """Write the files and return the path of the page."""
    given = shown.acted.given
    frames = {"actions": given, "rules": shown.acted.rules, "triggers": warnings.triggers}
    if warnings.judged is not None:
        frames["warnings"] = warnings.judged.table
    put(out, frames, texts=["actions"])
    return write_report(document(shown), out / PAGE)


def _print(console: Console, shown: Shown, page: Path) -> None:
    console.print(headline(shown), markup=False, soft_wrap=True)
    for note in shown.notes:
        console.print(f"Note: {note}", markup=False, soft_wrap=True)
    print_grid(rules_grid(shown), console)
    if shown.judged is not None:
        told = f"Early warnings before, against no purchase in {shown.judged.horizon} days:"
        console.print(told, markup=False, soft_wrap=True)
        print_grid(warnings_grid(shown.judged), console)
        if np.isfinite(shown.judged.auc):
            console.print(model_line(shown.judged), markup=False, soft_wrap=True)
    print_path("Page", page, console)
