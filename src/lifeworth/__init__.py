"""What each customer of a shop is worth, and what to do about it.

The names a notebook needs, each imported when it is first used, so that `import lifeworth` is
quick.
"""

import importlib
from typing import Any

_HOME = {
    "Future": "lifeworth.asof",
    "History": "lifeworth.asof",
    "Tables": "lifeworth.tables.core",
    "assign_tiers": "lifeworth.decide.tiers",
    "cut": "lifeworth.asof",
    "evaluate": "lifeworth.evaluate.scorecard",
    "latest": "lifeworth.asof",
    "load": "lifeworth.models.store",
    "rolling": "lifeworth.asof",
    "runs": "lifeworth.run.compare",
    "save": "lifeworth.models.store",
    "use": "lifeworth.engines.device",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(
            f"module 'lifeworth' has no attribute '{name}'; it has {', '.join(_HOME)}"
        )
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
