"""Days at the door to Dataverse: columns that show days but keep moments are read and written as days.

Where a moment may be the midnight of two zones, that of the site's own zone (TIME_ZONE) counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from django.utils.timezone import get_default_timezone

from dataverse import dates
from dataverse.types import ColumnInfo


class ReadColumns(NamedTuple):
    """How columns are read: column -> what the Web API calls it; days: those whose moments are days."""

    wires: dict[str, str]
    days: Sequence[ColumnInfo]


def day_columns(columns: Mapping[str, ColumnInfo], names: Iterable[str]) -> list[ColumnInfo]:
    """Return which of these columns keep moments and show days."""
    return [column for name in names if (column := columns.get(name)) and dates.is_moment_of_day(column)]


def day_of(value: Any, column: ColumnInfo) -> Any:
    """Return the day of a column's JSON as ISO text; what is none is left as it is, for the comparison to refuse."""
    try:
        return dates.day_from(value, column, get_default_timezone()).isoformat() if value else value
    except (TypeError, ValueError):
        return value


def moment_of(value: Any, column: ColumnInfo) -> Any:
    """Return a day, as ISO text, as the column takes it; what is none is left as it is, for Dataverse to refuse."""
    try:
        return dates.day_to(date.fromisoformat(value), column, get_default_timezone()) if value else value
    except (TypeError, ValueError):
        return value
