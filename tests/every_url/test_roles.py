"""Who may open which door: every address of the application, every role, one's own company and another."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connection_setup.models import DataverseConnection
from core.roles import CAPABILITIES, Can, Role
from dataverse import transport
from dataverse.client import DataverseClient
from jobs.models import Job
from masterdata.models import Customer
from tests.every_url.conftest import Place, client_of
from tests.every_url.urls import DOORS, IN_COMPANY, OF_OBJECTS, OPEN, OWN, Door

SIGN_IN = "/sign-in/"
each_role = pytest.mark.parametrize("role", [*Role, None], ids=lambda role: str(role or "nobody"))


@pytest.fixture(autouse=True)
def nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Doors are tried without an environment behind them: whatever would be sent meets a dead line at once."""

    def dead(*_: Any, **__: Any) -> None:
        raise transport.requests.ConnectionError("There is no line in this test.")

    monkeypatch.setattr(transport.requests.Session, "send", dead)
    # Nor does anybody wait for it to come back.
    monkeypatch.setitem(DataverseClient.__init__.__kwdefaults__, "sleep", lambda _: None)


def named(doors: list[Door]) -> Any:
    return pytest.mark.parametrize("door", [pytest.param(door, id=door.name) for door in doors])


@cache
def methods(door: Door, url: str) -> set[str]:
    """The methods a door takes: what it says when asked with one that it does not. Each address is asked once."""
    answer = client_of(Role.ADMINISTRATOR).put(url)
    assert answer.status_code == 405, f"{door.name} takes PUT: {answer.status_code}"
    return {one.strip() for one in answer["Allow"].split(",")} - {"HEAD", "OPTIONS"}


@contextmanager
def nothing_written() -> Iterator[None]:
    """No row of any table but the session changes."""
    with CaptureQueriesContext(connection) as asked:
        yield
    writes = [one["sql"] for one in asked.captured_queries if one["sql"].split()[0] in {"INSERT", "UPDATE", "DELETE"}]
    writes = [sql for sql in writes if '"django_session"' not in sql]
    assert not writes, writes


def expected(door: Door, role: Role | None) -> bool:
    return door.needs is None or (role is not None and door.needs in CAPABILITIES[role])


def test_every_door_asks_for_a_capability_or_is_one_of_the_few_that_do_not() -> None:
    without = {door.name for door in DOORS if door.needs is None}
    assert without == OPEN | OWN
    assert {door.needs for door in DOORS if door.needs} == set(Can)
    assert len(IN_COMPANY) > 50


def test_every_door_has_a_name_of_its_own() -> None:
    names = [door.name for door in DOORS]
    assert len(names) == len(set(names))


@named(DOORS)
def test_nobody_comes_in_without_signing_in(here: Place, door: Door) -> None:
    url = door.url(here.given)
    for method in ("get", "post", "put", "delete"):
        answer = getattr(Client(raise_request_exception=False), method)(url)
        if door.name in OPEN:
            assert answer.status_code in (200, 405)
        else:
            assert answer.status_code == 302, (method, answer.status_code)
            assert answer["Location"].startswith(SIGN_IN)


@named(DOORS)
@each_role
def test_a_role_reads_what_it_may_and_reading_writes_nothing(here: Place, door: Door, role: Role | None) -> None:
    url = door.url(here.given)
    takes = methods(door, url)
    client = client_of(role)
    with nothing_written():
        answer = client.get(url)
    if not expected(door, role):
        assert answer.status_code == 403 or (answer.status_code == 405 and "GET" not in takes)
    elif "GET" in takes:
        assert answer.status_code in (200, 302, 404), answer.status_code
    else:
        assert answer.status_code == 405


@named(DOORS)
@each_role
def test_a_role_does_what_it_may(here: Place, door: Door, role: Role | None) -> None:
    url = door.url(here.given)
    takes = methods(door, url)
    client = client_of(role)
    if "POST" not in takes:
        answer = client.post(url)
        assert answer.status_code in ({405} if expected(door, role) else {403, 405})
    elif expected(door, role) and not (door.name == "coupling:mapping" and role in (Role.VIEWER, Role.OPERATOR)):
        for data in ({}, here.selection):
            assert client.post(url, data).status_code in (200, 204, 302, 400, 404)
    else:
        with nothing_written():
            for data in ({}, here.selection):
                assert client.post(url, data).status_code == 403


@named(IN_COMPANY)
@each_role
def test_a_role_may_the_same_in_every_company_and_reaches_nothing_across(
    here: Place, there: Place, door: Door, role: Role | None
) -> None:
    """Every pair of the address's company and the company of what it names; one's own of both is tried above."""
    for in_, of in ((there, there), (here, there), (there, here)):
        pair = f"{in_.company} and of {of.company}"
        client, other = client_of(role), here if in_ is there else there
        url = door.url({**of.given, "company": in_.company.slug})
        takes, allowed = methods(door, url), expected(door, role)
        across = of is not in_ and door in OF_OBJECTS
        before = _state_of(other)
        for method in sorted(takes):
            answer = getattr(client, method.lower())(url, of.selection if method == "POST" else {})
            told = (pair, method, answer.status_code)
            if not allowed:
                assert answer.status_code == 403, told
            elif across:
                assert answer.status_code == 404, told
            else:
                reads = door.name == "coupling:mapping" and method == "POST" and role in (Role.VIEWER, Role.OPERATOR)
                assert answer.status_code in ({403} if reads else {200, 204, 302, 400, 404}), told
        assert _state_of(other) == before, pair


@named(OF_OBJECTS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_object_of_another_company_is_not_found(here: Place, there: Place, door: Door, method: str) -> None:
    client = client_of(Role.ADMINISTRATOR)
    mixed = {**there.given, "company": here.company.slug}
    with nothing_written():
        answer = getattr(client, method)(door.url(mixed), {"full": "1"})
    assert answer.status_code in (404, 405)
    if answer.status_code == 405:
        assert method.upper() not in methods(door, door.url(here.given))


@named(IN_COMPANY)
def test_what_a_form_names_of_another_company_is_left_alone(here: Place, there: Place, door: Door) -> None:
    before = _state_of(there)
    client = client_of(Role.ADMINISTRATOR)
    assert client.post(door.url(here.given), there.selection).status_code in (200, 302, 400, 404, 405)
    assert _state_of(there) == before
    for job in Job.objects.filter(company=here.company):
        assert not job.records.filter(
            local_id__in=[one.system_id for one in Customer.objects.filter(company=there.company)]
        )


def _state_of(place: Place) -> Any:
    found = []
    with connection.cursor() as cursor:
        for sql, parameters in _rows_of(place):
            cursor.execute(sql, parameters)
            found.append(cursor.fetchall())
    return found


@cache
def _rows_of(place: Place) -> list[tuple[str, tuple[Any, ...]]]:
    """The queries for all rows of the company, written once: they are asked thousands of times."""
    company = place.company
    return [
        rows.order_by("pk").values().query.sql_with_params()
        for rows in (
            Customer.objects.filter(company=company), company.couplings.all(), company.jobs.all(),
            company.mappings.all(), place.mapping.fields.all(), DataverseConnection.objects.filter(company=company),
        )
    ]  # fmt: skip


@named(IN_COMPANY)
def test_a_company_that_is_not_there_is_not_found(here: Place, door: Door) -> None:
    client = client_of(Role.ADMINISTRATOR)
    url = door.url({**here.given, "company": "nowhere"})
    assert {client.get(url).status_code, client.post(url).status_code} <= {404, 405}


# What a person's browser never sends, and somebody else's program does.
HOSTILE = ("", "x", "0", "-1", "²", "9" * 30, "a\x00b", "%00", "'\"<script>", "{}", "none", "é" * 5000)
NAMES = [
    "q", "page", "after", "before", "sort", "coupled", "blocked", "type", "mapping", "state", "outcome", "reason",
    "key", "id", "selected", "selection", "all_matching", "list_filters", "choice", "direction", "full",
    "next", "table", "field", "line", "settings", "choose", "name", "list", "column", "tab", "theme", "way",
    "enabled", "environment_url", "to", "run", "jobs", "pk",
]  # fmt: skip


EVERYTHING = [
    (value, urlencode(dict.fromkeys(NAMES, value)), encode_multipart(BOUNDARY, dict.fromkeys(NAMES, value)))
    for value in HOSTILE
]
"""A value under all names at once, as an address and as a form are written; written once for all doors."""


@named(DOORS)
def test_no_value_breaks_a_door(here: Place, door: Door) -> None:
    client = client_of(Role.ADMINISTRATOR)
    url = door.url(here.given)
    if door.name == "ui:sign-out":
        return
    for value, query, form in EVERYTHING:
        assert client.get(url, QUERY_STRING=query).status_code < 500, value
        assert client.generic("POST", url, form, MULTIPART_CONTENT).status_code < 500, value
    for position, name in enumerate(NAMES):
        value = HOSTILE[position % len(HOSTILE)]
        assert client.get(url, {name: value}).status_code < 500, (name, value)


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
