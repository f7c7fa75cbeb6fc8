"""Keep any fitted model: JSON and arrays; no pickle, no code, no training rows."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
from pydantic import TypeAdapter, ValidationError

from lifeworth.models.core import Told
from lifeworth.tables.errors import InputError

ROOM = "lifeworth.models."
ARRAY = "array:"
FORMAT = 1
TEXT, ARRAYS = "fitted.json", "arrays.npz"

Content = TypeVar("Content")


def save(fitted: Told, folder: Path) -> None:
    """Write `fitted` to fitted.json and arrays.npz in `folder`, made if it is not there."""
    arrays: dict[str, np.ndarray] = {}
    kind = type(fitted)
    body = _packed(TypeAdapter(kind).dump_python(fitted), arrays, "")
    text = {"format": FORMAT, "kind": f"{kind.__module__}.{kind.__qualname__}", "fitted": body}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TEXT).write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")
    np.savez(folder / ARRAYS, allow_pickle=False, **arrays)


def load(folder: Path) -> Any:
    """Read back what `save` wrote; its scores are the same to the last bit.

    Raises
    ------
    InputError
        If the folder holds no fitted model, a damaged one, or one this version does not know.
    """
    missing = [name for name in (TEXT, ARRAYS) if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"fitted model: no {' and no '.join(missing)} in {folder}; "
            "name a run's folder 'fitted', which every run leaves"
        )
    text = _sound(_text, folder / TEXT)
    kind = _kind(folder / TEXT, text)
    body = _unpacked(text.get("fitted", {}), _sound(_arrays, folder / ARRAYS))
    try:
        return TypeAdapter(kind).validate_python(body)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, e["loc"])) for e in error.errors()}))
        raise InputError(
            f"fitted model: {folder / TEXT} does not fit this version's {kind.__name__} "
            f"in {fields}; fit the model again"
        ) from error


def _sound(read: Callable[[Path], Content], path: Path) -> Content:
    try:
        return read(path)
    except (BadZipFile, EOFError, ValueError) as error:
        raise InputError(
            f"fitted model: {path} is damaged ({error}); copy it again, or fit the model again"
        ) from error


def _text(path: Path) -> dict[str, Any]:
    text = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(text, dict):
        raise ValueError(f"a {type(text).__name__}, not an object")
    return text


def _arrays(path: Path) -> dict[str, np.ndarray]:
    # np.load would not close a damaged file that it opened itself
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _kind(path: Path, text: dict[str, Any]) -> type[Told]:
    """Return the class that was saved, if it is a model of ours."""
    kind = _ours(str(text.get("kind"))) if text.get("format") == FORMAT else None
    if kind is None:
        raise InputError(
            f"fitted model: {path} is of format {text.get('format')!r}, "
            f"kind {text.get('kind')!r}; this version reads format {FORMAT}, "
            f"models in {ROOM}; fit the model again"
        )
    return kind


def _ours(kind: str) -> type[Told] | None:
    module, _, name = kind.rpartition(".")
    if not module.startswith(ROOM):
        return None
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError:
        return None
    return found if isinstance(found, type) and issubclass(found, Told) else None


def _packed(value: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    """Replace every array by its name in `arrays`."""
    if isinstance(value, np.ndarray):
        arrays[where] = value
        return ARRAY + where
    if isinstance(value, dict):
        return {k: _packed(v, arrays, f"{where}.{k}" if where else k) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(v, arrays, f"{where}.{i}") for i, v in enumerate(value)]
    return value


def _unpacked(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, str) and value.startswith(ARRAY):
        return arrays.get(value.removeprefix(ARRAY), value)  # a field that is no array is refused
    if isinstance(value, dict):
        return {k: _unpacked(v, arrays) for k, v in value.items()}
    if isinstance(value, list):
        return [_unpacked(v, arrays) for v in value]
    return value
