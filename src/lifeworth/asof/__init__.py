"""The only place that reads a clock: what was known at a cut-off, and what came after it."""

from lifeworth.asof.split import Future, History, cut, latest, rolling

__all__ = ["Future", "History", "cut", "latest", "rolling"]
