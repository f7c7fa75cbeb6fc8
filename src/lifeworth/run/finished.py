"""A finished run: its folder, and what it left there."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from lifeworth.report.wording import share
from lifeworth.run.compare import runs
from lifeworth.run.kinds import Kind
from lifeworth.run.outputs import PERSONAS, RECOMMENDATIONS
from lifeworth.tables.errors import InputError

NO_FORECAST = {
    PERSONAS: (
        "personas, which say whom customers are like and not what they are worth; the persona of "
        "each is in"
    ),
    RECOMMENDATIONS: (
        "a ranking, which says what to show and not what customers are worth; its lists are in"
    ),
}
"""Tables by which runs that forecast nothing are known, and what those say."""

OFF = 0.25
"""By how much of itself a mean chance may miss what came before that is told."""

FIRST: dict[Kind, str] = {
    "forecast": "clv_cdnow",
    "personas": "personas_online_retail",
    "campaign": "uplift_hillstrom",
    "ranking": "ranker_retailrocket",
}
"""An experiment of each kind."""


def folder_of(verb: str, run: str, tracking_uri: str | None, kind: Kind = "forecast") -> Path:
    """Return the folder of a run: given itself, by its MLflow run_id, or the latest of a `kind`.

    Parameters
    ----------
    kind
        Of run that the verb takes.

    Raises
    ------
    InputError
        If there is no such run; its message begins with `verb`.
    """
    if Path(run).is_dir():
        return Path(run)
    found = runs(tracking_uri)
    found = found[found["status"] == "FINISHED"]
    own = found[found["kind"] == kind]
    chosen = own.tail(1) if run == "latest" else found[found["run_id"] == run]
    if chosen.empty and run == "latest":
        raise InputError(
            f"{verb}: there is no finished run ({kind}) among {len(found):,} in MLflow; make "
            f"one, such as lifeworth run experiment={FIRST[kind]}, or name the folder of one"
        )
    if chosen.empty:
        word = "personas" if kind == "personas" else "run"
        raise InputError(
            f"{verb}: {word}={run} is neither the folder of a run nor one of {len(found):,} "
            "finished runs in MLflow; lifeworth compare lists them"
        )
    return Path(str(chosen.iloc[0]["folder"]))


def card_of_chances(verb: str, folder: Path) -> dict[str, Any]:
    """Return the scorecard of the run of a ranking whose scores are chances.

    Raises
    ------
    InputError
        If it is the run of something else, or its scores are no chances.
    """
    card = folder / "scorecard.json"
    if not (folder / RECOMMENDATIONS).is_file() or not card.is_file():
        raise InputError(
            f"{verb}: {folder} is not the run of a ranking; make one by lifeworth run "
            "experiment=ranker_retailrocket, or basket_online_retail"
        )
    told = json.loads(card.read_text(encoding="utf-8"))
    if told["score_is"] != "chance":
        raise InputError(
            f"{verb}: scores of {told['model']} order products and are no chances, so they have no "
            "worth in money; run model=ranker_union (of sessions), basket_learnt (of baskets), "
            "ranker_repeat, or of carts basket_ease or basket_attach"
        )
    return told


def chances_off(card: dict[str, Any]) -> list[str]:
    """Say, of the run of a ranking, whether its chances miss what came by much."""
    name = next((name for name in card if name.startswith("chance_at_")), "")
    said, came = card.get(name), card.get(name.replace("chance", "came", 1))
    if said is None or came is None or abs(said - came) <= OFF * max(came, said):
        return []
    return [
        f"Chances are off: of what lists show {share(said)} is said to come, and {share(came)} "
        "came; money made of them is off by as much."
    ]


def left_by(verb: str, folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the scores and the scorecard that a run left in `folder`.

    Raises
    ------
    InputError
        If one of them is not there, or the run is that of a campaign, of personas or a ranking.
    """
    for table, why in NO_FORECAST.items():
        if (folder / table).is_file():
            raise InputError(f"{verb}: {folder} is the run of {why} {folder / table}")
    missing = [n for n in ("scores.parquet", "scorecard.json") if not (folder / n).is_file()]
    if missing:
        raise InputError(
            f"{verb}: no {' and no '.join(missing)} in {folder}; name the folder of a finished run"
        )
    scores = pd.read_parquet(folder / "scores.parquet")
    if "expected_value" not in scores:
        raise InputError(
            f"{verb}: {folder} is the run of a campaign, which says what arms change and not what "
            f"customers are worth; lifeworth assign offers={folder / 'offers.parquet'} takes it on"
        )
    card = json.loads((folder / "scorecard.json").read_text(encoding="utf-8"))
    return scores, card


def personas_by(verb: str, folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table of who belongs where and the scorecard that a run of personas left.

    Raises
    ------
    InputError
        If `folder` is no such run.
    """
    missing = [name for name in (PERSONAS, "scorecard.json") if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{verb}: personas={folder} is no run of personas, there is no "
            f"{' and no '.join(missing)} in it; name the folder of one, as lifeworth run "
            "model=personas_default leaves it"
        )
    card = json.loads((folder / "scorecard.json").read_text(encoding="utf-8"))
    return pd.read_parquet(folder / PERSONAS), card
