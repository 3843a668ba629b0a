"""Hostile values in addresses, queries and forms: every URL answers with a page or a refusal, never with a 500."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from django.core.handlers import wsgi
from django.db import connection
from django.http import QueryDict, request
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from core.roles import Role
from tests.every_url.conftest import Place, client_of, methods, place
from tests.every_url.urls import ENDPOINTS, Endpoint
from tests.every_url.walk import for_each

pytestmark = pytest.mark.usefixtures("no_network", "refusals_are_not_logged")

VALUES = {
    "blank": "",
    "text": "x",
    "zero": "0",
    "negative": "-1",
    "superscript digit": "²",
    "digits of another script": "٣",
    "huge number": "9" * 40,
    "just past 64 bits": str(2**63),
    "not a number": "nan",
    "not a date": "0000-99-99T99:99:99",
    "none": "none",
    "NUL": "a\x00b",
    "encoded NUL": "%00",
    "quotes, markup, formats": "'\"<script>%s%00{0}",
    "object": "{}",
    "beyond the basic plane": "\U0001f600\ufeff\u202e",
    "long text": "x" * 5000,
    "text of two bytes each": "é" * 1000,
}
if connection.vendor != "sqlite":
    for same_for_every_database in ("blank", "none", "encoded NUL", "quotes, markup, formats", "object"):
        del VALUES[same_for_every_database]  # text like any other to it, or nothing at all; tried with SQLite
NAMES = (
    "after", "all_matching", "before", "blocked", "case", "choice", "choose", "client_id", "cloud", "code",
    "column", "compare", "conflicts", "coupled", "create_new", "direction", "enabled", "environment_url",
    "field", "full", "group", "id", "jobs", "key", "line", "list", "list_filters", "mapping", "modified_at", "name",
    "next", "no", "open", "outcome", "p", "page", "pk", "priority", "q", "reason", "run", "selected", "selection",
    "settings", "sort", "state", "synchronize", "tab", "table", "tenant_id", "theme", "to", "type", "use",
    "username", "way",
)  # fmt: skip
"""Parameters that pages and forms read; what is read beside them is found by `names_read` and `names_taken`."""

WORDS = {name: value for name, value in VALUES.items() if re.fullmatch(r"[-\w]+", value, re.ASCII)}

FORM = "application/x-www-form-urlencoded"

HOSTILE_ENDPOINTS = [endpoint for endpoint in ENDPOINTS if endpoint.name != "ui:sign-out"]
each_endpoint = for_each(HOSTILE_ENDPOINTS)


def mixed(shift: int, names: Iterable[str]) -> dict[str, str]:
    """Return every name with one of the values."""
    values = [*VALUES.values()]
    return {name: values[(position + shift) % len(values)] for position, name in enumerate(sorted(names))}


class _Noting:
    """Notes the names that are read of a query; EVERYTHING where it is walked through."""

    EVERYTHING = "*"
    read: set[str]

    def __getitem__(self, key: Any) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: Any) -> bool:
        self.read.add(key)
        return super().__contains__(key)

    def __iter__(self) -> Any:
        self.read.add(self.EVERYTHING)
        return super().__iter__()

    def get(self, key: Any, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)


class _NotingDict(_Noting, dict[str, Any]):
    pass


class _NotingQuery(_Noting, QueryDict):
    """`lists`, `urlencode` and `copy` note nothing: what they carry on they do not look at."""

    def getlist(self, key: Any, default: Any = None) -> Any:
        self.read.add(key)
        return super().getlist(key, default)

    def dict(self) -> Any:
        return _NotingDict()


@contextmanager
def noting_queries() -> Iterator[set[str]]:
    """Give the names that are read of a query meanwhile."""
    read: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Noting, "read", read, raising=False)
        patch.setattr(wsgi, "QueryDict", _NotingQuery)
        yield read


def names_read(client: Client, url: str) -> set[str]:
    """Return the names that a page reads of an empty query. Alone, each other one changes nothing."""
    with noting_queries() as read:
        assert client.get(url).status_code < 500
    return read | set(NAMES) - {_Noting.EVERYTHING} if _Noting.EVERYTHING in read else read


def names_taken(client: Client, url: str) -> set[str]:
    """Return the names that are read of a form, those included that are read only where others are given."""
    taken: set[str] = set()
    for _ in range(4):
        read: set[str] = set()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_Noting, "read", read, raising=False)
            patch.setattr(request, "QueryDict", _NotingQuery)
            assert client.post(url, urlencode(dict.fromkeys(taken, "1")), content_type=FORM).status_code < 500
        read.discard(_Noting.EVERYTHING)
        if read <= taken:
            break
        taken |= read
    return taken


def test_the_names_a_page_reads_are_found(here: Place) -> None:
    jobs = reverse("jobs:list", kwargs={"company": here.company.slug})
    assert {"q", "page", "after", "sort", "type", "state", "choose"} <= names_read(client_of(Role.VIEWER), jobs)
    new = reverse("records:new", kwargs={"company": here.company.slug, "table": "customer"})
    assert {"no", "name", "address_2", "phone_no"} <= names_taken(client_of(Role.ADMINISTRATOR), new)


@pytest.fixture(scope="module")
def _unconnected(places: Any, django_db_blocker: Any) -> Place:
    with django_db_blocker.unblock():
        return place("Fabrikam", "F", connected=False)


@pytest.fixture
def unconnected(_unconnected: Place, db: None) -> Place:
    return _unconnected


@cache
def encoded(value: str) -> str:
    """Return a value as a query or a form holds it, worked out once.

    Letters stand as they are, in UTF-8: that they may be written %C3%A9 is read by Django alone, which with thousands
    of them takes longer than the page.
    """
    return value if value.isalpha() else quote_plus(value)


def send(client: Client, method: str, url: str, value: str, given: dict[str, str]) -> int:
    """Send what is given as a query by GET, as a form by POST, and return the answer's status; `value` is named where
    that fails.
    """
    form = "&".join(f"{encoded(name)}={encoded(one)}" for name, one in given.items()).encode()
    if method == "GET":
        answer = client.get(url, QUERY_STRING=form.decode("latin-1"))  # as WSGI gives it
    else:
        answer = client.post(url, form, content_type=FORM)
    assert answer.status_code < 500, (method, value)
    return int(answer.status_code)


def send_apart(client: Client, url: str, given: dict[str, str]) -> None:
    """Send what is given by GET in queries so small that none of it keeps the page from looking at the rest.

    Where the whole page came and every name was read, none did; otherwise each half is sent by itself.
    """
    if not given:
        return
    with noting_queries() as read:
        status = send(client, "GET", url, ", ".join(f"{name}={value[:40]!a}" for name, value in given.items()), given)
    if len(given) > 1 and (status != 200 or not given.keys() <= read):
        names = sorted(given)
        for some in (names[::2], names[1::2]):
            send_apart(client, url, {name: given[name] for name in some})


@each_endpoint
def test_no_value_ends_in_an_internal_error(here: Place, endpoint: Endpoint) -> None:
    """Every value under all names at once, by each method; and every name that the page reads with a value of its own,
    so that no other's stops the page before.

    A page that reads nothing, or a form of which nothing is read, gets all values in one request.
    """
    client, url, at = client_of(Role.ADMINISTRATOR), endpoint.url(here.given), ENDPOINTS.index(endpoint)
    takes = methods(endpoint, url)
    read = {method: (names_read if method == "GET" else names_taken)(client, url) for method in sorted(takes)}
    for method, names in read.items():
        for value in VALUES if names else ():
            send(client, method, url, value, dict.fromkeys({*names, *NAMES}, VALUES[value]))
        if not names:
            send(client, method, url, "mixed", mixed(at, NAMES))
    send_apart(client, url, mixed(at, read.get("GET", set())))
    if "POST" in takes:  # as browsers send a form with a file
        assert client.post(url, mixed(at, {*read["POST"], *NAMES})).status_code < 500


@each_endpoint
def test_no_value_ends_in_an_internal_error_where_nothing_is_connected(unconnected: Place, endpoint: Endpoint) -> None:
    """Every other value where connections are set up, at the next URL the rest: each reads the same where something is
    connected, and there all are tried. Elsewhere every name with one of them, at each URL with another.
    """
    client, url, at = client_of(Role.ADMINISTRATOR), endpoint.url(unconnected.given), ENDPOINTS.index(endpoint)
    for method in sorted(methods(endpoint, url)):
        names = (names_read if method == "GET" else names_taken)(client, url)
        send(client, method, url, "mixed", mixed(at, {*names, *NAMES}))
        for value in [*VALUES][at % 2 :: 2] if names and endpoint.name.startswith("connection_setup:") else ():
            send(client, method, url, value, dict.fromkeys({*names, *NAMES}, VALUES[value]))


@each_endpoint
def test_no_value_in_an_address_ends_in_an_internal_error(here: Place, endpoint: Endpoint) -> None:
    """Each value in each part of the address that takes it.

    Of the company one value at each URL: it takes words alone, and that no URL finds another word is tested with roles.
    One also where no page is opened like this, which is said before the address is looked at.
    """
    client, at = client_of(Role.ADMINISTRATOR), ENDPOINTS.index(endpoint)
    looked_at = "GET" in methods(endpoint, endpoint.url(here.given))
    for part in endpoint.parameters:
        some = WORDS if part == "company" else VALUES
        for value in some if looked_at and part != "company" else [[*some][at % len(some)]]:
            with suppress(NoReverseMatch, UnicodeEncodeError):
                url = endpoint.url({**here.given, part: VALUES[value]})
                send(client, "GET", url, value, dict.fromkeys(NAMES, VALUES[value]))


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, None], ids=["administrator", "not signed in"])
def test_an_address_with_a_nul_character_is_not_found_without_a_query(here: Place, role: Role | None) -> None:
    """PostgreSQL fails at being asked for it."""
    client = client_of(role) if role else Client()
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(f"/c/{here.company.slug}/mappings/of/a%00b/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()
    assert not any("integrationtablemapping" in query["sql"] for query in asked)


def test_addresses_that_name_nothing_are_not_found(here: Place) -> None:
    client = client_of(Role.ADMINISTRATOR)
    start = reverse("ui:role-center", kwargs={"company": here.company.slug})
    for path in (
        "nothing/",
        "records/nothing/",
        "mappings/of/²/",
        f"jobs/{'9' * 40}/",
        "jobs/0/",
        "records/customer/x/",
    ):
        assert client.get(start + path).status_code == 404, path
    assert client.get("/help/nothing/").status_code == 404
