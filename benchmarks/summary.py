"""The BTYD summary of orders takes less CPU time and memory than with lifetimes, and is the same.

Both read one Parquet file in the order of time: lifeworth through Ibis and DuckDB, lifetimes
(summary_data_from_transaction_data) from the three columns it needs, by pandas. There are no
discounts, taxes or returns in it, so that value is the amount; lifeworth looks all the same.
"numbered" gives lifetimes integers for customers, which pandas groups faster than text.
"""

from typing import Any

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.side import Sizes, Task, apart

NAME = "summary"
STAGE = "summary"
"""Reading the file included."""

ORDERS = """
    printf('o%08d', row_number() OVER ()) AS order_id, printf('c%07d', customer) AS customer_id,
    ordered_at, 'EUR' AS currency, amount_cents, 0::BIGINT AS discount_cents,
    0::BIGINT AS tax_cents, 0::BIGINT AS shipping_cents, NULL::BIGINT AS cogs_cents,
    false AS returned, NULL::TIMESTAMP AS returned_at
"""
NUMBERED = "customer AS customer_id, ordered_at, amount_cents"

TWO_YEARS = 730 * 86_400


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=3)
    arguments.add_argument("--orders", type=int, default=10_000_000)
    arguments.add_argument("--customers", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args(words)
    orders, customers = (50_000, 5_000) if given.small else (given.orders, given.customers)
    sizes = {"orders": orders, "customers": customers, "seed": given.seed}
    record(NAME, [measure(sizes, 1 if given.small else given.repeats)], given.results, STAGE)


def measure(sizes: Sizes, repeats: int) -> Case:
    """Measure at one size."""
    with apart(sizes) as run:
        run(make)
        sides = take_turns([
            Side("lifeworth", lambda _: run(ours), repeats),
            Side("lifetimes", lambda _: run(peer), (repeats + 1) // 2),
            Side("lifetimes, numbered", lambda _: run(peer_numbered), 1),
        ])  # fmt: skip
        return Case(sizes, sides, run(check).told)


def make(task: Task) -> dict[str, Any]:
    """Write orders.parquet: all customers order once, and again in proportion to Gamma weights."""
    import duckdb
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(task.sizes["seed"])
    n, customers = task.sizes["orders"], task.sizes["customers"]
    weight = np.cumsum(rng.gamma(0.8, 1.0, customers))
    again = np.searchsorted(weight, rng.uniform(0, weight[-1], n - customers))
    drawn = pd.DataFrame(
        {
            "customer": rng.permutation(np.concatenate([np.arange(customers), again])),
            "ordered_at": np.datetime64("2022-01-01", "us")
            + np.sort(rng.integers(0, TWO_YEARS, n)).astype("timedelta64[s]"),
            "amount_cents": np.rint(rng.lognormal(8.0, 0.8, n)).astype(np.int64),
        }
    )
    duckdb.register("drawn", drawn)
    for name, columns in {"orders": ORDERS, "numbered": NUMBERED}.items():
        duckdb.sql(f"SELECT {columns} FROM drawn").write_parquet(
            str(task.folder / f"{name}.parquet")
        )
    return {}


def ours(task: Task) -> dict[str, Any]:
    """Summarise with lifeworth."""
    with task.stage("import"):
        from lifeworth.asof.split import latest
        from lifeworth.asof.summary import summary
        from lifeworth.tables.core import Tables
        from lifeworth.tables.reading import connect, read_file
    with task.stage(STAGE):
        orders = read_file(connect(), task.folder / "orders.parquet")
        tables = Tables(orders=orders, currency="EUR", value_is="revenue")
        frame = summary(latest(tables)).to_pandas()
    frame.to_parquet(task.folder / "ours.parquet")
    return {"customers": len(frame)}


def peer(task: Task) -> dict[str, Any]:
    """Summarise with lifetimes."""
    return _lifetimes(task, "orders")


def peer_numbered(task: Task) -> dict[str, Any]:
    """Summarise with lifetimes, customers being integers."""
    return _lifetimes(task, "numbered")


def _lifetimes(task: Task, file: str) -> dict[str, Any]:
    columns = ["customer_id", "ordered_at", "amount_cents"]
    with task.stage("import"):
        import pandas as pd
        from lifetimes.utils import summary_data_from_transaction_data
    with task.stage(STAGE):
        log = pd.read_parquet(task.folder / f"{file}.parquet", columns=columns)
        frame = summary_data_from_transaction_data(log, *columns)
    frame.to_parquet(task.folder / f"lifetimes_{file}.parquet")
    return {"customers": len(frame)}


def check(task: Task) -> dict[str, Any]:
    """Compare every number of every customer."""
    import pandas as pd

    mine = pd.read_parquet(task.folder / "ours.parquet").set_index("customer_id").sort_index()
    theirs = pd.read_parquet(task.folder / "lifetimes_orders.parquet").sort_index()
    pairs = {
        "frequency": "frequency",
        "recency": "recency_days",
        "T": "age_days",
        "monetary_value": "mean_value_cents",
    }
    apart = {
        f"{their}_max_difference": float((mine[my].to_numpy(float) - theirs[their]).abs().max())
        for their, my in pairs.items()
    }
    return {"same_customers": list(mine.index) == list(theirs.index), **apart}
