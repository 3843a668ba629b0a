"""Days in Dataverse: a day stays the same day for who reads it and for the owner there, whatever the behaviour."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataverse import odata
from dataverse.dates import day_from, day_to
from dataverse.metadata import parse_table_info
from dataverse.types import ColumnInfo

DAY = ColumnInfo("birthdate", "DateTime", date_only=True)
USERS_DAY = ColumnInfo("new_startson", "DateTime", behavior="UserLocal", shows_day=True)
FIXED_DAY = ColumnInfo("new_startson", "DateTime", behavior="TimeZoneIndependent", shows_day=True)
BERLIN, AUCKLAND, NEW_YORK = map(ZoneInfo, ("Europe/Berlin", "Pacific/Auckland", "America/New_York"))


def test_the_reported_day_is_read_as_the_owner_s_and_sent_back_as_the_same():
    for zone in (BERLIN, ZoneInfo("UTC")):
        assert day_from("2024-03-30T23:00:00Z", USERS_DAY, zone) == date(2024, 3, 31)
    assert odata.from_json("2024-03-30T23:00:00Z", USERS_DAY) == date(2024, 3, 31)
    sent = odata.to_json(date(2024, 3, 31), USERS_DAY)
    assert datetime.fromisoformat(sent).astimezone(BERLIN).date() == date(2024, 3, 31)


@pytest.mark.parametrize(
    ("column", "written", "zone", "day"),
    [
        (USERS_DAY, "2024-03-31T05:00:00Z", BERLIN, 31),
        (USERS_DAY, "2024-03-30T11:00:00Z", AUCKLAND, 31),
        (USERS_DAY, "2024-03-31T12:00:00Z", BERLIN, 31),
        (USERS_DAY, "2024-03-31", BERLIN, 31),
        (FIXED_DAY, "2024-03-31T00:00:00Z", NEW_YORK, 31),
        (FIXED_DAY, "2024-03-31T23:30:00Z", BERLIN, 31),
        (DAY, "2024-03-31", NEW_YORK, 31),
    ],
)
def test_a_day_is_read_as_it_is_shown_there(column, written, zone, day):
    assert day_from(written, column, zone) == date(2024, 3, day)


@pytest.mark.parametrize(
    ("column", "written"),
    [(DAY, "2024-03-31"), (FIXED_DAY, "2024-03-31T00:00:00Z"), (USERS_DAY, "2024-03-31T12:00:00Z")],
)
def test_a_day_is_written_as_the_column_takes_it(column, written):
    assert day_to(date(2024, 3, 31), column, BERLIN) == written
    assert odata.to_json(date(2024, 3, 31), column) == written


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Auckland", "Pacific/Apia"])


@given(st.dates(date(1950, 1, 1), date(2100, 1, 1)), st.sampled_from([DAY, USERS_DAY, FIXED_DAY]), ZONES)
def test_a_day_comes_back_as_the_day_it_was_and_is_that_day_in_the_site_s_zone(day, column, name):
    zone = ZoneInfo(name)
    written = day_to(day, column, zone)
    assert day_from(written, column, zone) == day
    if column is USERS_DAY:
        assert datetime.fromisoformat(written).astimezone(zone).date() == day


@given(st.dates(date(1950, 1, 1), date(2100, 1, 1)), st.integers(-11, 11))
def test_any_owner_s_midnight_is_the_owner_s_day(day, hours):
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=hours)
    assert day_from(midnight.strftime("%Y-%m-%dT%H:%M:%SZ"), USERS_DAY, ZoneInfo("UTC")) == day


@pytest.mark.parametrize(
    ("behavior", "shown", "date_only", "shows_day"),
    [
        ("DateOnly", "DateOnly", True, True),
        ("UserLocal", "DateOnly", False, True),
        ("TimeZoneIndependent", "DateOnly", False, True),
        ("UserLocal", "DateAndTime", False, False),
        (None, "DateOnly", True, True),
    ],
)
def test_the_behaviour_is_read_from_the_metadata(behavior, shown, date_only, shows_day):
    table = {"LogicalName": "t", "EntitySetName": "ts", "PrimaryIdAttribute": "tid"}
    column = {"LogicalName": "d", "AttributeType": "DateTime"}
    facts = {"LogicalName": "d", "Format": shown, "DateTimeBehavior": behavior and {"Value": behavior}}
    (found,) = parse_table_info([table, {"value": [column]}, {"value": []}, {"value": [facts]}]).columns.values()
    assert (found.date_only, found.shows_day, found.behavior) == (date_only, shows_day, behavior or "")
