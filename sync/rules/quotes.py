"""Values and choices as sentences quote them. No Django."""

from collections.abc import Iterable
from typing import Any

_MAX_LISTED = 8
"""How many choices a sentence names at most."""


def list_labels(labels: Iterable[str]) -> str:
    """Return the first labels as part of a sentence, and how many more there are."""
    known = [label for label in labels if label.strip()]
    more = len(known) - _MAX_LISTED
    return ", ".join(known[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def quote(value: Any) -> str:
    """Return a value as a sentence quotes it, shortened to 60 characters."""
    word = str(value)
    return f"“{word[:57]}...”" if len(word) > 60 else f"“{word}”"
