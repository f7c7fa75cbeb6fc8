"""A shop's orders as visits: against plain loops over its orders, and what is refused."""

import datetime as dt
from dataclasses import replace

import ibis
import pandas as pd
import pytest

from lifeworth.asof.carts import Asking, visits_of
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.simulated import Simulated

CUTOFF = dt.date(2022, 6, 1)
END = dt.date(2022, 8, 30)
ASKING = Asking(cutoff=CUTOFF, horizon=90)
WORLD = World(customers=150, days=300.0, products=30, return_rate=0.15, lines_beyond_first=3.0)


@pytest.fixture(scope="module")
def tables():
    return Simulated(seed=3, world=WORLD).load()


@pytest.fixture(scope="module")
def orders(tables) -> pd.DataFrame:
    """Return the orders, with the set of products of each and the margin of each of them."""
    frame = tables.orders.to_pandas()
    lines = tables.order_lines.to_pandas()
    whole = frame.set_index("order_id")
    margins: dict[str, dict[str, float]] = {}
    for line in lines.itertuples():
        order = whole.loc[line.order_id]
        paid = line.amount_cents - line.discount_cents
        tax = order.tax_cents * paid / max(order.amount_cents - order.discount_cents, 1)
        own = margins.setdefault(line.order_id, {})
        own[line.product_id] = own.get(line.product_id, 0) + paid - tax - line.cogs_cents
    return frame.assign(margins=frame["order_id"].map(margins))


def sides(orders: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return kept orders before the cut-off, as known then, and kept ones of the horizon."""
    cut, end = pd.Timestamp(CUTOFF), pd.Timestamp(END)
    before, inside = orders["ordered_at"] < cut, orders["ordered_at"].between(cut, end, "left")
    known = orders["returned"] & ~(orders["returned_at"] >= cut)
    return orders[before & ~known], orders[inside & ~orders["returned"]]


def held(frame: pd.DataFrame) -> dict[str, set[str]]:
    return frame.groupby("visit_id")["product_id"].agg(set).to_dict()


@pytest.mark.parametrize("hide", [1, 2])
def test_carts_are_orders_with_products_hidden(tables, orders, hide) -> None:
    visits = visits_of(tables, "made", replace(ASKING, hide=hide))
    past, later = sides(orders)
    assert held(visits.train) == {o.order_id: set(o.margins) for o in past.itertuples()}
    large = {o.order_id: o.margins for o in later.itertuples() if len(o.margins) > hide}
    shown, hidden = held(visits.asked), held(visits.wanted)
    assert set(shown) == set(hidden) == set(large)
    for order, margins in large.items():
        assert shown[order] | hidden[order] == set(margins)
        assert not shown[order] & hidden[order]
        assert len(hidden[order]) == hide
    for row in visits.wanted.itertuples():
        # half a cent of rounding for each of at most a handful of lines
        assert row.value_cents == pytest.approx(large[row.visit_id][row.product_id], abs=3)
    who = orders.set_index("order_id")["customer_id"]
    assert (visits.clusters == who.loc[visits.clusters.index]).all()
    assert not visits.clusters.isin(past["customer_id"]).all()  # newcomers' carts are asked, too


def test_what_is_hidden_does_not_depend_on_other_carts(tables) -> None:
    few = tables.mapped(
        lambda _, t: t.filter(t.customer_id < "c0000100") if "customer_id" in t.columns else t
    )
    whole = visits_of(tables, "made", ASKING).wanted
    some = visits_of(few, "made", ASKING).wanted
    both = some.merge(whole, on=["visit_id", "product_id"])
    assert 0 < len(some) < len(whole)
    assert len(both) == len(some)


def test_every_place_of_a_cart_is_hidden_as_often(tables) -> None:
    """Ranks of the hidden among the sorted products of carts of three: a third each."""
    visits = visits_of(tables, "made", replace(ASKING, cutoff=dt.date(2022, 2, 1), horizon=260))
    hidden = visits.wanted.set_index("visit_id")["product_id"]
    shown = visits.asked.groupby("visit_id")["product_id"].agg(list)
    places = [sum(p < hidden[visit] for p in own) for visit, own in shown.items() if len(own) == 2]
    count = pd.Series(places).value_counts()
    expected = len(places) / 3
    # 4 standard errors of a binomial count
    assert (abs(count - expected) < 4 * (len(places) * 2 / 9) ** 0.5).all()
    assert len(count) == 3


@pytest.mark.parametrize("ask", ["basket", "customer"])
def test_customers_are_asked_what_they_buy_next(tables, orders, ask) -> None:
    visits = visits_of(tables, "made", replace(ASKING, ask=ask))
    past, later = sides(orders)
    wanted, learnt = {}, {}
    for customer, own in past.groupby("customer_id"):
        days = own.groupby(own["ordered_at"].dt.date)["margins"].agg(list)
        learnt[customer] = [set().union(*day) for day in days]
        new = later[later["customer_id"] == customer]
        if ask == "basket" and len(new):
            new = new[new["ordered_at"].dt.date == new["ordered_at"].dt.date.min()]
        if len(new):
            wanted[customer] = set().union(*new["margins"])
    assert held(visits.wanted) == wanted
    for part, known in ((visits.train, learnt), (visits.asked, {c: learnt[c] for c in wanted})):
        told = part.groupby(["visit_id", "place"])["product_id"].agg(set)
        assert {c: told.loc[c].tolist() for c in part["visit_id"].unique()} == known
    assert visits.days == (90 if ask == "customer" else None)


def test_nothing_after_the_cut_off_is_learnt(tables) -> None:
    """Later orders of other products, and a return that comes in later, change nothing."""
    cut = ibis.timestamp(CUTOFF.isoformat())
    late = tables.orders.filter(tables.orders.ordered_at >= cut).select("order_id")
    lines = tables.order_lines
    other = lines.semi_join(late, "order_id").mutate(
        product_id=ibis.literal("new ") + lines.product_id
    )
    changed = replace(tables, order_lines=lines.anti_join(late, "order_id").union(other))
    orders = tables.orders
    early = orders.ordered_at < cut
    back = orders.mutate(
        returned=early.ifelse(True, orders.returned),
        returned_at=(early & orders.returned_at.isnull()).ifelse(
            ibis.timestamp("2022-07-01"), orders.returned_at
        ),
    )
    for ask in ("cart", "basket"):
        asking = replace(ASKING, ask=ask)
        first = visits_of(tables, "made", asking)
        again = visits_of(replace(changed, orders=back), "made", asking)
        pd.testing.assert_frame_equal(again.train, first.train)
        pd.testing.assert_frame_equal(again.products, first.products)
        assert again.wanted["product_id"].str.startswith("new ").all()


def test_visits_to_learn_from_are_in_the_order_of_time(tables, orders) -> None:
    visits = visits_of(tables, "made", ASKING)
    at = orders.set_index("order_id")["ordered_at"]
    assert at.loc[visits.train["visit_id"].unique()].is_monotonic_increasing
    by_customer = visits_of(tables, "made", replace(ASKING, ask="basket")).train
    past, _ = sides(orders)
    last = past.groupby("customer_id")["ordered_at"].max().dt.floor("D")
    assert last.loc[by_customer["visit_id"].unique()].is_monotonic_increasing


def test_services_are_nowhere(tables) -> None:
    first = visits_of(tables, "made", ASKING)
    popular = first.train["product_id"].mode()[0]
    visits = visits_of(tables, "made", replace(ASKING, services=(popular,)))
    for part in (visits.train, visits.asked, visits.wanted, visits.products):
        assert popular not in set(part["product_id"])


@pytest.mark.parametrize(
    ("change", "asking", "says"),
    [
        (lambda t: replace(t, order_lines=None), ASKING, "they have no lines.*data.rows=lines"),
        (lambda t: t, replace(ASKING, hide=50), "no order has more than 50 products; choose a"),
        (lambda t: t, replace(ASKING, services=tuple(f"p{n:07d}" for n in range(99))),
         "services alone"),
        (lambda t: t, replace(ASKING, cutoff=dt.date(2031, 1, 1)), "0 orders at or after"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(tables, change, asking, says) -> None:
    with pytest.raises(InputError, match=says):
        visits_of(change(tables), "made", asking)
