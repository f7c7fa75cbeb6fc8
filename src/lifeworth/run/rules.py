"""What verbs that follow a board of rules share: words, what rules read, terms, notes, facts."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from lifeworth.asof.features import EVENT_DAYS, WINDOWS, features
from lifeworth.asof.split import History
from lifeworth.asof.triggers import BEHIND
from lifeworth.decide.acting import Acted, Terms, act
from lifeworth.decide.board import Board
from lifeworth.decide.condition import Compare, atoms, columns_of, parsed
from lifeworth.decide.tiers import ASCENDING, guardrails
from lifeworth.report.wording import number, share
from lifeworth.run.words import Words
from lifeworth.tables.errors import InputError, agreed

Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]

SHARES = ("p_alive", "p_active", "value_rank", "returned_share")

COUNTS = (
    "frequency", "recency_days", "age_days", "days_since_last", "mean_gap_days", "sd_gap_days",
    "lines_per_order", "complaints", "treatments_received", "expected_purchases",
    f"events_{EVENT_DAYS}d", *(f"orders_{days}d" for days in WINDOWS), "cart_days_ago",
    "complaint_days_ago",
)  # fmt: skip

BOUNDS = dict.fromkeys(SHARES, (0.0, 1.0)) | dict.fromkeys(COUNTS, (0.0, float("inf")))
"""What columns can ever be: a rule beyond it is a slip."""


class Following(Words):
    """What board, within which limits; money in units of the run's currency."""

    run: str = Field(description="folder of a forecast's run, its MLflow run_id, or latest")
    rules: str | None = Field(None, description="YAML file; none for the board that comes along")
    personas: str | None = Field(None, description="folder of a run of personas")
    budget: Money | None = Field(
        None,
        description="the most that is spent, less what actions save; none for any",
        examples=[20000],
    )
    most: int = Field(1, ge=1, le=9, description="the most actions of a customer")
    margin: float = Field(
        1.0, gt=0, le=1, description="share of value that is margin", examples=[0.4]
    )
    out: str | None = Field(None, description="folder to write to; none for one in the run's")
    tracking_uri: str | None = Field(
        None, description="MLflow store; none for MLFLOW_TRACKING_URI or outputs/mlflow.db"
    )


def terms_of(given: Following) -> Terms:
    """Return the terms, money in cents; of the board that comes along no rule is refused."""
    budget = None if given.budget is None else round(100.0 * given.budget, 6)
    strict = given.rules is not None
    return Terms(budget=budget, most=given.most, margin=given.margin, strict=strict)


def columns(scores: pd.DataFrame, history: History, flags: pd.DataFrame) -> pd.DataFrame:
    """Return what rules can read of each customer, by customer_id.

    Parameters
    ----------
    scores
        As a run stores them.
    history, flags
        Of the same customers; flags as of `asof.triggers`.
    """
    seen = features(history).set_index("customer_id")
    own = scores.drop(columns=["as_of", "horizon_days"], errors="ignore").set_index("customer_id")
    tiers = pd.Categorical(own["tier"], categories=list(ASCENDING), ordered=True)
    kept = guardrails(tiers)["exclude_from_deep_blanket_promotions"].to_numpy()
    value = own["expected_value"].to_numpy(dtype=np.float64)
    below = np.searchsorted(np.sort(value), value, side="left") / max(len(value) - 1, 1)
    own = own.assign(tier=tiers, value_rank=below, exclude_from_deep_blanket_promotions=kept)
    for more in (seen, flags.set_index("customer_id")):
        own = own.join(more[[name for name in more if name not in own]])
    return own.reset_index()


def follow(given: Following, board: Board, frame: pd.DataFrame, terms: Terms) -> Acted:
    """Follow the rules; what is wrong with one is told with the name of its file.

    Raises
    ------
    InputError
        As `decide.acting.act`; or if a rule reads persona and none are given.
    """
    where = f"{Path(given.rules).name}, " if given.rules else ""
    try:
        if "persona" not in frame:
            _refuse_no_personas(board)
        return act(board, frame, terms, BEHIND, BOUNDS)
    except InputError as error:
        raise InputError(f"{where}{error}") from error


def _refuse_no_personas(board: Board) -> None:
    for rule in board.rules if "persona" not in board.optional else ():
        for text in filter(None, (rule.when, rule.unless)):
            if "persona" in columns_of(parsed(f"rule {rule.name}", text)):
                raise InputError(
                    f"rule {rule.name}: it reads persona, and no personas are given; give "
                    "personas=FOLDER of a run of personas, or write optional: [persona]"
                )


def named_personas(board: Board) -> list[str]:
    """Return the personas that rules name."""
    texts = ((f"rule {r.name}", t) for r in board.rules for t in (r.when, r.unless) if t)
    every = (atom for where, text in texts for atom in atoms(parsed(where, text)))
    own = [a for a in every if a.column == "persona" and isinstance(a, Compare)]
    return list(dict.fromkeys(str(value) for atom in own for value in atom.values))


def notes_of(given: Following, card: dict[str, Any], acted: Acted) -> list[str]:
    """Return what a reader of the actions has to know."""
    notes = [
        "Uplifts are assumptions until a campaign with a control group has measured them: hold a "
        "random part of the customers back (lifeworth assign does, with a ledger)."
    ]
    if card["value_is"] == "revenue" and given.margin == 1:
        notes.append(
            "Value is revenue, and counts here as if it were margin; give margin=.4 where 40 % of "
            "revenue is margin, or costs with the orders."
        )
    resting = acted.rules[acted.rules["resting"] != ""]
    if len(resting):
        absent = ", ".join(resting["resting"].unique())
        notes.append(
            f"{agreed(len(resting), 'rule', 'are', f'of {len(acted.rules)}')} not used: columns "
            f"that are not there are {absent}."
        )
    for name, before in acted.shadowed.items():
        notes.append(f"Rule {name} never gets its turn here, behind {', '.join(before)}.")
    silent: dict[str, list[str]] = {}
    for name, seen in acted.idle.items():
        silent.setdefault("; ".join(seen), []).append(name)
    for seen, names in silent.items():
        which = f"Rule {names[0]} fires" if len(names) == 1 else f"Rules {', '.join(names)} fire"
        notes.append(f"{which} for nobody here: {seen}.")
    if card["debug"]:
        notes.append(f"debug={card['debug']}: the figures mean nothing.")
    return notes


def facts_of(given: Following, card: dict[str, Any], acted: Acted) -> dict[str, str]:
    """Return how the actions were made."""
    budget = given.budget
    facts = {
        "rules": given.rules or "the board that comes along",
        "personas": given.personas or "none",
        "budget": "any" if budget is None else f"{number(budget, 2)} {card['currency']}",
        "actions of a customer": f"at most {given.most}",
        "share of value that is margin": share(given.margin, 0),
    }
    if acted.certificate is not None:
        facts["proven gap to the best"] = share(acted.certificate.gap, 4)
    return facts | {"lifeworth": card["lifeworth_version"]}
