"""A shop's own campaign: as a source that knows its file, defaults, and what is refused."""

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from lifeworth.tables.errors import InputError
from lifeworth.tables.sources import CampaignFiles, Hillstrom

COLUMNS = {"customer_id": "id", "arm": "given", "value": "spent"}
DESIGN: dict[str, Any] = {
    "arms": {"coupon": {"contact": 0.1, "discount": 2.0, "funded_share": 0.25}, "mail": {}},
    "chances": {"control": 0.5, "coupon": 0.25, "mail": 0.25},
    "assigned_on": dt.date(2026, 3, 1),
    "known_on": dt.date(2026, 2, 28),
    "features": {"orders": "count", "so far": "money"},
}


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "given": ["control", "coupon", "coupon", "mail"],
            "spent": [10.0, 12.5, 0.0, 7.25],
            "orders": [1, 2, 3, 4],
            "so far": [10.0, 20.0, 30.5, 40.0],
            "chance": [0.5, 0.2, 0.2, 0.3],
            "bought": ["no", "yes", "no", "yes"],
            "used": ["no", "no", "no", "yes"],
            "drawn": ["2026-03-01", "2026-03-02", "2026-03-02", "2026-03-01"],
            "seen": ["2026-02-01", "2026-02-02", "2026-02-02", "2026-02-01"],
        }
    )


def load(folder: Path, rows: pd.DataFrame, **changes: Any):
    rows.to_csv(folder / "mine.csv", index=False)
    given = {"folder": str(folder), "file": "mine.csv", "currency": "EUR", "columns": COLUMNS}
    return CampaignFiles(**{**given, **DESIGN, **changes}).load()


def test_it_reads_what_a_source_of_its_own_reads(tmp_path) -> None:
    """Hillstrom's file with a number for each line, every column of it named."""
    own = Hillstrom(contact_cents=2)
    try:
        path = own.about.find(own.folder or os.environ.get("LIFEWORTH_DATA"), "hillstrom")
    except InputError:
        pytest.skip("needs Hillstrom's file in LIFEWORTH_DATA")
    lines = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    lines.assign(number=np.arange(len(lines)) + 1).to_parquet(tmp_path / "mine.parquet")
    true = replace(own, folder=str(path.parent)).load().frame()
    arms = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
    told = CampaignFiles(
        folder=str(tmp_path),
        file="mine.parquet",
        currency="USD",
        columns={
            "customer_id": "number", "arm": "segment", "value": "spend", "visited": "visit",
            "responded": "conversion",
        },
        features={"recency": "count", "history": "money", "zip_code": "text", "mens": "truth"},
        arms={arm: {"contact": 0.02} for arm in arms[1:]},
        control=arms[0],
        chances=dict.fromkeys(arms, 1 / 3),
        assigned_on=dt.date(2008, 3, 1),
        known_on=dt.date(2008, 2, 29),
    )  # fmt: skip
    found = told.load().frame()
    names = {"control": "control", arms[1]: "mens", arms[2]: "womens"}
    found["arm"] = [names[arm] for arm in found["arm"]]
    true["arm"] = list(true["arm"])
    same = [column for column in found if column != "campaign_id"]
    assert {"history_cents", "visited", "cost_cents", "propensity"} <= set(same)
    pd.testing.assert_frame_equal(found[same], true[same], check_dtype=False)


def test_costs_and_outcomes_that_no_column_has_follow_from_the_others(tmp_path, rows) -> None:
    """b redeemed: they bought with a coupon; 10 cents of contact, three quarters of 2 euros."""
    frame = load(tmp_path, rows).frame().set_index("customer_id")
    assert frame["value_cents"].to_dict() == {"a": 1_000, "b": 1_250, "c": 0, "d": 725}
    assert frame["responded"].tolist() == [True, True, False, True]
    assert frame["redeemed"].tolist() == [False, True, False, False]
    assert frame["cost_cents"].tolist() == [0, 160, 10, 0]
    assert frame["propensity"].tolist() == [0.5, 0.25, 0.25, 0.25]
    assert frame["so far_cents"].tolist() == [1_000, 2_000, 3_050, 4_000]
    assert list(frame["arm"].cat.categories) == ["control", "coupon", "mail"]


def test_columns_go_before_what_would_follow(tmp_path, rows) -> None:
    columns = COLUMNS | {
        "propensity": "chance", "responded": "bought", "redeemed": "used", "assigned_at": "drawn",
        "known_at": "seen",
    }  # fmt: skip
    stated = {"chances": None, "assigned_on": None, "known_on": None}
    frame = load(tmp_path, rows, columns=columns, **stated).frame().set_index("customer_id")
    assert frame["propensity"].tolist() == [0.5, 0.2, 0.2, 0.3]
    assert frame["responded"].tolist() == [False, True, False, True]
    assert frame["redeemed"].tolist() == [False, False, False, True]
    assert frame["assigned_at"].dt.day.tolist() == [1, 2, 2, 1]
    assert frame["known_at"].dt.day.tolist() == [1, 2, 2, 1]


def test_cents_and_another_name_of_the_control(tmp_path, rows) -> None:
    rows = rows.assign(given=rows["given"].replace("control", "nothing"))
    arms = {"coupon": {"contact": 10, "discount": 200}, "mail": {}}
    chances = {"nothing": 0.5, "coupon": 0.25, "mail": 0.25}
    whole = rows.assign(spent=[1_000, 1_250, 0, 725])
    frame = load(
        tmp_path, whole, control="nothing", chances=chances, arms=arms, units="cents"
    ).frame()
    assert frame["value_cents"].tolist() == [1_000, 1_250, 0, 725]
    assert frame["cost_cents"].tolist() == [0, 210, 10, 0]
    assert frame["arm"].tolist()[0] == "control"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"columns": COLUMNS | {"valu": "spent"}}, "'valu', unknown, did you mean 'value'"),
        ({"columns": {"customer_id": "id", "value": "spent"}}, "does not name 'arm'"),
        ({"columns": {"customer_id": "id", "arm": "given"}}, "names no outcome"),
        ({"chances": None}, "with which chance .*control: 0.3333"),
        ({"chances": {"control": 0.5, "coupon": 0.5}}, "give each arm one"),
        ({"chances": {"control": 0.5, "coupon": 0.5, "mail": 0.5}}, "sum to 1.5"),
        ({"columns": COLUMNS | {"propensity": "chance"}}, "give one"),
        ({"assigned_on": None}, "when were the arms drawn"),
        ({"known_on": None}, "from when on were the features known"),
        ({"known_on": dt.date(2026, 3, 1)}, "must be known before the arm is drawn"),
        ({"features": None}, "features names no column"),
        ({"features": {"income": "money"}}, "income"),
        ({"features": {"spent": "money"}}, "'spent' is mapped as columns.value"),
        ({"features": {"value": "money"}}, "cannot be called 'value' here"),
        ({"features": {"responded": "truth"}}, "cannot be called 'responded' here"),
        ({"arms": None}, "arms names none but the control"),
        ({"arms": {"control": {}, "coupon": {}, "mail": {}}}, "leave it out of arms"),
        ({"arms": {"coupon": {}}, "chances": {"control": 0.5, "coupon": 0.5}}, "have an arm other"),
        ({"file": "other.csv"}, "other.csv"),
    ],
)
def test_what_is_not_stated_or_cannot_be_is_refused(tmp_path, rows, changes, says) -> None:
    with pytest.raises(InputError, match=says):
        load(tmp_path, rows, **changes)


def test_several_campaigns_of_a_file_are_kept_apart(tmp_path, rows) -> None:
    """Each customer is in both; costs are those of the arm in either."""
    both = pd.concat([rows.assign(wave="spring"), rows.assign(wave="autumn", spent=1.0)])
    campaign = load(tmp_path, both, columns=COLUMNS | {"campaign_id": "wave"})
    assert campaign.ids() == ["autumn", "spring"]
    frame = campaign.only("spring").frame()
    pd.testing.assert_frame_equal(
        frame.drop(columns="campaign_id"),
        load(tmp_path, rows).frame().drop(columns="campaign_id"),
    )
    with pytest.raises(InputError, match=r"no campaign 'sprin', did you mean 'spring'.*autumn"):
        campaign.only("sprin")


def test_redemptions_in_the_control_and_customers_twice_are_refused(tmp_path, rows) -> None:
    leaked = rows.assign(used=["yes", "no", "no", "no"])
    with pytest.raises(InputError, match="redemptions in the control"):
        load(tmp_path, leaked, columns=COLUMNS | {"redeemed": "used"})
    with pytest.raises(InputError, match=r"was read as treatments .who was given what"):
        load(tmp_path, rows.assign(id=["a", "a", "c", "d"]))


def test_costs_below_0_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match=r"coupon.*contact"):
        CampaignFiles(
            file="x.csv", currency="EUR", columns=COLUMNS, arms={"coupon": {"contact": -1}}
        )
