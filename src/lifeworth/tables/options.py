"""What a user can set of how a file is read, and how it is typed: remedies name nothing else."""

from typing import NamedTuple


class Options(NamedTuple):
    """Names of what can be set, as they are typed; "" for what cannot be.

    Attributes
    ----------
    columns
        What to do where a column is not there.
    delimiter, encoding, date_format, decimal, units
        Names of options.
    """

    columns: str = "give the column that is meant this name in the file"
    delimiter: str = ""
    encoding: str = ""
    date_format: str = ""
    decimal: str = ""
    units: str = ""


NO_OPTIONS = Options()
"""Of a file that has to be as it is described."""

DATED = Options(date_format="data.date_format")
"""Of a source whose dates alone may be written otherwise."""

OF_A_VERB = Options(delimiter="delimiter")


def given(option: str, value: str) -> str:
    r"""Return what to type to give an option that value, as a shell takes it.

    Examples
    --------
    >>> print(given("delimiter", ";"))
    delimiter=';'
    >>> print(given("data.delimiter", ";"))
    'data.delimiter=";"'
    >>> print(given("delimiter", chr(9)))
    delimiter=$'\t'
    """
    shown, tab = value.replace("\t", "\\t"), "$" if "\t" in value else ""
    return f"{tab}'{option}=\"{shown}\"'" if "." in option else f"{option}={tab}'{shown}'"
