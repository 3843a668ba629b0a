"""Hostile values in addresses, queries and forms: every URL answers with a page or a refusal, never with a 500."""

import re
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.handlers import wsgi
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from core.roles import Role
from tests.every_url.conftest import Place, client_of, methods, place
from tests.every_url.urls import ENDPOINTS, Endpoint

pytestmark = pytest.mark.usefixtures("no_network")

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
NAMES = (
    "after", "all_matching", "before", "blocked", "case", "choice", "choose", "client_id", "cloud", "code",
    "column", "compare", "conflicts", "coupled", "create_new", "direction", "enabled", "environment_url",
    "field", "full", "group", "id", "jobs", "key", "line", "list", "list_filters", "mapping", "modified_at", "name",
    "next", "no", "open", "outcome", "p", "page", "pk", "priority", "q", "reason", "run", "selected", "selection",
    "settings", "sort", "state", "synchronize", "tab", "table", "tenant_id", "theme", "to", "type", "use",
    "username", "way",
)  # fmt: skip
"""Parameters that pages and forms read; what a page reads beside them is found by `names_read`."""

ALL_AT_ONCE = [
    (name, urlencode(dict.fromkeys(NAMES, value)), encode_multipart(BOUNDARY, dict.fromkeys(NAMES, value)))
    for name, value in VALUES.items()
]
"""Each value under all names, as a query and as a form, written once for all URLs."""

WORDS = [one for one in ALL_AT_ONCE if re.fullmatch(r"[-\w]+", VALUES[one[0]], re.ASCII)]

HOSTILE_ENDPOINTS = [endpoint for endpoint in ENDPOINTS if endpoint.name != "ui:sign-out"]
each_endpoint = pytest.mark.parametrize("endpoint", [pytest.param(one, id=one.name) for one in HOSTILE_ENDPOINTS])


def mixed(shift: int) -> tuple[str, str, bytes]:
    """Every name with one of the values, as a query and as a form."""
    values = [*VALUES.values()]
    given = {name: values[(position + shift) % len(values)] for position, name in enumerate(NAMES)}
    return f"mixed, {shift}", urlencode(given), encode_multipart(BOUNDARY, given)


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


def names_read(client: Client, url: str) -> list[str]:
    """Return the names that a page reads of an empty query. Alone, each other one changes nothing."""
    read: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Noting, "read", read, raising=False)
        patch.setattr(wsgi, "QueryDict", _NotingQuery)
        assert client.get(url).status_code < 500
    return sorted(read | set(NAMES) - {_Noting.EVERYTHING} if _Noting.EVERYTHING in read else read)


def test_the_names_a_page_reads_are_found(here: Place) -> None:
    jobs = reverse("jobs:list", kwargs={"company": here.company.slug})
    assert {"q", "page", "after", "sort", "type", "state", "choose"} <= set(names_read(client_of(Role.VIEWER), jobs))


@pytest.fixture(scope="module")
def _unconnected(places: Any, django_db_blocker: Any) -> Place:
    with django_db_blocker.unblock():
        return place("Fabrikam", "F", connected=False)


@pytest.fixture
def unconnected(_unconnected: Place, db: None) -> Place:
    return _unconnected


def send(client: Client, url: str, takes: set[str], value: str, query: str, form: bytes) -> None:
    """Send the query by GET and the form by POST, as far as the URL takes them."""
    for method in sorted(takes):
        if method == "GET":
            answer = client.get(url, QUERY_STRING=query)
        else:
            answer = client.generic(method, url, form, MULTIPART_CONTENT)
        assert answer.status_code < 500, (method, value)


@each_endpoint
def test_no_value_ends_in_an_internal_error(here: Place, endpoint: Endpoint) -> None:
    """Every value under all names at once, by each method; and every name alone that the page reads."""
    client, url = client_of(Role.ADMINISTRATOR), endpoint.url(here.given)
    takes = methods(endpoint, url)
    for value, query, form in ALL_AT_ONCE:
        send(client, url, takes, value, query, form)
    if "GET" in takes:
        for position, name in enumerate(names_read(client, url)):
            value = list(VALUES.values())[position % len(VALUES)]
            assert client.get(url, {name: value}).status_code < 500, (name, value)


@each_endpoint
def test_no_value_ends_in_an_internal_error_where_nothing_is_connected(unconnected: Place, endpoint: Endpoint) -> None:
    """Every value where connections are set up; elsewhere every name with one of them, at each URL with another."""
    client, url = client_of(Role.ADMINISTRATOR), endpoint.url(unconnected.given)
    takes, at = methods(endpoint, url), ENDPOINTS.index(endpoint)
    for value, query, form in ALL_AT_ONCE if endpoint.name.startswith("connection_setup:") else [mixed(at)]:
        send(client, url, takes, value, query, form)


@each_endpoint
def test_no_value_in_an_address_ends_in_an_internal_error(here: Place, endpoint: Endpoint) -> None:
    """Each value in each part of the address that takes it.

    Of the company one value at each URL: it takes words alone, and that no URL finds another word is tested with roles.
    """
    client, at = client_of(Role.ADMINISTRATOR), ENDPOINTS.index(endpoint)
    for part in endpoint.parameters:
        for value, query, _ in [WORDS[at % len(WORDS)]] if part == "company" else ALL_AT_ONCE:
            with suppress(NoReverseMatch, UnicodeEncodeError):
                url = endpoint.url({**here.given, part: VALUES[value]})
                assert client.get(url, QUERY_STRING=query).status_code < 500, (part, value)


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
