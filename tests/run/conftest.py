"""One fast run of the command, shared by the tests of what comes after it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest


class Command(NamedTuple):
    """What a command printed, and its exit status."""

    out: str
    err: str
    status: int


def run_command(*words: str, cwd: Path, **env: str) -> Command:
    """Run the command as a user would, in a process of its own."""
    inherited = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(
        [Path(sys.executable).with_name("lifeworth"), *words],
        cwd=cwd,
        env=inherited | {"COLUMNS": "120"} | env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Command(done.stdout, done.stderr, done.returncode)


class Done(NamedTuple):
    """A finished run: where it was started, its folder, what it printed."""

    cwd: Path
    folder: Path
    printed: Command


@pytest.fixture(scope="session")
def lifeworth() -> Callable[..., Command]:
    return run_command


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    cwd = tmp_path_factory.mktemp("shop")
    printed = run_command("run", "experiment=clv_cdnow_sample", "debug=fast", cwd=cwd)
    assert printed.status == 0, printed.err
    (folder,) = (cwd / "outputs" / "cdnow" / "btyd_bgnbd").iterdir()
    return Done(cwd, folder, printed)


@pytest.fixture
def refused(tmp_path: Path, capfd) -> Callable[..., str]:
    """Return a function that composes a run which cannot be, and returns what is said of it."""
    from lifeworth.run.conf import conf_folder
    from lifeworth.run.hydra_app import compose_and_run

    def told(*words: str) -> str:
        where = [f"hydra.run.dir={tmp_path}", f"tracking_uri=sqlite:///{tmp_path / 'm.db'}"]
        assert compose_and_run([*words, *where], conf_folder()) == 2
        said = capfd.readouterr().err
        assert "Traceback" not in said
        return said

    return told


@pytest.fixture(
    params=[["export", "to=bundle"], ["target", "budget=5", "cost=1", "uplift=.1"], ["score"]]
)
def turned_away(request, capsys) -> Callable[[Path], str]:
    """Return a function that asks a verb for forecasts of a folder, and returns its one line."""
    from lifeworth.run.cli import main

    def told(folder: Path) -> str:
        verb, *rest = request.param
        assert main([verb, f"run={folder}", *rest]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    return told
