"""scripts/setup: what it installs, when it leaves things alone, and what it says when it cannot."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

RECORDER = """#!/usr/bin/env bash
# Stands in for Python: makes a .venv with itself inside, and writes down what pip is told.
case "$*" in
  *"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo venv >> calls ;;
  *"pip install"*) echo "${@: -1}" >> calls ;;
esac
"""
NO_VENV = """#!/usr/bin/env bash
case "$*" in *ensurepip*) exit 1 ;; esac
"""


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    home = tmp_path / "a clone"
    shutil.copytree(ROOT / "scripts", home / "scripts")
    for name in ["pyproject.toml", "constraints.txt"]:
        shutil.copy(ROOT / name, home / name)
    return home


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    return program(tmp_path / "recording python", RECORDER)


def setup(home: Path, python: Path | str, *extras: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "scripts/setup", *extras]
    env = os.environ | {"PYTHON": str(python)}
    return subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False)


def calls(home: Path) -> list[str]:
    """Return and forget what was called since the last time: "venv", or what pip was to install."""
    log = home / "calls"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def test_a_second_call_does_nothing(clone, recorder):
    setup(clone, recorder, "cdnow")
    assert calls(clone) == ["venv", ".[cdnow]"]
    again = setup(clone, recorder, "cdnow")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert calls(clone) == []


def test_extras_of_earlier_calls_stay(clone, recorder):
    setup(clone, recorder, "dev")
    setup(clone, recorder, "cdnow")
    assert calls(clone) == ["venv", ".[dev]", ".[cdnow,dev]"]
    setup(clone, recorder, "dev")
    assert calls(clone) == []


def test_without_extras(clone, recorder):
    setup(clone, recorder)
    setup(clone, recorder)
    assert calls(clone) == ["venv", "."]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_file_installs_again(clone, recorder, name):
    setup(clone, recorder, "cdnow")
    with (clone / name).open("a") as file:
        file.write("# changed\n")
    calls(clone)
    setup(clone, recorder, "cdnow")
    assert calls(clone) == [".[cdnow]"]


def test_a_folder_that_was_moved_gets_a_new_venv(clone, recorder):
    setup(clone, recorder, "cdnow")
    calls(clone)
    moved = clone.rename(clone.with_name("moved"))
    setup(moved, recorder, "cdnow")
    assert calls(moved) == ["venv", ".[cdnow]"]


def test_an_install_that_failed_is_tried_again(clone, recorder):
    setup(clone, recorder, "cdnow")
    program(clone / ".venv" / "bin" / "python", '#!/usr/bin/env bash\n[ "$3" != install ]\n')
    calls(clone)
    assert setup(clone, recorder, "dev").returncode == 1
    program(clone / ".venv" / "bin" / "python", RECORDER)
    assert setup(clone, recorder, "dev").returncode == 0
    assert calls(clone) == [".[cdnow,dev]"]


def refusal(run: subprocess.CompletedProcess[str], home: Path) -> str:
    assert (run.returncode, run.stdout) == (1, "")
    assert not (home / ".venv").exists()
    return run.stderr.removeprefix("scripts/setup: ")


def test_an_unknown_extra_is_named(clone, recorder):
    said = refusal(setup(clone, recorder, "sprak"), clone)
    assert said.startswith("pyproject.toml has no extra 'sprak'")


def test_no_python_is_said_with_the_remedy(clone):
    said = refusal(setup(clone, "false", "dev"), clone)
    assert said.startswith("found no Python 3.11, 3.12, 3.13 or 3.14 under the name PYTHON=false")
    assert "PYTHON=/path/to/python3.11 scripts/setup" in said


def test_a_python_without_venv_is_said_with_the_remedy(clone, tmp_path):
    bare = program(tmp_path / "bare", NO_VENV)
    said = refusal(setup(clone, bare, "dev"), clone)
    assert said.startswith(f"{bare} cannot make virtual environments.")
    assert "apt-get install python3-venv" in said
