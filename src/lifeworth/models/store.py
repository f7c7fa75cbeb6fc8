"""Keep any fitted model: JSON and arrays; no pickle, no code, no training rows."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from lifeworth.models.core import Fitted
from lifeworth.tables.errors import InputError

ROOM = "lifeworth.models."
ARRAY = "array:"
FORMAT = 1


def save(fitted: Fitted[Any], folder: Path) -> None:
    """Write `fitted` to fitted.json and arrays.npz in `folder`, which is made if it is not there."""
    arrays: dict[str, np.ndarray] = {}
    kind = type(fitted)
    body = _packed(TypeAdapter(kind).dump_python(fitted), arrays, "")
    folder.mkdir(parents=True, exist_ok=True)
    text = {"format": FORMAT, "kind": f"{kind.__module__}.{kind.__qualname__}", "fitted": body}
    (folder / "fitted.json").write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")
    np.savez(folder / "arrays.npz", allow_pickle=False, **arrays)


def load(folder: Path) -> Fitted[Any]:
    """Read back what `save` wrote; its scores are the same to the last bit.

    Raises
    ------
    InputError
        If the folder holds no fitted model, or one this version does not know.
    """
    path = folder / "fitted.json"
    if not path.is_file():
        raise InputError(
            f"fitted model: no fitted.json in {folder}; name a run's folder 'fitted', which every run leaves"
        )
    text = json.loads(path.read_text(encoding="utf-8"))
    module, _, name = str(text.get("kind", "")).rpartition(".")
    if text.get("format") != FORMAT or not module.startswith(ROOM):
        raise InputError(f"fitted model: {path} is of format {text.get('format')!r}, kind {text.get('kind')!r}; "
                         f"this version reads format {FORMAT}, kinds under {ROOM}; fit the model again")  # fmt: skip
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        body = _unpacked(text["fitted"], dict(arrays))
    return TypeAdapter(getattr(importlib.import_module(module), name)).validate_python(body)


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
        return arrays[value.removeprefix(ARRAY)]
    if isinstance(value, dict):
        return {k: _unpacked(v, arrays) for k, v in value.items()}
    if isinstance(value, list):
        return [_unpacked(v, arrays) for v in value]
    return value
