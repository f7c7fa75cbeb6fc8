"""A whole store with known truth: BG/NBD purchases, Gamma-Gamma margins, returns, lines, events."""

from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

DAY_US = 86_400_000_000
"""Microseconds in a day."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class World:
    """What is true of a simulated store; time in days, money in cents.

    Attributes
    ----------
    customers, arrival_days, days, start
        How many customers place a first order, uniformly in the first `arrival_days` of `days`
        days from `start`.
    r, alpha, a, b
        BG/NBD: a customer buys again at a rate drawn from Gamma(r, rate alpha) per day, and after
        each purchase but the first is gone with a probability drawn from Beta(a, b).
    p, q, gamma
        Gamma-Gamma: the margin of an order is Gamma(p, rate nu), nu is Gamma(q, rate gamma).
    discount_share, discount_rate
        The share of orders with a discount, and the part of the price it takes off.
    tax_rate
        Of what was paid without tax.
    cost_share
        The cost of goods as part of what was paid without tax.
    shipping_cents
        Mean, exponential.
    return_rate, return_days
        The share of orders that come back, after a mean time, exponential; what would come back
        after the last day has not come back.
    products, categories
        How many; the n-th product is bought in proportion to 1/n.
    lines_beyond_first
        Mean number of further lines of an order, Poisson.
    views_per_order, complaint_rate
        Mean number of views in the two days before an order, and the share of orders complained of
        in the week after.
    """

    customers: int = 2_000
    arrival_days: float = 90.0
    days: float = 730.0
    start: date = date(2022, 1, 1)
    currency: str = "USD"
    r: float = 0.55
    alpha: float = 30.0
    a: float = 0.8
    b: float = 2.5
    p: float = 6.25
    q: float = 3.74
    gamma: float = 1_544.0
    discount_share: float = 0.3
    discount_rate: float = 0.15
    tax_rate: float = 0.19
    cost_share: float = 0.5
    shipping_cents: float = 450.0
    return_rate: float = 0.03
    return_days: float = 14.0
    products: int = 200
    categories: int = 8
    lines_beyond_first: float = 1.2
    views_per_order: float = 1.5
    complaint_rate: float = 0.02


class Store(NamedTuple):
    """A simulated store.

    `frames` are the canonical tables by name. `truth` has one row per customer: customer_id,
    arrived_at, lambda_per_day, p (probability of leaving after a purchase), nu, mean_margin_cents
    (p / nu of the Gamma-Gamma, returns aside) and died_at (the last purchase of one who left inside
    the period, else missing).
    """

    frames: dict[str, pd.DataFrame]
    truth: pd.DataFrame


class Purchases(NamedTuple):
    """Orders by customer and time (days from the start), and what is hidden of each customer."""

    customer: Int[np.ndarray, " orders"]
    day: Float[np.ndarray, " orders"]
    arrived: Float[np.ndarray, " customers"]
    rate: Float[np.ndarray, " customers"]
    dropout: Float[np.ndarray, " customers"]
    died: Float[np.ndarray, " customers"]


def simulate(world: World, seed: int) -> Store:
    """Return a store of `world`; the same seed gives the same store.

    The margin of an order that was kept (amount - discount - tax - cost - shipping) is its
    Gamma-Gamma draw, to the cent.
    """
    rng = np.random.default_rng(seed)
    bought = purchases(world, rng)
    nu = rng.gamma(world.q, 1 / world.gamma, world.customers)
    margin = rng.gamma(world.p, 1 / nu[bought.customer])
    orders = _orders(world, rng, bought, np.rint(margin).astype(np.int64))
    frames = {
        "orders": orders,
        "order_lines": _order_lines(world, rng, orders),
        "customers": _customers(world, rng),
        "products": _products(world, rng),
        "events": _events(world, rng, bought),
    }
    return Store(frames=frames, truth=_truth(world, bought, nu))


def purchases(world: World, rng: np.random.Generator) -> Purchases:
    """Return BG/NBD purchases in continuous time: a first order, then repeats until drop-out."""
    n = world.customers
    arrived = rng.uniform(0, world.arrival_days, n)
    rate = rng.gamma(world.r, 1 / world.alpha, n)
    dropout = rng.beta(world.a, world.b, n)
    possible = rng.poisson(rate * (world.days - arrived))
    until_gone = rng.geometric(np.maximum(dropout, 1e-12))
    who = np.repeat(np.arange(n), possible)
    when = rng.uniform(arrived[who], world.days)
    order = np.lexsort((when, who))
    who, when = who[order], when[order]
    rank = _position(possible)
    kept = rank < until_gone[who]
    died = np.full(n, np.nan)
    last = rank + 1 == until_gone[who]
    died[who[last]] = when[last]
    customer = np.concatenate([np.arange(n), who[kept]])
    day = np.concatenate([arrived, when[kept]])
    sequence = np.lexsort((day, customer))
    return Purchases(customer[sequence], day[sequence], arrived, rate, dropout, died)


def _position(counts: Int[np.ndarray, " groups"]) -> Int[np.ndarray, " members"]:
    """Return 0, 1, ... inside each group."""
    starts = np.cumsum(counts) - counts
    return np.arange(counts.sum()) - np.repeat(starts, counts)


def _moment(world: World, day: Float[np.ndarray, " n"]) -> np.ndarray:
    """Return timestamps, missing where `day` is."""
    offset = np.where(np.isnan(day), 0, day * DAY_US).astype("int64").astype("timedelta64[us]")
    return np.where(
        np.isnan(day), np.datetime64("NaT", "us"), np.datetime64(world.start, "us") + offset
    )


def _names(prefix: str, numbers: Int[np.ndarray, " n"]) -> pd.Series:
    return prefix + pd.Series(numbers + 1).astype(str).str.zfill(7)


def _orders(
    world: World, rng: np.random.Generator, bought: Purchases, margin: Int[np.ndarray, " orders"]
) -> pd.DataFrame:
    """Build the money of each order upwards from its margin, so that it is met to the cent."""
    n = len(margin)
    shipping = np.rint(rng.exponential(world.shipping_cents, n)).astype(np.int64)
    kept = margin + shipping
    cogs = _part(kept, world.cost_share)
    tax = np.rint((kept + cogs) * world.tax_rate).astype(np.int64)
    paid = kept + cogs + tax
    discounted = rng.random(n) < world.discount_share
    discount = np.where(discounted, _part(paid, world.discount_rate), 0)
    back = bought.day + rng.exponential(world.return_days, n)
    returned = (rng.random(n) < world.return_rate) & (back < world.days)
    return pd.DataFrame(
        {
            "order_id": _names("o", np.arange(n)),
            "customer_id": _names("c", bought.customer),
            "ordered_at": _moment(world, bought.day),
            "currency": world.currency,
            "amount_cents": paid + discount,
            "discount_cents": discount,
            "tax_cents": tax,
            "shipping_cents": shipping,
            "cogs_cents": cogs,
            "returned": returned,
            "returned_at": _moment(world, np.where(returned, back, np.nan)),
        }
    )


def _part(rest: Int[np.ndarray, " n"], share: float) -> Int[np.ndarray, " n"]:
    """Return the part which, with `rest`, makes a whole of which it is `share`."""
    return np.rint(rest * share / (1 - share)).astype(np.int64)


def _order_lines(world: World, rng: np.random.Generator, orders: pd.DataFrame) -> pd.DataFrame:
    count = 1 + rng.poisson(world.lines_beyond_first, len(orders))
    order = np.repeat(np.arange(len(orders)), count)
    weight = rng.gamma(2.0, 1.0, len(order))
    popularity = 1 / np.arange(1, world.products + 1)
    product = rng.choice(world.products, len(order), p=popularity / popularity.sum())
    money = ("amount_cents", "discount_cents", "cogs_cents")
    return pd.DataFrame(
        {
            "order_id": orders.order_id.to_numpy()[order],
            "line_number": _position(count) + 1,
            "product_id": _names("p", product),
            "quantity": 1 + rng.poisson(0.5, len(order)),
            **{name: _split(orders[name].to_numpy(), count, weight) for name in money},
        }
    )


def _split(
    total: Int[np.ndarray, " orders"],
    count: Int[np.ndarray, " orders"],
    weight: Float[np.ndarray, " lines"],
) -> Int[np.ndarray, " lines"]:
    """Return `total` over the lines in proportion to `weight`, the odd cents on the first line."""
    starts = np.cumsum(count) - count
    share = weight / np.repeat(np.add.reduceat(weight, starts), count)
    parts = np.floor(np.repeat(total, count) * share).astype(np.int64)
    parts[starts] += total - np.add.reduceat(parts, starts)
    return parts


def _customers(world: World, rng: np.random.Generator) -> pd.DataFrame:
    n = world.customers
    return pd.DataFrame(
        {
            "customer_id": _names("c", np.arange(n)),
            "country": rng.choice(["DE", "FR", "US"], n, p=[0.5, 0.2, 0.3]),
            "segment": rng.choice(["Consumer", "Corporate"], n, p=[0.8, 0.2]),
            "channel": rng.choice(["search", "social", "direct"], n, p=[0.5, 0.3, 0.2]),
        }
    )


def _products(world: World, rng: np.random.Generator) -> pd.DataFrame:
    number = np.arange(world.products)
    return pd.DataFrame(
        {
            "product_id": _names("p", number),
            "name": _names("Product ", number),
            "category": _names("Category ", number % world.categories),
            "price_cents": np.rint(rng.lognormal(8, 0.6, world.products)).astype(np.int64),
        }
    )


def _events(world: World, rng: np.random.Generator, bought: Purchases) -> pd.DataFrame:
    views = rng.poisson(world.views_per_order, len(bought.day))
    viewed = np.repeat(np.arange(len(bought.day)), views)
    seen_at = np.maximum(bought.day[viewed] - rng.uniform(0, 2, len(viewed)), 0)
    complained = np.flatnonzero(rng.random(len(bought.day)) < world.complaint_rate)
    said_at = bought.day[complained] + rng.uniform(0, 7, len(complained))
    inside = said_at < world.days
    order = np.concatenate([viewed, complained[inside]])
    kind = np.repeat(["view", "complaint"], [len(viewed), inside.sum()])
    product = rng.integers(0, world.products, len(order))
    return pd.DataFrame(
        {
            "event_id": _names("e", np.arange(len(order))),
            "customer_id": _names("c", bought.customer[order]),
            "happened_at": _moment(world, np.concatenate([seen_at, said_at[inside]])),
            "kind": kind,
            "product_id": _names("p", product),
        }
    )


def _truth(world: World, bought: Purchases, nu: Float[np.ndarray, " customers"]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": _names("c", np.arange(world.customers)),
            "arrived_at": _moment(world, bought.arrived),
            "lambda_per_day": bought.rate,
            "p": bought.dropout,
            "nu": nu,
            "mean_margin_cents": world.p / nu,
            "died_at": _moment(world, bought.died),
        }
    )
