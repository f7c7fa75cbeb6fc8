"""What is wrong with a file that is no YAML, in plain words: line, what it says, what to write."""

from typing import NamedTuple

import yaml


class Slip(NamedTuple):
    """A slip of whoever wrote a file.

    Attributes
    ----------
    sign
        What the parser says of it, or a part.
    says, remedy
        What is wrong at the line, and what to do.
    opened
        Whether the slip lies where something began, not where the parser stumbled over it.
    """

    sign: str
    says: str
    remedy: str
    opened: bool = False


CLOSE = "close what is open, and quote text that has a colon or a comma"

SLIPS = (
    Slip("duplicate key", "a name is there twice", "keep one of the two"),
    Slip("could not find expected ':'", "a name has no colon", "write NAME: VALUE", opened=True),
    Slip("end of stream", "a quote opens here and is not closed", "close it", opened=True),
    Slip("',' or '}'", "a brace opens here and is not closed where it should be", CLOSE, True),
    Slip("',' or ']'", "a bracket opens here and is not closed where it should be", CLOSE, True),
    Slip("'\\t'", "it begins with a tab", "indent it with spaces"),
    Slip(
        "mapping values are not allowed",
        "a colon stands where none may be, or the line is indented otherwise than those beside it",
        "quote text that has a colon, indent it like the line above, or give that a colon",
    ),
    Slip("but found '}'", "a brace is closed that was not opened", "take it out"),
    Slip("but found ']'", "a bracket is closed that was not opened", "take it out"),
    Slip(
        "expected <block end>",
        "it is indented otherwise than the lines that it belongs to",
        "indent it like them",
    ),
    Slip("undefined alias", "text begins with *", "quote it"),
    Slip(
        "cannot start any token", "text begins with a sign that YAML keeps for itself", "quote it"
    ),
    Slip("unacceptable character", "it has a sign that is no text", "take it out"),
)

OTHER = Slip("", "it cannot be read", "write NAME: VALUE")


def told(error: Exception) -> str:
    """Return what is wrong and what to do, with the number of the line where it is known."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 text (byte {error.start:,}); save it as UTF-8"
    problem = str(getattr(error, "problem", None) or error)
    if not isinstance(error, yaml.YAMLError) and "$" in problem:
        return "${ opens here and is not closed, or is none of YAML's; write text without ${"
    slip = next((slip for slip in SLIPS if slip.sign in problem), OTHER)
    marks = [getattr(error, name, None) for name in ("context_mark", "problem_mark")]
    mark = next((m for m in (marks if slip.opened else marks[::-1]) if m is not None), None)
    place = "" if mark is None else f"line {mark.line + 1:,}: "
    return f"{place}{slip.says}; {slip.remedy}"
