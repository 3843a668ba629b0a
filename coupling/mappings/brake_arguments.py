"""The limits of brakes as commands take them."""

from argparse import ArgumentTypeError

from coupling.brakes import LIMITS

NONE = "none"
"""The word for no limit."""


def limit_on_creating(text: str) -> tuple[int | None, int | None]:
    """Return a limit in records, or in percent; none of both for no limit. Raises ArgumentTypeError."""
    if text == NONE:
        return None, None
    if text.endswith("%"):
        percent = _number(text.removesuffix("%"))
        if percent > LIMITS["created_percent"][1]:
            raise ArgumentTypeError(f"{text!r} is more than all of them.")
        return None, percent
    return _number(text), None


def limit_on_coupling(text: str) -> tuple[int | None]:
    """Return a limit in records, or None for no limit. Raises ArgumentTypeError."""
    return (None if text == NONE else _number(text),)


def _number(text: str) -> int:
    """Return a whole number. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise ArgumentTypeError(f"{text!r} is no whole number of records.")
    return int(text)
