"""Rows asked for by filters: few pages of them, and none where Dataverse refuses a filter. Then all rows are read."""

from collections.abc import Callable
from typing import NamedTuple

from coupling.rows import RemoteRow, TooManyRows
from dataverse.errors import DataverseError, Invalid

MOST_PAGES = 10
"""Pages of rows that one filter may find: it was to find few, and reading all rows in order is the surer way."""
_REFUSED = (400, 414)
"""What Dataverse answers to a filter that it cannot work with, or to an address that is too long."""


class LookedUp(NamedTuple):
    """The rows that filters found; None where all are to be read instead, with why, as a sentence."""

    rows: list[RemoteRow] | None
    why_not: str = ""


def look_up(probe: Callable[[], list[RemoteRow]]) -> LookedUp:
    """Ask for rows by filters. probe: sends the requests. Raises DataverseError for anything but a refused filter."""
    try:
        return LookedUp(probe())
    except TooManyRows:
        return LookedUp(None, "A filter found more rows than it was to, so all rows were read instead.")
    except DataverseError as error:
        if not isinstance(error, Invalid) and error.status not in _REFUSED:
            raise
        return LookedUp(None, f"Rows could not be looked up by filter, so all were read instead: {error.message}")
