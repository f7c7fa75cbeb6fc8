"""A randomised campaign with known truth: what every customer would do under every arm.

Customers are those of a simulated store (`tables.simulate`), told by features as of the day before
the arms are drawn. What they would do depends on these features alone, so the truth is also the
best that a model could find. With z of orders, recency and taste for discounts between -2 and 2,
and strength s,

    log odds of a purchase without an offer    base + s (0.8 z_orders - 0.7 z_recency)
    under an offer, further                    lift (1 + s (deal z_taste + lapsed z_recency))
    log odds that a purchase redeems           redemption + 0.8 s z_taste
    margin of a purchase                       M (E / M)^s, times Gamma noise of mean 1

where E is what the Gamma-Gamma expects of the customer and M the mean of all customers. The lift is
a factor that may be below 0: some are put off, others would buy anyway. At s = 0 all customers are
alike, every arm has one effect, and no choice of customers is better than another.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from pydantic import AfterValidator, ConfigDict, Field, NonNegativeFloat, NonNegativeInt
from pydantic.dataclasses import dataclass
from scipy import special

from lifeworth.tables.campaign import CONTROL
from lifeworth.tables.simulate import World, purchases

ByArm = Float[np.ndarray, "customers arms"]
Column = Float[np.ndarray, " customers"]

Share = Annotated[float, Field(ge=0, le=1)]
Chance = Annotated[float, Field(gt=0, lt=1)]

STRICT = ConfigDict(extra="forbid")

CAMPAIGN = "simulated_campaign"

TASTE = (1.5, 3.5)
"""Beta of the share of a customer's orders that have a discount."""

ARRIVED_BY = 0.95
"""Of the days before the campaign, the share in which customers place their first order."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Offer:
    """An arm: what it costs, and how it works on the average customer and on others.

    Attributes
    ----------
    name
        Of the arm.
    contact_cents, discount_cents, discount_share, funded_share
        As in the table arms; the share is of the margin before the discount.
    redemption
        Chance that a purchase of the average customer redeems; 0: nobody redeems.
    lift
        What the offer adds to the log odds of a purchase of the average customer.
    deal, lapsed
        How much the lift is larger, as a part of itself, for a customer whose taste for discounts,
        or time since the last order, is one standard deviation above the average.
    """

    name: Annotated[str, Field(min_length=1)]
    contact_cents: NonNegativeInt = 0
    discount_cents: NonNegativeInt = 0
    discount_share: NonNegativeFloat = 0.0
    funded_share: Share = 0.0
    redemption: Annotated[float, Field(ge=0, lt=1)] = 0.0
    lift: float
    deal: float = 0.0
    lapsed: float = 0.0


OFFERS = (
    Offer(name="mail", contact_cents=30, lift=0.25, lapsed=0.8),
    Offer(
        name="five", contact_cents=30, discount_cents=500, redemption=0.8, lift=0.6, deal=1.0,
        lapsed=0.3,
    ),
    Offer(
        name="tenth", contact_cents=30, discount_share=0.1, funded_share=0.5, redemption=0.7,
        lift=0.35, deal=0.6, lapsed=0.4,
    ),
)  # fmt: skip
"""A reminder, five off, and a tenth off of which a supplier pays half."""


def _named_apart(offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
    if not offers:
        raise ValueError("there are no offers, so there is nothing to compare: give at least one")
    names = [CONTROL, *(offer.name for offer in offers)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"{len(offers)} offers, and '{twice[0]}' is the name of more than one arm ('{CONTROL}'"
            " is that of nothing): give each offer a name of its own"
        )
    return offers


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CampaignWorld:
    """What is true of a simulated campaign.

    Attributes
    ----------
    customers
        How many are randomised.
    days
        For how long the store has been there when features are taken.
    base
        Chance of a purchase of the average customer without an offer.
    strength
        How much customers differ, as in the text of this module; 0: not at all.
    skew
        0: all arms have the same chance. Above: those who have not ordered for long draw the later
        arms more often; the log odds of the last arm to the control change by skew z_recency.
    offers
        At least one.
    """

    customers: Annotated[int, Field(ge=2)] = 4_000
    days: Annotated[float, Field(ge=1)] = 730.0
    base: Chance = 0.15
    strength: NonNegativeFloat = 1.0
    skew: NonNegativeFloat = 0.0
    offers: Annotated[tuple[Offer, ...], AfterValidator(_named_apart)] = OFFERS

    def arms(self) -> tuple[str, ...]:
        """Return the control and the offers by name, in the order of `Campaign.frame`."""
        return (CONTROL, *(offer.name for offer in self._sorted()))

    def _sorted(self) -> list[Offer]:
        return sorted(self.offers, key=lambda offer: offer.name)

    def by_offer(self, field: str) -> Float[np.ndarray, " arms"]:
        """Return a field of the offers by arm, 0 for the control."""
        return np.array([0.0, *(getattr(offer, field) for offer in self._sorted())])


class Truth(NamedTuple):
    """What is usually hidden; arm 0 is the control, where nothing is redeemed and nothing costs.

    Attributes
    ----------
    customer_id, arms
        Names of the rows and columns.
    propensity
        Chance with which each arm is drawn; rows sum to 1.
    purchase
        Chance of a purchase under each arm; the first column is that without an offer.
    redemption
        Chance that a purchase redeems.
    margin_cents
        Mean margin of a purchase before the discount.
    contact_cents, discount_cents, funded_share
        Costs: of the contact, of a redemption (mean, shares of the margin included), and the share
        of the latter that a supplier pays.
    """

    customer_id: np.ndarray
    arms: tuple[str, ...]
    propensity: ByArm
    purchase: ByArm
    redemption: ByArm
    margin_cents: Column
    contact_cents: Float[np.ndarray, " arms"]
    discount_cents: ByArm
    funded_share: Float[np.ndarray, " arms"]

    @property
    def value_cents(self) -> ByArm:
        """Expected margin before the discount."""
        return self.margin_cents[:, None] * self.purchase

    @property
    def cost_cents(self) -> ByArm:
        """Expected cost: the contact, and the discount of everyone who redeems."""
        return self.contact_cents + self._paid_per_purchase() * self.purchase

    @property
    def incremental_redemptions_cost_cents(self) -> ByArm:
        """What a plan believes that charges the discount to incremental buyers alone."""
        more = self.purchase - self.purchase[:, :1]
        return self.contact_cents + self._paid_per_purchase() * more

    @property
    def net_cents(self) -> ByArm:
        """Expected value less expected cost; less its first column, what each arm adds."""
        return self.value_cents - self.cost_cents

    def frame(self) -> pd.DataFrame:
        """Return a row for each customer and arm.

        Columns: customer_id, arm, margin_cents, propensity, purchase, redemption, value_cents,
        cost_cents, incremental_redemptions_cost_cents, net_cents.
        """
        n, arms = self.purchase.shape
        pairs = (
            "propensity", "purchase", "redemption", "value_cents", "cost_cents",
            "incremental_redemptions_cost_cents", "net_cents",
        )  # fmt: skip
        return pd.DataFrame({
            "customer_id": np.repeat(self.customer_id, arms),
            "arm": pd.Categorical(np.tile(self.arms, n), categories=list(self.arms)),
            "margin_cents": np.repeat(self.margin_cents, arms),
            **{name: getattr(self, name).ravel() for name in pairs},
        })  # fmt: skip

    def _paid_per_purchase(self) -> ByArm:
        return (1 - self.funded_share) * self.discount_cents * self.redemption


class Population(NamedTuple):
    """Customers before a campaign.

    `features` has a row per customer: customer_id, orders, recency_days (since the last order),
    tenure_days (since the first), mean_margin_cents (of an order), discounted_share (of orders).
    """

    features: pd.DataFrame
    truth: Truth


class Outcome(NamedTuple):
    """What a draw of the campaign gave each customer, and what they did."""

    arm: Int[np.ndarray, " customers"]
    responded: Bool[np.ndarray, " customers"]
    redeemed: Bool[np.ndarray, " customers"]
    value_cents: Int[np.ndarray, " customers"]


class Simulated(NamedTuple):
    """A simulated campaign: treatments, outcomes, arms and features by name, and the truth."""

    frames: dict[str, pd.DataFrame]
    truth: Truth


def simulate_campaign(trial: CampaignWorld, seed: int) -> Simulated:
    """Return a campaign of `trial`; the same seed gives the same campaign.

    Features are known on the last of the store's days, arms are drawn on the day after.
    """
    people = population(trial, seed)
    outcome = draw(people.truth, seed)
    known = np.datetime64(World().start, "us") + np.timedelta64(math.ceil(trial.days), "D")
    who = {"customer_id": people.truth.customer_id, "campaign_id": CAMPAIGN}
    rows = np.arange(len(outcome.arm))
    treatments = pd.DataFrame(who).assign(
        arm=np.array(people.truth.arms)[outcome.arm],
        assigned_at=known + np.timedelta64(1, "D"),
        propensity=people.truth.propensity[rows, outcome.arm],
    )
    told = {name: getattr(outcome, name) for name in ("responded", "redeemed", "value_cents")}
    features = people.features.assign(campaign_id=CAMPAIGN, known_at=known)
    frames = {
        "treatments": treatments,
        "outcomes": pd.DataFrame(who).assign(**told),
        "arms": _arms(trial),
        "features": features,
    }
    return Simulated(frames, people.truth)


def population(trial: CampaignWorld, seed: int) -> Population:
    """Return customers with features and truth; the same seed gives the same customers."""
    rng = np.random.default_rng([seed, 0])
    features, expected = _features(trial, rng)
    return Population(features, _truth(trial, features, expected))


def draw(truth: Truth, seed: int) -> Outcome:
    """Draw arms and outcomes for customers, each independently."""
    rng = np.random.default_rng([seed, 1])
    n = len(truth.margin_cents)
    edges = np.cumsum(truth.propensity, axis=1)[:, :-1]
    arm = (rng.random(n)[:, None] >= edges).sum(axis=1)
    rows = np.arange(n)
    bought = rng.random(n) < truth.purchase[rows, arm]
    redeemed = bought & (rng.random(n) < truth.redemption[rows, arm])
    shape = World().p
    margin = np.rint(truth.margin_cents * rng.gamma(shape, 1 / shape, n)).astype(np.int64)
    return Outcome(arm, bought, redeemed, np.where(bought, margin, 0))


def _features(trial: CampaignWorld, rng: np.random.Generator) -> tuple[pd.DataFrame, Column]:
    """Return features, and the margin that the Gamma-Gamma expects of the next order."""
    world = World(
        customers=trial.customers, arrival_days=ARRIVED_BY * trial.days, days=trial.days
    )  # fmt: skip
    bought = purchases(world, rng)
    orders = np.bincount(bought.customer, minlength=trial.customers)
    last = bought.day[np.cumsum(orders) - 1]
    nu = rng.gamma(world.q, 1 / world.gamma, trial.customers)
    spent = rng.gamma(world.p * orders) / nu
    discounted = rng.binomial(orders, rng.beta(*TASTE, trial.customers))
    numbers = pd.Series(np.arange(1, trial.customers + 1)).astype(str).str.zfill(7)
    features = pd.DataFrame({
        "customer_id": "c" + numbers,
        "orders": orders,
        "recency_days": trial.days - last,
        "tenure_days": trial.days - bought.arrived,
        "mean_margin_cents": spent / orders,
        "discounted_share": discounted / orders,
    })  # fmt: skip
    return features, world.p * (world.gamma + spent) / (world.p * orders + world.q - 1)


def _truth(trial: CampaignWorld, features: pd.DataFrame, expected: Column) -> Truth:
    """Build the truth from features alone; constants are means and deviations after 730 days."""
    s, world = trial.strength, World()
    orders = features["orders"].to_numpy(float)
    lapsed = _standard(np.log1p(features["recency_days"].to_numpy()), 5.0, 1.25)
    known = TASTE[0] + features["discounted_share"].to_numpy() * orders
    taste = _standard(known / (sum(TASTE) + orders), TASTE[0] / sum(TASTE), 0.12)
    alone = special.logit(trial.base)
    alone += s * (0.8 * _standard(np.log(orders), 0.95, 0.85) - 0.7 * lapsed)
    factor = 1 + s * (
        np.outer(taste, trial.by_offer("deal")) + np.outer(lapsed, trial.by_offer("lapsed"))
    )
    redemption = special.expit(
        special.logit(trial.by_offer("redemption")) + 0.8 * s * taste[:, None]
    )
    overall = world.p * world.gamma / (world.q - 1)
    margin = overall * (expected / overall) ** s
    places = np.linspace(0.0, 1.0, len(trial.offers) + 1)
    return Truth(
        customer_id=features["customer_id"].to_numpy(),
        arms=trial.arms(),
        propensity=special.softmax(trial.skew * np.outer(lapsed, places), axis=1),
        purchase=special.expit(alone[:, None] + trial.by_offer("lift") * factor),
        redemption=redemption,
        margin_cents=margin,
        contact_cents=trial.by_offer("contact_cents"),
        discount_cents=trial.by_offer("discount_cents")
        + np.outer(margin, trial.by_offer("discount_share")),
        funded_share=trial.by_offer("funded_share"),
    )


def _standard(values: Column, mean: float, deviation: float) -> Column:
    return np.clip((values - mean) / deviation, -2.0, 2.0)


def _arms(trial: CampaignWorld) -> pd.DataFrame:
    costs = ("contact_cents", "discount_cents", "discount_share", "funded_share")
    offers = [{"arm": o.name} | {name: getattr(o, name) for name in costs} for o in trial.offers]
    frame = pd.DataFrame(offers).assign(campaign_id=CAMPAIGN)
    return frame.assign(cap=pd.array([None] * len(frame), dtype="Int64"))
