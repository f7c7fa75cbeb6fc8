"""Who gets which actions of a board, within capacities and a budget, and what that is worth.

Priority says what a customer gets: rules are followed in order, each gives its action to whom it
fires for, for whom it pays, and who has fewer than the most actions; where more of them are there
than its action has room for, to those it brings most. Money says who is paid for: of all that would
be given, what brings the most over its cost within the budget, by the certified `decide.assign`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from jaxtyping import Bool, Float, Int

from lifeworth.decide.assign import Certificate
from lifeworth.decide.board import Action, Board, Fired, Reading, read_board
from lifeworth.decide.fires import Bounds, Columns, Mask
from lifeworth.decide.paying import paid, units
from lifeworth.tables.errors import InputError
from lifeworth.tables.frames import numbers

Customers = Float[np.ndarray, " customers"]
Places = Int[np.ndarray, " pairs"]
Cents = Float[np.ndarray, " pairs"]
Some = Int[np.ndarray, " some"]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What all actions together may take.

    Attributes
    ----------
    budget
        Cents; None: any.
    most
        The most actions of a customer.
    margin
        Share of the expected value that is margin: 1 where values are margins.
    strict
        Whether a rule that never gets its turn on these customers is refused, or told.
    """

    budget: float | None = None
    most: int = 1
    margin: float = 1.0
    strict: bool = True

    def __post_init__(self) -> None:
        if self.most < 1:
            raise InputError(f"board: most is {self.most}; a customer gets at least 1 action")
        if not 0 < self.margin <= 1:
            raise InputError(
                f"board: margin is {self.margin}; give the share of value that is margin, "
                "above 0 and at most 1"
            )


@dataclass(frozen=True, kw_only=True)
class Acted:
    """What a board does.

    Attributes
    ----------
    given
        customer_id, place (1 for the first action of a customer), action, channel, rule, why, cost,
        margin (expected incremental margin: uplift x expected value x share of margin); money in
        cents; by customer_id and place.
    rules
        A row per rule in the order in which they are followed, resting ones last: rule, action,
        priority, fires, guarded, pays, turn (customers who would get it if there were room),
        no_room, no_budget, customers (who get it), cost, margin, roi ((margin - cost) / cost, NaN
        where nothing is spent), break_even_uplift (at which its customers would bring what they
        cost; of those for whom it fires where nobody gets it), resting (the absent column, or "").
    shadowed
        Rules that never get their turn, and which come before them.
    idle
        Rules that fire for nobody, and what the columns they read are, in words.
    certificate
        Of the choice within the budget; None if there was no budget.
    customers
        Of the frame.
    """

    given: pd.DataFrame
    rules: pd.DataFrame
    shadowed: dict[str, list[str]]
    idle: dict[str, list[str]]
    certificate: Certificate | None
    customers: int


class Worth(NamedTuple):
    """What a rule's action would bring each customer, in cents, and whether that pays."""

    margin: Customers
    cost: float
    pays: Mask


class Pairs(NamedTuple):
    """Customers and the rules whose action they would get, by customer and place."""

    row: Places
    rule: Places
    margin: Cents
    cost: Cents

    def places(self) -> Places:
        """Return the places of the pairs."""
        return np.arange(len(self.row))


class Turn(NamedTuple):
    """How often a rule had its turn, and for how many there was no room.

    `behind` are the rules that left it no turn: all for whom it would pay have the most actions
    from them; none where it had one, or had nobody.
    """

    turn: int
    no_room: int
    behind: list[str]


def act(
    board: Board,
    customers: pd.DataFrame,
    terms: Terms | None = None,
    beside: Mapping[str, str] | None = None,
    bounds: Mapping[str, Bounds] | None = None,
) -> Acted:
    """Say who gets which actions.

    Deterministic, and the order of rows does not matter: of customers to whom an action brings the
    same the one with the lower customer_id comes first.

    Parameters
    ----------
    customers
        customer_id, expected_value (cents), and the columns that rules read.
    beside, bounds
        As in `Columns`.

    Raises
    ------
    InputError
        If a rule cannot be followed (see `decide.board`) or never gets its turn; if an id is
        missing or there twice, or an expected value or an uplift is not finite.
    """
    terms = terms or Terms()
    frame = _checked(customers)
    reading = read_board(board, Columns(frame, beside, bounds))
    value = frame["expected_value"].to_numpy(dtype=np.float64) * terms.margin
    worth = [_worth(one, board.action(one.rule.action), value, reading) for one in reading.fired]
    pairs, turns = _followed(board, reading, worth, terms.most)
    named = zip(reading.fired, turns, strict=True)
    behind = {one.rule.name: turn.behind for one, turn in named if turn.behind}
    if behind and terms.strict:
        raise InputError(_never(behind, terms.most))
    kept, certificate = np.ones(len(pairs.row), dtype=bool), None
    if terms.budget is not None:
        unit = _units(reading, pairs)
        kept, certificate = paid(pairs.margin, pairs.cost, unit, terms.budget)
    return Acted(
        given=_given(board, reading, _only(pairs, kept)),
        rules=_table(reading, worth, turns, (pairs, kept), value),
        shadowed=behind,
        idle=reading.idle(),
        certificate=certificate,
        customers=len(frame),
    )


def _worth(one: Fired, action: Action, value: Customers, reading: Reading) -> Worth:
    uplift = one.rule.uplift
    if isinstance(uplift, str):
        shares = reading.columns.numbers(uplift)
        _refuse(reading.columns.frame, shares, f"rule {one.rule.name}, uplift: {uplift}")
        margin = shares * value
    else:
        margin = uplift * value
    return Worth(margin, action.cost, margin > action.cost)


def _never(behind: dict[str, list[str]], most: int) -> str:
    name, before = next(iter(behind.items()))
    return (
        f"rule {name}: it never gets its turn on these customers, each of whom has "
        f"{most} action{'s' if most > 1 else ''} from rules before it ({', '.join(before)}); give "
        f"it a lower priority number than one of them, narrow their conditions, or take it out"
    )


def _followed(
    board: Board, reading: Reading, worth: list[Worth], most: int
) -> tuple[Pairs, list[Turn]]:
    """Follow the rules in order; return who would get what, and each rule's turns."""
    customers = len(reading.columns.frame)
    slots = np.full((most, customers), -1, dtype=np.int16)
    count = np.zeros(customers, dtype=np.int16)
    has = {action.name: np.zeros(customers, dtype=bool) for action in board.actions}
    left = {action.name: action.capacity for action in board.actions}
    turns = []
    for place, (one, own) in enumerate(zip(reading.fired, worth, strict=True)):
        name, wanted = one.rule.action, one.fires & own.pays
        behind = _behind(reading, slots[:, wanted])
        open_ = wanted & (count < most) & ~has[name]
        for needed in one.rule.needs:
            open_ &= has[needed]
        for other in _beside(one, reading):
            open_ &= ~has[other]
        rows = np.flatnonzero(open_)
        some = _within(rows, own.margin, left[name])
        if (room := left[name]) is not None:
            left[name] = room - len(some)
        slots[count[some], some] = place
        count[some] += 1
        has[name][some] = True
        turns.append(Turn(len(rows), len(rows) - len(some), behind))
    return _pairs(slots, worth), turns


def _behind(reading: Reading, slots: np.ndarray) -> list[str]:
    """Return the rules that gave customers all they may have; none where one has room left."""
    if not slots.size or (slots < 0).any():
        return []
    return [reading.fired[place].rule.name for place in np.unique(slots)]


def _beside(one: Fired, reading: Reading) -> set[str]:
    """Return the actions that nobody gets beside that of a rule, whichever of the two says so."""
    mine = one.rule.action
    others = {other.rule.action for other in reading.fired if mine in other.rule.excludes}
    return others | set(one.rule.excludes)


def _within(rows: Places, margin: Customers, room: int | None) -> Some:
    """Return the rows to whom an action brings most, as many as there is room for."""
    if room is None or len(rows) <= room:
        return rows
    return np.sort(rows[np.argsort(-margin[rows], kind="stable")[:room]])


def _pairs(slots: np.ndarray, worth: list[Worth]) -> Pairs:
    row, place = np.nonzero(slots.T >= 0)
    rule = slots[place, row].astype(np.int64)
    margin, cost = np.empty(len(row)), np.empty(len(row))
    for k, own in enumerate(worth):
        mine = np.flatnonzero(rule == k)
        margin[mine], cost[mine] = own.margin[row[mine]], own.cost
    return Pairs(row, rule, margin, cost)


def _only(pairs: Pairs, kept: Bool[np.ndarray, " pairs"]) -> Pairs:
    return Pairs(*(array[kept] for array in pairs))


def _units(reading: Reading, pairs: Pairs) -> Places:
    """Return a number for each pair; those of a customer that need each other have one number."""
    edges = list(_edges(reading, pairs))
    return units(len(pairs.row), np.concatenate(edges, axis=1)) if edges else pairs.places()


def _edges(reading: Reading, pairs: Pairs) -> Iterator[np.ndarray]:
    """Yield the pairs of rules that need actions, above them the pairs that give those."""
    for k, one in enumerate(reading.fired):
        for needed in one.rule.needs:
            givers = [i for i, o in enumerate(reading.fired) if o.rule.action == needed]
            giving = np.flatnonzero(np.isin(pairs.rule, givers))
            mine = np.flatnonzero(pairs.rule == k)
            at = np.full(len(reading.columns.frame), -1)
            at[pairs.row[giving]] = giving
            yield np.stack((mine, at[pairs.row[mine]]))


def _given(board: Board, reading: Reading, pairs: Pairs) -> pd.DataFrame:
    rules = [one.rule for one in reading.fired]
    names = {
        "action": [rule.action for rule in rules],
        "channel": [board.action(rule.action).channel for rule in rules],
        "rule": [rule.name for rule in rules],
    }
    codes = pa.array(pairs.rule.astype(np.int32))
    said = {name: _text(pa.array(words, pa.string()).take(codes)) for name, words in names.items()}
    ids = reading.columns.frame["customer_id"].take(pairs.row).reset_index(drop=True)
    return pd.DataFrame({
        "customer_id": ids,
        "place": _within_customer(pairs.row),
        **said,
        "why": _text(_why(reading, pairs)),
        "cost": pairs.cost,
        "margin": pairs.margin,
    })  # fmt: skip


def _text(words: pa.Array) -> pd.Series:
    return pd.Series(pd.array(words, dtype="str"))


def _within_customer(row: Places) -> Places:
    """Count from 1 within each customer."""
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    lengths = np.diff(np.append(starts, len(row)))
    return np.arange(len(row)) - np.repeat(starts, lengths) + 1


def _why(reading: Reading, pairs: Pairs) -> pa.Array:
    order = np.argsort(pairs.rule, kind="stable")
    ends = np.searchsorted(pairs.rule[order], np.arange(len(reading.fired) + 1))
    parts = [
        reading.columns.why(one.condition, pairs.row[order[start:end]])
        for one, start, end in zip(reading.fired, ends, ends[1:], strict=False)
        if end > start
    ]
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_arrays([pa.array([], pa.string()), *parts]).take(pa.array(back))


def _table(
    reading: Reading,
    worth: list[Worth],
    turns: list[Turn],
    chosen: tuple[Pairs, Bool[np.ndarray, " pairs"]],
    value: Customers,
) -> pd.DataFrame:
    pairs, kept = chosen
    count = len(reading.fired)
    given = np.bincount(pairs.rule[kept], minlength=count)
    planned = np.bincount(pairs.rule, minlength=count)
    margin = np.bincount(pairs.rule[kept], pairs.margin[kept], minlength=count)
    base = np.bincount(pairs.rule[kept], value[pairs.row[kept]], minlength=count)
    rows = []
    for k, (one, own, turn) in enumerate(zip(reading.fired, worth, turns, strict=True)):
        cost, fires = own.cost * given[k], int(one.fires.sum())
        of = base[k] / given[k] if given[k] else value[one.fires].sum() / max(fires, 1)
        rows.append({
            "rule": one.rule.name,
            "action": one.rule.action,
            "priority": one.rule.priority,
            "fires": fires,
            "guarded": one.guarded,
            "pays": int((one.fires & own.pays).sum()),
            "turn": turn.turn,
            "no_room": turn.no_room,
            "no_budget": int(planned[k] - given[k]),
            "customers": int(given[k]),
            "cost": cost,
            "margin": margin[k],
            "roi": (margin[k] - cost) / cost if cost > 0 else np.nan,
            "break_even_uplift": own.cost / of if of > 0 and own.cost > 0 else np.nan,
            "resting": "",
        })  # fmt: skip
    resting = [{"rule": name, "resting": column} for name, column in reading.resting.items()]
    return _typed(pd.DataFrame([*rows, *resting]))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    counts = ["fires", "guarded", "pays", "turn", "no_room", "no_budget", "customers"]
    sums = dict.fromkeys(("cost", "margin"), "float64")
    filled = table.fillna({**dict.fromkeys((*counts, *sums), 0), "action": "", "priority": 0})
    return filled.astype({**dict.fromkeys((*counts, "priority"), "int64"), **sums})


def _checked(customers: pd.DataFrame) -> pd.DataFrame:
    """Return the customers by id."""
    missing = [name for name in ("customer_id", "expected_value") if name not in customers]
    if missing:
        raise InputError(
            f"board: customers have no column {missing[0]}; give customer_id and expected_value"
        )
    ids = customers["customer_id"]
    bad = np.flatnonzero(ids.isna() | ids.duplicated())
    if len(bad):
        raise InputError(
            f"board: {len(bad):,} of {len(ids):,} rows have no customer_id or one that is there "
            f"before, first row {bad[0]:,} ({ids.iloc[bad[0]]!r}); give each customer one row"
        )
    frame = customers if ids.is_monotonic_increasing else customers.sort_values("customer_id")
    frame = frame.reset_index(drop=True)
    value = numbers("board", frame, "expected_value", ["customer_id"])
    _refuse(frame, value, "board: expected_value")
    return frame


def _refuse(frame: pd.DataFrame, found: Customers, what: str) -> None:
    bad = np.flatnonzero(~np.isfinite(found))
    if len(bad):
        raise InputError(
            f"{what} of {len(bad):,} of {len(frame):,} customers is not finite, first "
            f"{frame['customer_id'].iloc[bad[0]]!r} ({found[bad[0]]}); fill it in, or leave "
            "these customers out"
        )
