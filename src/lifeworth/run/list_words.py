"""Words that say how lists are made and drawn, the same where they are drawn and read again."""

from pydantic import Field

from lifeworth.decide.explore import FLOOR, Exploration
from lifeworth.decide.rerank import ListCaps, Penalties
from lifeworth.run.words import Words


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
