"""Twelve faults by five operations: nothing doubled, nothing lost, nothing sent before the time the service named.

The environment's clock moves exactly as far as the client waits, so a request that comes too early is seen by the
environment itself (`before_retry_after`).
"""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from dataverse import bulk, odata
from dataverse.client import DataverseClient
from dataverse.errors import ChangesExpired, Duplicate, Gone, Invalid, Throttled
from dataverse.http_session import Timeouts
from dataverse.types import ClientSecret, Credentials, Environment, Page, Request
from sandbox.testing import Sandbox

WAIT_S = 3
WIRE = ("429", "503", "500", "timeout", "reset", "slow", "truncate")
OPERATIONS = ("read", "create", "update", "bulk", "delta")
STRIKES = {
    "read": ("GET", "accounts"),
    "create": ("POST", "accounts"),
    "update": ("PATCH", "accounts(id)"),
    "bulk": ("POST", "accounts/CreateMultiple"),
    "delta": ("GET", "accounts"),
}


class World:
    """Five accounts that were read once with change tracking, and a client whose waits move the sandbox's clock."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.waited = 0.0
        self.ids = [UUID(int=n + 1) for n in range(5)]
        sandbox.load({"accounts": [{"accountid": str(i), "name": f"Company {n}"} for n, i in enumerate(self.ids)]})
        self.client = DataverseClient(
            Environment(sandbox.environment_url, ca_file=sandbox.ca_file, loopback_allowed=True),
            Credentials(sandbox.authority, sandbox.client_id, ClientSecret(sandbox.client_secret)),
            timeouts=Timeouts(2, 0.25, 0.4),
            sleep=self.wait,
        )
        self.account = self.client.table("account")
        (page,) = self.client.pages("accounts", select=["name"], track_changes=True)
        assert page.delta_link
        self.delta_link = page.delta_link
        self.versions = {UUID(row["accountid"]): row["@odata.etag"] for row in page.rows}
        self.new = [uuid4() for _ in range(6)]
        sandbox.control("DELETE", "requests")

    def wait(self, seconds: float) -> None:
        self.waited += seconds
        self.move(seconds)

    def move(self, seconds: float) -> None:
        clock = self.sandbox.environment.clock
        clock.set(offset_s=clock.offset_s + seconds)

    def fault(self, operation: str, kind: str, **more: Any) -> None:
        method, path = STRIKES[operation]
        rule = {"method": method, "path": path, "fault": kind, "retry_after": WAIT_S, **more}
        if kind not in {"429", "503", "500"}:
            del rule["retry_after"]
        self.sandbox.control("POST", "faults", [rule])

    def names(self) -> dict[UUID, str]:
        return {UUID(row["accountid"]): row["name"] for row in self.sandbox.rows("accounts", "name")}

    # -- the operations, each with what must be so afterwards ---------------------------------------------------------

    def do(self, operation: str) -> None:
        """Carry the operation out. Raises what the client raises."""
        getattr(self, operation)()

    def read(self) -> None:
        pages = self.client.pages("accounts", select=["name"], page_size=2)
        found = [UUID(row["accountid"]) for page in pages for row in page.rows]
        assert sorted(found) == sorted(self.names())

    def create(self) -> None:
        body = {"accountid": str(self.new[0]), "name": "New"}
        assert self.client.create("accounts", body, primary_id="accountid") == self.new[0]

    def update(self) -> None:
        self.client.update("accounts", self.ids[0], {"name": "Changed"}, if_match=self.versions[self.ids[0]])

    def bulk(self) -> None:
        results = bulk.create(self.client, self.account, [(row_id, {"name": "New"}) for row_id in self.new])
        assert [(result.id, result.error) for result in results] == [(row_id, None) for row_id in self.new]

    def delta(self) -> None:
        self.sandbox.load({"accounts": [{"accountid": str(self.ids[1]), "name": "Meanwhile"}]})
        rows, deleted = self.changes(self.delta_link)
        assert (rows, deleted) == ({self.ids[1]: "Meanwhile"}, [])

    def changes(self, link: str) -> tuple[dict[UUID, str], list[UUID]]:
        """Return the names of changed rows since a link, and the ids of deleted ones; no row comes twice."""
        rows: dict[UUID, str] = {}
        deleted: list[UUID] = []
        page: Page | None = self.client.page(link, page_size=2)
        while page is not None:
            for row in page.rows:
                assert UUID(row["accountid"]) not in rows
                rows[UUID(row["accountid"])] = row["name"]
            deleted += page.deleted
            page = self.client.page(page.next_link, page_size=2) if page.next_link else None
        return rows, deleted

    def expected(self, operation: str) -> dict[UUID, str]:
        """All rows after the operation was carried out once, and only once."""
        names = {row_id: f"Company {n}" for n, row_id in enumerate(self.ids)}
        match operation:
            case "create":
                names[self.new[0]] = "New"
            case "update":
                names[self.ids[0]] = "Changed"
            case "bulk":
                names |= dict.fromkeys(self.new, "New")
            case "delta":
                names[self.ids[1]] = "Meanwhile"
        return names

    def written(self, operation: str) -> int:
        """How many rows the client's requests may have written; the delta's row was put in from outside."""
        return {"create": 1, "update": 1, "bulk": len(self.new)}.get(operation, 0)

    def check(self, operation: str) -> None:
        assert self.names() == self.expected(operation)
        counts = self.sandbox.requests()
        assert counts["rows_written"] == self.written(operation)
        assert counts["before_retry_after"] == 0


@pytest.fixture
def world(sandbox: Sandbox) -> Iterator[World]:
    yield World(sandbox)
    assert sandbox.requests()["before_retry_after"] == 0


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", WIRE)
def test_a_fault_on_the_wire_neither_duplicates_nor_loses_anything(world: World, kind: str, operation: str) -> None:
    world.fault(operation, kind)
    world.do(operation)
    world.check(operation)
    (fault,) = world.sandbox.control("GET", "faults")
    assert fault["struck"] == 1
    if kind in {"429", "503", "500"}:
        assert world.waited >= WAIT_S


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", ["lost_reply", "truncate"])
def test_work_is_not_repeated_when_its_answer_was_lost(world: World, kind: str, operation: str) -> None:
    world.fault(operation, kind)
    world.do(operation)
    world.check(operation)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", ["429", "503", "reset"])
def test_a_fault_that_occurs_three_times_is_waited_out(world: World, kind: str, operation: str) -> None:
    world.fault(operation, kind, times=3)
    world.do(operation)
    world.check(operation)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_expired_token_is_renewed(world: World, operation: str) -> None:
    world.move(2 * 3600)
    world.do(operation)
    world.check(operation)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_full_read_after_an_expired_delta_link_misses_nothing(world: World, operation: str) -> None:
    world.do(operation)
    world.move(8 * 86_400)
    with pytest.raises(ChangesExpired):
        world.client.page(world.delta_link)
    pages = list(world.client.pages("accounts", select=["name"], page_size=2, track_changes=True))
    found = [(UUID(row["accountid"]), row["name"]) for page in pages for row in page.rows]
    assert sorted(found) == sorted(world.expected(operation).items())
    assert pages[-1].delta_link
    assert world.changes(pages[-1].delta_link) == ({}, [])
    world.check(operation)


# -- rows that are gone -------------------------------------------------------------------------------------------


def gone_read(world: World) -> None:
    gone, there = world.ids[0], world.ids[1]
    with pytest.raises(Gone):
        world.client.get("accounts", gone, select=["name"])
    results = world.client.batch([Request("GET", odata.key("accounts", row_id)) for row_id in (gone, there)])
    assert isinstance(results[0].error, Gone)
    assert results[1].body["name"] == "Company 1"


def gone_create(world: World) -> None:
    body = {"accountid": str(world.new[0]), "name": "New", "primarycontactid@odata.bind": f"/contacts({uuid4()})"}
    with pytest.raises(Invalid, match="refers to no longer exists") as refused:
        world.client.create("accounts", body, primary_id="accountid")
    assert refused.value.reason == "reference_not_coupled", "not the row is gone, but what it refers to"


def gone_update(world: World) -> None:
    for version in ("*", world.versions[world.ids[0]]):
        with pytest.raises(Gone):
            world.client.update("accounts", world.ids[0], {"name": "x"}, if_match=version)


def gone_bulk(world: World) -> None:
    changes = [(row_id, {"name": f"Company {n}"}, "*") for n, row_id in enumerate(world.ids)]
    for results in (
        bulk.update(world.client, world.account, changes),
        bulk.overwrite(world.client, world.account, [(row_id, body) for row_id, body, _ in changes]),
    ):
        assert [type(result.error) for result in results] == [Gone] + [type(None)] * 4


def gone_delta(world: World) -> None:
    assert world.changes(world.delta_link) == ({}, [world.ids[0]])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_row_that_is_gone_is_reported_and_not_created_again(world: World, operation: str) -> None:
    world.client.delete("accounts", world.ids[0])
    cells: dict[str, Callable[[World], None]] = {
        "read": gone_read, "create": gone_create, "update": gone_update, "bulk": gone_bulk, "delta": gone_delta,
    }  # fmt: skip
    cells[operation](world)
    assert world.names() == {row_id: f"Company {n}" for n, row_id in enumerate(world.ids) if n}


# -- rows that exist already----------------------------------------------------------------------------------------


def companies(world: World) -> list[tuple[str, str]]:
    found = [(row["tandem_name"], row["tandem_externalid"]) for row in world.sandbox.rows("tandem_companies")]
    return sorted(found)


def company(name: str, key: str) -> dict[str, str]:
    return {"tandem_name": name, "tandem_externalid": key}


def duplicate_read(world: World) -> None:
    pages = world.client.pages("tandem_companies", select=["tandem_name"], filter="tandem_externalid eq 'K-1'")
    assert [row["tandem_name"] for page in pages for row in page.rows] == ["First"]


def duplicate_create(world: World) -> None:
    with pytest.raises(Duplicate):
        world.client.create("accounts", {"accountid": str(world.ids[0]), "name": "x"}, primary_id="accountid")


def duplicate_update(world: World) -> None:
    second = world.client.create("tandem_companies", company("Second", "K-2"))
    with pytest.raises(Duplicate):
        world.client.update("tandem_companies", second, {"tandem_externalid": "K-1"})
    assert companies(world) == [("First", "K-1"), ("Second", "K-2")]
    world.client.delete("tandem_companies", second)


def duplicate_bulk(world: World) -> None:
    table = world.client.table("tandem_company")
    rows = [(uuid4(), company(f"C{n}", f"K-{n}")) for n in range(4)]
    results = bulk.create(world.client, table, rows)
    assert [type(result.error) for result in results] == [type(None), Duplicate, type(None), type(None)]
    assert companies(world) == [("C0", "K-0"), ("C2", "K-2"), ("C3", "K-3"), ("First", "K-1")]
    # Once more: rows that exist under their own ids are done, the duplicate is refused again.
    again = bulk.create(world.client, table, rows)
    assert [type(result.error) for result in again] == [type(None), Duplicate, type(None), type(None)]
    assert not any(r.error for r in bulk.delete(world.client, table, [(rows[n][0], "*") for n in (0, 2, 3)]))


def duplicate_delta(world: World) -> None:
    for name in ("One", "Two", "Three"):
        world.client.update("accounts", world.ids[0], {"name": name})
    with pytest.raises(Duplicate):
        world.client.create("accounts", {"accountid": str(world.ids[0]), "name": "x"}, primary_id="accountid")
    assert world.changes(world.delta_link) == ({world.ids[0]: "Three"}, [])
    world.client.update("accounts", world.ids[0], {"name": "Company 0"})


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_duplicate_key_is_refused_and_both_rows_stay_as_they_were(world: World, operation: str) -> None:
    world.client.create("tandem_companies", company("First", "K-1"))
    with pytest.raises(Duplicate):
        world.client.create("tandem_companies", company("Again", "K-1"))
    cells: dict[str, Callable[[World], None]] = {
        "read": duplicate_read, "create": duplicate_create, "update": duplicate_update, "bulk": duplicate_bulk,
        "delta": duplicate_delta,
    }  # fmt: skip
    cells[operation](world)
    assert companies(world) == [("First", "K-1")]
    assert world.names() == {row_id: f"Company {n}" for n, row_id in enumerate(world.ids)}


# -- half a batch --------------------------------------------------------------------------------------------------


def partial_read(world: World) -> None:
    results = world.client.batch([Request("GET", odata.key("accounts", row_id)) for row_id in world.ids])
    assert [result.body["name"] for result in results] == [f"Company {n}" for n in range(5)]


def partial_create(world: World) -> None:
    requests = [Request("POST", "accounts", {"accountid": str(i), "name": "New"}) for i in world.new]
    assert not any(result.error for result in world.client.batch(requests, repeatable=True))


def partial_update(world: World) -> None:
    changes = [(row_id, {"name": "Changed"}, world.versions[row_id]) for row_id in world.ids]
    assert not any(result.error for result in bulk.update(world.client, world.account, changes))


def partial_bulk(world: World) -> None:
    rows = [(row_id, {"name": "New" if n else "x" * 161}) for n, row_id in enumerate(world.new)]
    results = bulk.create(world.client, world.account, rows)
    assert [result.error and result.error.reason for result in results] == ["value_too_long"] + [None] * 5


def partial_delta(world: World) -> None:
    partial_update(world)
    assert world.changes(world.delta_link) == (dict.fromkeys(world.ids, "Changed"), [])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_second_part_of_a_batch_fails_and_is_sent_again(world: World, operation: str) -> None:
    old = {row_id: f"Company {n}" for n, row_id in enumerate(world.ids)}
    cells: dict[str, tuple[Callable[[World], None], dict[UUID, str]]] = {
        "read": (partial_read, old),
        "create": (partial_create, old | dict.fromkeys(world.new, "New")),
        "update": (partial_update, dict.fromkeys(world.ids, "Changed")),
        "bulk": (partial_bulk, old | dict.fromkeys(world.new[1:], "New")),
        "delta": (partial_delta, dict.fromkeys(world.ids, "Changed")),
    }
    cell, expected = cells[operation]
    world.sandbox.control("POST", "faults", [{"method": "POST", "path": "$batch", "fault": "partial_batch"}])
    cell(world)
    assert world.names() == expected
    assert world.sandbox.requests()["rows_written"] == sum(old.get(i) != name for i, name in expected.items())


def test_a_client_that_did_not_wait_would_be_noticed(world: World) -> None:
    world.client._transport.sleep = lambda seconds: None
    world.fault("read", "429")
    world.read()
    assert world.sandbox.requests()["before_retry_after"] >= 1
    world.sandbox.control("DELETE", "requests")


def test_no_request_follows_a_batch_with_a_throttled_part(world: World) -> None:
    rule = {"method": "PATCH", "path": "accounts(id)", "fault": "429", "retry_after": 120, "times": 1}
    world.sandbox.control("POST", "faults", [rule])
    (refused,) = world.client.batch([Request("PATCH", f"accounts({world.ids[0]})", {"name": "Changed"})])
    assert isinstance(refused.error, Throttled)
    total = world.sandbox.requests()["total"]
    with pytest.raises(Throttled):
        world.client.first_page("accounts", select=["name"])
    assert world.sandbox.requests()["total"] == total
