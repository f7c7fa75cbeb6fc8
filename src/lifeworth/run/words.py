"""NAME=VALUE words of the command line, read into a typed model that also makes the help."""

import typing
from dataclasses import fields, is_dataclass
from inspect import get_annotations
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from lifeworth.tables.errors import InputError, did_you_mean


class Words(BaseModel):
    """Arguments of a verb: frozen, unknown names refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Given = TypeVar("Given", bound=Words)

REMEDIES = {
    "bool_": "; write true or false",
    "dataclass_": "; write its fields in braces, such as {name: value}",
    "date_": "; write a day, such as 2026-01-31",
    "dict_": "; write names and values in braces, such as {name: value}",
    "float_": "; write a number, such as 0.5",
    "int_": "; write a whole number, such as 3",
    "list_": "; write values in brackets, such as [1, 2]",
    "tuple_": "; write values in brackets, such as [1, 2]",
}
"""What to write instead, by how the name of the fault begins."""


def _named(text: object) -> object:
    """Read "mail:1000,coupon:200" into a number for each name."""
    if not isinstance(text, str):
        return text
    found: dict[str, str] = {}
    for pair in filter(None, text.split(",")):
        name, colon, value = (part.strip() for part in pair.rpartition(":"))
        if not (name and colon and value):
            raise PydanticCustomError("pairs", "write NAME:NUMBER,NAME:NUMBER, as in mail:1000")
        if name in found:
            raise PydanticCustomError("pairs", "a name is given twice; give it once")
        found[name] = value
    return found


def _listed(text: object) -> object:
    return tuple(filter(None, map(str.strip, text.split(",")))) if isinstance(text, str) else text


Counts = Annotated[dict[str, NonNegativeInt], BeforeValidator(_named)]
"""Whole numbers by name, 0 or more: mail:1000,coupon:200."""

Shares = Annotated[dict[str, NonNegativeFloat], BeforeValidator(_named)]
"""Numbers by name, 0 or more: control:1,treated:1."""

Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""Words with commas between."""

Numbers = Annotated[tuple[NonNegativeFloat, ...], BeforeValidator(_listed)]
"""Numbers of 0 or more with commas between."""


def read(verb: str, words: list[str], kind: type[Given]) -> Given:
    """Read NAME=VALUE words.

    Raises
    ------
    InputError
        If a word has no '=', a name is not known or given twice, a value does not fit or is
        missing.
    """
    pairs: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            known = ", ".join(f"{n}=..." for n in kind.model_fields)
            raise InputError(f"{verb}: '{word}' is not NAME=VALUE; it takes {known}")
        if name in pairs:
            raise InputError(f"{verb}: {name} is given twice, '{pairs[name]}' and '{value}'")
        pairs[name] = value
    return checked(verb, kind, pairs)


def checked(where: str, kind: type[Given], fields: dict[str, object] | dict[str, str]) -> Given:
    """Make a `kind` of `fields`; what does not fit is an InputError that names it."""
    try:
        return kind(**fields)
    except ValidationError as error:
        raise InputError(complaint(where, error, kind)) from error


def complaint(where: str, error: ValidationError, kind: type[Any]) -> str:
    """Say in one line per fault of a `kind` which field is wrong, why, and what would be right."""
    return "\n".join(_fault(where, dict(fault), kind) for fault in error.errors())


def _fault(where: str, fault: dict[str, Any], kind: type[Any]) -> str:
    *path, last = (str(part) for part in fault["loc"] or ("",))
    name = ".".join([*path, last])
    match fault["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = _fields_at(kind, path)
            hint = f"{did_you_mean(last, known)}; it takes {', '.join(known)}" if known else ""
            return f"{where}: there is no '{name}'{hint}"
        case "missing" | "missing_keyword_only_argument":
            return f"{where}: {name} is missing; give {name}=..."
        case _:
            remedy = next((r for t, r in REMEDIES.items() if str(fault["type"]).startswith(t)), "")
            return f"{where}: {name} = {fault['input']!r}: {fault['msg']}{remedy}"


def _fields_at(kind: Any, path: list[str]) -> list[str]:
    """Return the fields of what is held at `path` of a `kind`; none where nothing has fields."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (dict, list, tuple):
        return _fields_at(parts[-1], path[1:]) if path else []
    if parts:
        return max((_fields_at(part, path) for part in parts), key=len)
    names: list[str] = list(getattr(kind, "model_fields", ()))
    if is_dataclass(kind):
        names = [field.name for field in fields(kind)]
    if not path or path[0] not in names:
        return [] if path else names
    return _fields_at(typing.get_type_hints(kind)[path[0]], path[1:])


def described(kind: type[Words]) -> str:
    """Return one line per argument: name, default, meaning; those of `kind` itself come first."""
    width = max(len(n) for n in kind.model_fields) + 5
    lines = []
    own = dict.fromkeys(name for part in kind.__mro__ for name in get_annotations(part))
    for name in (name for name in own if name in kind.model_fields):
        field = kind.model_fields[name]
        default = "required" if field.is_required() else f"default {field.default}"
        lines.append(f"  {name + '=...':<{width}}{field.description} ({default})")
    return "\n".join(lines)
