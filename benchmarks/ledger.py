"""A campaign is written once: killed at random and resumed, nobody is reassigned and none is lost.

"at once" writes a new ledger (SQLite) in one call, "again" is the same call on the full ledger,
"killed" is the call that ends what was killed (SIGKILL, at ten random sizes of the file and up to
50 ms later) and resumed each time with other weights of the exploration; after each kill all rows
that are there are kept aside and compared with the end. The hash is uniform by chi-square over
1,000 bins, the parts have their shares by chi-square. There is no peer.
"""

import datetime as dt
import json
import random
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.measure import ROOT
from benchmarks.side import Sizes, Task, in_process

if TYPE_CHECKING:
    import pandas as pd

NAME = "ledger"
STAGE = "assign"

CAMPAIGN = "spring"
WEIGHTS = ((0.5, 0.5), (0.9, 0.1), (0.01, 0.99))
BINS = 1000


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=3)
    arguments.add_argument("--customers", type=int, default=1_000_000)
    arguments.add_argument("--kills", type=int, default=10)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args(words)
    customers, kills = (20_000, 3) if given.small else (given.customers, given.kills)
    sizes = {"customers": customers, "kills": kills, "seed": given.seed}
    record(NAME, [measure(sizes, 1 if given.small else given.repeats)], given.results, STAGE)


def measure(sizes: Sizes, repeats: int) -> Case:
    """Measure at one size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = partial(in_process, folder=folder, sizes=sizes, cache=folder / "cache")
        sides = take_turns([
            Side("lifeworth, at once", lambda _: run(at_once), repeats),
            Side("lifeworth, again", lambda _: run(again), repeats),
        ])  # fmt: skip
        kept = kill(folder, sizes)
        sides |= take_turns([Side("lifeworth, killed", lambda _: run(killed), 1)])
        return Case(sizes, sides, kept | run(check).told)


def at_once(task: Task) -> dict[str, Any]:
    """Write a new ledger."""
    (task.folder / "once.db").unlink(missing_ok=True)
    return assign(task, "once.db")


def again(task: Task) -> dict[str, Any]:
    """Ask the full ledger."""
    return assign(task, "once.db")


def killed(task: Task) -> dict[str, Any]:
    """Write what is missing after the kills."""
    return assign(task, "killed.db", WEIGHTS[task.sizes["kills"] % len(WEIGHTS)])


def assign(
    task: Task, file: str, weights: tuple[float, float] = WEIGHTS[0], chunk: int = 10_000
) -> dict[str, Any]:
    """Assign all customers, in an order of chance."""
    with task.stage("import"):
        from lifeworth.decide.holdout import Design
        from lifeworth.decide.ledger import Ledger
    customers = [f"c{i:07d}" for i in range(task.sizes["customers"])]
    random.Random(task.sizes["seed"]).shuffle(customers)
    design = Design(salt="shop", explore=0.2, arms=("mail", "call"), weights=weights)
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    with task.stage(STAGE), Ledger(task.folder / file, chunk=chunk) as ledger:
        new = ledger.assign(customers, CAMPAIGN, design, "mail", at=at).new
    return {"new": new, "file_mb": round((task.folder / file).stat().st_size / 1e6, 1)}


def kill(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Start, kill and look, again and again; keep what was there each time."""
    rng = random.Random(sizes["seed"])
    whole = (folder / "once.db").stat().st_size
    counts = []
    for number, share in enumerate(sorted(rng.random() for _ in range(sizes["kills"]))):
        words = [folder, json.dumps(sizes), number]
        command = [sys.executable, "-c", WRITER, *map(str, words)]
        process = subprocess.Popen(command, cwd=ROOT)
        while process.poll() is None and _size(folder / "killed.db") < share * whole:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.wait()
        counts.append(_look(folder, number))
    return {"rows_after_each_kill": counts}


WRITER = """
import json, sys
from pathlib import Path
from benchmarks import ledger
from benchmarks.measure import Stages
from benchmarks.side import Task
folder, sizes, number = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
weights = ledger.WEIGHTS[number % len(ledger.WEIGHTS)]
ledger.assign(Task(folder, sizes, Stages()), "killed.db", weights, chunk=1_000)
"""
"""What is killed; with small transactions, so that more of them can be hit."""


def check(task: Task) -> dict[str, Any]:
    """Compare what was there after each kill with the end."""
    import numpy as np
    import pandas as pd
    from scipy import stats

    from lifeworth.decide.holdout import PARTS, Design, places

    final = _all(task.folder / "killed.db").set_index("customer_id")
    kept = [_kept(task.folder, number) for number in range(task.sizes["kills"])]
    looks = [pd.read_parquet(path).set_index("customer_id") for path in kept]
    there = [final.reindex(look.index) for look in looks]
    n = task.sizes["customers"]
    uniform = np.histogram(places(list(final.index), "part", "shop", CAMPAIGN), BINS, (0, 1))[0]
    shares = Design(salt="shop", explore=0.2, arms=("mail",)).expected()
    counted = [int((final["part"] == name).sum()) for name in PARTS]
    return {
        "rows_lost": int(sum(now["part"].isna().sum() for now in there)),
        "rows_reassigned": int(
            sum((now != look).any(axis=1).sum() for now, look in zip(there, looks, strict=True))
        ),
        "customers_missing": n - len(final),
        "customers_twice": int(final.index.duplicated().sum()),
        "share_of_mail_where_exploring": _share_of_mail(final),
        "uniform_p": float(stats.chisquare(uniform)[1]),
        "parts": dict(zip(PARTS, counted, strict=True)),
        "parts_p": float(stats.chisquare(counted, [n * shares[name] for name in PARTS])[1]),
    }


def _share_of_mail(final: "pd.DataFrame") -> float:
    """Return a share that none of the weights gives, which shows that they did change."""
    return float((final.loc[final["part"] == "explore", "arm"] == "mail").mean())


def _look(folder: Path, number: int) -> int:
    found = _all(folder / "killed.db")
    found.to_parquet(_kept(folder, number))
    return len(found)


def _all(file: Path) -> "pd.DataFrame":
    from lifeworth.decide.ledger import Ledger

    with Ledger(file) as ledger:
        return ledger.assigned(CAMPAIGN)


def _kept(folder: Path, number: int) -> Path:
    return folder / f"after_kill_{number}.parquet"


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
