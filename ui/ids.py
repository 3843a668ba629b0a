"""Ids of rows as they come in a request: anything may stand there, and what no row can have is nobody's id."""

from collections.abc import Iterable

_DIGITS = 18
"""Every number of so many digits fits a BigAutoField (9,223,372,036,854,775,807); no table comes near it."""


def parse_id(text: str) -> int | None:
    """Return the id a text names, or None: ASCII digits alone, so that ² and other digits of Unicode are none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def parse_ids(texts: Iterable[str]) -> list[int]:
    """Return the ids in these texts, each of which may hold several with commas between; what is none is left out."""
    found = (parse_id(part.strip()) for text in texts for part in text.split(","))
    return [one for one in found if one is not None]
