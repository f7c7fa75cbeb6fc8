"""What a model of purchases must say, in one form for all: the doors every BTYD process has.

A customer is known by x (repeat purchases), t_x (time from the first to the last purchase) and T
(time from the first purchase to the end of observation), in one unit of time. A process says how
likely that past is, in which stages the customer can be now, and what follows from each stage.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from lifeworth.engines.likelihood import Positive

DAYS_PER_YEAR = 365.25

Link = Literal["log", "logit"]


@dataclass(frozen=True, kw_only=True)
class Coordinate:
    """A quantity a user understands, and the scale on which it may take any real value.

    Attributes
    ----------
    name
        As priors in the configuration call it.
    link
        From the quantity to the real line.
    unit
        The quantity is `unit` times what the mathematics use (365.25 for a rate a day told a year).
    meaning
        In words.
    """

    name: str
    link: Link
    meaning: str
    unit: float = 1.0


@runtime_checkable
class Process(Protocol):
    """A model of when customers buy and leave.

    `th` is a NamedTuple of the paper's parameters, each a number or an array that broadcasts
    against x, t_x and T. Methods but the first two take NumPy arrays; `counting` and `timing` JAX.
    """

    @property
    def title(self) -> str:
        """Return the name of the papers, such as BG/NBD."""
        ...

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Return the coordinates in which it is pooled and given priors."""
        ...

    @property
    def meanings(self) -> dict[str, str]:
        """Return the parameters in the paper's letters, and what they mean.

        A letter whose meaning ends in "(time)" is a time.
        """
        ...

    def params(self, eta: Any) -> Any:
        """Return parameters from coordinates, which are the last axis of `eta` (NumPy or JAX)."""
        ...

    def eta(self, th: Any) -> Float[np.ndarray, " coordinates"]:
        """Return the coordinates of one set of parameters."""
        ...

    def positives(self, age: float) -> dict[str, Positive]:
        """Return start and bounds of a maximum-likelihood fit; `age` is the mean of T."""
        ...

    def counting(self, th: Any, x: Any) -> Any:
        """Return what of a customer's log-likelihood depends on x alone."""
        ...

    def timing(self, th: Any, x: Any, t_x: Any, T: Any) -> Any:
        """Return the rest of it."""
        ...

    def alive(self, th: Any, x: Any, t_x: Any, T: Any) -> Float[np.ndarray, "stages ..."]:
        """Return P(alive and in that stage at T | x, t_x, T) by stage; most models have one."""
        ...

    def purchases(self, th: Any, x: Any, T: Any, H: Any, stage: int) -> Float[np.ndarray, " n"]:
        """Return E[purchases in (T, T + H] | alive at T in that stage].

        Rows of x, T and H; fields of `th` are numbers or have the same rows.
        """
        ...

    def p_active(
        self, th: Any, x: Any, T: Any, start: Any, end: Any, stage: int
    ) -> Float[np.ndarray, " n"]:
        """Return P(a purchase in (T + start, T + end] | alive at T in that stage)."""
        ...

    def counts(
        self, th: Any, x: Any, T: Any, H: Any, stage: int
    ) -> Iterator[Float[np.ndarray, " n"]]:
        """Yield P(n purchases in (T, T + H] | alive at T in that stage) for n = 0, 1, 2, ..."""
        ...

    def draw(
        self, th: Any, x: Any, T: Any, H: float, stage: int, rng: np.random.Generator
    ) -> Float[np.ndarray, " n"]:
        """Draw the purchases in (T, T + H] of customers alive at T in that stage; rows as above."""
        ...
