"""Networks come close to the model that made their customers, and never pass it.

A shop is simulated whose customers are those of a BG/NBD and Gamma-Gamma. "truth" is that model,
its parameters estimated from a shop of the same world with twenty times as many customers; "BG/NBD"
is the same, estimated from the shop itself. "LSTM" borrows nothing and must find in the events
alone what the truth is told; "LSTM, borrowing" is the recipe as configured. Each learns from what
was known after two years (of the truth: its customers' pasts alone) and is judged by the next 90
days, by CRPS. Differences from the truth are paired by customer, with bootstrap intervals of 90 %:
a network whose interval is below 0 knew what it could not know. There is no peer.
"""

from typing import Any

from benchmarks.claim import Case, parser, record
from benchmarks.side import Task, each_once

NAME = "networks_truth"
AIM = 1.05
"""CRPS of the LSTM over that of the truth, at most."""

HORIZON, KNOWN_DAYS = 90, 730
TIMES = 20
METRICS = ("purchases_crps", "value_crps")


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=1)
    arguments.add_argument("--customers", type=int, default=10_000)
    arguments.add_argument("--members", type=int, default=5, help="networks of an ensemble")
    arguments.add_argument("--resamples", type=int, default=500)
    given = arguments.parse_args(words)
    sizes = {
        "customers": 300 if given.small else given.customers,
        "members": 1 if given.small else given.members,
        "resamples": 20 if given.small else given.resamples,
        "epochs": 1 if given.small else 60,
        "times": 2 if given.small else TIMES,
    }
    record(NAME, [measure(sizes)], given.results)


def measure(sizes: dict[str, int]) -> Case:
    """Measure all models on one shop."""
    sides, told = each_once({"networks": compare}, sizes)
    told = told["networks"]
    ratio = {
        metric: told["LSTM"][metric]["crps"] / told["truth"][metric]["crps"] for metric in METRICS
    }
    met = all(value <= AIM for value in ratio.values())
    return Case(sizes, sides, {"aim_ratio": AIM, "ratio": ratio, "aim_met": met, **told})


def compare(task: Task) -> dict[str, Any]:
    """Fit and judge all models."""
    import datetime as dt
    from dataclasses import replace

    from benchmarks.known import configured
    from lifeworth.asof import cut
    from lifeworth.asof.summary import outcomes
    from lifeworth.engines.device import use
    from lifeworth.evaluate.scorecard import stand
    from lifeworth.tables.simulate import World
    from lifeworth.tables.sources import Simulated

    use("cpu")
    sizes = task.sizes

    def shop(seed: int, customers: int) -> Any:
        days = float(KNOWN_DAYS + HORIZON)
        arrival = float(KNOWN_DAYS)  # all the time, so that every age is there to learn from
        world = World(customers=customers, arrival_days=arrival, days=days, return_rate=0.0)
        cutoff = world.start + dt.timedelta(days=KNOWN_DAYS)
        return cut(Simulated(seed=seed, world=world).load(), cutoff, HORIZON)

    history, future = shop(1, sizes["customers"])
    lstm = replace(configured("deep_lstm_ziln"), horizons=(HORIZON,), members=sizes["members"])
    lstm = replace(lstm, training=replace(lstm.training, epochs=sizes["epochs"]))
    bgnbd = configured("btyd_bgnbd")
    larger = shop(2, sizes["times"] * sizes["customers"])[0]
    fitted = {
        "truth": bgnbd.fit(larger, 0),
        "BG/NBD": bgnbd.fit(history, 0),
        "LSTM": replace(lstm, borrow=False).fit(history, 0),
        "LSTM, borrowing": lstm.fit(history, 0),
    }
    actual = outcomes(future)
    standings = {
        name: [[stand(model.score(history, HORIZON), actual)]] for name, model in fitted.items()
    }
    return _beside_truth(standings, sizes["resamples"])


def _beside_truth(standings: dict[str, Any], resamples: int) -> dict[str, Any]:
    """Return the CRPS of each model, and its difference from the truth's."""
    import numpy as np

    from lifeworth.evaluate.bootstrap import Resampling
    from lifeworth.evaluate.differences import differences

    found: dict[str, Any] = {}
    for name, [[own]] in standings.items():
        measures = own.attempts(np.ones(len(own.customers)))
        found[name] = {metric: {"crps": measures[metric]()} for metric in METRICS}
        if name == "truth":
            continue
        pair = {name: standings[name], "truth": standings["truth"]}
        less = differences(pair, name, Resampling(resamples=resamples, seed=0))
        for row in less[less["metric"].isin(METRICS)].itertuples():
            found[name][row.metric] |= {
                "less_truth": row.difference, "low": row.low, "high": row.high
            }  # fmt: skip
    return found
