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


SINGULAR = {"have": "has", "are": "is", "were": "was", "do": "does"}


def agreed(count: int, thing: str, verb: str, between: str = "") -> str:
    """Return how many things do something, noun and verb in their number.

    Examples
    --------
    >>> agreed(1, "place", "have"), agreed(1_200, "place", "have")
    ('1 place has', '1,200 places have')
    >>> agreed(1, "customer", "repeat", "of the run")
    '1 customer of the run repeats'
    """
    one = count == 1
    does = SINGULAR.get(verb, f"{verb}s") if one else verb
    return " ".join(filter(None, (f"{count:,}", thing if one else f"{thing}s", between, does)))
