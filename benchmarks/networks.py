"""A network learns from 100,000 customers in seconds an epoch, and scores a million in 2,000 MiB.

The network is that of `deep_lstm_ziln`. It takes one epoch over customers with 1 to 52 events, and
over customers who have all 52: with lifeworth, and with a plain PyTorch loop, which pads all to
the longest and shuffles. The peer takes network and loss from lifeworth, so that the loops alone
differ: "work" has Lightning and batches of like length on one side, and neither on the other. Then
members trained on a small part of a shop score all of it, from the file of orders to a forecast of
90 days with its futures; that has no peer.
"""

import importlib
from typing import TYPE_CHECKING, Any

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.side import Sizes, Task, apart

if TYPE_CHECKING:
    from lifeworth.models.deep import LstmZiln
    from lifeworth.models.deep.examples import Examples
    from lifeworth.models.deep.nets import HistoryNet

NAME = "networks"
STAGE = "work"
"""An epoch; or reading the file and scoring."""

RECIPE = "deep_lstm_ziln"
AIM_MIB = 2_000
KINDS, CATEGORIES = 3, 8
OFTEN, SPREAD = 0.6, 14.0
"""Shape and scale of the Gamma rate by which customers have events beyond the first."""

DAYS = 730
STUDENTS = 5_000
"""Customers of the shop from which the members learn."""

ORDERS = """
    printf('o%08d', row_number() OVER ()) AS order_id, printf('c%07d', customer) AS customer_id,
    ordered_at, 'EUR' AS currency, amount_cents, 0::BIGINT AS discount_cents,
    0::BIGINT AS tax_cents, 0::BIGINT AS shipping_cents, NULL::BIGINT AS cogs_cents,
    false AS returned, NULL::TIMESTAMP AS returned_at
"""


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=3)
    arguments.add_argument("--customers", type=int, default=100_000, help="to learn from")
    arguments.add_argument("--scored", type=int, default=1_000_000)
    arguments.add_argument("--draws", type=int, default=500, help="futures of each who is scored")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args(words)
    customers, scored = (3_000, 6_000) if given.small else (given.customers, given.scored)
    repeats = 1 if given.small else given.repeats
    learnt = {"customers": customers, "longest": 52, "seed": given.seed}
    draws = 20 if given.small else given.draws
    sizes = {"customers": scored, "draws": draws, "days": 90, "seed": given.seed}
    cases = [learning({**learnt, "shortest": shortest}, repeats) for shortest in (1, 52)]
    record(NAME, [*cases, scoring(sizes)], given.results, STAGE)


def learning(sizes: Sizes, repeats: int) -> Case:
    """Measure an epoch."""
    with apart(sizes) as run:
        made = run(make).told
        costs = take_turns([
            Side("lifeworth", lambda _: run(ours), repeats),
            Side("PyTorch, plain loop", lambda _: run(plain), repeats),
        ])  # fmt: skip
    speed = {
        f"{label}, customers a second": sizes["customers"] / side["stages"][STAGE]["wall_seconds"]
        for label, side in costs.items()
    }
    losses = {f"{label}, loss": side["told"]["loss"] for label, side in costs.items()}
    told = {"threads": costs["lifeworth"]["told"]["threads"], **made}
    return Case(sizes, costs, speed | losses | told)


def scoring(sizes: Sizes) -> Case:
    """Measure a forecast, once."""
    with apart(sizes) as run:
        made = run(shop).told
        run(learn)
        costs = take_turns([Side("lifeworth, score", lambda _: run(score), 1)])
    own = costs["lifeworth, score"]
    rate = sizes["customers"] / own["stages"][STAGE]["wall_seconds"]
    aims = {"aim_mib": AIM_MIB, "aim_met": own["peak_mib"] < AIM_MIB}
    told = {what: own["told"][what] for what in ("threads", "members", "finite")}
    return Case(sizes, costs, {**aims, "customers_a_second": rate, **made, **told})


# ---- an epoch


def make(task: Task) -> dict[str, Any]:
    """Write examples.npz: events and outcomes of chance, in the shape the encoder gives them."""
    import numpy as np

    from lifeworth.models.deep.inputs import CHANNELS, CLOCK

    rng, n = np.random.default_rng(task.sizes["seed"]), task.sizes["customers"]
    ends = task.sizes["shortest"], task.sizes["longest"]
    length = np.clip(1 + rng.poisson(rng.gamma(OFTEN, SPREAD, n)), *ends)
    events, intervals = int(length.sum()), len(_recipe().horizons)
    bought = rng.poisson(0.8, (n, intervals))
    value = np.where(bought > 0, rng.lognormal(0.0, 0.8, bought.shape), 0.0)
    columns = {
        "start": np.cumsum(length) - length,
        "length": length,
        "numbers": rng.standard_normal((events, len(CHANNELS)), dtype=np.float32),
        "kind": rng.integers(0, KINDS + 1, events),
        "category": rng.integers(0, CATEGORIES + 1, events),
        "clock": rng.random((n, len(CLOCK)), dtype=np.float32),
        "wide": np.zeros((n, 0), dtype=np.float32),
        "base": np.zeros((n, intervals, 5), dtype=np.float32),
        "purchases": bought.astype(np.float32),
        "value": value.astype(np.float32),
        "seen": np.ones((n, intervals), dtype=bool),
    }
    np.savez(task.folder / "examples.npz", **columns)
    return {"mean_events": float(length.mean())}


def ours(task: Task) -> dict[str, Any]:
    """Take an epoch with lifeworth."""
    with task.stage("import"):
        from lifeworth.engines.task import Task as Lesson
        from lifeworth.engines.training import train
        from lifeworth.models.deep.batches import ExampleBatches
        from lifeworth.models.deep.losses import OBJECTIVES

        importlib.import_module("lifeworth.engines.loop")  # and Lightning; `train` would, too
    with task.stage("read"):
        examples, how = _examples(task), _recipe()
        net, cost = _net(how, task), OBJECTIVES[how.loss].cost
    with task.stage(STAGE):
        batches = ExampleBatches(examples, how.training.batch)
        done = train(Lesson(net, cost, batches, how.training, task.sizes["seed"], epochs=1))
    return {"loss": float(done.curve["loss"].iloc[-1]), **_torch()}


def plain(task: Task) -> dict[str, Any]:
    """Take an epoch with a loop over tensors that are padded once, all to the longest."""
    with task.stage("import"):
        import numpy as np
        import torch

        from lifeworth.models.deep.batches import Batch, Seen, padded
        from lifeworth.models.deep.losses import OBJECTIVES
    with task.stage("read"):
        examples, how = _examples(task), _recipe()
        net, cost = _net(how, task), OBJECTIVES[how.loss].cost
        torch.manual_seed(task.sizes["seed"])
        n, size, lesson = task.sizes["customers"], how.training.batch, how.training
    with task.stage(STAGE):
        seen = padded(examples.inputs, np.arange(n))
        targets = [torch.from_numpy(column) for column in examples.targets]
        optimiser = torch.optim.AdamW(
            net.parameters(), lr=lesson.learning_rate, weight_decay=lesson.weight_decay
        )
        groups, losses = torch.randperm(n).split(size), []
        for step, rows in enumerate(groups, start=1):
            optimiser.param_groups[0]["lr"] = lesson.learning_rate * step / len(groups)
            batch = Batch(Seen(*(column[rows] for column in seen)), *(t[rows] for t in targets))
            optimiser.zero_grad()
            loss = cost(net, batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), lesson.clip)
            optimiser.step()
            losses.append(float(loss.detach()))
    return {"loss": float(np.mean(losses)), **_torch()}


def _examples(task: Task) -> "Examples":
    import numpy as np

    from lifeworth.models.deep.examples import Examples, Targets
    from lifeworth.models.deep.inputs import Inputs

    data = np.load(task.folder / "examples.npz")
    inputs, targets = ({f: data[f] for f in kind._fields} for kind in (Inputs, Targets))
    return Examples(Inputs(**inputs), Targets(**targets))


def _net(how: "LstmZiln", task: Task) -> "HistoryNet":
    from lifeworth.engines.training import seeded
    from lifeworth.models.deep.nets import HistoryNet, NetShape

    shape = NetShape(
        kind="lstm",
        kinds=KINDS,
        categories=CATEGORIES,
        wide=0,
        intervals=len(how.horizons),
        based=how.borrow,
        hidden=how.hidden,
        layers=how.layers,
        dropout=how.dropout,
    )
    with seeded(task.sizes["seed"]):
        return HistoryNet(shape).train()


def _torch() -> dict[str, Any]:
    import torch

    return {"threads": torch.get_num_threads(), "torch": torch.__version__}


def _recipe(**changes: Any) -> "LstmZiln":
    """Return the recipe as it is configured."""
    import yaml

    from lifeworth.models.deep import LstmZiln
    from lifeworth.run.conf import conf_folder

    text = (conf_folder() / "model" / f"{RECIPE}.yaml").read_text(encoding="utf-8")
    fields = yaml.safe_load(text)
    del fields["_target_"]
    return LstmZiln(**{**fields, **changes})


# ---- a forecast


def shop(task: Task) -> dict[str, Any]:
    """Write all.parquet and few.parquet: orders of customers who arrive over two years."""
    import duckdb
    import numpy as np
    import pandas as pd

    from lifeworth.tables.simulate import World, purchases

    rng, customers = np.random.default_rng(task.sizes["seed"]), task.sizes["customers"]
    world = World(customers=customers, arrival_days=DAYS, days=DAYS, a=0.5, b=4.0)
    bought = purchases(world, rng)
    seconds = (bought.day * 86_400).astype("timedelta64[s]")
    drawn = pd.DataFrame(
        {
            "customer": bought.customer,
            "ordered_at": np.datetime64("2022-01-01", "us") + seconds,
            "amount_cents": np.rint(rng.lognormal(8.0, 0.8, len(bought.day))).astype(np.int64),
        }
    )
    for name, most in {"all": customers, "few": min(STUDENTS, customers)}.items():
        duckdb.register("drawn", drawn[drawn["customer"] < most])
        duckdb.sql(f"SELECT {ORDERS} FROM drawn").write_parquet(
            str(task.folder / f"{name}.parquet")
        )
    return {"orders": len(drawn), "mean_orders": len(drawn) / customers}


def learn(task: Task) -> dict[str, Any]:
    """Train all members for one epoch on few customers, and keep them."""
    from dataclasses import replace

    from lifeworth.models.store import save

    how = _recipe(draws=task.sizes["draws"], moments=2)
    how = replace(how, training=replace(how.training, epochs=1))
    save(how.fit(_history(task, "few"), task.sizes["seed"]), task.folder / "fitted")
    return {}


def score(task: Task) -> dict[str, Any]:
    """Score all customers."""
    with task.stage("import"):
        import numpy as np

        from lifeworth.engines.device import use
        from lifeworth.models.deep.fitted import FittedNets
        from lifeworth.models.store import load

        use("cpu")
    with task.stage("load"):
        fitted = load(task.folder / "fitted")
        assert isinstance(fitted, FittedNets)
    with task.stage(STAGE):
        frame = fitted.score(_history(task, "all"), task.sizes["days"]).frame
    numbers = frame.select_dtypes("float").to_numpy()
    return {
        "scored": len(frame),
        "members": len(next(iter(fitted.weights.values()))),
        "finite": bool(np.isfinite(numbers).all()),
        **_torch(),
    }


def _history(task: Task, name: str) -> Any:
    from lifeworth.asof.split import latest
    from lifeworth.tables.core import Tables
    from lifeworth.tables.reading import connect, read_file

    orders = read_file(connect(), task.folder / f"{name}.parquet")
    return latest(Tables(orders=orders, currency="EUR", value_is="revenue"))
