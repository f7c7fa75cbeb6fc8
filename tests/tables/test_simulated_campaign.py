"""The simulated campaign against the truth it was made from."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy import stats

from lifeworth.models.uplift import math
from lifeworth.tables.campaign import CONTROL
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate_campaign import (
    OFFERS,
    CampaignWorld,
    Offer,
    draw,
    population,
    simulate_campaign,
)
from lifeworth.tables.sources import CAMPAIGNS
from lifeworth.tables.sources.simulated_campaign import SimulatedCampaign

SKEWED = CampaignWorld(customers=20_000, skew=0.7)


@pytest.fixture(scope="module")
def source():
    return SimulatedCampaign(seed=3, world=SKEWED)


@pytest.fixture(scope="module")
def truth(source):
    return source.truth()


@pytest.fixture(scope="module")
def frame(source):
    return source.load().frame()


def drawn_often(truth, times):
    """Return how often each customer drew an arm, bought, redeemed there; and summed value."""
    sums = np.zeros((4, *truth.purchase.shape))
    rows = np.arange(len(truth.margin_cents))
    for seed in range(times):
        found = draw(truth, seed)
        sums[:, rows, found.arm] += [
            np.ones(len(rows)), found.responded, found.redeemed, found.value_cents
        ]  # fmt: skip
    return sums


def test_truth_is_what_repeated_draws_average_to():
    """Counts of each customer and arm are binomial: the largest of 480 |z| is below 5.

    The skew of a binomial of at least 15 adds less than 1 to it. Values: 5 standard errors by arm.
    """
    times = 3_000
    truth = population(CampaignWorld(customers=120, base=0.4, skew=0.7), 5).truth
    came, bought, redeemed, value = drawn_often(truth, times)
    chances = [truth.propensity, truth.propensity * truth.purchase]
    chances.append(chances[1] * truth.redemption)
    for count, chance in zip([came, bought, redeemed], chances, strict=True):
        seen = times * chance > 15
        z = (count - times * chance) / np.sqrt(np.maximum(times * chance * (1 - chance), 1))
        assert seen.sum() > 150
        assert np.abs(z[seen]).max() < 6
        assert abs((z[seen] ** 2).mean() - 1) < 5 * np.sqrt(2 / seen.sum())
    # E value^2 of a purchase is m^2 (1 + 1 / 6.25), from the shape of the Gamma noise.
    by_arm = truth.propensity * truth.value_cents
    square = truth.propensity * truth.purchase * truth.margin_cents[:, None] ** 2 * (1 + 1 / 6.25)
    error = np.sqrt(times * (square - by_arm**2).sum(axis=0))
    assert (np.abs(value.sum(axis=0) - times * by_arm.sum(axis=0)) < 5 * error).all()


def test_paid_costs_average_to_the_true_cost_and_not_to_the_other(frame, truth):
    cost, code = frame.cost_cents.to_numpy(), frame.arm.cat.codes.to_numpy()
    for arm in range(1, 4):
        mine = code == arm
        off = cost[mine] - truth.cost_cents[mine, arm]
        error = off.std() / np.sqrt(mine.sum())
        assert abs(off.mean()) <= 5 * error  # mail costs its contact, for sure
        shortfall = truth.cost_cents - truth.incremental_redemptions_cost_cents
        if truth.discount_cents[:, arm].any():
            assert shortfall[mine, arm].mean() > 10 * error
    assert not cost[code == 0].any()


def test_costs_are_those_of_the_uplift_room(truth):
    """A discount by share is its share as d, and the margin times r as r."""
    share = np.array([0.1 if name == "tenth" else 0.0 for name in truth.arms])
    fixed = np.array([500.0 if name == "five" else 0.0 for name in truth.arms])
    terms = math.Terms(k=truth.contact_cents, d=share + fixed, f=truth.funded_share)
    r = truth.redemption * np.where(share > 0, truth.margin_cents[:, None], 1.0)
    p, p_0 = truth.purchase, truth.purchase[:, 0]
    assert truth.cost_cents == pytest.approx(math.true_cost(terms, p, r))
    other = math.incremental_redemptions_cost(terms, p, p_0, r)
    assert truth.incremental_redemptions_cost_cents == pytest.approx(other)
    net = math.net_value(truth.margin_cents[:, None], p, p_0, truth.cost_cents)
    assert truth.net_cents - truth.net_cents[:, :1] == pytest.approx(net, abs=1e-9)


def test_rows_and_arms_are_in_the_order_of_the_frame(frame, truth):
    assert tuple(frame.arm.cat.categories) == truth.arms == (CONTROL, "five", "mail", "tenth")
    assert frame.customer_id.tolist() == truth.customer_id.tolist()
    own = truth.propensity[np.arange(len(frame)), frame.arm.cat.codes]
    assert frame.propensity.to_numpy() == pytest.approx(own)


def test_arms_are_drawn_with_their_chances(frame, truth):
    """By fifths of recency, where chances differ; chi-square at the 0.1 % level."""
    assert truth.propensity.sum(axis=1) == pytest.approx(1)
    assert truth.propensity.min() > 0.05
    fifth = pd.qcut(frame.recency_days, 5, labels=False)
    for part in range(5):
        mine = (fifth == part).to_numpy()
        counts = np.bincount(frame.arm.cat.codes[mine], minlength=4)
        assert stats.chisquare(counts, truth.propensity[mine].sum(axis=0)).pvalue > 0.001
    assert np.ptp(truth.propensity[:, 0]) > 0.2
    equal = population(CampaignWorld(customers=100), 1).truth.propensity
    assert equal == pytest.approx(np.full((100, 4), 0.25))


def test_the_control_redeems_nothing_and_mail_neither(frame):
    redeemed = frame.groupby("arm", observed=True).redeemed.sum()
    assert redeemed[[CONTROL, "mail"]].tolist() == [0, 0]
    assert redeemed[["five", "tenth"]].min() > 500
    assert not frame.redeemed[~frame.responded].any()
    assert not frame.value_cents[~frame.responded].any()


def test_features_are_known_before_and_do_not_depend_on_the_arms(frame):
    assert (frame.known_at < frame.assigned_at).all()
    assert (frame.recency_days <= frame.tenure_days).all()
    assert frame.discounted_share.between(0, 1).all()
    one = CampaignWorld(customers=50, offers=(Offer(name="a", lift=1.0),))
    features = [population(t, 8).features for t in (one, CampaignWorld(customers=50, strength=0.0))]
    pd.testing.assert_frame_equal(*features)


def test_the_same_seed_gives_the_same_campaign():
    trial = CampaignWorld(customers=300)
    first, again, other = (simulate_campaign(trial, seed) for seed in (1, 1, 2))
    for name, table in first.frames.items():
        pd.testing.assert_frame_equal(table, again.frames[name])
    for mine, same in zip(first.truth, again.truth, strict=True):
        np.testing.assert_array_equal(mine, same)
    assert not first.frames["outcomes"].equals(other.frames["outcomes"])


def test_without_strength_every_arm_has_one_effect():
    truth = population(CampaignWorld(strength=0.0), 2).truth
    for name in ("purchase", "net_cents", "cost_cents", "redemption"):
        assert np.ptp(getattr(truth, name), axis=0) == pytest.approx(0, abs=1e-9)
    assert truth.purchase[0, 0] == pytest.approx(0.15)
    assert truth.redemption[0].tolist() == pytest.approx([0, 0.8, 0, 0.7])
    odds = truth.purchase[0] / (1 - truth.purchase[0])
    assert np.log(odds[1:] / odds[0]) == pytest.approx([0.6, 0.25, 0.35])
    assert truth.margin_cents == pytest.approx(6.25 * 1_544 / 2.74)


def test_some_are_put_off_and_some_would_buy_anyway(truth):
    p_0, more = truth.purchase[:, 0], truth.purchase[:, 1:] - truth.purchase[:, :1]
    assert (more < 0).mean(axis=0).min() > 0.03
    net = truth.net_cents - truth.net_cents[:, :1]
    assert (net.argmax(axis=1) == 0).mean() > 0.05
    anyway = (p_0 > 0.5) & (net[:, 1] < 0)
    assert 0.001 < anyway.mean() < 0.5
    # No arm is best for all: choosing is worth something.
    assert net.max(axis=1).mean() > 1.2 * net.mean(axis=0).max()


def test_truth_as_a_frame(truth):
    told = truth.frame()
    assert len(told) == truth.purchase.size
    assert told.loc[told.arm == "five", "net_cents"].to_numpy() == pytest.approx(
        truth.net_cents[:, 1]
    )
    assert told.value_cents.to_numpy() == pytest.approx(told.margin_cents * told.purchase)


def test_the_source_is_registered_and_needs_no_files():
    assert CAMPAIGNS["simulated_campaign"] is SimulatedCampaign
    small = CAMPAIGNS["simulated_campaign"](
        world={"customers": 40, "offers": [{"name": "a", "lift": 1}]}
    )
    campaign = small.load()
    assert (campaign.currency, campaign.value_is) == ("USD", "margin")
    assert len(campaign.frame()) == 40
    with pytest.raises(InputError, match="have assigned_at after 2000-01-01"):
        small.load(latest=pd.Timestamp("2000-01-01").to_pydatetime())


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"strength": -1.0}, "strength\n  Input should be greater than or equal to 0"),
        ({"strenght": 1.0}, "strenght\n  Unexpected keyword argument"),
        ({"base": 1.0}, "base\n  Input should be less than 1"),
        ({"offers": ()}, "there are no offers, so there is nothing to compare"),
        ({"offers": OFFERS + OFFERS[:1]}, "4 offers, and 'mail' is the name of more than one arm"),
        ({"offers": [{"name": CONTROL, "lift": 1.0}]}, "'control' is the name of more than one"),
        ({"offers": [{"name": "a", "lift": 1.0, "redemption": 1.0}]}, "should be less than 1"),
    ],
)
def test_wrong_fields_are_refused_by_name(fields, says):
    with pytest.raises(ValidationError, match=r"1 validation error for CampaignWorld") as raised:
        CampaignWorld(**fields)
    assert says in str(raised.value)
