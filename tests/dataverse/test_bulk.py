"""Many rows at once: one result per row, whether answers arrive or are lost."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from dataverse import bulk, concurrency, odata
from dataverse.client import DataverseClient
from dataverse.errors import Duplicate, Gone, Invalid, Throttled, Unavailable, VersionMismatch
from dataverse.types import ClientSecret, Credentials, Environment, Request, TableInfo


def client_of(sandbox: Any, sleep: Callable[[float], None] = lambda seconds: None) -> DataverseClient:
    return DataverseClient(
        Environment(sandbox.environment_url, ca_file=sandbox.ca_file, loopback_allowed=True),
        Credentials(sandbox.authority, sandbox.client_id, ClientSecret(sandbox.client_secret)),
        sleep=sleep,
    )


@pytest.fixture
def client(sandbox: Any) -> DataverseClient:
    return client_of(sandbox)


@pytest.fixture
def account(client: DataverseClient) -> TableInfo:
    return client.table("account")


def new(number: int, **more: Any) -> list[tuple[UUID, dict[str, Any]]]:
    return [(uuid4(), {"name": f"Company {n}", **more}) for n in range(number)]


def fault(sandbox: Any, kind: str, path: str, **more: Any) -> None:
    sandbox.control("POST", "faults", [{"method": "POST", "path": path, "fault": kind} | more])


def names(sandbox: Any) -> dict[str, str]:
    return {row["accountid"]: row["name"] for row in sandbox.rows("accounts", "name")}


def versions(sandbox: Any) -> dict[UUID, str]:
    return {UUID(row["accountid"]): row["@odata.etag"] for row in sandbox.rows("accounts", "name")}


def test_valid_rows_are_created_by_one_request(client: DataverseClient, account: TableInfo, sandbox: Any) -> None:
    rows = new(50)
    sandbox.control("DELETE", "requests")
    assert [result.error for result in bulk.create(client, account, rows)] == [None] * 50
    assert sandbox.requests()["by"] == {"POST accounts/CreateMultiple": 1}


def test_refused_rows_are_found_and_the_others_created(
    client: DataverseClient, account: TableInfo, sandbox: Any
) -> None:
    rows = new(20)
    rows[3][1]["name"] = "x" * 161
    rows[11][1]["customertypecode"] = 999
    rows[12][1]["primarycontactid@odata.bind"] = f"/contacts({uuid4()})"
    results = bulk.create(client, account, rows)
    assert [result.id for result in results] == [row_id for row_id, _ in rows]
    errors = {n: result.error for n, result in enumerate(results) if result.error}
    assert {n: error.reason for n, error in errors.items()} == {
        3: "value_too_long", 11: "unknown_choice", 12: "reference_not_coupled",
    }  # fmt: skip
    assert len(names(sandbox)) == 17


@pytest.mark.parametrize("kind", ["lost_reply", "reset", "truncate"])
def test_a_lost_answer_to_many_creates_is_read_back_and_nothing_is_created_twice(
    client: DataverseClient, account: TableInfo, sandbox: Any, kind: str
) -> None:
    rows = new(30)
    fault(sandbox, kind, "accounts/CreateMultiple")
    assert not any(result.error for result in bulk.create(client, account, rows))
    assert set(names(sandbox)) == {str(row_id) for row_id, _ in rows}
    assert sandbox.requests()["rows_written"] == 30


def test_a_repeat_with_the_same_ids_is_already_done(client: DataverseClient, account: TableInfo, sandbox: Any) -> None:
    rows = new(10)
    bulk.create(client, account, rows[:6])
    assert not any(result.error for result in bulk.create(client, account, rows))
    assert len(names(sandbox)) == 10


def test_a_create_whose_answer_was_lost_is_repeated_and_duplicate_means_done(
    client: DataverseClient, account: TableInfo, sandbox: Any
) -> None:
    fault(sandbox, "lost_reply", "$batch")
    (result,) = bulk.create(client, account, new(1))
    assert result.error is None
    assert len(names(sandbox)) == 1


def test_a_limit_stops_the_whole_request(client: DataverseClient, account: TableInfo, sandbox: Any) -> None:
    rows = new(10)
    fault(sandbox, "429", "accounts/CreateMultiple", retry_after=120)
    with pytest.raises(Throttled):
        bulk.create(client, account, rows)
    assert names(sandbox) == {}


@pytest.mark.parametrize("how", ["same client", "another client of the user"])
def test_a_limit_reached_by_one_part_of_a_batch_stops_every_request_of_that_user(
    client: DataverseClient, account: TableInfo, sandbox: Any, how: str
) -> None:
    """The batch itself is answered with 200; only a part of it names the wait."""
    rows = new(3)
    bulk.create(client, account, rows)
    fault(sandbox, "429", "accounts", method="PATCH", after=1, retry_after=120)
    other = client if how == "same client" else client_of(sandbox)
    other.who_am_i()
    sandbox.control("DELETE", "requests")
    results = client.batch([Request("PATCH", odata.key("accounts", row), {"telephone1": "1"}) for row, _ in rows])
    assert [type(result.error) for result in results] == [type(None), Throttled, type(None)]
    with pytest.raises(Throttled) as refused:
        other.who_am_i()
    assert 110 < (refused.value.retry_after or 0) <= 120
    assert sandbox.requests()["by"] == {"POST $batch": 1}, "sent during the wait that the service asked for"


def test_requests_queued_behind_a_batch_with_a_throttled_part_wait_as_well(
    account: TableInfo, client: DataverseClient, sandbox: Any
) -> None:
    """Five requests wait for the one slot there is at first, which a batch has; one of its parts is refused."""
    ((row, _),) = rows = new(1)
    bulk.create(client, account, rows)
    concurrency.forget()
    patient = client_of(sandbox, sleep=time.sleep)
    came: list[float] = []

    def ask(number: int) -> None:
        if number:
            deadline = time.monotonic() + 10
            while not patient.usage.requests:  # behind the batch
                assert time.monotonic() < deadline
                time.sleep(0.01)
            patient.who_am_i()
            came.append(time.monotonic())
        else:
            patient.batch([Request("PATCH", odata.key("accounts", row), {"telephone1": "1"})])

    fault(sandbox, "429", "accounts", method="PATCH", retry_after=1)
    sandbox.control("PUT", "latency", {"request_ms": 300})
    began = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(ask, range(6)))
    assert min(came) - began >= 1.3, "sent during the wait that the service asked for"
    assert patient.usage.throttled == 1


def test_a_change_is_applied_only_to_the_version_it_is_based_on(
    client: DataverseClient, account: TableInfo, sandbox: Any
) -> None:
    rows = new(3)
    bulk.create(client, account, rows)
    known = versions(sandbox)
    client.update("accounts", rows[1][0], {"name": "Somebody else's"})
    results = bulk.update(client, account, [(row_id, {"name": "Ours"}, known[row_id]) for row_id, _ in rows])
    assert [type(result.error) for result in results] == [type(None), VersionMismatch, type(None)]
    assert sorted(names(sandbox).values()) == ["Ours", "Ours", "Somebody else's"]
    (gone,) = bulk.update(client, account, [(uuid4(), {"name": "x"}, "*")])
    assert isinstance(gone.error, Gone)


@pytest.mark.parametrize("kind", ["lost_reply", "truncate"])
def test_our_own_change_with_a_lost_answer_is_no_conflict_but_another_user_s_is(
    client: DataverseClient, account: TableInfo, sandbox: Any, kind: str
) -> None:
    contact = client.create("contacts", {"lastname": "Ünal"})
    rows = new(5)
    bulk.create(client, account, rows)
    known = versions(sandbox)
    client.update("accounts", rows[4][0], {"name": "Somebody else's"})
    changes: dict[str, Any] = {
        "name": "Ours", "creditlimit": 1234.5, "description": None, "donotemail": True, "customertypecode": 3,
        "primarycontactid@odata.bind": f"/contacts({contact})", "parentaccountid@odata.bind": None,
    }  # fmt: skip
    fault(sandbox, kind, "$batch")
    results = bulk.update(client, account, [(row_id, changes, known[row_id]) for row_id, _ in rows])
    assert [type(result.error) for result in results] == [type(None)] * 4 + [VersionMismatch]
    now = versions(sandbox)
    assert [result.version for result in results[:4]] == [now[row_id] for row_id, _ in rows[:4]]


def test_a_single_change_with_a_lost_answer_is_read_back(
    client: DataverseClient, account: TableInfo, sandbox: Any
) -> None:
    row_id = client.create("accounts", {"name": "One"})
    version = versions(sandbox)[row_id]
    rule = {"method": "PATCH", "path": "accounts(id)", "fault": "lost_reply"}
    sandbox.control("POST", "faults", [rule])
    assert client.update("accounts", row_id, {"name": "Two"}, if_match=version) == versions(sandbox)[row_id]
    sandbox.control("POST", "faults", [rule])
    with pytest.raises(VersionMismatch):
        client.update("accounts", row_id, {"name": "Three"}, if_match=version)
    assert set(names(sandbox).values()) == {"Two"}


def test_rows_are_overwritten_together_and_one_by_one_where_one_is_refused(
    client: DataverseClient, account: TableInfo, sandbox: Any
) -> None:
    rows = new(6)
    bulk.create(client, account, rows)
    sandbox.control("DELETE", "requests")
    assert not any(one.error for one in bulk.overwrite(client, account, [(i, {"name": "A"}) for i, _ in rows]))
    assert sandbox.requests()["total"] == 1
    changes = [(row_id, {"name": "x" * 161 if n == 2 else "B"}) for n, (row_id, _) in enumerate(rows)]
    results = bulk.overwrite(client, account, changes)
    assert [type(result.error) for result in results] == [type(None)] * 2 + [Invalid] + [type(None)] * 3
    assert sorted(names(sandbox).values()) == ["A"] + ["B"] * 5


def test_a_row_that_is_gone_counts_as_deleted(client: DataverseClient, account: TableInfo, sandbox: Any) -> None:
    rows = new(4)
    bulk.create(client, account, rows)
    fault(sandbox, "lost_reply", "$batch")
    results = bulk.delete(client, account, [(row_id, "*") for row_id, _ in rows] + [(uuid4(), "*")])
    assert not any(result.error for result in results)
    assert names(sandbox) == {}


def test_a_single_deletion_with_a_lost_answer_is_done(client: DataverseClient, sandbox: Any) -> None:
    row_id = client.create("accounts", {"name": "One"})
    sandbox.control("POST", "faults", [{"method": "DELETE", "path": "accounts(id)", "fault": "lost_reply"}])
    client.delete("accounts", row_id)
    with pytest.raises(Gone):
        client.delete("accounts", row_id)


@pytest.mark.parametrize("number", [0, 1, 200, 201, 1000])
def test_rows_are_read_by_id_in_one_request(
    client: DataverseClient, account: TableInfo, sandbox: Any, number: int
) -> None:
    ids = [UUID(int=n + 1) for n in range(number)]
    sandbox.load({"accounts": [{"accountid": str(row_id), "name": "x"} for row_id in ids[::2]]})
    sandbox.control("DELETE", "requests")
    found = bulk.read(client, account, ["name"], ids)
    assert {row["accountid"] for row in found} == {str(row_id) for row_id in ids[::2]}
    assert sandbox.requests()["total"] == min(number, 1)


def test_parts_that_cannot_be_carried_out_now_are_sent_again(
    client: DataverseClient, account: TableInfo, sandbox: Any
) -> None:
    fault(sandbox, "partial_batch", "$batch")
    requests = [Request("POST", "accounts", {"accountid": str(i), **body}) for i, body in new(8)]
    assert not any(result.error for result in client.batch(requests, repeatable=True))
    assert len(names(sandbox)) == 8
    sandbox.control("POST", "faults", [{"path": "accounts(id)", "fault": "503", "times": 0}])
    (result,) = client.batch([Request("GET", odata.key("accounts", next(iter(names(sandbox)))))])
    assert isinstance(result.error, Unavailable)


def test_map_runs_many_at_once_and_yields_in_order(client: DataverseClient, sandbox: Any) -> None:
    sandbox.control("PUT", "latency", {"request_ms": 5})
    client.who_am_i()
    ids = [client.create("accounts", {"name": f"{n}"}) for n in range(12)]
    sandbox.control("DELETE", "requests")
    read: Callable[[UUID], Any] = lambda row_id: client.get("accounts", row_id, select=["name"])["name"]  # noqa: E731
    assert list(client.map(read, ids)) == [f"{n}" for n in range(12)]
    assert sandbox.requests()["max_concurrency"] >= 3
    with pytest.raises(Gone):
        list(client.map(read, [*ids, uuid4()]))
    with pytest.raises(Duplicate):
        client.create("accounts", {"accountid": str(ids[0]), "name": "x"}, primary_id="accountid")
