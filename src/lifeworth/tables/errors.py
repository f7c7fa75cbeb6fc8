"""The one kind of error a user's input can cause, and what it says of a name that is not known."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Input that cannot be used; the message names the thing, the count, an example, the remedy."""


class NotThereError(InputError):
    """Data that are not where they were looked for.

    Attributes
    ----------
    what
        The message without its remedy, which depends on who asked for the data.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return ", did you mean 'this'?" with the one of `names` spelled most like `name`, or "".

    Capitals do not count.

    Examples
    --------
    >>> did_you_mean("Reveneu", ["revenue", "margin"])
    ", did you mean 'revenue'?"
    >>> did_you_mean("colour", ["revenue", "margin"])
    ''
    """
    by_lower = {n.lower(): n for n in names}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f", did you mean '{by_lower[found[0]]}'?" if found else ""
