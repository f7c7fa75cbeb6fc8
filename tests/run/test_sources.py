"""`lifeworth data`: what there is, what it needs, whether a folder has it."""

from pathlib import Path

import pytest

from lifeworth.run.cli import main
from lifeworth.tables.sources import SOURCES

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIFEWORTH_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "200")


def test_every_source_says_what_it_needs_and_where_to_get_it(capsys: Capture) -> None:
    assert main(["data"]) == 0
    told = capsys.readouterr().out
    for name, kind in SOURCES.items():
        assert f"data={name}" in told
        assert kind.about.where[:40] in told
        assert all(f"needs {stem}" in told for stem in kind.about.files)


def test_a_folder_is_looked_through(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "superstore").mkdir()
    (tmp_path / "superstore" / "superstore_orders.parquet").touch()
    assert main(["data", f"folder={tmp_path}"]) == 0
    told = capsys.readouterr().out
    assert "superstore_returns" in told.split("not in", 1)[1]
    assert main(["data", "folder=nowhere"]) == 2
    assert "'nowhere' is not there; name the folder that holds the data by folder=" in (
        capsys.readouterr().err
    )
    assert main(["data", f"folder={tmp_path}", "source=tafeng"]) == 2
    told = capsys.readouterr().err
    assert "; name the folder that holds the data by folder=... or" in told
    assert "data.folder" not in told


def test_a_source_can_be_read_and_checked(capsys: Capture) -> None:
    assert main(["data", "source=cdnow"]) == 0
    told = capsys.readouterr().out
    assert "orders: 69,659 rows, every check passed" in told
    assert "value is revenue in USD" in told


def test_an_unknown_source_is_corrected(capsys: Capture) -> None:
    assert main(["data", "source=cdnw"]) == 2
    assert "did you mean 'cdnow'" in capsys.readouterr().err
