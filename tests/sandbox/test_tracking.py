"""Change tracking: from a full read to what changed since."""

import pytest

from tests.sandbox.conftest import Api, ask_token, counted, plain_session

TRACK = {"Prefer": "odata.track-changes,odata.maxpagesize=3"}


def read_changes(api: Api, link: str) -> tuple[list[dict[str, str]], str]:
    """Return all entries and the delta link, which only the last page has."""
    entries = []
    while True:
        page = api.get(link, **TRACK)
        entries += page["value"]
        if "@odata.deltaLink" in page:
            assert "@odata.nextLink" not in page
            return entries, page["@odata.deltaLink"]
        link = page["@odata.nextLink"]


def test_a_delta_holds_changed_rows_by_version_and_then_the_deleted_ones(api: Api) -> None:
    api.sandbox.load({"accounts": [{"name": str(number)} for number in range(8)]})
    rows, link = read_changes(api, "accounts?$select=name")
    assert len(rows) == 8
    assert read_changes(api, link)[0] == []
    first, second, third = (row["accountid"] for row in rows[:3])
    api.send("DELETE", f"accounts({first})")
    api.send("PATCH", f"accounts({third})", json={"name": "third"})
    api.send("PATCH", f"accounts({second})", json={"name": "second"})
    new = api.create("accounts", name="new")
    gone = api.create("accounts", name="gone")
    api.send("DELETE", f"accounts({gone})")
    page = api.get(link)
    assert page["@odata.context"].endswith("accounts(name)/$delta")
    entries, following = read_changes(api, link)
    assert [entry.get("accountid") for entry in entries[:3]] == [third, second, new]
    assert [(entry["id"], entry["reason"]) for entry in entries[3:]] == [(first, "deleted"), (gone, "deleted")]
    assert entries[3]["@odata.context"].endswith("accounts/$deletedEntity")
    assert set(entries[0]) == {"@odata.etag", "name", "accountid"}
    count = api.send("GET", f"accounts/$count?{link.partition('?')[2].partition('&')[2]}")
    assert counted(count) == 5
    assert read_changes(api, following)[0] == []


def test_change_during_paging_is_in_the_next_delta(api: Api) -> None:
    api.sandbox.load({"accounts": [{"name": str(number)} for number in range(5)]})
    page = api.get("accounts?$select=name", **TRACK)
    api.send("PATCH", f"accounts({page['value'][0]['accountid']})", json={"name": "meanwhile"})
    late = api.create("accounts", name="late")
    rest, link = read_changes(api, page["@odata.nextLink"])
    assert late in {row["accountid"] for row in rest}
    assert {row["name"] for row in read_changes(api, link)[0]} == {"meanwhile", "late"}


def test_change_between_the_pages_of_a_delta_is_not_lost(api: Api) -> None:
    api.sandbox.load({"accounts": [{"name": str(number)} for number in range(7)]})
    rows, link = read_changes(api, "accounts?$select=name")
    for row in rows:
        api.send("PATCH", f"accounts({row['accountid']})", json={"fax": "1"})
    page = api.get(link, **TRACK)
    seen = {row["accountid"] for row in page["value"]}
    for row in page["value"]:
        api.send("PATCH", f"accounts({row['accountid']})", json={"fax": "2"})
    entries, following = read_changes(api, page["@odata.nextLink"])
    seen |= {entry["accountid"] for entry in entries}
    assert seen == {row["accountid"] for row in rows}
    assert {row["accountid"] for row in read_changes(api, following)[0]} == {row["accountid"] for row in page["value"]}


def test_a_loaded_row_enters_the_delta_and_a_known_id_is_overwritten(api: Api) -> None:
    row = api.create("accounts", name="old", fax="1")
    link = read_changes(api, "accounts?$select=name,fax")[1]
    api.sandbox.load({"accounts": [{"accountid": row, "name": "new"}]})
    assert [(entry["name"], entry["fax"]) for entry in read_changes(api, link)[0]] == [("new", None)]


def test_deleted_row_created_again_is_listed_as_changed(api: Api) -> None:
    row = api.create("accounts", name="once")
    link = read_changes(api, "accounts?$select=name")[1]
    api.send("DELETE", f"accounts({row})")
    api.create("accounts", accountid=row, name="again")
    assert [entry.get("name") for entry in read_changes(api, link)[0]] == ["again"]


REFUSED = ["$filter=statecode eq 0", "$orderby=name", "$expand=primarycontactid", "$top=5"]


@pytest.mark.parametrize("option", REFUSED)
def test_tracking_refuses_what_would_hide_changes(api: Api, option: str) -> None:
    answer = api.send("GET", f"accounts?{option}", headers=TRACK)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        f'The "{option.partition("=")[0]}" query parameter isn\'t supported when Change Tracking is enabled.'
    )


def test_table_without_change_tracking_refuses_it(api: Api) -> None:
    assert api.refusal("GET", "roles", headers=TRACK) == (400, "0x80072491")


def test_a_delta_token_expires_by_the_organizations_days_and_the_sandboxs_clock(api: Api) -> None:
    link = read_changes(api, "accounts?$select=name")[1]
    api.sandbox.control("PUT", "clock", {"offset_s": 2 * 86_400})
    api.session.headers["Authorization"] = f"Bearer {issue_token(api)}"
    assert read_changes(api, link)[0] == []
    api.sandbox.control("PUT", "environment", {"change_tracking_days": 1})
    assert api.refusal("GET", link) == (400, "0x80044352")


def issue_token(api: Api) -> str:
    token: str = ask_token(api.sandbox, plain_session(api.sandbox)).json()["access_token"]
    return token


@pytest.mark.parametrize("token", ["x", "1!2", "1!08/22/2017", "a!01/01/2026 00:00:00"])
def test_invalid_delta_token_is_refused(api: Api, token: str) -> None:
    assert api.refusal("GET", f"accounts?$deltatoken={token}") == (400, "0x80060888")
