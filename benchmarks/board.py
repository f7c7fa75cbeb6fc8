"""A board of 40 rules for a million customers: who gets which two actions, and why, in seconds.

Rules read a persona, tiers, chances and days, a quarter of their actions have a capacity, and a
budget of a fifth of all that would be given binds. The stage is everything from the frame of scores
to the frame of actions with reasons in words. A twin that goes row by row asks the same conditions
of the first 2,000 customers, and no more than that; both have to agree.
"""

from typing import TYPE_CHECKING, Any

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.side import Sizes, Task, apart

if TYPE_CHECKING:
    from lifeworth.decide.board import Board

NAME = "board"
STAGE = "act"
CUSTOMERS, RULES = 1_000_000, 40
TWIN = 2_000
"""Customers of the twin."""

AIM_SECONDS = 5.0
PERSONAS = "abcdefg"
BUDGET = 0.2
"""Of what all actions without a budget cost."""


def main(words: list[str] | None = None) -> None:
    """Measure."""
    given = parser(str(__doc__), repeats=3).parse_args(words)
    customers, repeats = (5_000, 1) if given.small else (CUSTOMERS, given.repeats)
    record(NAME, [measure(customers, repeats)], given.results, STAGE)


def measure(customers: int, repeats: int) -> Case:
    """Measure both sides."""
    sizes: Sizes = {"customers": customers, "rules": RULES, "seed": 0}
    with apart(sizes) as run:
        run(make)
        found = take_turns([
            Side("lifeworth", lambda _: run(ours), repeats),
            Side("row by row", lambda _: run(twin), 1),
        ])  # fmt: skip
    return Case(sizes, found, _checks(found), alike=False)


def make(task: Task) -> dict[str, Any]:
    """Write simulated scores."""
    import numpy as np
    import pandas as pd

    from lifeworth.decide.tiers import assign_tiers

    rng, customers = np.random.default_rng(task.sizes["seed"]), task.sizes["customers"]
    value = rng.lognormal(8.0, 1.0, customers)
    pd.DataFrame({
        "customer_id": pd.Series([f"c{i:07d}" for i in range(customers)], dtype="str"),
        "expected_value": value,
        "tier": assign_tiers(value),
        "persona": pd.Series(rng.choice(list(PERSONAS), customers), dtype="str"),
        "p_alive": rng.random(customers),
        "days_since_last": rng.integers(0, 400, customers).astype(float),
    }).to_parquet(task.folder / "scores.parquet", index=False)  # fmt: skip
    return {}


def ours(task: Task) -> dict[str, Any]:
    """Follow the rules with lifeworth."""
    with task.stage("import"):
        from lifeworth.decide.acting import Terms, act
    frame, board = _frame(task), _board(task)
    free = float(act(board, frame, Terms(most=2)).given["cost"].sum())
    terms = Terms(most=2, budget=BUDGET * free)
    with task.stage("act, no budget"):
        act(board, frame, Terms(most=2))
    with task.stage(STAGE):
        acted = act(board, frame, terms)
    rules, certificate = acted.rules, acted.certificate
    return {
        "actions": len(acted.given),
        "spend": float(acted.given["cost"].sum()),
        "budget": BUDGET * free,
        "gap": None if certificate is None else float(certificate.gap),
        "fires": rules["fires"].tolist(),
        "reach": rules["customers"].tolist(),
        "margin": float(rules["margin"].sum()),
        "first": _first_fires(frame, board),
    }


def twin(task: Task) -> dict[str, Any]:
    """Say for whom rules fire one by one, for the first customers."""
    with task.stage("import"):
        frame, board = _frame(task).head(TWIN), _board(task)
    texts = [f"({r.when}) and not ({r.unless or 'False'})" for r in board.rules]
    codes = [compile(text.replace(" = ", " == "), "rule", "eval") for text in texts]
    with task.stage(STAGE):
        rows = frame.astype({"tier": "str"}).to_dict("records")
        fires = [sum(bool(eval(code, {}, row)) for row in rows) for code in codes]  # noqa: S307
    return {"first": fires}


def _first_fires(frame: Any, board: "Board") -> list[int]:
    from lifeworth.decide.board import read_board
    from lifeworth.decide.fires import Columns

    read = read_board(board, Columns(frame.head(TWIN)))
    return [int(one.fires.sum()) for one in read.fired]


def _frame(task: Task) -> Any:
    import pandas as pd

    with task.stage("read"):
        return pd.read_parquet(task.folder / "scores.parquet")


def _board(task: Task) -> "Board":
    """Return rules whose order of priority is their order."""
    from lifeworth.decide.board import Action, Board, Rule

    customers, count = task.sizes["customers"], task.sizes["rules"]
    tiers = ("VIP", "High", "Med", "Low")
    actions = tuple(
        Action(name=f"a{i}", cost=20.0 + i, capacity=None if i % 4 else customers // 60)
        for i in range(count)
    )
    rules = tuple(
        Rule(
            name=f"r{i}",
            when=f"persona = '{PERSONAS[i % 7]}' and tier in ['{tiers[i % 4]}', 'Med']"
            f" and (p_alive < {0.2 + 0.02 * i:.2f} or days_since_last > {300 - 5 * i})",
            action=f"a{i}",
            priority=i,
            uplift=0.02 + 0.001 * i,
            unless="days_since_last < 3" if i % 5 == 0 else "",
        )
        for i in range(count)
    )
    return Board(actions=actions, rules=rules)


def _checks(sides: dict[str, dict[str, Any]]) -> dict[str, Any]:
    ours, other = sides["lifeworth"], sides["row by row"]
    told, wall = ours["told"], ours["stages"][STAGE]["wall_seconds"]
    return {
        "seconds": wall,
        "seconds_without_budget": ours["stages"]["act, no budget"]["wall_seconds"],
        "actions": told["actions"],
        "gap": told["gap"],
        "within_budget": told["spend"] <= told["budget"] * (1 + 1e-12),
        "fires": sum(told["fires"]),
        "as_row_by_row": told["first"] == other["told"]["first"],
        "twin_seconds_per_1000": 1000 * other["stages"][STAGE]["wall_seconds"] / TWIN,
        "aims": {"seconds": AIM_SECONDS},
        "aims_met": wall < AIM_SECONDS,
    }
