"""Whether a change whose reply was lost was applied: the row read back is compared with what was sent."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from dataverse.errors import Gone
from dataverse.lost_replies import NAVIGATION, versions_if_applied
from dataverse.types import PartResult, Request

ROW = UUID("11111111-2222-3333-4444-555555555555")
CONTACT = "22222222-2222-3333-4444-555555555555"
READ = {
    "@odata.etag": 'W/"8"',
    "name": "Ünal",
    "description": None,
    "creditlimit": 10.5,
    "numberofemployees": 3,
    "donotemail": True,
    "_primarycontactid_value": CONTACT,
    f"_primarycontactid_value@{NAVIGATION}": "primarycontactid",
}


def versions(body: Mapping[str, Any], result: PartResult | None = None) -> list[str | None]:
    def send(requests: list[Request]) -> list[PartResult]:
        (request,) = requests
        assert (request.method, request.path) == ("GET", f"accounts({ROW})")
        assert NAVIGATION in request.headers["Prefer"]
        return [result or PartResult(200, {}, READ)]

    return versions_if_applied(send, "accounts", [(ROW, body)])


@pytest.mark.parametrize(
    ("body", "applied"),
    [
        ({"name": "Ünal"}, True),
        ({"name": "Unal"}, False),
        ({"description": None}, True),
        ({"description": ""}, True),
        ({"name": None}, False),
        ({"creditlimit": Decimal("10.50"), "numberofemployees": 3}, True),
        ({"creditlimit": 11}, False),
        ({"donotemail": True}, True),
        ({"donotemail": False}, False),
        ({"donotemail": 1}, False),
        ({"name": "Ünal", "missing": "x"}, False),
        ({"primarycontactid@odata.bind": f"/contacts({CONTACT.upper()})"}, True),
        ({"primarycontactid@odata.bind": f"/contacts({ROW})"}, False),
        ({"primarycontactid@odata.bind": None}, False),
        ({"parentaccountid@odata.bind": None}, True),
    ],
)
def test_a_change_was_applied_when_the_row_has_every_value_it_sets(body: Mapping[str, Any], applied: bool) -> None:
    assert versions(body) == ['W/"8"' if applied else None]


def test_a_row_that_cannot_be_read_does_not_show_the_change() -> None:
    assert versions({"name": "Ünal"}, PartResult(404, {}, error=Gone("The row is gone."))) == [None]


def test_no_changes_send_nothing() -> None:
    assert versions_if_applied(lambda requests: pytest.fail("sent"), "accounts", []) == []
