"""Bundles: complete, atomic, and never lost."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from lifeworth.run import export as exporting
from lifeworth.run.cli import main
from lifeworth.run.export import COLUMNS, export
from lifeworth.tables.errors import InputError


def test_a_bundle_says_what_it_holds(done, tmp_path: Path) -> None:
    assert export(done.folder, tmp_path / "bundle")
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    scores = pd.read_parquet(tmp_path / "bundle" / "scores.parquet")
    text = pd.read_csv(tmp_path / "bundle" / "scores.csv", dtype={"customer_id": str})
    assert manifest["customers"] == len(scores) == len(text) == 2357
    assert [c["name"] for c in manifest["columns"]] == list(scores.columns)
    told = [name for name in COLUMNS if not name.startswith(("value_sd_", "value_base", "reason"))]
    assert list(scores.columns) == told  # a BG/NBD gives no reasons
    assert manifest["money"] == "integer cents, 1/100 USD"
    card = json.loads((done.folder / "scorecard.json").read_text())
    assert manifest["data_hash"] == card["data_hash"]
    assert manifest["quality"]["value_mae"] == card["value_mae"]
    for name, facts in manifest["files"].items():
        content = (tmp_path / "bundle" / name).read_bytes()
        assert facts == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert (text["expected_value"] == scores["expected_value"].to_numpy()).all()
    assert text["customer_id"].str.len().eq(5).all()  # leading zeros survive


def test_the_same_bundle_twice_is_no_error_and_changes_nothing(done, tmp_path: Path) -> None:
    assert export(done.folder, tmp_path / "bundle")
    before = (tmp_path / "bundle" / "manifest.json").read_bytes()
    assert not export(done.folder, tmp_path / "bundle")
    assert (tmp_path / "bundle" / "manifest.json").read_bytes() == before


def changed(done, tmp_path: Path) -> Path:
    """Return a run whose scores differ."""
    other = tmp_path / "other"
    other.mkdir()
    scores = pd.read_parquet(done.folder / "scores.parquet")
    scores.assign(expected_value=scores["expected_value"] + 1).to_parquet(other / "scores.parquet")
    (other / "scorecard.json").write_bytes((done.folder / "scorecard.json").read_bytes())
    return other


def test_a_different_bundle_is_replaced_only_when_told(done, tmp_path: Path) -> None:
    target, other = tmp_path / "bundle", changed(done, tmp_path)
    export(done.folder, target)
    before = (target / "scores.csv").read_bytes()
    with pytest.raises(InputError, match="overwrite=true"):
        export(other, target)
    assert (target / "scores.csv").read_bytes() == before
    assert export(other, target, overwrite=True)
    assert (target / "scores.csv").read_bytes() != before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_folder_that_is_no_bundle_is_never_touched(done, tmp_path: Path) -> None:
    target = tmp_path / "photos"
    target.mkdir()
    (target / "holiday.txt").write_text("keep me")
    with pytest.raises(InputError, match="is not a bundle"):
        export(done.folder, target, overwrite=True)
    assert (target / "holiday.txt").read_text() == "keep me"


def test_a_crash_leaves_no_half_written_bundle(
    done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(part: Path, target: Path) -> None:
        del part, target
        raise OSError("disk full")

    monkeypatch.setattr(exporting, "_put", crash)
    with pytest.raises(OSError, match="disk full"):
        export(done.folder, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_the_command_exports_the_latest_run(
    done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(done.cwd)
    assert main(["export", "run=latest", f"to={tmp_path / 'bundle'}"]) == 0
    assert "2,357 customers" in capsys.readouterr().out
    assert main(["export", "run=nothing", "to=bundle"]) == 2
    assert "lifeworth compare lists them" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["missing", "garbled", "manifest"])
def test_a_damaged_bundle_is_never_taken_for_whole(done, tmp_path: Path, damage: str) -> None:
    target = tmp_path / "bundle"
    export(done.folder, target)
    whole = (target / "scores.csv").read_bytes()
    if damage == "manifest":
        (target / "manifest.json").write_text("{")
        with pytest.raises(InputError, match="is not a bundle"):
            export(done.folder, target, overwrite=True)
        return
    (target / "scores.csv").write_text("garbled")
    if damage == "missing":
        (target / "scores.csv").unlink()
    assert export(done.folder, target)
    assert (target / "scores.csv").read_bytes() == whole


def test_a_failing_swap_leaves_the_bundle_that_was_there(
    done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, other = tmp_path / "bundle", changed(done, tmp_path)
    export(done.folder, target)
    before = (target / "scores.csv").read_bytes()
    rename = Path.rename

    def failing(self: Path, to: Path) -> Path:
        if to == target and not self.name.endswith(".old"):
            raise OSError("disk full")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="disk full"):
        export(other, target, overwrite=True)
    assert (target / "scores.csv").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_an_empty_folder_is_filled_and_half_a_run_is_refused(done, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert export(done.folder, tmp_path / "empty")
    half = changed(done, tmp_path)
    (half / "scorecard.json").unlink()
    with pytest.raises(InputError, match=r"no scorecard\.json in"):
        export(half, tmp_path / "bundle")
