"""Horizons that a network learns: days ahead, ascending."""

import itertools
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt


def _ascending(days: tuple[int, ...]) -> tuple[int, ...]:
    if any(a >= b for a, b in itertools.pairwise(days)):
        raise ValueError(f"the horizons {', '.join(map(str, days))} do not ascend")
    return days


Horizons = Annotated[tuple[PositiveInt, ...], Field(min_length=1), AfterValidator(_ascending)]
