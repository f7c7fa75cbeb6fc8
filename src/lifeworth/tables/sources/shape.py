"""The shape of every source: frozen fields, types checked, unknown fields refused by name."""

from datetime import datetime
from typing import ClassVar, Protocol, runtime_checkable

from pydantic import ConfigDict

from lifeworth.tables.core import Tables
from lifeworth.tables.sources.about import About

STRICT = ConfigDict(extra="forbid")
"""For `pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)`."""


@runtime_checkable
class Source(Protocol):
    """Where canonical tables come from."""

    about: ClassVar[About]

    @property
    def folder(self) -> str | None:
        """The data folder, or None."""
        ...

    def load(self, latest: datetime | None = None) -> Tables:
        """Return the checked store; times after `latest` are refused (no bound if None)."""
        ...
