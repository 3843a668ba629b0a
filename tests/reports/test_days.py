"""A day that came out as the day before once, as it was reported."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dataverse import odata
from dataverse.types import ColumnInfo
from tests.reports.conftest import REPORTS, reported_files

pytestmark = reported_files
COLUMN = ColumnInfo("new_startson", "DateTime", behavior="UserLocal", shows_day=True)


def test_a_day_of_user_local_behaviour_is_the_owner_s_day_both_ways() -> None:
    moment = re.findall(r"`(\d{4}-[^`]+Z)`", (REPORTS / "date-only-user-local.md").read_text())[0]
    assert odata.from_json(moment, COLUMN) == date(2024, 3, 31)
    sent = datetime.fromisoformat(odata.to_json(date(2024, 3, 31), COLUMN))
    assert sent.astimezone(ZoneInfo("Europe/Berlin")).date() == date(2024, 3, 31)
