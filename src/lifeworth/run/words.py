"""NAME=VALUE words of the command line, read into a typed model that also makes the help."""

from inspect import get_annotations
from typing import Annotated, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from lifeworth.run.complaints import Place, complaint, of_verb
from lifeworth.tables.errors import InputError


class Words(BaseModel):
    """Arguments of a verb: frozen, unknown names refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Given = TypeVar("Given", bound=Words)


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
    return checked(of_verb(verb), kind, pairs)


def checked(where: Place, kind: type[Given], fields: dict[str, object] | dict[str, str]) -> Given:
    """Make a `kind` of `fields`; what does not fit is an InputError that names it."""
    try:
        return kind(**fields)
    except ValidationError as error:
        raise InputError(complaint(where, error, kind)) from error


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
