"""Value, persona and actions of a store's customers side by side, by models fitted before."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field
from rich.console import Console

from lifeworth.asof.triggers import triggers
from lifeworth.report.page import write as write_report
from lifeworth.report.scored import Shown, brief_grid, document, headline
from lifeworth.report.terminal import print_grid, print_path
from lifeworth.report.wording import counted
from lifeworth.run.board_file import DEFAULT, read_board_file
from lifeworth.run.export import COLUMNS as OF_SCORES
from lifeworth.run.export import described
from lifeworth.run.finished import folder_of
from lifeworth.run.frozen import Placed, Today, placed, today
from lifeworth.run.outputs import PERSONAS, put, whole
from lifeworth.run.rules import Following, columns, facts_of, follow, notes_of, terms_of
from lifeworth.tables.errors import InputError

VERB = "lifeworth score"

EXAMPLES = """  lifeworth score run=latest
  lifeworth score run=outputs/... personas=outputs/... budget=20000 most=2 margin=.4 out=scored
  lifeworth score run=outputs/... personas=outputs/... data=newer rules=board.yaml

Nothing is fitted: the models of the runs score the store as it is today, customers who came since
included. scored.csv and scored.parquet have a row for each customer, money in cents, actions.csv
and actions.parquet one for each action; scored.json says what every column is. Without rules= the
board that comes along is followed, as lifeworth board does."""

PAGE = "scored.html"

OF_ACTION = {
    "action": ("text", "what is done with the customer"),
    "channel": ("text", "where it is done"),
    "rule": ("text", "the rule that gave it"),
    "why": ("text", "what of the customer made the rule fire"),
    "cost": ("cents", "what it costs; missing where there is none"),
    "margin": ("cents", "what it is expected to bring over what would come anyway"),
}
"""Unit and meaning of what is said of an action, in columns that end in its place: _1, _2, ..."""

TEXTS = tuple(name for name, (unit, _) in OF_ACTION.items() if unit == "text")

COLUMNS = {
    **OF_SCORES,
    "tier": ("text", "VIP, High, Med or Low: by the values where those of the run began"),
    "new": ("true/false", "the run had no score of the customer"),
    "persona": ("text", "whom the customer is like; VIP Outliers or No persona for nobody"),
    "persona_probability": ("probability", "of the nearest persona"),
    "nearest_persona": ("text", "the nearest persona, also of who is like nobody"),
}
"""Unit and meaning of the columns of scored.csv but those of actions."""


class Arguments(Following):
    """Which models, on which data, and what board within which limits."""

    personas: str | None = Field(
        None, description="folder of a run of personas, or its MLflow run_id; none for no personas"
    )
    out: str | None = Field(None, description="folder to write to; none for scored in the run's")
    data: str | None = Field(
        None, description="folder of the data of today; none for where the run read its own"
    )


def main(arguments: Arguments) -> int:
    """Score, follow the rules, write the files and the page, and print who is worth what."""
    board = read_board_file(Path(arguments.rules) if arguments.rules else DEFAULT)
    folder = folder_of(VERB, arguments.run, arguments.tracking_uri)
    like = None if arguments.personas is None else _personas_folder(arguments)
    console = Console()
    with console.status("reading the data of today"):
        store = today(VERB, folder, arguments.data)
    with console.status("scoring"):
        found = None if like is None else placed(VERB, like, store)
        scores = store.forecast()
    with console.status("following the rules"):
        frame = columns(scores, store.history, triggers(store.history))
        terms = terms_of(arguments)
        acted = follow(arguments, board, _with_personas(frame, found), terms)
    people = side_by_side(store, scores, found)
    table = with_actions(people, acted.given, terms.most)
    own = [] if found is None else found.notes
    shown = Shown(
        title=f"{store.config.title}: customers of today",
        subtitle=f"{store.card['model']}, {counted(store.config.split.horizon_days, 'day')} from "
        f"{store.history.cutoff}, {store.card['value_is']}",
        currency=store.card["currency"],
        horizon_days=store.config.split.horizon_days,
        customers=table,
        acted=acted,
        terms=terms,
        notes=[*store.notes(), *own, *notes_of(arguments, store.card, acted)],
        facts=_made(store) | facts_of(arguments, store.card, acted),
    )
    out = Path(arguments.out) if arguments.out else folder / "scored"
    _print(console, shown, _write(out, shown))
    return 0


def side_by_side(store: Today, scores: pd.DataFrame, found: Placed | None) -> pd.DataFrame:
    """Return scores with whether customers are new and, where there are personas, whose they are.

    Who is outside the window of the personas has "" in texts and NaN for a probability.
    """
    table = scores.copy()
    table.insert(3, "new", store.new(table["customer_id"]))
    if found is None:
        return table
    table = table.merge(_of_personas(found.members), on="customer_id", how="left")
    return table.fillna({"persona": "", "nearest_persona": ""})


def with_actions(table: pd.DataFrame, given: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return customers with all of OF_ACTION of each of their actions, of which `most` are there.

    Where there is none, "" in texts and NaN in numbers.
    """
    for place in range(1, most + 1):
        own = given.loc[given["place"] == place, ["customer_id", *OF_ACTION]]
        own = own.rename(columns={name: f"{name}_{place}" for name in OF_ACTION})
        table = table.merge(own, on="customer_id", how="left")
    texts = [f"{name}_{place}" for place in range(1, most + 1) for name in TEXTS]
    return table.fillna(dict.fromkeys(texts, ""))


def _of_personas(members: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "customer_id": members["customer_id"],
        "persona": members["persona_name"].astype("str"),
        "persona_probability": members["probability"],
        "nearest_persona": members["nearest_name"].astype("str"),
    })  # fmt: skip


def _with_personas(frame: pd.DataFrame, found: Placed | None) -> pd.DataFrame:
    if found is None:
        return frame
    own = _of_personas(found.members)[["customer_id", "persona"]]
    return frame.merge(own, on="customer_id", how="left")


def _personas_folder(arguments: Arguments) -> Path:
    """Return the folder of the personas' run, also where its table is named."""
    given = Path(str(arguments.personas))
    if given.is_file() and given.name != PERSONAS:
        raise InputError(
            f"{VERB}: personas={given} is a file, which says nothing of new customers; name the "
            "folder of a run of personas, whose model does"
        )
    if given.is_file():
        return given.parent
    return folder_of(VERB, str(given), arguments.tracking_uri, "personas")


def _made(store: Today) -> dict[str, str]:
    return {
        "run": store.folder.name,
        "model": f"{store.card['model']}, of {store.fitted_at}",
        "scores as of": str(store.history.cutoff),
        "data": f"{store.config.names.data}, content {store.tables.content_hash()[:8]}",
        "data of the run": f"content {store.card['data_hash'][:8]}",
    }


def _write(out: Path, shown: Shown) -> Path:
    """Write the files and return the path of the page."""
    put(
        out,
        {"scored": shown.customers, "actions": shown.acted.given, "rules": shown.acted.rules},
        texts=["scored", "actions"],
    )
    with whole(out / "scored.json") as part:
        part.write_text(json.dumps(_manifest(shown), indent=2) + "\n", encoding="utf-8")
    return write_report(document(shown), out / PAGE)


def _manifest(shown: Shown) -> dict[str, Any]:
    table = shown.customers
    of_actions = {
        f"{name}_{place}": (unit, f"of action {place}: {meaning}")
        for place in range(1, shown.terms.most + 1)
        for name, (unit, meaning) in OF_ACTION.items()
    }
    return {
        **shown.facts,
        "currency": shown.currency,
        "money": f"cents, 1/100 {shown.currency}",
        "customers": len(table),
        "new": int(table["new"].sum()),
        "columns": [described(str(name), table[name], of_actions | COLUMNS) for name in table],
        "notes": shown.notes,
    }


def _print(console: Console, shown: Shown, page: Path) -> None:
    console.print(headline(shown), markup=False, soft_wrap=True)
    for note in shown.notes:
        console.print(f"Note: {note}", markup=False, soft_wrap=True)
    print_grid(brief_grid(shown), console)
    print_path("Page", page, console)
