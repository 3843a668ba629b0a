"""Days at the door to Dataverse: columns that show days but keep moments are read and written as days.

Where a moment may be the midnight of two zones, that of the mapping's zone counts, else of the site's (TIME_ZONE).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from django.utils.timezone import get_default_timezone

from dataverse import dates
from dataverse.types import ColumnInfo


class ReadColumns(NamedTuple):
    """How columns are read: column -> what the Web API calls it; days: those whose moments are days, in the zone."""

    wires: dict[str, str]
    days: Sequence[ColumnInfo]
    zone: tzinfo


def zone_of(name: str) -> tzinfo:
    """Return the zone that a mapping names, "" for the site's; one that is not known any more counts as the site's."""
    return ZoneInfo(name) if name and name in available_timezones() else get_default_timezone()


def day_columns(columns: Mapping[str, ColumnInfo], names: Iterable[str]) -> list[ColumnInfo]:
    """Return which of these columns keep moments and show days."""
    return [column for name in names if (column := columns.get(name)) and dates.is_moment_of_day(column)]


def day_of(value: Any, column: ColumnInfo, zone: tzinfo) -> Any:
    """Return the day of a column's JSON as ISO text; what is none is left as it is, for the comparison to refuse."""
    try:
        return dates.day_from(value, column, zone).isoformat() if value else value
    except (TypeError, ValueError):
        return value


def moment_of(value: Any, column: ColumnInfo, zone: tzinfo) -> Any:
    """Return a day, as ISO text, as the column takes it; what is none is left as it is, for Dataverse to refuse."""
    try:
        return dates.day_to(date.fromisoformat(value), column, zone) if value else value
    except (TypeError, ValueError):
        return value
