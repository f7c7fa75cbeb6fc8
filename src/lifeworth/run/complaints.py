"""What pydantic refuses, in our words: the option as it is typed, what it may be, an example."""

import re
import typing
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from lifeworth.tables.errors import did_you_mean

Where = tuple[str | int, ...]
"""Of a value among fields: their names, names in dictionaries, numbers in lists."""


PLAIN = re.compile(r"[\w.:/-]+|[\[{].*[\]}]")
"""Values that neither a shell nor Hydra reads as something else."""


class Place(NamedTuple):
    """Where fields were given, so that they can be named as they were typed.

    Attributes
    ----------
    begins
        What a complaint begins with, up to its colon; "" for nothing.
    prefix
        What stands before the name of a field, such as "split.".
    sign
        Between a name and its value: "=" on the command line, ": " in a file.
    flat
        Whether names have no dots, and values of several names are shares=control:1,mail:1.
    """

    begins: str
    prefix: str = ""
    sign: str = "="
    flat: bool = False

    def option(self, path: Where) -> str:
        """Return the option that holds what is at `path`, and perhaps more."""
        if self.flat:
            return str(path[0])
        names = (str(part) for part in path[: _item(path)])
        return self.prefix + ".".join(names)

    def said(self, path: Where, value: object) -> str:
        """Return what was given there, as it was typed."""
        own = self.option(path)
        rest = path[1:] if self.flat else path[_item(path) :]
        if not rest:
            return f"{own}{self.sign}{_shown(value)}"
        last = rest[-1]
        which = f"value {last + 1}" if isinstance(last, int) else str(last)
        return f"{own}: {which}, {_shown(value)},"

    def example(self, path: Where, value: object) -> str:
        """Return what could be typed instead, with that value."""
        own, shown = self.option(path), _shown(value)
        if self.flat:
            named = len(path) > 1 and isinstance(path[-1], str)
            return f"{own}={path[-1]}:{shown}" if named else f"{own}={shown}"
        shown = shown if _item(path) == len(path) else f"[{shown}]"
        if self.sign == "=" and not PLAIN.fullmatch(shown):
            value = shown.strip('"')
            return f"'{own}=\"{value}\"'"  # quotes for the shell, and for Hydra
        return f"{own}{self.sign}{shown}"


def of_verb(verb: str) -> Place:
    """Return the place of NAME=VALUE words."""
    return Place(f"{verb}: ", flat=True)


def of_run(group: str) -> Place:
    """Return the place of the options of a group of a run; "" for those of none."""
    return Place("", f"{group}." if group else "")


def of_file(where: str) -> Place:
    """Return the place of fields in a YAML file."""
    return Place(f"{where}: ", sign=": ")


WANTED = {
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "too_short": "a list of {min_length} or more",
    "string_too_short": "text of {min_length} sign(s) or more",
    "string_too_long": "text of {max_length} sign(s) at most",
    "literal_error": "{expected}",
    "finite_number": "a finite number",
    "bool_": "true or false",
    "dataclass_": "names and values in braces, {{name: value}}",
    "date_": "a day",
    "decimal_": "a number",
    "dict_": "names and values in braces, {{name: value}}",
    "float_": "a number",
    "int_": "a whole number",
    "list_": "values in brackets, [1, 2]",
    "string_": "text",
    "tuple_": "values in brackets, [1, 2]",
}
"""What a value has to be, by how the name of the fault begins."""

TAGS = ("float", "int", "str", "bool")
"""Last parts of a path that name no field but a type that was tried."""

TRIED = (3, 1, 0.5, True, "text", "2026-01-31", [3], ["text"], {"name": 3}, {"name": "text"}, 0)
"""Examples, the first of which that is accepted is shown."""


def complaint(place: Place, error: ValidationError, kind: type[Any]) -> str:
    """Say in a line per field of a `kind` what is wrong with it, and what would be right."""
    found: dict[Where, list[dict[str, Any]]] = {}
    for path, fault in _untagged(error):
        found.setdefault(path, []).append(fault)
    return "\n".join(place.begins + _fault(place, path, own, kind) for path, own in found.items())


def _untagged(error: ValidationError) -> Iterator[tuple[Where, dict[str, Any]]]:
    """Yield faults by path; a field that is too short as parts of it are wrong is one of those."""
    faults = error.errors()
    paths = [tuple(fault["loc"]) for fault in faults]
    for fault, path in zip(faults, paths, strict=True):
        parts = any(len(p) > len(path) and p[: len(path)] == path for p in paths)
        if fault["type"] == "too_short" and parts:
            continue
        tagged = len(path) > 1 and path[-1] in TAGS
        yield (path[:-1] if tagged else path), dict(fault)


def _fault(place: Place, path: Where, faults: list[dict[str, Any]], kind: type[Any]) -> str:
    first, name = faults[0], place.prefix + ".".join(map(str, path))
    if not path:
        return _own_words(first)
    match first["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = fields_at(kind, path[:-1])
            hint = f"{did_you_mean(str(path[-1]), known)}; it takes {', '.join(known)}"
            return f"there is no '{name}'{hint if known else ''}"
        case "missing" | "missing_argument" | "missing_keyword_only_argument":
            return f"{name} is missing; {_give(place, path, None)}{_meaning(kind, path)}"
    wants = list(dict.fromkeys(_wanted(fault) for fault in faults))
    said = place.said(path, first["input"])
    if None in wants:
        return f"{said}: {_own_words(first)}"
    has_to_be = " or ".join(str(want) for want in wants)
    found = _example(kind, path, first)
    whole, item = path[: _item(path)], len(path) > _item(path)
    if item and whole and not place.flat and not _accepts(type_at(kind, whole), [found]):
        found = None  # one value alone is not the list that is wanted
    give = f"; {_give(place, path, found)}" if found is not None else ""
    return f"{said} has to be {has_to_be}{give}"


def _give(place: Place, path: Where, example: object) -> str:
    word = "give" if place.sign == "=" else "write"
    if example is None:
        return f"{word} {place.option(path)}{place.sign}..."
    return f"{word} {place.example(path, example)}, say"


def _wanted(fault: dict[str, Any]) -> str | None:
    """Return what the value has to be; None for a fault whose message is ours already."""
    context = {
        name: value.replace("'", "") if name == "expected" else _shown(value)
        for name, value in fault.get("ctx", {}).items()
    }
    begins = (want for name, want in WANTED.items() if str(fault["type"]).startswith(name))
    want = next(begins, None)
    return None if want is None else want.format(**context)


def _own_words(fault: dict[str, Any]) -> str:
    return str(fault["msg"]).removeprefix("Value error, ")


def _example(kind: type[Any], path: Where, fault: dict[str, Any]) -> object:
    """Return a value that is accepted at `path`: the default, a bound, or one of those TRIED."""
    own = type_at(kind, path)
    context = fault.get("ctx", {})
    bounds = [context[name] for name in ("le", "ge") if name in context]
    near = [context[n] + d for n, d in (("gt", 1), ("gt", 0.5), ("lt", -1), ("lt", -0.5))
            if n in context]  # fmt: skip
    literal = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    if fault["type"] == "string_type" and isinstance(fault["input"], int | float):
        return f'"{fault["input"]}"'
    firsts = {"float": 0.5, "finite": 0.5, "decimal": 0.5, "bool": True}
    first = [v for name, v in firsts.items() if str(fault["type"]).startswith(name)]
    usual = *near, *first, *TRIED
    named = *_examples(kind, path), *bounds, *literal, _default(kind, path)
    for value in (*_meant(fault["input"], str(fault["type"])), *named, *usual):
        if value not in (None, "", (), {}) and _accepts(own, value):
            return value
    return None


def _accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except (ValidationError, PydanticUserError, TypeError, AttributeError):
        # the last two: rules that look at other fields, which are not there
        return False
    return True


def _meant(given: object, fault: str) -> list[object]:
    """Return the number that 5,000 or 10 % may have been, or the list of one that a word was."""
    if isinstance(given, str) and fault.startswith(("list_", "tuple_")):
        return [[given]]
    text = given.strip().replace(" ", "") if isinstance(given, str) else ""
    part = re.fullmatch(r"(\d+(?:\.\d+)?)%", text)
    whole = re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text)
    if part:
        return [float(part[1]) / 100]
    return [text.replace(",", "")] if whole else []


def _meaning(kind: type[Any], path: Where) -> str:
    field = _fields_of(kind).get(path[0])
    return f", {field.description}" if field is not None and field.description else ""


def _examples(kind: type[Any], path: Where) -> list[object]:
    """Return what the field itself gives for examples."""
    field = _fields_of(kind).get(path[0])
    return [] if field is None or len(path) > 1 else list(field.examples or ())


def _default(kind: type[Any], path: Where) -> object:
    field = _fields_of(kind).get(path[0])
    return None if field is None or len(path) > 1 else field.get_default()


def _item(path: Where) -> int:
    """Return how many parts of a path come before the number of an item."""
    return next((n for n, part in enumerate(path) if isinstance(part, int)), len(path))


def _shown(value: object) -> str:
    """Return a value as it is typed in a run, in a file and, where it is no list, to a verb."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return value or "''"
        case float():
            return str(int(value)) if value.is_integer() else str(value)
        case list() | tuple():
            return f"[{', '.join(map(_shown, value))}]"
        case dict():
            return f"{{{', '.join(f'{k}: {_shown(v)}' for k, v in value.items())}}}"
        case _:
            return str(value)


def _fields_of(kind: Any) -> dict[str, Any]:
    return getattr(kind, "__pydantic_fields__", None) or {}


def type_at(kind: Any, path: Where) -> Any:
    """Return the type of what is held at `path` of a `kind`; None where nothing is known."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if not path:
        return kind
    if origin is Annotated:
        return type_at(parts[0], path)
    if origin in (dict, list, tuple):
        return type_at(parts[0 if origin is tuple else -1], path[1:])
    if parts:
        return next((found for p in parts if (found := type_at(p, path)) is not None), None)
    field = _fields_of(kind).get(path[0])
    if field is None:
        return None
    own = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return type_at(own, path[1:])


def fields_at(kind: Any, path: Where) -> list[str]:
    """Return the fields of what is held at `path` of a `kind`; none where nothing has fields."""
    own = type_at(kind, path)
    parts = [part for part in typing.get_args(own) if part is not type(None)] or [own]
    return max((list(_fields_of(part)) for part in parts), key=len)
