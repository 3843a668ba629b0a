"""The cache of table metadata: read once, by one thread, and again when it may be outdated."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dataverse import metadata_cache
from dataverse.client import DataverseClient
from dataverse.errors import Invalid
from dataverse.metadata_cache import LIFETIME_S, TableCache
from dataverse.types import ClientSecret, Credentials, Environment, TableInfo


def table(name: str = "account") -> TableInfo:
    return TableInfo(name, f"{name}s", f"{name}id", "name", {})


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_table_is_read_once_and_again_after_its_lifetime() -> None:
    clock = Clock()
    cache, reads = TableCache(clock), []

    def read() -> TableInfo:
        reads.append(clock.now)
        return table()

    first = cache.get("account", read)
    clock.now += LIFETIME_S - 1
    assert cache.get("account", read) is first
    clock.now += 1
    assert cache.get("account", read) is not first
    assert len(reads) == 2


def test_threads_that_ask_at_once_cause_one_read() -> None:
    cache, reads, begun = TableCache(), [], threading.Event()

    def read() -> TableInfo:
        reads.append(1)
        begun.wait(1)
        return table()

    with ThreadPoolExecutor(8) as pool:
        reads_at_once = [pool.submit(cache.get, "account", read) for _ in range(8)]
        begun.set()
        assert len({id(one.result()) for one in reads_at_once}) == 1
    assert len(reads) == 1


def test_an_error_is_not_cached() -> None:
    cache = TableCache()

    def fail() -> TableInfo:
        raise Invalid("no")

    for _ in range(2):
        with pytest.raises(Invalid):
            cache.get("account", fail)
    assert cache.get("account", table).name == "account"


@pytest.mark.parametrize("reason", sorted(metadata_cache.STALE_REASONS))
def test_a_refusal_that_newer_metadata_could_have_avoided_drops_the_cache(reason: str) -> None:
    cache = TableCache()
    first = cache.get("account", table)
    cache.forget_after(Invalid("no", reason="value_invalid"))
    cache.forget_after(None)
    assert cache.get("account", table) is first
    cache.forget_after(Invalid("no", reason=reason))
    assert cache.get("account", table) is not first


def test_clients_of_one_environment_share_the_cache_and_a_refused_column_drops_it(sandbox: Any) -> None:
    def client() -> DataverseClient:
        return DataverseClient(
            Environment(sandbox.environment_url, ca_file=sandbox.ca_file, loopback_allowed=True),
            Credentials(sandbox.authority, sandbox.client_id, ClientSecret(sandbox.client_secret)),
        )

    sandbox.control("DELETE", "requests")
    account = client().table("account")
    assert client().table("account") is account
    assert sandbox.requests()["total"] == 1
    with pytest.raises(Invalid):
        client().first_page("accounts", select=["nosuchcolumn"])
    assert client().table("account") is not account
    assert sandbox.requests()["total"] == 3
