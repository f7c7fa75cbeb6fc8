"""A catalogue and its visitors with known truth: what is browsed, clicked and bought, of any list.

Products have a place in d dimensions near that of their category, visitors a taste there. With b_j
the charm of product j for everybody, taste u of the visitor and place y of the product,

    appeal                 log odds of a click where it is seen    click + b_j + strength u.y
    purchase after a click log odds                                buy + 0.5 strength u.y

A visit has a product in its cart. A substitute of it, or of what stands higher in the list, has its
odds of a click times `substitute`; what cannot be shipped with it is never bought. The visitor
reads a list from the top: sees a place, clicks or not, buys what was clicked or not, and goes on
with the chance `on_skip` after no click and `on_click` after one; a purchase ends the visit. So
what a place brings depends on it and those above it (a cascade), and is known without simulating.

Browsing, from which rankers learn: each touch is drawn with log odds b_j + strength u.y + stick
y.y' of the product y' touched before it.
"""

from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from scipy import special

Chance = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]

ByPlace = Float[np.ndarray, "visits places"]
Shown = Int[np.ndarray, "visits places"]
Column = Float[np.ndarray, " products"]
Visitors = Int[np.ndarray, " visits"]

NOTHING = -1
"""In place of a product, where a list has ended."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class CatalogueWorld:
    """What is true of a simulated catalogue; money in cents.

    Attributes
    ----------
    customers, products, categories, sellers, dimensions
        How many.
    strength
        How much tastes count; 0: all visitors are alike.
    category_share
        Of the variance of a product's place, the part that its category has.
    charm
        Standard deviation of b_j.
    click, buy
        Chance of a click on the average product where it is seen, and of a purchase after a click.
    on_skip, on_click
        Chances of going on to the next place.
    substitute
        Factor of the odds of a click after a substitute; 1: substitutes do not matter.
    nearest
        Substitutes of a product: so many of its category, the nearest.
    conflicts
        Share of the pairs of products that cannot be shipped together.
    price, price_deviation
        Median of prices, and the standard deviation of their logarithms.
    margin_share, return_rate
        Means of the share of the price that is margin, and of the chance that a purchase comes
        back; products differ (Beta, 12 and 20 in sum).
    return_cents
        Cost of a return beyond the lost margin.
    cover_days, daily_units
        Means of the days of cover (exponential) and of units sold a day (Gamma of shape 2).
    visits, touches, stick
        Browsing visits of each customer (mean, Poisson, at least 1), touches of a visit beyond the
        first two (mean, Poisson), and how much a touch is like the one before it.
    """

    customers: PositiveInt = 2_000
    products: Annotated[int, Field(ge=4)] = 300
    categories: PositiveInt = 12
    sellers: PositiveInt = 25
    dimensions: PositiveInt = 6
    strength: NonNegativeFloat = 1.0
    category_share: Share = 0.6
    charm: NonNegativeFloat = 0.7
    click: Chance = 0.15
    buy: Chance = 0.2
    on_skip: Chance = 0.85
    on_click: Chance = 0.6
    substitute: Annotated[float, Field(gt=0, le=1)] = 0.5
    nearest: PositiveInt = 3
    conflicts: Share = 0.02
    price: PositiveFloat = 3_000.0
    price_deviation: NonNegativeFloat = 0.7
    margin_share: Chance = 0.35
    return_rate: Chance = 0.08
    return_cents: NonNegativeFloat = 400.0
    cover_days: PositiveFloat = 20.0
    daily_units: PositiveFloat = 1.5
    visits: NonNegativeFloat = 2.0
    touches: NonNegativeFloat = 3.0
    stick: NonNegativeFloat = 0.7


class Catalogue(NamedTuple):
    """Products and tastes; what is usually hidden beside what a shop knows.

    Attributes
    ----------
    products
        product_id, name, category, seller, price_cents, margin_cents, return_rate, stock_units,
        stock_cover_days: a row for each product, in the order of numbers.
    place, charm
        Of products.
    taste
        Of customers.
    substitutes, conflicts
        Pairs of products: symmetric, none of a product with itself.
    """

    products: pd.DataFrame
    place: Float[np.ndarray, "products d"]
    charm: Column
    taste: Float[np.ndarray, "customers d"]
    substitutes: Bool[np.ndarray, "products products"]
    conflicts: Bool[np.ndarray, "products products"]

    def affinity(self) -> Float[np.ndarray, "customers products"]:
        """Return u.y."""
        return self.taste @ self.place.T


class Expected(NamedTuple):
    """What places of lists bring on average, given the lists; 0 after their ends.

    Attributes
    ----------
    seen, clicks, purchases
        Chances that a place is seen, clicked, and bought from.
    net_cents
        Margin of what is kept less the cost of returns.
    """

    seen: ByPlace
    clicks: ByPlace
    purchases: ByPlace
    net_cents: ByPlace


class Happened(NamedTuple):
    """What a draw of the same gave, as 0 and 1, and money."""

    clicks: ByPlace
    purchases: ByPlace
    net_cents: ByPlace


class Visiting(NamedTuple):
    """Visits to be shown a list: whose each is, and what is in the cart."""

    customer: Visitors
    cart: Visitors


def catalogue(world: CatalogueWorld, seed: int) -> Catalogue:
    """Return products and tastes of `world`; the same seed gives the same."""
    rng = np.random.default_rng([seed, 0])
    n, d = world.products, world.dimensions
    category = np.arange(n) % world.categories
    centre, own = rng.normal(size=(world.categories, d)), rng.normal(size=(n, d))
    share = world.category_share
    place = (np.sqrt(share) * centre[category] + np.sqrt(1 - share) * own) / np.sqrt(d)
    pair = np.triu(rng.random((n, n)) < world.conflicts, 1)
    return Catalogue(
        products=catalogue_products(world, rng, category),
        place=place,
        charm=world.charm * rng.normal(size=n),
        taste=rng.normal(size=(world.customers, d)),
        substitutes=_substitutes(place, category, world.nearest),
        conflicts=pair | pair.T,
    )


def catalogue_products(
    world: CatalogueWorld, rng: np.random.Generator, category: Int[np.ndarray, " products"]
) -> pd.DataFrame:
    """Return what a shop knows of its products, by number."""
    n = world.products
    price = world.price * np.exp(world.price_deviation * rng.normal(size=n))
    daily = rng.gamma(2.0, world.daily_units / 2.0, n)
    units = np.rint(daily * rng.exponential(world.cover_days, n)).astype(np.int64)
    margin = price * rng.beta(12 * world.margin_share, 12 * (1 - world.margin_share), n)
    number = np.arange(n)
    return pd.DataFrame(
        {
            "product_id": _names("p", number),
            "name": _names("Product ", number),
            "category": _names("Category ", category),
            "seller": _names("Seller ", rng.integers(0, world.sellers, n)),
            "price_cents": np.rint(price).astype(np.int64),
            "margin_cents": np.rint(margin).astype(np.int64),
            "return_rate": rng.beta(20 * world.return_rate, 20 * (1 - world.return_rate), n),
            "stock_units": units,
            "stock_cover_days": units / daily,
        }
    )


def _names(prefix: str, number: Int[np.ndarray, " n"]) -> np.ndarray:
    return np.array([f"{prefix}{n + 1:04d}" for n in number], dtype=object)


def _substitutes(
    place: Float[np.ndarray, "products d"], category: Int[np.ndarray, " products"], nearest: int
) -> Bool[np.ndarray, "products products"]:
    apart = ((place[:, None] - place[None]) ** 2).sum(axis=2)
    apart[category[:, None] != category] = np.inf
    np.fill_diagonal(apart, np.inf)
    rank = apart.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    near = (rank < nearest) & np.isfinite(apart)
    return near | near.T


def visiting(world: CatalogueWorld, visits: int, seed: int) -> Visiting:
    """Return visits of customers and carts drawn at random; the same seed gives the same."""
    rng = np.random.default_rng([seed, 2])
    return Visiting(
        rng.integers(0, world.customers, visits), rng.integers(0, world.products, visits)
    )


def expected(world: CatalogueWorld, known: Catalogue, who: Visiting, shown: Shown) -> Expected:
    """Return what lists bring on average.

    Parameters
    ----------
    shown
        Numbers of products, NOTHING after the end of a list.
    """
    click, buy = _chances(world, known, who, shown)
    on = (1 - click) * world.on_skip + click * (1 - buy) * world.on_click
    seen = np.column_stack([np.ones(len(shown)), on[:, :-1].cumprod(axis=1)]) * (shown >= 0)
    sold = seen * click * buy
    net = sold * (shown >= 0) * _net(world, known)[np.maximum(shown, 0)]
    return Expected(seen, seen * click, sold, net)


def happened(
    world: CatalogueWorld, known: Catalogue, who: Visiting, shown: Shown, seed: int
) -> Happened:
    """Draw what visitors do with lists; the same seed gives the same."""
    rng = np.random.default_rng([seed, 3])
    click, buy = _chances(world, known, who, shown)
    luck = rng.random((4, *shown.shape))
    clicked, sold = luck[0] < click, luck[1] < buy
    goes = np.where(clicked, ~sold & (luck[2] < world.on_click), luck[2] < world.on_skip)
    seen = np.column_stack([np.ones(len(shown), dtype=np.bool_), goes[:, :-1]])
    seen = np.logical_and.accumulate(seen, axis=1) & (shown >= 0)
    bought = seen & clicked & sold
    own = known.products.iloc[np.maximum(shown, 0).ravel()]
    rate, margin = (
        own[c].to_numpy(float).reshape(shown.shape) for c in ("return_rate", "margin_cents")
    )
    kept = np.where(luck[3] < rate, -world.return_cents, margin)
    return Happened((seen & clicked).astype(float), bought.astype(float), bought * kept)


def _net(world: CatalogueWorld, known: Catalogue) -> Column:
    """Return the margin of a purchase of each product, less what its returns take."""
    rate, margin = (known.products[c].to_numpy(float) for c in ("return_rate", "margin_cents"))
    return (1 - rate) * margin - rate * world.return_cents


def alone(world: CatalogueWorld, known: Catalogue, who: Visiting, shown: Shown) -> Expected:
    """Return what each product would bring if it stood at the head of a list: what it is worth."""
    click, buy = _alone(world, known, who, shown)
    clicks, sold = special.expit(click) * (shown >= 0), special.expit(click) * buy * (shown >= 0)
    net = sold * _net(world, known)[np.maximum(shown, 0)]
    return Expected((shown >= 0).astype(float), clicks, sold, net)


def _alone(
    world: CatalogueWorld, known: Catalogue, who: Visiting, shown: Shown
) -> tuple[ByPlace, ByPlace]:
    """Return log odds of a click, the list left aside, and the chance of a purchase after it."""
    own = np.maximum(shown, 0)
    fits = world.strength * np.einsum("vd,vkd->vk", known.taste[who.customer], known.place[own])
    cart = who.cart[:, None]
    click = special.logit(world.click) + known.charm[own] + fits
    click += np.log(world.substitute) * known.substitutes[cart, own]
    buy = special.expit(special.logit(world.buy) + 0.5 * fits) * ~known.conflicts[cart, own]
    return click, buy


def _chances(
    world: CatalogueWorld, known: Catalogue, who: Visiting, shown: Shown
) -> tuple[ByPlace, ByPlace]:
    """Return chances of a click where a place is seen, and of a purchase after it."""
    own, there = np.maximum(shown, 0), shown >= 0
    click, buy = _alone(world, known, who, shown)
    for k in range(1, shown.shape[1]):
        alike = known.substitutes[own[:, :k], own[:, k, None]] & there[:, :k]
        new = alike.any(axis=1) & ~known.substitutes[who.cart, own[:, k]]
        click[:, k] += np.log(world.substitute) * new
    return special.expit(click) * there, buy * there


def browsing(world: CatalogueWorld, known: Catalogue, seed: int) -> pd.DataFrame:
    """Return visits of customers: visit_id, customer, place (from 0), product_id; in time order."""
    rng = np.random.default_rng([seed, 1])
    often = np.maximum(rng.poisson(world.visits, world.customers), 1)
    customer = rng.permutation(np.repeat(np.arange(world.customers), often))
    length = 2 + rng.poisson(world.touches, len(customer))
    base = known.charm + world.strength * known.affinity()[customer]
    near = world.stick * world.dimensions * known.place @ known.place.T
    touched = np.full((len(customer), int(length.max())), NOTHING, dtype=np.int64)
    for k in range(touched.shape[1]):
        going = np.flatnonzero(length > k)
        odds = base[going] + (near[touched[going, k - 1]] if k else 0.0)
        touched[going, k] = (odds + rng.gumbel(size=odds.shape)).argmax(axis=1)
    visit, place = np.nonzero(touched >= 0)
    return pd.DataFrame(
        {
            "visit_id": _names("v", np.arange(len(customer)))[visit],
            "customer": customer[visit],
            "place": place,
            "product_id": known.products["product_id"].to_numpy()[touched[visit, place]],
        }
    )
