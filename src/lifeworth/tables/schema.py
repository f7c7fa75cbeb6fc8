"""The canonical tables: every column with its type, unit and meaning, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a canonical table.

    Attributes
    ----------
    dtype
        An Ibis type name. Timestamps carry no zone and are read as UTC.
    meaning
        What a value says, with its unit.
    nullable
        Whether a value may be missing.
    optional
        Whether the whole column may be absent.
    at_least, at_most
        Inclusive bounds, or None for none.
    """

    dtype: str
    meaning: str
    nullable: bool = False
    optional: bool = False
    at_least: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, kw_only=True)
class Schema:
    """One canonical table: its columns by name and the columns that identify a row."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: dict[str, Column]


def _id(meaning: str, **kw: bool) -> Column:
    return Column(dtype="string", meaning=meaning, **kw)


def _cents(meaning: str, *, nullable: bool = False) -> Column:
    return Column(dtype="int64", meaning=f"{meaning}, cents", nullable=nullable, at_least=0)


def _time(meaning: str, *, nullable: bool = False, optional: bool = False) -> Column:
    return Column(
        dtype="timestamp", meaning=f"{meaning}, UTC", nullable=nullable, optional=optional
    )


ORDERS = Schema(
    name="orders",
    meaning="one row per order; money as tables.margin reads it",
    key=("order_id",),
    columns={
        "order_id": _id("the shop's number of the order"),
        "customer_id": _id("who ordered"),
        "ordered_at": _time("when the order was placed"),
        "currency": _id("ISO 4217 code; one currency per store"),
        "amount_cents": _cents("price of the goods before the discount, tax included"),
        "discount_cents": _cents("taken off the amount by the shop"),
        "tax_cents": _cents("tax inside the discounted amount, owed to the state"),
        "shipping_cents": _cents("cost of delivery beyond what the customer paid for it"),
        "cogs_cents": _cents("cost of the goods; missing where unknown", nullable=True),
        "returned": Column(dtype="boolean", meaning="the whole order came back and was refunded"),
        "returned_at": _time("when it came back; missing if not or unknown", nullable=True),
    },
)  # fmt: skip

ORDER_LINES = Schema(
    name="order_lines",
    meaning="one row per product of an order",
    key=("order_id", "line_number"),
    columns={
        "order_id": _id("the order it belongs to"),
        "line_number": Column(dtype="int64", meaning="position in the order, from 1", at_least=1),
        "product_id": _id("what was bought"),
        "quantity": Column(dtype="int64", meaning="pieces", at_least=1),
        "amount_cents": _cents("price of all pieces before the discount, tax included"),
        "discount_cents": _cents("taken off the amount by the shop"),
        "cogs_cents": _cents("cost of all pieces; missing where unknown", nullable=True),
    },
)  # fmt: skip

CUSTOMERS = Schema(
    name="customers",
    meaning="one row per customer; columns that do not change in time",
    key=("customer_id",),
    columns={
        "customer_id": _id("who"),
        "country": _id("country of delivery", nullable=True, optional=True),
        "segment": _id("the shop's own grouping", nullable=True, optional=True),
        "channel": _id("where the customer was acquired", nullable=True, optional=True),
    },
)

PRODUCTS = Schema(
    name="products",
    meaning="one row per product",
    key=("product_id",),
    columns={
        "product_id": _id("the shop's number of the product"),
        "name": _id("what it is called", nullable=True),
        "category": _id("the shop's category", nullable=True, optional=True),
        "price_cents": Column(
            dtype="int64",
            meaning="price of one piece, cents",
            nullable=True,
            optional=True,
            at_least=0,
        ),
    },
)  # fmt: skip

EVENTS = Schema(
    name="events",
    meaning="one row per thing a customer did that is not an order",
    key=("event_id",),
    columns={
        "event_id": _id("number of the event"),
        "customer_id": _id("who"),
        "happened_at": _time("when"),
        "kind": _id("view, cart, complaint, ..."),
        "product_id": _id("on what", nullable=True, optional=True),
    },
)

TREATMENTS = Schema(
    name="treatments",
    meaning="one row per customer and campaign: what the customer was given",
    key=("customer_id", "campaign_id"),
    columns={
        "customer_id": _id("who"),
        "campaign_id": _id("in which campaign"),
        "arm": _id("what was given; 'control' for nothing"),
        "assigned_at": _time("when the arm was drawn"),
        "propensity": Column(
            dtype="float64", meaning="probability of this arm", at_least=0, at_most=1
        ),
    },
)  # fmt: skip

OUTCOMES = Schema(
    name="outcomes",
    meaning="one row per customer and campaign: what the customer did while it ran",
    key=("customer_id", "campaign_id"),
    columns={
        "customer_id": _id("who"),
        "campaign_id": _id("in which campaign"),
        "responded": Column(dtype="boolean", meaning="did what the campaign asks for, as buying"),
        "redeemed": Column(dtype="boolean", meaning="used what the arm offers; no in the control"),
        "value_cents": Column(dtype="int64", meaning="value before the discount, cents"),
    },
)  # fmt: skip

FEATURES = Schema(
    name="features",
    meaning="one row per customer and campaign; columns known before the arm was drawn",
    key=("customer_id", "campaign_id"),
    columns={
        "customer_id": _id("who"),
        "campaign_id": _id("in which campaign"),
        "known_at": _time("from when on the columns were known"),
    },
)

ARMS = Schema(
    name="arms",
    meaning="one row per campaign and arm; what it costs and how many may get it",
    key=("campaign_id", "arm"),
    columns={
        "campaign_id": _id("in which campaign"),
        "arm": _id("what is given; the control need not be there, it costs nothing"),
        "contact_cents": _cents("cost of the contact of one customer"),
        "discount_cents": _cents("taken off by a redemption"),
        "discount_share": Column(
            dtype="float64", meaning="given by a redemption as a share of its value", at_least=0
        ),
        "funded_share": Column(
            dtype="float64", meaning="of that, what a supplier pays", at_least=0, at_most=1
        ),
        "cap": Column(
            dtype="int64", meaning="customers who may get it at most", nullable=True, at_least=0
        ),
    },
)  # fmt: skip

SCHEMAS = {
    s.name: s
    for s in (
        *(ORDERS, ORDER_LINES, CUSTOMERS, PRODUCTS, EVENTS, TREATMENTS),
        *(OUTCOMES, FEATURES, ARMS),
    )
}
"""Every canonical table by name: those of a store, and those of `tables.campaign`."""

TIME_COLUMN = {
    "orders": "ordered_at",
    "events": "happened_at",
    "treatments": "assigned_at",
}
"""The column by which a table is cut in time; a table not named here has none."""
