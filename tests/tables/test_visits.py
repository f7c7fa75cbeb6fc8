"""Sources of visits: published counts, and what is refused."""

import pandas as pd
import pytest

from lifeworth.tables.errors import InputError
from lifeworth.tables.sources import Retailrocket, Tafeng
from lifeworth.tables.visits import Visits, checked_visits


def made(**changes: pd.DataFrame) -> Visits:
    touched = {"visit_id": ["b", "b", "a"], "place": [1, 0, 0], "product_id": ["x", "y", "x"]}
    parts = {
        "train": pd.DataFrame(touched | {"kind": "view"}),
        "asked": pd.DataFrame(touched | {"kind": "view"}),
        "wanted": pd.DataFrame({"visit_id": ["a", "b"], "product_id": ["x", "z"]}),
    }
    clusters = pd.Series([0, 1], index=["a", "b"])
    return Visits(name="made", unit="session", clusters=clusters, **{**parts, **changes})


def test_touches_are_sorted_within_visits() -> None:
    assert checked_visits(made()).train["product_id"].tolist() == ["y", "x", "x"]


def test_the_hash_knows_each_part() -> None:
    some = made()
    assert some.content_hash() == made().content_hash()
    other = made(train=some.train.assign(product_id="q"))
    assert other.content_hash() != some.content_hash()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"train": made().train.drop(columns="kind")}, "made: train: there is no column 'kind'"),
        ({"train": made().train.iloc[:0]}, "there is no row"),
        ({"asked": made().asked.assign(product_id=["x", None, "y"])},
         "1 of 3 rows lack a value, first row 1 in 'product_id'"),
        ({"wanted": pd.DataFrame({"visit_id": ["a", "c"], "product_id": ["x", "x"]})},
         "1 visit of wanted is not in asked, first 'c'"),
        ({"wanted": pd.concat([made().wanted, made().wanted.iloc[:1]])},
         "made: wanted: 1 of 3 rows repeat another, first visit_id a, product_id x"),
        ({"train": made().train.assign(product_id="x", place=0)},
         "made: train: 1 of 3 rows repeat another, first visit_id b, place 0"),
        ({"wanted": made().wanted.iloc[:1]}, "1 visit of asked is not in wanted, first 'b'"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_refused(changes, says) -> None:
    with pytest.raises(InputError, match=says):
        checked_visits(made(**changes))


def test_retailrocket_has_the_published_counts(data_folder) -> None:
    visits = Retailrocket(folder=str(data_folder)).load()
    assert len(visits.train) == 685_984
    assert visits.train["visit_id"].nunique() == 126_168
    assert visits.train["product_id"].nunique() == 36_968
    assert len(visits.asked_ids) == len(visits.wanted) == 15_132
    assert visits.clusters.nunique() == 4_735  # beginnings of one session follow each other
    few = visits.first(3)
    assert few.asked_ids.tolist() == ["000000", "000001", "000002"]
    assert few.wanted["product_id"].tolist() == ["016156", "031449", "005405"]


def test_customers_of_retailrocket_have_the_published_counts(data_folder) -> None:
    visits = Retailrocket(folder=str(data_folder), which="customers").load()
    assert len(visits.train) == 97_381
    assert len(visits.wanted) == visits.wanted["visit_id"].nunique() == 2_174
    assert visits.train["kind"].value_counts().to_dict() == {
        "view": 75_374, "cart": 12_456, "buy": 9_551
    }  # fmt: skip


def test_tafeng_has_the_published_counts(data_folder) -> None:
    visits = Tafeng(folder=str(data_folder)).load()
    assert (len(visits.train), len(visits.wanted)) == (480_611, 91_322)
    assert visits.train["visit_id"].nunique() == 13_858
    assert visits.train["product_id"].nunique() == 11_997


def test_one_product_of_each_last_basket_is_hidden(data_folder) -> None:
    whole = Tafeng(folder=str(data_folder)).load()
    visits = Tafeng(folder=str(data_folder), task="attach").load()
    size = whole.wanted.groupby("visit_id").size()
    assert len(visits.wanted) == (size > 1).sum()
    last = visits.asked.groupby("visit_id")["place"].transform("max") == visits.asked["place"]
    shown = visits.asked[last].groupby("visit_id").size()
    pd.testing.assert_series_equal(shown, size[size > 1] - 1, check_names=False)
    both = visits.asked[last].merge(visits.wanted, on=["visit_id", "product_id"])
    assert both.empty


def test_a_basket_without_a_user_is_no_customer_called_nan(tmp_path) -> None:
    for stem in ("history", "future"):
        (tmp_path / f"{stem}.csv").write_text("user,basket,item\n1,1,5\n,1,6\n")
    with pytest.raises(InputError, match="tafeng_nbr/history: 1 of 2 rows lack a value, first row"):
        Tafeng(folder=str(tmp_path)).load()


@pytest.mark.parametrize(
    ("events", "tests", "says"),
    [
        ("s,1,5\n", "5,6\n", "'session' that is not a whole number"),
        ("1,1,5\n1,2,\n", "5,6\n", "train_events: 1 of 2 rows lack a value, first row 1 in 'item'"),
        ("1,1,5\n1,2,6\n", "5,six\n", r"target' that is not a number, first row 0 \('six'\)"),
        ("1,1,5\n1,2,6\n", None, "there is no column 'prefix'"),
    ],
)
def test_sessions_that_cannot_be_read_are_told(tmp_path, events, tests, says) -> None:
    (tmp_path / "train_events.csv").write_text("session,pos,item\n" + events)
    head = "prefix,target\n" if tests else "a,b\n"
    (tmp_path / "test_prefix_target.csv").write_text(head + (tests or "1,2\n"))
    with pytest.raises(InputError, match=says):
        Retailrocket(folder=str(tmp_path)).load()
