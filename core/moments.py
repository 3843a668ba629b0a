"""Moments that others tell in text."""

from datetime import datetime
from typing import Any


def read_moment(value: Any) -> datetime | None:
    """Return the moment that a text in ISO 8601 tells; None where it tells none.

    A day without a time, as a column of dates has it, is none either: it can be compared with no moment.
    """
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found if found.utcoffset() is not None else None
