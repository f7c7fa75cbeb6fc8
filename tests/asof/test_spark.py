"""The same expressions on PySpark and on DuckDB: equal to the last bit."""

import datetime as dt
from functools import partial

import ibis
import pandas as pd
import pytest

from lifeworth.asof.split import cut
from lifeworth.asof.summary import (
    last_period,
    outcomes,
    repeat_values,
    summary,
    weekly_purchases,
    weekly_repeat_purchases,
)
from lifeworth.tables.simulate import World
from lifeworth.tables.sources.cdnow import Cdnow
from lifeworth.tables.sources.simulated import Simulated

pytestmark = pytest.mark.spark

CASES = {
    "cdnow": (Cdnow(which="sample"), dt.date(1997, 10, 1), 273),
    "simulated": (
        Simulated(seed=5, world=World(customers=400, days=300, return_rate=0.3)),
        dt.date(2022, 4, 20),
        90,
    ),
}
"""A store, where to cut it, and how far ahead."""


@pytest.fixture(scope="module")
def cases(spark):
    """Return by name a store in DuckDB, the same in Spark, where to cut, and how far ahead."""
    connection = ibis.pyspark.connect(spark)

    def there(case, name, table):
        copy = f"asof_{case}_{name}"
        return connection.create_table(copy, table.to_pyarrow(), overwrite=True)

    stores = {case: source.load() for case, (source, *_) in CASES.items()}
    return {
        case: (here, here.mapped(partial(there, case)), *CASES[case][1:])
        for case, here in stores.items()
    }


def every(table):
    """Return all rows in an order that does not depend on the backend."""
    frame = table.to_pandas()
    times = dict.fromkeys(frame.select_dtypes("datetime").columns, "datetime64[us]")
    return frame.astype(times).sort_values(list(frame.columns), ignore_index=True)


def assert_same(one, other):
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize(
    ("case", "purchase", "window"),
    [("cdnow", "day", None), ("simulated", "day", 60), ("simulated", "order", None)],
)
def test_spark_and_duckdb_find_the_same(cases, case, purchase, window):
    here, there, cutoff, horizon = cases[case]
    (history, future), (history_there, future_there) = (
        cut(tables, cutoff, horizon, window=window, purchase=purchase) for tables in (here, there)
    )
    assert summary(history_there).get_backend().name == "pyspark"
    assert len(every(summary(history))) > 100
    assert_same(every(summary(history)), every(summary(history_there)))
    assert_same(every(repeat_values(history)), every(repeat_values(history_there)))
    assert_same(last_period(history, horizon), last_period(history_there, horizon))
    assert_same(weekly_repeat_purchases(history), weekly_repeat_purchases(history_there))
    assert_same(outcomes(future), outcomes(future_there))
    assert_same(weekly_purchases(future), weekly_purchases(future_there))
    assert future.new_customers() == future_there.new_customers()


def test_every_table_of_a_cut_is_the_same(cases):
    here, there, cutoff, horizon = cases["simulated"]
    sides = zip(*(cut(tables, cutoff, horizon, window=60) for tables in (here, there)), strict=True)
    for side, side_there in sides:
        for name, table in side.tables.present().items():
            assert_same(every(table), every(side_there.tables.present()[name]))
