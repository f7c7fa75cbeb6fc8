"""Models of scikit-learn as bytes that hold no code; it needs skops, which several extras bring."""

from typing import Any

import numpy as np
from jaxtyping import UInt8
from skops.io import dumps, get_untrusted_types, loads

from lifeworth.tables.errors import InputError

Kept = UInt8[np.ndarray, "_"]

OURS = ("sklearn.", "numpy.", "builtins.", "pandas.")
"""Where the types that are kept come from."""


def keep(model: Any) -> Kept:
    """Return a fitted model as bytes that hold no code."""
    return np.frombuffer(dumps(model), dtype=np.uint8)


def unkeep(kept: Kept) -> Any:
    """Return the model of `keep`.

    Raises
    ------
    InputError
        If it holds types of strange packages.
    """
    data = kept.tobytes()
    strange = get_untrusted_types(data=data)
    foreign = [kind for kind in strange if not kind.startswith(OURS)]
    if foreign:
        raise InputError(
            f"fitted model: it holds {len(foreign)} types that are not scikit-learn's, such as "
            f"{foreign[0]}; fit the model again"
        )
    return loads(data, trusted=strange)
