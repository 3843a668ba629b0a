"""A large table read by ranges of its creation dates at once: every row once, however the dates are spread."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataverse import ranges
from dataverse.client import DataverseClient
from dataverse.errors import InvalidAnswer, Unavailable
from dataverse.http_session import Timeouts
from dataverse.ranges import OverlapFilter, Range
from dataverse.table_scan import scan
from dataverse.types import ClientSecret, Credentials, Environment, Page
from tests.dataverse.server import Received, Reply, Server, refused

START = datetime(2024, 3, 1, tzinfo=UTC)


def stamp(seconds: int) -> str:
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def client(sandbox: Any) -> DataverseClient:
    return DataverseClient(
        Environment(sandbox.environment_url, ca_file=sandbox.ca_file, loopback_allowed=True),
        Credentials(sandbox.authority, sandbox.client_id, ClientSecret(sandbox.client_secret)),
    )


def load(sandbox: Any, moments: Sequence[int]) -> set[str]:
    rows = [
        {"accountid": str(UUID(int=n + 1)), "name": f"Company {n}", "createdon": stamp(at)}
        for n, at in enumerate(moments)
    ]
    sandbox.load({"accounts": rows})
    return {row["accountid"] for row in rows}


def ids(pages: Iterator[Page]) -> list[str]:
    return [row["accountid"] for page in pages for row in page.rows]


SPREADS: dict[str, Callable[[int], int]] = {
    "evenly over a year": lambda n: n * 2500,
    "most in one hour, a few years apart": lambda n: n * 40_000_000 if n < 5 else 31_000_000 + n % 3600,
    "all in two seconds": lambda n: n % 2,
    "all in one second": lambda n: 0,
    "growing denser": lambda n: int(n**0.5 * 10_000),
}


@pytest.mark.parametrize("spread", SPREADS)
def test_every_row_comes_once_however_the_creation_dates_are_spread(
    client: DataverseClient, sandbox: Any, spread: str
) -> None:
    wanted = load(sandbox, [SPREADS[spread](n) for n in range(12_500)])
    found = ids(scan(client, "accounts", "accountid", parallel_from_s=0, select=["name"], page_size=1000))
    assert len(found) == len(wanted)
    assert set(found) == wanted


def test_a_filter_narrows_every_range(client: DataverseClient, sandbox: Any) -> None:
    load(sandbox, range(0, 12_000 * 60, 60))
    found = ids(
        scan(
            client,
            "accounts",
            "accountid",
            parallel_from_s=0,
            select=["name"],
            filter_text="contains(name,'7')",
            page_size=500,
        )
    )
    assert sorted(found) == sorted(str(UUID(int=n + 1)) for n in range(12_000) if "7" in str(n))


def test_a_small_table_costs_one_request(client: DataverseClient, sandbox: Any) -> None:
    wanted = load(sandbox, range(300))
    sandbox.control("DELETE", "requests")
    assert set(ids(scan(client, "accounts", "accountid", parallel_from_s=0, select=["name"]))) == wanted
    assert sandbox.requests()["total"] == 1


def test_where_pages_come_quickly_one_query_is_read_to_its_end(client: DataverseClient, sandbox: Any) -> None:
    wanted = load(sandbox, range(0, 12_000 * 60, 60))
    sandbox.control("DELETE", "requests")
    found = ids(scan(client, "accounts", "accountid", parallel_from_s=60, select=["name"], page_size=1000))
    assert len(found) == len(wanted)
    assert set(found) == wanted
    assert sandbox.requests()["by"] == {"GET accounts": 12}


def test_ranges_are_read_at_once_and_found_in_few_requests(client: DataverseClient, sandbox: Any) -> None:
    load(sandbox, range(0, 24_000 * 60, 60))
    sandbox.control("PUT", "latency", {"request_ms": 100})
    sandbox.control("DELETE", "requests")
    assert len(ids(scan(client, "accounts", "accountid", parallel_from_s=0, select=["name"]))) == 24_000
    counts = sandbox.requests()
    assert counts["max_concurrency"] >= 4
    assert counts["by"]["POST $batch"] <= 6
    assert counts["total"] <= 30


def test_rows_created_and_deleted_meanwhile_neither_repeat_nor_hide_others(
    client: DataverseClient, sandbox: Any
) -> None:
    wanted = load(sandbox, range(0, 12_000 * 60, 60))
    scanning = scan(client, "accounts", "accountid", parallel_from_s=0, select=["name"], page_size=500)
    found = ids(iter([next(scanning)]))
    new = [{"accountid": str(UUID(int=10**6 + n)), "name": "new", "createdon": stamp(n * 600)} for n in range(900)]
    sandbox.load({"accounts": new})
    gone = sorted(wanted)[::1000]
    for row_id in gone:
        client.delete("accounts", row_id)
    found += ids(scanning)
    assert len(found) == len(set(found))
    assert wanted - set(gone) <= set(found)


def test_closing_the_iteration_ends_its_threads(client: DataverseClient, sandbox: Any) -> None:
    load(sandbox, range(0, 12_000 * 60, 60))
    scanning = scan(client, "accounts", "accountid", parallel_from_s=0, select=["name"], page_size=200)
    next(scanning)
    scanning.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "range"]


def test_an_error_in_one_range_ends_the_scan(client: DataverseClient, sandbox: Any) -> None:
    load(sandbox, range(0, 12_000 * 60, 60))
    client = DataverseClient(
        Environment(sandbox.environment_url, ca_file=sandbox.ca_file, loopback_allowed=True),
        Credentials(sandbox.authority, sandbox.client_id, ClientSecret(sandbox.client_secret)),
        sleep=lambda seconds: None,
    )
    sandbox.control("POST", "faults", [{"method": "GET", "path": "accounts", "after": 5, "times": 0, "fault": "503"}])
    with pytest.raises(Unavailable):
        ids(scan(client, "accounts", "accountid", parallel_from_s=0, select=["name"], page_size=200))


# -- planning, without a wire ------------------------------------------------------------------------------------


class Table:
    """Answers the planner's queries from a list of creation dates (seconds), as the service would."""

    def __init__(self, moments: Sequence[int]) -> None:
        self.moments = sorted(moments)

    def answer(self, path: str) -> Mapping[str, Any]:
        bounds = {"ge": 0, "lt": 10**12}
        for part in path.partition("$filter=")[2].partition("&")[0].replace("%20", " ").strip("()").split(" and "):
            _, operator, literal = part.split()
            at = int((datetime.fromisoformat(literal.replace("Z", "+00:00")) - START).total_seconds())
            bounds[operator] = max(bounds[operator], at) if operator == "ge" else min(bounds[operator], at)
        inside = [one for one in self.moments if bounds["ge"] <= one < bounds["lt"]]
        ordered = inside if "createdon%20asc" in path or "createdon asc" in path else inside[::-1]
        return {
            "@odata.count": min(len(inside), ranges.COUNT_LIMIT),
            "value": [{"createdon": stamp(one)} for one in ordered[:1]],
        }


def planned(table: Table, wanted: int) -> tuple[list[Range], int]:
    planning = ranges.plan("accounts", "", wanted)
    rounds = 0
    try:
        paths = next(planning)
        while True:
            rounds += 1
            paths = planning.send([table.answer(path) for path in paths])
    except StopIteration as done:
        return done.value, rounds


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.integers(0, 100_000_000), st.integers(5_000_000, 5_000_600)), min_size=1, max_size=300),
    st.integers(2, 40),
)
def test_planned_ranges_contain_every_date_exactly_once(moments: list[int], wanted: int) -> None:
    # The cap is lowered so that a few hundred moments are many.
    capped, ranges.COUNT_LIMIT = ranges.COUNT_LIMIT, 20
    try:
        found, rounds = planned(Table(moments), wanted)
    finally:
        ranges.COUNT_LIMIT = capped
    assert rounds <= 17
    for one in moments:
        at = START + timedelta(seconds=one)
        holding = [r for r in found if (r.low is None or r.low <= at) and (r.high is None or at < r.high)]
        assert len(holding) == 1
    assert found[0].low is None
    assert found[-1].high is None


def test_a_dense_hour_in_ten_years_is_found_and_divided() -> None:
    moments = [n * 3_000_000 for n in range(100)] + [150_000_000 + n % 3600 for n in range(30_000)]
    found, _ = planned(Table(moments), 16)
    sizes = [
        sum(1 for one in moments if (r.low is None or r.low <= START + timedelta(seconds=one))
            and (r.high is None or START + timedelta(seconds=one) < r.high))
        for r in found
    ]  # fmt: skip
    assert len(found) >= 4
    assert max(sizes) < 20_000


# -- the overlap check -------------------------------------------------------------------------------------------


def row(number: int, at: int | None) -> dict[str, Any]:
    return {"accountid": str(UUID(int=number)), "createdon": None if at is None else stamp(at)}


def test_a_row_of_two_ranges_is_yielded_once() -> None:
    boundary = START + timedelta(seconds=100)
    left, right = Range(None, boundary), Range(boundary, None)
    overlaps = OverlapFilter([left, right])
    # The service shows whole seconds; the row was created at 99.6, shown as 100, and answered by both.
    assert len(overlaps.new_rows(left, [row(1, 50), row(2, 100)], "accountid")) == 2
    assert overlaps.new_rows(right, [row(2, 100), row(3, 300)], "accountid") == [row(3, 300)]
    assert overlaps.repeated == 1


@pytest.mark.parametrize("at", [10, 98, 500, None])
def test_a_row_of_another_range_is_an_error(at: int | None) -> None:
    low, high = START + timedelta(seconds=100), START + timedelta(seconds=400)
    overlaps = OverlapFilter([Range(None, low), Range(low, high), Range(high, None)])
    with pytest.raises(InvalidAnswer, match="row of another"):
        overlaps.new_rows(Range(low, high), [row(1, 200), row(2, at)], "accountid")


def test_a_service_that_ignores_the_filter_is_detected(server: Server, client_of: Any) -> None:
    rows = [{"accountid": str(UUID(int=n)), "createdon": stamp(n * 1000)} for n in range(20)]

    def answer(received: Received) -> Reply:
        if received.path.endswith("$batch"):
            mark = received.headers["Content-Type"].partition("boundary=")[2].strip('"')
            parts = received.body.decode().split(f"--{mark}")[1:-1]
            made = []
            for part in parts:
                end = rows[0] if "asc" in part else rows[-1]
                body = json.dumps({"@odata.count": 5000, "value": [end]})
                made.append(f"--r\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{body}\r\n")
            return Reply(200, ("".join(made) + "--r--\r\n").encode(), {"Content-Type": "multipart/mixed; boundary=r"})
        link = None if "skiptoken" in received.path else f"{server.url}{received.path}&$skiptoken=2"
        return Reply(200, {"value": rows, "@odata.nextLink": link}, {"x-ms-dop-hint": "4"})

    server.answer = answer
    client = client_of(timeouts=Timeouts(2, 5, 5))
    with pytest.raises(InvalidAnswer, match="row of another"):
        list(scan(client, "accounts", "accountid", parallel_from_s=0, select=["name"]))
    server.answer = lambda received: refused(503)
    with pytest.raises(Unavailable):
        list(scan(client, "accounts", "accountid", parallel_from_s=0, select=["name"]))
