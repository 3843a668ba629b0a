"""The client against an environment: records, pages, bulk, batches, changes, metadata."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from dataverse import odata
from dataverse.client import DataverseClient
from dataverse.errors import (
    ChangesExpired,
    DataverseError,
    Duplicate,
    Gone,
    Invalid,
    Throttled,
    VersionMismatch,
)
from dataverse.types import ClientSecret, Credentials, Environment, Request


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(sandbox: Any, slept: list[float]) -> DataverseClient:
    return DataverseClient(
        Environment(sandbox.environment_url, ca_file=sandbox.ca_file, loopback_allowed=True),
        Credentials(
            f"{sandbox.environment_url}/{sandbox.tenant_id}", sandbox.client_id, ClientSecret(sandbox.client_secret)
        ),
        sleep=slept.append,
    )


@pytest.fixture
def accounts(sandbox: Any) -> Callable[[int], list[str]]:
    def load(number: int) -> list[str]:
        ids = [str(UUID(int=n + 1)) for n in range(number)]
        sandbox.load({"accounts": [{"accountid": row, "name": f"Company {n}"} for n, row in enumerate(ids)]})
        return ids

    return load


def test_the_client_reads_its_user_and_organization(client: DataverseClient, sandbox: Any) -> None:
    me, organization = client.who_am_i(), client.organization()
    assert me.organization_id == organization.id
    assert organization.name
    assert len(organization.base_currency_code) == 3
    assert client.function("RetrieveVersion()")["Version"].startswith("9.2")
    ping = client.ping()
    assert ping.tenant == sandbox.tenant_id
    assert abs(ping.clock_ahead_s or 0) < 5


def test_a_row_is_created_read_changed_and_deleted(client: DataverseClient) -> None:
    row_id = uuid4()
    assert (
        client.create("accounts", {"accountid": str(row_id), "name": "Ünal's & Co"}, primary_id="accountid") == row_id
    )
    row = client.get("accounts", row_id, select=["name"])
    assert row["name"] == "Ünal's & Co"
    client.update("accounts", row_id, {"name": "Ünal"}, if_match=row["@odata.etag"])
    with pytest.raises(VersionMismatch):
        client.update("accounts", row_id, {"name": "late"}, if_match=row["@odata.etag"])
    assert client.get("accounts", row_id, select=["name"])["name"] == "Ünal"
    with pytest.raises(Duplicate):
        client.create("accounts", {"accountid": str(row_id), "name": "x"}, primary_id="accountid")
    client.delete("accounts", row_id)
    with pytest.raises(Gone):
        client.get("accounts", row_id, select=["name"])
    with pytest.raises(Gone):
        client.update("accounts", row_id, {"name": "x"})


def test_all_rows_are_read_page_by_page_and_counted(
    client: DataverseClient, accounts: Callable[[int], list[str]]
) -> None:
    ids = accounts(5003)
    pages = list(client.pages("accounts", select=["name"], page_size=2000, count=True))
    assert [len(page.rows) for page in pages] == [2000, 2000, 1003]
    assert {row["accountid"] for page in pages for row in page.rows} == set(ids)
    assert client.count("accounts") == 5003
    assert client.count("accounts", filter=odata.eq("name", "Company 7")) == 1
    assert client.usage.rows_read >= 5003


@pytest.mark.parametrize("name", ["O'Brien", "a & b", "100% + more", "ñandú ß", "x#y?z", 'quote " here', "%_[a]"])
def test_a_filter_finds_exactly_the_name(client: DataverseClient, sandbox: Any, name: str) -> None:
    row_id = str(uuid4())
    sandbox.load({"accounts": [{"accountid": row_id, "name": name}, {"accountid": str(uuid4()), "name": "other"}]})
    rows = client.first_page("accounts", select=["name"], filter=odata.one_of("name", [name, "nobody"])).rows
    assert [row["accountid"] for row in rows] == [row_id]


def test_many_rows_are_created_and_changed_in_one_request(client: DataverseClient, sandbox: Any) -> None:
    rows = [{"accountid": str(uuid4()), "name": f"New {n}"} for n in range(300)]
    assert [str(row) for row in client.create_multiple("accounts", "account", rows)] == [r["accountid"] for r in rows]
    client.update_multiple("accounts", "account", [{"accountid": r["accountid"], "name": "Same"} for r in rows])
    assert {row["name"] for row in sandbox.rows("accounts")} == {"Same"}
    with pytest.raises(DataverseError):
        client.create_multiple("accounts", "account", [{"accountid": str(uuid4()), "name": "ok"}, rows[0]])
    assert len(sandbox.rows("accounts")) == 300


def test_each_part_of_a_batch_has_its_own_result(
    client: DataverseClient, accounts: Callable[[int], list[str]], sandbox: Any
) -> None:
    ids = accounts(3)
    results = client.batch(
        [
            Request("PATCH", odata.key("accounts", ids[0]), {"name": "One"}, {"If-Match": "*"}),
            Request("PATCH", odata.key("accounts", ids[1]), {"name": "x" * 161}, {"If-Match": "*"}),
            Request("PATCH", odata.key("accounts", ids[2]), {"nonsense": 1}, {"If-Match": "*"}),
            Request("PATCH", odata.key("accounts", uuid4()), {"name": "None"}, {"If-Match": "*"}),
            Request("PATCH", odata.key("accounts", ids[2]), {"name": "Late"}, {"If-Match": 'W/"1"'}),
            Request("GET", odata.key("accounts", ids[0]) + "?$select=name"),
        ]
    )
    errors = [result.error for result in results]
    assert errors[0] is None
    assert isinstance(errors[1], Invalid)
    assert errors[1].reason == "value_too_long"
    assert isinstance(errors[2], Invalid)
    assert errors[2].reason == "unknown_column"
    assert isinstance(errors[3], Gone)
    assert isinstance(errors[4], VersionMismatch)
    assert results[5].body["name"] == "One"
    assert {row["name"] for row in sandbox.rows("accounts")} == {"One", "Company 1", "Company 2"}


def test_an_unknown_column_and_an_unknown_choice_say_so(client: DataverseClient) -> None:
    with pytest.raises(Invalid) as error:
        client.first_page("accounts", select=["nosuchcolumn"])
    assert error.value.reason == "unknown_column"
    assert "nosuchcolumn" in error.value.user_message
    with pytest.raises(Invalid) as error:
        client.create("accounts", {"name": "x", "customertypecode": 999})
    assert error.value.reason == "unknown_choice"


def test_metadata_describes_columns_choices_and_lookups(client: DataverseClient, sandbox: Any) -> None:
    sandbox.control("DELETE", "requests")
    account = client.table("account")
    assert client.table("account") is account
    assert sandbox.control("GET", "requests")["total"] == 1
    assert (account.entity_set, account.primary_id, account.primary_name) == ("accounts", "accountid", "name")
    assert account.change_tracking
    assert account.columns["name"].max_length == 160
    assert account.columns["customertypecode"].choices[3] == "Customer"
    assert account.columns["creditlimit"].type == "Money"
    assert account.columns["creditlimit"].maximum is not None
    assert account.columns["primarycontactid"].binds == {"contact": "primarycontactid"}
    assert set(account.columns["ownerid"].binds) >= {"systemuser", "team"} or account.columns["ownerid"].binds
    assert account.columns["creditonhold"].choices == {0: "No", 1: "Yes"}
    assert not account.columns["createdon"].for_create
    assert "primarycontactidname" not in account.columns
    assert client.table("contact").columns["birthdate"].date_only
    with pytest.raises(Invalid, match="no table nosuchtable") as error:
        client.table("nosuchtable")
    assert error.value.said
    assert "no table nosuchtable" not in error.value.detail, "the service's own words, for support"


def test_money_is_written_and_read_back(client: DataverseClient) -> None:
    column = client.table("account").columns["creditlimit"]
    row_id = client.create("accounts", {"name": "x", "creditlimit": odata.to_json(Decimal("1234.56"), column)})
    row = client.get("accounts", row_id, select=["creditlimit"])
    assert odata.from_json(row["creditlimit"], column) == Decimal("1234.56")


def test_changes_come_with_a_delta_link_until_it_expires(
    client: DataverseClient, accounts: Callable[[int], list[str]], sandbox: Any
) -> None:
    ids = accounts(5)
    (first,) = client.pages("accounts", select=["name"], track_changes=True)
    assert first.delta_link is not None
    client.update("accounts", ids[0], {"name": "Changed"})
    client.delete("accounts", ids[1])
    changed = client.page(first.delta_link)
    assert [row["name"] for row in changed.rows] == ["Changed"]
    assert [str(row) for row in changed.deleted] == [ids[1]]
    assert changed.delta_link is not None
    assert client.page(changed.delta_link).rows == []
    sandbox.control("PUT", "clock", {"offset_s": 8 * 86_400})
    with pytest.raises(ChangesExpired):
        client.page(first.delta_link)


@pytest.mark.parametrize("fault", ["429", "503", "500", "reset", "truncate", "lost_reply", "401"])
def test_a_read_survives_a_fault(
    client: DataverseClient, accounts: Callable[[int], list[str]], sandbox: Any, fault: str, slept: list[float]
) -> None:
    accounts(3)
    rule = {"method": "GET", "path": "accounts", "after": 0, "times": 2 if fault != "401" else 1, "fault": fault}
    sandbox.control("POST", "faults", [{**rule, "retry_after": 2}])
    assert len(client.first_page("accounts", select=["name"]).rows) == 3
    assert bool(slept) is (fault != "401")


def test_a_limit_with_a_long_wait_is_raised_not_slept(client: DataverseClient, sandbox: Any) -> None:
    client.who_am_i()
    rule = {"method": "GET", "path": "WhoAmI", "after": 0, "times": 1, "fault": "429", "retry_after": 240}
    sandbox.control("POST", "faults", [rule])
    with pytest.raises(Throttled) as error:
        client.who_am_i()
    assert error.value.retry_after == 240


def test_a_token_that_the_clock_expired_is_renewed(client: DataverseClient, sandbox: Any) -> None:
    client.who_am_i()
    sandbox.control("PUT", "clock", {"offset_s": 2 * 3600})
    assert client.who_am_i().user_id
