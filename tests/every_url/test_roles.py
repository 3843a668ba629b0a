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
from tests.every_url.conftest import Place, client_of, methods, nothing_written
from tests.every_url.urls import COMPANY_ENDPOINTS, ENDPOINTS, OBJECT_ENDPOINTS, PERSONAL, WITHOUT_SIGN_IN, Endpoint

SIGN_IN = "/sign-in/"
ROLES = (*Role, None)

pytestmark = pytest.mark.usefixtures("no_network")


def named(endpoints: list[Endpoint]) -> Any:
    return pytest.mark.parametrize("endpoint", [pytest.param(endpoint, id=endpoint.name) for endpoint in endpoints])


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
    """Whether the role may read the page and not write it: of the mapping card, whose view asks for READ."""
    return endpoint.name == "coupling:mapping" and role in (Role.VIEWER, Role.OPERATOR)


def test_every_endpoint_requires_a_capability_except_the_listed_ones() -> None:
    without = {endpoint.name for endpoint in ENDPOINTS if endpoint.capability is None}
    assert without == WITHOUT_SIGN_IN | PERSONAL
    assert {endpoint.capability for endpoint in ENDPOINTS if endpoint.capability} == set(Can)
    assert len(COMPANY_ENDPOINTS) > 50


def test_endpoint_names_are_unique() -> None:
    names = [endpoint.name for endpoint in ENDPOINTS]
    assert len(names) == len(set(names))


@named(ENDPOINTS)
def test_nobody_comes_in_without_signing_in(here: Place, endpoint: Endpoint) -> None:
    url = endpoint.url(here.given)
    for method in ("get", "post", "put", "delete"):
        answer = getattr(Client(raise_request_exception=False), method)(url)
        if endpoint.name in WITHOUT_SIGN_IN:
            assert answer.status_code in (200, 405)
        else:
            assert answer.status_code == 302, (method, answer.status_code)
            assert answer["Location"].startswith(SIGN_IN)


@named(ENDPOINTS)
def test_each_role_reads_what_it_may_and_reading_writes_nothing(here: Place, endpoint: Endpoint) -> None:
    url = endpoint.url(here.given)
    takes = methods(endpoint, url)
    for role in ROLES:
        with as_role(role) as client:
            with nothing_written():
                answer = client.get(url)
            if not expected(endpoint, role):
                assert answer.status_code == 403 or (answer.status_code == 405 and "GET" not in takes)
            elif "GET" in takes:
                assert answer.status_code in (200, 302, 404), answer.status_code
            else:
                assert answer.status_code == 405


@named(ENDPOINTS)
def test_each_role_does_what_it_may(here: Place, endpoint: Endpoint) -> None:
    url = endpoint.url(here.given)
    takes = methods(endpoint, url)
    for role in ROLES:
        with as_role(role) as client:
            if "POST" not in takes:
                answer = client.post(url)
                assert answer.status_code in ({405} if expected(endpoint, role) else {403, 405})
            elif expected(endpoint, role) and not only_reads(endpoint, role):
                for data in ({}, here.selection):
                    assert client.post(url, data).status_code in (200, 204, 302, 400, 404)
            else:
                with nothing_written():
                    for data in ({}, here.selection):
                        assert client.post(url, data).status_code == 403


@named(COMPANY_ENDPOINTS)
def test_each_role_may_the_same_in_every_company_and_reaches_nothing_across(
    here: Place, there: Place, endpoint: Endpoint
) -> None:
    """Every pair of the address's company and the company of what it names; one's own of both is tried above."""
    takes = sorted(methods(endpoint, endpoint.url(here.given)))
    for role in ROLES:
        allowed = expected(endpoint, role)
        with as_role(role) as client:
            for in_, of in ((there, there), (here, there), (there, here)):
                pair = f"{in_.company} and of {of.company}"
                other = here if in_ is there else there
                url = endpoint.url({**of.given, "company": in_.company.slug})
                across = of is not in_ and endpoint in OBJECT_ENDPOINTS
                with unchanged(other) if allowed else nothing_written():
                    for method in takes:
                        answer = getattr(client, method.lower())(url, of.selection if method == "POST" else {})
                        told = (pair, method, answer.status_code)
                        if not allowed or (not across and method == "POST" and only_reads(endpoint, role)):
                            assert answer.status_code == 403, told
                        elif across:
                            assert answer.status_code == 404, told
                        else:
                            assert answer.status_code in (200, 204, 302, 400, 404), told


@named(OBJECT_ENDPOINTS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_object_of_another_company_is_not_found(here: Place, there: Place, endpoint: Endpoint, method: str) -> None:
    client = client_of(Role.ADMINISTRATOR)
    mixed = {**there.given, "company": here.company.slug}
    with nothing_written():
        answer = getattr(client, method)(endpoint.url(mixed), {"full": "1"})
    assert answer.status_code in (404, 405)
    if answer.status_code == 405:
        assert method.upper() not in methods(endpoint, endpoint.url(here.given))


@named(COMPANY_ENDPOINTS)
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


@named(COMPANY_ENDPOINTS)
def test_a_company_that_is_not_there_is_not_found(here: Place, endpoint: Endpoint) -> None:
    client = client_of(Role.ADMINISTRATOR)
    url = endpoint.url({**here.given, "company": "nowhere"})
    assert {client.get(url).status_code, client.post(url).status_code} <= {404, 405}
