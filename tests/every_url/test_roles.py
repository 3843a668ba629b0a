"""Who may open which endpoint: every address of the application, every role, one's own company and another."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from connection_setup.models import DataverseConnection
from core.roles import CAPABILITIES, Can, Role
from jobs.models import Job
from masterdata.models import Customer
from tests.conftest import delete_key_file
from tests.every_url.conftest import Browser, Place, client_of, methods, nothing_written
from tests.every_url.urls import (
    COMPANY_ENDPOINTS,
    ENDPOINTS,
    FOR_DATAVERSE,
    OBJECT_ENDPOINTS,
    PERSONAL,
    WITHOUT_SIGN_IN,
    Endpoint,
)
from tests.every_url.walk import for_each

SIGN_IN = "/sign-in/"
ROLES = (*Role, None)

pytestmark = pytest.mark.usefixtures("no_network", "refusals_are_not_logged")


@contextmanager
def as_role(role: Role | None) -> Iterator[Client]:
    """Give a browser of somebody with that role; what is done with it is undone, and a failure names the role."""
    before = transaction.savepoint()
    try:
        yield client_of(role)
    except Exception as error:
        error.add_note(f"as {role or 'nobody'}")
        raise
    finally:
        transaction.savepoint_rollback(before)
        delete_key_file()


def expected(endpoint: Endpoint, role: Role | None) -> bool:
    return endpoint.capability is None or (role is not None and endpoint.capability in CAPABILITIES[role])


def only_reads(endpoint: Endpoint, role: Role | None) -> bool:
    """Whether the role may read the page and not write it: of a mapping and of a field, whose views ask for READ."""
    return endpoint.name in ("coupling:mapping", "coupling:field") and role in (Role.VIEWER, Role.OPERATOR)


def test_every_endpoint_requires_a_capability_except_the_listed_ones() -> None:
    without = {endpoint.name for endpoint in ENDPOINTS if endpoint.capability is None}
    assert without == WITHOUT_SIGN_IN | PERSONAL
    assert {endpoint.capability for endpoint in ENDPOINTS if endpoint.capability} == set(Can)
    assert len(COMPANY_ENDPOINTS) > 50


def test_endpoint_names_are_unique() -> None:
    names = [endpoint.name for endpoint in ENDPOINTS]
    assert len(names) == len(set(names))


@for_each(ENDPOINTS)
def test_nobody_comes_in_without_signing_in(here: Place, endpoint: Endpoint) -> None:
    url, client = endpoint.url(here.given), Browser(raise_request_exception=False)
    for method, headers in (("get", {}), ("get", {"HX-Request": "true"}), ("post", {}), ("put", {}), ("delete", {})):
        answer = getattr(client, method)(url, headers=headers)
        if endpoint.name in WITHOUT_SIGN_IN:
            assert answer.status_code in ((404, 405) if endpoint.name in FOR_DATAVERSE else (200, 405))
        else:
            assert answer.status_code == 302, (method, answer.status_code)
            assert answer["Location"].startswith(SIGN_IN)


def by_turns(endpoint: Endpoint, here: Place, there: Place) -> Iterator[tuple[Role | None, Place, Place]]:
    """Yield each role with the company in which it reads and the other, in which it writes: what is allowed in the one
    is allowed in the other, whichever company an address names.
    """
    for turn, role in enumerate(ROLES, ENDPOINTS.index(endpoint)):
        yield (role, here, there) if turn % 2 else (role, there, here)


def first_by_turns(endpoint: Endpoint) -> Role | None:
    """Return the role that tries what no role may: a method the address does not take is refused before roles count."""
    return ROLES[ENDPOINTS.index(endpoint) % len(ROLES)]


@for_each(ENDPOINTS)
def test_each_role_reads_what_it_may_and_reading_writes_nothing(here: Place, there: Place, endpoint: Endpoint) -> None:
    """That an administrator reads everything is tested with requests."""
    takes = methods(endpoint, endpoint.url(here.given))
    for role, place, _ in by_turns(endpoint, here, there):
        if role is Role.ADMINISTRATOR or ("GET" not in takes and role is not first_by_turns(endpoint)):
            continue
        headers = {"HX-Request": "true"} if role is None and place is there else {}
        with as_role(role) as client, nothing_written():
            answer = client.get(endpoint.url(place.given), headers=headers)
        told = (role, answer.status_code)
        if not expected(endpoint, role):
            assert answer.status_code == 403 or (answer.status_code == 405 and "GET" not in takes), told
        elif "GET" in takes:
            assert answer.status_code in (200, 302, 404), told
        else:
            assert answer.status_code == 405, told


@for_each(ENDPOINTS)
def test_each_role_does_what_it_may_and_nothing_in_another_company(
    here: Place, there: Place, endpoint: Endpoint
) -> None:
    takes = methods(endpoint, endpoint.url(here.given))
    for role, other, place in by_turns(endpoint, here, there):
        url = endpoint.url(place.given)
        if "POST" not in takes:
            if role is first_by_turns(endpoint):
                answer = client_of(role).post(url)
                assert answer.status_code in ({405} if expected(endpoint, role) else {403, 405}), role
            continue
        with as_role(role) as client:
            if expected(endpoint, role) and not only_reads(endpoint, role):
                with unchanged(other):
                    for data in ({}, place.selection):
                        assert client.post(url, data).status_code in (200, 204, 302, 400, 404)
            else:
                with nothing_written():
                    assert client.post(url, place.selection).status_code == 403


@for_each(OBJECT_ENDPOINTS)
def test_no_role_reaches_an_object_of_another_company(here: Place, there: Place, endpoint: Endpoint) -> None:
    """An address of the one company that names an object of the other: nothing is there, and nothing is written."""
    takes = sorted(methods(endpoint, endpoint.url(here.given)))
    for role in ROLES:
        client, allowed = client_of(role), expected(endpoint, role)
        for in_, of in ((here, there), (there, here)) if allowed else ((here, there),):
            url = endpoint.url({**of.given, "company": in_.company.slug})
            with nothing_written():
                for method in takes:
                    answer = getattr(client, method.lower())(url, of.selection if method == "POST" else {})
                    told = (in_.company, method, answer.status_code)
                    assert answer.status_code == (404 if allowed else 403), told


@for_each(COMPANY_ENDPOINTS)
def test_what_a_form_names_of_another_company_is_left_alone(here: Place, there: Place, endpoint: Endpoint) -> None:
    client = client_of(Role.ADMINISTRATOR)
    with unchanged(there):
        assert client.post(endpoint.url(here.given), there.selection).status_code in (200, 302, 400, 404, 405)
    for job in Job.objects.filter(company=here.company):
        assert not job.records.filter(
            local_id__in=[one.system_id for one in Customer.objects.filter(company=there.company)]
        )


@contextmanager
def unchanged(place: Place) -> Iterator[None]:
    """Assert that no row of the company changes."""
    before = _state_of(place)
    yield
    assert _state_of(place) == before, place.company


def _state_of(place: Place) -> Any:
    found = []
    with connection.cursor() as cursor:
        for sql, parameters in _rows_of(place):
            cursor.execute(sql, parameters)
            found.append(cursor.fetchall())
    return found


@cache
def _rows_of(place: Place) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the queries for all rows of the company, written once: they are asked thousands of times."""
    company = place.company
    return [
        rows.order_by("pk").values().query.sql_with_params()
        for rows in (
            Customer.objects.filter(company=company), company.couplings.all(), company.jobs.all(),
            company.mappings.all(), place.mapping.fields.all(), DataverseConnection.objects.filter(company=company),
        )
    ]  # fmt: skip


@for_each(COMPANY_ENDPOINTS)
def test_a_company_that_is_not_there_is_not_found(here: Place, endpoint: Endpoint) -> None:
    client = client_of(Role.ADMINISTRATOR)
    url = endpoint.url({**here.given, "company": "nowhere"})
    for method in methods(endpoint, endpoint.url(here.given)):
        assert getattr(client, method.lower())(url).status_code == 404, method
