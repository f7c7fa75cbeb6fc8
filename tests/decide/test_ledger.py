"""The ledger: written once, by reruns, killed processes, two at once, and changed designs."""

import datetime as dt
import itertools
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from scipy import stats

from lifeworth.decide.holdout import PARTS, Design, draw
from lifeworth.decide.ledger import Ledger
from lifeworth.tables.errors import InputError

AT = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
LATER = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
WRITER = Path(__file__).with_name("writer.py")
FIELDS = {"salt": "s", "holdout": 0.1, "control": 0.2, "explore": 0.3, "arms": ("mail", "call")}
DESIGN = Design(**FIELDS)
WEIGHTS = itertools.cycle([[0.5, 0.5], [0.9, 0.1], [0.01, 0.99]])


def ids(count, start=0):
    return [f"c{i:07d}" for i in range(start, start + count)]


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db", chunk=100) as opened:
        yield opened


def indexed(frame):
    return frame.set_index("customer_id").sort_index()


def same(some, others):
    pd.testing.assert_frame_equal(indexed(some), indexed(others))


def start(file, customers, chunk=200, **changes):
    words = [str(file), str(customers), str(chunk), json.dumps(FIELDS | changes)]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    return subprocess.Popen([sys.executable, WRITER, *words], env=env, stdout=subprocess.PIPE)


# ---- one process


def test_what_is_written_is_what_was_drawn(ledger):
    some = ids(1000)[::-1]
    written = ledger.assign(some, "spring", DESIGN, "mail", at=AT)
    part, arm, chance = draw(some, "spring", DESIGN, "mail")
    assert written.new == 1000
    assert list(written.frame["customer_id"]) == some
    assert list(written.frame["part"]) == [PARTS[i] for i in part]
    assert list(written.frame["arm"]) == list(arm)
    np.testing.assert_array_equal(written.frame["propensity"], chance)
    assert set(written.frame["assigned_at"]) == {pd.Timestamp("2026-01-01 12:00")}
    same(ledger.assigned("spring"), written.frame)


def test_reruns_changed_designs_and_newcomers_reassign_nobody(ledger):
    before = ledger.assign(ids(1000), "spring", DESIGN, "mail", at=AT).frame
    other = Design(salt="s", holdout=0.5, control=0.0, explore=0.5, arms=("sms",))
    again = ledger.assign(ids(1000), "spring", other, "call", at=LATER)
    assert again.new == 0
    same(again.frame, before)
    grown = ledger.assign(ids(1500, start=500), "spring", other, "call", at=LATER)
    assert grown.new == 1000
    same(grown.frame.head(500), before.tail(500))
    assert set(grown.frame["arm"].tail(1000)) == {"control", "sms", "call"}
    assert len(ledger.assigned("spring")) == 2000


def test_a_file_that_is_opened_again_is_the_same_ledger(tmp_path):
    with Ledger(tmp_path / "100% of a?b#c.db") as first:
        before = first.assign(ids(10), "spring", DESIGN, "mail", at=AT).frame
    assert [path.name for path in tmp_path.iterdir()] == ["100% of a?b#c.db"]
    with Ledger(tmp_path / "100% of a?b#c.db") as second:
        same(second.assigned("spring"), before)


def test_campaigns_are_apart_and_make_the_table_of_treatments(ledger):
    ledger.assign(ids(50), "spring", DESIGN, "mail", at=AT)
    ledger.assign(ids(30), "summer", DESIGN, "call", at=LATER)
    table = ledger.treatments()
    assert table["campaign_id"].value_counts().to_dict() == {"spring": 50, "summer": 30}
    columns = ["customer_id", "campaign_id", "arm", "assigned_at", "propensity"]
    assert list(table.columns) == columns
    assert len(ledger.assigned("autumn")) == 0


def test_nobody_and_the_order_of_columns(ledger):
    written = ledger.assign([], "spring", DESIGN, "mail", at=AT)
    columns = ["customer_id", "part", "arm", "propensity", "assigned_at"]
    assert list(written.frame.columns) == columns
    assert written.new == 0
    assert list(ledger.assign(["a"], "spring", DESIGN, "x", at=AT).frame.columns) == columns


def test_progress_is_told_after_each_transaction(ledger):
    seen = []
    ledger.assign(ids(250), "spring", DESIGN, "mail", at=AT, progress=seen.append)
    assert seen == [100, 200, 250]


def test_the_database_itself_refuses_a_second_row(ledger):
    ledger.assign(ids(5), "spring", DESIGN, "mail", at=AT)
    insert = "INSERT INTO assignments SELECT * FROM assignments LIMIT 1"
    with pytest.raises(sa.exc.IntegrityError, match="UNIQUE"), ledger.engine.begin() as connection:
        connection.execute(sa.text(insert))


def test_another_salt_in_mid_campaign_is_refused(ledger):
    ledger.assign(ids(5), "spring", DESIGN, "mail", at=AT)
    with pytest.raises(InputError, match="salt is 't', but it began with 's'; keep that"):
        ledger.assign(ids(5), "spring", Design(salt="t"), "mail", at=AT)


def test_input_that_cannot_be_written(ledger, tmp_path):
    with pytest.raises(InputError, match="no time zone"):
        ledger.assign(ids(5), "spring", DESIGN, "mail", at=dt.datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(InputError, match="1 of 3 rows repeat a customer"):
        ledger.assign(["a", "b", "a"], "spring", DESIGN, "mail", at=AT)
    with pytest.raises(InputError, match="2 arms for 3 customers"):
        ledger.assign(["a", "b", "c"], "spring", DESIGN, ["mail", "call"], at=AT)
    assert len(ledger.treatments()) == 0
    with pytest.raises(InputError, match=r"unable to open database file; what was committed"):
        Ledger(tmp_path / "nowhere" / "ledger.db")
    with pytest.raises(InputError, match="database of mssql; use sqlite or postgresql"):
        Ledger("mssql+pyodbc://somebody:secret@there/shop")
    with pytest.raises(InputError, match="chunk = 0"):
        Ledger(tmp_path / "ledger.db", chunk=0)


def test_a_text_file_is_no_ledger(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database " * 100)
    with pytest.raises(InputError, match="file is not a database"):
        Ledger(tmp_path / "notes.txt")


# ---- exposures


def test_exposures_are_written_once_and_show_what_was_given(ledger):
    assigned = ledger.assign(ids(300), "spring", DESIGN, "mail", at=AT).frame
    mailed = assigned[assigned["arm"] == "mail"]["customer_id"].tolist()
    assert ledger.expose(mailed, "spring", "mail", at=AT) == len(mailed)
    assert ledger.expose(mailed[:3], "spring", "call", at=LATER) == 0
    held = assigned[assigned["part"] == "holdout"]["customer_id"].tolist()[:1]
    assert ledger.expose(held, "spring", "mail", at=LATER) == 1
    seen = indexed(ledger.exposed("spring"))
    assert list(seen.columns) == ["part", "arm", "given", "exposed_at"]
    assert set(seen["given"]) == {"mail"}
    assert list(seen.index[seen["arm"] != seen["given"]]) == held


def test_customers_of_no_campaign_are_not_exposed(ledger):
    ledger.assign(ids(5), "spring", DESIGN, "mail", at=AT)
    with pytest.raises(InputError, match="1 of 6 customers are not assigned in campaign 'spring'"):
        ledger.expose(ids(6), "spring", "mail", at=AT)
    assert len(ledger.exposed("spring")) == 0


# ---- processes that are killed, and two at once


def test_killed_at_random_and_resumed_with_other_weights_nobody_moves_and_none_is_lost(tmp_path):
    file, customers, rng = tmp_path / "ledger.db", 20_000, random.Random(7)
    seen, killed = [], 0
    Ledger(file).close()
    for round_ in range(1, 5):
        process = start(file, customers, weights=next(WEIGHTS))
        until = customers * round_ // 6
        while process.poll() is None and rows(file) < until:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.03))  # anywhere within a transaction
        process.kill()
        killed += process.wait() == -9
        process.stdout.close()
        with Ledger(file) as ledger:
            seen.append(ledger.assigned("spring"))
    assert killed == 4
    process = start(file, customers, weights=next(WEIGHTS))
    told = process.communicate(timeout=120)[0]
    with Ledger(file) as ledger:
        final = ledger.assigned("spring")
    counts = [len(frame) for frame in seen]
    assert counts == sorted(counts)
    assert counts[0] > 0
    assert int(told) == customers - counts[-1]
    assert list(final["customer_id"]) == ids(customers)
    for frame in seen:
        same(frame, final[final["customer_id"].isin(frame["customer_id"])])
    # The parts do not depend on the weights: all lots are those of the hash.
    wanted = [customers * share for share in DESIGN.expected().values()]
    counted = [(final["part"] == name).sum() for name in PARTS]
    assert stats.chisquare(counted, wanted).pvalue > 1e-3


def rows(file):
    with Ledger(file) as ledger, ledger.engine.connect() as connection:
        return connection.execute(sa.text("SELECT count(*) FROM assignments")).scalar_one()


def test_two_writers_at_once_agree_and_share_the_work(tmp_path):
    file, customers = tmp_path / "ledger.db", 6_000
    both = [start(file, customers, chunk=50, weights=w) for w in ([0.9, 0.1], [0.1, 0.9])]
    told = [int(process.communicate(timeout=120)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(told) == customers
    with Ledger(file) as ledger:
        final = ledger.assigned("spring")
    assert list(final["customer_id"]) == ids(customers)


def test_a_writer_that_is_overtaken_returns_what_the_other_wrote(tmp_path, monkeypatch):
    file = tmp_path / "ledger.db"
    with Ledger(file) as slow, Ledger(file) as fast:
        insert = slow._insert

        def overtaken(table, rows):
            if table.name == "assignments":
                fast.assign(ids(10), "spring", DESIGN, "call", at=AT)
            return insert(table, rows)

        monkeypatch.setattr(slow, "_insert", overtaken)
        written = slow.assign(ids(20), "spring", DESIGN, "mail", at=LATER)
        assert written.new == 10
        same(written.frame, slow.assigned("spring"))
        policy = written.frame[written.frame["part"] == "policy"]
        assert list(policy["arm"].unique()) == ["call", "mail"]
