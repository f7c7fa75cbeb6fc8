"""Simulated campaigns as arrays, and the plainest models of them: a linear regression by arm."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lifeworth.evaluate.policies import Logged
from lifeworth.tables.simulate_campaign import CampaignWorld, Population, Truth, draw, population

ByArm = Float[np.ndarray, "customers arms"]
Column = Float[np.ndarray, " customers"]
Design = Float[np.ndarray, "customers columns"]

FOLDS = 2


class Rows(NamedTuple):
    """A campaign as it is seen: who drew what, what they did, what they cost; and the truth."""

    x: Design
    logged: Logged
    outcomes: dict[str, Column]
    people: Population

    @property
    def truth(self) -> Truth:
        """What is usually hidden."""
        return self.people.truth


def drawn(trial: CampaignWorld, seed: int) -> Rows:
    """Return a campaign; outcomes are bought, redeemed, value, cost (paid) and net, in cents."""
    people = population(trial, seed)
    truth, seen = people.truth, draw(people.truth, seed)
    off = trial.by_offer("discount_cents")[seen.arm]
    off = off + trial.by_offer("discount_share")[seen.arm] * seen.value_cents
    paid = (1 - truth.funded_share[seen.arm]) * seen.redeemed * off
    cost = np.rint(truth.contact_cents[seen.arm] + paid)
    outcomes = {
        "bought": seen.responded.astype(float),
        "redeemed": seen.redeemed.astype(float),
        "value": seen.value_cents.astype(float),
        "cost": cost,
        "net": seen.value_cents - cost,
    }
    chance = truth.propensity[np.arange(len(seen.arm)), seen.arm]
    logged = Logged(arm=seen.arm, propensity=chance, arms=len(truth.arms))
    return Rows(design(people), logged, outcomes, people)


def design(people: Population) -> Design:
    """Return columns of a regression: features, the squares of some, a constant."""
    f = people.features
    orders, recency = np.log(f["orders"].to_numpy(float)), np.log1p(f["recency_days"].to_numpy())
    taste, money = f["discounted_share"].to_numpy(), np.log(f["mean_margin_cents"].to_numpy())
    one, odd = np.ones(len(f)), (recency - 5.0) / 1.25
    return np.stack([one, orders, odd, taste, money, orders**2, odd**2, taste * orders], axis=1)


def fitted(rows: Rows, name: str, among: np.ndarray | None = None) -> Float[np.ndarray, "c arms"]:
    """Return coefficients by arm of the outcome `name`, by least squares; `among`: some rows."""
    some = np.ones(len(rows.x), dtype=bool) if among is None else among
    arm, y = rows.logged.arm, rows.outcomes[name]
    found = [
        np.linalg.lstsq(rows.x[some & (arm == a)], y[some & (arm == a)], rcond=1e-8)[0]
        for a in range(rows.logged.arms)
    ]
    return np.stack(found, axis=1)


def cross_fitted(rows: Rows, name: str) -> ByArm:
    """Return the expected outcome of each customer and arm, from the other half of customers."""
    fold = np.arange(len(rows.x)) % FOLDS  # customers are in no order
    expected = np.zeros((len(rows.x), rows.logged.arms))
    for part in range(FOLDS):
        expected[fold == part] = rows.x[fold == part] @ fitted(rows, name, fold != part)
    return expected


def scores(rows: Rows, name: str, *, robust: bool) -> ByArm:
    """Return doubly robust scores, or those by inverse propensity."""
    expected = cross_fitted(rows, name) if robust else None
    return rows.logged.scores(rows.outcomes[name], expected)


def believed(seen: Rows, trial: CampaignWorld, people: Population) -> Truth:
    """Return what regressions of one campaign say of other customers, in the place of the truth."""
    x, bought = design(people), seen.outcomes["bought"] > 0
    offers = trial.by_offer("redemption") > 0
    margin = np.linalg.lstsq(seen.x[bought], seen.outcomes["value"][bought], rcond=1e-8)[0]
    m = np.maximum(x @ margin, 100.0)
    shares = trial.by_offer("discount_share")
    return people.truth._replace(
        purchase=np.clip(x @ fitted(seen, "bought"), 0.001, 0.999),
        redemption=np.clip(x @ fitted(seen, "redeemed", bought), 0.0, 1.0) * offers,
        margin_cents=m,
        discount_cents=trial.by_offer("discount_cents") + np.outer(m, shares),
    )
