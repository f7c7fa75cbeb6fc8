"""The conditions of rules: a small language over columns, read by Python's own grammar.

    tier in ['VIP', 'High'] and (p_alive < .3 or days_since_last > 60) and not complaint

Comparisons of a column with numbers or quoted words, lists after `in` and `not in`, columns of yes
or no by their name, `and`, `or`, `not` and brackets; `=` means `==`. Nothing else is read, and
nothing is run.
"""

import ast
import io
import itertools
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from lifeworth.tables.errors import InputError

Value = float | str

OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip

OPPOSITE = {
    "<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==",
    "in": "not in", "not in": "in",
}  # fmt: skip
"""What holds where the other does not, of a value that is known."""

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}

SHOWN = "tier == 'VIP' and p_alive < .3"

MOST = 4096
"""Alternatives of a condition that are looked at for a contradiction."""

LONGEST = 2_000
"""Characters of a condition."""

TOO_MUCH = (OverflowError, RecursionError, MemoryError)
"""What Python raises of numbers and brackets beyond all measure."""


@dataclass(frozen=True)
class Compare:
    """A column against a value, or against several after `in` and `not in`."""

    column: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Flag:
    """A column of yes or no that has to be `wanted`."""

    column: str
    wanted: bool


@dataclass(frozen=True)
class All:
    """Conditions that have to hold together."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Some:
    """Conditions of which one has to hold."""

    parts: tuple["Condition", ...]


Atom = Compare | Flag
Condition = Compare | Flag | All | Some


def parsed(where: str, text: str) -> Condition:
    """Read a condition.

    `not` is moved inwards, to the comparisons: a customer whose value is not known fulfils neither
    `p_alive < .3` nor `not p_alive < .3`.

    Parameters
    ----------
    where
        What errors begin with: the rule.

    Raises
    ------
    InputError
        If the text is not of the language.
    """
    if len(text) > LONGEST:
        raise InputError(
            f"{where}: {len(text):,} characters are more than the {LONGEST:,} a condition may "
            "have; make several rules of it"
        )
    try:
        tree = ast.parse(_equals(text).strip(), mode="eval")
        return _Reader(where).read(tree.body, True)
    except (SyntaxError, tokenize.TokenError, ValueError, *TOO_MUCH) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{where}: '{_start(text)}' cannot be read; write comparisons such as {SHOWN}"
        ) from error


def columns_of(condition: Condition) -> list[str]:
    """Return the columns a condition reads, each once, in order."""
    return list(dict.fromkeys(atom.column for atom in atoms(condition)))


def atoms(condition: Condition) -> Iterator[Atom]:
    """Yield the comparisons and flags of a condition."""
    if isinstance(condition, Compare | Flag):
        yield condition
    else:
        for part in condition.parts:
            yield from atoms(part)


def contradiction(condition: Condition) -> str | None:
    """Return the column for which no value fulfils a condition, None where there may be values.

    Of a condition with more than 4,096 alternatives only the first are looked at, and it may then
    pass although it is contradictory.
    """
    found = None
    for several in itertools.islice(_alternatives(condition), MOST):
        found = _impossible(several)
        if found is None:
            return None
    return found


class _Reader:
    """Turns Python's tree into conditions, and refuses what is not of the language."""

    def __init__(self, where: str) -> None:
        self.where = where

    def read(self, node: ast.expr, holds: bool) -> Condition:
        """Return the condition that `node` is true, or that it is not."""
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = tuple(self.read(value, holds) for value in values)
                return All(parts) if isinstance(op, ast.And) == holds else Some(parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.read(operand, not holds)
            case ast.Name(id=name):
                return Flag(name, holds)
            case ast.Compare():
                return self._compared(node, holds)
            case _:
                raise self._odd(node)

    def _compared(self, node: ast.Compare, holds: bool) -> Condition:
        sides = [node.left, *node.comparators]
        pairs = zip(sides, node.ops, sides[1:], strict=False)
        parts = tuple(self._atom(node, left, op, right, holds) for left, op, right in pairs)
        if len(parts) == 1:
            return parts[0]
        return All(parts) if holds else Some(parts)

    def _atom(
        self, node: ast.expr, left: ast.expr, op: ast.cmpop, right: ast.expr, holds: bool
    ) -> Atom:
        operator = OPERATORS.get(type(op))
        if operator is None:
            raise self._odd(node)
        if not isinstance(left, ast.Name) and operator in MIRRORED:
            left, right, operator = right, left, MIRRORED[operator]
        if not isinstance(left, ast.Name):
            raise self._odd(node)
        operator = operator if holds else OPPOSITE[operator]
        if isinstance(right, ast.Constant) and isinstance(right.value, bool):
            return self._truth(node, left.id, operator, right.value)
        return Compare(left.id, operator, self._values(right, "in" in operator))

    def _truth(self, node: ast.expr, name: str, operator: str, value: bool) -> Flag:
        if operator not in ("==", "!="):
            raise self._odd(node)
        return Flag(name, value == (operator == "=="))

    def _values(self, node: ast.expr, several: bool) -> tuple[Value, ...]:
        if not several:
            return (self._value(node),)
        if not isinstance(node, ast.List | ast.Tuple | ast.Set) or not node.elts:
            raise InputError(
                f"{self.where}: after 'in' stands {ast.unparse(node)}; "
                "write a list, such as tier in ['VIP', 'High']"
            )
        return tuple(self._value(one) for one in node.elts)

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=str() as text):
                return text
            case ast.Constant(value=(int() | float()) as number) if not isinstance(number, bool):
                return float(number)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=(int() | float()) as size)):
                return -float(size)
            case ast.Name(id=name):
                raise InputError(
                    f"{self.where}: a column is compared with {name}, which is neither a number "
                    f"nor a word in quotes; write '{name}' if it is a word"
                )
            case _:
                raise self._odd(node)

    def _odd(self, node: ast.expr) -> InputError:
        return InputError(
            f"{self.where}: '{ast.unparse(node)}' is not of the language of conditions; write "
            f"comparisons of a column with numbers or quoted words, in, and, or, not: {SHOWN}"
        )


def _start(text: str) -> str:
    """Return a text, or how it begins."""
    told = text.strip()
    return told if len(told) <= 80 else f"{told[:80]}..."


def _equals(text: str) -> str:
    """Write = as ==, outside words in quotes."""
    read = io.StringIO(text.replace("\n", " ").strip()).readline
    tokens = list(tokenize.generate_tokens(read))
    if any(t.type == tokenize.COMMENT for t in tokens):
        raise SyntaxError("a # would hide what comes after it")
    kept = [(t.type, "==" if t.string == "=" else t.string) for t in tokens]
    return tokenize.untokenize(kept)


def _alternatives(condition: Condition) -> Iterator[tuple[Atom, ...]]:
    """Yield lists of comparisons; a condition holds where all of one list do."""
    match condition:
        case Some(parts=parts):
            for part in parts:
                yield from _alternatives(part)
        case All(parts=parts):
            several = (tuple(itertools.islice(_alternatives(part), MOST)) for part in parts)
            for some in itertools.product(*several):
                yield tuple(itertools.chain.from_iterable(some))
        case _:
            yield (condition,)


def _impossible(several: tuple[Atom, ...]) -> str | None:
    """Return the first column of which no value fulfils all of `several`."""
    for column in dict.fromkeys(atom.column for atom in several):
        own = [atom for atom in several if atom.column == column]
        if not _possible([_as_compare(atom) for atom in own]):
            return column
    return None


def _as_compare(atom: Atom) -> Compare:
    return atom if isinstance(atom, Compare) else Compare(atom.column, "==", (float(atom.wanted),))


def _possible(own: list[Compare]) -> bool:
    named = [set(atom.values) for atom in own if atom.operator in ("==", "in")]
    if named:
        return any(all(holds(a, v) for a in own) for v in set.intersection(*named))
    low = max((_bound(a, ">") for a in own), default=(-float("inf"), False))
    high = min((_bound(a, "<") for a in own), default=(float("inf"), False))
    if low[0] == high[0]:
        return all(holds(atom, low[0]) for atom in own)
    return low[0] < high[0]


def _bound(atom: Compare, side: str) -> tuple[float, bool]:
    value = atom.values[0]
    if atom.operator.startswith(side) and isinstance(value, float):
        return value, len(atom.operator) == 1
    return (-float("inf") if side == ">" else float("inf")), False


def holds(atom: Compare, value: Value) -> bool:
    """Say whether one value fulfils a comparison; a word is neither below nor above a number."""
    if atom.operator in ("==", "in", "!=", "not in"):
        return (value in atom.values) == (atom.operator in ("==", "in"))
    other = atom.values[0]
    if isinstance(value, str) or isinstance(other, str):
        return isinstance(value, str) and isinstance(other, str)
    return {
        "<": value < other, "<=": value <= other, ">": value > other, ">=": value >= other,
    }[atom.operator]  # fmt: skip
