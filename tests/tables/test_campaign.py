"""Randomised campaigns: published figures, costs of all who redeem, and what is refused."""

import ibis
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from lifeworth.evaluate.policies import Logged, policy_mean, single_arm
from lifeworth.tables.campaign import checked_campaign
from lifeworth.tables.errors import InputError
from lifeworth.tables.sources import CAMPAIGNS
from lifeworth.tables.sources.charitable_matching import CharitableMatching
from lifeworth.tables.sources.hillstrom import Hillstrom

DAY = pd.Timestamp("2024-03-01")


def frames():
    """Return a campaign of six customers, two to an arm."""
    who = {"customer_id": list("abcdef"), "campaign_id": "spring"}
    return {
        "treatments": pd.DataFrame(
            who
            | {
                "arm": ["control", "control", "ten", "ten", "free", "free"],
                "assigned_at": DAY,
                "propensity": [0.5, 0.5, 0.3, 0.3, 0.2, 0.2],
            }
        ),
        "outcomes": pd.DataFrame(
            who
            | {
                "responded": [True, False, True, True, True, False],
                "redeemed": [False, False, True, False, True, False],
                "value_cents": [5_000, 0, 3_000, 2_000, -400, 0],
            }
        ),
        "arms": pd.DataFrame({
            "campaign_id": "spring",
            "arm": ["ten", "free"],
            "contact_cents": [3, 5],
            "discount_cents": [0, 500],
            "discount_share": [0.1, 0.0],
            "funded_share": [0.0, 0.25],
            "cap": pd.array([None, 4], dtype="Int64"),
        }),
        "features": pd.DataFrame(who | {"known_at": DAY - pd.Timedelta(hours=1), "orders": 2}),
    }  # fmt: skip


def load(tables):
    asked = {name: ibis.memtable(frame) for name, frame in tables.items()}
    return checked_campaign(**asked, money=("EUR", "margin"))


def changed(name, column, row, value):
    tables = frames()
    frame = tables[name]
    values = frame[column].astype(object)
    values[row] = value
    tables[name] = frame.assign(**{column: values.astype(frame[column].dtype)})
    return tables


def test_what_each_customer_cost():
    frame = load(frames()).frame()
    assert frame.customer_id.tolist() == list("abcdef")
    assert list(frame.arm.cat.categories) == ["control", "free", "ten"]
    assert frame.arm.cat.codes.tolist() == [0, 0, 2, 2, 1, 1]
    # Ten per cent of 3,000 and the contact; 500 less a quarter and the contact; the contact alone.
    assert frame.cost_cents.tolist() == [0, 0, 303, 3, 380, 5]
    assert frame.orders.tolist() == [2] * 6


def test_features_need_not_be_there():
    tables = frames()
    del tables["features"]
    assert "orders" not in load(tables).frame().columns


@pytest.mark.parametrize(("tables", "says"), [
    (
        changed("features", "known_at", 2, DAY),
        "features: 1 of 6 rows have known_at >= assigned_at, such as customer 'c' of campaign"
        " 'spring', known_at 2024-03-01 00:00:00, assigned_at 2024-03-01 00:00:00; .* earlier",
    ),
    (
        changed("outcomes", "redeemed", 1, True),
        "outcomes: 1 of 6 rows are redemptions in the control, such as customer 'b'.*leaked",
    ),
    (
        changed("treatments", "propensity", 3, np.nan),
        r"treatments: 1 of 6 rows have no propensity, first at row 4 \(customer 'd', missing\)",
    ),
    (
        changed("treatments", "propensity", 3, 0.0),
        r"treatments: 1 of 6 rows have propensity 0, first at row 4 \(customer 'd', 0.0\)",
    ),
    (changed("treatments", "propensity", 3, 1.5), "have propensity > 1"),
    (
        changed("treatments", "customer_id", 5, "e"),
        r"treatments: 1 of 6 rows repeat the customer_id and campaign_id of an earlier row",
    ),
    (
        changed("treatments", "arm", 4, "fre"),
        "treatments: 1 of 6 rows have an arm that the arms do not have, such as customer 'e' of"
        " campaign 'spring', arm fre; add its costs",
    ),
    (
        changed("outcomes", "customer_id", 5, "g"),
        "(?s)treatments: 1 of 6 rows have no row in outcomes, such as customer 'f'.*"
        "outcomes: 1 of 6 rows have no treatment, such as customer 'g'",
    ),
    (changed("features", "customer_id", 0, "g"), "have no row in features, such as customer 'a'"),
    (
        changed("arms", "arm", 0, "control"),
        "(?s)arms: 1 of 2 rows are the control and cost something.*2 of 6 rows have an arm",
    ),
    (changed("arms", "funded_share", 1, 1.2), "arms: 1 of 2 rows have funded_share > 1"),
])  # fmt: skip
def test_campaigns_that_cannot_be_judged_are_refused(tables, says):
    with pytest.raises(InputError, match=says):
        load(tables)


def test_a_campaign_without_a_control_is_refused():
    tables = frames()
    treatments = tables["treatments"]
    tables["treatments"] = treatments.assign(arm=treatments.arm.replace("control", "ten"))
    with pytest.raises(InputError, match="6 of 6 rows are of a campaign without a control"):
        load(tables)


# ---- public data


@pytest.fixture(scope="module")
def hillstrom(data_folder):
    return Hillstrom(folder=str(data_folder)).load().frame()


def test_hillstrom(hillstrom):
    by_arm = hillstrom.groupby("arm", observed=True)
    assert by_arm.size().to_dict() == {"control": 21_306, "mens": 21_307, "womens": 21_387}
    means = by_arm[["visited", "responded", "value_cents"]].mean().T
    assert means["control"].tolist() == pytest.approx([0.10617, 0.00573, 65.279], rel=1e-3)
    assert means["womens"].tolist() == pytest.approx([0.15140, 0.00884, 107.720], rel=1e-3)
    assert means["mens"].tolist() == pytest.approx([0.18276, 0.01253, 142.262], rel=1e-3)
    assert hillstrom.value_cents.gt(0).eq(hillstrom.responded).all()
    assert (hillstrom.known_at < hillstrom.assigned_at).all()
    assert not hillstrom.cost_cents.any()


def test_policies_of_hillstrom(hillstrom):
    logged = Logged(
        arm=hillstrom.arm.cat.codes.to_numpy().astype(int),
        propensity=hillstrom.propensity.to_numpy(),
        arms=3,
    )
    spend = hillstrom.value_cents.to_numpy() / 100
    scores = logged.scores(spend, logged.means(spend))
    values = [policy_mean(single_arm(len(spend), a, 3), scores) for a in range(3)]
    assert [v.value for v in values] == pytest.approx([0.653, 1.423, 1.077], abs=5e-4)
    gain = (values[1] - values[0]).estimate()
    apart = [spend[logged.arm == a] for a in (0, 1)]
    known = np.sqrt(sum(a.var() / len(a) for a in apart))
    # Errors divide by the customers expected in an arm, 1/3, not by those that came.
    assert gain.error == pytest.approx(known, rel=0.01)


def test_an_email_may_cost_something(data_folder):
    frame = Hillstrom(folder=str(data_folder), contact_cents=2).load().frame()
    assert frame.groupby("arm", observed=True).cost_cents.unique().map(list).to_dict() == {
        "control": [0], "mens": [2], "womens": [2],
    }  # fmt: skip


def test_charitable_matching(data_folder):
    frame = CharitableMatching(folder=str(data_folder)).load().frame()
    by_arm = frame.groupby("arm", observed=True)
    assert by_arm.size().to_dict() == {
        "control": 16_687, "1:1": 11_133, "2:1": 11_134, "3:1": 11_127,
    }  # fmt: skip
    gave = by_arm.responded.mean()
    assert gave.to_dict() == pytest.approx(
        {"control": 0.0179, "1:1": 0.0207, "2:1": 0.0226, "3:1": 0.0226}, abs=5e-5
    )
    amount = by_arm.value_cents.mean()
    assert amount.to_dict() == pytest.approx(
        {"control": 81.3, "1:1": 93.7, "2:1": 102.6, "3:1": 93.3}, abs=0.05
    )
    # The match is paid for all gifts, so every arm costs more than it adds.
    cost = by_arm.cost_cents.mean()
    assert cost.to_numpy() == pytest.approx(amount.to_numpy() * [0, 1, 2, 3])
    assert (amount - cost < amount["control"])[["1:1", "2:1", "3:1"]].all()
    assert frame.female.isna().sum() > 1_000
    funded = CharitableMatching(folder=str(data_folder), funded_share=1.0).load().frame()
    assert not funded.cost_cents.any()


@pytest.mark.parametrize("name", [name for name in CAMPAIGNS if CAMPAIGNS[name].about.files])
def test_absent_files_are_named_with_their_source(name, tmp_path):
    with pytest.raises(InputError, match=rf"^{name}: no data folder is named"):
        CAMPAIGNS[name]().load()
    with pytest.raises(InputError, match=rf"{name}: no file .*get it from"):
        CAMPAIGNS[name](folder=str(tmp_path)).load()
    with pytest.raises(ValidationError, match="folde"):
        CAMPAIGNS[name](folde="x")


def test_other_arms_than_the_published_are_refused(tmp_path):
    columns = {
        "recency": 1, "history_segment": "x", "history": 1.5, "mens": 1, "womens": 0,
        "zip_code": "Rural", "newbie": 0, "channel": "Web", "visit": 0, "conversion": 0, "spend": 0,
    }  # fmt: skip
    table = pd.DataFrame([columns | {"segment": s} for s in ("Mens E-Mail", "mens")])
    table.to_csv(tmp_path / "hillstrom.csv", index=False)
    with pytest.raises(InputError, match="1 of 2 rows have a segment other than No E-Mail"):
        Hillstrom(folder=str(tmp_path)).load()


def test_an_assignment_after_the_bound_is_refused(data_folder):
    with pytest.raises(InputError, match="have assigned_at after 2000-01-01"):
        Hillstrom(folder=str(data_folder)).load(latest=pd.Timestamp("2000-01-01").to_pydatetime())
