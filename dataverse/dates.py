"""Days of columns that show a date without a time. A day stays the day it is for the owner of the row.

Such a column's behaviour says what the service keeps. DateOnly: the day itself. TimeZoneIndependent: midnight of the
day, in no zone. UserLocal, the default of older columns: a moment, which each user sees as the day it falls on in their
own zone; Dataverse's forms write midnight in the zone of who entered it. The zone of each owner is not known here, and
need not be: the midnight nearest to the moment is the owner's, and noon in UTC is the same day all but everywhere.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dataverse.types import ColumnInfo

_NOON = time(12)


def is_moment_of_day(column: ColumnInfo) -> bool:
    """Return whether a column shows days but keeps moments."""
    return column.type == "DateTime" and column.shows_day and not column.date_only


def day_from(text: str, column: ColumnInfo, zone: tzinfo = UTC) -> date:
    """Return the day that a value of the Web API shows. Raises ValueError.

    zone: the one whose midnights come first, where a moment may be two zones' midnight.
    """
    if column.date_only or column.behavior == "TimeZoneIndependent" or len(text) <= 10:
        return date.fromisoformat(text[:10])
    moment = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
    here = moment.astimezone(zone)
    if here.time() == time():
        return here.date()
    if moment.time() == _NOON:  # as `day_to` writes it
        return here.date()
    return (moment + timedelta(hours=12)).date()


def day_to(day: date, column: ColumnInfo, zone: tzinfo = UTC) -> str:
    """Return a day as the Web API takes it for a column; zone: one that must see it as the same day."""
    if column.date_only or not column.shows_day:
        return day.isoformat()
    moment = datetime.combine(day, time(), UTC)
    if column.behavior != "TimeZoneIndependent":
        moment = datetime.combine(day, _NOON, UTC)
        if moment.astimezone(zone).date() != day:
            moment = datetime.combine(day, time(), zone).astimezone(UTC)
    return f"{moment.replace(tzinfo=None).isoformat()}Z"
