"""RetailRocket's raw log: sessions by a plain loop, a cut by date, categories as of then."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lifeworth.run.cli import main
from lifeworth.tables.errors import InputError
from lifeworth.tables.sources import RetailrocketEvents

DAY, MINUTE = 86_400_000, 60_000
START = 1_430_438_400_000
"""2015-05-01."""


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Return a month of 60 visitors, who walk along a ring of 12 products and buy a few."""
    rng = np.random.default_rng(2)
    rows = []
    for visitor in range(60):
        for day in np.flatnonzero(rng.random(30) < 0.3):
            at = START + int(day) * DAY + int(rng.integers(20 * 60)) * MINUTE
            item = int(rng.integers(12))
            for _ in range(int(rng.integers(1, 7))):
                rows.append((at, visitor, "view", item, None))
                if rng.random() < 0.1:
                    rows.append((at + 1, visitor, "addtocart", item, None))
                    rows.append((at + 2, visitor, "transaction", item, len(rows)))
                at += int(rng.choice([2, 29, 31, 90])) * MINUTE
                item = (item + int(rng.integers(0, 3))) % 12
    columns = ["timestamp", "visitorid", "event", "itemid", "transactionid"]
    return pd.DataFrame(rows, columns=columns).sample(frac=1, random_state=0)


@pytest.fixture(scope="module")
def folder(log: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("raw")
    log.to_csv(home / "events.csv", index=False)
    return home


def walked(log: pd.DataFrame, minutes: float = 30.0) -> list[list[tuple[int, int]]]:
    """Return sessions as lists of (at, item) viewed, by a loop."""
    found = []
    for _, own in log.groupby("visitorid"):
        last = None
        for at, item, act in sorted(
            zip(own["timestamp"], own["itemid"], own["event"], strict=True)
        ):
            if last is None or at - last > minutes * MINUTE:
                found.append([])
            if act == "view":
                found[-1].append((at, item))
            last = at
    return found


def test_sessions_are_those_of_a_loop(folder: Path, log: pd.DataFrame) -> None:
    visits = RetailrocketEvents(folder=str(folder), days=7, least=1).load()
    cutoff = START + 23 * DAY
    assert visits.cutoff == "2015-05-24"
    sessions = [s for s in walked(log) if len(s) > 1]
    early = [s for s in sessions if s[-1][0] < cutoff]
    late = [s for s in sessions if s[0][0] >= cutoff]
    told = visits.train.groupby("visit_id", sort=False)["product_id"].agg(list)
    ends = sorted(early, key=lambda s: s[-1][0])
    assert sorted(map(str, told)) == sorted(str([f"{i:06d}" for _, i in s]) for s in early)
    assert [len(s) for s in told.tail(5)] == [len(s) for s in ends[-5:]]
    beginnings = [(s[:n], s[n][1]) for s in late for n in range(1, len(s))]
    asked = visits.asked.groupby("visit_id")["product_id"].agg(tuple)
    wanted = visits.wanted.set_index("visit_id")["product_id"]
    said = sorted(zip(asked.loc[wanted.index], wanted, strict=True))
    assert said == sorted((tuple(f"{i:06d}" for _, i in b), f"{w:06d}") for b, w in beginnings)


def test_any_act_keeps_a_session_open_and_only_those_asked_for_count(log, tmp_path) -> None:
    """Views 50 minutes apart, and something put into a cart between them."""
    base = START + 29 * DAY
    rows = {"timestamp": base + np.array([0, 25, 50]) * MINUTE, "visitorid": 99,
            "event": ["view", "addtocart", "view"], "itemid": [1, 1, 2]}  # fmt: skip
    pd.concat([log, pd.DataFrame(rows)]).to_csv(tmp_path / "events.csv", index=False)
    visits = RetailrocketEvents(folder=str(tmp_path)).load()
    asked = visits.asked[visits.asked["visit_id"].str.contains("0000099-")]
    assert asked["product_id"].tolist() == ["000001"]
    pd.DataFrame(rows).to_csv(tmp_path / "events.csv", index=False)
    with pytest.raises(InputError, match="there is no transaction"):
        RetailrocketEvents(folder=str(tmp_path), acts=("transaction",)).load()


def test_a_row_that_is_there_twice_counts_once(folder: Path, log, tmp_path) -> None:
    pd.concat([log, log]).to_csv(tmp_path / "events.csv", index=False)
    twice, once = (RetailrocketEvents(folder=str(f)).load() for f in (tmp_path, folder))
    assert twice.content_hash() == once.content_hash()


def test_products_that_are_rare_are_not_learnt_and_still_wanted(folder: Path, log) -> None:
    rare = pd.DataFrame({"timestamp": START + 29 * DAY + np.arange(3), "visitorid": 99,
                         "event": "view", "itemid": [1, 777, 2]})  # fmt: skip
    home = folder / "rare"
    home.mkdir()
    pd.concat([log, rare]).to_csv(home / "events.csv", index=False)
    visits = RetailrocketEvents(folder=str(home), days=7).load()
    assert "000777" not in set(visits.train["product_id"])
    assert "000777" in set(visits.wanted["product_id"])
    assert visits.clusters.nunique() < len(visits.clusters)
    assert len(set(visits.clusters.loc[[v for v in visits.asked_ids if "99-" in v]])) == 1


def test_products_are_as_of_the_cut_off(folder: Path, log) -> None:
    home = folder / "products"
    home.mkdir()
    log.to_csv(home / "events.csv", index=False)
    rows = [
        (START, 1, "categoryid", "10"),
        (START + 5 * DAY, 1, "categoryid", "20"),
        (START + 28 * DAY, 1, "categoryid", "30"),
        (START, 1, "available", "0"),
        (START + 2 * DAY, 1, "available", "1"),
        (START, 1, "790", "n5.000"),
        (START, 2, "available", "0"),
    ]
    columns = ["timestamp", "itemid", "property", "value"]
    pd.DataFrame(rows[:4], columns=columns).to_csv(home / "item_properties_part1.csv", index=False)
    pd.DataFrame(rows[4:], columns=columns).to_csv(home / "item_properties_part2.csv", index=False)
    tree = pd.DataFrame({"categoryid": ["20", "5", "1"], "parentid": ["5", "1", None]})
    tree.to_csv(home / "category_tree.csv", index=False)
    products = RetailrocketEvents(folder=str(home), days=7).load().products
    assert products is not None
    assert products.to_dict("records") == [
        {"product_id": "000001", "category": "20", "department": "1", "available": True},
        {"product_id": "000002", "category": "", "department": "", "available": False},
    ]
    tree.assign(parentid=["5", "20", None]).to_csv(home / "category_tree.csv", index=False)
    with pytest.raises(InputError, match="category 20 is above itself"):
        RetailrocketEvents(folder=str(home)).load()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.assign(event="look"), "event is 'look' in 2,"),
        (lambda f: f.drop(columns="itemid"), "itemid"),
        (lambda f: f.assign(itemid=f["itemid"].where(f.index > 5)), "6 of .* rows have no itemid"),
        (lambda f: f.assign(visitorid=None), "have no visitorid"),
        (lambda f: f.assign(timestamp="May"), "not a time in milliseconds .* write 13 digits"),
        (
            lambda f: f.assign(timestamp=f["timestamp"] // 1000),
            r"'timestamp' that seems to count seconds since 1970 .* \('143.*multiply them by 1,",
        ),
        (
            lambda f: f.assign(timestamp=f["timestamp"] * 1000),
            "seems to count microseconds since 1970 .* divide them by 1,000: 1438969904213 is in",
        ),
        (
            lambda f: f.assign(timestamp=pd.to_datetime(f["timestamp"], unit="ms")),
            "not a time in milliseconds since 1970",
        ),
        (lambda f: f[f["timestamp"] > START + 26 * DAY], "0 sessions to learn from"),
    ],
)
def test_what_is_wrong_with_the_log_is_told(log, tmp_path, change, says) -> None:
    change(log).to_csv(tmp_path / "events.csv", index=False)
    with pytest.raises(InputError, match=says):
        RetailrocketEvents(folder=str(tmp_path)).load()


def test_a_run_ranks_for_the_raw_log(folder: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["data=retailrocket_events", f"data.folder={folder}", "model=ranker_sequential_rules"]
    assert main(["run", *words, "ranking.at=3"]) in (0, 2)
    told = capsys.readouterr()
    assert "of lists of 3 hold what came next" in told.out, told.err
