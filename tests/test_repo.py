"""The repository keeps its own rules: short functions, true pins, a thin import."""

import ast
import importlib.metadata
import os
import re
import statistics
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
PLACES = ["src", "conf", "scripts", "tests", "benchmarks", "notebooks", ".ci"]
TEXT = {"", ".cfg", ".csv", ".j2", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}

UNFINISHED = r"NotImplementedError|TODO|FIXME|XXX|HACK|\b(placeholder|stub|dummy|not implemented)"
MACHINE_PATH = r"(?<![\w.:/}*])/(work|farm|home|Users|root|mnt|tmp|opt)/\w"
REGISTRY = r"pypi\.org|pythonhosted|anaconda\.(org|com)|index-url|find-links|trusted-host"
CLOCKS = {"now", "today", "utcnow", "time", "time_ns"}


def texts() -> Iterator[tuple[str, str]]:
    """Yield every text file of the repository but this one, with its path from the root."""
    found = [path for place in PLACES for path in (ROOT / place).rglob("*")]
    for path in sorted([*found, *ROOT.iterdir()]):
        if path.is_file() and path.suffix in TEXT and path != Path(__file__):
            yield path.relative_to(ROOT).as_posix(), path.read_text()


def places_of(pattern: str, places: tuple[str, ...] = ("",)) -> list[str]:
    """List what matches, as path:line: text."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts()
        if name.startswith(places)
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(pattern, line)
    ]


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield every function of the package with its place."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def body(function: ast.FunctionDef) -> list[ast.stmt]:
    return function.body[1:] if ast.get_docstring(function) else function.body


def length(function: ast.FunctionDef) -> int:
    """Count its lines from `def` to the end, without the docstring."""
    whole = function.end_lineno - function.lineno + 1
    return whole - sum(
        s.end_lineno - s.lineno + 1 for s in function.body if s not in body(function)
    )


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    required = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): str(pin.specifier) for pin in required}


def asked_for() -> list[Requirement]:
    """List what pyproject.toml asks for: to build, to run, and in every extra."""
    groups = [PROJECT["build-system"]["requires"], PROJECT["project"]["dependencies"]]
    return [Requirement(line) for group in [*groups, *EXTRAS.values()] for line in group]


def applies(requirement: Requirement, extras: set[str]) -> bool:
    marker, here = requirement.marker, default_environment()
    return marker is None or any(marker.evaluate(here | {"extra": e}) for e in extras | {""})


def needed(requirements: list[Requirement]) -> dict[str, set[str]]:
    """Follow requirements through what is installed: name to extras asked of it."""
    seen: dict[str, set[str]] = {}
    waiting = [r for r in requirements if applies(r, set())]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in seen and requirement.extras <= seen[name]:
            continue
        seen[name] = seen.get(name, set()) | requirement.extras
        lines = importlib.metadata.requires(name) or []
        waiting += [r for r in map(Requirement, lines) if applies(r, seen[name])]
    return seen


# ---- code


def test_no_file_is_longer_than_400_lines():
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in SOURCES}
    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}


def test_no_function_has_more_than_30_statements():
    count = {
        place: sum(isinstance(inner, ast.stmt) for s in body(f) for inner in ast.walk(s))
        for place, f in functions()
    }
    assert {place: statements for place, statements in count.items() if statements > 30} == {}


def test_the_median_function_is_shorter_than_ten_lines():
    assert statistics.median(length(function) for _, function in functions()) < 10


def test_every_module_says_what_it_is():
    silent = [path for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert [str(path.relative_to(ROOT)) for path in silent] == []


def test_every_folder_of_code_is_a_package():
    folders = {path.parent for path in SOURCES}
    bare = [folder for folder in folders if not (folder / "__init__.py").exists()]
    assert [str(folder.relative_to(ROOT)) for folder in bare] == []


def test_models_engines_and_decisions_read_no_clock():
    layers = ("models", "engines", "evaluate", "decide")
    calls = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for layer in layers
        for path in sorted((ROOT / "src" / "lifeworth" / layer).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in CLOCKS and not node.args
    ]
    assert calls == []


# ---- text


def test_nothing_is_left_unfinished():
    assert places_of(UNFINISHED, ("src/", "conf/", "scripts/", "benchmarks/", "notebooks/")) == []


def test_no_path_of_one_machine():
    assert places_of(MACHINE_PATH) == []


def test_no_registry_is_named():
    assert places_of(REGISTRY) == []


def test_choices_that_readme_and_scripts_name_are_there():
    groups = {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()}
    told = [text for name, text in texts() if name.startswith(("README", "scripts/"))]
    named = re.findall(rf"\b({'|'.join(sorted(groups))})=([a-z][\w,]*)", "\n".join(told))
    paths = [f"conf/{group}/{name}.yaml" for group, names in named for name in names.split(",")]
    assert "conf/experiment/clv_cdnow.yaml" in paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_files_that_the_readme_names_are_there():
    named = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", (ROOT / "README.md").read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_change_log_knows_this_version():
    version = re.escape(PROJECT["project"]["version"])
    assert re.search(rf"^## {version}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_modules_on_the_list_of_type_checked_ones_are_there():
    listed = PROJECT["tool"]["basedpyright"]["include"]
    assert [path for path in listed if not (ROOT / path).exists()] == []


# ---- dependencies


def test_every_pin_is_exact():
    assert [name for name, pin in pins().items() if not pin.startswith("==")] == []


def test_every_direct_dependency_is_pinned_and_explained():
    text = (ROOT / "constraints.txt").read_text()
    names = {canonicalize_name(requirement.name) for requirement in asked_for()}
    reasons = re.findall(r"(?i)^# ([\w.-]+): .+\.\n\1==", text, re.MULTILINE)
    explained = {canonicalize_name(name) for name in reasons}
    assert names - pins().keys() == set()
    assert names - explained == set()


def test_everything_that_gets_installed_is_pinned():
    wanted = [r for r in asked_for() if r.name != "hatchling"]
    try:
        names = needed(wanted).keys()
    except importlib.metadata.PackageNotFoundError as missing:
        pytest.skip(f"needs every extra installed; {missing}")
    assert names - pins().keys() == set()


def test_conda_installs_what_scripts_setup_installs():
    steps = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = (step["pip"] for step in steps if isinstance(step, dict))
    assert pip == ["-c constraints.txt", f"-e .[{','.join(sorted(EXTRAS))}]"]


# ---- behaviour


def python(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_importing_lifeworth_brings_no_heavy_library():
    heavy = "{'torch', 'jax', 'jaxlib', 'mlflow', 'hydra', 'sklearn', 'pyspark'}"
    assert python(f"import sys, lifeworth; print(*({heavy} & sys.modules.keys()))") == ""


def test_importing_every_module_computes_nothing():
    names = [".".join(path.relative_to(ROOT / "src").with_suffix("").parts) for path in SOURCES]
    modules = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    code = f"import importlib, jax; [importlib.import_module(m) for m in {modules}]"
    assert python(f"{code}; print(len(jax.live_arrays()))") == "0"


@pytest.mark.parametrize("name", ["scripts/run", "scripts/setup", "scripts/test", ".ci/run"])
def test_scripts_are_executable_bash(name):
    script = ROOT / name
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", script], check=True)


def test_the_wheel_brings_configuration_and_templates(tmp_path):
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", tmp_path, ROOT], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("lifeworth-*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    conf = {f"lifeworth/{p.relative_to(ROOT)}" for p in (ROOT / "conf").rglob("*.yaml")}
    kept = [p for p in (ROOT / "src").rglob("*") if p.suffix in {".py", ".j2"}]
    code = {str(p.relative_to(ROOT / "src")) for p in kept}
    assert conf
    assert conf | code <= packed


@pytest.mark.spark
def test_the_bundled_java_starts_as_spark_starts_it(bundled_java):
    command = [bundled_java / "bin" / "java", "--add-modules=jdk.incubator.vector", "-version"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 'version "17.' in run.stderr
