"""A bundle a shop can load: scores, and a manifest that says what they are."""

import datetime as dt
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field
from rich.console import Console

from lifeworth.run.finished import folder_of, left_by
from lifeworth.run.words import Words
from lifeworth.tables.errors import InputError

COLUMNS: dict[str, tuple[str, str]] = {
    "customer_id": ("text", "the shop's number of the customer"),
    "as_of": ("date", "the first day that was not known when the score was made"),
    "horizon_days": ("days", "how far the score looks ahead from as_of"),
    "expected_purchases": ("purchases", "expected purchases in the horizon"),
    "p_alive": (
        "probability",
        "still a customer at as_of; 1 for who bought once under a BG/NBD, read p_active there",
    ),
    "p_active": ("probability", "buys at least once in the horizon"),
    "expected_value": ("cents", "expected value of the horizon"),
    "value_sd": ("cents", "standard deviation of that value"),
    "value_q05": ("cents", "5 % quantile of that value"),
    "value_q25": ("cents", "25 % quantile"),
    "value_q50": ("cents", "median"),
    "value_q75": ("cents", "75 % quantile"),
    "value_q95": ("cents", "95 % quantile"),
    "value_sd_aleatoric": ("cents", "the part of value_sd that is chance"),
    "value_sd_epistemic": ("cents", "the part that the members of an ensemble disagree on"),
    "value_base": ("cents", "expected value of a reference customer, to which reasons add"),
    "reason_1": ("text", "the kind of input that moves the value most"),
    "reason_1_value": ("cents", "by how much, up or down"),
    "reason_2": ("text", "the second"),
    "reason_2_value": ("cents", "by how much"),
    "reason_3": ("text", "the third"),
    "reason_3_value": ("cents", "by how much"),
    "tier": ("text", "VIP, High, Med or Low: quantiles of expected value in this store"),
    "exclude_from_deep_blanket_promotions": (
        "true/false",
        "a VIP, who would have bought anyway: no deep discount for everybody",
    ),
}
"""Unit and meaning of every column of a bundle."""

QUALITY = (
    *("customers", "purchases_mae", "purchases_bias", "purchases_crps", "value_mae", "value_rmse"),
    *("value_bias", "value_gini", "value_crps", "value_coverage_50", "value_coverage_90"),
)
"""Figures of the scorecard that go with a bundle."""

FORMAT = 1

EXAMPLES = """  lifeworth export run=latest to=bundle
  lifeworth export run=outputs/cdnow/btyd_bgnbd/2026-01-31_08-00-00-000000 to=bundle
  lifeworth export run=latest to=bundle overwrite=true"""


class Arguments(Words):
    """What to export, and where to."""

    run: str = Field(description="folder of a forecast's run, its MLflow run_id, or latest")
    to: str = Field(description="folder of the bundle; made if it is not there")
    overwrite: bool = Field(False, description="replace a different bundle that is there")
    tracking_uri: str | None = Field(
        None, description="MLflow store; none for MLFLOW_TRACKING_URI or outputs/mlflow.db"
    )


def main(arguments: Arguments) -> int:
    """Write the bundle and say where it is."""
    source = folder_of("export", arguments.run, arguments.tracking_uri)
    target = Path(arguments.to)
    done = export(source, target, overwrite=arguments.overwrite)
    say = "wrote" if done else "is there already, the same:"
    told = _manifest_of(target)
    hurry = f", debug={told['debug']}: the figures mean nothing" if told["debug"] else ""
    Console().print(
        f"{say} {target} ({told['model']} as of {told['as_of']}, {told['customers']:,} customers; "
        f"scores.parquet, scores.csv, manifest.json){hurry}",
        markup=False,
        soft_wrap=True,
    )
    return 0


def export(source: Path, target: Path, *, overwrite: bool = False) -> bool:
    """Write the scores of the run in `source` to `target`; return False if they are there already.

    The bundle is written beside `target` and then renamed, so a reader never sees half of one. A
    damaged bundle of the same scores is mended.

    Raises
    ------
    InputError
        If `source` is not a run, or `target` holds anything else and `overwrite` is False.
    """
    scores, card = left_by("export", source)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        manifest = _write(part, scores, card)
        if target.exists():
            if _is_whole(target, manifest["digest"]):
                return False
            _refuse_unless(overwrite, target, manifest["digest"])
        _put(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return True


def _write(part: Path, scores: pd.DataFrame, card: dict[str, Any]) -> dict[str, Any]:
    scores.to_parquet(part / "scores.parquet", index=False)
    scores.to_csv(part / "scores.csv", index=False, lineterminator="\n")
    manifest = {
        "format": FORMAT,
        "digest": _digest(part / "scores.csv", card),
        "created_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "lifeworth_version": card["lifeworth_version"],
        "model": card["model"],
        "debug": card["debug"],
        "data_hash": card["data_hash"],
        "currency": card["currency"],
        "value_is": card["value_is"],
        "money": f"integer cents, 1/100 {card['currency']}",
        "customers": len(scores),
        "as_of": str(scores["as_of"].iloc[0]),
        "horizon_days": int(scores["horizon_days"].iloc[0]),
        "columns": [described(name, scores[name]) for name in scores.columns],
        "quality": {name: card[name] for name in QUALITY if name in card},
        "quality_cutoff": card["cutoff"],
        "quality_cuts": card["cuts"],
        "files": {p.name: _file(p) for p in sorted(part.iterdir())},
    }
    text = json.dumps(manifest, indent=2) + "\n"
    (part / "manifest.json").write_text(text, encoding="utf-8")
    part.chmod(0o755)
    return manifest


def _put(part: Path, target: Path) -> None:
    if not target.exists():
        part.rename(target)
        return
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    target.rename(old)
    try:
        part.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _is_whole(target: Path, digest: str) -> bool:
    """Say whether `target` is the bundle with this digest, every file as it was written."""
    manifest = _manifest_of(target)
    return manifest.get("digest") == digest and all(
        (target / name).is_file() and _file(target / name) == wanted
        for name, wanted in manifest["files"].items()
    )


def _refuse_unless(overwrite: bool, target: Path, digest: str) -> None:
    held = _manifest_of(target).get("digest")
    if target.is_dir() and (not any(target.iterdir()) or held == digest):
        return
    if held is None:
        raise InputError(
            f"export: {target} is there and is not a bundle; it is left as it is, name another to="
        )
    if not overwrite:
        raise InputError(
            f"export: {target} holds another bundle; "
            "name another to=, or replace it by overwrite=true"
        )


def described(
    name: str, values: pd.Series, known: Mapping[str, tuple[str, str]] = COLUMNS
) -> dict[str, str]:
    """Return name, type, unit and meaning of a column, as a manifest has them."""
    unit, meaning = known[name]
    return {"name": name, "type": str(values.dtype), "unit": unit, "meaning": meaning}


def _file(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _digest(scores: Path, card: dict[str, Any]) -> str:
    facts = json.dumps([FORMAT, card["data_hash"], card["currency"], card["value_is"]])
    return hashlib.sha256(facts.encode() + scores.read_bytes()).hexdigest()


def _manifest_of(target: Path) -> dict[str, Any]:
    """Return the manifest of a bundle; an empty one of anything else."""
    try:
        found = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and {"digest", "files"} <= found.keys() else {}
