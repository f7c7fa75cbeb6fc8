"""An action board: rules as data that say who gets which action, and what is wrong with them."""

import heapq
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from lifeworth.decide.condition import Condition, columns_of, contradiction, parsed
from lifeworth.decide.fires import Bounds, Columns, Mask
from lifeworth.tables.errors import InputError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Action:
    """What can be done with a customer.

    Attributes
    ----------
    cost
        Cents of each customer who gets it; below 0: a saving.
    capacity
        The most customers who can get it; None: any.
    channel, kpi, does
        How it reaches them, what it is measured by, what it is: text for people.
    """

    name: str
    cost: float
    channel: str = ""
    kpi: str = ""
    does: str = ""
    capacity: int | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.cost):
            raise InputError(f"action {self.name}: its cost is {self.cost}; give a finite number")
        if self.capacity is not None and self.capacity < 0:
            raise InputError(
                f"action {self.name}: its capacity is {self.capacity}; give 0 or more, or none"
            )


@dataclass(frozen=True, kw_only=True)
class Rule:
    """For whom an action is meant, and what it is expected to change.

    Attributes
    ----------
    when
        The condition, in the language of `decide.condition`.
    action
        The name of an action.
    priority
        Rules with a lower number come first.
    uplift
        Share by which the action raises the value of a customer (.05: 5 %), or the column that
        holds that share. An assumption until an experiment has measured it.
    unless
        A guardrail: a condition of those who are kept from the action. "": nobody is.
    needs
        Actions a customer has to get in the same round for this one.
    excludes
        Actions a customer never gets beside this one.
    objective
        Text for people.
    """

    name: str
    when: str
    action: str
    priority: int
    uplift: float | str
    unless: str = ""
    needs: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    objective: str = ""


@dataclass(frozen=True, kw_only=True)
class Board:
    """Actions and the rules that give them.

    Attributes
    ----------
    optional
        Columns that may be absent. Rules that read one that is absent rest.
    """

    actions: tuple[Action, ...]
    rules: tuple[Rule, ...]
    optional: tuple[str, ...] = ()

    def action(self, name: str) -> Action:
        """Return the action of that name."""
        return next(action for action in self.actions if action.name == name)


class Fired(NamedTuple):
    """For whom a rule fires, whether or not they get its action.

    Attributes
    ----------
    fires
        The condition holds, and no guardrail keeps them.
    guarded
        Customers for whom the condition holds and whom the guardrail keeps.
    """

    rule: Rule
    condition: Condition
    fires: Mask
    guarded: int


class Reading(NamedTuple):
    """A board on the columns of customers.

    Attributes
    ----------
    fired
        Rules in the order in which they are followed.
    resting
        Rules that read an optional column that is not there, and that column.
    """

    fired: list[Fired]
    columns: Columns
    resting: dict[str, str]

    def idle(self) -> dict[str, list[str]]:
        """Return rules that fire for nobody, and what their columns are on these customers."""
        return {
            one.rule.name: [
                self.columns.span(name, one.condition) for name in columns_of(one.condition)
            ]
            for one in self.fired
            if not one.fires.any() and not one.guarded
        }


def in_order(board: Board) -> list[Rule]:
    """Return the rules in the order in which they are followed.

    By priority, then as listed; after the rules that give what they need.

    Raises
    ------
    InputError
        If a name is there twice, an action is not known, a condition cannot be read or nobody could
        fulfil it, or rules need each other in a circle.
    """
    _check_names(board)
    for rule in board.rules:
        _check_rule(rule, [action.name for action in board.actions])
    return _sorted(board.rules)


def read_board(board: Board, columns: Columns) -> Reading:
    """Say for whom each rule fires.

    Raises
    ------
    InputError
        As `in_order`; if a rule reads a column that is not there or compares it with what it cannot
        be; or if two rules of one priority fire for the same customer. The message names the rule.
    """
    rules, resting = [], {}
    for rule in in_order(board):
        absent = [c for c in _columns(rule) if c in board.optional and c not in columns.frame]
        if absent:
            resting[rule.name] = absent[0]
        else:
            rules.append(rule)
    fired = [_fired(rule, columns) for rule in rules]
    _refuse_overlaps(fired, columns.frame)
    return Reading(fired, columns, resting)


def _fired(rule: Rule, columns: Columns) -> Fired:
    condition = parsed(_where(rule), rule.when)
    columns.check(_where(rule), condition)
    _refuse_impossible(rule, columns.spelled_out(condition), columns.bounds)
    if isinstance(rule.uplift, str):
        _check_uplift(rule, columns)
    holds = columns.mask(condition)
    if not rule.unless:
        return Fired(rule, condition, holds, 0)
    guard = parsed(f"{_where(rule)}, unless", rule.unless)
    columns.check(f"{_where(rule)}, unless", guard)
    kept = columns.mask(guard)
    return Fired(rule, condition, holds & ~kept, int((holds & kept).sum()))


def _where(rule: Rule) -> str:
    return f"rule {rule.name}"


def _columns(rule: Rule) -> list[str]:
    read = columns_of(parsed(_where(rule), rule.when))
    if rule.unless:
        read += columns_of(parsed(f"{_where(rule)}, unless", rule.unless))
    return [*read, rule.uplift] if isinstance(rule.uplift, str) else read


def _check_uplift(rule: Rule, columns: Columns) -> None:
    where, name = f"{_where(rule)}, uplift", str(rule.uplift)
    if not name.isidentifier() and name not in columns.frame:
        raise InputError(
            f"{where}: '{name}' is neither a number nor a column; give a share, such as .02 for "
            "2 %, or name a column of shares"
        )
    columns.known(where, name)
    if columns.is_words(name):
        raise InputError(f"{where}: {name} holds words; name a column of shares, or give a number")
    shares = columns.numbers(name)
    most = float(np.abs(shares[np.isfinite(shares)]).max(initial=0.0))
    if most > 1:
        raise InputError(f"{where}: {name} is up to {most:g}; {_like_shares(most)}")


def _like_shares(uplift: float) -> str:
    """Say how an uplift above 1 is meant to be written."""
    return f"write shares, such as {uplift / 100:g} for {uplift:g} %"


def _check_names(board: Board) -> None:
    for what, all_ in (("action", board.actions), ("rule", board.rules)):
        twice = [name for name, count in Counter(one.name for one in all_).items() if count > 1]
        if twice:
            raise InputError(f"{what} {twice[0]} is there twice; give each {what} its own name")
    if not board.rules:
        raise InputError("board: there are no rules; write at least one")


def _check_rule(rule: Rule, actions: list[str]) -> None:
    for name in (rule.action, *rule.needs, *rule.excludes):
        if name not in actions:
            hint = did_you_mean(name, actions)
            raise InputError(
                f"{_where(rule)}: there is no action {name}{hint}; there are {', '.join(actions)}"
            )
    if not isinstance(rule.uplift, str) and not abs(rule.uplift) <= 1:
        share = _like_shares(rule.uplift) if math.isfinite(rule.uplift) else "write .05 for 5 %"
        raise InputError(f"{_where(rule)}: its uplift is {rule.uplift:g}; {share}")
    _refuse_impossible(rule, parsed(_where(rule), rule.when))
    if rule.unless:
        parsed(f"{_where(rule)}, unless", rule.unless)


def _refuse_impossible(
    rule: Rule, condition: Condition, bounds: Mapping[str, Bounds] | None = None
) -> None:
    column = contradiction(condition)
    if column is not None:
        ends = (bounds or {}).get(column)
        always = "" if ends is None else f" ({column} is always {_ends(*ends)})"
        raise InputError(
            f"{_where(rule)}: nobody can fulfil '{rule.when}', for no {column} does{always}; "
            f"mend what it says of {column}, or take the rule out"
        )


def _ends(least: float, most: float) -> str:
    return f"{least:g} to {most:g}" if math.isfinite(most) else f"{least:g} or more"


def _sorted(rules: tuple[Rule, ...]) -> list[Rule]:
    """Sort by priority, each rule after those that give what it needs."""
    before = [_givers(rule, rules) for rule in rules]
    done: set[int] = set()
    ready = [(r.priority, i) for i, r in enumerate(rules) if not before[i]]
    heapq.heapify(ready)
    order: list[Rule] = []
    while ready:
        _, at = heapq.heappop(ready)
        done.add(at)
        order.append(rules[at])
        for i, rule in enumerate(rules):
            if at in before[i] and before[i] <= done:
                heapq.heappush(ready, (rule.priority, i))
    if len(order) < len(rules):
        raise InputError(_circle(rules, before, done))
    return order


def _givers(rule: Rule, rules: tuple[Rule, ...]) -> set[int]:
    return {i for i, other in enumerate(rules) if other.action in rule.needs}


def _circle(rules: tuple[Rule, ...], before: list[set[int]], done: set[int]) -> str:
    """Walk from a rule to what it waits for until one comes again."""
    at = next(i for i in range(len(rules)) if i not in done)
    path: list[int] = []
    while at not in path:
        path.append(at)
        at = min(before[at] - done)
    circle = [*path[path.index(at) :], at]
    said = " needs ".join(f"{rules[i].name} ({rules[i].action})" for i in circle)
    return f"rule {rules[at].name}: rules need each other in a circle, {said}; take one needs out"


def _refuse_overlaps(fired: list[Fired], frame: pd.DataFrame) -> None:
    for i, one in enumerate(fired):
        for other in fired[:i]:
            if one.rule.priority != other.rule.priority:
                continue
            both = np.flatnonzero(one.fires & other.fires)
            if len(both):
                raise InputError(
                    f"rule {one.rule.name}: it has priority {one.rule.priority} as rule "
                    f"{other.rule.name} has, and both fire for {len(both):,} of {len(frame):,} "
                    f"customers, first {_name(frame, int(both[0]))}; give them different "
                    "priorities, or conditions that exclude each other"
                )


def _name(frame: pd.DataFrame, row: int) -> str:
    return repr(frame["customer_id"].iloc[row]) if "customer_id" in frame else f"row {row}"
