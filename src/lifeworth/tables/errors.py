"""The one kind of error a user's input can cause."""


class InputError(ValueError):
    """Input that cannot be used; the message names the thing, the count, an example, the remedy."""
