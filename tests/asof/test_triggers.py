"""Early warnings: a naive twin customer by customer, and what comes after the cut-off."""

import datetime as dt
from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest

from lifeworth.asof.split import cut
from lifeworth.asof.triggers import BEHIND, OF_EVENTS, Watch, flags_of, triggers
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.simulated import Simulated

CUTOFF = dt.date(2024, 6, 1)
END = pd.Timestamp(CUTOFF)


@pytest.fixture(scope="module")
def tables():
    world = World(
        customers=250, days=400, start=dt.date(2023, 7, 1), complaint_rate=0.3, views_per_order=2.0
    )
    made = Simulated(seed=3, world=world).load()
    events = made.events.to_pandas()
    carts = np.arange(len(events)) % 3 == 0
    events["kind"] = events["kind"].where(~(carts & (events["kind"] == "view")), "cart")
    return replace(made, events=ibis.memtable(events))


def twin(tables, watch: Watch) -> pd.DataFrame:
    """Go customer by customer."""
    orders, events = tables.orders.to_pandas(), tables.events.to_pandas()
    orders, events = orders[orders["ordered_at"] < END], events[events["happened_at"] < END]
    rows = []
    for name, own in sorted(orders.groupby("customer_id"), key=lambda pair: pair[0]):
        days = sorted({(END - at.floor("D")).days for at in own["ordered_at"]}, reverse=True)
        since = days[-1] - 1  # daily purchases are observed up to the day before the cut-off
        recent = sum(day <= watch.window_days for day in days)
        before = [day for day in days[1:] if day > watch.window_days]
        exposed = days[0] - 1 - watch.window_days
        change = np.nan
        if exposed >= watch.window_days and len(before) >= watch.repeats:
            change = recent / (len(before) * watch.window_days / exposed) - 1
        mine = events[events["customer_id"] == name]
        last = {
            kind: mine.loc[mine["kind"] == kind, "happened_at"].max()
            for kind in ("cart", "complaint")
        }
        ago = {
            kind: (END - at.floor("D")).days - 1 if at == at else np.nan
            for kind, at in last.items()
        }
        rows.append({
            "customer_id": name,
            "crossed_recency": 0 < since - watch.recency_days <= watch.crossed_days,
            "recency_long": since > watch.recency_days,
            "frequency_down": change <= -watch.drop,
            "days_since_last": float(since),
            "frequency_change": change,
            "abandoned_cart": ago["cart"] < watch.cart_days
            and last["cart"] > own["ordered_at"].max(),
            "complaint": ago["complaint"] < watch.complaint_days,
            "cart_days_ago": ago["cart"],
            "complaint_days_ago": ago["complaint"],
        })  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    "watch",
    [Watch(), Watch(recency_days=20, crossed_days=15, window_days=60, drop=0.5, repeats=1,
                    cart_days=40, complaint_days=30)],
)  # fmt: skip
def test_triggers_are_those_of_going_customer_by_customer(tables, watch):
    found = triggers(cut(tables, CUTOFF, 30)[0], watch)
    expected = twin(tables, watch)
    for name in BEHIND:
        assert 0 < expected[name].sum() < len(expected)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_names=False)


def test_what_comes_after_the_cut_off_changes_nothing(tables):
    whole = triggers(cut(tables, CUTOFF, 30)[0])
    known = tables.mapped(
        lambda name, table: table.filter(table.happened_at < END) if name == "events" else table
    )
    pd.testing.assert_frame_equal(triggers(cut(known, CUTOFF, 30)[0]), whole)


def test_a_store_without_events_has_no_triggers_of_events(tables):
    flags = triggers(cut(replace(tables, events=None), CUTOFF, 30)[0])
    assert not {*OF_EVENTS} & {*flags}
    assert flags_of(flags) == [name for name in BEHIND if name not in OF_EVENTS]


@pytest.mark.parametrize("words", [{"recency_days": 0}, {"drop": 1.0}, {"cart_days": -1}])
def test_odd_watches_are_refused(words):
    with pytest.raises(InputError, match=f"triggers: {next(iter(words))} is"):
        Watch(**words)
