"""A shop's orders as visits: what models learn from, are asked about, and are judged by."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Literal

import ibis.expr.types as ir
import pandas as pd

from lifeworth.asof.lines import kept_lines
from lifeworth.asof.product_graph import product_graph
from lifeworth.asof.products import product_frame
from lifeworth.asof.split import History, Purchase, cut
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError
from lifeworth.tables.visits import Visits, checked_visits

Ask = Literal["cart", "basket", "customer"]


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Where a shop is cut in time, and what is asked of what comes after.

    Attributes
    ----------
    cutoff, horizon, window, purchase
        As `asof.split.cut` takes them.
    ask
        "cart": a visit is an order, whose lines are one basket; orders of the horizon are asked
        about with lines hidden. "basket": a visit is a customer, whose places are purchases; the
        first one in the horizon is wanted. "customer": the same, and all that is bought in the
        horizon is wanted.
    hide
        Products that are hidden from each cart; those drawn are the lowest by a hash of order and
        product, so they do not depend on what else is asked. Carts without a product more are left
        out.
    services
        Product ids that are no goods (postage, fees); left out everywhere.
    """

    cutoff: dt.date
    horizon: int
    window: int | None = None
    purchase: Purchase = "day"
    ask: Ask = "cart"
    hide: int = 1
    services: tuple[str, ...] = ()


def visits_of(tables: Tables, name: str, asking: Asking) -> Visits:
    """Return a shop's orders as visits; nothing from the cut-off on is in `train` or `products`.

    Orders that came back are left out: those known to have by the cut-off from what is learnt,
    those known to have by now from what is asked. Visits to learn from are in the order of time
    (customers by their last purchase), so that the last of them are the latest.

    Raises
    ------
    InputError
        As `asof.split.cut`, or if orders have no lines, or there is nothing to ask.
    """
    history, future = cut(
        tables,
        asking.cutoff,
        asking.horizon,
        window=asking.window,
        purchase=asking.purchase,
    )
    past = _frame(kept_lines(history.tables, asking.services))
    after = future.tables.orders.union(future.arrivals.select(*future.tables.orders.columns))
    whole = Tables(
        orders=after,
        order_lines=tables.order_lines,
        currency=tables.currency,
        value_is=tables.value_is,
    )
    later = _frame(kept_lines(whole, asking.services))
    made = _carts(past, later, asking) if asking.ask == "cart" else _customers(past, later, asking)
    train, asked, wanted, clusters = made
    _refuse_nothing(name, asking, train, wanted)
    return checked_visits(
        Visits(
            name=name,
            unit=asking.ask,
            train=train,
            asked=asked,
            wanted=wanted,
            clusters=clusters,
            cutoff=str(asking.cutoff),
            days=asking.horizon if asking.ask == "customer" else None,
            products=product_frame(history, asking.services),
            graph=_graph(history, asking),
            value_is=tables.value_is,
            currency=tables.currency,
        )
    )


def _graph(history: History, asking: Asking) -> pd.DataFrame | None:
    if asking.ask != "cart":
        return None
    edges = product_graph(history, services=asking.services).to_pandas()
    return edges.sort_values(["product_id", "other_id"], ignore_index=True)


Parts = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.Series]
"""What to learn from, what is asked, what is wanted, and the clusters."""


def _frame(lines: ir.Table) -> pd.DataFrame:
    """Return a row for each product of an order: its first line, worth what all of them are."""
    frame = lines.to_pandas().sort_values(["ordered_at", "order_id", "line_number"])
    of = frame.groupby(["order_id", "product_id"], sort=False)
    worth = of["value_cents"].transform("sum")
    first = ~frame.duplicated(["order_id", "product_id"])
    return frame.assign(value_cents=worth)[first].reset_index(drop=True)


def _touches(frame: pd.DataFrame, visit: pd.Series, place: pd.Series | int) -> pd.DataFrame:
    columns = {"visit_id": visit, "place": place, "product_id": frame["product_id"], "kind": "buy"}
    return pd.DataFrame(columns).drop_duplicates(["visit_id", "place", "product_id"])


def _carts(past: pd.DataFrame, later: pd.DataFrame, asking: Asking) -> Parts:
    hidden = _hidden(later, asking.hide)
    shown = later[hidden == "shown"]
    wanted = later[hidden == "hidden"].rename(columns={"order_id": "visit_id"})
    clusters = wanted.drop_duplicates("visit_id").set_index("visit_id")["customer_id"]
    return (
        _touches(past, past["order_id"], 0),
        _touches(shown, shown["order_id"], 0),
        wanted[["visit_id", "product_id", "value_cents"]],
        clusters,
    )


def _hidden(later: pd.DataFrame, hide: int) -> pd.Series:
    """Return "hidden" or "shown" for each product of a cart, "" where the cart is too small."""
    keys = later["order_id"] + "/" + later["product_id"]
    drawn = pd.Series([_hash(key) for key in keys], index=later.index, dtype="float64")
    rank = drawn.groupby(later["order_id"]).rank(method="first")
    size = later.groupby("order_id")["product_id"].transform("size")
    told = rank.le(hide).map({True: "hidden", False: "shown"})
    return told.where(size > hide, "")


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def _customers(past: pd.DataFrame, later: pd.DataFrame, asking: Asking) -> Parts:
    """Return customers with their purchases as places, and what known ones bought after."""
    past, later = _purchases(past, asking.purchase), _purchases(later, asking.purchase)
    last = past.groupby("customer_id")["place"].transform("max")
    ended = past.groupby("customer_id")["moment"].transform("max")
    past = past.assign(ended=ended, back=last - past["place"])
    past = past.sort_values(["ended", "customer_id", "place"], kind="stable")
    known = later[later["customer_id"].isin(past["customer_id"])]
    if asking.ask == "basket":
        known = known[known["place"] == 0]
    worth = known.groupby(["customer_id", "product_id"], sort=False)["value_cents"].sum()
    wanted = worth.reset_index().rename(columns={"customer_id": "visit_id"})
    train = _touches(past, past["customer_id"], past["place"])
    asked = train[train["visit_id"].isin(wanted["visit_id"])]
    ids = pd.Index(asked["visit_id"].unique())
    return train, asked, wanted, pd.Series(ids, index=ids)


def _purchases(frame: pd.DataFrame, purchase: Purchase) -> pd.DataFrame:
    """Add `moment`, the day or instant of the purchase, and `place`, its number by customer."""
    at = frame["ordered_at"]
    moment = at.dt.floor("D" if purchase == "day" else "s")
    dense = moment.groupby(frame["customer_id"]).rank(method="dense")
    return frame.assign(moment=moment, place=dense.astype("int64") - 1)


def _refuse_nothing(name: str, asking: Asking, train: pd.DataFrame, wanted: pd.DataFrame) -> None:
    if train.empty:
        raise InputError(
            f"{name}: every order before {asking.cutoff} came back or holds services alone, so "
            "there is nothing to learn from; choose a later split.cutoff"
        )
    if wanted.empty:
        what = {
            "cart": f"no order has more than {asking.hide} products; choose a lower ranking.hide",
            "basket": "no customer of before buys anything; choose a longer split.horizon_days",
        }
        raise InputError(
            f"{name}: in the {asking.horizon} days from {asking.cutoff} on, "
            f"{what.get(asking.ask, what['basket'])}"
        )
