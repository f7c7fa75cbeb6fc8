"""Words that say how lists are made and drawn, the same where they are drawn and read again."""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from lifeworth.decide.explore import FLOOR, Exploration
from lifeworth.decide.rerank import ListCaps, Penalties
from lifeworth.run.complaints import of_file
from lifeworth.run.words import Words, checked
from lifeworth.tables.errors import InputError


class Sized(Words):
    """How long a list is, and how many of a category."""

    size: int = Field(10, ge=1, description="most products of a list, or offers beside a cart")
    per_category: int | None = Field(None, ge=1, description="most of a category")


class Capped(Sized):
    """How long a list is, and how many of a category and a seller."""

    per_seller: int | None = Field(None, ge=1, description="most of a seller")

    def caps(self) -> ListCaps:
        """Return the caps."""
        return ListCaps(size=self.size, per_category=self.per_category, per_seller=self.per_seller)


class Penalising(Words):
    """What low stock and returns take from the worth of a product."""

    alpha: float = Field(0.5, ge=0, description="weight of low stock; raise it if stock runs out")
    beta: float = Field(1.0, ge=0, description="weight of returns")
    stock_cover_days: float = Field(7.0, gt=0, description="a cover below this is low")
    empty_cents: float = Field(1_000.0, ge=0, description="penalty at a cover of 0, before alpha")
    return_cents: float = Field(0.0, ge=0, description="cost of a return beyond the lost margin")

    def penalties(self) -> Penalties:
        """Return the penalties."""
        return Penalties(**{name: getattr(self, name) for name in Penalising.model_fields})


class Drawing(Words):
    """How lists are drawn at random."""

    temperature: float = Field(
        5.0, ge=0, description="cents of worth that make a product e times as likely, in the log"
    )
    floor: float = Field(FLOOR, ge=0, lt=1, description="least chance of a product, in the log")

    def exploration(self) -> Exploration:
        """Return how lists are drawn."""
        return Exploration(temperature=self.temperature, floor=self.floor)


class Drawn(Capped, Penalising, Drawing):
    """All that lists were drawn by; beside a log it is kept as JSON."""


Asking = TypeVar("Asking", bound=Drawn)


def beside(log: str | Path) -> Path:
    """Return the file that says how a log was drawn."""
    return Path(f"{log}.json")


def keep_words(log: Path, words: Drawn, salt: str) -> None:
    """Write beside a log how it was drawn."""
    told = {name: getattr(words, name) for name in Drawn.model_fields}
    text = json.dumps({"salt": salt, "drawn": told}, indent=2)
    beside(log).write_text(text + "\n", encoding="utf-8")


def as_drawn(verb: str, log: str, asked: Asking) -> Asking:
    """Return what is asked, with the words that its log was drawn by where others are not given.

    As they are, where there is no such file beside the log.

    Raises
    ------
    InputError
        If the file cannot be read, or size, caps, temperature or floor are given and are not those
        of the log. Penalties are what is asked about, and may be others.
    """
    path = beside(log)
    if not path.is_file():
        return asked
    drawn = _kept(path)
    for name in (*Capped.model_fields, *Drawing.model_fields):
        own, given = getattr(drawn, name), getattr(asked, name)
        if name in asked.model_fields_set and given != own:
            said, told = ("none" if v is None else f"{v:g}" for v in (given, own))
            raise InputError(
                f"{verb}: {name}={said} is given, and {log} was drawn by {name}={told} "
                f"({path.name} says so); leave the word out"
            )
    known = {name: getattr(drawn, name) for name in Drawn.model_fields}
    return asked.model_copy(
        update={n: value for n, value in known.items() if n not in asked.model_fields_set}
    )


def _kept(path: Path) -> Drawn:
    try:
        told = dict(json.loads(path.read_text(encoding="utf-8"))["drawn"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: it does not say how a log was drawn; bring back the file that lifeworth "
            "recommend log=... wrote, or take it away and give size, caps, temperature and floor"
        ) from error
    return checked(of_file(str(path)), Drawn, told)
