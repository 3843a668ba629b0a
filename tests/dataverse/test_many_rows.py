"""Many rows written: in parts side by side, none of them so long that it is cut off, none sent twice unseen."""

from typing import Any
from uuid import UUID

import pytest

from dataverse import bulk
from dataverse.client import DataverseClient
from dataverse.http_session import Timeouts
from dataverse.types import ClientSecret, Credentials, Environment, TableInfo
from sandbox.testing import Sandbox


def client_of(sandbox: Sandbox, timeouts: Timeouts | None = None) -> DataverseClient:
    return DataverseClient(
        Environment(sandbox.environment_url, ca_file=sandbox.ca_file, loopback_allowed=True),
        Credentials(sandbox.authority, sandbox.client_id, ClientSecret(sandbox.client_secret)),
        timeouts=timeouts,
    )


def loaded(sandbox: Sandbox, number: int) -> list[tuple[UUID, dict[str, Any], str]]:
    """Put accounts into the environment; return a change of each, based on the version it has."""
    ids = [str(UUID(int=n + 1)) for n in range(number)]
    sandbox.load({"accounts": [{"accountid": row_id, "name": "Before"} for row_id in ids]})
    versions = {row["accountid"]: row["@odata.etag"] for row in sandbox.rows("accounts", "name")}
    return [(UUID(row_id), {"name": "After"}, versions[row_id]) for row_id in ids]


def names(sandbox: Sandbox) -> set[str]:
    return {row["name"] for row in sandbox.rows("accounts", "name")}


def prepared(sandbox: Sandbox, client: DataverseClient) -> TableInfo:
    """Have the client ask something, so that it knows how many requests at once the service recommends."""
    table = client.table("account")
    sandbox.control("DELETE", "requests")
    return table


def test_changes_go_in_parts_of_at_most_250_and_side_by_side(sandbox: Sandbox) -> None:
    changes = loaded(sandbox, 1200)
    client = client_of(sandbox)
    table = prepared(sandbox, client)
    sandbox.control("PUT", "latency", {"request_ms": 150})
    results = bulk.update_all(client, table, changes)
    told = sandbox.requests()
    assert [result.id for result in results] == [row_id for row_id, _, _ in changes]
    assert not any(result.error for result in results)
    assert told["parts"]["PATCH accounts(id)"] == 1200
    assert 6 <= told["by"]["POST $batch"] <= 12
    assert told["max_concurrency"] in (3, 4)
    assert names(sandbox) == {"After"}


@pytest.mark.parametrize("kind", ["update", "create"])
def test_no_part_is_cut_off_where_a_row_takes_long(sandbox: Sandbox, kind: str) -> None:
    """Write 200 rows, which in one request would take twice as long as the client listens."""
    changes = loaded(sandbox, 200 if kind == "update" else 0)
    new = [(UUID(int=n + 1), {"name": "After"}) for n in range(200)]
    client = client_of(sandbox, Timeouts(5, 2, 3))
    table = prepared(sandbox, client)
    sandbox.control("PUT", "latency", {"row_write_ms": 20})
    results = bulk.update_all(client, table, changes) if kind == "update" else bulk.create_all(client, table, new)
    told = sandbox.requests()
    assert not any(result.error for result in results)
    assert told["rows_written"] == 200
    assert told["parts"].get("PATCH accounts(id)", 0) == len(changes), "sent twice"
    assert not any(shape.startswith("GET") for shape in told["by"]), "read back, since an answer was lost"
    assert names(sandbox) == {"After"}


def lose(sandbox: Sandbox, kind: str = "lost_reply", times: int = 1) -> None:
    sandbox.control("POST", "faults", [{"method": "POST", "path": "$batch", "fault": kind, "times": times}])


def test_changes_whose_answer_was_lost_are_read_back_and_not_sent_twice(sandbox: Sandbox) -> None:
    changes = loaded(sandbox, 60)
    client = client_of(sandbox)
    table = prepared(sandbox, client)
    lose(sandbox)
    results = bulk.update(client, table, changes)
    parts = sandbox.requests()["parts"]
    assert (parts["PATCH accounts(id)"], parts["GET accounts(id)"]) == (60, 60)
    assert [result.error for result in results] == [None] * 60
    assert [result.version for result in results] == [row["@odata.etag"] for row in sandbox.rows("accounts", "name")]


def test_only_those_changes_are_sent_again_that_were_not_carried_out(sandbox: Sandbox) -> None:
    changes = loaded(sandbox, 60)
    client = client_of(sandbox)
    table = prepared(sandbox, client)
    bulk.update(client, table, changes[:40])  # what a service has done of a batch when the client goes away
    sandbox.control("DELETE", "requests")
    lose(sandbox, "reset")
    results = bulk.update(client, table, changes)
    parts = sandbox.requests()["parts"]
    assert (parts["PATCH accounts(id)"], parts["GET accounts(id)"]) == (20, 60)
    assert not any(result.error for result in results)
    assert names(sandbox) == {"After"}


def test_rows_overwritten_together_are_read_back_too(sandbox: Sandbox) -> None:
    changes = [(row_id, body) for row_id, body, _ in loaded(sandbox, 30)]
    client = client_of(sandbox)
    table = prepared(sandbox, client)
    rule = {"method": "POST", "path": "accounts/UpdateMultiple", "fault": "lost_reply"}
    sandbox.control("POST", "faults", [rule])
    assert not any(result.error for result in bulk.overwrite(client, table, changes))
    by = sandbox.requests()["by"]
    assert by["POST accounts/UpdateMultiple"] == 1
    assert names(sandbox) == {"After"}


def test_rows_created_singly_are_read_back_too(sandbox: Sandbox) -> None:
    client = client_of(sandbox)
    table = prepared(sandbox, client)
    rows = [(UUID(int=n + 1), {"name": "x" * 161 if n == 3 else "After"}) for n in range(20)]  # one is refused
    lose(sandbox)
    results = bulk.create(client, table, rows)
    assert sandbox.requests()["parts"]["POST accounts"] == 20 + 1, "all once, and again the one that was refused"
    assert [n for n, result in enumerate(results) if result.error] == [3]


def test_deletions_whose_answer_was_lost_are_not_sent_twice(sandbox: Sandbox) -> None:
    changes = loaded(sandbox, 30)
    client = client_of(sandbox)
    table = prepared(sandbox, client)
    lose(sandbox)
    results = bulk.delete_all(client, table, [(row_id, version) for row_id, _, version in changes])
    told = sandbox.requests()
    assert not any(result.error for result in results)
    assert told["parts"]["DELETE accounts(id)"] == 30
    assert names(sandbox) == set()


def test_a_part_that_failed_inside_the_service_is_read_back_and_only_what_is_not_there_sent_again(
    sandbox: Sandbox,
) -> None:
    """Each way of writing: two parts are answered 503 and 500 though the first was carried out."""
    client = client_of(sandbox)
    client._transport.sleep = lambda seconds: None
    table = prepared(sandbox, client)
    changes = loaded(sandbox, 4)
    new = [(UUID(int=n + 100), {"name": "x" * 161 if n == 3 else "New"}) for n in range(4)]  # one is refused
    ways: list[tuple[str, str, Any, int]] = [
        ("POST", "accounts", lambda: bulk.create(client, table, new), 4 + 1),
        ("PATCH", "accounts(id)", lambda: bulk.update(client, table, changes), 4 + 1),
        ("DELETE", "accounts(id)", lambda: bulk.delete(client, table, [(UUID(int=n + 1), "") for n in range(4)]), 5),
    ]
    for method, path, write, sent in ways:
        sandbox.control("DELETE", "requests")
        rule = {"method": method, "path": path, "times": 1}
        faults = [{**rule, "fault": "503", "done": True}, {**rule, "fault": "500"}]
        sandbox.control("POST", "faults", faults)
        results = write()
        told = sandbox.requests()
        assert [n for n, one in enumerate(results) if one.error] == ([3] if method == "POST" else []), method
        assert told["parts"][f"{method} {path}"] == sent, (method, "only what was not carried out is sent again")
        assert told["rows_written"] == (3 if method == "POST" else 4), method
    sandbox.control("POST", "faults", [{"method": "POST", "path": "accounts", "fault": "503", "times": 0}])
    (left,) = bulk.create(client, table, [(UUID(int=200), {"name": "New"})])
    assert left.error is not None
    assert left.error.outcome_unknown, "so whoever sent it keeps its id"
